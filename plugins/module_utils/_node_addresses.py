# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which addresses are a node's while it boots. Private to the collection; may change at any time.

By DHCP a machine is known by its MAC address at every stage. By DHCPv6 (RFC 8415) it is known by DUID and IAID, and firmware, iPXE, ramdisk and installed
system each choose their own; a server gives the address of one of them to no other while its lease runs. So a node has sixteen of them.
"""

from __future__ import annotations

import ipaddress

# What is left of an IPv6 address when the last of its hexadecimal digits is the node's to choose.
PREFIX = 124


def block(address):
    """The addresses of a node as a network of ``ipaddress``: the one of IPv4, or the sixteen of IPv6.

    :param address: the address of the node's record.
    :raises ValueError: when it is none, or not the first of sixteen.
    """
    given = ipaddress.ip_address(address)
    return ipaddress.ip_network((given, 32 if given.version == 4 else PREFIX))


def addresses(address):
    """The same as texts, that of the record first."""
    return [str(one) for one in block(address)]


def first(host):
    """The address of the record of the node that would have this one: the same of IPv4, the first of the sixteen of IPv6.

    :param host: any address, or a name, which stays what it is.
    """
    try:
        given = ipaddress.ip_address(host)
    except ValueError:
        return host
    return host if given.version == 4 else str(ipaddress.ip_network((given, PREFIX), strict=False)[0])


def reservation(address):
    """The same in the notation of dnsmasq's dhcp-host."""
    found = block(address)
    return str(found[0]) if found.version == 4 else f"[{found}]"
