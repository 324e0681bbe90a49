# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps a verb consists of, by what the task was given. Private to the collection; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError
from .._lifecycle import steps
from .._lifecycle.builtin_steps import BUILT_IN, TASKS
from . import _switch_ports
from ._registry_access import record

# The option steps of provision_state.
STEPS = {
    "definitions": {"type": "list", "elements": "dict"},
    "deploy_steps": {"type": "list", "elements": "dict"},
    "priorities": {"type": "dict"},
    "requested": {"type": "list", "elements": "dict"},
    "runbook": {"type": "str"},
    "runbooks": {"type": "dict"},
    "templates": {"type": "dict"},
    "traits": {"type": "list", "elements": "str"},
}

# Checked once, in the process that forks the workers.
_BUILT_IN = steps.catalogue(BUILT_IN)


def given_steps(call):
    """The option steps, with None for what was not given."""
    return call.params["steps"] or dict.fromkeys(STEPS)


def catalogue(given):
    """All steps by their names: those of the collection, and those of the site.

    :param given: what ``given_steps`` returned.
    """
    return {**_BUILT_IN, **steps.catalogue(given["definitions"] or [])}


def automated(call):
    """The plan of an automated cleaning."""
    given = given_steps(call)
    return in_networks(given, steps.automated(catalogue(given), "clean", given["priorities"]), "clean")


def in_networks(given, plan, verb):
    """A plan that changes the switch ports of the node where its deploys do so.

    :param given: what ``given_steps`` returned.
    """
    known = catalogue(given)
    return steps.in_networks(known, plan, verb, steps.network_types(known, given["deploy_steps"]))


def networks(call, engine, *types):
    """The networks that a verb without steps takes the node into, where its deploys do so by steps.

    :param types: network types that the verb has to do with.
    :returns: what is planned by network type, see ``_switch_ports.check_types``.
    """
    given = given_steps(call)
    wanted = [one for one in steps.network_types(catalogue(given), given["deploy_steps"]) if one in types]
    return _switch_ports.check_types(engine, record(call), wanted, call.params["network_layout"])


def check_tasks(call, plan):
    """Refuse a plan with a step of the site whose tasks Ansible cannot run on this node alone: it would end the run of all, in the middle of their work.

    :raises BaremetalError: naming the step and what is wrong with it.
    """
    for step in plan:
        tasks = (step["role"], step["tasks_from"])
        found = call.tasks_problem(*tasks) if call.tasks_problem and step["role"] and tasks not in TASKS else None
        if found:
            raise BaremetalError(f"the tasks of the step {step['step']} cannot be run", stage="steps",
                                 seen=f"role {step['role']}, tasks {step['tasks_from']}: {found}",
                                 cure="correct the step in steps_definitions, or the role")
