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
    ("the board tells\0 nothing", "the board tells nothing."),
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
        transitions.begin(engine, "node1", "adopt" if states.failure_state(state) == "deploy failed" else "deploy", run)
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
    ({"maintenance": True, "maintenance_reason": "fan"}, "available", "deploy", "fan.*maintenance=false"),
    *(({"maintenance": True}, state, verb, "maintenance=false")
      for state, verb in (("active", "rebuild"), ("active", "rescue"), ("rescue", "unrescue"), ("active", "service"), ("manageable", "clean"))),
    ({"retired": True}, "available", "deploy", "retired=false"),
    ({"retired": True}, "manageable", "provide", "retired=false"),
    ({"protected": True}, "active", "undeploy", "protected=false"),
    ({"protected": True}, "active", "rebuild", "protected=false"),
])
def test_guards_say_how_to_lift_them(engine, put, enrol, run, flags, state, verb, cure):
    put(state, **flags)
    with pytest.raises(BaremetalError, match=cure):
        transitions.begin(engine, "node1", verb, run)
    with engine.begin() as connection:
        nodes.set_flags(connection, "node1", {key: False for key in flags if key != "maintenance_reason"})
    assert transitions.begin(engine, "node1", verb, run)["provision_state"] in states.TRANSIENT


def test_flags_that_a_state_does_not_allow():
    def node(state, **more):
        return {"name": "node1", "provision_state": state, "protected": False, "protected_reason": None, "retired": False,
                "maintenance": False, "instance": None, "allocation": None, **more}
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
    guards.check_removal(node("adopt failed", instance=INSTANCE))
    with pytest.raises(BaremetalError, match="instance u1.*maintenance=true"):
        guards.check_removal(node("manageable", instance=INSTANCE))
    with pytest.raises(BaremetalError, match="undeploy it first"):
        guards.check_removal(node("active"))
    with pytest.raises(BaremetalError, match="protected=false"):
        guards.check_removal(node("active", maintenance=True, protected=True))


def holds(engine, state, controller):
    with engine.begin() as connection:
        return transitions.locks.acquire(connection, "node1", controller, state)


@pytest.mark.parametrize(("state", "after"), [
    ("inspect wait", "inspect failed"), ("clean wait", "clean failed"), ("wait call-back", "deploy failed"), ("rescue wait", "rescue failed"),
    ("service wait", "service failed"), ("clean hold", "clean failed"), ("deploy hold", "deploy failed"), ("service hold", "service failed"),
])
def test_abort_ends_waiting_at_once_whoever_waits(engine, put, run, state, after):
    put(state)
    other = {**run, "run_id": "other", "user": "alice"}
    if state in states.WAIT:
        holds(engine, state, other)
    assert transitions.abort(engine, "node1", run, check_mode=True)["provision_state"] == after
    assert nodes.get(engine, "node1")["provision_state"] == state
    moved = transitions.abort(engine, "node1", run)
    node = nodes.get(engine, "node1")
    assert (moved["previous_state"], moved["provision_state"]) == (state, node["provision_state"]) == (state, after)
    assert node["lock"] is None and f"{state}" in node["last_error"] and "bob@" in node["last_error"]
    # An abort is no fault of the machine.
    assert (node["maintenance"], node["fault"]) == (False, None)
    entry = transitions.history(engine, "node1")[-1]
    assert (entry["event"], entry["from_state"], entry["to_state"], entry["error"]) == ("abort", state, after, node["last_error"])
    with pytest.raises(BaremetalError, match=f"does not hold the node, so it cannot report done. Seen: abort by bob@.* led to state {after}"):
        transitions.advance(engine, "node1", "done", other)


@pytest.mark.parametrize("state", sorted(states.TRANSIENT))
def test_abort_of_work_names_the_owner_that_lives_and_buries_the_dead(engine, put, run, dead, state):
    put(state)
    other = {**run, "run_id": "other", "user": "alice"}
    nonce = holds(engine, state, other)
    before = nodes.get(engine, "node1")
    told = transitions.abort(engine, "node1", run, check_mode=True)["deferred"]
    for fact in ("run other", "alice@", before["lock"]["since"], f"in state {state}", f"kill {run['pid']} on {run['host']}"):
        assert fact in told
    assert nodes.get(engine, "node1") == before
    moved = transitions.abort(engine, "node1", run)
    assert (moved["provision_state"], moved["deferred"]) == (state, told)
    # By which the work is stopped in the ramdisk.
    assert (moved["nonce"], moved["reason"], moved["abortable"]) == (nonce, f"ended by request of bob@{run['host']}", True)
    for event in set(states.EVENTS[state]) - {"fail"}:
        with pytest.raises(BaremetalError, match="was aborted"):
            transitions.advance(engine, "node1", event, other)
    assert transitions.advance(engine, "node1", "fail", other, error="aborted")["provision_state"] == states.failure_state(state)
    # An abort is no fault of the machine.
    assert nodes.get(engine, "node1")["fault"] is None
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state=state, work=None))
    holds(engine, state, other)
    with engine.begin() as connection:
        transitions.locks.release(connection, "node1")
    holds(engine, state, dead)
    assert transitions.abort(engine, "node1", run)["provision_state"] == states.failure_state(state)
    node = nodes.get(engine, "node1")
    assert node["lock"] is None and "eve@" in node["last_error"] and "bob@" in node["last_error"]


