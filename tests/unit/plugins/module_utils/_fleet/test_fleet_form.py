# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet form: a Call per node, threads, and failures told once per cause."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call, Door, module_main
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet import causes, form, pool

SECRET = "canary-s3cret"


def make_call(names, **more):
    params = {"nodes": names, "bmcs": None, "fail_on": "any", "name": None, "bmc": None, "driver": None, "timeout": 5}
    fields = {key: more.pop(key) for key in list(more) if key in ("check_mode", "diff", "secrets", "warn", "log")}
    return Call(params={**params, **more}, **fields)


def fill(driver="redfish"):
    return lambda call: {"driver": driver, "bmc": {"address": f"https://{call.node}.example.com:8443", "password": call.secret(SECRET)}}


def do(run, names, before=None, after=None, after_fleet=None, **more):
    door = Door(argument_spec={}, run=run, before=before or fill(), after=after, after_fleet=after_fleet, fleet=True)
    call = make_call(names, **more)
    calls, results = form.node_calls(call), {}
    form.prepare(door, calls, results)
    form.work(door, calls, results, call.warn, call.log)
    form.record(door, calls, results)
    return form.summary(call, calls, results)


def test_results_per_node_and_failures_by_cause():
    def run(call):
        if call.node in ("node2", "node4"):
            raise BaremetalError(f"the BMC at {call.params['bmc']['address']} does not answer", stage="BMC connection", seen=SECRET, cure="look at it")
        if call.node == "node3":
            raise KeyError(SECRET)
        return {"changed": call.node == "node5", "power_state": "on", "password": SECRET}

    told = []
    result = do(run, ["node5", "node2", "node3", "node4", "node1", "node1"], warn=told.append)
    assert list(result["nodes"]) == ["node5", "node2", "node3", "node4", "node1"]
    assert result["failed"] and result["changed"] and result["failed_nodes"] == ["node2", "node3", "node4"]
    assert result["msg"] == (
        "3 of 5 nodes failed. (2) node2, node4: BMC connection: the BMC does not answer. To do: look at it. "
        "(1) node3: unexpected error: KeyError: '********'. To do: if it is a fault of the collection, report it.")
    assert result["nodes"]["node1"] == {"changed": False, "power_state": "on", "password": "********"} or \
        result["nodes"]["node1"]["password"].startswith("VALUE_SPECIFIED")
    assert SECRET not in str(result) and not told


@pytest.mark.parametrize(("fail_on", "bad", "failed"), [("any", 1, True), ("all", 1, False), ("all", 3, True), ("any", 0, False)])
def test_when_the_task_fails(fail_on, bad, failed):
    names = ["node1", "node2", "node3"]

    def run(call):
        if call.node in names[:bad]:
            raise BaremetalError("no")
        return {}

    told = []
    result = do(run, names, fail_on=fail_on, warn=told.append)
    assert result.get("failed", False) == failed
    assert result["failed_nodes"] == names[:bad]
    assert bool(told) == (bad > 0 and not failed)


def test_no_node_is_no_work():
    assert do(lambda call: {}, []) == {"changed": False, "nodes": {}, "failed_nodes": []}


def test_failure_before_the_work_keeps_the_others(monkeypatch):
    def before(call):
        if call.node == "node1":
            raise BaremetalError("nothing says where the node's BMC is")
        return fill()(call)

    result = do(lambda call: {"node": call.params["name"]}, ["node1", "node2"], before)
    assert result["failed_nodes"] == ["node1"] and result["nodes"]["node2"]["node"] == "node2"


def test_diffs_of_what_changed_only():
    def run(call):
        return {"changed": call.node == "node1", "diff": {"before": {"x": 1}, "after": {"x": 2}}}

    result = do(run, ["node1", "node2"], diff=True)
    assert result["diff"] == [{"before_header": "node1", "after_header": "node1", "before": {"x": 1}, "after": {"x": 2}}]
    assert "diff" not in do(run, ["node1"]) and "diff" not in result["nodes"]["node1"]


def test_recording_is_for_the_good_ones_and_once():
    def run(call):
        if call.node == "node1":
            raise BaremetalError("no")
        return {}

    seen = []
    do(run, ["node1", "node2", "node3"], after_fleet=lambda done: seen.append([call.node for call, _result in done]))
    do(run, ["node1", "node2", "node3"], after=lambda call, result: seen.append(call.node))
    assert seen == [["node2", "node3"], "node2", "node3"]

    def fails(done):
        raise BaremetalError("the disk is full", stage="registry")

    result = do(run, ["node1", "node2", "node3"], after_fleet=fails)
    assert result["failed_nodes"] == ["node1", "node2", "node3"]
    assert result["nodes"]["node3"]["msg"] == "node3: registry: the disk is full."


