# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes that fight for nodes, each as the ansible-playbook of a controller of its own, and what must hold afterwards."""

from __future__ import annotations

import json
import os
import pathlib
import random
import subprocess
import sys
import time

from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

# With these a node goes in circles: from a state, the verb that begins something; from where that leads to, the events that end it.
_VERBS = {"enroll": "manage", "manageable": "provide", "available": "deploy", "active": "undeploy"}
_EVENTS = {"verifying": ["done"], "cleaning": ["wait", "resume", "done"], "deploying": ["wait", "resume", "done"], "deleting": ["clean", "done"]}


def enrol(url, count):
    """Make a registry with so many nodes.

    :returns: their names.
    """
    names = [f"node{number:05d}" for number in range(count)]
    with open_registry(url).begin() as connection:
        for name in names:
            nodes.upsert(connection, schema.normalise({"name": name, "driver": "manual"}), None, same_credential=lambda old, new: True)
    return names


def fight(url, processes, names, *, rounds=None, seconds=None):
    """Let processes fight for nodes, each for so many rounds or seconds.

    :returns: dict with transitions (how many there were) and refused (how often another one held the node).
    :raises AssertionError: when two held one node at a time, or the history is not what the processes did.
    """
    work = json.dumps({"url": url, "names": names, "rounds": rounds, "seconds": seconds})
    path = os.pathsep.join([str(pathlib.Path(transitions.__file__).parents[6]), os.environ.get("PYTHONPATH", "")])
    fighters = [
        subprocess.Popen([sys.executable, __file__, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env={**os.environ, "PYTHONPATH": path})
        for number in range(processes)
    ]
    try:
        for fighter in fighters:
            fighter.stdin.write(f"{work}\n")
            fighter.stdin.flush()
        for fighter in fighters:
            assert fighter.stdout.readline() == "ready\n", fighter.communicate()[1]
        for fighter in fighters:
            fighter.stdin.write("go\n")
            fighter.stdin.flush()
        told = [fighter.communicate() for fighter in fighters]
    finally:
        for fighter in fighters:
            fighter.kill()
            fighter.wait()
    for (_said, error), fighter in zip(told, fighters):
        assert fighter.returncode == 0, error
    done = [json.loads(said) for said, _error in told]
    check(open_registry(url), names, [entry for one in done for entry in one["log"]])
    return {"transitions": sum(len(one["log"]) for one in done), "refused": sum(one["refused"] for one in done)}


def check(engine, names, log):
    """Compare what the processes did with what the registry says of it.

    :param log: list of dicts with node, run_id, event, from_state, to_state, begin and end (s, one clock for all).
    :raises AssertionError: naming the node.
    """
    for name in names:
        mine = [entry for entry in log if entry["node"] == name]
        history = [{key: entry[key] for key in ("run_id", "event", "from_state", "to_state")} for entry in transitions.history(engine, name)]
        for before, after in zip(history, history[1:]):
            assert before["to_state"] == after["from_state"], f"{name}: {before} and then {after}"
        # Of each run the same things in the same order: none is lost, none is made up.
        for run_id in {entry["run_id"] for entry in mine + history}:
            did = [{key: entry[key] for key in history[0]} for entry in mine if entry["run_id"] == run_id]
            assert did == [entry for entry in history if entry["run_id"] == run_id], f"{name}: run {run_id}"
        holds = _holds(mine)
        for before, after in zip(holds, holds[1:]):
            assert before[1] <= after[0], f"{name}: held by two runs at a time"
        record = nodes.get(engine, name)
        assert record["lock"] is None, f"{name}: the lock is left"
        assert record["provision_state"] == (history[-1]["to_state"] if history else "enroll"), name


def _holds(log):
    """(begin, end) of each stretch of time in which a run surely held the node: from the first answer to the last question."""
    holds = []
    for entry in log:
        if entry["event"] not in _VERBS.values():
            holds[-1][1] = entry["begin"]
        elif entry["to_state"] in _EVENTS:
            holds.append([entry["end"], entry["end"]])
    return sorted(map(tuple, holds))


def _fighter(number):
    """One process: reads what to do, waits for the start, fights, prints what it did."""
    work = json.loads(sys.stdin.readline())
    engine = open_registry(work["url"])
    controller = {"run_id": f"run-{number}", "host": f"controller{number}", "place": place(), "pid": os.getpid(),
                  "start_time": process_start_time(os.getpid()), "user": "bench"}
    dice = random.Random(number)
    log, refused, rounds = [], 0, 0
    print("ready", flush=True)
    sys.stdin.readline()
    deadline = time.monotonic() + (work["seconds"] or 0)
    while rounds < work["rounds"] if work["rounds"] else time.monotonic() < deadline:
        rounds += 1
        # A few nodes are wanted by all: a quarter to a half of the time the first one.
        name = work["names"][int(len(work["names"]) * dice.random() ** 4)]
        verb = _VERBS.get(nodes.get(engine, name)["provision_state"], "manage")
        try:
            log.append(_timed(name, verb, controller, lambda: transitions.begin(engine, name, verb, controller)))
        except BaremetalError as error:
            # Another process holds it, or was there between the look and the verb.
            if "another run works on the node" not in str(error) and "is not possible in state" not in str(error):
                raise
            refused += 1
            continue
        # Another process may have brought the node on since the look: what counts is where the verb has led to.
        for event in _EVENTS.get(log[-1]["to_state"], []):
            log.append(_timed(name, event, controller, lambda: transitions.advance(engine, name, event, controller)))
    print(json.dumps({"log": log, "refused": refused}))


def _timed(name, word, controller, act):
    begin = time.monotonic()
    result = act()
    return {"node": name, "run_id": controller["run_id"], "event": word, "from_state": result["previous_state"], "to_state": result["provision_state"],
            "begin": begin, "end": time.monotonic()}


if __name__ == "__main__":
    _fighter(int(sys.argv[1]))
