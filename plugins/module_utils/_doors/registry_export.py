# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module registry_export. Private to the collection; may change at any time."""

from __future__ import annotations

import json
import pathlib

from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import transitions
from .._private_file import write_private
from .._registry import hardware_files, network_rules, networks, nodes
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Write all nodes and networks into a JSON file."""
    engine = existing_registry(call)
    records = nodes.list_nodes(engine)
    found = nodes.bmcs(engine, [record["name"] for record in records])
    data = {
        hardware_files.EXPORTED: True,
        "nodes": [nodes.hardware(record, found[record["name"]]["credential"]) for record in records],
        "networks": [_declared(network) for network in networks.list_networks(engine)],
        "states": {record["name"]: {**nodes.state(record), "addresses": record["addresses"]} for record in records},
    }
    if call.params["history"]:
        for name, state in data["states"].items():
            state["history"] = transitions.history(engine, name)
    path = pathlib.Path(call.params["path"])
    text = json.dumps(data, indent=2, sort_keys=True) + "\n"
    changed = not path.exists() or path.read_text(encoding="utf-8") != text
    if changed and not call.check_mode:
        _write(path, text)
    return {"changed": changed, "path": str(path), "nodes": len(records)}


def _declared(network):
    """A network as the module network takes it."""
    return {key: network[key] for key in ("name", "type", "cidr", *network_rules.DETAILS) if network[key] not in (None, [])}


def _write(path, text):
    try:
        # Ciphertext is in it.
        write_private(path, text)
    except OSError as error:
        raise BaremetalError(f"the file {path} cannot be written", stage="export", seen=str(error), cure="see to its directory and the room there") from error


DOOR = Door(
    argument_spec={**REGISTRY, "path": {"type": "path", "required": True}, "history": {"type": "bool", "default": False}},
    run=run,
    names_node=False,
    controller_only=True,
)
