# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Provision states, verbs and events: Ironic's, unchanged. Private; may change at any time.

Source: the state machine of OpenStack Ironic (ironic/common/states.py, state_machine.py), release 39.
"""

from __future__ import annotations

from .._errors import BaremetalError

# What an operator asks for: state -> {verb: next state}.
VERBS = {
    "enroll": {"manage": "verifying"},
    "manageable": {"provide": "cleaning", "clean": "cleaning", "inspect": "inspecting", "adopt": "adopting"},
    "inspect wait": {"abort": "inspect failed"},
    "inspect failed": {"manage": "manageable", "inspect": "inspecting"},
    "clean wait": {"abort": "clean failed"},
    "clean hold": {"unhold": "clean wait", "abort": "clean failed"},
    "clean failed": {"manage": "manageable"},
    "available": {"deploy": "deploying", "manage": "manageable"},
    "wait call-back": {"abort": "deploy failed", "undeploy": "deleting"},
    "deploy hold": {"unhold": "wait call-back", "abort": "deploy failed"},
    "deploy failed": {"deploy": "deploying", "rebuild": "deploying", "undeploy": "deleting"},
    "active": {"rebuild": "deploying", "undeploy": "deleting", "rescue": "rescuing", "service": "servicing"},
    "error": {"rebuild": "deploying", "undeploy": "deleting"},
    "rescue wait": {"abort": "rescue failed", "undeploy": "deleting"},
    "rescue": {"rescue": "rescuing", "unrescue": "unrescuing", "undeploy": "deleting"},
    "rescue failed": {"rescue": "rescuing", "unrescue": "unrescuing", "undeploy": "deleting"},
    "unrescue failed": {"rescue": "rescuing", "unrescue": "unrescuing", "undeploy": "deleting"},
    "adopt failed": {"adopt": "adopting", "manage": "manageable"},
    "service wait": {"abort": "service failed", "undeploy": "deleting"},
    "service hold": {"unhold": "service wait", "service": "servicing", "abort": "service failed"},
    "service failed": {"service": "servicing", "rescue": "rescuing", "abort": "active", "undeploy": "deleting"},
}

# What the run reports: state -> {event: next state}. "done" of cleaning leads to available when the cleaning
# was automated; a manual one ends with the event "manage".
EVENTS = {
    "verifying": {"done": "manageable", "fail": "enroll"},
    "inspecting": {"done": "manageable", "wait": "inspect wait", "fail": "inspect failed"},
    "inspect wait": {"resume": "inspecting", "done": "manageable", "fail": "inspect failed"},
    "cleaning": {"done": "available", "manage": "manageable", "wait": "clean wait", "hold": "clean hold", "fail": "clean failed"},
    "clean wait": {"resume": "cleaning", "hold": "clean hold", "fail": "clean failed"},
    "deploying": {"wait": "wait call-back", "hold": "deploy hold", "done": "active", "fail": "deploy failed"},
    "wait call-back": {"resume": "deploying", "hold": "deploy hold", "fail": "deploy failed"},
    "deleting": {"clean": "cleaning", "fail": "error"},
    "rescuing": {"wait": "rescue wait", "done": "rescue", "fail": "rescue failed"},
    "rescue wait": {"resume": "rescuing", "fail": "rescue failed"},
    "unrescuing": {"done": "active", "fail": "unrescue failed"},
    "adopting": {"done": "active", "fail": "adopt failed"},
    "servicing": {"done": "active", "wait": "service wait", "hold": "service hold", "fail": "service failed"},
    "service wait": {"resume": "servicing", "hold": "service hold", "fail": "service failed"},
    "service hold": {"fail": "service failed"},
    "service failed": {"wait": "service wait", "hold": "service hold"},
}

# Where the way that a verb begins is meant to end.
TARGETS = {
    "manage": "manageable", "provide": "available", "clean": "manageable", "inspect": "manageable", "adopt": "active",
    "deploy": "active", "rebuild": "active", "undeploy": "available", "rescue": "rescue", "unrescue": "active",
    "service": "active",
}

STATES = frozenset(VERBS) | frozenset(EVENTS)

# A run is at work: these end when it does, one way or another.
TRANSIENT = frozenset(state for state in EVENTS if state.endswith("ing"))

# A run waits for the machine and does nothing to it meanwhile.
WAIT = frozenset({"inspect wait", "clean wait", "wait call-back", "rescue wait", "service wait"})

# A person has the machine; no run does, and no time runs.
HOLD = frozenset({"clean hold", "deploy hold", "service hold"})

# States in which a run holds the lock of the node.
OWNED = TRANSIENT | WAIT


def possible(state):
    """Verbs that an operator can send in a state, sorted."""
    return sorted(VERBS.get(state, {}))


def next_state(state, verb=None, event=None, *, node=None):
    """The state that a verb or an event leads to; exactly one of the two is given.

    :raises BaremetalError: for an edge that does not exist, listing those that do.
    """
    edges = VERBS.get(state, {}) if verb else EVENTS.get(state, {})
    word = verb or event
    if word not in edges:
        raise BaremetalError(
            f"{'the verb' if verb else 'the event'} {word} is not possible in state {state}", node=node, stage="provision state",
            cure=f"possible from here: {', '.join(sorted(edges)) or 'nothing until the run that works on the node ends'}",
        )
    return edges[word]


def failure_state(state):
    """Where a transient or wait state goes when its run fails or dies; None for a state that just stays."""
    return EVENTS[state]["fail"] if state in OWNED else None
