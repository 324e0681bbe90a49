# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What processes use: CPU time, memory, open files."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import threading
import time


def cpu_seconds():
    """CPU seconds, user and system, of the processes that this one has waited for, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Watch(threading.Thread):
    """Looks at a process and its descendants while they run: memory (PSS, so that shared pages count once) and open files.

    :param interval: seconds between two looks; each costs them a little of their time.
    """

    def __init__(self, process, interval=0.1):
        super().__init__(daemon=True)
        self._process = process
        self._interval = interval
        self.memory = 0  # MiB, all processes together
        self.files = 0  # of the process that has most of them
        self.processes = 0

    def run(self):
        while self._process.poll() is None:
            found = _descendants(self._process.pid)
            self.processes = max(self.processes, len(found))
            self.memory = max(self.memory, sum(map(_pss, found)) / 1024)
            self.files = max([self.files, *map(_open_files, found)])
            time.sleep(self._interval)


def _descendants(pid):
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def _pss(pid):
    with contextlib.suppress(OSError, StopIteration):
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
    return 0


def _open_files(pid):
    with contextlib.suppress(OSError):
        return len(os.listdir(f"/proc/{pid}/fd"))
    return 0
