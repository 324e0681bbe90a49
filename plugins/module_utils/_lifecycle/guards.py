# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What forbids a verb or a change of the record, whatever the state table says. Private; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError


def check(node, verb):
    """Refuse a verb that a flag of the node forbids; the refusal says how to lift it.

    Rules of Ironic (ironic/conductor/utils.py, api/controllers/v1/node.py): no deploy under maintenance,
    no provide or deploy of a retired node, no undeploy or rebuild of a protected one.

    :param node: node record.
    :raises BaremetalError: when the verb is forbidden.
    """
    name = node["name"]
    if verb in ("deploy", "rebuild") and node["maintenance"]:
        raise BaremetalError("the node is in maintenance", node=name, stage="guards",
                             seen=node["maintenance_reason"] or "no reason given", cure="end the maintenance: enrol the node with maintenance: false")
    if verb in ("deploy", "provide") and node["retired"]:
        raise BaremetalError("the node is retired", node=name, stage="guards", cure="take the retirement back: enrol the node with retired: false")
    if verb in ("undeploy", "rebuild") and node["protected"]:
        raise BaremetalError("the node is protected", node=name, stage="guards", cure="lift the protection: enrol the node with protected: false")


def check_change(node, changed):
    """Refuse a change of a node's flags in a state that does not allow it (Ironic's rules).

    :param node: node record before the change.
    :param changed: set of the record's keys that change.
    :raises BaremetalError: protected changes only in active and rescue, retired in any state but available, the root
        device only where no instance is on it.
    """
    state = node["provision_state"]
    if "root_device" in changed and node["root_device"] and state in ("active", "rescue", "error", "deleting"):
        # Undeploying erases the disk that the hints name, and that must be the one that was written.
        raise BaremetalError("the root device of a node that carries an instance cannot change", node=node["name"], stage="guards",
                             seen=f"state {state}", cure="undeploy the node first")
    if "protected" in changed and not node["protected"] and state not in ("active", "rescue"):
        raise BaremetalError("only a node in state active or rescue can be protected", node=node["name"], stage="guards",
                             seen=f"state {state}", cure="deploy the node first; a node without an instance has nothing to protect")
    if "retired" in changed and not node["retired"] and state == "available":
        raise BaremetalError("an available node cannot be retired", node=node["name"], stage="guards",
                             cure="take it out of service first, with the verb manage")


def check_removal(node):
    """Refuse to remove the record of a node that is in use (Ironic's rules).

    :raises BaremetalError: for a protected node, and for any state but enroll, manageable, available and adopt failed
        while the node is not in maintenance.
    """
    state = node["provision_state"]
    if node["protected"]:
        raise BaremetalError("a protected node cannot be removed", node=node["name"], stage="removal",
                             cure="lift the protection: enrol the node with protected: false")
    if state not in ("enroll", "manageable", "available", "adopt failed") and not node["maintenance"]:
        raise BaremetalError(f"a node in state {state} cannot be removed", node=node["name"], stage="removal",
                             cure="undeploy it first, or put it into maintenance: enrol it with maintenance: true")
