# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module node_info. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import transitions
from .._registry import inspections, nodes
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Read node records."""
    engine = existing_registry(call)
    records = nodes.list_nodes(engine)
    wanted = call.params["names"]
    if wanted is not None:
        known = {record["name"] for record in records}
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise BaremetalError(f"the registry has no node {', '.join(unknown)}", stage="registry",
                                 cure="check the names, or enrol the nodes with enroll.yml")
        records = [record for record in records if record["name"] in wanted]
    if call.params["history"]:
        for record in records:
            record["history"] = transitions.history(engine, record["name"])
    if call.params["inventory"]:
        found = inspections.read(engine, [record["name"] for record in records])
        for record in records:
            looks = found.get(record["name"], {})
            record["inventory"] = inspections.hardware(looks)
            record["inspections"] = {source: {key: look[key] for key in ("at", "previous", "drift")} for source, look in looks.items()}
    return {"changed": False, "nodes": records}


DOOR = Door(
    argument_spec={
        **REGISTRY,
        "names": {"type": "list", "elements": "str"},
        "history": {"type": "bool", "default": False},
        "inventory": {"type": "bool", "default": False},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
