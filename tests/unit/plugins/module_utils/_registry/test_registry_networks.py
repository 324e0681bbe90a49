# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Networks: what makes one, which addresses are for nodes, and what the modules network and network_info do."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import network as door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import network_info
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import addresses, network_rules, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from hypothesis import given, settings
from hypothesis import strategies as st

BOOT = {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "gateway": "192.0.2.254", "ranges": [{"start": "192.0.2.100", "end": "192.0.2.103"}],
        "reserved": ["192.0.2.1", "192.0.2.102/31"]}
WEB = {"name": "web", "type": "tenant", "cidr": "2001:DB8:7:0::/64", "vlan": 7, "mtu": 9000, "gateway": "fe80::1",
       "dns_nameservers": ["2001:db8::53", "192.0.2.53"]}


@pytest.fixture
def do(url):
    def do(module, check_mode=False, **params):
        defaults = {name: spec.get("default") for name, spec in module.DOOR.argument_spec.items()}
        options = module.DOOR.argument_spec.get("networks", {}).get("options", {})
        if params.get("networks") is not None:
            params["networks"] = [{**dict.fromkeys(options), **network} for network in params["networks"]]
        return module.DOOR.run(Call(params={**defaults, "registry": url, **params}, check_mode=check_mode))
    return do


def test_check_declare_change_and_forget(url, do):
    asked = {"networks": [BOOT, WEB]}
    predicted = do(door, check_mode=True, **asked)
    assert open_registry(url, create=False) is None or do(network_info)["networks"] == []
    made = do(door, **asked)
    assert made == predicted and made["networks"] == [{"name": "boot", "changed": True}, {"name": "web", "changed": True}]
    assert not do(door, **asked)["changed"]
    boot, web = do(network_info)["networks"]
    assert (boot["total"], boot["used"], boot["free"], boot["reserved"]) == (2, 0, 2, ["192.0.2.1", "192.0.2.102/31"])
    assert (web["cidr"], web["gateway"], web["total"], web["ranges"]) == ("2001:db8:7::/64", "fe80::1", 2 ** 64 - 1, [])
    changed = do(door, networks=[BOOT, {**WEB, "mtu": None}])
    assert changed["networks"] == [{"name": "boot", "changed": False}, {"name": "web", "changed": True}]
    assert [(side["before"], side["after"]) for side in changed["diff"]] == [({"mtu": 9000}, {"mtu": None})]
    # What is named alone; with its name alone.
    assert do(door, networks=[{"name": "web"}], state="absent", check_mode=True)["changed"]
    assert do(door, networks=[{"name": "web"}], state="absent")["changed"] and not do(door, networks=[{"name": "web"}], state="absent")["changed"]
    assert [network["name"] for network in do(network_info, names=["boot"])["networks"]] == ["boot"]
    with pytest.raises(BaremetalError, match="no network web.*networks: boot"):
        do(network_info, names=["web"])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("wrong", "said"), [
    ({"name": "a b"}, "cannot be the name"),
    ({"cidr": "192.0.2.0"}, "cidr is no network"),
    ({"cidr": "192.0.2.0/33"}, "cidr is no network"),
    ({"cidr": "somewhere/24"}, "cidr is no network"),
    ({"cidr": "192.0.2.5/24"}, "write 192.0.2.0/24"),
    ({"cidr": "2001:db8::/48"}, "has a prefix of 64 to 120 bits"),
    ({"cidr": None}, "nothing says its cidr"),
    ({"type": None}, "nothing says its type"),
    ({"vlan": 4095}, "vlan is no VLAN"),
    ({"mtu": 67}, "mtu is no size.*give 68"),
    ({"gateway": "198.51.100.1"}, "the gateway is no host of 192.0.2.0/24"),
    ({"gateway": "192.0.2.255"}, "the gateway is no host"),
    ({"gateway": "fe80::1"}, "the gateway is no host"),
    ({"gateway": "router"}, "gateway holds what is no address"),
    ({"dns_nameservers": ["192.0.2.1/24"]}, "dns_nameservers holds what is no address"),
    ({"ranges": [{"start": "192.0.2.100", "end": "192.0.3.1"}]}, "a range is not among the hosts"),
    ({"ranges": [{"start": "192.0.2.0", "end": "192.0.2.9"}]}, "a range is not among the hosts"),
    ({"ranges": [{"start": "192.0.2.9", "end": "192.0.2.8"}]}, "ends before it starts"),
    ({"reserved": ["192.0.3.1"]}, "what is reserved is not in 192.0.2.0/24"),
    ({"reserved": ["all"]}, "neither an address nor a network"),
])
def test_what_makes_no_network_is_refused_before_anything_is_written(do, wrong, said):
    with pytest.raises(BaremetalError, match=said) as refusal:
        do(door, networks=[WEB, {**BOOT, **wrong}])
    assert "To do: " in str(refusal.value) and "\n" not in str(refusal.value)
    do(door, networks=[])
    assert do(network_info)["networks"] == []


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("other", ["192.0.2.0/24", "192.0.2.128/25", "192.0.0.0/16"])
def test_networks_that_overlap_are_refused(do, other):
    do(door, networks=[BOOT, {"name": "far", "type": "tenant", "cidr": "192.0.3.0/30"}])
    with pytest.raises(BaremetalError, match="overlap"):
        do(door, networks=[{"name": "new", "type": "tenant", "cidr": other}])
    with pytest.raises(BaremetalError, match="boot is declared more than once"):
        do(door, networks=[BOOT, BOOT])
    assert [network["name"] for network in do(network_info)["networks"]] == ["boot", "far"]


