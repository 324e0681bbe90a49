# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Allocations: who gets which node, who gets none and why, and what happens when several ask at once."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import allocation as door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import allocation_info, allocation_quota
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import guards, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import allocations, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

ASK = """
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import allocations
print("ready", flush=True)
sys.stdin.readline()
got = []
for number in range({asks}):
    try:
        got += allocations.allocate(engine, f"{name}-{{os.getpid()}}-{{number}}", owner="physics", resource_class="compute", count={count})[1]["nodes"]
    except BaremetalError as error:
        print("refused", error.what, file=sys.stderr)
print(" ".join(got), flush=True)
"""


@pytest.fixture
def put(engine, enrol):
    numbers = itertools.count(1)

    def put(name, state="available", instance=None, **more):
        enrol(name, **{"resource_class": "compute", "ports": [{"address": f"52:54:00:00:00:{next(numbers):02x}"}], **more})
        with engine.begin() as connection:
            connection.execute(update(NODES).where(NODES.c.name == name).values(provision_state=state, instance=instance))
    return put


@pytest.fixture
def do(url):
    def do(module, check_mode=False, **params):
        defaults = {name: spec.get("default") for name, spec in module.DOOR.argument_spec.items()}
        return module.DOOR.run(Call(params={**defaults, "registry": url, **params}, check_mode=check_mode))
    return do


def state_of(engine):
    return nodes.list_nodes(engine), allocations.list_allocations(engine)


def test_check_create_idempotence_more_and_delete(engine, put, do):
    for number in (3, 1, 2, 4):
        put(f"node{number}")
    asked = {"name": "hpc", "owner": "physics", "resource_class": "compute", "count": 2}
    before = state_of(engine)
    predicted = do(door, check_mode=True, **asked)
    assert state_of(engine) == before
    made = do(door, **asked)
    assert made["changed"] and made["nodes"] == predicted["nodes"] == ["node1", "node2"]
    assert made["diff"]["before"] == {} and made["diff"]["after"]["nodes"] == ["node1", "node2"]
    assert nodes.get(engine, "node1")["allocation"] == {"name": "hpc", "owner": "physics"} and nodes.get(engine, "node3")["allocation"] is None
    again = do(door, **asked)
    assert not again["changed"] and again["nodes"] == made["nodes"]
    assert do(door, **{**asked, "count": 3})["nodes"] == ["node1", "node2", "node3"]
    for other in ({"owner": "law"}, {"resource_class": "gpu"}, {"traits": ["CUSTOM_X"]}, {"candidate_nodes": ["node1"]}):
        with pytest.raises(BaremetalError, match="asks for something else"):
            do(door, **{**asked, **other})
    with pytest.raises(BaremetalError, match="has 3 nodes, more than 2"):
        do(door, **asked)
    info = do(allocation_info, owner="physics")
    assert [one["nodes"] for one in info["allocations"]] == [["node1", "node2", "node3"]] and info["quotas"] == {"physics": {"nodes": None, "used": 3}}
    assert do(allocation_info, names=["none"])["allocations"] == [] and do(allocation_info, owner="law")["allocations"] == []
    assert do(door, name="hpc", state="absent", check_mode=True)["changed"] and len(allocations.list_allocations(engine)[0]) == 1
    gone = do(door, name="hpc", state="absent")
    assert gone["changed"] and gone["nodes"] == [] and gone["diff"]["before"]["nodes"] == ["node1", "node2", "node3"]
    assert not do(door, name="hpc", state="absent")["changed"] and allocations.list_allocations(engine) == ([], {})


@pytest.mark.parametrize(("misfit", "why"), [
    ({"resource_class": "gpu"}, "resource class gpu"),
    ({"resource_class": None}, "no resource class"),
    ({"traits": []}, "lacks the trait CUSTOM_A"),
    ({"owner": "law"}, "belongs to law"),
    ({"lessee": "law"}, "belongs to law"),
    ({"state": "manageable"}, "state manageable"),
    ({"state": "active", "instance": {"uuid": "1"}}, "state active; carries an instance"),
    ({"maintenance": True}, "in maintenance"),
    ({"retired": True, "state": "manageable"}, "state manageable; retired"),
    ({"traits": [], "maintenance": True}, "lacks the trait CUSTOM_A; in maintenance"),
])
@pytest.mark.parametrize("owner", [None, "physics"])
def test_what_does_not_fit_is_told_node_by_node(engine, put, misfit, why, owner):
    put("node1", **{"traits": ["CUSTOM_A", "CUSTOM_B"], **misfit})
    put("node2", traits=["CUSTOM_A"])
    before = state_of(engine)
    with pytest.raises(BaremetalError, match="needs 2 more nodes, and only 1 \\(node2\\) fits") as refusal:
        allocations.allocate(engine, "hpc", owner=owner, resource_class="compute", traits=["CUSTOM_A"], count=2)
    assert refusal.value.seen == f"(1) node1: {why}" and state_of(engine) == before
    assert allocations.allocate(engine, "one", owner=owner, resource_class="compute", traits=["CUSTOM_A"])[1]["nodes"] == ["node2"]


def test_owner_and_lessee_get_what_is_theirs(engine, put):
    put("node1", owner="law", lessee="physics")
    for number, owner in enumerate(("physics", "law")):
        assert allocations.allocate(engine, f"a{number}", owner=owner, resource_class="compute")[1]["nodes"] == ["node1"]
        allocations.release(engine, f"a{number}")
    with pytest.raises(BaremetalError, match="belongs to law and physics"):
        allocations.allocate(engine, "b", resource_class="compute")


