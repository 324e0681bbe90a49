# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power sync on simulated BMCs: what is recorded, what is corrected, and what is left alone."""

from __future__ import annotations

import os
import re
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.power_sync import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet import form
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat, locks, power_sync, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators.start import redfish_bmcs
from sqlalchemy import update

COUNT = 4
NAMES = [f"node{number}" for number in range(COUNT)]
RUN = {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}
OTHER = {**RUN, "run_id": "other"}


@pytest.fixture(scope="module")
def rack():
    with redfish_bmcs(count=COUNT, password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def engine(url, rack, monkeypatch):
    """Nodes that are on and recorded so, in state active."""
    monkeypatch.setenv("RACK_BMC", PASSWORD)
    monkeypatch.setattr(heartbeat, "start", lambda url, controller: None)
    for index in range(COUNT):
        rack.reset(index)
        rack.faults(index=index)
    rack.change(power="On")
    engine = open_registry(url)
    with engine.begin() as connection:
        for number, bmc in enumerate(rack.connections):
            kept = {key: bmc[key] for key in ("address", "port", "username", "ca_file")}
            node = schema.normalise({"name": NAMES[number], "driver": "redfish", "bmc": kept, "ports": [{"address": f"02:00:00:00:00:{number:02x}"}]})
            nodes.upsert(connection, node, credentials.reference({"env": "RACK_BMC"}), same_credential=lambda old, new: old == new)
    put(engine, provision_state="active", power_state="on")
    for index in range(COUNT):
        rack.reset_counters(index)
    return engine


def put(engine, name=None, **values):
    with engine.begin() as connection:
        statement = update(NODES).values(**values)
        connection.execute(statement if name is None else statement.where(NODES.c.name == name))


def flags(engine, name, **values):
    with engine.begin() as connection:
        nodes.set_flags(connection, name, values)


@pytest.fixture
def sync(url, engine):
    """Run the capability as the action runs its fleet form; gives the task's result, with the warnings in it."""
    def sync(names=NAMES, check_mode=False, between=lambda: None, **params):
        warnings = []
        defaults = {name: spec.get("default") for name, spec in DOOR.argument_spec.items()}
        call = Call(params={**defaults, "registry": url, "nodes": names, **params}, check_mode=check_mode, diff=True, controller=RUN, warn=warnings.append)
        calls, results = form.node_calls(call), {}
        form.prepare(DOOR, calls, results)
        form.work(DOOR, calls, results, call.warn, call.log)
        between()
        form.record(DOOR, calls, results)
        return {**form.summary(call, calls, results), "warnings": warnings}
    return sync


def outcomes(result):
    return [result["nodes"][name].get("outcome") for name in NAMES]


def events(engine, name):
    return [entry["error"] for entry in transitions.history(engine, name) if entry["event"] == "power sync"]


def everything(engine):
    return nodes.list_nodes(engine), [transitions.history(engine, name) for name in NAMES]


def test_agreement_is_silent(engine, sync, rack):
    before = everything(engine)
    result = sync()
    assert outcomes(result) == ["agrees"] * COUNT and not result["changed"] and result["warnings"] == [] and "diff" not in result
    assert everything(engine) == before
    assert all(set(rack.counters(number)) & {"POST", "PATCH", "DELETE"} == set() for number in range(COUNT))


def test_difference_is_recorded_in_both_directions(engine, sync, rack):
    rack.change(1, power="Off")
    rack.change(2, power="Off")
    put(engine, "node3", power_state="off")
    put(engine, "node2", power_state=None)
    before = everything(engine)
    predicted = sync(check_mode=True)
    assert everything(engine) == before
    result = sync()
    assert outcomes(predicted) == outcomes(result) == ["agrees", "recorded", "recorded", "recorded"]
    assert {name: node["power_state"] for name, node in predicted["nodes"].items()} == {name: node["power_state"] for name, node in result["nodes"].items()}
    assert [nodes.get(engine, name)["power_state"] for name in NAMES] == ["on", "off", "off", "on"]
    assert sorted(result["warnings"]) == ["node1: the power state on was recorded, and the BMC tells off",
                                          "node3: the power state off was recorded, and the BMC tells on"]
    assert result["diff"][0] == {"before_header": "node1", "after_header": "node1", "before": {"power_state": "on"}, "after": {"power_state": "off"}}
    assert events(engine, "node1") and not events(engine, "node0") and not events(engine, "node2")
    again = sync()
    assert not again["changed"] and again["warnings"] == []


def test_machine_is_corrected_under_its_lock(engine, sync, rack):
    rack.change(1, power="Off")
    put(engine, "node2", power_state="off")
    put(engine, "node3", power_state="off")
    with engine.begin() as connection:
        connection.execute(update(NODES).where(NODES.c.name == "node3").values(details={**nodes.read(connection, "node3"), "disable_power_off": True}))
    before = everything(engine)
    predicted = sync(check_mode=True, force_power_state=True)
    assert everything(engine) == before and rack.show(1)["power"] == "Off"
    result = sync(force_power_state=True)
    assert outcomes(predicted) == outcomes(result) == ["agrees", "corrected", "corrected", "recorded"]
    assert [rack.show(number)["power"] for number in range(COUNT)] == ["On", "On", "Off", "On"]
    assert [nodes.get(engine, name)["power_state"] for name in NAMES] == ["on", "on", "off", "on"]
    assert all(nodes.get(engine, name)["lock"] is None for name in NAMES)
    assert events(engine, "node1") == ["the machine was powered on, as recorded"]
    assert not sync(force_power_state=True)["changed"]


def test_state_in_between_is_no_difference(engine, sync, rack):
    rack.faults(index=1, power_state={"value": "PoweringOn"})
    before = everything(engine)
    for force in (False, True):
        result = sync(force_power_state=force)
        assert outcomes(result)[1] == "not settled" and not result["changed"]
    assert everything(engine) == before


def test_fault_after_three_failures_and_recovery(engine, sync, rack):
    rack.faults("server_error", index=1)
    for failures in (1, 2):
        result = sync()
        assert result["failed"] and result["failed_nodes"] == ["node1"] and outcomes(result)[1] == "failed" and not result["changed"]
        assert nodes.get(engine, "node1")["power_sync_failures"] == failures and not nodes.get(engine, "node1")["maintenance"]
    before = everything(engine)
    assert outcomes(sync(check_mode=True))[1] == "fault" and everything(engine) == before
    result = sync()
    assert result["failed_nodes"] == ["node1"] and result["changed"] and "power failure" in result["msg"]
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["fault"], node["power_state"]) == (True, "power failure", None) and node["maintenance_reason"].startswith("node1: ")
    # It is known now: a warning, and no failure.
    before = everything(engine)
    result = sync()
    assert "failed" not in result and not result["changed"] and outcomes(result)[1] == "fault" and "still has the fault" in result["warnings"][0]
    assert everything(engine) == before
    rack.faults(index=1)
    result = sync()
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["maintenance_reason"], node["fault"], node["power_state"], node["power_sync_failures"]) == (False, None, None, "on", 0)
    assert result["changed"] and outcomes(result)[1] == "recorded" and len(events(engine, "node1")) == 2
    assert not sync()["changed"]


