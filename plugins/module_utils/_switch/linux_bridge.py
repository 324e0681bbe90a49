# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ports of a Linux bridge that filters VLANs, by bridge(8) of iproute2. Private to the collection; may change at any time."""

from __future__ import annotations

import json

from .._errors import BaremetalError
from .port import STAGE


def read(run, port):
    """The VLANs of a port.

    :raises BaremetalError: when it is no port of a bridge that filters VLANs.
    """
    link = _link(run, port)
    bridge = link.get("master")
    if not bridge or link.get("linkinfo", {}).get("info_slave_kind") != "bridge":
        raise BaremetalError(f"{port} is no port of a bridge", stage=STAGE, seen=f"master {bridge or 'none'}",
                             cure="correct port_id, or put it into the bridge")
    if not _link(run, bridge).get("linkinfo", {}).get("info_data", {}).get("vlan_filtering"):
        raise BaremetalError(f"the bridge {bridge} does not filter VLANs, so all of its ports are in one network", stage=STAGE,
                             cure=f"turn it on where the bridge is configured, with ip link set {bridge} type bridge vlan_filtering 1")
    found = {}
    for entry in _json(run, ["bridge", "-json", "vlan", "show", "dev", port]):
        for one in entry.get("vlans", []):
            for number in range(one["vlan"], one.get("vlanEnd", one["vlan"]) + 1):
                found[number] = _how(one.get("flags", []))
    return found


def write(run, port, before, vlans):
    """Take a port out of VLANs, then put it into others: at no moment does it join two."""
    for number in sorted(set(before) - set(vlans)):
        run(["bridge", "vlan", "del", "dev", port, "vid", str(number)])
    for number, how in sorted(vlans.items()):
        if before.get(number) != how:
            run(["bridge", "vlan", "add", "dev", port, "vid", str(number), *(["pvid", "untagged"] if how == "untagged" else [])])


def _how(flags):
    if set(flags) == {"PVID", "Egress Untagged"}:
        return "untagged"
    return "tagged" + (f" ({', '.join(flags)})" if flags else "")


def _link(run, name):
    found = _json(run, ["ip", "-json", "-details", "link", "show", "dev", name])
    return found[0] if found else {}


def _json(run, command):
    output = run(command)
    try:
        return json.loads(output or "[]")
    except ValueError as error:
        raise BaremetalError(f"{' '.join(command)} printed no JSON", stage=STAGE, seen=output[:200], cure="install iproute2 from 2018 on") from error
