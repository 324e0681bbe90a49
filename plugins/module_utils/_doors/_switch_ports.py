# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The switch ports of a node, by what the registry knows. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot import network_layout, switch_ports
from .._errors import BaremetalError
from .._lifecycle.steps import NETWORK_STEPS
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
    """Refuse work whose steps could not change the switch ports.

    :param plan: the steps.
    :returns: whether the node is taken into its tenant's networks.
    """
    names = {step["step"] for step in plan}
    check_types(engine, node, [network_type for network_type, step in NETWORK_STEPS.items() if step in names], layout)
    return NETWORK_STEPS["tenant"] in names


def check_types(engine, node, types, layout):
    """Refuse work that could not take the node into the networks that it needs.

    :param types: list of network types, see ``planned``.
    :returns: dict of what is planned by network type.
    """
    return {network_type: planned(engine, node, network_type, layout) for network_type in types}


def check_diskless(plans, node, until):
    """Refuse a boot from the network when nobody would know at which moment the node has all that it boots, and may leave the provisioning network.

    :param plans: what ``check_types`` returned.
    :param until: the stage of the boot at which the boot server has seen all that it will see.
    """
    leaves = "tenant" in plans and not ("provisioning" in plans and switch_ports.stays(plans["provisioning"], plans["tenant"]))
    if leaves and until != "initrd":
        raise BaremetalError(
            "nobody sees when the node has fetched all that it boots, and it would be taken out of the provisioning network before", node=node["name"],
            stage=switch_ports.STAGE, seen="an ISO image, or files that are not on the boot server",
            cure="boot a kernel and an initrd of the boot server, or have the provisioning network in deploy_network_layout, untagged where it boots from")