def test_one_answer_ends_the_count(engine, sync, rack):
    rack.faults("server_error", index=1)
    sync()
    sync()
    rack.faults(index=1)
    assert outcomes(sync())[1] == "agrees" and nodes.get(engine, "node1")["power_sync_failures"] == 0


def test_machine_that_does_not_obey_gets_the_fault(engine, sync, rack):
    rack.change(1, power="Off")
    rack.faults("power_ignored", index=1)
    for _unused in range(2):
        assert outcomes(sync(force_power_state=True, timeout=2, max_retries=2))[1] in ("failed", "fault")
    node = nodes.get(engine, "node1")
    assert (node["fault"], node["power_state"], node["lock"]) == ("power failure", "off", None)


@pytest.mark.parametrize(("make", "reason"), [
    (lambda engine: flags(engine, "node1", maintenance=True, maintenance_reason="mine"), "in maintenance"),
    (lambda engine: flags(engine, "node1", maintenance=True, fault="clean failure"), "fault clean failure"),
    (lambda engine: put(engine, "node1", provision_state="deploying"), "state deploying"),
    (lambda engine: put(engine, "node1", provision_state="clean wait"), "state clean wait"),
    (lambda engine: put(engine, "node1", provision_state="deploy hold"), "state deploy hold"),
    (lambda engine: put(engine, "node1", provision_state="enroll"), "state enroll"),
    (lambda engine: put(engine, "node1", driver="manual"), "driver manual"),
    (lambda engine: transitions.begin(engine, "node1", "undeploy", OTHER), r"a run works on it \(deleting\)"),
    (lambda engine: transitions.begin(engine, "node1", "undeploy", RUN), r"a run works on it \(deleting\)"),
], ids=["maintenance", "other fault", "transient", "wait", "hold", "enroll", "manual", "locked", "own run"])
@pytest.mark.parametrize("force", [False, True])
def test_left_alone(engine, sync, rack, make, reason, force):
    rack.change(1, power="Off")
    make(engine)
    rack.reset_counters(1)
    before = everything(engine)
    result = sync(force_power_state=force)
    assert outcomes(result) == ["agrees", "skipped", "agrees", "agrees"] and re.search(reason, result["nodes"]["node1"]["reason"])
    assert everything(engine) == before and rack.show(1)["power"] == "Off"
    assert rack.counters(1).get("requests", 0) == 0


