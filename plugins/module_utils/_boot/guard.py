# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemons that end with a run of Ansible, however that ends. Private to the collection; may change at any time.

A guard is a process of its own, so that it outlives a run that was killed. It waits for the end of the run and then stops the daemon.
On a host that Ansible reaches over a connection it waits for the end of the tether, a process that plugins/action/daemon.py holds there.
"""

from __future__ import annotations

import contextlib
import os
import time

from . import daemons
from .._errors import BaremetalError
from .._process import in_background, is_running, process_start_time

_POLL = 0.5


def _cmdline(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def _parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def run_of(pid):
    """The run of Ansible that a module runs in, on the controller itself.

    A worker is a fork of ansible-playbook, so it has the very command line of its parent.

    :param pid: the module's process, or one below it.
    :returns: (pid, start time in clock ticks since boot) of ansible-playbook.
    :raises BaremetalError: when there is none above this process, as on a host that Ansible reached by SSH.
    """
    try:
        while pid > 1:
            parent, cmdline = _parent(pid), _cmdline(pid)
            if b"ansible" in cmdline and cmdline == _cmdline(parent):
                return parent, process_start_time(parent)
            pid = parent
    except OSError:
        pass
    raise BaremetalError(
        "the run cannot be watched from here", stage="start daemon", seen="no ansible-playbook above this process",
        cure="run the task with ansible-playbook, on the controller itself or on a host that it reaches by SSH")


def tether_file(pid_file):
    """Path of the file in which a tether tells the id of its run, its pid and its start time."""
    return f"{pid_file}.tether"


def tether_of(pid_file, run_id, timeout):
    """The process that stands for a run on this host.

    :param pid_file: see :mod:`daemons`.
    :param run_id: id of the run.
    :param timeout: seconds until the process must be there.
    :returns: (pid, start time in clock ticks since boot) of the process.
    :raises BaremetalError: when it is not there in time, or another run has one.
    """
    deadline = time.monotonic() + timeout
    while True:
        name, tether = _tether(tether_file(pid_file))
        lives = tether is not None and is_running(*tether) is not False
        if lives and name == run_id:
            return tether
        if time.monotonic() >= deadline:
            break
        time.sleep(_POLL)
    if lives:
        raise _of_another(f"process {tether[0]} here, which holds it for another run")
    raise BaremetalError(
        "the run cannot be watched from here", stage="start daemon", seen=f"no session of the run within {timeout} s",
        cure="see that this host takes a second session beside the one that Ansible has (MaxSessions of its SSH server)")


def _tether(path):
    try:
        with open(path, encoding="ascii") as file:
            name, pid, start_time = file.read().split()
            return name, (int(pid), int(start_time))
    except (OSError, ValueError):
        return None, None


def _written(path):
    """(pid, start time) of the run that a guard watches, or None."""
    try:
        with open(path, encoding="ascii") as file:
            pid, start_time = map(int, file.read().split())
    except (OSError, ValueError):
        return None
    return pid, start_time


def release(pid_file):
    """Let a daemon run on after the run that it was to end with."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(f"{pid_file}.run")


def _of_another(seen):
    return BaremetalError("this daemon is not of this run alone", stage="start daemon", seen=seen,
                          cure="wait for the end of that run, stop it (boot_server_state absent), or use another directory")


def watch(pid_file, marker, run):
    """Let a daemon end when a run does; once for all daemons that have this pid file.

    :param pid_file: see :mod:`daemons`; a file beside it, with C(.run) at the end, tells which run is watched.
    :param marker: see :mod:`daemons`.
    :param run: (pid, start time) of the run, or of its tether.
    :raises BaremetalError: when it runs already and is not to end, or is to end with another run.
    """
    path = f"{pid_file}.run"
    owner = _written(path)
    if owner == run:
        return
    pid = daemons.running(pid_file, marker)
    if pid and (owner is None or is_running(*owner) is not False):
        raise _of_another(f"process {pid}, which " + (f"ends with the run of process {owner[0]}" if owner else "runs for good"))
    with open(f"{path}.new", "w", encoding="ascii") as file:
        file.write(f"{run[0]} {run[1]}\n")
    os.replace(f"{path}.new", path)
    in_background(lambda: _guard(path, pid_file, marker, run), keep=())


def _guard(path, pid_file, marker, run):
    while is_running(*run):
        time.sleep(_POLL)
    # Else another run has taken over, or it was made permanent.
    if _written(path) == run:
        daemons.stop(pid_file, marker)
        os.unlink(path)
