# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the config drive of a deploy says, by the play, the network layout and the node's record. Private to the collection; may change at any time."""

from __future__ import annotations

import contextlib
import ipaddress
import uuid

from .._errors import BaremetalError
from ._settings import STAGE, look_at_config_drive

# Types of networks with an address that is in network_data; all others get one when they are up.
_STATIC = ("ipv4", "ipv6")


def planned(given, node, instance, network_data, *, public_keys=None, keeps=False):
    """What the config drive will say; None where none was given. The instance takes the UUID that a ready drive has.

    :param given: what the filter config_drive takes, apart from uuid and the image's digest in meta; or None.
    :param node: record of the node.
    :param instance: the instance that the config drive is for.
    :param network_data: what follows from the network layout or the record, or {}.
    :param public_keys: keys for the system where the drive is given none.
    :param keeps: whether there is an instance whose config drive can stay.
    :returns: as ``look_at_config_drive``.
    """
    if given is None:
        return None
    if given.get("public_keys") is None and public_keys is not None:
        given = {**given, "public_keys": public_keys}
    if network_data:
        if given.get("network_data"):
            raise BaremetalError("network_data and a network layout were given", stage=STAGE, cure="give deploy_network_data or deploy_network_layout")
        given = {**given, "network_data": network_data}
    drive = look_at_config_drive(given, node, instance, keeps=keeps)
    if network_data:
        drive["data"]["network_data"] = network_data
    with contextlib.suppress(ValueError, TypeError):
        instance["uuid"] = str(uuid.UUID(drive["instance_uuid"]))
    return drive


def recorded_network(given, node):
    """The network_data of the node's record, for a drive that is given none of its own and is not ready; else {}.

    :param given: as for ``planned``.
    :param node: record of the node.
    :raises BaremetalError: when the node would not have the address any more at which the new system is proved.
    """
    data = node["network_data"]
    if not data or given is None or "iso" in given or given.get("network_data"):
        return {}
    networks = data["networks"]
    static = [ipaddress.ip_interface(network["ip_address"]).ip for network in networks if network["type"] in _STATIC]
    if node["address"] and len(static) == len(networks) and ipaddress.ip_address(node["address"]) not in static:
        raise BaremetalError(f"network_data of the node's record leaves out {node['address']}, at which the new system is proved", node=node["name"],
                             stage=STAGE, seen=f"addresses {', '.join(map(str, static)) or 'none'}",
                             cure="correct network_data or address in the hardware file and enrol the node again, or give deploy_network_data")
    return data
