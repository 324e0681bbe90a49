# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon ends with a run, and only with its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons, guard
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import process_start_time


def eventually(probe, seconds=20):
    deadline = time.monotonic() + seconds
    while not probe() and time.monotonic() < deadline:
        time.sleep(0.05)
    return probe()


@contextlib.contextmanager
def process(*words):
    made = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(600)", *words], stdout=subprocess.PIPE)
    # Before that it may still be a copy of this process.
    made.stdout.readline()
    try:
        yield made
    finally:
        made.kill()
        made.wait()
        made.stdout.close()


@pytest.fixture
def place(tmp_path):
    """(pid file, marker, process) of a daemon."""
    marker = str(tmp_path / "daemon.conf")
    with process(marker) as daemon:
        (tmp_path / "pid").write_text(str(daemon.pid))
        yield str(tmp_path / "pid"), marker, daemon


def run_of(made):
    return made.pid, process_start_time(made.pid)


def start(place):
    """The daemon begins only now, as far as its pid file tells."""
    with open(place[0], "w", encoding="ascii") as file:
        file.write(str(place[2].pid))


def test_the_daemon_ends_when_the_run_is_killed(place):
    pid_file, marker, daemon = place
    os.unlink(pid_file)
    with process() as run:
        guard.watch(pid_file, marker, run_of(run))
        guard.watch(pid_file, marker, run_of(run))
        start(place)
        time.sleep(1)
        assert daemons.running(pid_file, marker) == daemon.pid
    assert eventually(lambda: daemon.poll() is not None)
    assert eventually(lambda: not os.path.exists(f"{pid_file}.run")) and not os.path.exists(pid_file)


def test_a_daemon_of_another_run_or_for_good_is_refused(place):
    pid_file, marker, dummy = place
    with process() as run, process() as other:
        with pytest.raises(BaremetalError, match="which runs for good"):
            guard.watch(pid_file, marker, run_of(run))
        os.unlink(pid_file)
        guard.watch(pid_file, marker, run_of(run))
        start(place)
        with pytest.raises(BaremetalError, match=f"ends with the run of process {run.pid}"):
            guard.watch(pid_file, marker, run_of(other))


def test_a_daemon_that_was_released_lives_on(place):
    pid_file, marker, daemon = place
    os.unlink(pid_file)
    with process() as run:
        guard.watch(pid_file, marker, run_of(run))
        start(place)
        guard.release(pid_file)
    time.sleep(1.5)
    assert daemons.running(pid_file, marker) == daemon.pid


def test_without_a_run_nothing_is_watched():
    with process() as alone, pytest.raises(BaremetalError, match="no ansible-playbook above this process"):
        guard.run_of(alone.pid)


def test_a_tether_stands_for_its_own_run_alone(place):
    pid_file = place[0]
    with process() as tether:
        with open(guard.tether_file(pid_file), "w", encoding="ascii") as file:
            file.write(f"run-1 {tether.pid} {process_start_time(tether.pid)}\n")
        assert guard.tether_of(pid_file, "run-1", 0) == run_of(tether)
        with pytest.raises(BaremetalError, match="which holds it for another run"):
            guard.tether_of(pid_file, "run-2", 0)
    with pytest.raises(BaremetalError, match="no session of the run"):
        guard.tether_of(pid_file, "run-1", 0)


@pytest.mark.parametrize("content", ["", "run-1", "run-1 x y", "run-1 1 2 3"])
def test_a_tether_file_that_is_none(place, content):
    with open(guard.tether_file(place[0]), "w", encoding="ascii") as file:
        file.write(content)
    with pytest.raises(BaremetalError, match="no session of the run"):
        guard.tether_of(place[0], "run-1", 0)
