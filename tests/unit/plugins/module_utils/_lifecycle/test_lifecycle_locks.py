# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Locks with real processes: who lives, who is dead, and who wins."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import time
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _process
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import locks, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, store
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import database_now, now
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import LOCKS
from sqlalchemy import update

HOLD = """
transitions.begin(engine, "node1", "manage", controller)
print("holds", flush=True)
sys.stdin.readline()
"""


def wait_for(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_live_owner_is_named(engine, enrol, run, process):
    enrol()
    owner = process(HOLD)
    assert owner.stdout.readline() == "holds\n"
    before = nodes.get(engine, "node1")
    with pytest.raises(BaremetalError) as refusal:
        transitions.begin(engine, "node1", "manage", run)
    for fact in (f"run-{owner.pid}", "alice@", f"pid {owner.pid}", before["lock"]["since"], "verifying"):
        assert fact in str(refusal.value)
    assert nodes.get(engine, "node1") == before
    with engine.begin() as connection:
        assert list(locks.of_others(connection, ["node1", "node2"], run)) == ["node1"]
        assert locks.of_others(connection, ["node1"], {**run, "run_id": f"run-{owner.pid}"}) == {}
        assert locks.of_others(connection, [], run) == {}


@pytest.mark.parametrize("reaped", [True, False], ids=["gone", "zombie"])
def test_killed_owner_is_taken_over(engine, enrol, run, process, reaped):
    enrol()
    owner = process(HOLD)
    owner.stdout.readline()
    os.kill(owner.pid, signal.SIGKILL)
    if reaped:
        owner.wait()
    else:
        os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)
    result = transitions.begin(engine, "node1", "manage", run)
    assert (result["previous_state"], result["provision_state"]) == ("verifying", "verifying")
    assert result["node"]["lock"]["run_id"] == "own"
    failed, began = transitions.history(engine, "node1")[1:]
    assert (failed["event"], failed["from_state"], failed["to_state"]) == ("fail", "verifying", "enroll")
    assert f"pid {owner.pid}" in failed["error"] and "died in state verifying" in failed["error"]
    assert (began["who"], began["event"]) == (f"bob@{run['host']}", "manage")


def test_refused_verb_leaves_nothing_of_the_dead(engine, enrol, run, process):
    enrol()
    owner = process(HOLD)
    owner.stdout.readline()
    owner.kill()
    owner.wait()
    with pytest.raises(BaremetalError, match="deploy is not possible in state enroll.*manage"):
        transitions.begin(engine, "node1", "deploy", run)
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["lock"]) == ("enroll", None)
    assert f"pid {owner.pid}" in node["last_error"]


def test_check_mode_foresees_the_take_over_and_writes_nothing(engine, enrol, run, process):
    enrol()
    owner = process(HOLD)
    owner.stdout.readline()
    owner.kill()
    owner.wait()
    before = nodes.get(engine, "node1")
    assert transitions.begin(engine, "node1", "manage", run, check_mode=True)["provision_state"] == "verifying"
    assert nodes.get(engine, "node1") == before


@pytest.mark.parametrize(("stage", "elsewhere", "said"), [
    ("deploying", False, "To do: wait for that run to end, or end it: kill 7 on host1; its lock then falls by itself."),
    ("clean wait", False, "To do: wait for that run to end, end its wait for the machine with abort.yml, or end it: kill 7 on host1"),
    ("deploying", True, "it was last heard of at 2026-01-31T12:00:00. To do: .*; its lock then falls by itself, 60 s after it was last heard of."),
])
def test_refusal_says_how_to_end_the_owner(run, stage, elsewhere, said):
    lock = types.SimpleNamespace(
        run_id="r", user="alice", host="host1", pid=7, start_time=1, since="2026-01-31T11:00:00", heartbeat="2026-01-31T12:00:00",
        stage=stage, place="elsewhere" if elsewhere else run["place"])
    with pytest.raises(BaremetalError, match=said):
        raise locks.refuse(lock, "node1")


