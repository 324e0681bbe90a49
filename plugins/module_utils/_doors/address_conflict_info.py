# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the address_conflict_info module."""

from __future__ import annotations

import ipaddress

from .._boot.address_conflicts import STAGE, find_holders
from .._boot.packet_link import host_cards
from .._checks import FAIL, OK, SKIPPED, check
from .._door import Door
from .._errors import BaremetalError
from ._options import REGISTRY

_CHECK = "address"
_CURE = "give one of them another address; the switch that learned the MAC address tells the port"


def before(call):
    """Fill in the nodes that the registry has; the host that asks knows nothing of the registry."""
    if not call.registry_url or call.params["nodes"] is not None:
        return {}
    from .._registry import nodes  # see _registry_access.py
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    known, names = nodes.list_nodes(engine) if engine is not None else [], call.params["names"]
    found = [{"name": node["name"], "address": node["address"], "macs": [port["address"] for port in node["ports"]]}
             for node in known if names is None or node["name"] in names]
    # Its URL, which may hold a password, is of no use there.
    return {"nodes": found, "registry": None}


def run(call):
    """Ask and listen; runs on a host in the network."""
    params = call.params
    try:
        network = ipaddress.IPv4Network(params["network"])
    except ValueError as error:
        raise BaremetalError("the network is no IPv4 network", stage=STAGE, seen=error, cure="give it as CIDR, for instance 192.0.2.0/24") from error
    nodes = params["nodes"] or []
    asked = [address for address in dict.fromkeys([params["own"], *(node["address"] for node in nodes)]) if _inside(network, address)]
    holders = find_holders(params["interface"], asked, params["timeout"], netns=params["netns"])
    found = {node["name"]: _checked(node, asked, holders) for node in nodes}
    own = [] if params["own"] is None else [_own(params["own"], holders, host_cards(params["netns"]))]
    return {"changed": False, "holders": holders, "checks": own, "nodes": {name: [item] for name, item in found.items()},
            "conflicts": [name for name, item in found.items() if item["status"] == FAIL]}


def _inside(network, address):
    try:
        return address is not None and ipaddress.ip_address(address) in network
    except ValueError:
        return False


def _checked(node, asked, holders):
    if node["address"] not in asked:
        return check(_CHECK, SKIPPED, "it has no address in this network")
    if not node["macs"]:
        return check(_CHECK, SKIPPED, "whose MAC address may answer is not known")
    own = {mac.lower().replace("-", ":") for mac in node["macs"]}
    strangers = ", ".join(mac for mac in holders.get(node["address"], []) if mac not in own)
    if not strangers:
        return check(_CHECK, OK)
    # By the cause the same trouble of many nodes is told once, a router for instance that answers for everybody.
    return {**check(_CHECK, FAIL, f"its address {node['address']} is in use by MAC {strangers}", f"{_CURE}. If it is a card of the node itself, add it to "
                    "the node's ports"), "cause": f"its address is in use by MAC {strangers}"}


def _own(address, holders, cards):
    # Linux answers for an address on its other cards as well, where they are in the same segment.
    strangers = [mac for mac in holders.get(address, []) if mac not in cards]
    if not strangers:
        return check(_CHECK, OK)
    return check(_CHECK, FAIL, f"{address} is also the address of MAC {', '.join(strangers)}", _CURE)


DOOR = Door(
    argument_spec={
        "interface": {"type": "str", "required": True},
        "network": {"type": "str", "required": True},
        "own": {"type": "str"},
        "names": {"type": "list", "elements": "str"},
        "nodes": {"type": "list", "elements": "dict", "options": {
            "name": {"type": "str", "required": True}, "address": {"type": "str"}, "macs": {"type": "list", "elements": "str", "default": []}}},
        "netns": {"type": "str"},
        "timeout": {"type": "int", "default": 3},
        **REGISTRY,
    },
    run=run,
    before=before,
    names_node=False,
)
