# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks that a boot server serves. Private to the collection; may change at any time."""

from __future__ import annotations

import ipaddress
import re

from .._errors import BaremetalError

_CARD = re.compile(r"[A-Za-z0-9_.-]{1,15}")


def _refuse(what, seen, cure):
    return BaremetalError(what, stage="boot server settings", seen=seen, cure=cure)


def _address(text, network, what, inside=True):
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise _refuse(f"{what} of the network {network} is no IP address", repr(text), "correct it") from error
    if address.version != network.version or (inside and address not in network):
        raise _refuse(f"{what} of the network {network} is not one of its own", str(address), f"give an address of {network}")
    return str(address)


def plan(networks):
    """What the configuration of DHCP needs to know of each network.

    :param networks: list of dicts: ``network`` in CIDR form; ``interface`` and ``address`` of the boot server where it has a card in this network, neither
        where a DHCP relay passes on what its machines ask; ``gateway``; ``dns``, a list.
    :returns: list of dicts with the same keys, none left out, and ``tag`` (a word for each), ``first`` (the address of the network),
        ``netmask``, ``prefix``.
    :raises BaremetalError: naming the network that does not make sense.
    """
    found = []
    for number, given in enumerate(networks):
        try:
            network = ipaddress.ip_network(given["network"])
        except ValueError as error:
            raise _refuse("a network is none", f"{given['network']!r}: {error}", "give it in CIDR form, as 192.0.2.0/24") from error
        if network.version != 4:
            raise _refuse("machines are booted over IPv4 alone", str(network), "give the IPv4 network of the same cable")
        card, address = given.get("interface") or "", given.get("address") or ""
        if bool(card) != bool(address):
            raise _refuse(f"the network {network} has only one of interface and address", f"interface {card!r}, address {address!r}",
                          "give both where the boot server has a card in it, neither where a DHCP relay serves it")
        if card and not _CARD.fullmatch(card):
            raise _refuse(f"the interface of the network {network} has no valid name", repr(card), "give the name that ip link shows")
        for other in found:
            if network.overlaps(ipaddress.ip_network(other["network"])):
                raise _refuse("two networks overlap", f"{network} and {other['network']}", "give each network once")
        found.append({
            "tag": f"net{number}", "network": str(network), "first": str(network.network_address),
            "netmask": str(network.netmask), "prefix": network.prefixlen, "interface": card,
            "address": _address(address, network, "the address") if address else "",
            "gateway": _address(given["gateway"], network, "the gateway") if given.get("gateway") else "",
            "dns": [_address(text, network, "a name server", inside=False) for text in given.get("dns") or ()],
        })
    return found
