# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which boot servers and caches nodes rest."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.rackwright.baremetal.plugins.filter.boot_hosts import boot_hosts
from jinja2 import StrictUndefined

HOSTS = {
    "boot1": {
        "boot_server_interface": "eth0", "boot_server_network": "192.0.2.0/24", "boot_server_address": "192.0.2.1", "boot_server_further_networks": [
            {"network": "198.51.100.0/24", "interface": "eth1", "address": "198.51.100.1"}, {"network": "203.0.113.0/24"},
            {"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:db8:1::1"}]},
    "boot2": {"boot_server_interface": "eno1", "boot_server_network": "198.51.100.0/24", "boot_server_address": "198.51.100.2", "boot_server_netns": "boot",
              "boot_server_dhcp": "proxy", "boot_server_http_port": 8081, "boot_server_root": "/srv/boot"},
    "cache3": {"boot_server_interface": "eno1", "boot_server_network": "203.0.113.0/24", "boot_server_address": "203.0.113.2",
               "boot_server_origin": "http://192.0.2.1:8080"},
    "node1": {}, "node2": {"ramdisk_boot_cache": ""}, "node3": {"ramdisk_boot_cache": "cache3"}, "node4": {"ramdisk_boot_server": "boot2"},
}
NODES = ["node1", "node2", "node3", "node4"]


def users(found, part="hosts"):
    return {one["name"]: one["nodes"] for one in found[part]}


def test_every_boot_server_and_cache_of_the_nodes():
    found = boot_hosts(NODES, HOSTS, first="boot1")
    assert users(found) == {"boot1": ["node1", "node2", "node3"], "boot2": ["node4"], "cache3": ["node3"]}
    assert [(one["cache"], one["url"], one["root"]) for one in found["hosts"]] == [
        (False, "http://192.0.2.1:8080", "/srv/rackwright"), (False, "http://198.51.100.2:8081", "/srv/boot"),
        (True, "http://203.0.113.2:8080", "/srv/rackwright")]
    # A cache serves no DHCP, and a network behind a relay has no interface here.
    own = ["192.0.2.1", "198.51.100.1", "2001:db8:1::1", "198.51.100.2"]
    assert [(one["name"], one["interface"], one["netns"], one["dhcp"], one["own"]) for one in found["interfaces"]] == [
        ("boot1", "eth0", "", "full", own), ("boot1", "eth1", "", "full", own), ("boot2", "eno1", "boot", "proxy", own)]
    assert [(one["name"], one["interface"], one["network"], one["address"]) for one in found["networks"]] == [
        ("boot1", "eth0", "192.0.2.0/24", "192.0.2.1"), ("boot1", "eth1", "198.51.100.0/24", "198.51.100.1"),
        ("boot2", "eno1", "198.51.100.0/24", "198.51.100.2")]
    assert users(found, "networks") == {"boot1": ["node1", "node2", "node3"], "boot2": ["node4"]}


def test_where_nodes_find_their_boot_server():
    said = {"node1": "http://198.51.100.1:8080/", "node2": "http://198.51.100.1:8080", "node3": StrictUndefined(), "node4": "http://198.51.100.2:8081"}
    hosts = {**HOSTS, **{name: {**HOSTS[name], "ramdisk_boot_server_url": url} for name, url in said.items()}}
    found = boot_hosts(NODES, hosts, first="boot1")
    assert {one["name"]: one["further_urls"] for one in found["hosts"]} == {"boot1": ["http://198.51.100.1:8080"], "boot2": [], "cache3": []}
    # It is another one's.
    assert not any(one["further_urls"] for one in boot_hosts(NODES, hosts, server="boot2")["hosts"])


def test_one_boot_server_for_all_or_none():
    assert users(boot_hosts(NODES, HOSTS, server="boot2", first="boot1")) == {"boot2": NODES, "cache3": ["node3"]}
    assert boot_hosts(NODES, HOSTS, server="", first="boot1") == {"hosts": [], "interfaces": [], "networks": []}
    assert users(boot_hosts(NODES, HOSTS)) == {"boot2": ["node4"], "cache3": ["node3"]}


def test_a_boot_server_that_is_also_named_as_a_cache_is_looked_at_as_one():
    found = boot_hosts(["node1"], {**HOSTS, "node1": {"ramdisk_boot_cache": "boot1"}}, first="boot1")
    assert users(found) == {"boot1": ["node1"]} and not found["hosts"][0]["cache"]


@pytest.mark.parametrize("variables", [
    {}, {"boot_server_interface": "eth0"}, {"boot_server_interface": "eth0", "boot_server_network": "none", "boot_server_address": "192.0.2.1"}])
def test_a_boot_server_that_says_little(variables):
    found = boot_hosts(["node1"], {"boot1": variables, "node1": {}}, first="boot1")
    assert users(found) == {"boot1": ["node1"]} and not found["networks"] and len(found["interfaces"]) == bool(variables)


def test_a_network_of_ipv6_is_asked_by_neither_arp_nor_dhcp_of_ipv4():
    server = {"boot_server_interface": "eth0", "boot_server_network": "2001:db8:1::/64", "boot_server_address": "2001:db8:1::1"}
    found = boot_hosts(["node1"], {"boot1": server, "node1": {}}, first="boot1")
    assert users(found) == {"boot1": ["node1"]} and not found["interfaces"] and not found["networks"]


def test_a_host_that_is_nowhere():
    with pytest.raises(AnsibleFilterError, match="node1: preflight: ramdisk_boot_cache names a host that is not in the inventory. Seen: cache9."):
        boot_hosts(["node1"], {**HOSTS, "node1": {"ramdisk_boot_cache": "cache9"}}, first="boot1")
