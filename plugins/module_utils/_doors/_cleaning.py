# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs provide, undeploy, clean and service: steps on a node outside of a deploy. Private to the collection; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError
from .._lifecycle import steps, transitions
from . import _step_plans, _switch_ports, _verb
from ._registry_access import record


def provide(call, engine):
    """Clean the node and make it available; see skip_cleaning. A new node is verified first, and then the verb is sent again."""
    moved = _automated(call, engine, "provide")
    return _verb.result(call, moved, moved["node"]["instance"])


def clean(call, engine):
    """Do the steps that the operator names on a node that is manageable."""
    return _by_hand(call, engine, "clean", "cleaning")


def service(call, engine):
    """Do the steps that the operator names on a node that carries an instance."""
    return _by_hand(call, engine, "service", "service")


def _by_hand(call, engine, verb, work):
    """A verb whose steps the operator names."""
    given = _step_plans.given_steps(call)
    if given["runbook"] and given["requested"]:
        raise BaremetalError("steps and a runbook were given", stage="steps", cure="give one of them")
    requests = given["requested"]
    if given["runbook"]:
        requests = steps.runbook(given["runbooks"] or {}, given["runbook"], record(call))
    plan = _step_plans.in_networks(given, steps.manual(_step_plans.catalogue(given), verb, requests), verb)
    _step_plans.check_tasks(call, plan)
    _switch_ports.check(engine, record(call), plan, call.params["network_layout"])

    def check(node):
        if any(step["in_band"] for step in plan):
            _verb.refuse_diskless(node, work)
            _verb.check_ramdisk(call, node, work)

    moved = _verb.with_steps(call, engine, verb, plan, check=check)
    return _verb.result(call, moved, moved["node"]["instance"])


def undeploy(call, engine):
    """Take the instance away. What follows is a cleaning, which the event ``clean`` begins; one that came to no end is what begins here."""
    # The instance that goes away, for whoever still has to do with it.
    instance = record(call)["instance"]
    return _verb.result(call, _automated(call, engine, "undeploy"), instance)


def is_due(engine, node):
    """Whether a retired node has not been cleaned where it is to end. Any other is cleaned before it is available."""
    with engine.begin() as connection:
        return transitions.is_uncleaned(connection, node)


def _automated(call, engine, verb):
    """Begin a verb whose way leads through an automated cleaning."""
    node = record(call)
    plan = _step_plans.automated(call)
    if node["automated_clean"]:
        _step_plans.check_tasks(call, plan)
        _switch_ports.check(engine, node, plan, [])
    # Where it is not to be cleaned there is no cleaning to go on with.
    moved = _verb.with_steps(call, engine, verb, plan, goes_on=node["automated_clean"], check=lambda node: _check_cleaning(call, node, plan))
    return {**moved, **skip_cleaning(call, engine, moved)} if moved["provision_state"] == "cleaning" else moved


def skip_cleaning(call, engine, moved):
    """Walk a node whose automated cleaning is off through cleaning at once, as Ironic does."""
    if moved["node"]["automated_clean"]:
        return moved
    if call.check_mode:
        state = "manageable" if moved["node"]["retired"] else "available"
        return {**moved, "provision_state": state, "node": {**moved["node"], "provision_state": state}}
    return {**transitions.advance(engine, call.node, "done", call.controller), "previous_state": moved["previous_state"]}


def _check_cleaning(call, node, plan):
    """Refuse a verb whose way leads through a cleaning that cannot end well, or through one that came to no end and is switched off now."""
    if not node["automated_clean"] and node["provision_state"] == "clean failed":
        raise BaremetalError(
            "its cleaning came to no end and it is not to be cleaned any more (automated_clean), so that what it had may still run on it",
            node=node["name"], stage="cleaning", seen=node["last_error"],
            cure="enrol it with automated_clean: true and run the same command again; or look at the machine, switch it off, and run manage.yml "
                 f"and then {'undeploy' if node['retired'] else 'provide'}.yml")
    if node["automated_clean"] and any(step["in_band"] for step in plan):
        _verb.check_ramdisk(call, node, "cleaning")
