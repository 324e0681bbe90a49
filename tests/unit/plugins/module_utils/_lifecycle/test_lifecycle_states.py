# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state table against a second one, typed edge by edge from Ironic's documentation of its states."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import states
from hypothesis import given, strategies

# state, word, next state; "abort" and "unhold" are verbs, "delete" is Ironic's word for undeploy.
EDGES = {
    tuple(part.strip() for part in line.split("|"))
    for line in """
    enroll          | manage   | verifying
    verifying       | done     | manageable
    verifying       | fail     | enroll
    manageable      | provide  | cleaning
    manageable      | clean    | cleaning
    manageable      | inspect  | inspecting
    manageable      | adopt    | adopting
    inspecting      | done     | manageable
    inspecting      | wait     | inspect wait
    inspecting      | fail     | inspect failed
    inspect wait    | abort    | inspect failed
    inspect wait    | resume   | inspecting
    inspect wait    | done     | manageable
    inspect wait    | fail     | inspect failed
    inspect failed  | manage   | manageable
    inspect failed  | inspect  | inspecting
    cleaning        | done     | available
    cleaning        | manage   | manageable
    cleaning        | wait     | clean wait
    cleaning        | hold     | clean hold
    cleaning        | fail     | clean failed
    clean wait      | abort    | clean failed
    clean wait      | resume   | cleaning
    clean wait      | hold     | clean hold
    clean wait      | fail     | clean failed
    clean hold      | unhold   | clean wait
    clean hold      | abort    | clean failed
    clean failed    | manage   | manageable
    available       | deploy   | deploying
    available       | manage   | manageable
    deploying       | wait     | wait call-back
    deploying       | hold     | deploy hold
    deploying       | done     | active
    deploying       | fail     | deploy failed
    wait call-back  | abort    | deploy failed
    wait call-back  | undeploy | deleting
    wait call-back  | resume   | deploying
    wait call-back  | hold     | deploy hold
    wait call-back  | fail     | deploy failed
    deploy hold     | unhold   | wait call-back
    deploy hold     | abort    | deploy failed
    deploy failed   | deploy   | deploying
    deploy failed   | rebuild  | deploying
    deploy failed   | undeploy | deleting
    active          | rebuild  | deploying
    active          | undeploy | deleting
    active          | rescue   | rescuing
    active          | service  | servicing
    deleting        | clean    | cleaning
    deleting        | fail     | error
    error           | rebuild  | deploying
    error           | undeploy | deleting
    rescuing        | wait     | rescue wait
    rescuing        | done     | rescue
    rescuing        | fail     | rescue failed
    rescue wait     | abort    | rescue failed
    rescue wait     | undeploy | deleting
    rescue wait     | resume   | rescuing
    rescue wait     | fail     | rescue failed
    rescue          | rescue   | rescuing
    rescue          | unrescue | unrescuing
    rescue          | undeploy | deleting
    rescue failed   | rescue   | rescuing
    rescue failed   | unrescue | unrescuing
    rescue failed   | undeploy | deleting
    unrescuing      | done     | active
    unrescuing      | fail     | unrescue failed
    unrescue failed | rescue   | rescuing
    unrescue failed | unrescue | unrescuing
    unrescue failed | undeploy | deleting
    adopting        | done     | active
    adopting        | fail     | adopt failed
    adopt failed    | adopt    | adopting
    adopt failed    | manage   | manageable
    servicing       | done     | active
    servicing       | wait     | service wait
    servicing       | hold     | service hold
    servicing       | fail     | service failed
    service wait    | abort    | service failed
    service wait    | undeploy | deleting
    service wait    | resume   | servicing
    service wait    | hold     | service hold
    service wait    | fail     | service failed
    service hold    | unhold   | service wait
    service hold    | service  | servicing
    service hold    | abort    | service failed
    service hold    | fail     | service failed
    service failed  | service  | servicing
    service failed  | rescue   | rescuing
    service failed  | abort    | active
    service failed  | undeploy | deleting
    service failed  | wait     | service wait
    service failed  | hold     | service hold
    """.strip().splitlines()
}
WORDS = sorted({word for state, word, after in EDGES} | {"deploy now", ""})
VERBS = {"manage", "provide", "clean", "inspect", "adopt", "deploy", "rebuild", "undeploy", "rescue", "unrescue", "service", "abort", "unhold"}
# "manage" ends a manual cleaning, and "clean" follows the deletion: these two are verbs elsewhere.
AMBIGUOUS = {("cleaning", "manage"), ("deleting", "clean")}


def test_every_edge_and_no_other():
    table = {
        (state, word, after)
        for part in (states.VERBS, states.EVENTS) for state, edges in part.items() for word, after in edges.items()
    }
    assert table == EDGES
    assert len(EDGES) == 93


def test_verbs_are_what_an_operator_sends():
    verbs = {(state, word) for state, edges in states.VERBS.items() for word in edges}
    assert verbs == {(state, word) for state, word, after in EDGES if word in VERBS} - AMBIGUOUS


@given(strategies.sampled_from(sorted(states.STATES)), strategies.sampled_from(WORDS), strategies.booleans())
def test_edges_are_taken_or_refused_with_what_is_possible(state, word, is_verb):
    after = {edge[2] for edge in EDGES if edge[:2] == (state, word)}
    kind = "verb" if is_verb else "event"
    table = states.VERBS if is_verb else states.EVENTS
    if after and word in table.get(state, {}):
        assert {states.next_state(state, **{kind: word})} == after
        return
    with pytest.raises(BaremetalError) as refusal:
        states.next_state(state, **{kind: word or "nothing"}, node="node1")
    assert "node1: " in str(refusal.value)
    for possible in table.get(state, {}):
        assert possible in str(refusal.value)


def test_every_state_can_be_left_and_reached():
    assert {state for state, word, after in EDGES} == states.STATES
    assert {after for state, word, after in EDGES} == states.STATES


@pytest.mark.parametrize("state", sorted(states.STATES))
def test_transient_and_wait_states_can_fail(state):
    if state.endswith(("ing", "wait", "call-back")):
        assert states.failure_state(state) in states.STATES
    assert (state in states.TRANSIENT) == state.endswith("ing")
