# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks of a boot server: what is completed, and what is refused."""

from __future__ import annotations

import ipaddress

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.rackwright.baremetal.plugins.filter.boot_networks import FilterModule
from hypothesis import given, strategies

plan = FilterModule().filters()["boot_networks"]
MAIN = {"network": "192.0.2.0/24", "interface": "eth0", "address": "192.0.2.1", "gateway": "", "dns": []}


IPV4 = {"version": 4, "ipv6_address_mode": "", "router_advertisements": False, "range_mode": ""}


def test_complete():
    assert plan([MAIN, {"network": "203.0.113.128/25", "gateway": "203.0.113.129", "dns": ["192.0.2.53"]}]) == [
        {**MAIN, **IPV4, "tag": "net0", "first": "192.0.2.0", "netmask": "255.255.255.0", "prefix": 24, "host": "192.0.2.1"},
        {**IPV4, "host": "", "network": "203.0.113.128/25", "interface": "", "address": "", "gateway": "203.0.113.129", "dns": ["192.0.2.53"], "tag": "net1",
         "first": "203.0.113.128", "netmask": "255.255.255.128", "prefix": 25}]


@pytest.mark.parametrize(("changes", "said"), [
    ({"network": "192.0.2.1/24"}, "has host bits set"), ({"network": "rack3"}, "give it in CIDR form"),
    ({"address": ""}, "only one of interface and address"),
    ({"interface": ""}, "only one of interface and address"), ({"interface": "eth0 eth1"}, "no valid name"),
    ({"address": "198.51.100.1"}, "not one of its own"),
    ({"gateway": "198.51.100.1"}, "not one of its own"), ({"gateway": "2001:db8::1"}, "not one of its own"), ({"dns": ["192.0.2.300"]}, "no IP address"),
    ({"dns": ["192.0.2.53\nuser=root"]}, "no IP address"),
])
def test_what_makes_no_sense_is_refused(changes, said):
    with pytest.raises(AnsibleFilterError, match=said):
        plan([{**MAIN, **changes}])


IPV6 = {"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:DB8:1::0:1", "dns": ["2001:db8::53"]}


def test_ipv6_beside_ipv4():
    one, other = plan([MAIN, IPV6])
    assert (one["version"], other["version"]) == (4, 6)
    assert (other["address"], other["host"], other["prefix"], other["first"]) == ("2001:db8:1::1", "[2001:db8:1::1]", 64, "2001:db8:1::")
    assert (other["ipv6_address_mode"], other["router_advertisements"]) == ("dhcpv6-stateful", True)


def test_ipv6_behind_a_relay():
    _main, relayed = plan([IPV6, {"network": "2001:db8:2::/64"}])
    # Nobody advertises through a relay.
    assert (relayed["host"], relayed["router_advertisements"], relayed["range_mode"]) == ("", False, "static")


@pytest.mark.parametrize(("mode", "advertised", "silent"), [
    ("dhcpv6-stateful", "static", "static"), ("dhcpv6-stateless", "ra-stateless", "static"), ("slaac", "ra-only", "")])
def test_no_range_has_dnsmasq_advertise_where_it_must_not(mode, advertised, silent):
    network = {**IPV6, "ipv6_address_mode": mode}
    assert plan([network])[0]["range_mode"] == advertised
    found = plan([{**network, "router_advertisements": False}])[0]
    assert (found["router_advertisements"], found["range_mode"]) == (False, silent)


OTHER = {"network": "2001:db8:2::/64", "interface": "eth1", "address": "2001:db8:2::1"}


@pytest.mark.parametrize(("networks", "said"), [
    ([MAIN, {"network": "2001:db8:2::/64"}], r"2001:db8:2::/64 is behind a relay.*192\.0\.2\.0/24.*one of IPv6"),
    ([IPV6, {"network": "203.0.113.0/24"}], r"203\.0\.113\.0/24 is behind a relay.*2001:db8:1::/64.*one of IPv4"),
    ([MAIN, IPV6, {**OTHER, "router_advertisements": False}], "2001:db8:1::/64: true and 2001:db8:2::/64: false"),
])
def test_what_one_boot_server_cannot_serve_together_is_refused(networks, said):
    with pytest.raises(AnsibleFilterError, match=said):
        plan(networks)


def test_networks_that_nobody_advertises_go_together():
    networks = plan([MAIN, {**IPV6, "router_advertisements": False}, {**OTHER, "router_advertisements": False}])
    assert [network["router_advertisements"] for network in networks] == [False] * 3
    assert len(plan([IPV6, OTHER, {"network": "2001:db8:3::/64"}])) == 3


@pytest.mark.parametrize(("changes", "options", "said"), [
    ({"network": "2001:db8::/48", "address": "2001:db8::1"}, {}, "dnsmasq serves no IPv6 network of this size"),
    ({"network": "2001:db8::/124", "address": "2001:db8::1"}, {}, "dnsmasq serves no IPv6 network of this size"),
    ({"ipv6_address_mode": "dhcp"}, {}, "unknown ipv6_address_mode"),
    ({"network": "2001:db8:1::/80", "ipv6_address_mode": "slaac"}, {}, "make no addresses of their own"),
    ({"interface": "", "address": "", "ipv6_address_mode": "dhcpv6-stateless"}, {}, "behind a relay, which passes on no router advertisements"),
    ({"gateway": "2001:db8:1::fe"}, {}, "a router of IPv6 announces itself"),
    ({}, {"proxy": True}, "there is no proxy for DHCPv6"),
    ({"address": "192.0.2.1"}, {}, "not one of its own"),
])
def test_what_ipv6_does_not_do_is_refused(changes, options, said):
    with pytest.raises(AnsibleFilterError, match=said):
        plan([{**IPV6, **changes}], **options)


@given(strategies.lists(strategies.tuples(strategies.ip_addresses(v=4), strategies.integers(1, 30)), min_size=2, max_size=6))
def test_networks_that_overlap_are_refused_and_others_are_not(given_networks):
    networks = [ipaddress.ip_network((int(address), prefix), strict=False) for address, prefix in given_networks]
    overlap = any(one.overlaps(other) for number, one in enumerate(networks) for other in networks[:number])
    try:
        assert [entry["network"] for entry in plan([{"network": str(network)} for network in networks])] == [str(network) for network in networks]
        assert not overlap
    except AnsibleFilterError:
        assert overlap
