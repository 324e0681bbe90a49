# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What follows from a power state, for every record; and that it is written only where nothing has changed meanwhile."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import power_sync, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle.states import HOLD, OWNED, STATES
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

RECORDS = st.fixed_dictionaries({
    "name": st.just("node1"), "provision_state": st.sampled_from(sorted(STATES)), "power_state": st.sampled_from(["on", "off", None]),
    "power_sync_failures": st.integers(0, 4), "maintenance": st.booleans(), "maintenance_reason": st.sampled_from([None, "mine"]),
    "fault": st.sampled_from([None, "clean failure", "power failure"]), "lock": st.just(None),
})


@given(record=RECORDS)
def test_maintenance_of_others_and_nodes_in_between_are_left_alone(record):
    alone = power_sync.why_not(record, False) is not None
    foreign = record["maintenance"] and record["fault"] != "power failure"
    assert alone == (record["provision_state"] in OWNED | HOLD | {"enroll", "adopt failed"} or foreign)
    assert power_sync.why_not({**record, "lock": {"stage": "deploying"}}, True) == "a run works on it (deploying)"


@given(record=RECORDS, seen=st.sampled_from(["on", "off", "unknown"]), most=st.integers(1, 4))
def test_a_verdict_is_final_once_it_is_written(record, seen, most):
    found = power_sync.verdict(record, seen, max_retries=most)
    after = {**record, **found["flags"]}
    again = power_sync.verdict(after, seen, max_retries=most)
    assert again == {"outcome": "not settled" if seen == "unknown" else "agrees", "flags": {}}
    assert after["power_state"] == (record["power_state"] if seen == "unknown" else seen) and after["power_sync_failures"] == 0
    # Only its own fault ends.
    if record["fault"] != "power failure":
        assert (after["maintenance"], after["fault"], after["maintenance_reason"]) == (record["maintenance"], record["fault"], record["maintenance_reason"])


@given(record=RECORDS, seen=st.sampled_from(["on", "off", None]), most=st.integers(1, 4))
def test_failures_end_in_a_fault_that_stays_as_it_is(record, seen, most):
    record = {**record, "fault": None, "maintenance": False, "power_sync_failures": 0}
    for count in range(1, most + 3):
        found = power_sync.verdict(record, seen, error="it broke", max_retries=most)
        record = {**record, **found["flags"]}
        assert found["outcome"] == ("failed" if count < most else "fault")
        assert (record["fault"], record["maintenance"]) == (("power failure", True) if count >= most else (None, False))
        assert bool(found["flags"]) == (count <= most)


def put(engine, **values):
    with engine.begin() as connection:
        connection.execute(update(NODES).values(**values))


FLAGS = {"power_state": "off", "power_sync_failures": 0, "maintenance": True, "maintenance_reason": "it broke", "fault": "power failure"}


def test_everything_is_written_together_and_told(engine, enrol, run):
    enrol("node1")
    enrol("node2")
    put(engine, provision_state="active", power_state="on", power_sync_failures=2)
    findings = [(nodes.get(engine, name), FLAGS if name == "node1" else {"power_sync_failures": 0}, told) for name, told in (("node2", None), ("node1", "why"))]
    assert power_sync.write(engine, findings, run) == set()
    node = nodes.get(engine, "node1")
    assert {key: node[key] for key in FLAGS} == FLAGS
    assert [(entry["event"], entry["error"]) for entry in transitions.history(engine, "node1")] == [("power sync", "why")]
    assert nodes.get(engine, "node2")["power_sync_failures"] == 0 and transitions.history(engine, "node2") == []


@pytest.mark.parametrize("meanwhile", [
    lambda engine, other: transitions.begin(engine, "node1", "undeploy", other),
    lambda engine, other: put(engine, power_state="off"),
    lambda engine, other: put(engine, maintenance=True),
    lambda engine, other: power_sync.hold(engine, nodes.get(engine, "node1"), other),
], ids=["run", "power", "maintenance", "other sync"])
def test_nothing_is_written_over_what_changed(engine, enrol, run, meanwhile):
    enrol()
    put(engine, provision_state="active", power_state="on")
    record = nodes.get(engine, "node1")
    meanwhile(engine, {**run, "run_id": "other"})
    before = nodes.get(engine, "node1")
    assert power_sync.write(engine, [(record, FLAGS, "why")], run) == {"node1"} and not power_sync.hold(engine, record, run)
    assert nodes.get(engine, "node1") == before


def test_hold_keeps_runs_out_until_it_is_given_back(engine, enrol, run):
    enrol()
    put(engine, provision_state="active", power_state="on")
    assert power_sync.hold(engine, nodes.get(engine, "node1"), run)
    with pytest.raises(transitions.BaremetalError, match="another run works on the node"):
        transitions.begin(engine, "node1", "undeploy", {**run, "run_id": "other"})
    power_sync.let_go(engine, "node1", run)
    assert transitions.begin(engine, "node1", "undeploy", {**run, "run_id": "other"})["provision_state"] == "deleting"


def test_a_lock_that_another_run_took_meanwhile_is_not_given_back(engine, enrol, run, monkeypatch):
    enrol()
    put(engine, provision_state="active", power_state="on")
    slept = {**run, "run_id": "slept"}
    assert power_sync.hold(engine, nodes.get(engine, "node1"), slept)
    monkeypatch.setattr(power_sync.locks, "is_dead", lambda lock, moment: lock.run_id == "slept")
    transitions.begin(engine, "node1", "undeploy", run)
    power_sync.let_go(engine, "node1", slept)
    assert nodes.get(engine, "node1")["lock"]["run_id"] == "own"
