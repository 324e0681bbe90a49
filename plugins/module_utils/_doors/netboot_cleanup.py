# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the netboot_cleanup module: what a boot server still has of nodes that were removed from the registry."""

from __future__ import annotations

from .._boot import node_files, reservations
from .._door import Door
from ._options import REGISTRY


def before(call):
    """Fill in what the registry says; the boot server knows nothing of it."""
    if not call.registry_url or call.params["nodes"] is not None:
        return {}
    from .._registry import removed  # see _registry_access.py
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    names, macs = removed.read(engine) if engine is not None else ([], [])
    # Its URL, which may hold a password, is of no use there.
    return {"nodes": names, "macs": macs, "registry": None}


def run(call):
    """Remove it; runs on the boot server."""
    root, removed = call.params["root"], set(call.params["nodes"] or [])
    enrolled = {node_files.hyphens(mac) for mac in call.params["macs"]}
    gone = [(mac, name) for mac, name in reservations.owners(root).items() if name in removed and mac not in enrolled]
    diff = []
    for mac, name in gone:
        dummy, old, new = node_files.absent(root, mac=mac, reservation=False, check_mode=call.check_mode)
        diff.append({"before_header": name, "after_header": name, "before": old, "after": new})
    return {"changed": bool(gone), "nodes": [{"name": name, "mac": mac.replace("-", ":")} for mac, name in gone], "diff": diff}


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "nodes": {"type": "list", "elements": "str"},
        "macs": {"type": "list", "elements": "str", "default": []},
        **REGISTRY,
    },
    run=run,
    before=before,
    names_node=False,
)
