# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Transitions of a node: state, lock and history change together or not at all. Private; may change at any time."""

from __future__ import annotations

import datetime
import functools

from .._errors import BaremetalError, sentence
from .._registry import addresses, allocations, inspections, nodes
from .._registry.store import database_now, now
from .._registry.tables import HISTORY, NODES
from . import guards, locks
from .states import HOLD, OWNED, TARGETS, TRANSIENT, VERBS, WAIT, failure_state, next_state

try:
    from sqlalchemy import bindparam, insert, select, update
except ImportError:
    select = None

# The columns of a node that a transition writes.
MOVED = ("provision_state", "target_provision_state", "provision_updated_at", "updated_at", "last_error", "instance", "work")

# Verbs that are others by the table. A cleaning that failed, or whose run died, begins again with the same command; after an undeploy that is so for a
# retired node too, which must not be provided. A new node is verified first, and then the same verb is sent again.
_WAYS = {
    ("enroll", "provide"): ("manage",),
    ("enroll", "inspect"): ("manage",),
    ("enroll", "adopt"): ("manage",),
    ("inspect failed", "adopt"): ("manage", "adopt"),
    ("inspect failed", "provide"): ("manage", "provide"),
    ("adopt failed", "provide"): ("manage", "provide"),
    ("clean failed", "provide"): ("manage", "provide"),
    ("clean failed", "clean"): ("manage", "clean"),
    ("clean failed", "undeploy"): ("manage", "provide"),
    ("manageable", "undeploy"): ("provide",),
}


def begin(engine, name, verb, controller, *, check=None, prepare=None, instance=None, steps=None, check_mode=False):
    """Start what an operator asks for: guards, lock and first transition.

    A node that a dead run left in a transient or wait state goes to the matching failed state first.

    :param controller: dict with run_id, host, pid, start_time and user.
    :param check: function of the node record that raises BaremetalError when the verb has no chance.
    :param prepare: function of the connection and the record that gives the node what the verb needs, all in one transaction; not called in check mode.
    :param instance: the instance that the node carries from now on, or None to leave it.
    :param steps: names of the steps that the work will consist of.
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
            # Another run may have been there in between.
            previous = previous if buried else node["provision_state"]
            locks.refuse_others(connection, name, controller)
        # In this order: what the state does not allow anyway is not worth the lifting of a flag.
        state = node["provision_state"]
        way = _WAYS.get((state, verb), (verb,))
        if (state, verb) == ("manageable", "undeploy") and not is_uncleaned(connection, node):
            way = (verb,)
        *before, last = way
        for word in way:
            state = next_state(state, verb=word, node=name)
        guards.check(node, verb)
        if (state, node["provision_state"]) == ("servicing", "service hold") and (node["work"] or {}).get("steps") == steps:
            raise BaremetalError("it is held by one of these steps, for a person who may be at work on it", node=name, stage="life cycle",
                                 seen=f"provision state {node['provision_state']}",
                                 cure="run unhold.yml when that person is done, and then the same command; abort.yml ends the work instead")
        if check:
            check(node)
        if check_mode:
            return {"previous_state": previous, "provision_state": state, "nonce": None, "node": {**node, "provision_state": state}}
        if prepare:
            prepare(connection, node)
        nonce = None
        # A node that was held goes on with its work, in the ramdisk that it was held in.
        work = dict(node["work"] or {}) if verb == "unhold" else {"steps": steps} if steps else {}
        kept_nonce = work.pop("nonce", None)
        for word in before:
            _move(connection, node, next_state(node["provision_state"], verb=word), word, controller)
            node = nodes.read(connection, name)
        if state in OWNED:
            nonce = locks.acquire(connection, name, controller, state, nonce=kept_nonce)
        _move(connection, node, state, last, controller, target=TARGETS.get(last), instance=instance if last == verb else None, work=work)
        return {"previous_state": previous, "provision_state": state, "nonce": nonce, "node": nodes.read(connection, name)}


def advance(engine, name, event, controller, *, error=None, inspected=None, check_mode=False):
    """Report an event of the run that holds the node.

    :param event: wait, resume, hold, clean, done or fail. The end of a manual cleaning, or of the cleaning of a retired node, is done like
        that of any other; it leads to manageable (Ironic: the event manage).
    :param error: for fail: what becomes last_error. It may be the message of anything, so it is made a sentence first.
    :param inspected: for done: arguments of ``inspections.keep``, what an inspection found; or None.

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
            raise locks.not_held(connection, name, f"report {event}")
        if event != "fail":
            _end_where_aborted(node)
        if event == "done" and previous == "cleaning" and (node["retired"] or node["target_provision_state"] == "manageable"):
            event = "manage"
        state = next_state(previous, event=event, node=name)
        nonce = lock.nonce
        if event == "fail":
            error = sentence((error or "").strip() or "no reason was given")
        if not check_mode:
            if state in OWNED:
                locks.acquire(connection, name, controller, state)
            else:
                locks.release(connection, name)
            _move(connection, node, state, event, controller, error=error,
                  work={**(node["work"] or {}), "nonce": nonce} if state in HOLD else None)
            if inspected:
                inspections.keep(connection, name, **inspected)
        return {"previous_state": previous, "provision_state": state, "nonce": nonce,
                "node": {**node, "provision_state": state} if check_mode else nodes.read(connection, name)}


