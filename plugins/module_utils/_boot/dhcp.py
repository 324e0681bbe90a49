# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCP messages in Ethernet frames: one that is sent, and all that are heard.

Formats: RFC 2131 (messages), RFC 2132 (options), RFC 4578 (options of PXE clients). Private to the collection; may change at any time.
"""

from __future__ import annotations

import ipaddress
import os
import struct
import typing as t

SERVER_PORT, CLIENT_PORT = 67, 68
DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE = 1, 2, 3, 5, 6, 7

_COOKIE = b"\x63\x82\x53\x63"
_FIXED = struct.Struct(">BBBBIHH4s4s4s4s16s64s128s")
_BROADCAST_FLAG = 0x8000
_BROADCAST = b"\xff" * 6
_PAD, _END = 0, 255
_OVERLOAD, _TYPE, _SERVER, _CLIENT, _BOOT_FILE = 52, 53, 54, 61, 67


class Message(t.NamedTuple):
    """A DHCP message that was heard; addresses are texts, None where there is none.

    ``kind`` is the message type (RFC 2132, 9.6), ``xid`` the transaction, ``server`` the server identifier, ``source`` and ``mac`` are the sender's
    addresses in the frame, ``offered`` is the address for the client, ``next_server`` and ``boot_file`` tell what a client boots.
    """

    kind: int
    xid: int
    server: t.Optional[str]
    source: t.Optional[str]
    mac: str
    offered: t.Optional[str]
    next_server: t.Optional[str]
    boot_file: t.Optional[str]


def mac_bytes(text):
    """The six bytes of a MAC address.

    :raises ValueError: when it is none.
    """
    data = bytes.fromhex(text.replace(":", "").replace("-", ""))
    if len(data) != 6 or data[0] & 1:
        raise ValueError(f"{text} is no MAC address of one machine")
    return data


def random_mac():
    """A locally administered address that no machine has (IEEE 802, 8.4)."""
    return b"\x02" + os.urandom(5)


def discover(mac, xid):
    """The Ethernet frame with a DHCPDISCOVER of a machine that wants to boot by PXE (UEFI x86-64): proxy servers answer no other.

    The answer is asked for as a broadcast, so that it is heard whatever address it is for.

    :param mac: bytes.
    :param xid: 32 bits.
    """
    options = b"".join(bytes([code, len(value)]) + value for code, value in (
        (_TYPE, bytes([DISCOVER])),
        (55, bytes([1, 3, 6, 43, _SERVER, 60, 66, _BOOT_FILE])),
        (57, struct.pack(">H", 1472)),
        (60, b"PXEClient:Arch:00007:UNDI:003016"),
        (93, b"\0\7"),
        (94, b"\1\3\x10"),
        (97, b"\0" + os.urandom(16)),
    ))
    message = _FIXED.pack(1, 1, 6, 0, xid, 0, _BROADCAST_FLAG, b"", b"", b"", b"", mac, b"", b"") + _COOKIE + options + bytes([_END])
    udp = struct.pack(">HHHH", CLIENT_PORT, SERVER_PORT, 8 + len(message), 0) + message
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"", b"\xff" * 4)
    header = header[:10] + struct.pack(">H", _checksum(header)) + header[12:]
    return _BROADCAST + mac + b"\x08\x00" + header + udp


def release(mac, client, address, server, xid):
    """The DHCPRELEASE of a machine that does not need its address any more, without the headers of UDP.

    :param mac: bytes.
    :param client: its client identifier as bytes, or None where it has none.
    :param address: its IPv4 address, as text.
    :param server: identifier of the server, as text.
    :param xid: 32 bits.
    """
    options = [(_TYPE, bytes([RELEASE])), (_SERVER, ipaddress.IPv4Address(server).packed), *([(_CLIENT, client)] if client else [])]
    fixed = _FIXED.pack(1, 1, 6, 0, xid, 0, 0, ipaddress.IPv4Address(address).packed, b"", b"", b"", mac, b"", b"")
    return fixed + _COOKIE + b"".join(bytes([code, len(value)]) + value for code, value in options) + bytes([_END])


def _checksum(header):
    total = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def parse(frame):
    """What a frame says, as a :class:`Message`; None when it is no DHCP message, or not a whole one.

    :param frame: bytes, with the Ethernet header.
    """
    if len(frame) < 34 or frame[12:14] != b"\x08\x00" or frame[14] >> 4 != 4:
        return None
    packet = frame[14:]
    length = (packet[0] & 15) * 4
    fragment, protocol = struct.unpack_from(">H", packet, 6)[0] & 0x3FFF, packet[9]
    if length < 20 or fragment or protocol != 17 or len(packet) < length + 8:
        return None
    ports = set(struct.unpack_from(">HH", packet, length))
    message = packet[length + 8:]
    if SERVER_PORT not in ports or len(message) < _FIXED.size + 4 or message[_FIXED.size:_FIXED.size + 4] != _COOKIE:
        return None
    fields = _FIXED.unpack_from(message)
    options = _options(message[_FIXED.size + 4:], fields[13], fields[12])
    if len(options.get(_TYPE, b"")) != 1:
        return None
    overload = options.get(_OVERLOAD, b"\0")[-1:]
    boot_file = options.get(_BOOT_FILE) or (fields[13] if overload not in (b"\1", b"\3") else b"")
    return Message(
        kind=options[_TYPE][0],
        xid=fields[4],
        server=_address(options.get(_SERVER, b"")),
        source=_address(packet[12:16]),
        mac=":".join(f"{byte:02x}" for byte in frame[6:12]),
        offered=_address(fields[8]),
        next_server=_address(fields[9]),
        boot_file=_text(boot_file),
    )


def _options(data, boot_file, server_name):
    """Options by code; what stands several times is one option in parts (RFC 3396). Those of overloaded fields come last (RFC 2131, 4.1)."""
    found = _read_options(data, {})
    overload = (found.get(_OVERLOAD) or b"\0")[-1]
    if overload & 1:
        _read_options(boot_file, found)
    if overload & 2:
        _read_options(server_name, found)
    return found


def _read_options(data, found):
    position = 0
    while position < len(data) and data[position] != _END:
        code = data[position]
        if code == _PAD:
            position += 1
            continue
        length = data[position + 1] if position + 1 < len(data) else len(data)
        if position + 2 + length > len(data):
            break
        found[code] = found.get(code, b"") + data[position + 2:position + 2 + length]
        position += 2 + length
    return found


def _address(data):
    return str(ipaddress.IPv4Address(data)) if len(data) == 4 and any(data) else None


def _text(data):
    """What of a field can be shown: the part before the first zero byte, without control characters."""
    return "".join(letter for letter in data.partition(b"\0")[0].decode("ascii", "replace") if letter.isprintable()) or None
