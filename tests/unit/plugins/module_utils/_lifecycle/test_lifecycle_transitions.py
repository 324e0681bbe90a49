# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transitions: what a verb begins and an event goes on with, guards, and the history they leave."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import guards, states, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

INSTANCE = {"uuid": "u1", "image": "debian-12", "image_digest": "sha256:aa", "deployed_at": None}

# A run that died before the test began: its process cannot be there.
DEAD = {"run_id": "dead", "pid": 2 ** 22 + 1, "start_time": 1, "user": "eve"}


@pytest.fixture
def put(engine, enrol):
    """Enrol a node and put it into a state."""
    def put(state="enroll", **more):
        enrol(**more)
        with engine.begin() as connection:
            connection.execute(update(NODES).values(provision_state=state))
    return put


@pytest.fixture
def dead(run):
    return {**run, **DEAD}


def test_from_enrolment_to_an_instance_and_back(engine, enrol, run):
    enrol()
    way = [
        ("manage", "verifying", True), ("done", "manageable", False), ("provide", "cleaning", True), ("done", "available", False),
        ("deploy", "deploying", True), ("wait", "wait call-back", True), ("resume", "deploying", True), ("done", "active", False),
        ("undeploy", "deleting", True), ("clean", "cleaning", True), ("done", "available", False),
    ]
    nonces = []
    for word, state, locked in way:
        if word in states.TARGETS and word != "clean":
            result = transitions.begin(engine, "node1", word, run, instance=INSTANCE if word == "deploy" else None)
            nonces.append(result["nonce"])
        else:
            result = transitions.advance(engine, "node1", word, run)
            assert result["nonce"] == nonces[-1]
        node = nodes.get(engine, "node1")
        assert (node["provision_state"], bool(node["lock"])) == (state, locked)
        assert result["node"] == node and result["provision_state"] == state
        if word == "deploy":
            assert node["instance"] == INSTANCE and node["target_provision_state"] == "active"
        if state == "active":
            assert node["instance"] == {**INSTANCE, "deployed_at": node["provision_updated_at"]} and node["target_provision_state"] is None
    assert node["instance"] is None
    assert len(set(nonces)) == len(nonces) and all(len(nonce) == 16 and int(nonce, 16) >= 0 for nonce in nonces)
    entries = transitions.history(engine, "node1")
    assert [(entry["event"], entry["to_state"]) for entry in entries] == [(word, state) for word, state, locked in way]
    assert all(entry["who"] == f"bob@{run['host']}" and entry["run_id"] == "own" and entry["duration"] >= 0 for entry in entries)
    # What the node carried is still known after it was taken away.
    assert next(entry for entry in entries if entry["event"] == "clean")["instance"]["uuid"] == "u1"


def test_failure_is_recorded_and_releases_the_node(engine, put, run):
    put("available")
    transitions.begin(engine, "node1", "deploy", run)
    transitions.advance(engine, "node1", "fail", run, error="node1: write: disk on fire.")
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["last_error"], node["lock"]) == ("deploy failed", "node1: write: disk on fire.", None)
    assert transitions.history(engine, "node1")[-1]["error"] == node["last_error"]
    assert transitions.begin(engine, "node1", "deploy", run)["node"]["last_error"] is None


@pytest.mark.parametrize(("error", "recorded"), [
    ("disk on fire", "disk on fire."),
    ("  template error:\n  'x' is undefined\n", "template error: 'x' is undefined."),
    ("What now?", "What now?"),
    (" \n", "no reason was given."),
])
def test_last_error_is_a_sentence(engine, put, run, error, recorded):
    put("available")
    transitions.begin(engine, "node1", "deploy", run)
    moved = transitions.advance(engine, "node1", "fail", run, error=error)
    assert moved["node"]["last_error"] == recorded
    assert transitions.history(engine, "node1")[-1]["error"] == recorded


def test_event_of_a_run_that_does_not_hold_the_node(engine, put, run):
    put("available")
    with pytest.raises(BaremetalError, match="does not hold the node"):
        transitions.advance(engine, "node1", "done", run)
    transitions.begin(engine, "node1", "deploy", {**run, "run_id": "other"})
    with pytest.raises(BaremetalError, match="another run works on the node.*run other"):
        transitions.advance(engine, "node1", "done", run)
    assert nodes.get(engine, "node1")["provision_state"] == "deploying"


