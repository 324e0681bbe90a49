# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses: which node gets which, who gets none and why, when they are released, and what happens when several ask at once."""

from __future__ import annotations

import pytest
import sqlalchemy
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import network, network_address, network_info
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import node as node_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import ADDRESSES, NODES
from sqlalchemy import insert, update

NETWORKS = [
    {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/28", "gateway": "192.0.2.14", "reserved": ["192.0.2.1"]},
    {"name": "boot2", "type": "provisioning", "cidr": "192.0.2.64/28"},
    {"name": "web", "type": "tenant", "cidr": "2001:db8:7::/64", "gateway": "2001:db8:7::1", "ranges": [{"start": "2001:db8:7::10", "end": "2001:db8:7::11"}]},
    {"name": "db", "type": "tenant", "cidr": "198.51.100.0/29"},
]


@pytest.fixture
def do(url, run):
    def do(module, node=None, check_mode=False, controller=run, **params):
        defaults = {name: spec.get("default") for name, spec in module.DOOR.argument_spec.items()}
        return module.DOOR.run(Call(params={**defaults, "registry": url, **params}, node=node, check_mode=check_mode, controller=controller))
    return do


@pytest.fixture
def give(do, engine):
    options = network.DOOR.argument_spec["networks"]["options"]
    do(network, networks=[{**dict.fromkeys(options), **one} for one in NETWORKS])

    def give(node, name, **more):
        return do(network_address, node, network=name, **more)
    return give


@pytest.fixture
def put(engine, enrol):
    def put(name, state="available", instance=None, **more):
        enrol(name, **more)
        with engine.begin() as connection:
            connection.execute(update(NODES).where(NODES.c.name == name).values(provision_state=state, instance=instance))
    return put


def test_check_give_idempotence_and_release(engine, put, give, do):
    put("node1")
    predicted = give("node1", "web", check_mode=True)
    assert nodes.get(engine, "node1")["addresses"] == []
    given = give("node1", "web")
    assert given == predicted and given["changed"] and given["address"] == "2001:db8:7::10" and given["network"]["gateway"] == "2001:db8:7::1"
    assert given["diff"] == {"before": {}, "after": {"web": "2001:db8:7::10"}}
    assert nodes.get(engine, "node1")["addresses"] == [{"network": "web", "link": "", "address": "2001:db8:7::10"}] == nodes.list_nodes(engine)[0]["addresses"]
    assert not give("node1", "web")["changed"] and not give("node1", "web", address="2001:DB8:7:0::10")["changed"]
    assert give("node1", "web", address="2001:db8:7::ff")["diff"] == {"before": {"web": "2001:db8:7::10"}, "after": {"web": "2001:db8:7::ff"}}
    assert give("node1", "web", link="eth1")["address"] == "2001:db8:7::10" and give("node1", "web")["address"] == "2001:db8:7::ff"
    assert give("node1", "web", link="eth1", state="absent", check_mode=True)["changed"]
    assert give("node1", "web", link="eth1", state="absent")["changed"] and not give("node1", "web", link="eth1", state="absent")["changed"]
    assert [one["address"] for one in nodes.get(engine, "node1")["addresses"]] == ["2001:db8:7::ff"]
    (web,) = do(network_info, names=["web"])["networks"]
    assert (web["total"], web["used"], web["free"]) == (2, 1, 2)


def test_lowest_free_address_and_none(put, give):
    for number in range(4):
        put(f"node{number}")
    assert [give(f"node{number}", "web")["address"] for number in range(2)] == ["2001:db8:7::10", "2001:db8:7::11"]
    with pytest.raises(BaremetalError, match="node2: addresses: the network web has no free address.*2 in its ranges, 2 in use"):
        give("node2", "web")
    give("node0", "web", state="absent")
    assert give("node2", "web")["address"] == "2001:db8:7::10"
    # A BMC with a name is in no network.
    put("node4", driver="redfish", bmc={"address": "bmc4.example.com"})
    for link in "abcdef":
        give("node3", "db", link=link)
    with pytest.raises(BaremetalError, match="the network db has no free address.*6 in its ranges, 6 in use"):
        give("node4", "db")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("address", "why"), [
    ("192.0.2.1", "is reserved"),
    ("192.0.2.14", "is the gateway"),
    ("192.0.2.15", "stands for all"),
    ("192.0.2.0", "stands for all"),
    ("192.0.2.20", "is not in"),
    ("2001:db8::1", "is not in"),
    ("192.0.2.3", "belongs to another node"),
    ("192.0.2.4", "belongs to another node"),
    ("here", "is no address"),
])
def test_fixed_addresses_that_are_refused(engine, put, give, address, why):
    put("node1", state="enroll")
    put("node2", address="192.0.2.3")
    put("node3")
    give("node3", "boot", address="192.0.2.4")
    with pytest.raises(BaremetalError, match=why):
        give("node1", "boot", address=address)
    assert give("node1", "boot")["address"] == nodes.get(engine, "node1")["address"] == "192.0.2.2"


