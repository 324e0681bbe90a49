# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that the registry gives to nodes. Private to the collection; may change at any time.

A node has one address of a network, or one for each of several links. The address of a provisioning network is the one that the node boots with,
``address`` of its record, unless the hardware file says one. An address of a tenant network is its instance's.
All functions work inside a transaction of the caller that has taken hold of the node.
"""

from __future__ import annotations

from .. import _node_addresses
from .._errors import BaremetalError
from . import duplicates, network_rules, networks
from .store import now
from .tables import ADDRESSES, NETWORKS, NODES

try:
    from sqlalchemy import delete, insert, select, update
except ImportError:
    select = None

STAGE = "addresses"


def give(connection, node, name, *, link="", address=None):
    """See to it that a node has an address of a network.

    :param node: record of the node.
    :param name: of the network.
    :param link: what carries the address, for a node with more than one in the network.
    :param address: the one that it is to be; None for the one that it has, or the lowest that is free.
    :returns: (before, after, network): the addresses as texts, before is None where it had none.
    :raises BaremetalError: when the address is somebody else's or none of the network's, or when none is free.
    """
    known = networks.hold(connection)
    if name not in known:
        raise networks.unknown(name, known).at(node=node["name"])
    network = known[name]
    before = connection.execute(select(ADDRESSES.c.address).where(*_which(node, name, link))).scalar_one_or_none()
    if network["type"] == "provisioning":
        _refuse_second(connection, node, name, link)
        if node["address"] and not before:
            return node["address"], _own(node, network, address), network
    elif not node["instance"] and node["provision_state"] != "available":
        raise _refused(node, f"it is {node['provision_state']}, and gets no address of the tenant network {name} yet", None,
                       "provide the node first; the end of a cleaning releases such addresses")
    if before and address is None:
        return before, before, network
    taken = _taken(connection, network)
    after = network_rules.first_free(network, taken) if address is None else _fixed(node, network, address, taken, before)
    if after is None:
        counts = network_rules.counts(network, set(network_rules.inside(network, taken)))
        raise _refused(node, f"the network {name} has no free address", f"{counts['total']} in its ranges, {counts['used']} in use",
                       "widen its ranges, or undeploy nodes that are not needed any more")
    if before == after:
        return before, after, network
    if before:
        _refuse_in_use(node, before, "be exchanged")
        connection.execute(delete(ADDRESSES).where(*_which(node, name, link)))
    connection.execute(insert(ADDRESSES).values(address=after, network=name, node=node["name"], link=link, created_at=now()))
    if network["type"] == "provisioning":
        connection.execute(update(NODES).where(NODES.c.name == node["name"]).values(address=after, updated_at=now()))
    return before, after, network


def release(connection, node, name, *, link=""):
    """Take an address back from a node.

    :returns: the address that it had, as text, or None.
    :raises BaremetalError: when the node carries an instance, which uses it, and is not in maintenance; when there is no such network.
    """
    known = networks.hold(connection)
    if name not in known:
        raise networks.unknown(name, known).at(node=node["name"])
    before = connection.execute(select(ADDRESSES.c.address).where(*_which(node, name, link))).scalar_one_or_none()
    if before:
        _refuse_in_use(node, before, "be released")
        connection.execute(delete(ADDRESSES).where(*_which(node, name, link)))
        connection.execute(update(NODES).where(NODES.c.name == node["name"], NODES.c.address == before).values(address=None, updated_at=now()))
    return before


def release_tenant(connection, name):
    """Take all addresses of tenant networks back from the node of this name."""
    tenant = select(NETWORKS.c.name).where(NETWORKS.c.type == "tenant")
    connection.execute(delete(ADDRESSES).where(ADDRESSES.c.node == name, ADDRESSES.c.network.in_(tenant)))


def given_to_boot(connection, name):
    """The address of a provisioning network that the node of this name was given, or None."""
    provisioning = select(NETWORKS.c.name).where(NETWORKS.c.type == "provisioning")
    return connection.execute(select(ADDRESSES.c.address).where(ADDRESSES.c.node == name, ADDRESSES.c.network.in_(provisioning))).scalar_one_or_none()


def enrol(connection, node):
    """Refuse the addresses that a hardware file gives a node and its BMC where they are another's or not a node's to have; what the node was given before
    ends with its own.

    :param node: dict as ``schema.normalise`` returns it.
    :raises BaremetalError: naming whose the address is.
    """
    address, host = node.get("address"), duplicates.host_of_its_own(duplicates.bmc_key(node))
    if not (address or host):
        return
    # From here on nobody gives an address.
    known = networks.hold(connection)
    _refuse_bmcs(connection, node, address, host)
    if not address:
        return
    for network in known.values():
        why = network_rules.unfit(network, address) if network_rules.holds(network, address) else None
        if why:
            raise BaremetalError(f"it cannot have the address {address} in the network {network['name']}", node=node["name"], stage="enrolment",
                                 seen=f"it {why}", cure="give the node another one, or leave it out and have the registry give one")
    other = connection.execute(select(ADDRESSES.c.node, ADDRESSES.c.address).where(
        ADDRESSES.c.address.in_(_node_addresses.addresses(address)), ADDRESSES.c.node != node["name"])).first()
    if other:
        raise BaremetalError(f"the address {other.address} was given to node {other.node}", node=node["name"], stage="enrolment",
                             seen=_among_sixteen(other.address, address), cure=f"give the node another one, or release that of {other.node} first")
    given = given_to_boot(connection, node["name"])
    if given and given != address:
        connection.execute(delete(ADDRESSES).where(ADDRESSES.c.address == given))


def _refuse_bmcs(connection, node, address, host):
    """Refuse an address of a node that is a BMC's, and one of its BMC that is a node's."""
    if host:
        first = _node_addresses.first(host)
        booted = connection.execute(select(NODES.c.name).where(NODES.c.address == first, NODES.c.name != node["name"])).scalar()
        other = booted or connection.execute(select(ADDRESSES.c.node).where(ADDRESSES.c.address == host)).scalar()
        if other:
            raise BaremetalError(f"the address {host} of its BMC is that of node {other}", node=node["name"], stage="enrolment",
                                 seen=_among_sixteen(host, first) if booted else None,
                                 cure=f"correct the hardware file, or give {other} another address first")
    if not address:
        return
    mine = _node_addresses.addresses(address)
    found = [(duplicates.host_of_its_own(row.bmc_key), row.name) for row in duplicates.bmcs_at(connection, mine, node["name"])]
    for its, name in [*found, (host, node["name"])]:
        if its in mine:
            raise BaremetalError(f"the address {its} is that of the BMC of node {name}", node=node["name"], stage="enrolment",
                                 seen=_among_sixteen(its, address),
                                 cure="correct the hardware file, or leave the address out and have the registry give one")


def _among_sixteen(address, first):
    """What shows why an address is that of the node which boots with the first of sixteen; None for that one itself."""
    return None if address == first else f"a node that boots with {first} has the fifteen that follow as well"


def _which(node, network, link):
    return ADDRESSES.c.node == node["name"], ADDRESSES.c.network == network, ADDRESSES.c.link == link


def _refuse_second(connection, node, name, link):
    """A node boots with one address."""
    if link:
        raise _refused(node, f"an address of the provisioning network {name} is the node's, and not that of a link", None,
                       "leave link out; in a network layout, attach it to one link")
    other = connection.execute(select(ADDRESSES.c.network, ADDRESSES.c.address).where(
        ADDRESSES.c.address == given_to_boot(connection, node["name"]), ADDRESSES.c.network != name)).one_or_none()
    if other:
        raise _refused(node, "it has an address of another provisioning network", f"{other.address} of {other.network}", "release that first")


def _own(node, network, address):
    """The address that the hardware file gives a node."""
    if address not in (None, node["address"]) or not network_rules.holds(network, node["address"]):
        raise _refused(node, f"its hardware file gives it the address {node['address']}",
                       f"asked for {address or 'one'} of {network['name']}, {network['cidr']}",
                       "correct the hardware file, or leave the address out there and enrol the node again")
    return node["address"]


def _taken(connection, network):
    """All addresses that nodes and their BMCs have, as texts; of the sixteen that a node boots with, each one in a tenant network, else the first."""
    given = connection.execute(select(ADDRESSES.c.address)).scalars()
    own = set(connection.execute(select(NODES.c.address).where(NODES.c.address.is_not(None))).scalars())
    if network["type"] == "tenant":
        own.update(*map(_node_addresses.addresses, network_rules.inside(network, own)))
    bmcs = connection.execute(select(NODES.c.bmc_key).where(NODES.c.bmc_key.is_not(None))).scalars()
    return {*given, *own, *(duplicates.parts_of(key)[0] for key in bmcs)}


def _fixed(node, network, text, taken, before):
    """An address that was asked for, in the form of RFC 5952."""
    address = network_rules.parse(network["name"], "address", text)
    why = network_rules.unfit(network, address)
    if not why and address != before and network_rules.is_taken(network, address, taken):
        why = f"{'belongs' if address in taken else 'has one among its sixteen that belongs'} to another node, to another link of this one, or to a BMC"
    if why:
        raise _refused(node, f"it cannot have the address {address} of the network {network['name']}", f"it {why}",
                       "ask for another one, or leave it out to get one that is free")
    return address


def _refuse_in_use(node, address, what):
    if node["instance"] and not node["maintenance"]:
        raise _refused(node, f"the address {address} cannot {what} while the node carries an instance", f"state {node['provision_state']}",
                       "undeploy the node, or put it into maintenance")


def _refused(node, what, seen, cure):
    return BaremetalError(what, node=node["name"], stage=STAGE, seen=seen, cure=cure)