@pytest.mark.parametrize("state", sorted(states.STATES - states.OWNED - states.HOLD - {"service failed"}))
def test_abort_where_nothing_is_under_way(engine, put, run, state):
    put(state)
    before = nodes.get(engine, "node1")
    moved = transitions.abort(engine, "node1", run)
    assert moved["provision_state"] == moved["previous_state"] == state
    assert nodes.get(engine, "node1") == before and transitions.history(engine, "node1") == []


def test_abort_of_a_failed_service_gives_the_node_back(engine, put, run):
    put("active")
    transitions.begin(engine, "node1", "service", run)
    transitions.advance(engine, "node1", "fail", run, error="no room")
    assert nodes.get(engine, "node1")["fault"] == "service failure"
    # A second one that is aborted while it waits is no cure of what the first one left.
    transitions.begin(engine, "node1", "service", run)
    transitions.advance(engine, "node1", "wait", run)
    assert transitions.abort(engine, "node1", run)["provision_state"] == "service failed"
    assert nodes.get(engine, "node1")["fault"] == "service failure"
    assert transitions.abort(engine, "node1", run)["provision_state"] == "active"
    node = nodes.get(engine, "node1")
    assert (node["last_error"], node["maintenance"], node["maintenance_reason"], node["fault"]) == (None, False, None, None)


def test_a_failed_service_is_a_fault_beyond_an_undeploy(engine, put, run):
    put("active")
    transitions.begin(engine, "node1", "service", run)
    transitions.advance(engine, "node1", "fail", run, error="no room")
    transitions.begin(engine, "node1", "undeploy", run)
    for event in ("clean", "done"):
        transitions.advance(engine, "node1", event, run)
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["fault"], node["maintenance_reason"]) == ("available", "service failure", "no room.")


@pytest.mark.parametrize(("flags", "kept"), [
    ({"maintenance": True, "maintenance_reason": "fan"}, (True, "fan", None)),
    ({"maintenance": True, "maintenance_reason": "BMC", "fault": "power failure"}, (True, "BMC", "power failure"))])
def test_abort_of_a_failed_service_leaves_maintenance_that_is_of_others(engine, put, run, flags, kept):
    put("service failed")
    with engine.begin() as connection:
        nodes.set_flags(connection, "node1", flags)
    assert transitions.abort(engine, "node1", run)["provision_state"] == "active"
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["maintenance_reason"], node["fault"]) == kept


@pytest.mark.parametrize(("state", "abortable", "after"), [
    ("clean wait", True, "clean failed"), ("clean wait", False, "clean wait"), ("service wait", False, "service wait"),
    ("wait call-back", False, "deploy failed"),
])
def test_step_that_is_not_abortable_is_not_cut_short(engine, put, run, state, abortable, after):
    put(state)
    holds(engine, state, {**run, "run_id": "other"})
    with engine.begin() as connection:
        nodes.set_work(connection, "node1", {"steps": [], "step": {"step": "update_firmware", "abortable": abortable}})
    moved = transitions.abort(engine, "node1", run)
    assert (moved["provision_state"], bool(moved["deferred"]), moved["abortable"]) == (after, after == state, abortable)
    assert nodes.get(engine, "node1")["work"]["step"].get("abort_after", False) is (after == state)


@pytest.mark.parametrize(("verb", "state", "waits", "held"), [("deploy", "available", "wait call-back", "deploy hold"),
                                                              ("provide", "manageable", "clean wait", "clean hold")])