def test_options_that_contradict_each_other():
    for more in ({"name": "node1"}, {"bmc": {"address": "192.0.2.1"}}, {"bmcs": [{"name": "node9"}]}):
        with pytest.raises(BaremetalError, match="To do"):
            form.node_calls(make_call(["node1"], **more))


def test_bmcs_of_the_task_and_what_is_got_once():
    call = make_call(["node1", "node2"], bmcs=[
        {"name": "node1", "driver": "ipmi", "address": "192.0.2.1", "port": None, "password": SECRET}], secrets={SECRET, "other"})
    calls = form.node_calls(call)
    assert calls["node1"].params["bmc"] == {"address": "192.0.2.1", "password": SECRET}
    assert (calls["node1"].params["driver"], calls["node2"].params["driver"]) == ("ipmi", None)
    assert calls["node1"].secrets == {SECRET, "other"} and calls["node2"].secrets == {"other"}
    asked = []
    for node in calls.values():
        assert node.once_for_all("x", lambda names: asked.append(names) or 7) == 7
    assert asked == [["node1", "node2"]]
    assert Call(params={}, node="node3").once_for_all("x", lambda names: names) == ["node3"]


def test_module_gets_everything_and_gives_it_back():
    call = make_call(["node1", "node2", "node3"], fail_on="any")
    calls, results = form.node_calls(call), {"node2": {"failed": True, "msg": "no"}}
    for name in calls:
        calls[name].params.update(fill()(calls[name]))
    arguments = form.module_arguments(call, calls, results)
    assert arguments["nodes"] == ["node1", "node3"] and arguments["fail_on"] == "all"
    assert arguments["bmcs"][1] == {"name": "node3", "driver": "redfish", "address": "https://node3.example.com:8443", "password": SECRET}
    form.take_in({"nodes": {"node1": {"changed": True}, "node3": {}}, "diff": [
        {"before_header": "node1", "after_header": "node1", "before": 1, "after": 2}]}, results)
    assert results["node1"] == {"changed": True, "diff": {"before": 1, "after": 2}} and set(results) == {"node1", "node2", "node3"}


def test_warnings_that_are_equal_are_told_once():
    told, logged = [], []

    def run(call):
        call.log(f"secret {SECRET}")
        if call.node == "node1":
            second_is_done.wait(10)
        call.warn(f"the BMC at {call.params['bmc']['address']} is odd")
        second_is_done.set()
        return {}

    second_is_done = threading.Event()
    do(run, ["node1", "node2"], warn=told.append, log=logged.append)
    assert told == ["node1, node2: the BMC is odd"]
    assert sorted(logged) == ["node1: secret ********", "node2: secret ********"]
    assert not do(run, ["node1", "node2"], log=None).get("failed")


def test_many_at_once_and_a_slow_one_delays_nobody():
    others, over, ended = threading.Barrier(30), threading.Event(), []

    def run(call):
        if call.node == "node0":
            return {"outlived": over.wait(60)}
        others.wait(60)
        ended.append(call.node)
        if len(ended) == 30:
            over.set()
        return {}

    result = do(run, [f"node{number}" for number in range(31)])
    assert result["nodes"]["node0"]["outlived"] and not result.get("failed")


def test_threads_and_files_are_bounded(monkeypatch):
    monkeypatch.setattr(pool.resource, "getrlimit", lambda which: (140, 4096))
    assert pool.thread_limit() == 10
    monkeypatch.setattr(pool.resource, "getrlimit", lambda which: (pool.resource.RLIM_INFINITY,) * 2)
    assert pool.thread_limit() == pool.THREADS
    monkeypatch.setattr(pool, "THREADS", 7)
    at_once, most, lock = [0], [0], threading.Lock()

    def run(call):
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.1)
        with lock:
            at_once[0] -= 1
        return {}

    do(run, [f"node{number}" for number in range(50)])
    assert most == [7]