def test_run_that_begins_meanwhile_keeps_its_node(engine, sync, rack):
    rack.change(1, power="Off")
    rack.faults("server_error", index=2)
    put(engine, "node2", power_sync_failures=2)
    result = sync(["node1", "node2"], between=lambda: [transitions.begin(engine, name, "undeploy", OTHER) for name in ("node1", "node2")])
    for name in ("node1", "node2"):
        node = nodes.get(engine, name)
        assert result["nodes"][name]["outcome"] == "skipped" and (node["power_state"], node["maintenance"], node["lock"]["run_id"]) == ("on", False, "other")
    # Between looking at the record and correcting the machine, too.
    record = {**nodes.get(engine, "node1"), "lock": None}
    assert not power_sync.hold(engine, record, RUN)
    # What a dead run has left is no run.
    put(engine, "node3", power_state="off")
    with engine.begin() as connection:
        locks.acquire(connection, "node3", {**OTHER, "start_time": 1}, "active")
    assert sync(["node3"], force_power_state=True)["nodes"]["node3"]["outcome"] == "corrected" and nodes.get(engine, "node3")["lock"] is None


def test_playbook_tells_what_differs_and_nothing_else(engine, url, rack, playbook):
    hosts = {name: {"baremetal_registry": url} for name in NAMES}
    role = [{"name": "Sync", "ansible.builtin.include_role": {"name": "rackwright.baremetal.power_sync"}}]
    run = playbook(hosts, role)
    assert run.returncode == 0 and "changed=0" in run.stdout and "BMC" not in run.stdout, run.stdout
    rack.change(1, power="Off")
    rack.change(2, power="Off")
    rack.faults("server_error", index=3)
    run = playbook(hosts, role, "--diff")
    assert run.returncode == 2 and PASSWORD not in run.stdout and "Traceback" not in run.stdout
    assert "node1, node2: the power state on was recorded, and the BMC tells off" in " ".join(run.stdout.split())
    assert "1 of 4 nodes failed. (1) node3: " in run.stdout and "agrees" not in run.stdout
    assert [nodes.get(engine, name)["power_state"] for name in NAMES] == ["on", "off", "off", "on"]
    rack.faults(index=3)
    run = playbook(hosts, [{"name": "One", "rackwright.baremetal.power_sync": {"force_power_state": True}}])
    assert run.returncode == 0 and "changed=0" in run.stdout, run.stdout
