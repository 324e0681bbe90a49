# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who runs: the identity of the ansible-playbook process. Private; may change at any time."""

from __future__ import annotations

import ctypes
import functools
import getpass
import os
import signal
import socket
import uuid

from ..module_utils._process import place, process_start_time

# prctl(2)
_PR_SET_PDEATHSIG = 1

_NAMESPACE = uuid.UUID("5a1f6c0e-6c0b-4b39-9d2c-9b1f0c1a7e55")


@functools.lru_cache(maxsize=None)
def _here():
    """Host, place and user: the same in ansible-playbook and in all of its workers."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # Containers run under user ids that no passwd entry names.
        user = f"uid {os.getuid()}"
    return socket.gethostname(), place(), user


# Found out while the parent process imports this file, so that the forked workers know it.
_here()


def controller_of_worker():
    """Identity of the run that the calling worker process belongs to.

    A worker is a fork of ansible-playbook, so its parent is the run. The id follows from the
    process alone: all tasks of one run agree on it without any shared state.

    :returns: dict with run_id, host, place (of the pid), pid, start_time (clock ticks since boot) and user.
    """
    pid = os.getppid()
    host, where, user = _here()
    start_time = process_start_time(pid)
    return {
        "run_id": str(uuid.uuid5(_NAMESPACE, f"{host}/{where}/{pid}/{start_time}")),
        "host": host,
        "place": where,
        "pid": pid,
        "start_time": start_time,
        "user": user,
    }


def end_with_run():
    """Have the kernel end the calling worker when ansible-playbook is killed, so that nothing of a dead run goes on here.

    Else a worker would finish its task, for instance a power cycle, while the next run has begun its own. The signal is
    one after which a worker still logs off from BMCs (_session_guard.py).
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
