# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A boot server and a client in two network namespaces that are joined by one cable."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons

COLLECTION = Path(daemons.__file__).parents[3]
OURS, THEIRS = "192.0.2.1", "192.0.2.250"
MACS = {OURS: "02:00:00:00:00:01", THEIRS: "02:00:00:00:00:fa"}
TOOLS = ("ip", "nginx", "dnsmasq", "udhcpc", "curl", "logrotate", "pkill")

_UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound ] && env | grep -E '^(ip|siaddr|bootfile|boot_file|hostname|router|dns|lease)='
exit 0
"""


def run(*command, check=True, **more):
    """Run a command and give what it did; its output is in the error when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False, timeout=300, **more)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def eventually(probe, seconds=60):
    """What a function gives when that is true, or at the end of so many seconds."""
    deadline = time.monotonic() + seconds
    while not (value := probe()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


class Playbook:
    """What one run of ansible-playbook did."""

    def __init__(self, done):
        self.output = done.stdout + done.stderr
        self.ok = done.returncode == 0
        recap = re.search(r"^boot +: .*?changed=(\d+)", done.stdout, re.MULTILINE)
        self.changed = int(recap.group(1)) if recap else None


class Site:
    """The boot server's namespace and root, the client's namespace, and what a test does with them."""

    address = "192.0.2.1"
    url = "http://192.0.2.1:8080"

    def __init__(self, folder):
        self.folder = folder
        self.root = folder / "root"
        self.rotation = Path(f"/etc/logrotate.d/rackwright-boot-server{str(self.root).replace('/', '-')}")
        self.server = f"rwboot{os.getpid()}s"
        self.client = f"rwboot{os.getpid()}c"
        self.variables = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "boot_server_root": str(self.root),
            "boot_server_address": self.address,
            "boot_server_interface": "eth0",
            "boot_server_network": "192.0.2.0/24",
            "boot_server_further_networks": [{"network": "2001:db8:1::/64", "interface": "eth0", "address": "2001:db8:1::1"}],
            "boot_server_netns": self.server,
            "boot_server_manage_packages": False,
        }
        self.nodes = {}
        self._script = folder / "bound.sh"
        self._script.write_text(_UDHCPC_SCRIPT)
        self._script.chmod(0o755)

    def cable(self):
        for space in (self.server, self.client):
            run("ip", "netns", "add", space)
        run("ip", "link", "add", "eth0", "netns", self.server, "type", "veth", "peer", "name", "eth0", "netns", self.client)
        run("ip", "-n", self.server, "address", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.server, "address", "add", "2001:db8:1::1/64", "dev", "eth0", "nodad")
        run("ip", "-n", self.client, "address", "add", "192.0.2.11/24", "dev", "eth0")
        run("ip", "-n", self.client, "address", "add", "2001:db8:1::110/64", "dev", "eth0", "nodad")
        for space in (self.server, self.client):
            run("ip", "-n", space, "link", "set", "lo", "up")
            run("ip", "-n", space, "link", "set", "eth0", "up")

    def uncable(self):
        for space in (self.server, self.client):
            run("ip", "netns", "delete", space, check=False)

    def _command(self, arguments, playbook, variables):
        inventory = self.folder / "inventory.json"
        inventory.write_text(json.dumps({"boot_servers": {"hosts": {"boot": None}, "vars": {**self.variables, **variables}},
                                        "baremetal": {"hosts": self.nodes}}))
        environment = {
            **os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_HOME": str(self.folder / "ansible")}
        return [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory),
                str(playbook or COLLECTION / "playbooks/boot_server.yml"), *arguments], environment

    def play(self, *arguments, playbook=None, **variables):
        command, environment = self._command(arguments, playbook, variables)
        return Playbook(run(*command, check=False, env=environment))

    def begin(self, playbook, *arguments, **variables):
        """A run in a process group of its own, as a subprocess.Popen."""
        command, environment = self._command(arguments, playbook, variables)
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def at_client(self, *command, **more):
        return run("ip", "netns", "exec", self.client, *command, **more)

    def dhcp(self, mac, *options, tries=5):
        """What a DHCP client gets as a dict, None when nobody answers. Options in udhcpc's form ``93:0007``."""
        run("ip", "-n", self.client, "link", "set", "eth0", "address", mac)
        done = self.at_client(
            "udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", str(tries), "-T", "1", "-s", str(self._script), "-O", "bootfile",
            *(word for option in options for word in ("-x", option)), check=False)
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line) if done.returncode == 0 else None

    def curl(self, *arguments):
        """(status code as text, body) of a request that the client makes."""
        done = self.at_client("curl", "--silent", "--max-time", "20", "--path-as-is", "--write-out", "\n%{http_code}", *arguments, check=False)
        body, _newline, status = done.stdout.rpartition("\n")
        return status, body

    def pids(self):
        return {
            name: daemons.running(f"{self.root}/run/{name}.pid", f"{self.root}/{name}/{name}.conf") for name in ("nginx", "dnsmasq")}


@pytest.fixture(scope="module")
def site():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    missing = [tool for tool in TOOLS if not shutil.which(tool, path="/usr/sbin:/sbin:" + os.environ.get("PATH", os.defpath))]
    if missing or not Path("/usr/lib/ipxe/undionly.kpxe").exists():
        pytest.skip(f"not installed: {', '.join(missing) or 'ipxe'} "
                    "(Debian: iproute2 nginx-light dnsmasq-base udhcpc curl ipxe logrotate procps)")
    # The daemons run as www-data, which cannot enter pytest's own directories.
    folder = Path(tempfile.mkdtemp(prefix="rackwright-boot-"))
    folder.chmod(0o755)
    made = Site(folder)
    try:
        made.cable()
        yield made
    finally:
        for name in ("nginx", "dnsmasq"):
            daemons.stop(f"{made.root}/run/{name}.pid", f"{made.root}/{name}/{name}.conf")
        made.uncable()
        made.rotation.unlink(missing_ok=True)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def spaces():
    """The boot server's namespace and another one, joined by one cable, by the address that each has."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not shutil.which("dnsmasq", path="/usr/sbin:/sbin"):
        pytest.skip("not installed: dnsmasq (Debian: dnsmasq-base)")
    names = {OURS: f"rwdhcp{os.getpid()}o", THEIRS: f"rwdhcp{os.getpid()}t"}
    try:
        for space in names.values():
            run("ip", "netns", "add", space)
        run("ip", "link", "add", "eth0", "netns", names[OURS], "type", "veth", "peer", "name", "eth0", "netns", names[THEIRS])
        for address, space in names.items():
            run("ip", "-n", space, "link", "set", "eth0", "address", MACS[address])
            run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
        yield names
    finally:
        for space in names.values():
            run("ip", "netns", "delete", space, check=False)