def resume_steps(engine, name, verb, steps, controller, *, check_mode=False):
    """Go on with steps that came to a stand in a wait state: a person held the node and let it go, or the run died there.

    :param verb: what is asked for; only work that leads to the same end is gone on with.
    :param steps: names of the steps as they are planned now; only the same ones are gone on with.
    :returns: dict as ``advance`` returns it, with ``begin``, the number of the step to begin with; None where there is nothing to go on with.
    :raises BaremetalError: while another run works on the node.
    """
    with engine.begin() as connection:
        node = _known(connection, name)
        work = node["work"] or {}
        stands = node["provision_state"] in WAIT and node["target_provision_state"] == TARGETS[verb]
        # What was aborted begins anew.
        if not stands or work.get("steps") != steps or not work.get("begin") or (work.get("step") or {}).get("abort_after"):
            return None
        lock = locks.refuse_others(connection, name, controller)
        if lock is None:
            return None
    return {**advance(engine, name, "resume", controller, check_mode=check_mode), "begin": work["begin"]}


def begin_step(engine, name, step, controller):
    """Record that a step begins; a step ``hold`` lets go of the node, and a step ``wait`` brings it to a wait state, where an abort ends it at once.

    :param step: dict of the plan, see ``steps.ready``.
    :raises BaremetalError: when this run does not hold the node, or the node was aborted during the step before.
    """
    with engine.begin() as connection:
        node = _known(connection, name)
        lock = locks.refuse_others(connection, name, controller)
        if lock is None or lock.run_id != controller["run_id"]:
            raise locks.not_held(connection, name, f"begin the step {step['step']}")
        _end_where_aborted(node)
        is_hold = step["step"] == "hold"
        # What is begun with when the work is taken up again: a hold is over then.
        nodes.set_work(connection, name, {
            "steps": (node["work"] or {}).get("steps"), "begin": step["number"] + is_hold,
            "step": {"step": step["step"], "number": step["number"], "of": step["of"], "abortable": step["abortable"]},
        })
    if step["step"] in ("hold", "wait"):
        advance(engine, name, step["step"], controller)


def _end_where_aborted(node):
    step = (node["work"] or {}).get("step") or {}
    if step.get("abort_after"):
        raise BaremetalError(f"the node was aborted during {step['step']}", node=node["name"], stage="abort",
                             cure="run the command that is wanted next")


