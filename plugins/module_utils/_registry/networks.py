# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks in the registry. Private to the collection; may change at any time. A network is a dict as in ``network_rules``."""

from __future__ import annotations

from .._errors import BaremetalError
from . import network_rules
from .network_rules import DETAILS, STAGE
from .store import by_bytes, now
from .tables import ADDRESSES, NETWORKS, NODES

try:
    from sqlalchemy import delete, insert, select, update
except ImportError:
    select = None


def hold(connection):
    """All networks, which nobody else changes or gives addresses of until the transaction of the caller ends.

    Who holds nodes as well takes hold of them before; who holds networks never waits for a node.

    :returns: dict by name.
    """
    return {row.name: _network(row) for row in connection.execute(select(NETWORKS).order_by(by_bytes(connection, NETWORKS.c.name)).with_for_update())}


def _network(row):
    return {"name": row.name, "type": row.type, "cidr": row.cidr, **{key: row.details[key] for key in DETAILS}}


def unknown(name, known):
    """The error for a network that is not declared.

    :param known: names of those that are.
    """
    return BaremetalError(f"the registry has no network {name}", stage=STAGE, seen=f"networks: {', '.join(sorted(known)) or 'none'}",
                          cure="declare it with networks.yml, or correct the name")


def list_networks(engine):
    """All networks by name, each also with its counts (see ``network_rules.counts``) and ``addresses``, which nodes have which.

    An address with the link None is the one that the hardware file gives the node.
    """
    with engine.begin() as connection:
        own = {row.address: row.name for row in connection.execute(select(NODES.c.name, NODES.c.address).where(NODES.c.address.is_not(None)))}
        networks = [_network(row) for row in connection.execute(select(NETWORKS).order_by(NETWORKS.c.name))]
        given = connection.execute(select(ADDRESSES)).all()
    for network in networks:
        found = {row.address: {"address": row.address, "node": row.node, "link": row.link} for row in given if row.network == network["name"]}
        for address in network_rules.inside(network, own):
            found.setdefault(address, {"address": address, "node": own[address], "link": None})
        network.update(network_rules.counts(network, set(found)), addresses=network_rules.in_order(found))
    return networks


def declare(connection, declared):
    """Bring the registry to what is declared of some networks, inside a transaction of the caller. Others are left alone.

    :param declared: list of networks as ``network_rules.normalise`` returns them.
    :returns: list of (before, after) in the same order; before is {} for a new network.
    :raises BaremetalError: when networks overlap, or nodes have addresses that the network would not have any more.
    """
    known = hold(connection)
    names = [network["name"] for network in declared]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BaremetalError(f"the network {', '.join(twice)} is declared more than once", stage=STAGE, cure="give every network a name of its own")
    network_rules.refuse_overlap([network for network in known.values() if network["name"] not in names] + declared)
    for network in declared:
        old = known.get(network["name"])
        if network == old:
            continue
        _refuse_loss(connection, old, network)
        values = {"type": network["type"], "cidr": network["cidr"], "details": {key: network[key] for key in DETAILS}, "updated_at": now()}
        if old:
            connection.execute(update(NETWORKS).where(NETWORKS.c.name == network["name"]).values(**values))
        else:
            connection.execute(insert(NETWORKS).values(name=network["name"], created_at=values["updated_at"], **values))
    return [(known.get(network["name"], {}), network) for network in declared]


def _refuse_loss(connection, old, network):
    """Refuse a network that does not fit the nodes whose addresses are in it."""
    given = connection.execute(select(ADDRESSES.c.node, ADDRESSES.c.address).where(ADDRESSES.c.network == network["name"]).order_by(ADDRESSES.c.node)).all()
    if given and old["type"] != network["type"]:
        raise _in_use(network, given[0], f"it has been given as one of a {old['type']} network", "release its addresses first")
    # Boot addresses of hardware files may be in no network at all, but not on top of something else.
    own = connection.execute(select(NODES.c.name.label("node"), NODES.c.address).where(NODES.c.address.is_not(None)).order_by(NODES.c.name)).all()
    for row in [*given, *(row for row in own if network_rules.holds(network, row.address))]:
        why = network_rules.unfit(network, row.address)
        if why:
            raise _in_use(network, row, f"it {why}", "correct the network, or give the node another address first")


def _in_use(network, row, why, cure):
    return BaremetalError(f"network {network['name']}: it does not fit the address of node {row.node}", stage=STAGE, seen=f"{row.address}: {why}", cure=cure)


def remove(connection, names):
    """Forget networks, inside a transaction of the caller.

    :returns: list of those that were there, each a network or {}.
    :raises BaremetalError: when a node has an address of one of them.
    """
    known = hold(connection)
    for name in names:
        given = connection.execute(select(ADDRESSES.c.node, ADDRESSES.c.address).where(ADDRESSES.c.network == name).order_by(ADDRESSES.c.node)).all()
        if given:
            raise BaremetalError(f"network {name}: nodes have addresses of it", stage=STAGE, seen=", ".join(f"{row.node} {row.address}" for row in given[:20]),
                                 cure="undeploy the nodes, or release their addresses with the module network_address")
        connection.execute(delete(NETWORKS).where(NETWORKS.c.name == name))
    return [known.get(name, {}) for name in names]