def test_networks_may_swap_what_they_are(do):
    one, two = {"name": "a", "type": "tenant", "cidr": "192.0.2.0/25"}, {"name": "b", "type": "tenant", "cidr": "192.0.2.128/25"}
    do(door, networks=[one, two])
    assert do(door, networks=[{**one, "cidr": two["cidr"]}, {**two, "cidr": one["cidr"]}])["changed"]
    assert [network["cidr"] for network in do(network_info)["networks"]] == ["192.0.2.128/25", "192.0.2.0/25"]


BOOT6 = {"name": "boot6", "type": "provisioning", "cidr": "2001:db8:1::/64", "vlan": 10, "reserved": ["2001:db8:1::1", "2001:db8:1::25"],
         "ranges": [{"start": "2001:db8:1::8", "end": "2001:db8:1::5e"}]}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_node_that_boots_over_ipv6_has_sixteen_addresses(engine, enrol, do):
    do(door, networks=[BOOT6])
    assert do(network_info)["networks"][0]["free"] == 3
    given = []
    for number in (1, 2, 3):
        enrol(f"node{number}")
        with engine.begin() as connection:
            given.append(addresses.give(connection, nodes.read(connection, f"node{number}"), "boot6")[1])
    # Among those from ::20 on there is a reserved one, and those from ::50 on are not all in the range.
    assert given == ["2001:db8:1::10", "2001:db8:1::30", "2001:db8:1::40"]
    assert nodes.get(engine, "node1")["address"] == given[0] and do(network_info)["networks"][0]["free"] == 0
    enrol("node4")
    for wrong, said in (("2001:db8:1::35", "does not end in 0"), ("2001:db8:1::20", "a reserved one among its sixteen"), ("2001:db8:1::30", "another node"),
                        ("2001:db8:1::", "no host")):
        with pytest.raises(BaremetalError, match=said), engine.begin() as connection:
            addresses.give(connection, nodes.read(connection, "node4"), "boot6", address=wrong)
    with engine.begin() as connection:
        assert addresses.give(connection, nodes.read(connection, "node4"), "boot6", address="2001:db8:1::a0")[1] == "2001:db8:1::a0"
    with pytest.raises(BaremetalError, match="node1.*has the gateway among its sixteen"):
        do(door, networks=[{**BOOT6, "gateway": "2001:db8:1::1f"}])


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_no_bmc_is_among_the_sixteen_addresses_of_a_node(engine, enrol, do):
    def give(name, **more):
        with engine.begin() as connection:
            return addresses.give(connection, nodes.read(connection, name), "boot6", **more)[1]

    do(door, networks=[BOOT6])
    enrol("node1", driver="redfish", bmc={"address": "https://[2001:db8:1::15]"})
    enrol("node2", driver="redfish", bmc={"address": "bmc2.example.com"})
    assert give("node1") == "2001:db8:1::30"
    with pytest.raises(BaremetalError, match="it has one among its sixteen that belongs to .* or to a BMC"):
        give("node2", address="2001:db8:1::10")
    for name, more, why in (
        ("node3", {"address": "2001:db8:1::10"}, "::15 is that of the BMC of node node1. Seen: a node that boots with 2001:db8:1::10 has the fifteen"),
        ("node3", {"driver": "ipmi", "bmc": {"address": "2001:db8:1::3f"}}, "::3f of its BMC is that of node node1. Seen: a node that boots with .*::30 "),
        ("node3", {"driver": "ipmi", "bmc": {"address": "2001:db8:1::a1"}, "address": "2001:db8:1::a0"}, "::a1 is that of the BMC of node node3"),
        ("node1", {"driver": "ipmi", "bmc": {"address": "2001:db8:1::31"}}, "::31 is that of the BMC of node node1"),
    ):
        with pytest.raises(BaremetalError, match=why):
            enrol(name, **more)
    enrol("node3", driver="ipmi", bmc={"address": "2001:db8:1::2f"}, address="2001:db8:1::a0")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("change", "said"), [
    ({"cidr": "198.51.100.0/24", "gateway": None, "ranges": None, "reserved": None}, "node1.*192.0.2.100: it is not in"),
    ({"gateway": "192.0.2.100"}, "node1.*192.0.2.100: it is the gateway"),
    ({"reserved": ["192.0.2.96/28"]}, "node1.*192.0.2.100: it is reserved"),
    ({"reserved": ["192.0.2.7"]}, "node2.*192.0.2.7: it is reserved"),
    ({"type": "tenant"}, "node1.*as one of a provisioning network"),
])
def test_network_stays_fit_for_the_nodes_in_it(engine, enrol, do, change, said):
    do(door, networks=[BOOT])
    enrol("node1")
    enrol("node2", address="192.0.2.7")
    with engine.begin() as connection:
        addresses.give(connection, nodes.read(connection, "node1"), "boot")
    with pytest.raises(BaremetalError, match=said):
        do(door, networks=[{**BOOT, **change}])
    with pytest.raises(BaremetalError, match="nodes have addresses of it.*node1 192.0.2.100"):
        do(door, networks=[{"name": "boot"}], state="absent")
    assert do(door, networks=[{**BOOT, "ranges": None, "gateway": None}])["changed"]
    (boot,) = do(network_info)["networks"]
    assert boot["addresses"] == [{"address": "192.0.2.7", "node": "node2", "link": None}, {"address": "192.0.2.100", "node": "node1", "link": ""}]
    assert (boot["total"], boot["used"], boot["free"]) == (251, 2, 249)


