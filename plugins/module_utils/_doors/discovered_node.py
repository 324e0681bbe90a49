# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the discovered_node module: whose machine it is that has called in, and a record for one that is nobody's."""

from __future__ import annotations

import re

from .._door import Door
from .._errors import BaremetalError
from .._identity import says_something
from .._lifecycle import locks
from .._registry import inspections, lookup, nodes, schema
from .._registry.store import open_registry
from . import _inspection
from ._options import REGISTRY
from ._registry_access import declaration
from .node import enrol, hide_passwords

STAGE = "discovery"
# The machine itself is looked at.
SOURCE = "in-band"


def run(call):
    """Look the machine up, and enrol it when nobody knows it."""
    hide_passwords(call, [call.params["node"]])
    _check(call)
    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    # Without a registry nobody knows it.
    verdict = lookup.identify(engine, call.params["hardware"]) if engine else {"node": None, "owners": {}}
    if verdict["node"]:
        return _known(call, engine, verdict)
    if verdict["owners"]:
        raise _conflict(call, verdict)
    return _enrol(call)


def _check(call):
    """Refuse what is no hardware, or not that of the machine that called in, at this boot."""
    hardware, mac = call.params["hardware"], call.params["mac"]
    lacking = {"system", "cpu", "memory", "disks", "interfaces"} - set(hardware)
    if lacking:
        raise BaremetalError("this is not the hardware of a machine", stage=STAGE, seen=f"it lacks {', '.join(sorted(lacking))}",
                             cure="give what rackwright.baremetal.hardware_info returns as hardware")
    if hardware.get("nonce") != call.params["nonce"] or mac.lower().replace("-", ":") not in lookup.macs_of(hardware):
        raise BaremetalError(
            "this is not the machine, or not the boot, that called in; nothing was written", stage=STAGE,
            seen=f"nonce {hardware.get('nonce') or 'none'}, MAC addresses {', '.join(sorted(lookup.macs_of(hardware))) or 'none'}; {mac} called with "
                 f"{call.params['nonce']}",
            cure="see which machine has its address; run the same command again when it has booted anew")


def _shown(hardware):
    """A machine, for a message."""
    system = hardware["system"]
    return ", ".join(f"{what} {system[key]}" for key, what in (("product", "product"), ("serial", "serial number"), ("uuid", "system UUID")) if system.get(key))


def _conflict(call, verdict):
    has = "; ".join(f"{name} has its {', '.join(what)}" for name, what in verdict["owners"].items())
    against = f", and yet the machine has {'; '.join(verdict['against'])}" if verdict["against"] else ""
    names = " and ".join(verdict["owners"])
    return BaremetalError(
        f"the machine shows what belongs to {names}, and which node it is, or whether it is a new one, nobody can tell; nothing was written",
        stage=STAGE, seen=f"{has}{against} (machine: {call.params['mac']}, {_shown(call.params['hardware']) or 'no identity'})",
        cure=f"find out what was moved between machines or written down wrong; correct the record of {names} in the hardware file and enrol it, or "
             "remove a node whose machine is gone; then run the same command again")


def _known(call, engine, verdict):
    name, hardware = verdict["node"], call.params["hardware"]
    before = nodes.get(engine, name)
    in_use = bool(before["instance"] or before["lock"])
    result = {"changed": False, "verdict": "known", "name": name, "in_use": in_use, "node": before, "diff": {"before": {}, "after": {}},
              "told": f"it is node {name} ({before['provision_state']}), by its {', '.join(verdict['owners'][name])}"}
    if not call.params["update"]:
        return result
    if in_use:
        call.warn(f"{name} is in use, so what was seen of it is not kept; inspect it when it is manageable")
        return result
    found = inspections.renewed(inspections.read(engine, [name])[name], SOURCE, hardware)
    inspected = _inspection.concluded(call, found, before)
    with declaration(call) as connection:
        # A verb may have begun since, and a flag may be set at this moment; it holds the row while it takes the lock.
        node = nodes.read(connection, name, for_update=True)
        if node is None:
            raise nodes.unknown(name)
        locks.refuse_others(connection, name, call.controller)
        if node["instance"]:
            raise BaremetalError("it was deployed while it was looked at, so what was seen of it is not kept", node=name, stage=STAGE,
                                 cure="inspect it when it is manageable")
        inspections.keep(connection, name, **inspected)
        result.update(changed=True, node=nodes.read(connection, name))
    return _inspection.told(call, result, inspected, before, SOURCE)


