# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module network_info. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._registry import networks
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Read networks and their addresses; nothing is ever changed."""
    found, names = networks.list_networks(existing_registry(call)), call.params["names"]
    if names is not None:
        known = {network["name"]: network for network in found}
        for name in names:
            if name not in known:
                raise networks.unknown(name, known)
        found = [network for network in found if network["name"] in names]
    return {"changed": False, "networks": found}


DOOR = Door(
    argument_spec={**REGISTRY, "names": {"type": "list", "elements": "str"}},
    run=run,
    names_node=False,
    controller_only=True,
)
