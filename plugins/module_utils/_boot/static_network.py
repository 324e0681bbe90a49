# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ramdisk of a node is told of its network that no DHCP server tells it. Private to the collection; may change at any time."""

from __future__ import annotations

import ipaddress
import re

from .._errors import BaremetalError

# A node's name that can be a machine's.
HOST_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def arguments(node, address, network, gateway=None, dns=()):
    """The kernel arguments by which the ramdisk takes its address without asking anybody.

    :param node: name of the node; the ramdisk takes its host name from it where it is one.
    :param address: its address.
    :param network: the network that it is in, in CIDR form.
    :param gateway: address of the router, or None.
    :param dns: addresses of name servers.
    :returns: list of (key, value).
    :raises BaremetalError: when one is no address, or the network is not theirs.
    """
    if not network:
        raise BaremetalError("nothing says which network the node is in, and it gets no address by DHCP", stage="boot files", seen=f"address {address}",
                             cure="declare the network with networks.yml, set boot_server_network for the boot server, or ramdisk_boot_network for the nodes")
    try:
        within = ipaddress.ip_network(network)
        given = [ipaddress.ip_address(text) for text in (address, *([gateway] if gateway else []))]
        servers = [str(ipaddress.ip_address(text)) for text in dns or ()]
    except ValueError as error:
        raise BaremetalError("the network of the node is not valid", stage="boot files", seen=str(error),
                             cure="correct ramdisk_boot_network, ramdisk_boot_gateway and ramdisk_boot_dns") from error
    # A router of IPv6 may be known by its address on the link alone (RFC 4861, 4.2).
    on_link = [entry for entry in given[1:] if entry.version == within.version == 6 and entry.is_link_local]
    outside = [str(entry) for entry in given if entry not in within and entry not in on_link]
    if outside:
        raise BaremetalError(f"{' and '.join(outside)} not in the node's network", stage="boot files", seen=f"network {within}",
                             cure="declare the network that has the node's address with networks.yml, or set ramdisk_boot_network and ramdisk_boot_gateway")
    found = [("rackwright.address", f"{given[0]}/{within.prefixlen}")]
    found += [("rackwright.gateway", str(given[1]))] if gateway else []
    found += [("rackwright.dns", ",".join(servers))] if servers else []
    return found + _host_name(node)


def holds(network, address):
    """Whether a network, in CIDR form, has an address; false as well for what is none."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


def provisioning_network(networks, address):
    """The declared network that nodes boot in and that has an address, or None.

    :param networks: dicts as in ``_registry.network_rules``.
    :param address: the node's, or None.
    """
    return next((one for one in networks if one["type"] == "provisioning" and holds(one["cidr"], address)), None)


def beside_dhcp(node, address):
    """The kernel arguments that a ramdisk needs which gets its address by DHCP: the host name where that is DHCPv6, in which the ramdisk is told none.

    :param node: name of the node.
    :param address: its address.
    :returns: list of (key, value).
    """
    return _host_name(node) if ":" in address else []


def _host_name(node):
    return [("rackwright.hostname", node)] if HOST_NAME.fullmatch(node) else []
