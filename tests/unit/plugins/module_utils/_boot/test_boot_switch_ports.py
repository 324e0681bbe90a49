# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which VLANs the switch ports of a node belong into."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import switch_ports
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

NETWORKS = [
    {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "vlan": 10},
    {"name": "web", "type": "tenant", "cidr": "198.51.100.0/25", "vlan": 20},
    {"name": "web6", "type": "tenant", "cidr": "2001:db8:7::/64", "vlan": 20},
    {"name": "store", "type": "tenant", "cidr": "203.0.113.0/24", "vlan": 30},
    {"name": "flat", "type": "tenant", "cidr": "198.51.100.128/25", "vlan": None},
]


def port(number, wired=True, **more):
    link = {"local_link_connection": {"switch_info": "leaf1", "switch_id": "02:00:00:00:00:01", "port_id": f"swp{number}"}} if wired else {}
    return {"address": f"52:54:00:00:00:0{number}", "name": f"eth{number}", "pxe_enabled": number == 1, **link, **more}


def node(*ports):
    return {"name": "node1", "address": "192.0.2.9", "ports": list(ports) or [port(1), port(2), port(3)]}


def short(found):
    return {one["port"]: (one["vlan"], one["trunk_vlans"], one["state"]) for one in found}


def test_while_the_ramdisk_boots_only_the_port_it_boots_from_is_in_a_network():
    found = switch_ports.provisioning(node(), NETWORKS)
    assert short(found) == {"swp1": (10, [], "present"), "swp2": (None, [], "absent"), "swp3": (None, [], "absent")}
    assert found[0]["switch"] == "leaf1" and found[0]["mac"] == ["52:54:00:00:00:01"]


def test_tenant_networks_are_tagged_as_the_layout_has_them():
    layout = [{"name": "bond0", "bond": {"mode": "802.3ad", "members": ["eth1", "eth2"]},
               "networks": [{"network": "web", "tagged": False}, {"network": "web6", "tagged": False}, "store"]}]
    assert short(switch_ports.tenant(node(), layout, NETWORKS)) == {
        "swp1": (20, [30], "present"), "swp2": (20, [30], "present"), "swp3": (None, [], "absent")}
    layout = [{"name": "a", "port": "eth1", "networks": ["web", "web6", "store"]}, {"name": "b", "port": "eth2"}]
    assert short(switch_ports.tenant(node(), layout, NETWORKS)) == {
        "swp1": (None, [20, 30], "present"), "swp2": (None, [], "absent"), "swp3": (None, [], "absent")}


def test_ports_behind_one_group_of_links_are_one():
    group = {"local_link_connection": {"switch_id": "02:00:00:00:00:01", "port_id": "Po1"}}
    found = switch_ports.provisioning(node(port(1, **group), port(2, **group)), NETWORKS)
    assert [(one["switch"], one["port"], one["vlan"], len(one["mac"])) for one in found] == [("02:00:00:00:00:01", "Po1", 10, 2)]
    layout = [{"name": "a", "port": "eth1", "networks": ["web"]}, {"name": "b", "port": "eth2", "networks": ["store"]}]
    with pytest.raises(BaremetalError, match="two of its ports are wired to .* Po1, and belong into different VLANs"):
        switch_ports.tenant(node(port(1, **group), port(2, **group)), layout, NETWORKS)


@pytest.mark.parametrize(("networks", "stays"), [
    ([{"network": "boot", "tagged": False}, "web"], True),
    (["boot", "web"], False),
    ([{"network": "web", "tagged": False}], False),
    ([], False),
])
def test_who_still_reaches_the_boot_server(networks, stays):
    layout = [{"name": "a", "port": "eth1", "networks": networks}, {"name": "b", "port": "eth2", "networks": ["store"]}]
    assert switch_ports.stays(switch_ports.provisioning(node(), NETWORKS), switch_ports.tenant(node(), layout, NETWORKS)) is stays


@pytest.mark.parametrize(("networks", "said"), [
    (["flat"], "network flat has no VLAN"),
    (["lost"], "network lost is not declared"),
    ([{"network": "web", "tagged": False}, {"network": "store", "tagged": False}], "untagged networks of more than one VLAN. Seen: VLANs 20, 30"),
    ([{"network": "web", "tagged": False}, "web6"], "VLAN 20 tagged and untagged"),
])
def test_layouts_that_no_port_can_follow(networks, said):
    with pytest.raises(BaremetalError, match=said):
        switch_ports.tenant(node(), [{"name": "a", "port": "eth1", "networks": networks}], NETWORKS)


def test_what_is_not_known_is_refused():
    with pytest.raises(BaremetalError, match="nothing says which networks"):
        switch_ports.tenant(node(), [], NETWORKS)
    with pytest.raises(BaremetalError, match="not known which switch port eth1 is wired to"):
        switch_ports.provisioning(node(port(1, wired=False), port(2)), NETWORKS)
    with pytest.raises(BaremetalError, match="no provisioning network is declared that has the address of the node"):
        switch_ports.provisioning({**node(), "address": "203.0.113.9"}, NETWORKS)
    with pytest.raises(BaremetalError, match="not known which switch ports"):
        switch_ports.provisioning(node(port(1, wired=False, pxe_enabled=False)), NETWORKS)
    # What carries nothing need not be wired.
    assert len(switch_ports.provisioning(node(port(1), port(2, wired=False)), NETWORKS)) == 1


def test_switches():
    ports = switch_ports.provisioning(node(), NETWORKS)[:1]
    own = switch_ports.with_switches(ports, {"leaf1": {"interface": "openvswitch", "host": "hypervisor1"}}, node())[0]
    assert (own["role"], own["tasks_from"], own["host"]) == ("rackwright.baremetal.switch_port", "linux", "hypervisor1")
    site = switch_ports.with_switches(ports, {"leaf1": {"interface": "example.site.arista", "settings": {"prefix": "Ethernet"}}}, node())[0]
    assert (site["role"], site["tasks_from"], site["host"], site["settings"]) == ("example.site.arista", "main", "leaf1", {"prefix": "Ethernet"})


@pytest.mark.parametrize(("switches", "said"), [
    ({"leaf2": {"interface": "openvswitch"}}, "switch leaf1 is not known. Seen: switches: leaf2"),
    ({"leaf1": {"interface": "linux-bond"}}, "unknown interface linux-bond"),
    ({"leaf1": {"interface": "openvswitch", "vlan": 1}}, "switch leaf1 is not understood"),
    ({"leaf1": "openvswitch"}, "switch leaf1 is not understood"),
    ({"leaf1": {"interface": "example.site.arista", "settings": [1]}}, "settings of the switch leaf1 are no mapping"),
])
def test_switches_that_are_not_understood(switches, said):
    with pytest.raises(BaremetalError, match=said):
        switch_ports.with_switches(switch_ports.provisioning(node(), NETWORKS), switches, node())