def test_held_node_goes_on_in_the_same_ramdisk(engine, put, run, dead, verb, state, waits, held):
    put(state)
    nonce = transitions.begin(engine, "node1", verb, dead)["nonce"]
    assert transitions.advance(engine, "node1", "hold", dead)["provision_state"] == held
    # Nobody holds the lock now, and nobody has died.
    assert nodes.get(engine, "node1")["lock"] is None
    with pytest.raises(BaremetalError, match="possible from here: abort, unhold"):
        transitions.begin(engine, "node1", "deploy", run)
    assert nodes.get(engine, "node1")["provision_state"] == held
    moved = transitions.begin(engine, "node1", "unhold", run)
    assert (moved["provision_state"], moved["nonce"], moved["node"]["lock"]["run_id"]) == (waits, nonce, "own")
    assert transitions.advance(engine, "node1", "resume", run)["nonce"] == nonce
    transitions.advance(engine, "node1", "done", run)
    assert nodes.get(engine, "node1")["work"] is None


def test_failed_cleaning_is_a_fault_until_one_succeeds(engine, put, run):
    put("manageable")
    transitions.begin(engine, "node1", "provide", run)
    transitions.advance(engine, "node1", "fail", run, error="node1: disk on fire.")
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["fault"], node["maintenance_reason"]) == (True, "clean failure", "node1: disk on fire.")
    # Its cure is not forbidden, whatever else is.
    transitions.begin(engine, "node1", "manage", run)
    guards.check(nodes.get(engine, "node1"), "clean")
    with pytest.raises(BaremetalError, match="Seen: fault clean failure: node1: disk on fire"):
        guards.check(nodes.get(engine, "node1"), "deploy")
    transitions.begin(engine, "node1", "provide", run)
    transitions.advance(engine, "node1", "done", run)
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["maintenance"], node["fault"], node["maintenance_reason"]) == ("available", False, None, None)


def test_cleaning_by_hand_that_failed_begins_again_with_the_same_verb(engine, put, run):
    put("manageable")
    transitions.begin(engine, "node1", "clean", run)
    transitions.advance(engine, "node1", "fail", run, error="node1: disk on fire.")
    assert transitions.begin(engine, "node1", "clean", run, check_mode=True)["provision_state"] == "cleaning"
    assert nodes.get(engine, "node1")["provision_state"] == "clean failed"
    begun = transitions.begin(engine, "node1", "clean", run)
    assert (begun["previous_state"], begun["provision_state"], begun["node"]["target_provision_state"]) == ("clean failed", "cleaning", "manageable")
    assert [(entry["from_state"], entry["to_state"]) for entry in transitions.history(engine, "node1")[-2:]] == [
        ("clean failed", "manageable"), ("manageable", "cleaning")]
    # What has no chance leaves the node where it was.
    transitions.advance(engine, "node1", "fail", run, error="node1: disk on fire.")
    with engine.begin() as connection:
        nodes.set_flags(connection, "node1", {"maintenance": True, "fault": None})
    with pytest.raises(BaremetalError, match="in maintenance"):
        transitions.begin(engine, "node1", "clean", run)
    assert nodes.get(engine, "node1")["provision_state"] == "clean failed"


@pytest.mark.parametrize("state", ["clean failed", "inspect failed", "adopt failed"])
def test_a_node_is_provided_from_where_it_failed(engine, put, run, state):
    put(state)
    begun = transitions.begin(engine, "node1", "provide", run)
    assert (begun["previous_state"], begun["provision_state"], begun["node"]["target_provision_state"]) == (state, "cleaning", "available")
    assert [entry["event"] for entry in transitions.history(engine, "node1")] == ["manage", "provide"]


@pytest.mark.parametrize(("state", "begun", "events", "kept"), [
    ("enroll", "verifying", ["manage"], None),
    ("inspect failed", "adopting", ["manage", "adopt"], INSTANCE),
    ("adopt failed", "adopting", ["adopt"], INSTANCE),
])
def test_a_node_is_adopted_from_where_it_is(engine, put, run, state, begun, events, kept):
    put(state)
    moved = transitions.begin(engine, "node1", "adopt", run, instance=INSTANCE)
    assert (moved["provision_state"], moved["node"]["instance"]) == (begun, kept)
    assert [entry["event"] for entry in transitions.history(engine, "node1")] == events


def test_a_cleaning_of_a_retired_node_that_failed_is_finished_by_an_undeploy(engine, put, run):
    put("active", retired=True)
    transitions.begin(engine, "node1", "undeploy", run)
    for event in ("clean", "fail"):
        transitions.advance(engine, "node1", event, run, error="disk on fire")
    before = nodes.get(engine, "node1")
    with pytest.raises(BaremetalError, match="To do: finish its cleaning with undeploy.yml, or take the retirement back with .*retired=false"):
        transitions.begin(engine, "node1", "provide", run)
    assert nodes.get(engine, "node1") == before
    assert transitions.begin(engine, "node1", "undeploy", run)["provision_state"] == "cleaning"
    assert transitions.advance(engine, "node1", "done", run)["provision_state"] == "manageable"
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["fault"]) == (False, None)
    # It is done now, and what is done is not begun again.
    with pytest.raises(BaremetalError, match="undeploy is not possible in state manageable"):
        transitions.begin(engine, "node1", "undeploy", run)


