# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layouts of a node's network, with the addresses that the registry gives it. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot import network_layout
from .._errors import BaremetalError
from .._registry import addresses, nodes


def network_data(connection, node, layout, *, leaves):
    """Give a node the addresses that a layout asks for, and tell the network_data that follows, inside a transaction of the caller.

    :param node: record of the node, of which the transaction has taken hold.
    :param layout: list of links, see ``network_layout.SCHEMA``.
    :param leaves: whether the switches take the node out of the provisioning network, so that it need not be in the layout.
    :returns: (network_data, address at which the new system is proved).
    :raises BaremetalError: when the layout is not understood, an address cannot be given, or the node could not be reached afterwards.
    """
    network_layout.check(layout, node)
    attached = []
    for one in network_layout.attachments(layout):
        _before, address, network = addresses.give(connection, node, one["network"], link=one["key"], address=one["address"])
        # What it boots with from now on, for the next one.
        node = {**node, "address": address} if network["type"] == "provisioning" else node
        attached.append({**one, "address": address, "network": network})
    given = [one["address"] for one in attached]
    if node["address"] not in given and not (leaves and given):
        raise BaremetalError(f"the network layout leaves out {node['address'] or 'an address of a provisioning network'}, at which the new system is proved",
                             node=node["name"], stage=network_layout.STAGE, seen=f"networks {', '.join(one['network']['name'] for one in attached) or 'none'}",
                             cure="attach the network of the node's address to one of the links; networks.yml declares it, with type provisioning")
    return network_layout.render(layout, node, attached), node["address"] if node["address"] in given else given[0]


def in_transaction(engine, name, layout, *, leaves, foresee):
    """The same, in a transaction of its own.

    :param foresee: whether nothing is given, and what would be is told.
    """
    with engine.begin() as connection:
        found = network_data(connection, nodes.read(connection, name, for_update=True), layout, leaves=leaves)
        if foresee:
            connection.rollback()
    return found
