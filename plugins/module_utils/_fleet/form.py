# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet form of a capability: one task, many nodes, a result for each of them.

The same three functions of a Door that serve one node are called with a Call per node.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextvars
import dataclasses

from .._errors import BaremetalError, sentence
from .._session_guard import ended_by_signals
from .causes import anonymous, grouped
from .pool import run_all

# The Call of the node that the current thread works on, for what cannot be told it: the handlers of library loggers.
CURRENT_CALL = contextvars.ContextVar("CURRENT_CALL", default=None)

_OWN = ("nodes", "bmcs", "fail_on")


def wanted(door, call):
    """Whether a call asks for the fleet form."""
    return door.fleet and call.params.get("nodes") is not None


def node_calls(call, hostvars_of=lambda name: {}):
    """A Call per node.

    :param call: the task's Call; its option ``nodes`` names the nodes, ``bmcs`` may tell their BMCs.
    :param hostvars_of: function of a node's name that returns its host variables.
    :returns: dict of Calls by name; in ``shared`` they have one dict together, with all names in ``names``.
    :raises BaremetalError: for options that contradict each other.
    """
    params = call.params
    for option in ("bmc", "name"):
        if params.get(option):
            raise BaremetalError(f"the option {option} is for one node, and nodes is for many",
                                 cure="give one of them; bmcs, host variables or the registry tell where the BMCs of many nodes are")
    names = list(dict.fromkeys(str(name) for name in params["nodes"]))
    told = {}
    for entry in params.get("bmcs") or []:
        if entry["name"] not in names:
            raise BaremetalError(f"bmcs tells of {entry['name']}, which is not among nodes", cure="correct the name, or take it out of bmcs")
        told[entry["name"]] = {key: value for key, value in entry.items() if key not in ("name", "driver") and value is not None}
        told[entry["name"], "driver"] = entry.get("driver")
    common = {key: value for key, value in params.items() if key not in _OWN}
    shared = {"names": names}
    calls = {}
    for name in names:
        own = {**common, "name": name, "bmc": told.get(name), "driver": params.get("driver") or told.get((name, "driver"))}
        secrets = set(call.secrets - _passwords(params)) | ({str(told[name]["password"])} if told.get(name, {}).get("password") else set())
        # What a call has got is of its node: one dict for all would give them the BMC of the first.
        calls[name] = dataclasses.replace(call, params=own, node=name, hostvars=hostvars_of(name), secrets=secrets, shared=shared, got={})
    return calls


def _passwords(params):
    # Secrets of other nodes: with a thousand of them, each text of each node would be searched for all.
    return {str(entry["password"]) for entry in params.get("bmcs") or [] if entry.get("password")}


def prepare(door, calls, results):
    """Call the door's ``before`` for every node and fill in what it returns.

    :param calls: dict as ``node_calls`` makes it.
    :param results: dict that takes the result of every node that failed.
    """
    for name, call in calls.items():
        if door.before:
            filled, failure = _attempt(call, lambda call=call: door.before(call) or {})
            if failure:
                results[name] = failure
            else:
                call.params.update(filled)


def work(door, calls, results, warn=lambda text: None, log=None):
    """Call the door's ``run`` for every node that has no result yet, on all of them at once.

    :param results: dict that takes the results.
    :param warn: called with what deviates and does no harm, once for all nodes that tell the same.
    :param log: called with lines for a person who looks closer; None when nobody does.
    """
    warnings = {}

    def one(name):
        call = calls[name]
        notes = []
        # Ansible's display is not for many threads.
        call.warn = lambda text: notes.append(("warning", anonymous(call.scrub(text), call)))
        # Scrubbing what nobody reads would cost a twentieth of the whole.
        call.log = (lambda text: notes.append(("log", call.scrub(f"{name}: {text}")))) if log else (lambda text: None)
        CURRENT_CALL.set(call)
        result, failure = _attempt(call, lambda: dict(door.run(call)))
        if result is not None:
            result.setdefault("changed", False)
            if not call.diff:
                result.pop("diff", None)
        return call.scrub(failure or result), notes

    def take(name, answer):
        results[name], notes = answer
        for kind, text in notes:
            if kind == "log":
                log(text)
            else:
                warnings.setdefault(text, set()).add(name)

    # A session that a thread has open is ended by the main thread when a signal ends the process.
    with ended_by_signals():
        run_all([name for name in calls if name not in results], one, take)
    _warn_of(warnings, calls, warn)


