# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCP leases that stand in the way of a reservation. Private to the collection; may change at any time.

While a lease runs, dnsmasq gives its address to no other machine, whatever the reservations say by now. It gives it up when the machine says that it does
not need it any more (DHCPRELEASE, RFC 2131, 4.4.6), and that is said here in its place.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from pathlib import Path

from . import daemons, dhcp, packet_link

_INTERFACE = re.compile(r"^interface=(\S+)$", re.MULTILINE)


def release(root, address, mac):
    """Have dnsmasq give up leases of an IPv4 address that other machines have than the one that it is reserved for.

    :param root: boot_server_root.
    :param address: as text.
    :param mac: MAC address, with hyphens, of the machine that may have a lease.
    """
    conf = Path(root, "dnsmasq/dnsmasq.conf")
    pid = daemons.running(Path(root, "run/dnsmasq.pid"), str(conf))
    for other, client in _of_others(root, address, mac) if pid else ():
        for card in _INTERFACE.findall(_read(conf)):
            # The address is in the network of one of them. A lease that stays ends with its time.
            with contextlib.suppress(OSError):
                _say(f"/proc/{pid}/ns/net", card, address, other, client)


def _of_others(root, address, mac):
    """(MAC address as bytes, client identifier as bytes or None) of each lease; a line is time, MAC, address, host name, client identifier."""
    for line in _read(Path(root, "dnsmasq/leases")).splitlines():
        fields = line.split()
        if len(fields) == 5 and fields[2] == address and fields[1].lower().replace(":", "-") != mac:
            with contextlib.suppress(ValueError):
                yield dhcp.mac_bytes(fields[1]), None if fields[4] == "*" else bytes.fromhex(fields[4].replace(":", ""))


def _say(space, card, address, mac, client):
    own = os.path.samefile(space, "/proc/self/ns/net")
    with packet_link.socket_in(None if own else space, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as link:
        # It counts in the network of the card that it seems to come by.
        link.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
        link.connect((address, dhcp.SERVER_PORT))
        server = link.getsockname()[0]
        link.sendto(dhcp.release(mac, client, address, server, int.from_bytes(os.urandom(4), "big")), (server, dhcp.SERVER_PORT))


def _read(path):
    with contextlib.suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
