# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose machine is this? What a machine shows, looked for among all nodes; who has what is told, and nothing is guessed.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import uuid

from .store import among
from .tables import NODES, PORTS

try:
    from sqlalchemy import select
except ImportError:
    select = None


def owners(engine, hardware):
    """The nodes to which something belongs that a machine shows.

    :param hardware: what an inspection found (docs/hardware.schema.json).
    :returns: dict by node of lists of what it is, such as ``MAC address 52:54:00:00:00:01``. No node for a machine that nobody knows; more than
        one where they contradict each other.
    """
    system, bmc = hardware.get("system") or {}, hardware.get("bmc") or {}
    macs = {nic[key].lower() for nic in hardware.get("interfaces", []) for key in ("mac_address", "permanent_mac") if nic.get(key)}
    found = {}

    def note(rows, what):
        for row in rows:
            told = found.setdefault(row.node, [])
            text = f"{what} {row.value}"
            if text not in told:
                told.append(text)

    with engine.begin() as connection:
        columns = (NODES.c.name.label("node"), NODES.c.system_uuid.label("value"))
        note(connection.execute(select(*columns).where(NODES.c.system_uuid.in_(_byte_orders(system.get("uuid")))).order_by(NODES.c.name)), "system UUID")
        if system.get("serial"):
            columns = (NODES.c.name.label("node"), NODES.c.serial.label("value"))
            note(connection.execute(select(*columns).where(NODES.c.serial == system["serial"]).order_by(NODES.c.name)), "serial number")
        for some in among(PORTS.c.address, sorted(macs)):
            columns = (PORTS.c.node.label("node"), PORTS.c.address.label("value"))
            note(connection.execute(select(*columns).where(some).order_by(PORTS.c.node, PORTS.c.address)), "MAC address")
        for address in filter(None, (bmc.get("address"), bmc.get("v6address"))):
            # What a bridge reaches has the address of another BMC.
            rows = connection.execute(select(NODES.c.name.label("node"), NODES.c.bmc_key, NODES.c.details).where(
                NODES.c.bmc_key.startswith(f"{address}:", autoescape=True)).order_by(NODES.c.name))
            for row in rows:
                if (row.details.get("bmc") or {}).get("bridge_address") is None:
                    found.setdefault(row.node, []).append(f"BMC address {address}")
    return found


def _byte_orders(text):
    """A SMBIOS UUID in both byte orders, as the registry has them; firmware and BMCs disagree about it (DSP0134, 7.2.1)."""
    try:
        one = uuid.UUID(str(text))
    except ValueError:
        return []
    return [str(one), str(uuid.UUID(bytes=one.bytes_le))]
