# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run's exclusive hold on a node. Private to the collection; may change at any time.

All functions work inside a transaction of the caller.
"""

from __future__ import annotations

import datetime
import secrets

from .._errors import BaremetalError
from .._process import is_running, place
from .._registry.store import among, database_now, now
from .._registry.tables import HISTORY, LOCKS
from .states import OWNED, WAIT

try:
    from sqlalchemy import delete, func, insert, select, update
except ImportError:
    select = None

# Seconds without a heartbeat after which a run on another host counts as dead.
STALE_AFTER = 60


def read(connection, node):
    """The lock row of a node, or None."""
    return connection.execute(select(LOCKS).where(LOCKS.c.node == node)).one_or_none()


def is_dead(lock, moment, *, here=None):
    """Whether the run that holds a lock is no more.

    Where this process can see the owner's, that tells beyond doubt; from elsewhere, and where processes of other users are hidden, only the heartbeat
    does.

    :param lock: lock row.
    :param moment: the present by the clock of the database (``database_now``).
    :param here: place of the process that asks; default: this one's.
    """
    lives = _lives(lock, here or place())
    if lives is not None:
        return not lives
    age = datetime.datetime.fromisoformat(moment) - datetime.datetime.fromisoformat(lock.heartbeat)
    return age.total_seconds() > STALE_AFTER


def _lives(lock, here):
    """Whether the process of the owner is there; None where it cannot be seen."""
    return is_running(lock.pid, lock.start_time) if lock.place == here else None


def refuse_others(connection, node, controller):
    """Refuse to go on while another run that lives holds a node.

    :returns: the lock row that there is: None, this run's own, or a dead run's.
    :raises BaremetalError: naming who holds it.
    """
    lock = read(connection, node)
    if lock is not None and lock.run_id != controller["run_id"] and not is_dead(lock, database_now(connection)):
        raise refuse(lock, node)
    return lock


def held(connection, nodes, controller):
    """Which of some nodes this run holds.

    :param nodes: list of names.
    :returns: set of names.
    """
    return {name for some in among(LOCKS.c.node, nodes)
            for name in connection.execute(select(LOCKS.c.node).where(some, LOCKS.c.run_id == controller["run_id"])).scalars()}


def of_others(connection, nodes, controller):
    """The locks that other runs, which live, have of some nodes.

    :param nodes: list of names.
    :returns: dict of lock rows by node.
    """
    rows = [row for some in among(LOCKS.c.node, nodes) for row in connection.execute(select(LOCKS).where(some))]
    foreign = [row for row in rows if row.run_id != controller["run_id"]]
    moment = database_now(connection) if foreign else None
    return {row.node: row for row in foreign if not is_dead(row, moment)}


def refuse(lock, node):
    """The error that names the living owner of a lock."""
    seen = f"run {lock.run_id} of {lock.user}@{lock.host} (pid {lock.pid}) holds it since {lock.since}, in state {lock.stage}"
    ending = "end its wait for the machine with abort.yml, " if lock.stage in WAIT else ""
    cure = f"wait for that run to end, {ending}or end it: kill {lock.pid} on {lock.host}; its lock then falls by itself"
    if _lives(lock, place()) is None:
        seen += f"; it was last heard of at {lock.heartbeat}"
        cure += f", {STALE_AFTER} s after it was last heard of"
    return BaremetalError("another run works on the node", node=node, stage="lock", seen=seen, cure=cure)


def lost(connection, nodes, controller):
    """Which of some nodes were taken from this run: by an abort, or by another run that found it dead while it slept.

    :param nodes: list of names.
    :returns: set of the names of nodes whose history says that this run is at work on them, and whose lock says that it is not.
    """
    begun = set()
    for some in among(HISTORY.c.node, nodes):
        ids = select(func.max(HISTORY.c.id)).where(some, HISTORY.c.run_id == controller["run_id"]).group_by(HISTORY.c.node)
        begun |= set(connection.execute(select(HISTORY.c.node).where(HISTORY.c.id.in_(ids), HISTORY.c.to_state.in_(sorted(OWNED)))).scalars())
    return begun - held(connection, sorted(begun), controller)


def not_held(connection, node, what):
    """The error for a run that goes on with a node which it does not hold.

    :param what: what it wanted to do, for the message.
    """
    last = connection.execute(select(HISTORY).where(HISTORY.c.node == node).order_by(HISTORY.c.id.desc()).limit(1)).one_or_none()
    return BaremetalError(
        f"this run does not hold the node, so it cannot {what}", node=node, stage="lock",
        seen=f"{last.event} by {last.who} led to state {last.to_state} at {last.at}" if last else "nothing was begun on it",
        cure="begin with a verb, for example deploy; a node that was aborted or taken over meanwhile is left to whoever did so")


def acquire(connection, node, controller, stage, nonce=None):
    """Take the lock of a node that nobody holds, or keep the one that this run holds.

    :param controller: dict with run_id, host, place, pid, start_time and user.
    :param stage: provision state that the node is in from now on.
    :param nonce: nonce that the machine was booted with, where the work goes on in the same ramdisk.
    :returns: the nonce of the hold: 16 hexadecimal digits, new with every new hold.
    """
    lock = read(connection, node)
    if lock is not None and lock.run_id == controller["run_id"]:
        connection.execute(update(LOCKS).where(LOCKS.c.node == node).values(stage=stage, heartbeat=database_now(connection)))
        return lock.nonce
    nonce = nonce or secrets.token_hex(8)
    connection.execute(insert(LOCKS).values(
        node=node, stage=stage, nonce=nonce, since=now(), heartbeat=database_now(connection),
        **{key: controller[key] for key in ("run_id", "host", "place", "pid", "start_time", "user")}))
    return nonce


def take_over(connection, node, controller):
    """Make the lock of a dead run this run's own; the nonce stays, because a machine may still carry it."""
    connection.execute(update(LOCKS).where(LOCKS.c.node == node).values(
        since=now(), heartbeat=database_now(connection),
        **{key: controller[key] for key in ("run_id", "host", "place", "pid", "start_time", "user")}))


def release(connection, node, owner=None):
    """Let go of a node.

    :param owner: run id of the run that lets go of it, where another one may have taken it meanwhile; None takes the lock from whoever has it.
    """
    connection.execute(delete(LOCKS).where(LOCKS.c.node == node, *([LOCKS.c.run_id == owner] if owner else [])))