def test_boot_address_is_that_of_the_record_and_stays(engine, put, give, do):
    put("node1", state="enroll")
    assert give("node1", "boot")["address"] == "192.0.2.2"
    record = {"name": "node1", "driver": "manual"}
    assert not do(node_door, nodes=[record])["changed"]
    assert do(node_door, nodes=[{**record, "description": "new"}])["diff"][0]["after"] == {"description": "new"}
    assert nodes.get(engine, "node1")["address"] == "192.0.2.2"
    with pytest.raises(BaremetalError, match="address of another provisioning network.*192.0.2.2 of boot"):
        give("node1", "boot2")
    with pytest.raises(BaremetalError, match="leave link out"):
        give("node1", "boot", link="eth0")
    # What the hardware file says is no gift.
    assert do(node_door, nodes=[{**record, "address": "192.0.2.9"}])["changed"]
    assert nodes.get(engine, "node1")["addresses"] == [] and not give("node1", "boot")["changed"] and give("node1", "boot")["address"] == "192.0.2.9"
    assert not give("node1", "boot", state="absent")["changed"]
    for asked in ({"address": "192.0.2.10"}, {}):
        with pytest.raises(BaremetalError, match="its hardware file gives it the address 192.0.2.9"):
            give("node1", "boot" if asked else "boot2", **asked)
    do(node_door, nodes=[record])
    assert nodes.get(engine, "node1")["address"] is None
    give("node1", "boot2")
    assert give("node1", "boot2", state="absent")["changed"] and nodes.get(engine, "node1")["address"] is None


def test_enrolment_gives_addresses_to_those_that_have_none(engine, give, do):
    machines = [{"name": f"node{number}", "driver": "manual"} for number in range(3)]
    machines[2]["address"] = "192.0.2.2"
    asked = {"nodes": machines, "provisioning_network": "boot"}
    predicted = do(node_door, check_mode=True, **asked)
    assert nodes.list_nodes(engine) == []
    assert do(node_door, **asked) == predicted and [side["after"]["address"] for side in predicted["diff"]] == ["192.0.2.3", "192.0.2.4", "192.0.2.2"]
    assert [node["address"] for node in nodes.list_nodes(engine)] == ["192.0.2.3", "192.0.2.4", "192.0.2.2"]
    assert not do(node_door, **asked)["changed"] and not do(node_door, nodes=machines)["changed"]
    with pytest.raises(BaremetalError, match="no network nowhere"):
        do(node_door, nodes=[{"name": "node9", "driver": "manual"}], provisioning_network="nowhere")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("address", "why"), [
    ("192.0.2.14", "is the gateway"), ("192.0.2.1", "is reserved"), ("192.0.2.15", "stands for all"), ("198.51.100.1", "given to node node1"),
    ("2001:db8:7::20", "2001:db8:7::25 was given to node node1. Seen: a node that boots with 2001:db8:7::20 has the fifteen"),
])
def test_hardware_file_with_an_address_that_is_no_nodes_or_anothers(put, give, enrol, address, why):
    put("node1")
    give("node1", "db")
    give("node1", "web", address="2001:db8:7::25")
    with pytest.raises(BaremetalError, match=why):
        enrol("node2", address=address)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_tenant_address_is_none_of_the_sixteen_that_a_node_boots_with(put, give):
    put("node1", address="2001:db8:7::10")
    put("node2")
    with pytest.raises(BaremetalError, match="no free address"):
        give("node2", "web")
    with pytest.raises(BaremetalError, match="it belongs to another node"):
        give("node2", "web", address="2001:db8:7::1f")


def test_bmcs_have_addresses_too(engine, put, give, enrol):
    put("node1", driver="ipmi", bmc={"address": "192.0.2.2"})
    put("node2", driver="redfish", bmc={"address": "https://[2001:db8:7::10]"})
    put("node3", address="192.0.2.5")
    assert give("node1", "boot")["address"] == "192.0.2.3" and give("node1", "web")["address"] == "2001:db8:7::11"
    with pytest.raises(BaremetalError, match="it belongs to .* or to a BMC"):
        give("node2", "boot", address="192.0.2.2")
    for name, more, why in (
        ("node4", {"address": "192.0.2.2"}, "192.0.2.2 is that of the BMC of node node1"),
        ("node4", {"driver": "ipmi", "bmc": {"address": "192.0.2.6"}, "address": "192.0.2.6"}, "192.0.2.6 is that of the BMC of node node4"),
        ("node4", {"driver": "ipmi", "bmc": {"address": "192.0.2.5"}}, "192.0.2.5 of its BMC is that of node node3"),
        ("node4", {"driver": "ipmi", "bmc": {"address": "192.0.2.3"}}, "192.0.2.3 of its BMC is that of node node1"),
        ("node4", {"driver": "redfish", "bmc": {"address": "2001:db8:7:0::11"}}, "2001:db8:7::11 of its BMC is that of node node1"),
    ):
        with pytest.raises(BaremetalError, match=why):
            enrol(name, **more)
    # What looks like the beginning of another one; a program on a node that stands for BMCs.
    enrol("node5", driver="redfish", bmc={"address": "2001:db8::10:5"})
    enrol("node6", address="2001:db8::10")
    enrol("node7", driver="redfish", bmc={"address": "http://192.0.2.5:8000"})
    enrol("node4", driver="ipmi", bmc={"address": "192.0.2.50"}, address="192.0.2.4")
    enrol("node4", driver="ipmi", bmc={"address": "192.0.2.50"}, address="192.0.2.4")


