# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""LLDP: which switch, and which port of it, is at the other end of a NIC's cable.

Frames are listened for on a plain packet socket; nothing is sent. Formats: IEEE 802.1AB-2016, chapter 8, annex D (802.1) and
IEEE 802.3, chapter 79. Keys of what is found are those of Ironic's hook parse-lldp.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time

from .system import read_text

ETHERTYPE = 0x88CC
# The nearest bridge, the nearest non-TPMR bridge and the nearest customer bridge: a bridge of Linux passes on none of the frames to the first.
GROUPS = (b"\x01\x80\xc2\x00\x00\x0e", b"\x01\x80\xc2\x00\x00\x03", b"\x01\x80\xc2\x00\x00\x00")
# linux/if_packet.h, which Python's socket has in parts only.
_SOL_PACKET, _ADD_MEMBERSHIP, _MULTICAST = 263, 1, 0
_CAPABILITIES = ("Other", "Repeater", "Bridge", "WLAN", "Router", "Telephone", "DOCSIS cable device", "Station only", "C-VLAN component",
                 "S-VLAN component", "TPMR")
_OUI_802_1, _OUI_802_3 = b"\x00\x80\xc2", b"\x00\x12\x0f"


def listen(names, seconds, *, sysfs="/sys", clock=time.monotonic):
    """Listen on all interfaces at once and return {name: list of neighbours, see parse}.

    names: the interfaces; one that is down or cannot be listened on has no neighbours. seconds: the longest time to listen; it ends sooner
    when every interface has heard of somebody. Switches send every 30 s by default. Needs root.
    """
    found = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        sockets = {}
        for name in names:
            receiver = _receiver(name)
            if receiver is not None:
                stack.enter_context(receiver)
                sockets[receiver] = name
        mac = {name: read_text(os.path.join(sysfs, "class/net", name, "address")) for name in names}
        end = clock() + seconds
        while sockets and clock() < end and not all(found[name] for name in sockets.values()):
            ready, _write, _error = select.select(list(sockets), [], [], max(0, end - clock()))
            for receiver in ready:
                try:
                    neighbour = parse(receiver.recv(65536))
                except OSError:
                    # The interface went down.
                    del sockets[receiver]
                    continue
                name = sockets[receiver]
                # What the machine itself sends, for instance through another function of the same card, is no neighbour.
                if neighbour and neighbour["switch_chassis_id"] not in mac.values() and neighbour not in found[name]:
                    found[name].append(neighbour)
    return found


def _receiver(name):
    """A socket that hears the LLDP frames of an interface; None where that is not possible."""
    receiver = None
    try:
        receiver = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
        receiver.bind((name, ETHERTYPE))
        index = socket.if_nametoindex(name)
        for group in GROUPS:
            receiver.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, struct.pack("iHH8s", index, _MULTICAST, len(group), group))
        return receiver
    except OSError:
        if receiver is not None:
            receiver.close()
        return None


def parse(frame):
    """Return what an LLDP frame (bytes, with its Ethernet header) says of its sender; None when it is none.

    switch_chassis_id and switch_port_id (str) are always there. The rest is what the sender told: switch_port_description,
    switch_system_name, switch_system_description (str), switch_capabilities_support, switch_capabilities_enabled,
    switch_management_addresses (lists of str), switch_port_untagged_vlan_id, switch_port_mtu, switch_port_link_aggregation_id (int),
    switch_port_link_aggregation_enabled (bool), switch_port_vlans (list of {id, name}). What makes no sense is left out.
    """
    payload = _payload(frame)
    if payload is None:
        return None
    found = {}
    for kind, value in fields(payload):
        reader = _FIELDS.get(kind)
        if reader is not None:
            reader(found, value)
    # Both are mandatory, and come first (8.2).
    return found if found.get("switch_chassis_id") and found.get("switch_port_id") else None


