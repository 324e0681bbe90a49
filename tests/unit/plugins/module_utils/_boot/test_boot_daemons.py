# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemons known by pid file and command line, with real processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError


@pytest.fixture
def daemon(tmp_path):
    """A daemon of our own: goes into the background and writes its pid file, as dnsmasq and nginx do."""
    script = tmp_path / "daemon.sh"
    script.write_text(
        "#!/bin/sh\n"
        'if [ "$3" = broken ]; then echo "cannot bind" >&2; exit 2; fi\n'
        'sh -c \'[ "$3" != stubborn ] || trap "" TERM; echo $$ >"$2"; while :; do sleep 0.05; done\' "$1" "$1" "$2" "$3" &\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    conf, pid_file = str(tmp_path / "daemon.conf"), str(tmp_path / "daemon.pid")
    yield lambda mood="": ([str(script), conf, pid_file, mood], pid_file, conf)
    pid = daemons.running(pid_file, conf)
    if pid:
        os.kill(pid, signal.SIGKILL)


def test_start_and_stop(daemon):
    command, pid_file, marker = daemon()
    assert daemons.running(pid_file, marker) is None
    pid = daemons.start(command, pid_file, marker)
    assert daemons.running(pid_file, marker) == pid
    assert daemons.stop(pid_file, marker) is True
    assert daemons.running(pid_file, marker) is None and not os.path.exists(pid_file)
    assert daemons.stop(pid_file, marker) is False


def test_a_stubborn_daemon_is_ended_by_force(daemon):
    command, pid_file, marker = daemon("stubborn")
    daemons.start(command, pid_file, marker)
    assert daemons.stop(pid_file, marker, timeout=3) is True
    assert daemons.running(pid_file, marker) is None


def test_a_daemon_that_refuses_says_why(daemon):
    command, pid_file, marker = daemon("broken")
    with pytest.raises(BaremetalError, match="ended with code 2. Seen: cannot bind"):
        daemons.start(command, pid_file, marker)


def test_a_program_that_is_not_there():
    with pytest.raises(BaremetalError, match="cannot be started"):
        daemons.start(["/nonexistent/daemon"], "/nonexistent/pid", "x")


def test_a_program_that_leaves_nothing_running(tmp_path):
    with pytest.raises(BaremetalError, match="left no running process"):
        daemons.start(["true"], str(tmp_path / "pid"), "marker", timeout=5)


def test_a_program_that_stays_in_the_foreground(tmp_path):
    with pytest.raises(BaremetalError, match="did not go into the background"):
        daemons.start(["sleep", "60"], str(tmp_path / "pid"), "marker", timeout=0.2)


def test_somebody_elses_process_is_left_alone(tmp_path):
    pid_file = tmp_path / "pid"
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            pid_file.write_text(f"{stranger.pid}\n")
            assert daemons.running(str(pid_file), "/srv/rackwright/dnsmasq.conf") is None
            assert daemons.reload(str(pid_file), "/srv/rackwright/dnsmasq.conf") is False
            assert daemons.stop(str(pid_file), "/srv/rackwright/dnsmasq.conf") is True
            assert not pid_file.exists() and stranger.poll() is None
        finally:
            stranger.kill()


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "1", "99999999999"])
def test_pid_files_that_name_nothing_of_ours(tmp_path, text):
    (tmp_path / "pid").write_text(text)
    assert daemons.running(str(tmp_path / "pid"), "marker that nobody has") is None
