# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""network_data of OpenStack as cloud-init's network configuration of version 2. Private to the collection; may change at any time.

The layout nocloud has no place for the one, and cloud-init translates it only on a config drive of OpenStack's. Rules:
https://docs.cloud-init.io/en/latest/reference/network-config-format-v2.html.
"""

from __future__ import annotations

import ipaddress
import re

from .._errors import BaremetalError

# IFNAMSIZ of Linux leaves 15 characters, and neither a slash nor a blank.
_INTERFACE = re.compile(r"(?!\.{1,2}$)[^/\s:]{1,15}")
_DHCP = {"ipv4_dhcp": {"dhcp4": True}, "ipv6_dhcp": {"dhcp6": True}, "ipv6_dhcpv6-stateful": {"dhcp6": True}, "ipv6_dhcpv6-stateless": {"dhcp6": True},
         "ipv6_slaac": {"accept-ra": True}}


def from_network_data(data):
    """The network configuration that network_data means.

    :param data: dict that _network_data.check has passed.
    :returns: dict with version, ethernets, bonds and vlans.
    :raises BaremetalError: for a link that cannot be told from others.
    """
    names = _names(data["links"])
    config = {"version": 2}
    servers = [service["address"] for service in data["services"] if service["type"] == "dns"]
    for link in data["links"]:
        kind, entry = _link(link, names)
        if link.get("mtu"):
            entry["mtu"] = link["mtu"]
        for network in data["networks"]:
            if network["link"] == link["id"]:
                _add(entry, network)
        own = [service["address"] for network in data["networks"] if network["link"] == link["id"] for service in network.get("services", [])
               if service.get("type") == "dns"]
        if entry.get("addresses") and servers + own:
            entry["nameservers"] = {"addresses": list(dict.fromkeys(servers + own))}
        config.setdefault(kind, {})[names[link["id"]]] = entry
    return config


def _names(links):
    """A name for each link: its id where an interface may be called so."""
    taken = {link["id"] for link in links if _INTERFACE.fullmatch(link["id"])}
    free = (name for name in (f"net{number}" for number in range(len(links) * 2)) if name not in taken)
    return {link["id"]: link["id"] if link["id"] in taken else next(free) for link in links}


def _link(link, names):
    if link["type"] == "bond":
        parameters = {"mode": link["bond_mode"]}
        for ours, theirs in (("bond_miimon", "mii-monitor-interval"), ("bond_xmit_hash_policy", "transmit-hash-policy")):
            if link.get(ours) is not None:
                parameters[theirs] = link[ours]
        entry = {"interfaces": [names[name] for name in link["bond_links"]], "parameters": parameters}
        if link.get("ethernet_mac_address"):
            entry["macaddress"] = link["ethernet_mac_address"].lower()
        return "bonds", entry
    if link["type"] == "vlan":
        entry = {"id": link["vlan_id"], "link": names[link["vlan_link"]]}
        if link.get("vlan_mac_address"):
            entry["macaddress"] = link["vlan_mac_address"].lower()
        return "vlans", entry
    if not link.get("ethernet_mac_address"):
        raise BaremetalError(f"network_data: the link {link['id']} has no ethernet_mac_address, so no NIC is meant", stage="config drive",
                             cure="give it the MAC address of the NIC")
    return "ethernets", {"match": {"macaddress": link["ethernet_mac_address"].lower()}}


def _add(entry, network):
    """Add a network to the entry of its link."""
    if network["type"] in _DHCP:
        entry.update(_DHCP[network["type"]])
    else:
        text = network["ip_address"]
        if "/" not in text and network.get("netmask"):
            text = f"{text}/{_prefix(network['netmask'])}"
        entry.setdefault("addresses", []).append(str(_checked(ipaddress.ip_interface, text)))
    for route in network.get("routes", []):
        text = route["network"]
        if "/" not in text and route.get("netmask"):
            text = f"{text}/{_prefix(route['netmask'])}"
        destination, key = _checked(ipaddress.ip_network, text), f"gateway{6 if ':' in route['gateway'] else 4}"
        if destination.prefixlen == 0 and key not in entry:
            # Not as a route: cloud-init 22.4 takes the length 0 for the usual one in IPv6 when it writes for others than netplan.
            entry[key] = route["gateway"]
        else:
            entry.setdefault("routes", []).append({"to": str(destination), "via": route["gateway"]})


def _prefix(mask):
    """Length of the prefix that a mask means: 24, /24, 255.255.255.0 or ffff:ffff::."""
    text = str(mask).lstrip("/")
    if text.isdecimal():
        return int(text)
    number = int(_checked(ipaddress.ip_address, text))
    width = 128 if ":" in text else 32
    length = bin(number).count("1")
    if number != (1 << width) - (1 << (width - length)):
        raise _no_address(mask)
    return length


def _checked(parse, text):
    try:
        return parse(text)
    except ValueError:
        raise _no_address(text) from None


def _no_address(text):
    return BaremetalError(f"network_data: {text} is no address, network or netmask", stage="config drive", cure="correct it; a netmask may be a length as well")
