# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file by TFTP (RFC 1350), in blocks as large as firmware asks for (RFC 2348). Private to the collection; may change at any time."""

from __future__ import annotations

import ipaddress
import socket
import struct
import time

from .._errors import BaremetalError

STAGE = "TFTP"

_PORT = 69
_READ, _DATA, _ACKNOWLEDGEMENT, _ERROR, _OPTIONS = 1, 3, 4, 5, 6
_BLOCK = 1428  # bytes; fits an Ethernet frame
_WAIT = 2  # seconds for an answer
_TRIES = 3


def fetch(address, name, *, limit, port=_PORT):
    """A file.

    :param address: of the server, of IPv4 or IPv6.
    :param name: of the file.
    :param limit: bytes that it may have.
    :returns: bytes.
    :raises BaremetalError: when it is refused, or does not come.
    """
    request = struct.pack(">H", _READ) + name.encode() + b"\0octet\0blksize\0%d\0" % _BLOCK
    try:
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as wire:
            return _fetch(wire, request, (address, port), limit)
    except socket.timeout as error:
        raise _failed(address, name, f"no answer within {_WAIT * _TRIES} s", "run boot_server.yml; if it runs, look for a firewall that lets "
                      "UDP port 69 through and nothing of what follows") from error
    except (OSError, ValueError) as error:
        raise _failed(address, name, error, "run boot_server.yml, and look for another server with that address") from error


def _fetch(wire, message, peer, limit):
    """The same, with the first message at hand.

    :raises OSError: from the network.
    :raises ValueError: telling what was wrong with an answer.
    """
    data, length, block, first = bytearray(), 512, 1, peer
    # Somebody who tells his options for ever is not listened to for ever.
    for dummy in range(limit // length + 10):
        code, number, part, peer = _asked(wire, message, peer, first, block & 0xFFFF)
        message = struct.pack(">HH", _ACKNOWLEDGEMENT, number)
        if code == _ERROR:
            raise ValueError(f"error {number}: {part.partition(bytes(1))[0].decode('ascii', 'replace')}")
        if code == _OPTIONS:
            length = _BLOCK
            message = struct.pack(">HH", _ACKNOWLEDGEMENT, 0)
            continue
        data += part
        block += 1
        if len(data) > limit:
            break
        if len(part) < length:
            # So that the server is done with it too.
            wire.sendto(message, peer)
            return bytes(data)
    raise ValueError(f"no end after {len(data)} bytes, it has {limit}")


def _asked(wire, message, peer, first, block):
    """Send a message, several times where nobody answers, and give the answer: code, number, data, who sent it.

    A block that is not the next one is heard and not answered, as each answer to a duplicate would bring the next (RFC 1123, 4.2.3.1).
    """
    for dummy in range(_TRIES):
        wire.sendto(message, peer)
        end = time.monotonic() + _WAIT
        while (left := end - time.monotonic()) > 0:
            wire.settimeout(left)
            try:
                packet, source = wire.recvfrom(65536)
            except socket.timeout:
                break
            # It answers from a port of its own, which it keeps (RFC 1350, 4).
            if len(packet) >= 4 and _same(source, first) and peer in (first, source):
                code, number = struct.unpack_from(">HH", packet)
                if code in (_ERROR, _OPTIONS) or (code, number) == (_DATA, block):
                    return code, number, packet[4:], source
    raise socket.timeout


def _same(one, other):
    """Whether two sources have one address; an IPv6 address has more than one spelling."""
    return ipaddress.ip_address(one[0]) == ipaddress.ip_address(other[0])


def _failed(address, name, seen, cure):
    return BaremetalError(f"{name} does not come by TFTP from {address}", stage=STAGE, seen=seen, cure=cure)
