# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Daemons and teardown against real processes: the right ones are found and ended, others are not."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest
from rackkit import daemons, network, processes, teardown
from rackkit.ground import Rack, RackError

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def sleeper():
    """Start processes with given marks; they are ended after the test."""
    started = []

    def start(environment, code="import time; print('up', flush=True); time.sleep(60)"):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
        process.stdout.readline()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def marks(rack, name, **more):
    return {processes.RACK_MARK: str(rack.dir), processes.DAEMON_MARK: name, **more}


def test_a_daemon_is_found_by_its_marks_only(rack, sleeper):
    own = sleeper(marks(rack, "vbmcd"))
    sleeper(marks(rack, "libvirtd"))
    sleeper({processes.RACK_MARK: "/srv/another", processes.DAEMON_MARK: "vbmcd"})
    assert processes.of_daemon(rack, "vbmcd") == [own.pid]


def test_a_process_that_ignores_the_request_is_killed(monkeypatch, sleeper):
    monkeypatch.setattr(processes, "TERM_SECONDS", 0.2)
    process = sleeper({}, STUBBORN)
    assert processes.end([process.pid]) == []
    assert process.wait(5) == -9


def test_a_zombie_is_not_alive(sleeper):
    process = sleeper({})
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not processes.alive(process.pid)


def test_the_caller_is_never_among_the_found(rack):
    assert os.getpid() not in processes.all_pids() and os.getppid() not in processes.all_pids()


def test_a_daemon_runs_only_if_all_agrees(rack, sleeper, monkeypatch):
    daemon = daemons.Daemon(name="d", argv=("d",), listens=(("unix", rack.run / "socket"),), config=(rack.run / "conf",))
    digest = daemons.config_digest(daemon)
    process = sleeper(marks(rack, "d", **{processes.CONFIG_MARK: digest}))
    monkeypatch.setattr(daemons, "namespace_inode", lambda _rack: os.stat("/proc/self/ns/net").st_ino)
    pid_file = rack.run / "d.pid"
    assert not daemons.runs(rack, daemon, digest), "without a pid file"
    pid_file.write_text(f"{process.pid}\n", encoding="ascii")
    assert not daemons.runs(rack, daemon, digest), "before it listens"
    (rack.run / "socket").touch()
    assert daemons.runs(rack, daemon, digest)
    (rack.run / "conf").write_text("changed", encoding="ascii")
    assert not daemons.runs(rack, daemon, daemons.config_digest(daemon)), "with another configuration"
    pid_file.write_text(f"{os.getpid()}\n", encoding="ascii")
    assert not daemons.runs(rack, daemon, digest), "with a process id that is somebody else's"
    pid_file.write_text(f"{process.pid}\n", encoding="ascii")
    monkeypatch.setattr(daemons, "namespace_inode", lambda _rack: 1)
    assert not daemons.runs(rack, daemon, digest), "in another namespace"


