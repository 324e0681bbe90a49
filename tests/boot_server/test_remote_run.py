# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A daemon on a host behind a real SSH server ends with the run of Ansible that started it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons
from ansible_collections.rackwright.baremetal.tests.boot_server.conftest import COLLECTION, eventually, run


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except OSError:
        return False


class Host:
    """An SSH server on the loopback whose root has another home than this machine's, and a dnsmasq that serves nobody."""

    def __init__(self, folder):
        self.folder = folder
        self.pid_file, self.conf = str(folder / "run/dnsmasq.pid"), str(folder / "dnsmasq.conf")
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key"))
        shutil.copy(folder / "key.pub", home / ".ssh/authorized_keys")
        run("dropbearkey", "-t", "ed25519", "-f", str(folder / "host_key"))
        (folder / "passwd").write_text(f"root:x:0:0::{home}:/bin/sh\n")
        (folder / "dnsmasq.conf").write_text("port=0\nuser=root\npid-file=" + self.pid_file + "\n")
        (folder / "run").mkdir()
        self.daemon = {"rackwright.baremetal.daemon": {
            "command": ["/usr/sbin/dnsmasq", "-C", self.conf], "pid_file": self.pid_file, "marker": self.conf, "lifetime": "run"}}
        # Until it is gone; the workers of a run that was killed would wait on.
        (folder / "wait").touch()
        self.wait = {"ansible.builtin.shell": f"while [ -e {folder}/wait ]; do sleep 0.2; done", "delegate_to": "localhost"}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._server = subprocess.Popen(
            ["unshare", "-m", "sh", "-c", 'mount --bind "$1" /etc/passwd && shift && exec "$@"', "sh", str(folder / "passwd"),
             "dropbear", "-F", "-E", "-s", "-r", str(folder / "host_key"), "-P", str(folder / "dropbear.pid"), "-p", f"127.0.0.1:{self.port}"],
            stderr=open(folder / "log", "w"))

    def ready(self):
        return eventually(lambda: answers(self.port), 30)

    def begin(self, *tasks, check=False):
        """A run of Ansible with the daemon and more tasks, as a subprocess.Popen in a process group of its own."""
        playbook = self.folder / f"play{time.monotonic_ns()}.json"
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [self.daemon, *tasks]}]))
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": {"boot": {
            "ansible_host": "127.0.0.1", "ansible_port": self.port, "ansible_user": "root", "ansible_ssh_private_key_file": str(self.folder / "key"),
            "ansible_python_interpreter": sys.executable}}}}))
        environment = {
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_HOST_KEY_CHECKING": "false", "ANSIBLE_HOME": str(self.folder / "ansible")}
        return subprocess.Popen(
            [sys.executable, "-m", "ansible", "playbook", "-vvv", "-i", str(inventory), str(playbook), *(["--check"] if check else [])],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def runs(self):
        return daemons.running(self.pid_file, self.conf)

    def close(self):
        (self.folder / "wait").unlink()
        daemons.stop(self.pid_file, self.conf)
        # With the sessions that it serves; a client that holds a connection open ends with that.
        for pid in run("pgrep", "-f", str(self.folder / "host_key"), check=False).stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        self._server.wait()


@pytest.fixture
def host(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("an SSH server that knows another root needs root")
    missing = [tool for tool in ("dropbear", "dropbearkey", "dnsmasq", "ssh", "unshare") if not shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin")]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (Debian: dropbear-bin dnsmasq-base openssh-client)")
    made = Host(tmp_path)
    try:
        assert made.ready(), (tmp_path / "log").read_text()
        yield made
    finally:
        made.close()


@pytest.fixture
def begin(host):
    """Begins runs, and ends what is left of them."""
    begun = []

    def begin(*tasks, **more):
        begun.append(host.begin(*tasks, **more))
        return begun[-1]

    yield begin
    for one in begun:
        if one.poll() is None:
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()


def test_it_ends_with_the_run_that_was_killed_and_no_other_run_gets_it(host, begin):
    first = begin({**host.daemon, "register": "again", "failed_when": "again is changed"}, host.wait)
    assert eventually(host.runs, 120)
    pid = host.runs()
    # A second one that would start it is told whose it is.
    other = begin()
    said = other.communicate(timeout=120)[0]
    assert other.returncode and "this daemon is not of this run alone" in said and "another run" in said, said
    assert host.runs() == pid and first.poll() is None
    first.kill()
    assert eventually(lambda: not host.runs(), 60)
    # Then anybody may.
    third = begin()
    said = third.communicate(timeout=120)[0]
    assert third.returncode == 0, said
    assert eventually(lambda: not host.runs(), 60)


def test_check_mode_starts_nothing(host, begin):
    said = begin(check=True).communicate(timeout=120)[0]
    assert "changed=1" in said and not host.runs(), said
    assert sorted(path.name for path in (host.folder / "run").iterdir()) == []