def test_tenant_addresses_end_with_the_cleaning_and_boot_addresses_with_the_node(engine, put, give, run):
    put("node1", state="manageable")
    with pytest.raises(BaremetalError, match="it is manageable, and gets no address of the tenant network web yet"):
        give("node1", "web")
    give("node1", "boot")
    transitions.begin(engine, "node1", "provide", run)
    transitions.advance(engine, "node1", "done", run)
    give("node1", "web")
    transitions.begin(engine, "node1", "deploy", run, instance={"uuid": "1"})
    transitions.advance(engine, "node1", "done", run)
    give("node1", "db")
    for refused in ({"state": "absent"}, {"address": "2001:db8:7::ff"}):
        with pytest.raises(BaremetalError, match="while the node carries an instance"):
            give("node1", "web", **refused)
    with engine.begin() as connection:
        nodes.set_flags(connection, "node1", {"maintenance": True})
    assert give("node1", "web", address="2001:db8:7::ff")["changed"] and give("node1", "db", state="absent")["changed"]
    transitions.begin(engine, "node1", "undeploy", run)
    transitions.advance(engine, "node1", "clean", run)
    assert [one["network"] for one in nodes.get(engine, "node1")["addresses"]] == ["boot", "web"]
    transitions.advance(engine, "node1", "done", run)
    assert [one["network"] for one in nodes.get(engine, "node1")["addresses"]] == ["boot"]
    with engine.begin() as connection:
        nodes.remove(connection, "node1")
        assert connection.execute(sqlalchemy.select(ADDRESSES)).all() == []


def test_node_of_another_run_and_node_that_is_none(engine, put, give, run):
    put("node1", state="manageable")
    transitions.begin(engine, "node1", "provide", run)
    with pytest.raises(BaremetalError, match="another run works on the node"):
        give("node1", "boot", controller={**run, "run_id": "other"})
    with pytest.raises(BaremetalError, match="no such node"):
        give("node9", "boot")
    for state in ("present", "absent"):
        with pytest.raises(BaremetalError, match="no network nowhere"):
            give("node1", "nowhere", state=state)


def test_database_itself_takes_no_address_twice(engine, put, give):
    put("node1")
    put("node2")
    row = {"network": "db", "node": "node1", "link": "", "address": "198.51.100.1", "created_at": "now"}
    with engine.begin() as connection:
        connection.execute(insert(ADDRESSES).values(**row))
    for other in ({"node": "node2"}, {"address": "198.51.100.2"}):
        with pytest.raises(sqlalchemy.exc.IntegrityError), engine.begin() as connection:
            connection.execute(insert(ADDRESSES).values(**{**row, **other}))


ASK = """
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import addresses, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import one_at_a_time
print("ready", flush=True)
sys.stdin.readline()
got = []
for number in range(4):
    name = f"node{sys.argv[2]}{number}"
    for network in ("boot", "db"):
        try:
            with engine.begin() as connection:
                got.append(addresses.give(connection, nodes.read(connection, name, for_update=True), network)[1])
        except BaremetalError as error:
            print("refused", error.what, file=sys.stderr)
try:
    # A hardware file that says the address that others are about to be given.
    with engine.begin() as connection:
        one_at_a_time(connection)
        record = schema.normalise({"name": f"own{sys.argv[2]}", "driver": "manual", "address": f"192.0.2.{7 + int(sys.argv[2])}"})
        nodes.upsert(connection, record, None, same_credential=lambda old, new: True)
    got.append(record["address"])
except BaremetalError as error:
    print("refused", error.what, file=sys.stderr)
print(" ".join(got), flush=True)
"""


def test_four_that_ask_at_once(engine, put, give, do, process):
    for name in [f"node{number}{other}" for number in range(4) for other in range(4)]:
        put(name)
    children = [process(ASK.replace("sys.argv[2]", repr(str(number)))) for number in range(4)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    given = [address for child in children for address in child.stdout.readline().split()]
    assert all(child.wait() == 0 for child in children)
    known = [one["address"] for entry in do(network_info)["networks"] for one in entry["addresses"]]
    assert sorted(given) == sorted(known) and len(known) == len(set(known))
    # All that there are: 12 that are not reserved, and the 6 hosts of the other network.
    assert len(known) == 12 + 6
