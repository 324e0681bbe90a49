# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site of simulated nodes: BMCs, what their machines boot, a boot server's directory, a registry and playbooks.

The real roles and modules run on it; only what needs a machine is simulated. For tests of what becomes of runs, and for benchmarks of many nodes.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from . import start
from .machine import Machine
from .netboot import DISK_SIZE

HERE = pathlib.Path(__file__).resolve().parent
COLLECTIONS = HERE.parents[4]
IMAGE = {
    "name": "debian-12", "digest": "sha256:" + "1" * 64, "manifest_digest": "sha256:" + "2" * 64, "path": "images/debian-12.zst",
    "virtual_size": 1 << 30, "published_at": "2026-01-01T00:00:00+00:00",
}
# Appears in no output whatever happens.
PASSWORD = "canary-5im-l4b"


class Lab:
    """A site.

    :ivar directory: where everything is.
    :ivar names: names of the nodes, in the order of the simulator's BMCs.
    :ivar registry: URL of the registry.
    :ivar simulator: the Simulator of the BMCs.
    """

    def __init__(self, directory, simulator, names, registry=None):
        self.directory = pathlib.Path(directory)
        self.simulator = simulator
        self.names = names
        self.registry = registry or f"sqlite:///{self.directory}/registry.db"
        self.boot_root = self.directory / "boot"

    def address(self, name):
        """Address of a node; no packet is ever sent there."""
        return _address(self.names.index(name))

    def disk(self, name):
        """What is on a node's disk: a dict, empty when it was erased."""
        with open(self.boot_root / "machines" / f"{self.address(name)}.disk", "rb") as file:
            return json.loads(file.read(1 << 20).partition(b"\0")[0] or b"{}")

    def fill_disk(self, name, content):
        """Put something on a node's disk, a dict as ``disk`` gives it."""
        path = self.boot_root / "machines" / f"{self.address(name)}.disk"
        path.write_text(json.dumps(content) + "\0")
        os.truncate(path, DISK_SIZE)

    def runs(self, name):
        """What a node's machine runs: ramdisk, disk or None."""
        return json.loads((self.boot_root / "machines" / f"{self.address(name)}.json").read_text())["runs"]

    def write_site(self):
        """Inventory, settings and hardware file, as examples/site has them."""
        inventory = self.directory / "inventory"
        (inventory / "group_vars" / "all").mkdir(parents=True)
        boot1 = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        _dump(inventory / "boot_servers.yml", {"boot_servers": {"hosts": {"boot1": boot1}}})
        _dump(inventory / "nodes.yml", {"plugin": "rackwright.baremetal.nodes", "registry": self.registry})
        key = self.directory / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        _dump(inventory / "group_vars" / "all" / "site.yml", {
            "boot_server_root": str(self.boot_root), "boot_server_address": "192.0.2.1", "ramdisk_boot_ssh_private_key_file": str(key),
            "ramdisk_boot_evidence_directory": str(self.directory / "evidence"),
            "clean_certificates_directory": str(self.directory / "certificates"),
            "enroll_hardware_file": str(self.directory / "hardware.yml"), "deploy_user": "root", "image": IMAGE["name"],
        })
        password = self.directory / "password"
        password.touch(mode=0o600)
        password.write_text(PASSWORD)
        _dump(self.directory / "hardware.yml", {"nodes": [self.hardware(name) for name in self.names]})

    def hardware(self, name):
        """A node as the hardware file has it."""
        index = self.names.index(name)
        machine, bmc = Machine(index), self.simulator.connections[index]
        return {
            "name": name, "rack": "rack1", "driver": "redfish", "address": self.address(name), "serial": machine.serial,
            "bmc": {"address": bmc["address"], "port": bmc["port"], "username": bmc["username"], "password": {"file": str(self.directory / "password")},
                    "ca_file": bmc["ca_file"], "system_id": "1"},
            "ports": [{"address": machine.mac(0)}], "root_device": {"serial": "DISK0"}, "properties": {"local_gb": 8},
        }

    def environment(self, **more):
        """The environment in which ansible-playbook works on this site."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")},
            "ANSIBLE_CONFIG": str(self.directory / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_INVENTORY": str(self.directory / "inventory"),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
            "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "kill",
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "RACKWRIGHT_MACHINES": str(self.boot_root / "machines"),
            **more,
        }

    def start(self, playbook, *arguments, **environment):
        """Start a playbook of the collection, or a file.

        :returns: the process; its output goes to a pipe, as text.
        """
        name = playbook if playbook.endswith(".yml") else f"rackwright.baremetal.{playbook}"
        return subprocess.Popen(
            [shutil.which("ansible-playbook"), name, *arguments], cwd=self.directory, env=self.environment(**environment),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def play(self, playbook, *arguments, **environment):
        """Run a playbook to its end.

        :returns: exit code and output.
        """
        with self.start(playbook, *arguments, **environment) as process:
            output = process.communicate()[0]
        return process.returncode, output

    def ansible(self, *arguments):
        """Run ansible-inventory or another program on this site; returns its output."""
        return subprocess.run([shutil.which(arguments[0]), *arguments[1:]], cwd=self.directory, env=self.environment(), check=True,
                              stdout=subprocess.PIPE, text=True).stdout


@contextlib.contextmanager
def _directory():
    """A directory for the time of a ``with`` block. What looks after a run, should it be killed, may put a file into it for some seconds more."""
    path = tempfile.mkdtemp(prefix="rackwright-lab-")
    try:
        yield path
    finally:
        end = time.monotonic() + 20
        while os.path.exists(path):
            try:
                shutil.rmtree(path)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)


@contextlib.contextmanager
def lab(count, *, registry=None, boot_seconds=0.0, latency=0.0):
    """A site of so many nodes for the time of a ``with`` block; they are in the hardware file and not enrolled yet.

    :param registry: URL of the registry; default: a SQLite file of the site.
    :param boot_seconds: how long a machine boots.
    :param latency: seconds before each answer of a BMC.
    """
    with _directory() as directory, contextlib.ExitStack() as stack:
        root = pathlib.Path(directory, "boot")
        _boot_server(root, stack)
        simulator = stack.enter_context(start.redfish_bmcs(
            count, directory=directory, password=PASSWORD, boot_server=root, boot_seconds=boot_seconds, latency=latency, first_address="127.68.0.1"))
        site = Lab(directory, simulator, [f"node{number}" for number in range(1, count + 1)], registry)
        site.write_site()
        yield site


def publish(engine, images):
    """Make the image known to a registry that enrolment has made.

    :param images: the module ``_registry.images``.
    """
    images.record(engine, IMAGE)


def _boot_server(root, stack):
    """What the role boot_server leaves, with processes that do nothing in place of the daemons."""
    for name in ("http/node", "http/ramdisk", "dnsmasq/hosts.d", "nginx", "log", "run", "machines"):
        (root / name).mkdir(parents=True)
    for name in ("log/http.log", "log/dnsmasq.log"):
        (root / name).touch()
    for name in ("kernel", "initrd"):
        (root / "http/ramdisk" / name).write_text("simulated")
    _dump(root / "http/ramdisk/current.json", {"digest": "sha256:" + "0" * 64, "kernel": "ramdisk/kernel", "initrd": "ramdisk/initrd"})
    for name in ("dnsmasq", "nginx"):
        process = subprocess.Popen([sys.executable, "-c", "import signal\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nsignal.pause()",
                                    f"{root}/{name}/{name}.conf"])
        stack.callback(process.wait)
        stack.callback(process.kill)
        (root / f"run/{name}.pid").write_text(str(process.pid))


def _address(index):
    # RFC 5737 has room for no more than some hundred; TEST addresses of RFC 2544 are as good.
    return f"198.18.{(index + 1) >> 8}.{(index + 1) & 255}"


def _dump(path, data):
    path.write_text(json.dumps(data, indent=2))
