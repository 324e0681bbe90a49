# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the netboot_reservations module: the addresses that a boot server gives to machines of nodes."""

from __future__ import annotations

from .._boot import reserving
from .._door import Door
from ._options import REGISTRY


def before(call):
    """Fill in what the registry says; the boot server knows nothing of it."""
    if not call.registry_url or call.params["reservations"] is not None:
        return {}
    from .._registry import nodes  # see _registry_access.py
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    asked = call.params["nodes"]
    found = [{"name": node["name"], "mac": node["boot_mac"], "address": node["address"]}
             for node in (nodes.list_nodes(engine) if engine is not None else [])
             if node["boot_mac"] and node["address"] and (asked is None or node["name"] in asked)]
    # Its URL, which may hold a password, is of no use there.
    return {"reservations": found, "registry": None}


def run(call):
    """Write them; runs on the boot server."""
    changes, left_out = reserving.reserve(call.params["root"], call.params["reservations"] or [], check_mode=call.check_mode)
    for entry, obstacle in left_out:
        call.warn(f"{entry['name']}: no address is reserved for the machine {entry['mac']}. In the way is {obstacle}")
    diff = [{"before_header": entry["name"], "after_header": entry["name"], "before": old or "", "after": new} for entry, old, new in changes]
    return {"changed": bool(changes), "nodes": [entry for entry, dummy, dummy2 in changes], "diff": diff}


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "nodes": {"type": "list", "elements": "str"},
        "reservations": {"type": "list", "elements": "dict", "options": {
            "name": {"type": "str", "required": True}, "mac": {"type": "str", "required": True}, "address": {"type": "str", "required": True}}},
        **REGISTRY,
    },
    run=run,
    before=before,
    names_node=False,
)
