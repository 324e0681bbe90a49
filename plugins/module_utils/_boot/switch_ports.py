# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VLANs the switch ports of a node belong into. Private; may change at any time.

A port of a node that is wired to a known switch port has ``local_link_connection``, with port_id, and switch_info or switch_id (Ironic's words). Networks
are dicts as in ``_registry.network_rules``, a layout is one of ``network_layout``.
"""

from __future__ import annotations

import re

from .._errors import BaremetalError
from . import network_layout, static_network

STAGE = "switch ports"

# The role that changes switch ports.
ROLE = "rackwright.baremetal.switch_port"

# Switches that the collection itself can change, which are Linux machines.
INTERFACES = ("linux-bridge", "openvswitch")

# Of a collection, or one that Ansible finds in its roles_path.
_ROLE_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*\.[A-Za-z_]\w*)?", re.ASCII)


def provisioning(node, networks):
    """The switch ports of a node that boots the ramdisk: those of pxe_enabled ports are in the provisioning network alone, the others in none.

    :param node: record of the node.
    :param networks: list of all networks.
    :returns: list of dicts with switch, port, mac (list), vlan (or None), trunk_vlans (list) and state (``present``, or ``absent`` for a port in no VLAN).
    :raises BaremetalError: when the network of the node's address is not known or has no VLAN, or a port is not known to be wired.
    """
    network = static_network.provisioning_network(networks, node["address"])
    if network is None:
        raise _refused(node, "no provisioning network is declared that has the address of the node", f"address {node['address'] or 'none'}",
                       "declare it with networks.yml, with its vlan")
    wanted = {port["address"]: (_vlan(network, node), []) for port in node["ports"] if port["pxe_enabled"]}
    return _wired(node, wanted)


def tenant(node, layout, networks):
    """The switch ports of a node that runs its own system: in the VLANs of the networks that its layout puts on them, others in none.

    Networks that the layout tags are tagged; of those that it does not there can be one on a link.

    :param layout: network layout of the node.
    :returns: as ``provisioning``.
    :raises BaremetalError: when the layout is empty or not understood, a network is not declared or has no VLAN, or a port is not known to be wired.
    """
    if not layout:
        raise _refused(node, "nothing says which networks the node belongs into", None, "describe its links and their networks in deploy_network_layout")
    known = {network["name"]: network for network in networks}
    members = network_layout.members(layout, node)
    wanted = {}
    for link, attached in _by_link(layout).items():
        tagged, untagged = [], []
        for one in attached:
            network = known.get(one["network"])
            if network is None:
                raise _refused(node, f"the network {one['network']} is not declared", f"networks: {', '.join(sorted(known)) or 'none'}",
                               "declare it with networks.yml, or correct the name")
            place = tagged if one["tagged"] or one["tagged"] is None and network["vlan"] else untagged
            place.append(_vlan(network, node))
        if len(set(untagged)) > 1:
            raise _refused(node, f"the link {link} has untagged networks of more than one VLAN", f"VLANs {', '.join(map(str, untagged))}",
                           "have all of them tagged but one")
        if set(untagged) & set(tagged):
            raise _refused(node, f"the link {link} has the VLAN {untagged[0]} tagged and untagged", None, "take one of them out")
        if attached:
            wanted.update(dict.fromkeys(members[link], (untagged[0] if untagged else None, sorted(set(tagged)))))
    return _wired(node, wanted)


def stays(before, after):
    """Whether a node that goes from one plan to another keeps its untagged VLANs, and so reaches whom it reached.

    :param before: as ``provisioning`` returns it.
    :param after: as ``tenant`` returns it.
    """
    kept = {(port["switch"], port["port"]): port["vlan"] for port in after}
    return all(kept.get((port["switch"], port["port"])) == port["vlan"] for port in before if port["vlan"])


def with_switches(ports, switches, node):
    """Add to switch ports how their switch is changed.

    :param ports: as ``provisioning`` returns them.
    :param switches: dict by switch_info or switch_id of dicts with ``interface`` (one of INTERFACES, or the name of a role), and ``host`` (that the
        tasks are delegated to; the name of the switch), ``tasks_from`` (``main``) and ``settings`` (a dict for a role of the site).
    :returns: the same ports, each also with interface, host, role, tasks_from and settings.
    :raises BaremetalError: for a switch that is not described, or not well.
    """
    return [{**port, **_interface(port["switch"], switches, node)} for port in ports]


def _interface(name, switches, node):
    if name not in switches:
        raise _refused(node, f"the switch {name} is not known", f"switches: {', '.join(sorted(switches)) or 'none'}",
                       "describe it in switch_port_switches, by the switch_info or switch_id that stands in the hardware file")
    given = switches[name]
    cure = "give interface, and where needed host, tasks_from and settings; the role switch_port documents them"
    if not isinstance(given, dict) or not isinstance(given.get("interface"), str) or set(given) - {"interface", "host", "tasks_from", "settings"}:
        seen = f"keys {', '.join(map(str, given))}" if isinstance(given, dict) else f"a {type(given).__name__}"
        raise _refused(node, f"what is said of the switch {name} is not understood", seen, cure)
    interface, settings = given["interface"], given.get("settings") or {}
    own = interface in INTERFACES
    if not own and not _ROLE_NAME.fullmatch(interface):
        raise _refused(node, f"the switch {name} has the unknown interface {interface}", None,
                       f"give {', '.join(INTERFACES)}, or the name of a role, as example.site.arista")
    if not isinstance(settings, dict):
        raise _refused(node, f"the settings of the switch {name} are no mapping", None, cure)
    return {"interface": interface, "host": given.get("host") or name, "role": ROLE if own else interface,
            "tasks_from": "linux" if own else given.get("tasks_from") or "main", "settings": settings}


def _by_link(layout):
    found = {link["name"]: [] for link in layout}
    for one in network_layout.attachments(layout):
        found[one["link"]].append(one)
    return found


def _vlan(network, node):
    if not network["vlan"]:
        raise _refused(node, f"the network {network['name']} has no VLAN that a port could be put into", None, "declare its vlan with networks.yml")
    return network["vlan"]


def _wired(node, wanted):
    """The switch ports of a node.

    Several ports of it may be wired to one of a switch, which is one that stands for a group of links (LACP); it does what any of them needs.

    :param wanted: (vlan, trunk_vlans) by MAC address. Other ports that are wired to a known switch port belong into no VLAN.
    """
    found = {}
    for port in node["ports"]:
        link, vlans = port.get("local_link_connection"), wanted.get(port["address"])
        if link is None:
            if vlans:
                raise _refused(node, f"it is not known which switch port {port['name'] or port['address']} is wired to", None,
                               "give the port a local_link_connection with switch_info and port_id in the hardware file, and enrol the node again")
            continue
        switch = link.get("switch_info") or link["switch_id"]
        other = found.setdefault((switch, link["port_id"]), {"switch": switch, "port": link["port_id"], "mac": [], "vlans": vlans})
        other["mac"].append(port["address"])
        if vlans and other["vlans"] and vlans != other["vlans"]:
            raise _refused(node, f"two of its ports are wired to {switch} {link['port_id']}, and belong into different VLANs", None,
                           "correct the hardware file, or put the ports into one bond of the layout")
        other["vlans"] = other["vlans"] or vlans
    if not found:
        raise _refused(node, "it is not known which switch ports it is wired to", None,
                       "give its ports a local_link_connection with switch_info and port_id in the hardware file, and enrol the node again")
    return [
        {"switch": one["switch"], "port": one["port"], "mac": one["mac"], "vlan": one["vlans"][0] if one["vlans"] else None,
         "trunk_vlans": one["vlans"][1] if one["vlans"] else [], "state": "present" if one["vlans"] else "absent"}
        for one in found.values()
    ]


def _refused(node, what, seen, cure):
    return BaremetalError(what, node=node["name"], stage=STAGE, seen=seen, cure=cure)
