# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module allocation_quota. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._registry import allocations
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Set the quota of an owner, or lift it."""
    owner = call.params["owner"]
    limit = call.params["nodes"] if call.params["state"] == "present" else None
    before = allocations.set_quota(existing_registry(call), owner, limit, check_mode=call.check_mode)
    return {"changed": before != limit, "nodes": limit,
            "diff": {"before": {"owner": owner, "nodes": before}, "after": {"owner": owner, "nodes": limit}}}


DOOR = Door(
    argument_spec={
        **REGISTRY,
        "owner": {"type": "str", "required": True},
        "nodes": {"type": "int"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    run=run,
    names_node=False,
    controller_only=True,
    constraints={"required_if": [("state", "present", ("nodes",))]},
)
