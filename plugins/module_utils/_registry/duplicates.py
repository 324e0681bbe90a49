# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What no two nodes may share: names, MAC and other addresses, serial numbers, UUIDs, BMCs and switch ports. Private; may change at any time.

All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import ipaddress
import os.path
import urllib.parse

from .._errors import BaremetalError
from .tables import NODES, PORTS

try:
    from sqlalchemy import delete, select, update
except ImportError:
    select = None

# Columns whose values belong to one node each, and what they are called.
_OWN = {"address": "address", "system_uuid": "system UUID", "serial": "serial number"}

# Ports on which a BMC itself answers, by Redfish and by IPMI. Behind another port of a host there may be another BMC.
OWN_PORTS = {443, 80, 623}


def bmc_key(node):
    """What tells one BMC from another: several systems may stand behind one address, several BMCs behind one gateway or bridge.

    :param node: dict with driver and bmc.
    :returns: ``host:port/system_id``, or ``host:port/channel-address`` behind a bridge; None without a BMC.
    """
    bmc = node.get("bmc")
    if not bmc:
        return None
    parts = split(bmc["address"])
    port = bmc.get("port") or parts.port or {"http": 80, "ipmi": 623}.get(parts.scheme or node["driver"], 443)
    bridged = [str(bmc[key]) for key in ("bridge_channel", "bridge_address") if bmc.get(key) is not None]
    return f"{canonical(parts.hostname)}:{port}/{bmc.get('system_id') or '-'.join(bridged)}"


def _is_same_bmc(key, driver, other_key, other_driver):
    """Whether two keys, as ``bmc_key`` makes them, mean one BMC.

    Without a system_id Redfish has the only system there, which may be any. On the ports of its own a BMC is one, whichever way it is spoken to,
    but for those that IPMI reaches over a bridge behind it.
    """
    if driver == other_driver == "ipmi":
        return key == other_key
    (host, port, system), (other_host, other_port, other_system) = parts_of(key), parts_of(other_key)
    if host != other_host or (port != other_port and not {port, other_port} <= OWN_PORTS):
        return False
    if "ipmi" in (driver, other_driver):
        return not (system if driver == "ipmi" else other_system)
    return system == other_system or not (system and other_system)


def parts_of(key):
    """Host, port and what stands behind it, of a key as ``bmc_key`` makes it."""
    place, dummy, system = key.partition("/")
    host, dummy, port = place.rpartition(":")
    return host, int(port), system


def host_of_its_own(key):
    """The address of a BMC that has one to itself; behind another port a program on a host may stand for BMCs, and the host be a node.

    :param key: as ``bmc_key`` makes it, or None.
    """
    if not key:
        return None
    host, port, dummy = parts_of(key)
    return host if port in OWN_PORTS else None


def bmcs_at(connection, hosts, name):
    """The BMCs at some addresses that nodes other than the one of this name have.

    :param hosts: the addresses.
    :returns: list of rows with name, driver and bmc_key, by name.
    """
    beginning = os.path.commonprefix([f"{host}:" for host in hosts])
    rows = connection.execute(select(NODES.c.name, NODES.c.driver, NODES.c.bmc_key).where(
        NODES.c.bmc_key.startswith(beginning, autoescape=True), NODES.c.name != name).order_by(NODES.c.name))
    # That is the beginning of others too.
    return [row for row in rows if parts_of(row.bmc_key)[0] in hosts]


def switch_port(link):
    """The switch port of a local_link_connection, by the name that the role switch_port changes it by; MAC addresses in one form."""
    return f"{link.get('switch_info') or link['switch_id'].lower()} {link['port_id']}"


def is_same_switch_port(link, other):
    """Whether two local_link_connections are one switch port; of two with the same name their switches are told apart by ``switch_id``, where both have one."""
    identities = {one["switch_id"].lower() for one in (link, other) if one.get("switch_id")}
    return switch_port(link) == switch_port(other) and len(identities) < 2


def _switch_ports_of_others(connection, node):
    """The switch ports of a node that others are wired to as well. Several ports of one node may share one, which is a group of links then.

    :returns: list of (switch port, name of the other).
    """
    links = [port["local_link_connection"] for port in node["ports"] if port.get("local_link_connection")]
    if not links:
        return []
    rows = connection.execute(select(PORTS.c.local_link_connection, PORTS.c.node).where(
        PORTS.c.local_link_connection["port_id"].as_string().in_([link["port_id"] for link in links]), PORTS.c.node != node["name"]).order_by(PORTS.c.node))
    return [(switch_port(link), other) for link, other in rows if any(is_same_switch_port(own, link) for own in links)]


