# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch ports of a node, by what the registry knows. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot import network_layout, switch_ports
from .._lifecycle.builtin_steps import ADD_PROVISIONING_NETWORK, SWITCH_TO_TENANT_NETWORK
from .._registry import networks


def planned(engine, node, network_type, layout):
    """The VLANs that the switch ports of a node belong into.

    :param node: record of the node.
    :param network_type: ``provisioning`` while the node boots the ramdisk, ``tenant`` while it runs its own system.
    :param layout: network layout of the node, for ``tenant``.
    :returns: list of dicts, see ``switch_ports.provisioning``.
    :raises BaremetalError: see there and ``switch_ports.tenant``.
    """
    known = networks.list_networks(engine)
    if network_type == "provisioning":
        return switch_ports.provisioning(node, known)
    network_layout.check(layout, node)
    return switch_ports.tenant(node, layout, known)


def check(engine, node, plan, layout):
    """Refuse a deploy whose steps could not change the switch ports.

    :param plan: the steps.
    :returns: whether the node is taken into its tenant's networks.
    """
    names = {step["step"] for step in plan}
    for step, network_type in ((ADD_PROVISIONING_NETWORK, "provisioning"), (SWITCH_TO_TENANT_NETWORK, "tenant")):
        if step in names:
            planned(engine, node, network_type, layout)
    return SWITCH_TO_TENANT_NETWORK in names
