# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module allocation. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._registry import allocations
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Allocate nodes, or release them."""
    params, engine = call.params, existing_registry(call)
    if params["state"] == "absent":
        before, after = allocations.release(engine, params["name"], check_mode=call.check_mode), None
    else:
        before, after = allocations.allocate(
            engine, params["name"], owner=params["owner"], resource_class=params["resource_class"], traits=params["traits"],
            candidate_nodes=params["candidate_nodes"], count=params["count"] if params["count"] is not None else 1, backfill=params["backfill"],
            check_mode=call.check_mode)
    return {"changed": before != after, "allocation": after, "nodes": after["nodes"] if after else [],
            "diff": {"before": _shown(before), "after": _shown(after)}}


def _shown(allocation):
    return {key: value for key, value in (allocation or {}).items() if key != "created_at"}


DOOR = Door(
    argument_spec={
        **REGISTRY,
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "owner": {"type": "str"},
        "resource_class": {"type": "str"},
        "traits": {"type": "list", "elements": "str"},
        "candidate_nodes": {"type": "list", "elements": "str"},
        "count": {"type": "int"},
        "backfill": {"type": "list", "elements": "str"},
    },
    run=run,
    names_node=False,
    controller_only=True,
    constraints={
        "required_if": [("state", "present", ("resource_class", "backfill"), True)],
        "mutually_exclusive": [("backfill", "count"), ("backfill", "candidate_nodes")],
    },
)
