# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which DHCP servers there are in a network: asked by one that wants to boot, and heard when they answer others.

Nothing is configured and no address is taken: an offer that nobody accepts runs out. Needs root and Linux, and the standard library alone.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import select
import time

from . import dhcp, packet_link
from .._errors import BaremetalError

STAGE = "DHCP"

# Seconds after the beginning at which it is asked: a first answer may be lost, or delayed by a ping that the server sends first.
_ASKED_AT = (0.0, 1.0, 3.0)
_ALL_PROTOCOLS = 3  # linux/if_ether.h: what this host sends itself is heard too, a server beside ours on it for instance

# Classic BPF: untagged IPv4, UDP, no fragment but the first, from or to port 67.
_FILTER = (
    packet_link.VLAN_TAG,
    (0x15, 0, 11, 0),
    (0x28, 0, 0, 12),  # EtherType
    (0x15, 0, 9, 0x0800),
    (0x30, 0, 0, 23),  # protocol
    (0x15, 0, 7, 17),
    (0x28, 0, 0, 20),  # fragment
    (0x45, 5, 0, 0x1FFF),
    (0xB1, 0, 0, 14),  # length of the IP header
    (0x48, 0, 0, 14),  # source port
    (0x15, 3, 0, dhcp.SERVER_PORT),
    (0x48, 0, 0, 16),  # destination port
    (0x15, 1, 0, dhcp.SERVER_PORT),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF),
)


def find_servers(interface, seconds, *, mac=None, own=(), netns=None, clock=time.monotonic):
    """Ask for an address and listen.

    :param interface: name of the network interface.
    :param seconds: how long to listen.
    :param mac: MAC address to ask with, as a text; default: one that no machine has.
    :param own: addresses of the servers that belong there.
    :param netns: name of the network namespace of the interface, or None.
    :returns: list of dicts with ``server`` (its identifier, else its address), ``address``, ``mac``, ``offered``, ``next_server``, ``boot_file``,
        ``heard`` (offer, acknowledgement, refusal, or choice, for a client that told whose offer it takes) and ``own``; each server once.
    :raises BaremetalError: when it cannot be asked or heard.
    """
    try:
        sender = dhcp.mac_bytes(mac) if mac else dhcp.random_mac()
    except ValueError as error:
        raise BaremetalError("the MAC address to ask with is none", stage=STAGE, seen=error, cure="give six pairs of hexadecimal digits") from error
    xid = int.from_bytes(os.urandom(4), "big")
    found = {}
    with packet_link.opened(interface, netns, _ALL_PROTOCOLS, _FILTER, stage=STAGE, what="DHCP servers cannot be looked for") as link:
        begin = clock()
        asked = list(_ASKED_AT)
        while (passed := clock() - begin) < seconds:
            if asked and passed >= asked[0]:
                asked.pop(0)
                link.send(dhcp.discover(sender, xid))
            until = min([seconds, *asked[:1]])
            if select.select([link], [], [], max(0.0, until - passed))[0]:
                note(found, dhcp.parse(link.recv(65536)), own)
    return sorted(found.values(), key=lambda server: (server["own"], server["server"], server["mac"] or ""))


_HEARD = {dhcp.OFFER: "offer", dhcp.ACK: "acknowledgement", dhcp.NAK: "refusal", dhcp.REQUEST: "choice"}


def note(found, message, own=()):
    """Take a message into what was found.

    :param found: dict, changed in place.
    :param message: a Message, or None.
    :param own: addresses of the servers that belong there.
    """
    heard = message and _HEARD.get(message.kind)
    if heard is None or (heard == "choice" and message.server is None):
        return
    is_server = heard != "choice"
    server = message.server or message.source or message.mac
    if not is_server and any(known["server"] == server for known in found.values()):
        return
    entry = {
        "server": server, "address": message.source if is_server else None, "mac": message.mac if is_server else None,
        "offered": message.offered if heard == "offer" else None, "next_server": message.next_server if is_server else None,
        "boot_file": message.boot_file if is_server else None, "heard": heard,
        "own": server in own or (is_server and message.source in own),
    }
    if is_server:
        # What a client told of the same server says less.
        found.pop((server, None), None)
    found.setdefault((server, entry["mac"]), entry)
