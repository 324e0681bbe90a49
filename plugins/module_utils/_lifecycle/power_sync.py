# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The recorded power state against the real one, and what a BMC that cannot be reached means. Private; may change at any time.

The rules are Ironic's (ironic/conductor/manager.py: _sync_power_states, _power_failure_recovery): nodes in maintenance, nodes on which a run
works and nodes in between are left alone; a node whose power state cannot be read or corrected so many times in a row is put into maintenance
with the fault ``power failure``; one with that fault is asked again, and taken out of maintenance when it answers.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .._registry import nodes
from .._registry.tables import NODES
from . import locks, transitions
from .states import HOLD, OWNED

try:
    from sqlalchemy import update
except ImportError:
    update = None

STAGE = "power sync"
FAULT = "power failure"
EVENT = "power sync"

# Nothing is known of the machine, or is not ours to say yet.
_NOT_YET = frozenset({"enroll", "adopt failed"})

# What has to be as it was when the decision was made, for it to be written down.
_MUST_STAY = ("provision_state", "provision_updated_at", "power_state", "power_sync_failures", "maintenance", "fault")


def read(engine, names, controller):
    """The records of nodes, and why some of them are left alone.

    :param names: list of names.
    :returns: dict by name, without those that are not enrolled: (record, reason or None).
    """
    wanted = set(names)
    with engine.begin() as connection:
        records = {record["name"]: record for record in nodes.read_all(connection) if record["name"] in wanted}
        held = locks.of_others(connection, sorted(records), controller)
    return {name: (record, why_not(record, name in held or _own(record["lock"], controller))) for name, record in records.items()}


def _own(lock, controller):
    return lock is not None and lock["run_id"] == controller["run_id"]


def why_not(node, held):
    """Why the power state of a node is not looked at; None when it is.

    :param node: node record.
    :param held: whether a run that lives holds the node.
    """
    state = node["provision_state"]
    if held:
        return f"a run works on it ({node['lock']['stage']})"
    if state in OWNED or state in HOLD or state in _NOT_YET:
        return f"state {state}"
    if node["maintenance"] and node["fault"] != FAULT:
        return f"in maintenance (fault {node['fault']})" if node["fault"] else "in maintenance"
    return None


def verdict(node, seen, *, corrected=False, error=None, max_retries=3):
    """What follows from what a BMC told.

    :param node: node record.
    :param seen: the power state at the end: ``on``, ``off``, ``unknown`` for a state in between, None when it could not be read.
    :param corrected: whether the machine was brought into the recorded state.
    :param error: why it could not be read or corrected, or None.
    :param max_retries: how many failures in a row make a fault.
    :returns: dict with ``outcome`` (agrees, not settled, recorded, corrected, failed, fault) and ``flags``: the keys of the record that change.
        A fault that is known already is no change.
    """
    flags = {}
    if error is not None:
        failures = node["power_sync_failures"] + 1
        if node["fault"] == FAULT:
            return {"outcome": "fault", "flags": {}}
        flags["power_sync_failures"] = failures
        if failures < max_retries:
            return {"outcome": "failed", "flags": flags}
        flags.update(maintenance=True, maintenance_reason=error, fault=FAULT, power_state=seen if seen in ("on", "off") else None)
        return {"outcome": "fault", "flags": {key: value for key, value in flags.items() if node[key] != value}}
    flags["power_sync_failures"] = 0
    if node["fault"] == FAULT:
        flags.update(maintenance=False, maintenance_reason=None, fault=None)
    if seen == "unknown":
        outcome = "not settled"
    else:
        flags["power_state"] = seen
        outcome = "corrected" if corrected else "agrees" if node["power_state"] == seen else "recorded"
    return {"outcome": outcome, "flags": {key: value for key, value in flags.items() if node[key] != value}}


def hold(engine, node, controller):
    """Take the lock of a node for as long as its machine is brought into the recorded state.

    :param node: the record that the decision was made on.
    :returns: whether it was taken; not when a run works on the node by now, or its record is another.
    """
    name = node["name"]
    with engine.begin() as connection:
        current = nodes.read(connection, name, for_update=True)
        if current is None or _changed(node, current) or _held(connection, current, controller):
            return False
        # What a run that died left behind.
        locks.release(connection, name)
        locks.acquire(connection, name, controller, node["provision_state"])
        return True


def let_go(engine, name, controller):
    """Give back what ``hold`` took. A run that found this one dead while it slept may hold the node by now; its lock stays."""
    with engine.begin() as connection:
        locks.release(connection, name, owner=controller["run_id"])


def _held(connection, node, controller):
    return _own(node["lock"], controller) or node["name"] in locks.of_others(connection, [node["name"]], controller)


def _changed(before, after):
    return any(before[key] != after[key] for key in _MUST_STAY)


def write(engine, findings, controller):
    """Write down what changes, all nodes in one transaction.

    :param findings: list of (record that the verdict was made on, flags, text for the history or None).
    :returns: set of the names of nodes on which a run works by now, or whose record is another: nothing was written for them.
    """
    stale = set()
    if not findings:
        return stale
    with engine.begin() as connection:
        # In the order in which everybody takes hold of several nodes.
        for before, flags, told in sorted(findings, key=lambda finding: finding[0]["name"]):
            name = before["name"]
            node = nodes.read(connection, name, for_update=True)
            if node is None or _changed(before, node) or _held(connection, node, controller):
                stale.add(name)
                continue
            own = {key: flags[key] for key in ("power_state", "power_sync_failures") if key in flags}
            if own:
                connection.execute(update(NODES).where(NODES.c.name == name).values(**own))
            more = {key: value for key, value in flags.items() if key not in own}
            if more:
                nodes.set_flags(connection, name, more)
            if told:
                transitions.write_history(connection, name, controller, event=EVENT, from_state=node["provision_state"],
                                          to_state=node["provision_state"], error=told, instance=node["instance"])
    return stale


def unreachable(error, failures, max_retries):
    """The error of a node whose power state could not be read or corrected, with what it leads to.

    :param error: the BaremetalError.
    :param failures: how often in a row it failed, this time included.
    """
    if failures < max_retries:
        cure = f"{error.cure or 'look at the BMC'}; after {max_retries - failures} more failures in a row the node goes into maintenance"
    else:
        cure = f"{error.cure or 'look at the BMC'}; the node is in maintenance with the fault {FAULT} until power_sync.yml can read its power state"
    return BaremetalError(error.what, node=error.node, stage=error.stage or STAGE, seen=error.seen, cure=cure)
