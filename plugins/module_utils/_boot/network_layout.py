# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a node is wired to networks (NICs, bonds, VLANs), and the network_data of OpenStack's that says so. Private; may change at any time.

A layout is a list of links; SCHEMA describes it. A network is a dict with name, cidr, vlan, gateway, dns_nameservers and mtu.
"""

from __future__ import annotations

import ipaddress

from .._errors import BaremetalError, missing_library

try:
    import jsonschema
except ImportError as error:
    jsonschema = None
    JSONSCHEMA_ERROR = error
else:
    JSONSCHEMA_ERROR = None

STAGE = "plan"

_NAME = {"type": "string", "minLength": 1}

# JSON schema (draft 2020-12). Modes and policies are those of the bonding driver of Linux (Documentation/networking/bonding.rst).
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "additionalProperties": False,
        "required": ["name"],
        "oneOf": [{"required": ["port"]}, {"required": ["bond"]}],
        "properties": {
            # IFNAMSIZ of Linux leaves 15 characters.
            "name": {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,14}$"},
            "port": _NAME,
            "bond": {
                "type": "object",
                "additionalProperties": False,
                "required": ["mode", "members"],
                "properties": {
                    "mode": {"enum": ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"]},
                    "members": {"type": "array", "items": _NAME, "minItems": 1},
                    "miimon": {"type": "integer", "minimum": 1},
                    "xmit_hash_policy": {"enum": ["layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"]},
                },
            },
            "mtu": {"type": "integer", "minimum": 68, "maximum": 65535},
            "networks": {
                "type": "array",
                "items": {
                    "type": ["string", "object"],
                    "minLength": 1,
                    "additionalProperties": False,
                    "required": ["network"],
                    "properties": {"network": _NAME, "address": _NAME, "gateway": {"type": "boolean"}, "tagged": {"type": "boolean"}},
                },
            },
        },
    },
}


def check(layout, node):
    """Refuse a layout that is none, or that names ports which the node does not have.

    :param layout: what was given.
    :param node: record of the node.
    :raises BaremetalError: naming every key that is wrong, or the port.
    """
    if jsonschema is None:
        raise missing_library("jsonschema", JSONSCHEMA_ERROR)
    found = sorted(jsonschema.Draft202012Validator(SCHEMA).iter_errors(layout), key=lambda problem: list(map(str, problem.absolute_path)))
    if found:
        told = [f"{'.'.join(map(str, problem.absolute_path)) or 'the layout'}: {problem.message[:200]}" for problem in found]
        raise _wrong(node, "is not understood", "; ".join(told), "correct it; docs/networks.md shows one, each link has a name and either port or bond")
    names = [link["name"] for link in layout]
    ports = [_port(member, node)["address"] for link in layout for member in _members(link)]
    for what, values in (("name", names), ("port", ports)):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise _wrong(node, f"has two links with the {what} {', '.join(twice)}", f"links {', '.join(names)}", "give each its own")


def members(layout, node):
    """The ports of the node that each link consists of.

    :param layout: one that ``check`` has passed.
    :returns: dict of lists of MAC addresses by name of the link.
    :raises BaremetalError: for a port that the node does not have.
    """
    return {link["name"]: [_port(member, node)["address"] for member in _members(link)] for link in layout}


def attachments(layout):
    """What each link is attached to, in the order of the layout.

    :param layout: one that ``check`` has passed.
    :returns: list of dicts with link (name of the link), network, address (or None), gateway, tagged (or None), and key: what tells the address from
        others of the node in this network, the name of the link where several are attached to it, else empty.
    """
    found = [
        {"link": link["name"], "address": None, "gateway": True, "tagged": None, **({"network": one} if isinstance(one, str) else one)}
        for link in layout for one in link.get("networks", [])
    ]
    names = [one["network"] for one in found]
    return [{**one, "key": one["link"] if names.count(one["network"]) > 1 else ""} for one in found]


def render(layout, node, attached):
    """The network_data that a layout means.

    :param layout: one that ``check`` has passed.
    :param node: record of the node.
    :param attached: what ``attachments`` returned, each with ``address`` filled in and ``network`` the network itself instead of its name.
    :returns: dict with links, networks and services. The first network with a gateway has the default route of its IP version.
    :raises BaremetalError: when the sizes of packets contradict each other, or a network that has no VLAN is to be tagged.
    """
    data = {"links": [], "networks": [], "services": []}
    routed = set()
    for link in layout:
        own = [one for one in attached if one["link"] == link["name"]]
        carrier = _carrier(link, node, [one["network"] for one in own])
        data["links"] += carrier
        for one in own:
            network = one["network"]
            data["networks"].append(_network(one, _on(data, link, carrier[-1], one, node), routed))
            data["services"] += [{"type": "dns", "address": address} for address in network["dns_nameservers"]]
    data["services"] = [service for number, service in enumerate(data["services"]) if service not in data["services"][:number]]
    return data


def _carrier(link, node, networks):
    """The links that carry untagged frames: a NIC, or the members of a bond and the bond, which is the last one."""
    sizes = [network["mtu"] for network in networks if network["mtu"]]
    mtu = link.get("mtu") or max(sizes, default=None)
    if sizes and mtu < max(sizes):
        raise _wrong(node, f"gives the link {link['name']} an MTU that its networks exceed", f"{mtu} and {max(sizes)}", "raise it, or leave it out")
    size = {"mtu": mtu} if mtu else {}
    ports = [_port(member, node) for member in _members(link)]
    if "port" in link:
        return [{"id": link["name"], "type": "phy", "ethernet_mac_address": ports[0]["address"], **size}]
    members = [{"id": f"{link['name']}-{number}", "type": "phy", "ethernet_mac_address": port["address"], **size} for number, port in enumerate(ports)]
    bond = link["bond"]
    return members + [{
        "id": link["name"], "type": "bond", "ethernet_mac_address": ports[0]["address"], "bond_links": [member["id"] for member in members],
        "bond_mode": bond["mode"], "bond_miimon": bond.get("miimon", 100),
        **({"bond_xmit_hash_policy": bond["xmit_hash_policy"]} if "xmit_hash_policy" in bond else {}), **size,
    }]


def _on(data, link, carrier, one, node):
    """The id of the link that carries a network: the carrier, or a VLAN on it, which is made where it is not there."""
    network = one["network"]
    if not (network["vlan"] if one["tagged"] is None else one["tagged"]):
        return link["name"]
    if not network["vlan"]:
        raise _wrong(node, f"wants the network {network['name']} tagged, which has no VLAN", None, "declare its vlan, or leave tagged out")
    name = f"{link['name']}.{network['vlan']}"
    known = next((other for other in data["links"] if other["id"] == name), None)
    if known is None:
        # cloud-init before 23 needs the MAC address, which is that of the carrier anyway.
        known = {"id": name, "type": "vlan", "vlan_link": link["name"], "vlan_id": network["vlan"], "vlan_mac_address": carrier["ethernet_mac_address"]}
        data["links"].append(known)
    if network["mtu"]:
        known["mtu"] = max(network["mtu"], known.get("mtu", 0))
    return name


def _network(one, link, routed):
    """An address, and the default route where none of its IP version is there yet."""
    network, address = one["network"], ipaddress.ip_interface(f"{one['address']}/{one['network']['cidr'].rpartition('/')[2]}")
    routes = []
    if network["gateway"] and one["gateway"] and address.version not in routed:
        routed.add(address.version)
        anywhere = "0.0.0.0" if address.version == 4 else "::"
        routes = [{"network": anywhere, "netmask": anywhere, "gateway": network["gateway"]}]
    return {"id": f"{network['name']}-{one['key']}" if one["key"] else network["name"], "type": f"ipv{address.version}", "link": link,
            "ip_address": str(address.ip), "netmask": str(address.netmask), "routes": routes}


def _members(link):
    return [link["port"]] if "port" in link else link["bond"]["members"]


def _port(text, node):
    """The port of a node that a text means: its MAC address or its name."""
    for port in node["ports"]:
        if text.lower().replace("-", ":") == port["address"] or text == port["name"]:
            return port
    ports = [f"{port['address']} ({port['name']})" if port["name"] else port["address"] for port in node["ports"]]
    raise _wrong(node, f"names the port {text}, which the node does not have", f"ports {', '.join(ports) or 'none'}",
                 "give the name or MAC address of one of them, or add it to the hardware file and enrol the node again")


def _wrong(node, what, seen, cure):
    return BaremetalError(f"the network layout {what}", node=node["name"], stage=STAGE, seen=seen, cure=cure)
