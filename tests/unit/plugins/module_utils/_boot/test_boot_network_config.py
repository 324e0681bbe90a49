# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""network_data as cloud-init's network configuration."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _network_data
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import network_config
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

DATA = {
    "links": [
        {"id": "nic0", "type": "phy", "ethernet_mac_address": "52:54:00:AA:00:01", "mtu": 9000},
        {"id": "5f0c2a9e-1f53-4d1b-9c3b", "type": "phy", "ethernet_mac_address": "52:54:00:aa:00:02"},
        {"id": "bond0", "type": "bond", "bond_links": ["nic0", "5f0c2a9e-1f53-4d1b-9c3b"], "bond_mode": "802.3ad", "bond_miimon": 100,
         "bond_xmit_hash_policy": "layer3+4", "ethernet_mac_address": "52:54:00:AA:00:01"},
        {"id": "vlan7", "type": "vlan", "vlan_link": "bond0", "vlan_id": 7, "vlan_mac_address": "52:54:00:AA:00:01"},
    ],
    "networks": [
        {"id": "a", "type": "ipv4", "link": "vlan7", "ip_address": "192.0.2.9", "netmask": "255.255.255.0",
         "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.254"}], "services": [{"type": "dns", "address": "192.0.2.54"}]},
        {"id": "b", "type": "ipv6", "link": "vlan7", "ip_address": "2001:db8::9/64", "routes": [
            {"network": "::", "netmask": "::", "gateway": "2001:db8::1"},
            {"network": "198.51.100.0", "netmask": "255.255.255.0", "gateway": "192.0.2.1"}]},
        {"id": "c", "type": "ipv4_dhcp", "link": "bond0"},
        {"id": "d", "type": "ipv6_slaac", "link": "nic0"},
    ],
    "services": [{"type": "dns", "address": "192.0.2.53"}, {"type": "ntp", "address": "192.0.2.55"}],
}


def test_links_networks_and_services():
    _network_data.check(DATA)
    assert network_config.from_network_data(DATA) == {
        "version": 2,
        "ethernets": {
            "nic0": {"match": {"macaddress": "52:54:00:aa:00:01"}, "mtu": 9000, "accept-ra": True},
            "net0": {"match": {"macaddress": "52:54:00:aa:00:02"}},
        },
        "bonds": {"bond0": {
            "interfaces": ["nic0", "net0"], "macaddress": "52:54:00:aa:00:01", "dhcp4": True,
            "parameters": {"mode": "802.3ad", "mii-monitor-interval": 100, "transmit-hash-policy": "layer3+4"}}},
        "vlans": {"vlan7": {
            "id": 7, "link": "bond0", "macaddress": "52:54:00:aa:00:01", "addresses": ["192.0.2.9/24", "2001:db8::9/64"],
            "gateway4": "192.0.2.254", "gateway6": "2001:db8::1", "routes": [{"to": "198.51.100.0/24", "via": "192.0.2.1"}],
            "nameservers": {"addresses": ["192.0.2.53", "192.0.2.54"]}}},
    }


@pytest.mark.parametrize("change, text", [
    ({"links": [{"id": "nic0", "type": "vif"}]}, "the link nic0 has no ethernet_mac_address"),
    ({"networks": [dict(DATA["networks"][0], link="nic0", netmask="255.0.255.0")]}, "255.0.255.0 is no address, network or netmask"),
    ({"networks": [dict(DATA["networks"][0], link="nic0", netmask="33")]}, "192.0.2.9/33 is no address"),
    ({"networks": [dict(DATA["networks"][0], link="nic0", routes=[{"network": "192.0.2.1", "netmask": "24", "gateway": "192.0.2.1"}])]}, "192.0.2.1/24 is no"),
])
def test_what_cannot_be_translated(change, text):
    data = {"links": DATA["links"][:1], "networks": [], "services": [], **change}
    with pytest.raises(BaremetalError, match=text):
        network_config.from_network_data(data)


@given(st.ip_addresses(), st.integers(0, 128))
def test_every_netmask_means_its_length(address, length):
    length = min(length, address.max_prefixlen)
    network = ipaddress.ip_network((address, length), strict=False)
    for mask in (str(network.netmask), str(length)):
        entry = network_config.from_network_data({
            "links": DATA["links"][:1], "services": [],
            "networks": [{"id": "x", "type": f"ipv{address.version}", "link": "nic0", "ip_address": str(address), "netmask": mask}]})["ethernets"]["nic0"]
        assert entry["addresses"] == [f"{address}/{length}"]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=8, unique=True))
def test_every_link_gets_a_name_of_its_own_that_an_interface_may_have(ids):
    links = [{"id": name, "type": "phy", "ethernet_mac_address": "52:54:00:00:00:%02x" % number} for number, name in enumerate(ids)]
    found = network_config.from_network_data({"links": links, "networks": [], "services": []})["ethernets"]
    assert len(found) == len(ids)
    assert all(len(name) < 16 and not set(name) & set("/: \n") and name not in (".", "..") for name in found)
