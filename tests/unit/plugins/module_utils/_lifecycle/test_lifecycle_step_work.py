# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps of a node in the registry: where they are, where they are gone on with, and where an abort ends them."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

NAMES = ["wipe", "hold", "burn_in"]


def step(number, *, abortable=True):
    return {"step": NAMES[number], "number": number, "of": len(NAMES), "abortable": abortable}


@pytest.fixture(name="begun")
def _begun(engine, enrol, run):
    """A node whose manual cleaning has begun."""
    enrol()
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state="manageable"))
    transitions.begin(engine, "node1", "clean", run, steps=NAMES)


def work(engine):
    return nodes.get(engine, "node1")["work"]


def test_where_a_node_is(engine, run, begun):
    assert work(engine) == {"steps": NAMES}
    transitions.begin_step(engine, "node1", step(0), run)
    assert (work(engine)["begin"], work(engine)["step"]) == (0, step(0))
    transitions.advance(engine, "node1", "done", run)
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["work"]) == ("manageable", None)


def test_another_run_begins_no_step(engine, run, begun):
    with pytest.raises(BaremetalError, match="another run works on the node"):
        transitions.begin_step(engine, "node1", step(0), {**run, "run_id": "other"})
    with pytest.raises(BaremetalError, match="cannot begin the step wipe"):
        transitions.advance(engine, "node1", "fail", run, error="x")
        transitions.begin_step(engine, "node1", step(0), run)


def test_a_step_that_waits_is_ended_by_an_abort_at_once(engine, run, begun):
    transitions.begin_step(engine, "node1", {**step(0), "step": "wait"}, run)
    assert nodes.get(engine, "node1")["provision_state"] == "clean wait"
    transitions.advance(engine, "node1", "resume", run)
    assert nodes.get(engine, "node1")["provision_state"] == "cleaning"
    transitions.begin_step(engine, "node1", {**step(1), "step": "wait"}, run)
    ended = transitions.abort(engine, "node1", {**run, "run_id": "other"})
    assert (ended["deferred"], ended["provision_state"]) == (None, "clean failed")
    with pytest.raises(BaremetalError, match="does not hold the node"):
        transitions.advance(engine, "node1", "resume", run)


def test_hold_and_what_follows(engine, run, begun):
    other = {**run, "run_id": "other"}
    transitions.begin_step(engine, "node1", step(0), run)
    transitions.begin_step(engine, "node1", step(1), run)
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["target_provision_state"], node["lock"]) == ("clean hold", "manageable", None)
    assert transitions.resume_steps(engine, "node1", "clean", NAMES, other) is None
    transitions.begin(engine, "node1", "unhold", run)
    with pytest.raises(BaremetalError, match="another run works on the node"):
        transitions.resume_steps(engine, "node1", "clean", NAMES, other)
    assert transitions.resume_steps(engine, "node1", "clean", [*NAMES, "more"], run) is None
    moved = transitions.resume_steps(engine, "node1", "clean", NAMES, run, check_mode=True)
    assert (moved["begin"], nodes.get(engine, "node1")["provision_state"]) == (2, "clean wait")
    moved = transitions.resume_steps(engine, "node1", "clean", NAMES, run)
    assert (moved["begin"], moved["provision_state"]) == (2, "cleaning")


def test_a_run_that_died_while_the_machine_booted_for_a_step(engine, enrol, run):
    dead = {**run, "run_id": "dead", "pid": 2 ** 22 + 1}
    enrol()
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state="manageable"))
    nonce = transitions.begin(engine, "node1", "clean", dead, steps=NAMES)["nonce"]
    with engine.begin() as connection:
        # Its pid is not there, so begin_step must be told by the same run.
        nodes.set_work(connection, "node1", {"steps": NAMES, "begin": 2, "step": step(2)})
    transitions.advance(engine, "node1", "wait", dead)
    moved = transitions.resume_steps(engine, "node1", "clean", NAMES, run)
    assert (moved["begin"], moved["nonce"], moved["node"]["lock"]["run_id"]) == (2, nonce, "own")


def test_a_run_that_died_in_its_first_step_starts_anew(engine, run, begun):
    transitions.begin_step(engine, "node1", step(0), run)
    transitions.advance(engine, "node1", "wait", run)
    assert transitions.resume_steps(engine, "node1", "clean", NAMES, run) is None


def test_an_abort_takes_place_behind_the_step(engine, run, begun):
    other = {**run, "run_id": "other"}
    transitions.begin_step(engine, "node1", step(0, abortable=False), run)
    assert "run own" in transitions.abort(engine, "node1", other)["deferred"]
    with pytest.raises(BaremetalError, match="was aborted during wipe"):
        transitions.begin_step(engine, "node1", step(1), run)
    with pytest.raises(BaremetalError, match="was aborted during wipe"):
        transitions.advance(engine, "node1", "done", run)
    assert transitions.advance(engine, "node1", "fail", run, error="aborted")["provision_state"] == "clean failed"
    node = nodes.get(engine, "node1")
    assert (node["maintenance"], node["fault"], node["lock"]) == (False, None, None)


def stand(engine, dead, verb, state):
    """Leave a node in the wait state in which a run died that had done the first step."""
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state=state))
    transitions.begin(engine, "node1", verb, dead, steps=NAMES)
    with engine.begin() as connection:
        nodes.set_work(connection, "node1", {"steps": NAMES, "begin": 1, "step": step(1, abortable=False)})
    transitions.advance(engine, "node1", "wait", dead)


@pytest.mark.parametrize(("verb", "state", "begun"), [("clean", "manageable", "cleaning"), ("service", "active", "servicing")])
def test_what_was_aborted_before_its_run_died_begins_anew(engine, enrol, run, monkeypatch, verb, state, begun):
    enrol()
    dead = {**run, "run_id": "dead"}
    stand(engine, dead, verb, state)
    # It lives when it is aborted, and dies afterwards.
    assert "run dead" in transitions.abort(engine, "node1", run)["deferred"]
    monkeypatch.setattr(transitions.locks, "is_dead", lambda lock, moment: lock.run_id == "dead")
    assert transitions.resume_steps(engine, "node1", verb, NAMES, run) is None
    moved = transitions.begin(engine, "node1", verb, run, steps=NAMES)
    # An abort is no fault of the machine.
    assert (moved["provision_state"], moved["node"]["work"], moved["node"]["fault"]) == (begun, {"steps": NAMES}, None)


def test_only_work_to_the_same_end_is_gone_on_with(engine, enrol, run):
    enrol()
    dead = {**run, "run_id": "dead", "pid": 2 ** 22 + 1}
    stand(engine, dead, "provide", "manageable")
    assert transitions.resume_steps(engine, "node1", "clean", NAMES, run) is None
    assert transitions.resume_steps(engine, "node1", "undeploy", NAMES, run)["begin"] == 1
