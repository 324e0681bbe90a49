# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of an inspection, for the doors of provision_state and discovered_node. Private to the collection; may change at any time."""

from __future__ import annotations

from .._disk.hints import VOLUME_NAME
from .._disk.properties import local_gb, properties
from .._errors import BaremetalError
from .._lifecycle import inspection_rules
from .._registry import inspections, lookup

# How many changes of the hardware a warning tells.
_DRIFT_TOLD = 8


def seen(call, engine, node):
    """What an inspection found, and what follows from it, as ``transitions.advance`` takes it.

    :param node: the record of the node.
    :raises BaremetalError: when it is no hardware, or by a rule of the site.
    """
    inventory = call.params["inventory"]
    if not {"cpu", "memory", "disks"} <= set(inventory):
        raise BaremetalError("this is not the hardware that an inspection finds", stage="inspection", seen=f"keys: {', '.join(sorted(inventory))}",
                             cure="give what rackwright.baremetal.hardware_info returns as hardware")
    found = inspections.renewed(inspections.read(engine, [node["name"]])[node["name"]], call.params["inspect_interface"], inventory)
    _tell_conflicts(call, engine, node, inventory)
    return concluded(call, found, node)


def concluded(call, found, node):
    """What follows from what inspections found, as ``inspections.keep`` takes it.

    :param found: dict as ``inspections.renewed`` returns it.
    :param node: the record of the node, or what will become it.
    :raises BaremetalError: by a rule of the site.
    """
    follows = properties(inspections.hardware(found))
    # An array of software RAID is none of the disks that an inspection sees.
    if node.get("root_device") and VOLUME_NAME not in node["root_device"]:
        # What the machine itself sees is what the hints are held against when it is deployed.
        look = next(found[source] for source in inspections.SOURCES if source in found)
        try:
            follows["local_gb"] = local_gb(look["hardware"], node["root_device"], (node.get("properties") or {}).get("skip_block_devices", []), node["name"])
        except BaremetalError as error:
            call.warn(f"which disk is the root disk is not known, nor local_gb. {error}")
    ruled = inspection_rules.apply(call.params["inspection_rules"], call.holds, call.evaluate)
    return {"found": found, "properties": {**follows, **ruled.pop("properties")}, "ruled": ruled}


def _tell_conflicts(call, engine, node, inventory):
    """Warn of what the machine shows and another node has: a card or a board that has moved, or a wrong record. Which of them, nobody guesses."""
    others = {name: told for name, told in lookup.owners(engine, inventory).items() if name != node["name"]}
    if others:
        told = "; ".join(f"{name} has {', '.join(what)}" for name, what in others.items())
        call.warn(f"the machine shows what belongs to other nodes: {told}. Nothing was changed for it; "
                  "correct the hardware file, of this node or of the others")


def told(call, result, inspected, before, source):
    """Add to a result what the inspection has changed: rules that held, drift, and both in the diff.

    :param inspected: what ``seen`` or ``concluded`` returned.
    :param before: the record of the node as it was.
    :param source: one of ``inspections.SOURCES``, where it was seen.
    :returns: the result.
    """
    after, diff = result["node"], result["diff"]
    for key in ("properties", "traits", "resource_class", "description"):
        if key == "properties" or before[key] != after[key]:
            diff["before"][key], diff["after"][key] = before[key], after[key]
    result["rules"] = inspected["ruled"]["rules"]
    result["drift"] = _drift(call, source, inspected["found"][source], diff)
    return result


def _drift(call, source, look, diff):
    """What has changed since the inspection before; it goes into the diff and a warning as well."""
    if look["drift"]:
        diff["before"]["hardware"] = {change["field"]: change["before"] for change in look["drift"]}
        diff["after"]["hardware"] = {change["field"]: change["after"] for change in look["drift"]}
        changes = [f"{change['field']}: {_shown(change['before'])} -> {_shown(change['after'])}" for change in look["drift"][:_DRIFT_TOLD]]
        rest = len(look["drift"]) - len(changes)
        call.warn(f"the hardware is not what it was at the inspection of {look['previous']} ({source}). "
                  + "; ".join(changes) + (f"; and {rest} more, which node_info tells" if rest else ""))
    return look["drift"]


def _shown(value):
    return "nothing" if value in (None, []) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