def cidrs():
    """Small networks that lie close together, of IPv4 or IPv6."""
    return st.builds(
        lambda base, number, bits: ipaddress.ip_network((int(base.network_address) + (number >> bits << bits), base.max_prefixlen - bits)),
        st.sampled_from([ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("2001:db8::/120")]), st.integers(0, 255), st.integers(0, 4))


@settings(max_examples=50)
@given(data=st.data(), cidr=cidrs())
def test_free_addresses_are_those_that_another_library_finds(data, cidr):
    hosts = list(cidr.hosts())
    pick = st.sampled_from(hosts)
    ranges = [sorted(pair) for pair in data.draw(st.lists(st.tuples(pick, pick), max_size=3))]
    reserved, taken = data.draw(st.sets(pick, max_size=8)), data.draw(st.sets(pick))
    gateway = data.draw(st.none() | pick)
    network = network_rules.normalise({
        "name": "n", "type": "tenant", "cidr": str(cidr), "gateway": gateway and str(gateway), "reserved": [str(one) for one in reserved],
        "ranges": [{"start": str(start), "end": str(end)} for start, end in ranges]})
    pool = [host for host in hosts if host not in reserved and host != gateway and (not ranges or any(start <= host <= end for start, end in ranges))]
    free = [host for host in pool if host not in taken]
    assert network_rules.first_free(network, set(map(str, taken))) == (str(free[0]) if free else None)
    assert network_rules.counts(network, set(map(str, taken))) == {"total": len(pool), "used": len(taken), "free": len(free)}
    for host in pool:
        assert network_rules.unfit(network, str(host)) is None


@settings(max_examples=50)
@given(st.lists(cidrs(), min_size=2, max_size=5))
def test_overlaps_are_those_that_another_library_finds(found):
    networks = [{"name": f"n{number}", "cidr": str(cidr)} for number, cidr in enumerate(found)]
    overlap = any(one.version == other.version and one.overlaps(other) for number, one in enumerate(found) for other in found[:number])
    if overlap:
        with pytest.raises(BaremetalError, match="overlap"):
            network_rules.refuse_overlap(networks)
    else:
        network_rules.refuse_overlap(networks)


def test_large_networks_cost_no_more_than_what_is_taken():
    network = network_rules.normalise({"name": "n", "type": "tenant", "cidr": "2001:db8::/32", "reserved": ["2001:db8::/48"]})
    assert network_rules.first_free(network, set()) == "2001:db8:1::"
    assert network_rules.counts(network, {"2001:db8:1::"})["free"] == 2 ** 96 - 2 ** 80 - 1