@pytest.mark.parametrize("retired", [False, True])
def test_an_undeploy_cleans_a_manageable_node_only_where_it_is_retired_and_its_cleaning_failed(engine, put, run, retired):
    put("clean failed", retired=retired)
    transitions.begin(engine, "node1", "manage", run)
    if retired:
        assert transitions.begin(engine, "node1", "undeploy", run)["provision_state"] == "cleaning"
    else:
        with pytest.raises(BaremetalError, match="undeploy is not possible in state manageable"):
            transitions.begin(engine, "node1", "undeploy", run)


def test_cleaning_of_a_dead_run_is_a_fault_too(engine, put, run, dead):
    put("cleaning")
    holds(engine, "cleaning", dead)
    assert transitions.begin(engine, "node1", "manage", run)["node"]["fault"] == "clean failure"


def test_maintenance_of_an_operator_stays(engine, put, run):
    put("manageable", maintenance=True, maintenance_reason="fan")
    for event in ("fail", "done"):
        transitions.begin(engine, "node1", "provide", run)
        transitions.advance(engine, "node1", event, run, error="disk on fire")
        node = nodes.get(engine, "node1")
        assert (node["maintenance"], node["maintenance_reason"], node["fault"]) == (True, "fan", None)
        if event == "fail":
            transitions.begin(engine, "node1", "manage", run)
    with pytest.raises(BaremetalError, match="in maintenance. Seen: fan"):
        guards.check(node, "clean")


def test_enrolment_that_speaks_of_maintenance_makes_it_the_operators(engine, put, enrol, run):
    put("cleaning")
    holds(engine, "cleaning", run)
    transitions.advance(engine, "node1", "fail", run, error="disk on fire")
    enrol(rack="r1")
    assert nodes.get(engine, "node1")["fault"] == "clean failure"
    enrol(maintenance=True)
    assert (nodes.get(engine, "node1")["maintenance"], nodes.get(engine, "node1")["fault"]) == (True, None)
    enrol(maintenance=False)
    assert (nodes.get(engine, "node1")["maintenance"], nodes.get(engine, "node1")["maintenance_reason"]) == (False, None)


@pytest.mark.parametrize("flags", [{"retired": True}, {}])
def test_where_a_cleaning_ends(engine, put, run, flags):
    put("active", **flags)
    transitions.begin(engine, "node1", "undeploy", run, instance=INSTANCE)
    transitions.advance(engine, "node1", "clean", run)
    assert transitions.advance(engine, "node1", "done", run)["provision_state"] == ("manageable" if flags else "available")
    assert nodes.get(engine, "node1")["lock"] is None
    if not flags:
        transitions.begin(engine, "node1", "manage", run)
        transitions.begin(engine, "node1", "clean", run)
        assert transitions.advance(engine, "node1", "done", run)["provision_state"] == "manageable"


def test_time_of_deployment_is_that_of_the_deploy(engine, put, run):
    put("active")
    transitions.begin(engine, "node1", "service", run, instance={**INSTANCE, "deployed_at": "2026-01-31T12:00:00+00:00"})
    transitions.advance(engine, "node1", "done", run)
    assert nodes.get(engine, "node1")["instance"]["deployed_at"] == "2026-01-31T12:00:00+00:00"
    transitions.begin(engine, "node1", "rebuild", run)
    transitions.advance(engine, "node1", "done", run)
    assert nodes.get(engine, "node1")["instance"]["deployed_at"] == nodes.get(engine, "node1")["provision_updated_at"]


def test_run_from_which_a_node_was_taken_knows(engine, put, enrol, run):
    """A controller that slept may wake up in the middle of its work, long after another has done it."""
    def lost(controller):
        with engine.begin() as connection:
            return transitions.locks.lost(connection, ["node1", "node2"], controller)
    put("available")
    enrol("node2")
    slept = {**run, "run_id": "slept"}
    transitions.begin(engine, "node1", "deploy", slept)
    assert lost(slept) == set()
    transitions.advance(engine, "node1", "wait", slept)
    transitions.abort(engine, "node1", run)
    assert lost(slept) == {"node1"} and lost(run) == set()
    transitions.begin(engine, "node1", "deploy", run)
    transitions.advance(engine, "node1", "done", run)
    assert lost(slept) == {"node1"} and lost(run) == set()
    transitions.begin(engine, "node1", "undeploy", slept)
    assert lost(slept) == set()
