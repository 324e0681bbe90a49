# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemons without a service manager, known by a pid file and by what their command line says.

A pid file alone proves nothing: after a crash or a reboot its number may belong to any process.
So a process counts as ours only when its command line also names our configuration file.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time

from .._errors import BaremetalError

_POLL = 0.05


def _is_ours(pid, marker):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            cmdline = file.read()
    except OSError:
        return False
    # A process that rewrote its title (nginx does) has spaces where the others have NUL.
    return marker.encode() in cmdline.replace(b"\0", b" ")


def running(pid_file, marker):
    """The process id of the daemon, or None when it does not run.

    :param pid_file: path of the file in which the daemon wrote its process id.
    :param marker: text that the command line of our daemon contains, for example the path of its configuration.
    """
    try:
        with open(pid_file, "rb") as file:
            pid = int(file.read(32))
    except (OSError, ValueError):
        return None
    return pid if pid > 1 and _is_ours(pid, marker) else None


def start(command, pid_file, marker, timeout=10):
    """Start a daemon that goes into the background by itself and writes its pid file.

    :param command: list of words.
    :param timeout: seconds until the pid file must name the running daemon.
    :returns: the process id.
    :raises BaremetalError: when the command fails or nothing of ours runs in time; the message has its output.
    """
    deadline = time.monotonic() + timeout
    # A file and not a pipe: the daemon may keep its standard error open for good.
    with tempfile.TemporaryFile() as output:
        try:
            # There is no AnsibleModule here to ask: this knows nothing of Ansible. pylint: disable-next=ansible-bad-function
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, cwd="/", timeout=timeout, check=False).returncode
        except subprocess.TimeoutExpired:
            code = None
        except OSError as error:
            raise BaremetalError(
                f"{command[0]} cannot be started: {error.strerror}", stage="start daemon",
                cure="install it, or name the right program") from error
        pid = running(pid_file, marker)
        while code == 0 and pid is None and time.monotonic() < deadline:
            time.sleep(_POLL)
            pid = running(pid_file, marker)
        if code == 0 and pid is not None:
            return pid
        output.seek(0)
        said = output.read(4096).decode(errors="replace").strip()
    if code is None:
        outcome = f"did not go into the background within {timeout} s"
    elif code:
        outcome = f"ended with code {code}"
    else:
        outcome = f"left no running process in {pid_file} within {timeout} s"
    raise BaremetalError(
        f"{' '.join(command)} {outcome}", stage="start daemon", seen=said or "no output",
        cure="read the message of the daemon; often another process holds its port")


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def stop(pid_file, marker, timeout=10):
    """End the daemon, if need be by force, and remove its pid file.

    :param timeout: seconds it gets to end by itself, and again after SIGKILL.
    :returns: True when a process was ended or a pid file removed.
    :raises BaremetalError: when the process outlives SIGKILL.
    """
    first = pid = running(pid_file, marker)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if pid is None:
            break
        _send(pid, number)
        deadline = time.monotonic() + timeout
        while pid is not None and time.monotonic() < deadline:
            time.sleep(_POLL)
            pid = first if _is_ours(first, marker) else None
    if pid is not None:
        raise BaremetalError(
            f"process {pid} does not end", stage="stop daemon", cure="look at it with ps; it may hang in the kernel")
    try:
        os.unlink(pid_file)
    except FileNotFoundError:
        return first is not None
    return True


def reload(pid_file, marker):
    """Tell the daemon with SIGHUP to read its data again.

    :returns: True when it was told, False when it does not run (it reads everything when it starts).
    """
    pid = running(pid_file, marker)
    return pid is not None and _send(pid, signal.SIGHUP)
