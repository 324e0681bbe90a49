# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Layouts of a node's network: what they mean as network_data, and what is refused. That cloud-init reads it, test_boot_cloud_init.py tells."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _network_data
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import network_layout
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given, settings
from hypothesis import strategies as st

NODE = {"name": "node1", "ports": [
    {"address": "52:54:00:00:00:01", "name": "eth0"}, {"address": "52:54:00:00:00:02", "name": None}, {"address": "52:54:00:00:00:03", "name": "eth2"}]}


def network(name, cidr, **more):
    return {"name": name, "cidr": cidr, "vlan": None, "gateway": None, "dns_nameservers": [], "mtu": None, **more}


NETWORKS = {one["name"]: one for one in (
    network("boot", "192.0.2.0/24", gateway="192.0.2.254", dns_nameservers=["192.0.2.53"]),
    network("web", "198.51.100.0/25", vlan=7, gateway="198.51.100.1", dns_nameservers=["192.0.2.53", "2001:db8::53"], mtu=1500),
    network("web6", "2001:db8:7::/64", vlan=7, gateway="fe80::1", mtu=9000),
    network("store", "203.0.113.0/24", vlan=9, mtu=9000),
)}
LAYOUT = [
    {"name": "bond0", "bond": {"mode": "802.3ad", "members": ["eth0", "52-54-00-00-00-02"], "xmit_hash_policy": "layer3+4"},
     "networks": ["boot", "web", "web6"]},
    {"name": "disk", "port": "52:54:00:00:00:03", "networks": [{"network": "store", "tagged": False, "gateway": False}]},
]
ADDRESSES = {"boot": "192.0.2.9", "web": "198.51.100.9", "web6": "2001:db8:7::9", "store": "203.0.113.9"}


def render(layout, addresses=None):
    network_layout.check(layout, NODE)
    attached = [{**one, "address": one["address"] or (addresses or ADDRESSES)[one["network"]], "network": NETWORKS[one["network"]]}
                for one in network_layout.attachments(layout)]
    return network_layout.render(layout, NODE, attached)


def test_bond_vlans_and_addresses():
    data = render(LAYOUT)
    _network_data.check(data)
    assert data == {
        "links": [
            {"id": "bond0-0", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:01", "mtu": 9000},
            {"id": "bond0-1", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:02", "mtu": 9000},
            {"id": "bond0", "type": "bond", "ethernet_mac_address": "52:54:00:00:00:01", "bond_links": ["bond0-0", "bond0-1"], "bond_mode": "802.3ad",
             "bond_miimon": 100, "bond_xmit_hash_policy": "layer3+4", "mtu": 9000},
            # Two networks on one VLAN; the larger packets must pass.
            {"id": "bond0.7", "type": "vlan", "vlan_link": "bond0", "vlan_id": 7, "vlan_mac_address": "52:54:00:00:00:01", "mtu": 9000},
            {"id": "disk", "type": "phy", "ethernet_mac_address": "52:54:00:00:00:03", "mtu": 9000},
        ],
        "networks": [
            {"id": "boot", "type": "ipv4", "link": "bond0", "ip_address": "192.0.2.9", "netmask": "255.255.255.0",
             "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.254"}]},
            # Its gateway comes second.
            {"id": "web", "type": "ipv4", "link": "bond0.7", "ip_address": "198.51.100.9", "netmask": "255.255.255.128", "routes": []},
            {"id": "web6", "type": "ipv6", "link": "bond0.7", "ip_address": "2001:db8:7::9", "netmask": "ffff:ffff:ffff:ffff::",
             "routes": [{"network": "::", "netmask": "::", "gateway": "fe80::1"}]},
            {"id": "store", "type": "ipv4", "link": "disk", "ip_address": "203.0.113.9", "netmask": "255.255.255.0", "routes": []},
        ],
        "services": [{"type": "dns", "address": "192.0.2.53"}, {"type": "dns", "address": "2001:db8::53"}],
    }


def test_default_route_may_be_passed_over_and_networks_may_be_on_several_links():
    layout = [{"name": "a", "port": "eth0", "networks": [{"network": "boot", "gateway": False}, "web", {"network": "store", "address": "203.0.113.1"}]},
              {"name": "b", "port": "eth2", "mtu": 9216, "networks": [{"network": "store", "address": "203.0.113.2"}]}]
    assert [(one["network"], one["key"]) for one in network_layout.attachments(layout)] == [("boot", ""), ("web", ""), ("store", "a"), ("store", "b")]
    data = render(layout)
    assert [(one["id"], one["ip_address"], [route["gateway"] for route in one["routes"]]) for one in data["networks"]] == [
        ("boot", "192.0.2.9", []), ("web", "198.51.100.9", ["198.51.100.1"]), ("store-a", "203.0.113.1", []), ("store-b", "203.0.113.2", [])]
    assert [(link["id"], link.get("mtu")) for link in data["links"]] == [("a", 9000), ("a.7", 1500), ("a.9", 9000), ("b", 9216), ("b.9", 9000)]


@pytest.mark.parametrize(("layout", "said"), [
    ([{"port": "eth0"}], "'name' is a required property"),
    ([{"name": "a"}], "either port or bond"),
    ([{"name": "a", "port": "eth0", "bond": {"mode": "802.3ad", "members": ["eth0"]}}], "either port or bond"),
    ([{"name": "a", "bond": {"mode": "lacp", "members": ["eth0"]}}], "0.bond.mode: 'lacp' is not one of"),
    ([{"name": "a", "bond": {"mode": "802.3ad", "members": []}}], "0.bond.members"),
    ([{"name": "a.7", "port": "eth0"}], "0.name"),
    ([{"name": "a", "port": "eth0", "networks": [{"netwrok": "boot"}]}], "0.networks.0: .*netwrok"),
    ([{"name": "a", "port": "eth0", "networks": [7]}], "0.networks.0: 7 is not of type"),
    ([{"name": "a", "port": "eth9"}], "names the port eth9.*ports 52:54:00:00:00:01 \\(eth0\\), 52:54:00:00:00:02, "),
    ([{"name": "a", "port": "eth0"}, {"name": "a", "port": "eth2"}], "two links with the name a"),
    ([{"name": "a", "port": "eth0"}, {"name": "b", "port": "52:54:00:00:00:01"}], "two links with the port 52:54:00:00:00:01"),
    ([{"name": "a", "port": "eth0", "networks": [{"network": "boot", "tagged": True}]}], "wants the network boot tagged, which has no VLAN"),
    ([{"name": "a", "port": "eth0", "mtu": 1500, "networks": ["store"]}], "an MTU that its networks exceed.*1500 and 9000"),
])
def test_what_is_refused(layout, said):
    with pytest.raises(BaremetalError, match=f"node1: plan: the network layout .*{said}") as refusal:
        render(layout)
    assert "To do: " in str(refusal.value) and "\n" not in str(refusal.value)


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
    st.sampled_from(["name", "port", "bond", "mode", "members", "networks", "network", "mtu", "x"]), inner, max_size=4), max_leaves=12))
def test_whatever_is_given_is_refused_in_one_paragraph_or_makes_network_data(layout):
    try:
        data = render(layout)
    except BaremetalError:
        return
    _network_data.check(data)
