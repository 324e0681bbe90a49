# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What forbids a verb or a change of the record, whatever the state table says. Private; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError


_LIFT = "{} with ansible {} -m rackwright.baremetal.node_flags -a {} (and in the hardware file, if that speaks of it)"

# Verbs that Ironic refuses under maintenance, and the fault that each of them is the cure of.
_NOT_UNDER_MAINTENANCE = {
    "deploy": None, "rebuild": None, "rescue": None, "unrescue": None, "clean": "clean failure", "service": "service failure",
}

# States in which a node may have an instance that is on no disk yet, or whose disk is what turned out to be wrong.
_ROOT_DEVICE_IN_QUESTION = ("enroll", "manageable", "available", "adopt failed", "deploy failed")

# The fault that a failed state means, by the state. It puts the node into maintenance.
FAULTS = {"clean failed": "clean failure", "service failed": "service failure"}


def check(node, verb):
    """Refuse a verb that a flag of the node forbids; the refusal says how to lift it.

    Rules of Ironic (ironic/conductor/manager.py, deployments.py): no deploy, rebuild, manual cleaning, service, rescue or
    unrescue under maintenance, no provide of a retired node (and here no deploy), no undeploy or rebuild of a protected one,
    and what is allocated stays where it can be deployed.
    A fault does not forbid its own cure.

    :param node: node record.
    :raises BaremetalError: when the verb is forbidden.
    """
    if node["maintenance"] and verb in _NOT_UNDER_MAINTENANCE and not (node["fault"] and node["fault"] == _NOT_UNDER_MAINTENANCE[verb]):
        seen = node["maintenance_reason"] or "no reason given"
        raise _refusal(node, "the node is in maintenance", f"fault {node['fault']}: {seen}" if node["fault"] else seen,
                       "end the maintenance", "maintenance=false")
    if verb in ("deploy", "provide") and node["retired"]:
        cure = "finish its cleaning with undeploy.yml, or take the retirement back" if node["provision_state"] == "clean failed" else "take the retirement back"
        raise _refusal(node, "the node is retired", node["retired_reason"], cure, "retired=false")
    if verb in ("manage", "provide") and node["allocation"]:
        raise _allocated(node, "the node is allocated", "guards")
    if verb in ("undeploy", "rebuild") and node["protected"]:
        raise _refusal(node, "the node is protected", node["protected_reason"], "lift the protection", "protected=false")


def _refusal(node, what, seen, cure, flag, stage="guards"):
    return BaremetalError(what, node=node["name"], stage=stage, seen=seen, cure=_LIFT.format(cure, node["name"], flag))


def _allocated(node, what, stage):
    name, owner = node["allocation"]["name"], node["allocation"]["owner"]
    return BaremetalError(what, node=node["name"], stage=stage, seen=f"allocation {name}" + (f" of {owner}" if owner else ""),
                          cure=f"release it: ansible localhost -m rackwright.baremetal.allocation -a 'name={name} state=absent'")


def check_change(node, changed):
    """Refuse a change of a node's flags in a state that does not allow it (Ironic's rules).

    :param node: node record before the change.
    :param changed: set of the record's keys that change.
    :raises BaremetalError: protected changes only in active and rescue, retired in any state but available, the root
        device only where no instance is on it.
    """
    state = node["provision_state"]
    if "root_device" in changed and node["root_device"] and node["instance"]:
        # Undeploying erases the disk that the hints name, and that must be the one that was written. A deploy that failed after another one
        # had succeeded was a rebuild.
        rebuilt = state == "deploy failed" and node["instance"].get("deployed_at")
        if rebuilt or state not in _ROOT_DEVICE_IN_QUESTION:
            raise BaremetalError("the root device of a node that carries an instance cannot change", node=node["name"], stage="guards",
                                 seen=f"state {state}{', and deployed before' if rebuilt else ''}", cure="undeploy the node first")
    if "protected" in changed and not node["protected"] and state not in ("active", "rescue"):
        raise BaremetalError("only a node in state active or rescue can be protected", node=node["name"], stage="guards",
                             seen=f"state {state}", cure="deploy the node first; a node without an instance has nothing to protect")
    if "retired" in changed and not node["retired"] and state == "available":
        raise BaremetalError("an available node cannot be retired", node=node["name"], stage="guards",
                             cure="take it out of service first, with the verb manage")


def check_removal(node):
    """Refuse to remove the record of a node that is in use (Ironic's rules).

    :raises BaremetalError: for a protected node; while the node is not in maintenance, also for any state but enroll, manageable,
        available and adopt failed, for a node with an instance whose adoption has not just failed, and for an allocated one.
    """
    state = node["provision_state"]
    if node["protected"]:
        raise _refusal(node, "a protected node cannot be removed", node["protected_reason"], "lift the protection", "protected=false", "removal")
    if node["maintenance"]:
        return
    if state not in ("enroll", "manageable", "available", "adopt failed"):
        raise _refusal(node, f"a node in state {state} cannot be removed", None, "undeploy it first, or put it into maintenance",
                       "maintenance=true", "removal")
    if node["instance"] and state != "adopt failed":
        raise _refusal(node, "a node with an instance cannot be removed", f"instance {node['instance']['uuid']}",
                       "provide the node first, or put it into maintenance", "maintenance=true", "removal")
    if node["allocation"]:
        raise _allocated(node, "an allocated node cannot be removed", "removal")