def abort(engine, name, controller, *, check_mode=False):
    """End what is under way on a node, whoever began it.

    In a wait or hold state at once, whoever waits: that run finds out when it wants to go on. What a run has died in, in whatever state, at
    once as well. What a run that lives is at work on is not cut short, because it may be writing: the work is marked with ``abort_after``, and
    that run ends it where it next reports anything. The same goes for a step that is not ``abortable`` (Ironic's rule, conductor/manager.py:
    _do_abort). Where nothing is under way nothing happens. What a run started in the ramdisk, the module ramdisk_job stops, for which this
    returns what it needs; else it goes on until the machine is rebooted, with which every verb begins.

    :returns: dict with previous_state, provision_state, nonce (of the run that was found at work, or None) and node; ``deferred`` tells who will
        end the work, or is None; ``reason`` and ``abortable`` are for ramdisk_job.
    """
    with engine.begin() as connection:
        node = _known(connection, name)
        previous = state = node["provision_state"]
        lock = locks.read(connection, name)
        lives = lock is not None and not locks.is_dead(lock, database_now(connection))
        step = (node["work"] or {}).get("step") or {"step": previous}
        reason = f"ended by request of {_who(controller)}"
        word, deferred = "abort", None
        if state in TRANSIENT:
            state, word = failure_state(state), "fail"
            deferred = lives
        elif "abort" in VERBS.get(state, {}):
            state = next_state(state, verb="abort", node=name)
            deferred = lives and previous in ("clean wait", "service wait") and not step.get("abortable", True)
        deferred = str(locks.refuse(lock, name)) if deferred else None
        if deferred:
            state = previous
            if not check_mode:
                nodes.set_work(connection, name, {**(node["work"] or {}), "step": {**step, "abort_after": True}})
        elif state != previous and not check_mode:
            owner = f", on which {_owner(lock)} was," if lock else ""
            locks.release(connection, name)
            error = BaremetalError(f"{previous}{owner} was {reason}", node=name, stage="abort",
                                   cure="run the command that is wanted next")
            _move(connection, node, state, word, controller, error=None if state == "active" else str(error))
        return {"previous_state": previous, "provision_state": state, "nonce": lock.nonce if lock else None, "deferred": deferred,
                "reason": reason, "abortable": step.get("abortable", True),
                "node": {**node, "provision_state": state} if check_mode else nodes.read(connection, name)}


def history(engine, name):
    """All transitions of a node, oldest first.

    :returns: list of dicts with at, who, run_id, event, from_state, to_state, duration (s), error and instance.
    """
    with engine.begin() as connection:
        rows = connection.execute(select(HISTORY).where(HISTORY.c.node == name).order_by(HISTORY.c.id))
        return [{key: value for key, value in row._mapping.items() if key not in ("id", "node")} for row in rows]


def is_uncleaned(connection, node):
    """Whether a node is retired and was brought to manageable, where a retired one ends, after its cleaning had failed.

    A cleaning by hand that succeeds ends that: whoever names its steps answers for them.
    """
    if not node["retired"] or node["provision_state"] != "manageable":
        return False
    last = select(HISTORY.c.from_state).where(HISTORY.c.node == node["name"], HISTORY.c.to_state.in_(("manageable", "available")),
                                              HISTORY.c.from_state.in_(("verifying", "cleaning", "clean failed")))
    return connection.execute(last.order_by(HISTORY.c.id.desc()).limit(1)).scalar() == "clean failed"


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
    error = BaremetalError(f"{_owner(lock)} died in state {node['provision_state']}", node=node["name"], stage="lock",
                           cure="run the command that is wanted again")
    if check_mode:
        if state:
            node.update(_fault(node, state, "fail", str(error)) or {}, provision_state=state)
        return True
    locks.release(connection, node["name"])
    if state:
        _move(connection, node, state, "fail", controller, error=str(error))
    return True


def _owner(lock):
    return f"the run {lock.run_id} of {lock.user}@{lock.host} (pid {lock.pid})" if lock else "its run"


def _who(controller):
    return f"{controller['user']}@{controller['host']}"