def fields(payload):
    """Return the (type, value) pairs of an LLDP data unit (bytes), as far as it is whole, without its end mark (8.4)."""
    found, position = [], 0
    while position + 2 <= len(payload):
        (header,) = struct.unpack_from(">H", payload, position)
        kind, length = header >> 9, header & 0x1FF
        position += 2
        if kind == 0 or position + length > len(payload):
            break
        found.append((kind, payload[position:position + length]))
        position += length
    return found


def _payload(frame):
    position = 12
    # A switch may tag even its LLDP frames.
    while frame[position:position + 2] in (b"\x81\x00", b"\x88\xa8"):
        position += 4
    if frame[position:position + 2] != struct.pack(">H", ETHERTYPE):
        return None
    return frame[position + 2:]


def _text(value):
    return "".join(char for char in value.decode("utf-8", "replace") if char.isprintable()).strip()


def _mac(value):
    return ":".join("%02x" % byte for byte in value)


def _address(value):
    """An address with IANA's number of its family in front: 1 IPv4, 2 IPv6, 6 MAC; None when it is none of them."""
    family, rest = value[:1], value[1:]
    if family == b"\x01" and len(rest) == 4:
        return socket.inet_ntop(socket.AF_INET, rest)
    if family == b"\x02" and len(rest) == 16:
        return socket.inet_ntop(socket.AF_INET6, rest)
    return _mac(rest) if family == b"\x06" and len(rest) == 6 else None


def _identity(value, mac_subtype, address_subtype):
    """A chassis or port identifier by its subtype (8.5.2.2 and 8.5.3.2)."""
    subtype, rest = value[:1], value[1:]
    if subtype == bytes([mac_subtype]) and len(rest) == 6:
        return _mac(rest)
    if subtype == bytes([address_subtype]):
        return _address(rest)
    return _text(rest) or None


def _chassis(found, value):
    found.setdefault("switch_chassis_id", _identity(value, 4, 5))


def _port(found, value):
    found.setdefault("switch_port_id", _identity(value, 3, 4))


def _named(key):
    def read(found, value):
        found.setdefault(key, _text(value))

    return read


def _capabilities(found, value):
    if len(value) == 4:
        for key, bits in zip(("switch_capabilities_support", "switch_capabilities_enabled"), struct.unpack(">HH", value)):
            found[key] = [name for number, name in enumerate(_CAPABILITIES) if bits >> number & 1]


def _management(found, value):
    length = value[0] if value else 0
    address = _address(value[1:1 + length])
    if address:
        found.setdefault("switch_management_addresses", []).append(address)


def _organisation(found, value):
    oui, subtype, rest = value[:3], value[3:4], value[4:]
    if oui == _OUI_802_1 and subtype == b"\x01" and len(rest) == 2:
        # 0 means that the port has none (D.2.1).
        number = struct.unpack(">H", rest)[0]
        if number:
            found["switch_port_untagged_vlan_id"] = number
    elif oui == _OUI_802_1 and subtype == b"\x03" and len(rest) >= 3:
        number = struct.unpack(">H", rest[:2])[0]
        found.setdefault("switch_port_vlans", []).append({"id": number, "name": _text(rest[3:3 + rest[2]])})
    elif (oui == _OUI_802_1 and subtype == b"\x07" or oui == _OUI_802_3 and subtype == b"\x03") and len(rest) == 5:
        found["switch_port_link_aggregation_enabled"] = bool(rest[0] & 2)
        found["switch_port_link_aggregation_id"] = struct.unpack(">I", rest[1:])[0]
    elif oui == _OUI_802_3 and subtype == b"\x04" and len(rest) == 2:
        found["switch_port_mtu"] = struct.unpack(">H", rest)[0]


_FIELDS = {
    1: _chassis, 2: _port, 4: _named("switch_port_description"), 5: _named("switch_system_name"), 6: _named("switch_system_description"),
    7: _capabilities, 8: _management, 127: _organisation,
}
