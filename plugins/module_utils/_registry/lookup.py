# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose machine is this? What a machine shows, looked for among all nodes; who has what is told, and nothing is guessed.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import ipaddress
import uuid

from . import nodes
from .._identity import says_something
from .duplicates import OWN_PORTS, canonical, parts_of, split
from .store import among
from .tables import NODES, PORTS

try:
    from sqlalchemy import select
except ImportError:
    select = None


def identify(engine, hardware):
    """The node that a machine is, by everything that it shows.

    :param hardware: what an inspection found (docs/hardware.schema.json).
    :returns: dict with ``node``, the name of the node that the machine is beyond doubt, or None; ``owners`` as :func:`owners` returns it; and
        ``against``, a list of what speaks against the only owner, in which both say something and not the same. A machine that nobody knows
        has no owners.
    """
    found = owners(engine, hardware)
    against = _against(nodes.get(engine, next(iter(found))), hardware) if len(found) == 1 else []
    return {"node": next(iter(found)) if len(found) == 1 and not against else None, "owners": found, "against": against}


def _against(record, hardware):
    """What a machine shows and the record of a node says otherwise."""
    system, bmc = hardware.get("system") or {}, hardware.get("bmc") or {}
    found = []
    if says_something(system.get("uuid")) and says_something(record["system_uuid"]) and record["system_uuid"] not in _byte_orders(system["uuid"]):
        found.append(f"system UUID {system['uuid']} and not {record['system_uuid']}")
    if says_something(system.get("serial")) and says_something(record["serial"]) and system["serial"].lower() != record["serial"].lower():
        found.append(f"serial number {system['serial']} and not {record['serial']}")
    macs, known = macs_of(hardware), {port["address"] for port in record["ports"]}
    if macs and known and not macs & known:
        found.append(f"MAC addresses {', '.join(sorted(macs))} and not {', '.join(sorted(known))}")
    wanted = _bmc_address(record)
    shown = bmc.get("address" if wanted and wanted.version == 4 else "v6address")
    if wanted and shown and str(wanted) != canonical(shown):
        found.append(f"BMC address {shown} and not {wanted}")
    return found


def _bmc_address(record):
    """Address of a node's own BMC; None where it has none, or it is reached by a name, through a port that is another's, or over a bridge."""
    bmc = record["bmc"] or {}
    parts = split(bmc.get("address") or "")
    if bmc.get("bridge_address") is not None or (bmc.get("port") or parts.port) not in (None, *OWN_PORTS):
        return None
    try:
        return ipaddress.ip_address(canonical(parts.hostname or ""))
    except ValueError:
        return None


def macs_of(hardware):
    """The MAC addresses of a machine, lower case, those that its cards were made with among them."""
    return {nic[key].lower() for nic in hardware.get("interfaces", []) for key in ("mac_address", "permanent_mac") if nic.get(key)}


def owners(engine, hardware):
    """The nodes to which something belongs that a machine shows. What stands in a field that nobody filled in belongs to nobody.

    :param hardware: what an inspection found (docs/hardware.schema.json).
    :returns: dict by node of lists of what it is, such as ``MAC address 52:54:00:00:00:01``. No node for a machine that nobody knows; more than
        one where they contradict each other.
    """
    system, bmc = hardware.get("system") or {}, hardware.get("bmc") or {}
    macs, found = macs_of(hardware), {}

    def note(rows, what):
        for row in rows:
            told = found.setdefault(row.node, [])
            text = f"{what} {row.value}"
            if text not in told:
                told.append(text)

    with engine.begin() as connection:
        columns = (NODES.c.name.label("node"), NODES.c.system_uuid.label("value"))
        note(connection.execute(select(*columns).where(NODES.c.system_uuid.in_(_byte_orders(system.get("uuid")))).order_by(NODES.c.name)), "system UUID")
        if says_something(system.get("serial")):
            columns = (NODES.c.name.label("node"), NODES.c.serial.label("value"))
            note(connection.execute(select(*columns).where(NODES.c.serial == system["serial"]).order_by(NODES.c.name)), "serial number")
        for some in among(PORTS.c.address, sorted(macs)):
            columns = (PORTS.c.node.label("node"), PORTS.c.address.label("value"))
            note(connection.execute(select(*columns).where(some).order_by(PORTS.c.node, PORTS.c.address)), "MAC address")
        for address in map(canonical, filter(None, (bmc.get("address"), bmc.get("v6address")))):
            # What a bridge reaches has the address of another BMC, and one of IPv6 may begin with another one.
            rows = connection.execute(select(NODES.c.name.label("node"), NODES.c.bmc_key, NODES.c.details).where(
                NODES.c.bmc_key.startswith(f"{address}:", autoescape=True)).order_by(NODES.c.name))
            for row in rows:
                if parts_of(row.bmc_key)[0] == address and (row.details.get("bmc") or {}).get("bridge_address") is None:
                    found.setdefault(row.node, []).append(f"BMC address {address}")
    return found


def _byte_orders(text):
    """A SMBIOS UUID in both byte orders, as the registry has them; firmware and BMCs disagree about it (DSP0134, 7.2.1)."""
    if not says_something(text):
        return []
    try:
        one = uuid.UUID(str(text))
    except ValueError:
        return []
    return [str(one), str(uuid.UUID(bytes=one.bytes_le))]
