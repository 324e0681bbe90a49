# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module allocation_info. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._registry import allocations
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Read allocations and quotas; nothing is ever changed."""
    names, owner = call.params["names"], call.params["owner"]
    found, quotas = allocations.list_allocations(existing_registry(call))
    return {
        "changed": False,
        "allocations": [one for one in found if (names is None or one["name"] in names) and owner in (None, one["owner"])],
        "quotas": {name: quota for name, quota in quotas.items() if owner in (None, name)},
    }


DOOR = Door(
    argument_spec={**REGISTRY, "names": {"type": "list", "elements": "str"}, "owner": {"type": "str"}},
    run=run,
    names_node=False,
    controller_only=True,
)