def test_candidates_and_names(engine, put):
    put("node1")
    put("node2")
    assert allocations.allocate(engine, "a", resource_class="compute", candidate_nodes=["node2"])[1]["nodes"] == ["node2"]
    with pytest.raises(BaremetalError, match="node2: allocated as a"):
        allocations.allocate(engine, "b", resource_class="compute", candidate_nodes=["node2"])
    with pytest.raises(BaremetalError, match="no node node9"):
        allocations.allocate(engine, "b", resource_class="compute", candidate_nodes=["node9"])
    for name in ("", "a b", "-a", "a\n", "ä"):
        with pytest.raises(BaremetalError, match="cannot be the name"):
            allocations.allocate(engine, name, resource_class="compute")
    with pytest.raises(BaremetalError, match="cannot have 0 nodes"):
        allocations.allocate(engine, "b", resource_class="compute", count=0)


def test_backfill_takes_what_is_deployed(engine, put):
    put("node1", state="active", instance={"uuid": "1"})
    put("node2")
    with pytest.raises(BaremetalError, match="node2: state available"):
        allocations.allocate(engine, "old", owner="physics", backfill=["node1", "node2"])
    for _unused in range(2):
        assert allocations.allocate(engine, "old", owner="physics", backfill=["node1"])[1]["nodes"] == ["node1"]
    with pytest.raises(BaremetalError, match="undeploy the node"):
        allocations.release(engine, "old")


def test_quota(engine, put, do):
    for number in range(4):
        put(f"node{number}")
    quota = {"owner": "physics", "nodes": 2}
    assert do(allocation_quota, check_mode=True, **quota)["changed"] and allocations.list_allocations(engine)[1] == {}
    assert do(allocation_quota, **quota)["changed"] and not do(allocation_quota, **quota)["changed"]
    allocations.allocate(engine, "a", owner="physics", resource_class="compute")
    with pytest.raises(BaremetalError, match="1 of 2 nodes are in use"):
        allocations.allocate(engine, "b", owner="physics", resource_class="compute", count=2)
    with pytest.raises(BaremetalError, match="does not suffice for 2 more"):
        allocations.allocate(engine, "a", owner="physics", resource_class="compute", count=3)
    assert len(allocations.allocate(engine, "a", owner="physics", resource_class="compute", count=2)[1]["nodes"]) == 2
    assert len(allocations.allocate(engine, "c", resource_class="compute", count=2)[1]["nodes"]) == 2
    assert allocations.list_allocations(engine)[1] == {"physics": {"nodes": 2, "used": 2}}
    assert do(allocation_quota, **{**quota, "nodes": 0})["diff"]["before"] == {"owner": "physics", "nodes": 2}
    assert do(allocation_quota, owner="physics", state="absent")["changed"] and not do(allocation_quota, owner="physics", state="absent")["changed"]
    with pytest.raises(BaremetalError, match="makes no sense"):
        do(allocation_quota, owner="physics", nodes=-1)


def test_allocated_nodes_are_deployed_and_released_by_undeploy(engine, put, run):
    put("node1")
    put("node2")
    allocations.allocate(engine, "hpc", resource_class="compute", count=2)
    for verb in ("manage", "provide"):
        with pytest.raises(BaremetalError, match="name=hpc state=absent"):
            guards.check(nodes.get(engine, "node1"), verb)
    with pytest.raises(BaremetalError, match="allocated node cannot be removed"):
        guards.check_removal(nodes.get(engine, "node1"))
    transitions.begin(engine, "node1", "deploy", run, instance={"uuid": "1"})
    transitions.advance(engine, "node1", "done", run)
    with pytest.raises(BaremetalError, match="state active"):
        allocations.release(engine, "hpc")
    assert allocations.list_allocations(engine)[0][0]["nodes"] == ["node1", "node2"]
    transitions.begin(engine, "node1", "undeploy", run)
    assert nodes.get(engine, "node1")["allocation"]["name"] == "hpc"
    transitions.advance(engine, "node1", "clean", run)
    assert nodes.get(engine, "node1")["allocation"] is None
    assert allocations.list_allocations(engine)[0][0]["nodes"] == ["node2"]
    # The allocation that lost a node gets another one, when there is one again.
    transitions.advance(engine, "node1", "done", run)
    assert allocations.allocate(engine, "hpc", resource_class="compute", count=2)[1]["nodes"] == ["node1", "node2"]
    with engine.begin() as connection:
        nodes.remove(connection, "node1")
        nodes.remove(connection, "node2")
    assert allocations.list_allocations(engine)[0] == []


def test_maintenance_lets_go(engine, put):
    put("node1")
    allocations.allocate(engine, "a", resource_class="compute")
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state="error"))
        nodes.set_flags(connection, "node1", {"maintenance": True})
    assert allocations.release(engine, "a")["nodes"] == ["node1"]


def test_eight_that_ask_at_once(engine, put, process):
    quota, count = 13, 3
    names = [f"node{number:02}" for number in range(20)]
    for name in names:
        put(name)
    allocations.set_quota(engine, "physics", quota)
    children = [process(ASK.format(asks=4, count=count, name="race")) for _unused in range(8)]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    given = [name for child in children for name in child.stdout.readline().split()]
    most = quota // count * count
    assert len(given) == len(set(given)) == most
    assert sum(len(one["nodes"]) for one in allocations.list_allocations(engine)[0]) == most
    assert all(len(one["nodes"]) == count for one in allocations.list_allocations(engine)[0])
