# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes and what tells one from another. Private to the collection; may change at any time."""

from __future__ import annotations

import contextlib
import os
import pathlib


def process_start_time(pid):
    """Start of a process in clock ticks since boot (proc(5), field 22 of /proc/PID/stat).

    Together with the pid it names a process beyond doubt, because pids are used again.

    :raises OSError: when there is no such process.
    """
    return int(_stat(pid)[19])


def place():
    """Where a pid of this process's world means something: the boot of this kernel and the pid namespace.

    Two containers may have one host name; in each of them the other's process looks dead.

    :returns: text; equal for two processes exactly when they can see each other under the same pids.
    """
    boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"


def _stat(pid):
    """Fields 3 and up of /proc/PID/stat."""
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    # The command name, in parentheses, may itself hold spaces and parentheses.
    return stat.rpartition(")")[2].split()


def is_running(pid, start_time):
    """Whether the very process that started at that time is still there.

    A zombie is not: it has ended, and only its parent has not looked yet.

    :returns: None when a process has this pid, and is another user's whom /proc hides from this one (proc(5), hidepid).
    """
    try:
        fields = _stat(pid)
        return int(fields[19]) == start_time and fields[0] not in ("Z", "X")
    except OSError:
        return None if _is_there(pid) else False


def _is_there(pid):
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def in_background(work, keep=None):
    """Have a function done by a process that is nobody's child, belongs to no session or terminal, and ends with it.

    :param work: function without arguments.
    :param keep: descriptors that stay open, so that whoever waits for the end of the caller's output does not wait for this process; it
        leaves the working directory too. None: it has all that the caller had.
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        # Forked twice, so that nobody has to wait for it.
        if not os.fork():
            _leave(keep)
            work()
    finally:
        # Neither process may run on into what the caller was about to do.
        os._exit(0)


def _leave(keep):
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    if keep is None:
        return
    for descriptor in {int(name) for name in os.listdir("/proc/self/fd")} - {0, 1, 2, *keep}:
        # That of the listing itself is closed already.
        with contextlib.suppress(OSError):
            os.close(descriptor)
    os.chdir("/")
