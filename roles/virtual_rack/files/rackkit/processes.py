# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Recognise and end the processes of a rack."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

TERM_SECONDS = 10
KILL_SECONDS = 10
# Every process that the rack starts carries these; a process id alone proves nothing, it may have been given away again.
RACK_MARK = "RACKWRIGHT_RACK"
DAEMON_MARK = "RACKWRIGHT_DAEMON"
CONFIG_MARK = "RACKWRIGHT_CONFIG"


def environment(pid):
    """Return the environment a process was started with; empty when it has gone or is a zombie."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return {}
    pairs = (item.partition(b"=") for item in content.split(b"\0") if b"=" in item)
    return {os.fsdecode(key): os.fsdecode(value) for key, _equals, value in pairs}


def command_line(pid):
    """Return the arguments of a process as a list; empty when it has gone."""
    try:
        return [os.fsdecode(part) for part in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]]
    except (FileNotFoundError, ProcessLookupError):
        return []


def network_namespace(pid):
    """Return the inode number of a process's network namespace, or None when it has gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def alive(pid):
    """Tell whether a process runs; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def all_pids():
    """Return the ids of all processes but this one and those it was started by."""
    lineage, pid = set(), os.getpid()
    while pid > 0:
        lineage.add(pid)
        pid = parent(pid)
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit() and int(entry) not in lineage]


def parent(pid):
    """Return the parent's id of a process, 0 when it has gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(stat.rpartition(")")[2].split()[1])


def of_daemon(rack, daemon_name):
    """Return the ids of the processes that one daemon of the rack consists of."""
    marks = {RACK_MARK: str(rack.dir), DAEMON_MARK: daemon_name}
    return [pid for pid in all_pids() if marks.items() <= environment(pid).items()]


def of_rack(directory, inode):
    """Return the ids of everything that lives in a rack.

    :param directory: the directory of the rack.
    :param inode: inode number of the rack's network namespace, None when there is none any more.
    """
    found = []
    disks = f"{directory}/disks/"
    for pid in all_pids():
        arguments = command_line(pid)
        machine = bool(arguments) and "qemu-system" in arguments[0] and any(disks in argument for argument in arguments)
        inside = inode is not None and network_namespace(pid) == inode
        if inside or machine or environment(pid).get(RACK_MARK) == str(directory):
            found.append(pid)
    return found


def end(pids):
    """End processes: ask first, then insist.

    :param pids: process ids that were just recognised.
    :returns: the ids that are still alive.
    """
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + seconds
        while (pids := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        if not pids:
            break
    return pids
