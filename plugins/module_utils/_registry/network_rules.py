# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a network, and which of its addresses may be given. Private to the collection; may change at any time.

A network is a dict with the keys name, type (provisioning or tenant), cidr, vlan, gateway, dns_nameservers, mtu, ranges (list of dicts with
start and end) and reserved; addresses are texts in the form of RFC 5952.
"""

from __future__ import annotations

import re

from .. import _node_addresses
from .._errors import BaremetalError, missing_library

try:
    import netaddr
except ImportError as error:
    netaddr = None
    NETADDR_ERROR = error
else:
    NETADDR_ERROR = None

STAGE = "networks"
TYPES = ("provisioning", "tenant")

# What a network says beside name, type and cidr.
DETAILS = ("vlan", "gateway", "dns_nameservers", "mtu", "ranges", "reserved")

# The least MTU that hosts must take: RFC 791 (3.1) and RFC 8200 (5).
_LEAST_MTU = {4: 68, 6: 1280}


def normalise(given):
    """Check one declared network and bring it into the form that the registry keeps.

    :param given: dict with name, type and cidr, and any of DETAILS.
    :returns: a new dict with all keys.
    :raises BaremetalError: naming the network and what is wrong with it.
    """
    if netaddr is None:
        raise missing_library("netaddr", NETADDR_ERROR)
    name = given["name"]
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?", name) or len(name) > 255:
        raise BaremetalError(f"{name!r} cannot be the name of a network", stage=STAGE, cure="use letters, digits and - _ . between them")
    network = _cidr(name, given["cidr"])
    if given["type"] == "provisioning" and network.version == 6 and not 64 <= network.prefixlen <= 120:
        raise _wrong(name, "an IPv6 network to boot in has a prefix of 64 to 120 bits", network, "correct cidr, or declare it as tenant")
    vlan, mtu = given.get("vlan"), given.get("mtu")
    if vlan is not None and not 1 <= vlan <= 4094:
        raise _wrong(name, "vlan is no VLAN", vlan, "give 1 to 4094, or leave it out for a network without a tag")
    if mtu is not None and not _LEAST_MTU[network.version] <= mtu <= 65535:
        raise _wrong(name, "mtu is no size that hosts take", mtu, f"give {_LEAST_MTU[network.version]} to 65535")
    return {
        "name": name, "type": given["type"], "cidr": str(network), "vlan": vlan, "mtu": mtu,
        "gateway": _gateway(name, given.get("gateway"), network),
        "dns_nameservers": list(dict.fromkeys(parse(name, "dns_nameservers", text) for text in given.get("dns_nameservers") or [])),
        "ranges": [_range(name, one, network) for one in given.get("ranges") or []],
        "reserved": list(dict.fromkeys(_reserved(name, text, network) for text in given.get("reserved") or [])),
    }


def refuse_overlap(networks):
    """Refuse networks of which one is in the other.

    :param networks: list of networks.
    :raises BaremetalError: naming both.
    """
    found = [(netaddr.IPNetwork(network["cidr"]), network["name"]) for network in networks]
    # The wider one first: what is in it follows.
    ordered = sorted(found, key=lambda one: (one[0].version, one[0].first, -one[0].last))
    for (wide, wide_name), (narrow, narrow_name) in zip(ordered, ordered[1:]):
        if narrow in wide:
            raise BaremetalError(f"the networks {wide_name} and {narrow_name} overlap", stage=STAGE, seen=f"{wide} and {narrow}",
                                 cure="correct the CIDR of one of them; a machine could not tell where an address belongs")


def pool(network):
    """What is given of a network when no address is asked for, as a netaddr.IPSet."""
    cidr = netaddr.IPNetwork(network["cidr"])
    first, last = _hosts(cidr)
    found = netaddr.IPSet()
    for start, end in [(one["start"], one["end"]) for one in network["ranges"]] or [(first, last)]:
        found |= netaddr.IPSet(netaddr.IPRange(netaddr.IPAddress(start, cidr.version), netaddr.IPAddress(end, cidr.version)))
    return found - _withheld(network)


def first_free(network, taken):
    """The lowest address of a network's pool that is not taken, as a text; None when all are.

    :param taken: set of texts.
    """
    # Ends after as many steps as there are taken addresses, however large the network is.
    step = _step(network)
    for block in pool(network).iter_cidrs():
        for number in range(-(-block.first // step) * step, block.last + 2 - step, step):
            text = str(netaddr.IPAddress(number, block.version))
            if not is_taken(network, text, taken):
                return text
    return None


def is_taken(network, address, taken):
    """Whether an address, or one of those that a node has together with it, is taken.

    :param address: text; in a network whose nodes have sixteen, the first of them.
    :param taken: set of texts.
    """
    return address in taken or (_step(network) > 1 and not taken.isdisjoint(_node_addresses.addresses(address)))


def counts(network, taken):
    """How much of a network is given.

    :param taken: set of the addresses in the network that nodes have, as texts.
    :returns: dict with total (addresses in the pool), used (nodes' addresses, fixed ones outside of the pool included) and free.
    """
    found, step = pool(network), _step(network)
    # Of sixteen that begin outside of the pool, or end there, a node can have none.
    total = found.size if step == 1 else sum(max(0, (block.last + 1) // step - -(-block.first // step)) for block in found.iter_cidrs())
    return {"total": total, "used": len(taken), "free": total - sum(1 for text in taken if text in found)}


def _step(network):
    """How many addresses each node has: in an IPv6 network to boot in it is a block of them (``_node_addresses``)."""
    return 16 if network["type"] == "provisioning" and netaddr.IPNetwork(network["cidr"]).version == 6 else 1


def in_order(found):
    """The values of a dict whose keys are addresses, in the order of these."""
    return [found[text] for text in sorted(found, key=netaddr.IPAddress)]


def parse(name, key, text):
    """An address in the form of RFC 5952.

    :param name: of the network, and ``key`` what of it, for the error.
    :raises BaremetalError: when it is none.
    """
    return str(_address(name, key, text))


def holds(network, address):
    """Whether an address is in a network.

    :param address: text, or None.
    """
    return address is not None and netaddr.IPAddress(address) in netaddr.IPNetwork(network["cidr"])


def inside(network, addresses):
    """Those of some addresses that are in a network.

    :param addresses: texts; the name of a BMC is in no network.
    """
    cidr = netaddr.IPNetwork(network["cidr"])
    is_one = {4: netaddr.valid_ipv4, 6: netaddr.valid_ipv6}[cidr.version]
    return [text for text in addresses if is_one(text) and cidr.first <= int(netaddr.IPAddress(text)) <= cidr.last]


def unfit(network, address):
    """Why an address cannot be that of a node in a network, as half a sentence; None when it can.

    :param address: netaddr.IPAddress, or a text.
    """
    address, cidr = netaddr.IPAddress(address), netaddr.IPNetwork(network["cidr"])
    if address not in cidr:
        return f"is not in {cidr}"
    first, last = _hosts(cidr)
    if not first <= int(address) <= last:
        return f"stands for all of {cidr} and for no host"
    if _step(network) > 1:
        return _unfit_block(network, address)
    if str(address) == network["gateway"]:
        return "is the gateway"
    return "is reserved" if address in _withheld(network) else None


def _unfit_block(network, address):
    try:
        block = _node_addresses.addresses(str(address))
    except ValueError:
        return "does not end in 0, as the first of the sixteen IPv6 addresses that a node boots with"
    if network["gateway"] in block:
        return "has the gateway among its sixteen"
    withheld = _withheld(network)
    return "has a reserved one among its sixteen" if any(text in withheld for text in block) else None


def _withheld(network):
    found = netaddr.IPSet(network["reserved"])
    if network["gateway"]:
        found.add(network["gateway"])
    return found


def _hosts(cidr):
    """First and last address that a host can have, as integers.

    The all-ones and all-zeros host of IPv4 (RFC 1122, 3.2.1.3; not in a /31, RFC 3021) and the subnet-router anycast address of IPv6 (RFC 4291,
    2.6.1; not in a /127, RFC 6164) are none.
    """
    if cidr.prefixlen >= {4: 31, 6: 127}[cidr.version]:
        return cidr.first, cidr.last
    return cidr.first + 1, cidr.last - (cidr.version == 4)


def _cidr(name, text):
    try:
        network = netaddr.IPNetwork(text if "/" in text else "none")
    except (netaddr.AddrFormatError, ValueError):
        raise _wrong(name, "cidr is no network", text, "write it as 192.0.2.0/24 or 2001:db8::/64") from None
    if network.ip != network.network:
        raise _wrong(name, "cidr is an address and its prefix, and no network", text, f"if that is the network which is meant, write {network.cidr}")
    return network.cidr


def _address(name, key, text):
    try:
        return netaddr.IPAddress(text)
    except (netaddr.AddrFormatError, ValueError):
        raise _wrong(name, f"{key} holds what is no address", text, "give an IPv4 or IPv6 address without a prefix length") from None


def _is_host(address, network):
    first, last = _hosts(network)
    return address.version == network.version and first <= int(address) <= last


def _gateway(name, text, network):
    if text is None:
        return None
    address = _address(name, "gateway", text)
    # Routers of IPv6 announce themselves by their link-local address.
    if not _is_host(address, network) and not (network.version == address.version == 6 and address in netaddr.IPNetwork("fe80::/10")):
        raise _wrong(name, f"the gateway is no host of {network}", address, "correct gateway or cidr")
    return str(address)


def _range(name, given, network):
    start, end = (_address(name, "ranges", given[key]) for key in ("start", "end"))
    if not _is_host(start, network) or not _is_host(end, network):
        raise _wrong(name, f"a range is not among the hosts of {network}", f"{start} to {end}", "correct ranges or cidr")
    if end < start:
        raise _wrong(name, "a range ends before it starts", f"{start} to {end}", "swap start and end")
    return {"start": str(start), "end": str(end)}


def _reserved(name, text, network):
    try:
        block = netaddr.IPNetwork(text)
    except (netaddr.AddrFormatError, ValueError):
        raise _wrong(name, "reserved holds what is neither an address nor a network", text, "write 192.0.2.1 or 192.0.2.0/28") from None
    if block not in network:
        raise _wrong(name, f"what is reserved is not in {network}", text, "correct reserved or cidr")
    return str(block.ip) if block.size == 1 else str(block.cidr)


def _wrong(name, what, seen, cure):
    return BaremetalError(f"network {name}: {what}", stage=STAGE, seen=str(seen), cure=cure)