def test_pid_used_again_is_another_process(run):
    assert _process.is_running(run["pid"], run["start_time"])
    assert not _process.is_running(run["pid"], run["start_time"] + 1)


@pytest.mark.parametrize(("age", "dead"), [(0, False), (59, False), (61, True), (-30, False)])
def test_owner_on_another_host_lives_by_its_heartbeat(run, age, dead):
    moment = now()
    beat = datetime.datetime.fromisoformat(moment) - datetime.timedelta(seconds=age)
    lock = types.SimpleNamespace(place="another boot", pid=run["pid"], start_time=run["start_time"], heartbeat=beat.isoformat())
    assert locks.is_dead(lock, moment) is dead


@pytest.mark.parametrize(("age", "taken"), [(5, False), (90, True)])
def test_node_of_a_run_elsewhere_is_taken_when_that_is_silent(engine, enrol, run, age, taken):
    enrol()
    transitions.begin(engine, "node1", "manage", {**run, "run_id": "theirs", "place": "another boot/1"})
    with engine.begin() as connection:
        beat = datetime.datetime.fromisoformat(database_now(connection)) - datetime.timedelta(seconds=age)
        connection.execute(update(LOCKS).values(heartbeat=beat.isoformat(timespec="microseconds")))
    if taken:
        assert transitions.begin(engine, "node1", "manage", run)["node"]["lock"]["run_id"] == "own"
    else:
        with pytest.raises(BaremetalError, match="run theirs of bob@.*it was last heard of at"):
            transitions.begin(engine, "node1", "manage", run)