def test_threads_share_a_processor_while_they_work():
    before, seen = os.sched_getaffinity(0), []
    do(lambda call: {"processors": seen.append(len(os.sched_getaffinity(0)))}, ["node1", "node2"])
    assert seen == [1, 1] and os.sched_getaffinity(0) == before


def test_signal_that_ends_the_process_ends_the_sessions_first():
    seen = []
    do(lambda call: {"handler": seen.append(signal.getsignal(signal.SIGTERM).__module__)}, ["node1"])
    assert seen[0].endswith("session_guard")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.parametrize(("address", "text", "expected"), [
    ("192.0.2.1", "the BMC at https://192.0.2.1 does not answer", "the BMC does not answer"),
    ("192.0.2.1", "the BMC at 192.0.2.1 port 623 does not answer", "the BMC does not answer"),
    ("192.0.2.1", "192.0.2.11 and 192.0.2.1", "192.0.2.11 and the BMC's address"),
    ("https://[2001:db8::1]:8443", "the BMC at https://[2001:db8::1]:8443 is odd", "the BMC is odd"),
    ("2001:db8::1", "the BMC at https://[2001:db8::1]:443 is odd", "the BMC is odd"),
    ("bmc7.example.com", "the BMC at https://bmc7.example.com/ is odd, says node node7, not node77", "the BMC is odd, says the node, not node77"),
    (None, "the node node7 and node node7.example.com. Host: node7.", "the node and node node7.example.com. Host: node7."),
    ("console", "the BMC at console port 623 has no console", "the BMC has no console"),
    (None, "nothing", "nothing"),
])
def test_text_without_what_differs(address, text, expected):
    assert causes.anonymous(text, Call(params={"bmc": {"address": address}}, node="node7")) == expected


@pytest.mark.parametrize("name", ["power", "BMC", "a", "off", "state", "node", "To", "is"])
def test_node_that_is_called_like_a_word(name):
    def run(call):
        if call.node == name:
            raise BaremetalError("a machine is off and its BMC tells no power state", stage="power", cure="power it on")
        return {}

    assert do(run, [name, "node2"])["msg"] == (
        f"1 of 2 nodes failed. (1) {name}: power: a machine is off and its BMC tells no power state. To do: power it on.")


def test_long_lists_of_names_are_cut():
    text = causes.grouped({f"node{number}": {"cause": "no"} for number in range(25)}, 30)
    assert text.startswith("25 of 30 nodes failed. (25) node0, ") and text.endswith("node19 and 5 more: no")


def through_module(monkeypatch, door):
    """What the module door answers for one node in the fleet form, or for one alone."""
    answer = {}

    class Module:
        check_mode, _diff, run_facts, _name = True, False, None, "rackwright.baremetal.power"
        params = make_call(["node1"], bmcs=[{"name": "node1", "driver": "redfish", "address": "192.0.2.1"}]).params

        def __init__(self, argument_spec, **options):
            if "nodes" not in argument_spec:
                self.params = {"name": "node1", "password": "canary"}

        warn = debug = staticmethod(lambda text: None)

        def exit_json(self, **result):
            answer.update(result)

        def fail_json(self, **result):
            answer.update(result, failed=True)
            sys.exit(1)

    monkeypatch.setattr("ansible_collections.rackwright.baremetal.plugins.module_utils._door._Module", Module)
    with contextlib.suppress(SystemExit):
        module_main(door)
    return answer


def test_module_door(monkeypatch):
    answer = through_module(monkeypatch, Door(argument_spec={}, run=lambda call: {"check": call.check_mode, "node": call.node}, fleet=True))
    assert answer["nodes"] == {"node1": {"check": True, "node": "node1", "changed": False}}


def test_module_door_ends_a_bug_in_a_message_as_the_action_does(monkeypatch):
    door = Door(argument_spec={"name": {"type": "str"}, "password": {"type": "str", "no_log": True}}, run=lambda call: {}[call.params["password"]])
    answer = through_module(monkeypatch, door)
    assert answer["failed"] and answer["msg"] == (
        "node1: power: unexpected error: KeyError: '********'. "
        "To do: run again with -vvv to see where; if it is a fault of the collection, report it.")
    assert "line" in answer["traceback"] and "canary" not in answer["traceback"]


def test_what_one_node_has_got_is_not_got_for_another():
    calls = form.node_calls(Call(params={"nodes": ["a", "b"], "bmcs": None}))
    assert [call.once("BMC", lambda call=call: call.node) for call in calls.values()] == ["a", "b"]