@pytest.mark.parametrize("state", sorted(states.TRANSIENT - {"verifying"}) + ["wait call-back", "clean wait", "rescue wait", "service wait"])
def test_every_state_of_a_dead_run_becomes_its_failed_state(engine, put, run, dead, state):
    put(state)
    with engine.begin() as connection:
        transitions.locks.acquire(connection, "node1", dead, state)
    with pytest.raises(BaremetalError, match="is not possible in state"):
        transitions.begin(engine, "node1", "adopt" if "adopt" not in state else "deploy", run)
    node = nodes.get(engine, "node1")
    assert node["provision_state"] == states.failure_state(state)
    assert node["lock"] is None
    assert f"eve@{run['host']} (pid {DEAD['pid']}) died in state {state}" in node["last_error"]


def test_wait_state_of_a_dead_run_can_be_resumed(engine, put, run, dead):
    put("available")
    nonce = transitions.begin(engine, "node1", "deploy", dead)["nonce"]
    transitions.advance(engine, "node1", "wait", dead)
    with pytest.raises(BaremetalError, match="does not hold"):
        transitions.advance(engine, "node1", "fail", run, error="x")
    assert transitions.advance(engine, "node1", "resume", run, check_mode=True)["provision_state"] == "deploying"
    assert nodes.get(engine, "node1")["lock"]["run_id"] == "dead"
    resumed = transitions.advance(engine, "node1", "resume", run)
    # The machine was booted with that nonce and knows no other.
    assert resumed["nonce"] == nonce
    assert resumed["node"]["lock"]["run_id"] == "own"
    assert transitions.advance(engine, "node1", "done", run)["provision_state"] == "active"


def test_check_mode_writes_nothing(engine, put, run):
    put("available")
    before = nodes.get(engine, "node1")
    assert transitions.begin(engine, "node1", "deploy", run, instance=INSTANCE, check_mode=True)["provision_state"] == "deploying"
    assert nodes.get(engine, "node1") == before
    assert transitions.history(engine, "node1") == []


def test_failed_check_leaves_the_node_alone(engine, put, run):
    def no(node):
        raise BaremetalError("the image is larger than the disk", node=node["name"])
    put("available")
    before = nodes.get(engine, "node1")
    with pytest.raises(BaremetalError, match="larger"):
        transitions.begin(engine, "node1", "deploy", run, check=no)
    assert nodes.get(engine, "node1") == before


@pytest.mark.parametrize(("flags", "state", "verb", "cure"), [
    ({"maintenance": True, "maintenance_reason": "fan"}, "available", "deploy", "fan.*maintenance: false"),
    ({"maintenance": True}, "active", "rebuild", "maintenance: false"),
    ({"retired": True}, "available", "deploy", "retired: false"),
    ({"retired": True}, "manageable", "provide", "retired: false"),
    ({"protected": True}, "active", "undeploy", "protected: false"),
    ({"protected": True}, "active", "rebuild", "protected: false"),
])
def test_guards_say_how_to_lift_them(engine, put, enrol, run, flags, state, verb, cure):
    put(state, **flags)
    with pytest.raises(BaremetalError, match=cure):
        transitions.begin(engine, "node1", verb, run)
    enrol(**{key: False for key in flags if key != "maintenance_reason"})
    assert transitions.begin(engine, "node1", verb, run)["provision_state"] in states.TRANSIENT


def test_flags_that_a_state_does_not_allow():
    def node(state, **more):
        return {"name": "node1", "provision_state": state, "protected": False, "retired": False, "maintenance": False, **more}
    guards.check_change(node("active"), {"protected"})
    guards.check_change(node("manageable"), {"retired"})
    guards.check_change(node("available", protected=True, retired=True), {"protected", "retired"})
    with pytest.raises(BaremetalError, match="active or rescue"):
        guards.check_change(node("available"), {"protected"})
    with pytest.raises(BaremetalError, match="available node cannot be retired.*manage"):
        guards.check_change(node("available"), {"retired"})
    for state in ("enroll", "manageable", "available", "adopt failed"):
        guards.check_removal(node(state))
    guards.check_removal(node("active", maintenance=True))
    with pytest.raises(BaremetalError, match="undeploy it first"):
        guards.check_removal(node("active"))
    with pytest.raises(BaremetalError, match="protected: false"):
        guards.check_removal(node("active", maintenance=True, protected=True))
