# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transitions of a node: state, lock and history change together or not at all. Private; may change at any time."""

from __future__ import annotations

import datetime

from .._errors import BaremetalError, sentence
from .._registry import nodes
from .._registry.store import now
from .._registry.tables import HISTORY, NODES
from . import guards, locks
from .states import EVENTS, TARGETS, TRANSIENT, failure_state, next_state

try:
    from sqlalchemy import insert, select, update
except ImportError:
    select = None


def begin(engine, name, verb, controller, *, check=None, instance=None, check_mode=False):
    """Start what an operator asks for: guards, lock and first transition.

    A node that a dead run left in a transient or wait state goes to the matching failed state first.

    :param controller: dict with run_id, host, pid, start_time and user.
    :param check: function of the node record that raises BaremetalError when the verb has no chance.
    :param instance: the instance that the node carries from now on, or None to leave it.
    :returns: dict with previous_state, provision_state, nonce (None in check mode) and node.
    :raises BaremetalError: when it is refused; then nothing has changed but what a dead run had left.
    """
    # In a transaction of its own: also a verb that is refused leaves no lock of a dead run behind.
    with engine.begin() as connection:
        node = _known(connection, name)
        previous = node["provision_state"]
        buried = _bury_the_dead(connection, node, controller, check_mode)
    with engine.begin() as connection:
        if not (buried and check_mode):
            node = _known(connection, name)
            locks.refuse_others(connection, name, controller)
        guards.check(node, verb)
        state = next_state(node["provision_state"], verb=verb, node=name)
        if check:
            check(node)
        if check_mode:
            return {"previous_state": previous, "provision_state": state, "nonce": None, "node": {**node, "provision_state": state}}
        nonce = None
        if state in TRANSIENT:
            nonce = locks.acquire(connection, name, controller, state)
        _move(connection, node, state, verb, controller, target=TARGETS.get(verb), instance=instance)
        return {"previous_state": previous, "provision_state": state, "nonce": nonce, "node": nodes.read(connection, name)}


def advance(engine, name, event, controller, *, error=None, check_mode=False):
    """Report an event of the run that holds the node.

    :param event: wait, resume, clean, done or fail.
    :param error: for fail: what becomes last_error. It may be the message of anything, so it is made a sentence first.

    A wait state belongs to nobody when its run has died: any run may resume it, under the same nonce.

    :returns: dict with previous_state, provision_state, nonce and node.
    :raises BaremetalError: when the run does not hold the node, or the event is not possible in its state.
    """
    with engine.begin() as connection:
        node = _known(connection, name)
        lock = locks.refuse_others(connection, name, controller)
        previous = node["provision_state"]
        if lock is not None and lock.run_id != controller["run_id"] and event == "resume":
            if not check_mode:
                locks.take_over(connection, name, controller)
        elif lock is None or lock.run_id != controller["run_id"]:
            raise BaremetalError(f"this run does not hold the node, so it cannot report {event}", node=name, stage="lock",
                                 seen=f"state {previous}", cure="begin with a verb, for example deploy")
        state = next_state(previous, event=event, node=name)
        nonce = lock.nonce
        if event == "fail":
            error = sentence((error or "").strip() or "no reason was given")
        if not check_mode:
            if state in EVENTS and failure_state(state):
                locks.acquire(connection, name, controller, state)
            else:
                locks.release(connection, name)
            _move(connection, node, state, event, controller, error=error)
        return {"previous_state": previous, "provision_state": state, "nonce": nonce,
                "node": {**node, "provision_state": state} if check_mode else nodes.read(connection, name)}


def history(engine, name):
    """All transitions of a node, oldest first.

    :returns: list of dicts with at, who, run_id, event, from_state, to_state, duration (s), error and instance.
    """
    with engine.begin() as connection:
        rows = connection.execute(select(HISTORY).where(HISTORY.c.node == name).order_by(HISTORY.c.id))
        return [{key: value for key, value in row._mapping.items() if key not in ("id", "node")} for row in rows]


def _known(connection, name):
    node = nodes.read(connection, name, for_update=True)
    if node is None:
        raise BaremetalError("the registry has no such node", node=name, stage="registry", cure="enrol it with enroll.yml")
    return node


def _bury_the_dead(connection, node, controller, check_mode):
    """Fail what a dead run left behind, so that the verb finds the node in a state that an operator knows.

    :returns: whether there was anything; in check mode ``node`` alone is brought to the failed state.
    """
    lock = locks.refuse_others(connection, node["name"], controller)
    state = failure_state(node["provision_state"])
    if (lock is None and state is None) or (lock is not None and lock.run_id == controller["run_id"]):
        return False
    owner = f"the run {lock.run_id} of {lock.user}@{lock.host} (pid {lock.pid})" if lock else "its run"
    error = BaremetalError(f"{owner} died in state {node['provision_state']}", node=node["name"], stage="lock",
                           cure="run the command that is wanted again")
    if check_mode:
        node["provision_state"] = state or node["provision_state"]
        return True
    locks.release(connection, node["name"])
    if state:
        _move(connection, node, state, "fail", controller, error=str(error))
    return True


def _move(connection, node, state, word, controller, *, error=None, target=None, instance=None):
    moment = now()
    previous = node["provision_state"]
    values = {"provision_state": state, "provision_updated_at": moment, "updated_at": moment, "last_error": error}
    if state not in EVENTS:
        values["target_provision_state"] = None
    elif target:
        values["target_provision_state"] = target
    kept = instance if instance is not None else node["instance"]
    if instance is not None:
        values["instance"] = instance
    if word == "done" and state == "active" and kept:
        values["instance"] = {**kept, "deployed_at": moment}
    if previous == "deleting" and state == "cleaning":
        # The history keeps what the node carried.
        values["instance"] = None
    connection.execute(update(NODES).where(NODES.c.name == node["name"]).values(**values))
    spent = datetime.datetime.fromisoformat(moment) - datetime.datetime.fromisoformat(node["provision_updated_at"])
    connection.execute(insert(HISTORY).values(
        node=node["name"], at=moment, who=f"{controller['user']}@{controller['host']}", run_id=controller["run_id"], event=word,
        from_state=previous, to_state=state, duration=spent.total_seconds(), error=error, instance=kept))