def _enrol(call):
    record = described(call.params["hardware"], call.params["mac"], call.params["node"])
    if not record.get("bmc"):
        call.warn(f"{record['name']}: the machine tells of no BMC, so no BMC is in its record")
    found = inspections.renewed({}, SOURCE, call.params["hardware"])
    inspected = _inspection.concluded(call, found, schema.normalise(record))
    kept = {}

    def refuse_known(connection):
        if nodes.read(connection, record["name"]):
            raise BaremetalError(
                f"{record['name']} is the name of a node already, and the machine shows nothing of that node; nothing was written", stage=STAGE,
                seen=f"machine {call.params['mac']}, {_shown(call.params['hardware']) or 'no identity'}",
                cure="give the machine another name (discover_name), or complete the record of that node if it is the machine")

    def keep(connection):
        inspections.keep(connection, record["name"], **inspected)
        kept.update(nodes.read(connection, record["name"]))

    written, = enrol(call, [record], first=refuse_known, then=keep)
    after = {key: kept.get(key, value) for key, value in written["after"].items()}
    return {"changed": True, "verdict": "enrolled", "name": record["name"], "in_use": False, "node": kept, "rules": inspected["ruled"]["rules"],
            "told": f"nobody knew it, and it is enrolled as {record['name']}",
            "diff": {"before_header": record["name"], "after_header": record["name"], "before": {},
                     "after": {key: value for key, value in after.items() if value not in (None, [], {}, False)}}}


def described(hardware, mac, given):
    """A machine as a hardware file describes it.

    :param hardware: what was seen of it (docs/hardware.schema.json).
    :param mac: MAC address of the card that it booted from.
    :param given: dict of what is known beforehand; it counts, and of ``bmc`` each key for itself.
    :returns: dict as ``schema.normalise`` takes it. A name that is not given is the serial number, or the MAC address where that says nothing.
    """
    system, seen, given = hardware["system"], hardware.get("bmc") or {}, _without_none(given)
    bmc = {"address": seen.get("address") or seen.get("v6address")}
    # What is none is refused with the rest of the record.
    if isinstance(given.get("bmc", {}), dict):
        bmc.update(_without_none(given.pop("bmc", {})))
    identity = {key: system.get(name) for key, name in (("system_uuid", "uuid"), ("serial", "serial")) if says_something(system.get(name))}
    return {
        "name": _name(identity.get("serial"), mac),
        # What there is behind the address is found out when the node is managed.
        "driver": "auto" if bmc["address"] else "manual",
        "ports": [{"address": mac}],
        **identity,
        "boot_mode": (hardware.get("boot") or {}).get("current_boot_mode"),
        **({"bmc": bmc} if bmc["address"] else {}),
        **given,
    }


def _without_none(given):
    return {key: value for key, value in given.items() if value is not None}


def _name(serial, mac):
    """A name that can be a host name (RFC 1123)."""
    return re.sub(r"[^a-z0-9.-]+", "-", (serial or "").lower()).strip("-.") or f"mac-{mac.lower().replace(':', '').replace('-', '')}"


DOOR = Door(
    argument_spec={
        **REGISTRY,
        "hardware": {"type": "dict", "required": True},
        "mac": {"type": "str", "required": True},
        "nonce": {"type": "str", "required": True},
        "node": {"type": "dict", "default": {}},
        "inspection_rules": {"type": "list", "elements": "dict", "default": []},
        "provisioning_network": {"type": "str"},
        "update": {"type": "bool", "default": False},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