def split(address):
    """The address of a BMC as ``urllib.parse`` has URLs. A bare IPv6 address has more than one colon, a host with a port exactly one.

    :raises ValueError: for what is no address; also where ``port`` of the result is asked for.
    """
    if "://" not in address and address.count(":") > 1 and not address.startswith("["):
        return urllib.parse.urlsplit(f"//[{ipaddress.IPv6Address(address)}]")
    return urllib.parse.urlsplit(address if "://" in address else f"//{address}")


def canonical(host):
    """A host as BMCs are compared by it: each address has one spelling (RFC 5952), and a name stays what it is."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    # The same host, as a socket of IPv6 shows it.
    return str(getattr(address, "ipv4_mapped", None) or address)


def give_up(connection, node, old):
    """Free what a node has now and will not have any more, for the others that are enrolled with it.

    :param node: dict as ``schema.normalise`` returns it.
    :param old: the record of the node.
    """
    gone = [column for column in _OWN if old[column] and old[column] != node.get(column)]
    if bmc_key(old) != bmc_key(node):
        gone.append("bmc_key")
    if gone:
        connection.execute(update(NODES).where(NODES.c.name == old["name"]).values(dict.fromkeys(gone)))
    kept = {port["address"]: port for port in node["ports"]}
    for port in old["ports"]:
        if port["address"] not in kept:
            connection.execute(delete(PORTS).where(PORTS.c.address == port["address"]))
        elif port.get("local_link_connection") != kept[port["address"]].get("local_link_connection"):
            connection.execute(update(PORTS).where(PORTS.c.address == port["address"]).values(local_link_connection=None))


def refuse_names(connection, names):
    """Refuse names of new nodes that differ from another one in the case of their letters alone.

    Host names do not know case (RFC 4343): name servers and DHCP would take both for one machine.

    :param names: list of the names that are enrolled together, each once.
    :raises BaremetalError: naming both.
    """
    known = set(connection.execute(select(NODES.c.name)).scalars())
    by_lower = {name.lower(): name for name in known}
    for name in names:
        other = by_lower.setdefault(name.lower(), name)
        if other != name and name not in known:
            raise BaremetalError(f"the name differs from that of node {other} in the case of its letters alone", node=name, stage="enrolment",
                                 cure=f"write it as {other} if it is that node, or give it another name")


def refuse(connection, node):
    """Refuse a node that has what belongs to another one.

    :param node: dict as ``schema.normalise`` returns it.
    :raises BaremetalError: naming what it is and whose.
    """
    name = node["name"]
    _refuse_name_of_both(connection, node)
    found = [
        (label, node[column], connection.execute(select(NODES.c.name).where(NODES.c[column] == node[column], NODES.c.name != name)).scalar())
        for column, label in _OWN.items() if node.get(column)
    ]
    key = bmc_key(node)
    if key:
        others = bmcs_at(connection, [parts_of(key)[0]], name)
        found.append(("BMC", key, next((other.name for other in others if _is_same_bmc(key, node["driver"], other.bmc_key, other.driver)), None)))
    for port in node["ports"]:
        found.append(("MAC address", port["address"], connection.execute(
            select(PORTS.c.node).where(PORTS.c.address == port["address"], PORTS.c.node != name)).scalar()))
    found += [("switch port", value, other) for value, other in _switch_ports_of_others(connection, node)]
    for label, value, other in found:
        if other:
            raise BaremetalError(f"the {label} {value} belongs to node {other} already", node=name, stage="enrolment",
                                 cure=f"correct the hardware file, or remove {other} first")


def _refuse_name_of_both(connection, node):
    """A host and a group of one name cannot be told apart in an inventory."""
    name, rack = node["name"], node.get("rack")
    named = connection.execute(select(NODES.c.name).where(NODES.c.rack == name)).scalar()
    if rack and (rack == name or connection.execute(select(NODES.c.name).where(NODES.c.name == rack)).scalar()):
        raise BaremetalError(f"its rack {rack} has the name of a node", node=name, stage="enrolment", cure="give the rack another name")
    if named:
        raise BaremetalError(f"it has the name of the rack of node {named}", node=name, stage="enrolment", cure="give the node or the rack another name")