def _warn_of(warnings, calls, warn):
    """Pass warnings on, one for all nodes that tell the same.

    :param warnings: dict of sets of names by text.
    """
    for text, names in warnings.items():
        # In the order of the task, and not in that in which the boards answered.
        warn(f"{', '.join(name for name in calls if name in names)}: {text}")


def module_arguments(call, calls, results):
    """The options with which the module does the work of the task on another host.

    :returns: dict; ``nodes`` are those without a result so far.
    """
    names = [name for name in calls if name not in results]
    bmcs = [{"name": name, "driver": calls[name].params["driver"], **calls[name].params["bmc"]} for name in names]
    return {**call.params, "nodes": names, "bmcs": bmcs, "fail_on": "all"}


def take_in(answer, results):
    """Take the results of the nodes out of what the module answered.

    :param results: dict that takes the results.
    """
    diffs = {entry.pop("before_header"): entry for entry in answer.get("diff") or []}
    for name, result in answer["nodes"].items():
        if name in diffs:
            result["diff"] = {key: diffs[name][key] for key in ("before", "after")}
        results[name] = result


def record(door, calls, results, warn=lambda text: None):
    """Call the door's ``after_fleet`` for all nodes that did not fail, or its ``after`` for each of them.

    :param warn: as for ``work``.
    """
    done = [(calls[name], result) for name, result in results.items() if not result.get("failed")]
    if not done:
        return
    warnings = {}
    for call, _result in done:
        call.warn = lambda text, call=call: warnings.setdefault(anonymous(call.scrub(text), call), set()).add(call.node)
    if door.after_fleet:
        _unused, failure = _attempt(done[0][0], lambda: door.after_fleet(done))
        if failure:
            for call, _result in done:
                results[call.node] = {**failure, "msg": failure["msg"].replace(done[0][0].node, call.node, 1)}
    elif door.after:
        for call, result in done:
            _unused, failure = _attempt(call, lambda call=call, result=result: door.after(call, result))
            if failure:
                results[call.node] = failure
    _warn_of(warnings, calls, warn)


def summary(call, calls, results):
    """The result of the task.

    :returns: dict with changed, nodes, failed_nodes; failed and msg as the option ``fail_on`` says; diff in diff mode.
    """
    ordered = {name: results[name] for name in calls}
    failures = {name: result for name, result in ordered.items() if result.get("failed")}
    diffs = [{"before_header": name, "after_header": name, **result.pop("diff")} for name, result in ordered.items()
             if result.get("diff") and result.get("changed")]
    for result in ordered.values():
        result.pop("diff", None)
    answer = {
        "changed": any(result.get("changed") for result in ordered.values()),
        "nodes": ordered,
        "failed_nodes": list(failures),
    }
    if call.diff and diffs:
        answer["diff"] = diffs
    if failures:
        answer["msg"] = grouped(failures, len(ordered))
        if call.params.get("fail_on") != "all" or len(failures) == len(ordered):
            answer["failed"] = True
        else:
            call.warn(answer["msg"])
    return answer


def run_fleet(door, call):
    """All of it where no controller is at hand: the fleet form of the module.

    :param call: the task's Call.
    :returns: the task's result.
    """
    calls, results = node_calls(call), {}
    work(door, calls, results, call.warn, call.log)
    return summary(call, calls, results)


def _attempt(call, do):
    """``(what do() returned, None)``, or ``(None, the result of a node that failed)``."""
    try:
        return do(), None
    except BaremetalError as error:
        return None, _failure(call, error)
    except Exception as error:
        # A bug, or a fault of the machine; the other nodes go on.
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return None, _failure(call, BaremetalError(f"unexpected error: {text}", cure="if it is a fault of the collection, report it"))


def _failure(call, error):
    cause = f"{error.stage}: {sentence(error.what)}" if error.stage else sentence(error.what)
    if error.cure:
        cause += f" To do: {sentence(error.cure)}"
    return call.scrub({"failed": True, "changed": False, "msg": str(error.at(node=call.node)), "cause": anonymous(cause, call)})