@functools.cache
def _statements():
    """The update of a node and the insert of its history, the same for each transition: compiled once for a run, see ``_registry_access.warm_up``."""
    values = {column: bindparam(f"new_{column}") for column in MOVED}
    return update(NODES).where(NODES.c.name == bindparam("node")).values(values), insert(HISTORY)


def write_state(connection, name, values):
    """Write what a transition changes of a node, inside a transaction of the caller. A node that is not enrolled is no error.

    :param values: dict of all columns in MOVED.
    """
    connection.execute(_statements()[0], {"node": name, **{f"new_{column}": values[column] for column in MOVED}})


def write_history(connection, name, controller, *, event, from_state, to_state, at=None, duration=None, error=None, instance=None):
    """Write that a node went from one state to another, inside a transaction of the caller.

    :param controller: dict with user, host and run_id.
    :param at: the moment; default: the present.
    :param duration: seconds in the state before, where it is another one.
    """
    connection.execute(_statements()[1], {
        "node": name, "at": at or now(), "who": _who(controller), "run_id": controller["run_id"], "event": event,
        "from_state": from_state, "to_state": to_state, "duration": duration, "error": error, "instance": instance})


def _move(connection, node, state, word, controller, *, error=None, target=None, instance=None, work=None):
    """Write the new state and its history.

    :param work: what the column work is to hold, {} for nothing; None leaves it as it is. It ends with the way that it belongs to.
    """
    moment = now()
    previous = node["provision_state"]
    values = {"provision_state": state, "provision_updated_at": moment, "updated_at": moment, "last_error": error,
              **{column: node[column] for column in ("target_provision_state", "instance", "work")}}
    if state not in OWNED | HOLD:
        values["target_provision_state"] = None
    elif target:
        values["target_provision_state"] = target
    kept = instance if instance is not None else node["instance"]
    if instance is not None:
        values["instance"] = instance
    if word == "done" and kept and (previous == "deploying" or previous == "adopting" and not kept.get("deployed_at")):
        values["instance"] = {**kept, "deployed_at": moment}
    if previous == "deleting" and state == "cleaning" or state == "available":
        # The history keeps what the node carried. What an adoption that failed said of it goes with the cleaning.
        values["instance"] = None
        allocations.release_node(connection, node["name"])
    if previous == "cleaning" and word in ("done", "manage"):
        # Not before: until it is cleaned the machine may run the old system, with its addresses.
        addresses.release_tenant(connection, node["name"])
    if work is not None or word in ("done", "manage"):
        values["work"] = work or None
    write_state(connection, node["name"], values)
    flags = _fault(node, state, word, error)
    if flags:
        nodes.set_flags(connection, node["name"], flags)
    spent = datetime.datetime.fromisoformat(moment) - datetime.datetime.fromisoformat(node["provision_updated_at"])
    write_history(connection, node["name"], controller, event=word, from_state=previous, to_state=state, at=moment, duration=spent.total_seconds(),
                  error=error, instance=kept)


def _fault(node, state, word, error):
    """The flags that change with a transition: a failed cleaning or service is a fault, which puts the node into maintenance until it is cured.

    What an operator put into maintenance stays as it is, before and after (ironic/conductor/utils.py: cleaning_error_handler).

    :returns: dict of flags, or None.
    """
    ours = guards.FAULTS.get(state)
    was_aborted = ((node["work"] or {}).get("step") or {}).get("abort_after")
    if word == "fail" and ours and not was_aborted and (node["fault"] or not node["maintenance"]):
        return {"maintenance": True, "maintenance_reason": error, "fault": ours}
    # With an abort of a failed service a person says that the machine is good as it is.
    given_back = word == "abort" and state == "active"
    cured = node["provision_state"] if given_back else failure_state(node["provision_state"])
    if (given_back or word in ("done", "manage")) and node["fault"] and guards.FAULTS.get(cured) == node["fault"]:
        return {"maintenance": False, "maintenance_reason": None, "fault": None}
    return None