HIDDEN = """
import os, subprocess, sys
from ansible_collections.rackwright.baremetal.plugins.module_utils import _process
subprocess.run(["mount", "-t", "proc", "-o", "hidepid=2", "proc", "/proc"], check=True)
pid, start = os.getppid(), int(sys.argv[1])
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(_process.is_running(pid, start), _process.is_running(2 ** 22 + 1, 1), _process.is_running(os.getpid(), _process.process_start_time(os.getpid())))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a /proc of its own takes root")
def test_processes_that_the_system_hides_are_not_taken_for_dead(run):
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", HIDDEN, str(run["start_time"])], check=False, text=True, capture_output=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["None", "False", "True"]


def test_refusal_of_an_owner_that_is_hidden_tells_when_its_lock_falls(run, monkeypatch):
    monkeypatch.setattr(locks, "is_running", lambda pid, start_time: None)
    lock = types.SimpleNamespace(**run, since="2026-01-31T11:00:00", heartbeat="2026-01-31T12:00:00", stage="deploying")
    assert "60 s after it was last heard of" in str(locks.refuse(lock, "node1"))


@pytest.mark.parametrize(("age", "dead"), [(5, False), (90, True)])
def test_owner_that_is_hidden_lives_by_its_heartbeat(run, monkeypatch, age, dead):
    monkeypatch.setattr(locks, "is_running", lambda pid, start_time: None)
    moment = now()
    beat = datetime.datetime.fromisoformat(moment) - datetime.timedelta(seconds=age)
    assert locks.is_dead(types.SimpleNamespace(**{**run, "heartbeat": beat.isoformat()}), moment) is dead


# Its server is told to wait a second, and not twenty, for a client that is inside a transaction.
SUSPENDED = """
import signal
engine = open_registry(url + "&options=-c%20idle_in_transaction_session_timeout%3D1s")
with engine.begin() as connection:
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock({number})")
    connection.exec_driver_sql("SELECT * FROM nodes WHERE name = 'node1' FOR UPDATE").all()
    print("holds", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_controller_that_is_suspended_inside_a_transaction_stops_nobody(engine, enrol, run, process):
    enrol()
    suspended = process(SUSPENDED.format(number=store._ONE_AT_A_TIME))
    assert suspended.stdout.readline() == "holds\n"
    with engine.begin() as connection:
        store.one_at_a_time(connection)
    assert transitions.begin(engine, "node1", "manage", run)["provision_state"] == "verifying"


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_transaction_that_does_not_end_is_told(url, engine, enrol, run):
    enrol()
    impatient = store.open_registry(f"{url}&options=-c%20lock_timeout%3D100ms")
    with engine.begin() as connection:
        connection.exec_driver_sql("SELECT * FROM nodes FOR UPDATE").all()
        with pytest.raises(BaremetalError, match="lock timeout.*To do: somebody else is inside a long transaction.*pg_stat_activity"):
            transitions.begin(impatient, "node1", "manage", run)


def test_owner_in_another_pid_namespace_lives_by_its_heartbeat(run):
    boot, inode = run["place"].split("/")
    lock = types.SimpleNamespace(place=f"{boot}/{int(inode) + 1}", pid=2 ** 22 + 1, start_time=1, heartbeat=now())
    assert not locks.is_dead(lock, now())
    lock.place = run["place"]
    assert locks.is_dead(lock, now())


RACE = """
sys.stdin.readline()
won = []
for number in range(20):
    try:
        transitions.begin(engine, f"node{number}", "manage", controller)
        won.append(str(number))
    except BaremetalError as error:
        assert "another run works on the node" in str(error), str(error)
print(" ".join(won), flush=True)
sys.stdin.readline()
"""


def test_one_winner_for_every_node(engine, enrol, process):
    for number in range(20):
        enrol(f"node{number}")
    runs = [process(RACE) for dummy in range(6)]
    for child in runs:
        child.stdin.write("go\n")
        child.stdin.flush()
    won = {child.pid: child.stdout.readline().split() for child in runs}
    assert sorted(int(number) for numbers in won.values() for number in numbers) == list(range(20))
    for pid, numbers in won.items():
        for number in numbers:
            assert nodes.get(engine, f"node{number}")["lock"]["pid"] == pid
            assert len(transitions.history(engine, f"node{number}")) == 1


BEAT = """
transitions.begin(engine, "node1", "manage", controller)
worker = os.fork()
if worker == 0:
    heartbeat.INTERVAL = 1
    heartbeat.start(url, controller)
    heartbeat.start(url, controller)
    os._exit(0)
os.waitpid(worker, 0)
print("beats", flush=True)
sys.stdin.readline()
"""


def test_one_heartbeat_keeps_the_lease_and_ends_with_the_run(engine, enrol, process):
    enrol()
    owner = process(BEAT)
    assert owner.stdout.readline() == "beats\n"
    first = nodes.get(engine, "node1")["lock"]["heartbeat"]
    assert wait_for(lambda: nodes.get(engine, "node1")["lock"]["heartbeat"] > first)
    processes = _beating(owner)
    assert len(processes) == 1
    # Nothing of the run is held open: a pipe that stays open would hang whoever reads it.
    targets = [os.readlink(f"/proc/{processes[0]}/fd/{name}") for name in os.listdir(f"/proc/{processes[0]}/fd")]
    assert not [target for target in targets if target.startswith("pipe:")], targets
    lock = types.SimpleNamespace(**nodes.get(engine, "node1")["lock"], place="another boot", start_time=1)
    assert not locks.is_dead(lock, now())
    owner.kill()
    owner.wait()
    assert wait_for(lambda: not _alive(processes[0]))
    # Other hosts need not wait until the last beat is old.
    lock.heartbeat = nodes.get(engine, "node1")["lock"]["heartbeat"]
    assert locks.is_dead(lock, now())


def _alive(pid):
    try:
        return _process.is_running(pid, _process.process_start_time(pid))
    except OSError:
        return False


def _beating(owner):
    """Processes that are a detached fork of a run: same command line, another session."""
    mine = open(f"/proc/{owner.pid}/cmdline", "rb").read()
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != owner.pid:
            try:
                same = open(f"/proc/{name}/cmdline", "rb").read() == mine
            except OSError:
                continue
            if same and _alive(int(name)):
                found.append(int(name))
    return found
