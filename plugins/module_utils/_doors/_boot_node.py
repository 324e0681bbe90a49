# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What doors to the boot server need to know of a node. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot import boot_interface, static_network
from .._errors import BaremetalError
from ._registry_access import existing_registry, record


def fill_boot_port(call, wanted):
    """Take from the registry what the task does not say of the node's boot port.

    :param wanted: option names, of ``mac`` and ``address``.
    :returns: dict of the options that were missing.
    :raises BaremetalError: when something is missing in the registry as well, or there is no registry.
    """
    missing = [option for option in wanted if not call.params[option]]
    if not missing:
        return {}
    if not call.registry_url:
        raise BaremetalError(
            f"nothing says which {' and '.join(missing)} the node has", stage="boot files", seen="no option and no registry",
            cure=f"enrol the node and give the registry, or give {' and '.join(missing)}")
    node = record(call)
    known = {"mac": node["boot_mac"], "address": node["address"]}
    for option, advice in (("mac", "a port with pxe_enabled"), ("address", "an address")):
        if option in missing and not known[option]:
            raise BaremetalError(
                f"the registry has no {option} for booting the node", stage="boot files",
                seen=f"ports {[port['address'] for port in node['ports']]}, address {node['address']}",
                cure=f"give the node {advice} in the hardware file and enrol it again")
    return {option: known[option] for option in missing}


def fitting_network(call, address, interfaces, given):
    """The declared network that has the node's address, where a ramdisk that asks no DHCP server was to be told of another one.

    :param address: the node's.
    :param interfaces: the boot interfaces that come into question.
    :param given: dict with ``network``, ``gateway`` and ``dns``, as the variables of the node and of its boot server say.
    :returns: the same three of the network in the registry; {} where what is given fits, or the registry has none that does.
    """
    if not call.registry_url or not set(interfaces) & set(boot_interface.MEDIA) or not address or static_network.holds(given["network"], address):
        return {}
    from .._registry import networks

    with existing_registry(call).begin() as connection:
        declared = networks.hold(connection).values()
    found = static_network.provisioning_network(declared, address)
    return {"network": found["cidr"], "gateway": found["gateway"], "dns": found["dns_nameservers"]} if found else {}