@pytest.mark.parametrize(("kind", "protocol"), [(socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")])
def test_a_bound_socket_is_seen(kind, protocol):
    with socket.socket(socket.AF_INET, kind) as server:
        server.bind(("127.9.8.7", 0))
        port = server.getsockname()[1]
        if protocol == "tcp":
            assert not daemons.bound(os.getpid(), protocol, "127.9.8.7", port), "bound is not yet listening"
            server.listen()
        assert daemons.bound(os.getpid(), protocol, "127.9.8.7", port)
        assert not daemons.bound(os.getpid(), protocol, "127.9.8.8", port)


def test_emulators_start_anew_with_libvirtd(rack):
    emulator = next(daemon for daemon in daemons.bmc_daemons(rack) if daemon.name == "redfish-node2")
    (rack.run / "libvirtd.pid").write_text("1\n", encoding="ascii")
    before = daemons.config_digest(emulator)
    (rack.run / "libvirtd.pid").write_text("2\n", encoding="ascii")
    assert daemons.config_digest(emulator) != before


def test_no_command_line_holds_a_password(rack):
    passwords = [rack.password_file(node) for node in rack.nodes]
    arguments = [str(part) for daemon in daemons.bmc_daemons(rack) + daemons.libvirt_daemons(rack) for part in daemon.argv]
    assert passwords and not any("password" in argument for argument in arguments)


@pytest.fixture
def no_namespace(monkeypatch):
    monkeypatch.setattr(teardown.os, "geteuid", lambda: 0)
    monkeypatch.setattr(network, "namespace_inode", lambda _rack: None)


@pytest.mark.usefixtures("no_namespace")
def test_teardown_ends_what_crashed_and_deletes_the_directory_twice(rack, sleeper):
    left_over = sleeper(marks(rack, "vbmcd"))
    bystander = sleeper({})
    told = teardown.remove(rack, True)
    assert told["changed"] and rack.dir.exists() and left_over.poll() is None
    assert teardown.remove(rack, False)["messages"] == told["messages"]
    assert left_over.wait(5) == -15 and bystander.poll() is None and not rack.dir.exists()
    assert teardown.remove(rack, False) == {"changed": False, "messages": []}


@pytest.mark.usefixtures("no_namespace")
def test_teardown_refuses_a_directory_that_is_no_rack(rack):
    (rack.dir / ".rackwright-rack").unlink()
    with pytest.raises(RackError, match="not made as a rack"):
        teardown.remove(rack, False)
    assert rack.dir.exists()


@pytest.mark.usefixtures("no_namespace")
def test_teardown_refuses_to_delete_through_a_mount(rack, monkeypatch):
    monkeypatch.setattr(teardown, "mounts_below", lambda _directory: ["/srv/rack/disks/mnt"])
    with pytest.raises(RackError, match="unmount it first"):
        teardown.remove(rack, False)
    assert rack.dir.exists()


def test_mounts_are_found_at_and_below_a_directory():
    from pathlib import Path

    assert "/proc" in teardown.mounts_below(Path("/proc")) and teardown.mounts_below(Path("/proc/no/such")) == []


@pytest.fixture
def foreign_namespace(monkeypatch):
    """A namespace of the rack's name that the rack did not make; a dict takes the mark of its owner, and the commands are kept there."""
    seen = {"mark": "", "commands": []}
    monkeypatch.setattr(teardown.os, "geteuid", lambda: 0)
    monkeypatch.setattr(network, "namespace_inode", lambda _rack: 1)
    monkeypatch.setattr(network, "links", lambda _rack: {"lo": {"flags": ["UP"], "ifalias": seen["mark"]}})
    monkeypatch.setattr(network, "run", seen["commands"].append)
    return seen


def test_teardown_refuses_a_foreign_namespace(rack, foreign_namespace):
    with pytest.raises(RackError, match="was not made by the rack"):
        teardown.remove(rack, False)
    foreign_namespace["mark"] = f"{network.OWNER}/srv/another"
    shutil.rmtree(rack.dir)
    with pytest.raises(RackError, match="was not made by the rack"):
        teardown.remove(rack, False)


def test_teardown_of_a_dead_rack_whose_name_another_one_took_leaves_that_one_alone(rack, foreign_namespace, sleeper):
    foreign_namespace["mark"] = f"{network.OWNER}/srv/another"
    bystander, left_over = sleeper({processes.RACK_MARK: "/srv/another"}), sleeper(marks(rack, "vbmcd"))
    assert teardown.remove(rack, False)["changed"] and foreign_namespace["commands"] == []
    assert left_over.wait(5) == -15 and bystander.poll() is None and not rack.dir.exists()


@pytest.mark.parametrize(
    ("left", "taken"),
    [
        ("only the namespace", True),
        ("files of a rack that ran", True),
        ("files of a rack whose daemons were not started yet", False),
        ("files of a rack that is made again", False),
        ("a daemon", False),
        ("no mark of a rack", False),
    ],
)
def test_the_namespace_of_a_dead_rack_is_taken(rack, foreign_namespace, sleeper, short_path, left, taken):
    other, commands = short_path / "other", foreign_namespace["commands"]
    foreign_namespace["mark"] = "veth of a container" if left == "no mark of a rack" else f"{network.OWNER}{other}"
    if left.startswith("files"):
        (other / "run").mkdir(parents=True)
    if left in ("files of a rack that ran", "files of a rack that is made again"):
        (other / "run" / "libvirtd.pid").write_text("1\n", encoding="ascii")
    if left == "files of a rack that is made again":
        network.ensure(Rack({**rack.spec, "dir": str(other)}), False)
        commands.clear()
    if left == "a daemon":
        sleeper({processes.RACK_MARK: str(other)})
    if not taken:
        with pytest.raises(RackError, match="choose another virtual_rack_name" + ("\\.$" if left == "no mark of a rack" else f".*virtual_rack_dir={other} ")):
            network.ensure(rack, False)
        assert commands == []
        return
    messages = network.ensure(rack, True)["messages"]
    assert commands == [] and messages == [f"network namespace testrack of the dead rack in {other} deleted", "network namespace testrack made"]
    assert network.ensure(rack, False)["messages"][:2] == messages
    assert commands[:2] == [["ip", "netns", "delete", "testrack"], ["ip", "netns", "add", "testrack"]]
