# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What network_data may say, of a node and on a config drive. Private to the collection; may change at any time.

The format is OpenStack's network_data.json, which cloud-init and Glean read
(https://docs.openstack.org/nova/latest/user/metadata.html#openstack-format-metadata). Keys that are not described here
are let through: the format has more of them than machines need.
"""

from __future__ import annotations

import ipaddress

from ._errors import BaremetalError, missing_library

try:
    import jsonschema
except ImportError as error:
    jsonschema = None
    JSONSCHEMA_ERROR = error
else:
    JSONSCHEMA_ERROR = None

_ID = {"type": "string", "minLength": 1}
_ADDRESS = {"type": "string", "minLength": 1}
_MAC = {"type": "string", "pattern": "^([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}$"}


def _when(types, *required):
    return {"if": {"properties": {"type": {"enum": types}}}, "then": {"required": list(required)}}


# JSON schema (draft 2020-12). An empty one stands for none.
SCHEMA = {
    "type": ["object", "null"],
    "if": {"type": "object", "minProperties": 1},
    "then": {"required": ["links", "networks", "services"]},
    "properties": {
        "links": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "type"],
                "properties": {
                    "id": _ID,
                    "type": {"type": "string"},
                    "ethernet_mac_address": _MAC,
                    "mtu": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535},
                    "vlan_id": {"type": "integer", "minimum": 1, "maximum": 4094},
                    "vlan_link": _ID,
                    "vlan_mac_address": _MAC,
                    "bond_links": {"type": "array", "items": _ID, "minItems": 1},
                    "bond_mode": {"type": "string"},
                },
                "allOf": [_when(["phy"], "ethernet_mac_address"), _when(["vlan"], "vlan_id", "vlan_link"), _when(["bond"], "bond_links", "bond_mode")],
            },
        },
        "networks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "type", "link"],
                "properties": {
                    "id": _ID,
                    "link": _ID,
                    "type": {"enum": ["ipv4", "ipv6", "ipv4_dhcp", "ipv6_dhcp", "ipv6_slaac", "ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateless"]},
                    "ip_address": _ADDRESS,
                    "netmask": _ADDRESS,
                    "routes": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["network", "gateway"],
                            "properties": {"network": _ADDRESS, "netmask": _ADDRESS, "gateway": _ADDRESS},
                        },
                    },
                },
                "allOf": [_when(["ipv4", "ipv6"], "ip_address")],
            },
        },
        "services": {
            "type": "array",
            "items": {"type": "object", "required": ["type", "address"], "properties": {"type": {"type": "string"}, "address": _ADDRESS}},
        },
    },
}


def problems(data):
    """What is wrong with network_data by SCHEMA, as a list of texts "place: what"; none when nothing is.

    :raises BaremetalError: when jsonschema is not installed.
    """
    if jsonschema is None:
        raise missing_library("jsonschema", JSONSCHEMA_ERROR)
    found = sorted(jsonschema.Draft202012Validator(SCHEMA).iter_errors(data), key=lambda problem: list(map(str, problem.absolute_path)))
    return [f"{'.'.join(map(str, problem.absolute_path)) or 'network_data'}: {problem.message[:200]}" for problem in found]


def check(data, *, node=None, stage=None):
    """Refuse network_data that is not in OpenStack's format, or names what it does not have.

    :param data: what was given as network_data.
    :param node: name of the node, for the error.
    :param stage: stage of the work, for the error.
    :raises BaremetalError: naming every key that is wrong.
    """
    found = problems(data)
    if found:
        raise BaremetalError("network_data is not in OpenStack's format: " + "; ".join(found), node=node, stage=stage,
                             cure="correct it; links, networks and services are lists, docs/config-drive.md shows one")
    if data:
        check_references(data, node, stage=stage)


def check_references(data, node, *, stage="enrolment"):
    """Refuse what names a link that is not there, ids that stand twice, and addresses that are none.

    :param data: dict that SCHEMA has checked.
    :param node: name of the node, for the error.
    :param stage: stage of the work, for the error.
    :raises BaremetalError: naming the id or the address.
    """
    links = [link["id"] for link in data["links"]]
    wanted = [link["vlan_link"] for link in data["links"] if link["type"] == "vlan"]
    wanted += [name for link in data["links"] if link["type"] == "bond" for name in link["bond_links"]]
    wanted += [network["link"] for network in data["networks"]]
    for name in wanted:
        if name not in links:
            raise BaremetalError(f"network_data names the link {name}, which it does not have", node=node, stage=stage,
                                 seen=f"links {', '.join(links) or 'none'}", cure="correct the id, or describe the link")
    for what, ids in (("link", links), ("network", [network["id"] for network in data["networks"]])):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise BaremetalError(f"network_data has more than one {what} {', '.join(twice)}", node=node, stage=stage, cure="give every one its own id")
    addresses = [(network["ip_address"], ipaddress.ip_interface) for network in data["networks"] if network.get("ip_address")]
    addresses += [(route["gateway"], ipaddress.ip_address) for network in data["networks"] for route in network.get("routes", [])]
    addresses += [(service["address"], ipaddress.ip_address) for service in data["services"]]
    for address, parse in addresses:
        try:
            parse(address)
        except ValueError as error:
            raise BaremetalError(f"network_data: {address} is no address", node=node, stage=stage, seen=str(error),
                                 cure="give an IPv4 or IPv6 address; that of a network may have a prefix length") from None
