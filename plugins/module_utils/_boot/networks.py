# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks that a boot server serves. Private to the collection; may change at any time."""

from __future__ import annotations

import ipaddress
import re

from .._errors import BaremetalError

# Neutron's words. In a network with slaac alone no machine is told what to load.
ADDRESS_MODES = ("dhcpv6-stateful", "dhcpv6-stateless", "slaac")

# What dnsmasq calls the range of each: the last two make it advertise, whatever else is said.
_RANGE_MODES = {"dhcpv6-stateful": "static", "dhcpv6-stateless": "ra-stateless", "slaac": "ra-only"}

_CARD = re.compile(r"[A-Za-z0-9_.-]{1,15}")


def _refuse(what, seen, cure):
    return BaremetalError(what, stage="boot server settings", seen=seen, cure=cure)


def _ipv6(given, network, card, proxy):
    """The keys that only IPv6 has a use for."""
    mode, advertises = given.get("ipv6_address_mode") or "dhcpv6-stateful", given.get("router_advertisements")
    if network.version == 4:
        return {"ipv6_address_mode": "", "router_advertisements": False, "range_mode": ""}
    if mode not in ADDRESS_MODES:
        raise _refuse(f"the network {network} has an unknown ipv6_address_mode", repr(mode), f"give one of {', '.join(ADDRESS_MODES)}")
    if not 64 <= network.prefixlen <= 120:
        raise _refuse(f"dnsmasq serves no IPv6 network of this size, {network}", f"prefix {network.prefixlen}", "give one of 64 to 120 bits")
    if mode != "dhcpv6-stateful" and network.prefixlen != 64:
        raise _refuse(f"machines make no addresses of their own in {network}", f"prefix {network.prefixlen}", "give a network of 64 bits (RFC 4862, 5.5.3)")
    if proxy:
        raise _refuse(f"there is no proxy for DHCPv6, so none can be had for {network}", "boot_server_dhcp proxy",
                      "have the other DHCPv6 server hand out the option bootfile-url (59), and leave this network out")
    if not card and mode != "dhcpv6-stateful":
        raise _refuse(f"the network {network} is behind a relay, which passes on no router advertisements", f"ipv6_address_mode {mode}",
                      "leave ipv6_address_mode out there")
    if given.get("gateway"):
        raise _refuse(f"the network {network} has a gateway, which DHCPv6 cannot tell", str(given["gateway"]),
                      "leave it out: a router of IPv6 announces itself (RFC 4861, 6.2)")
    advertises = bool(card) and advertises is not False
    # Where a router advertises, static answers who asks for more than an address; with slaac nobody asks.
    return {"ipv6_address_mode": mode, "router_advertisements": advertises,
            "range_mode": _RANGE_MODES[mode] if advertises else "" if mode == "slaac" else "static"}


def _refuse_mixed(found):
    """Refuse networks that one dnsmasq cannot serve together: it advertises everywhere or nowhere, and there is one address for those behind a relay."""
    main, cards = found[0], [network for network in found if network["version"] == 6 and network["interface"]]
    for network in found:
        if not network["interface"] and network["version"] != main["version"]:
            raise _refuse(f"the network {network['network']} is behind a relay, and its machines would be sent to an address of IPv{main['version']}",
                          f"the main network is {main['network']}",
                          f"make one of IPv{network['version']} with a card of the boot server the main network, or run a second boot server")
        if network in cards and network["router_advertisements"] != cards[0]["router_advertisements"]:
            raise _refuse("the boot server sends router advertisements in all of its IPv6 networks or in none",
                          " and ".join(f"{one['network']}: {str(one['router_advertisements']).lower()}" for one in (cards[0], network)),
                          "give all the same router_advertisements, or run a second boot server")


def _address(text, network, what, inside=True):
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise _refuse(f"{what} of the network {network} is no IP address", repr(text), "correct it") from error
    if address.version != network.version or (inside and address not in network):
        raise _refuse(f"{what} of the network {network} is not one of its own", str(address), f"give an address of {network}")
    return str(address)


def plan(networks, *, proxy=False):
    """What the configuration of DHCP needs to know of each network.

    :param networks: list of dicts: ``network`` in CIDR form; ``interface`` and ``address`` of the boot server where it has a card in this network, neither
        where a DHCP relay passes on what its machines ask; ``gateway``; ``dns``, a list; for IPv6 ``ipv6_address_mode``, one of ADDRESS_MODES, and
        ``router_advertisements``, whether the boot server sends them.
    :param proxy: whether another DHCP server gives the addresses.
    :returns: list of dicts with the same keys, none left out, and ``tag`` (a word for each), ``first`` (the address of the network),
        ``netmask``, ``prefix``, ``version`` (4 or 6), ``host`` (the boot server's address as it stands in a URL, or empty) and ``range_mode``
        (what dnsmasq calls the way to an IPv6 address; empty for IPv4, and where it has nothing to serve).
    :raises BaremetalError: naming the network that does not make sense, or those that do not go together.
    """
    found = []
    for number, given in enumerate(networks):
        try:
            network = ipaddress.ip_network(given["network"])
        except ValueError as error:
            raise _refuse("a network is none", f"{given['network']!r}: {error}", "give it in CIDR form, as 192.0.2.0/24") from error
        card, address = given.get("interface") or "", given.get("address") or ""
        if bool(card) != bool(address):
            raise _refuse(f"the network {network} has only one of interface and address", f"interface {card!r}, address {address!r}",
                          "give both where the boot server has a card in it, neither where a DHCP relay serves it")
        if card and not _CARD.fullmatch(card):
            raise _refuse(f"the interface of the network {network} has no valid name", repr(card), "give the name that ip link shows")
        for other in found:
            if network.version == other["version"] and network.overlaps(ipaddress.ip_network(other["network"])):
                raise _refuse("two networks overlap", f"{network} and {other['network']}", "give each network once")
        own = _address(address, network, "the address") if address else ""
        found.append({
            "tag": f"net{number}", "network": str(network), "first": str(network.network_address), "version": network.version,
            "netmask": str(network.netmask), "prefix": network.prefixlen, "interface": card,
            "address": own, "host": f"[{own}]" if ":" in own else own, **_ipv6(given, network, card, proxy),
            "gateway": _address(given["gateway"], network, "the gateway") if given.get("gateway") else "",
            "dns": [_address(text, network, "a name server", inside=False) for text in given.get("dns") or ()],
        })
    if found:
        _refuse_mixed(found)
    return found
