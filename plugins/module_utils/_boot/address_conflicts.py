# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who has certain IPv4 addresses already, as ARP tells it (RFC 826; probes as RFC 5227, 2.1.1 has them).

A probe names no address of its own, so nobody's table is changed by it. Private to the collection; may change at any time.
"""

from __future__ import annotations

import ipaddress
import select
import struct
import time

from . import packet_link

STAGE = "ARP"

# Seconds after the beginning at which it is asked: a first probe may be lost while a switch learns.
_ASKED_AT = (0.0, 0.5, 1.5)
_ARP = 0x0806
_REQUEST, _REPLY = 1, 2
_BROADCAST = b"\xff" * 6
# Ethernet header; then hardware and protocol (Ethernet, IPv4) with the lengths of their addresses, the operation, sender and target.
_FRAME = struct.Struct(">6s6sH HHBBH 6s4s 6s4s")
_KIND = (_ARP, 1, 0x0800, 6, 4)

# Classic BPF: what has no VLAN tag.
_FILTER = (
    packet_link.VLAN_TAG,
    (0x15, 0, 1, 0),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


def find_holders(interface, addresses, seconds, *, netns=None, clock=time.monotonic):
    """Ask for addresses and listen.

    :param interface: name of the network interface.
    :param addresses: list of IPv4 addresses, as texts.
    :param seconds: how long to listen.
    :param netns: name of the network namespace of the interface, or None.
    :returns: dict by address of sorted lists of MAC addresses, as texts; without those that nobody has, and without the interface itself.
    :raises BaremetalError: when it cannot be asked or heard.
    """
    found, wanted = {}, set(addresses)
    with packet_link.opened(interface, netns, _ARP, _FILTER, stage=STAGE, what="addresses cannot be asked for") as link:
        own = link.getsockname()[4]
        begin, rounds, due = clock(), list(_ASKED_AT), []
        while (passed := clock() - begin) < seconds:
            if rounds and passed >= rounds[0]:
                rounds.pop(0)
                due = list(addresses)
            # One after the other, so that the answers of many nodes find room.
            if due:
                link.send(probe(own, due.pop(0)))
            until = passed if due else min([seconds, *rounds[:1]])
            if select.select([link], [], [], max(0.0, until - passed))[0]:
                heard = sender(link.recv(65536))
                if heard and heard[0] in wanted and heard[1] != own:
                    found.setdefault(heard[0], set()).add(heard[1])
    return {address: sorted(":".join(f"{byte:02x}" for byte in mac) for mac in macs) for address, macs in found.items()}


def probe(mac, address):
    """The Ethernet frame that asks who has an address.

    :param mac: the asker's, as bytes.
    :param address: as text.
    """
    return _FRAME.pack(_BROADCAST, mac, *_KIND, _REQUEST, mac, b"", b"", ipaddress.IPv4Address(address).packed)


def sender(frame):
    """Who says of himself that he has an address.

    :param frame: bytes, with the Ethernet header.
    :returns: (address as text, MAC address as bytes), or None: no ARP for IPv4, or somebody who asks without an address of his own.
    """
    if len(frame) < _FRAME.size:
        return None
    fields = _FRAME.unpack_from(frame)
    if fields[2:7] != _KIND or fields[7] not in (_REQUEST, _REPLY) or not any(fields[9]):
        return None
    return str(ipaddress.IPv4Address(fields[9])), fields[8]
