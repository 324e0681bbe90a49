# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The daemons of the role boot_server with the role's own configuration, in network namespaces, without a run of Ansible.

For tests of what the configuration does and for benchmarks. That the role itself writes it is tested by tests/boot_server/test_boot_server.py.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ...plugins.module_utils._boot import daemons, networks

ROLE = Path(__file__).resolve().parents[2] / "roles/boot_server"
_FOLDERS = ("http/node", "http/ramdisk", "http/images", "journal", "tftp", "dnsmasq/hosts.d", "nginx", "run/nginx", "log")
_COUNT = itertools.count()


def ip(*words):
    """Run ip(8)."""
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def namespaces(*names):
    """Network namespaces with these names in front, for as long as the context lasts; gives their full names."""
    made = [f"rw{os.getpid()}x{next(_COUNT)}{name}" for name in names]
    try:
        for name in made:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        yield made
    finally:
        for name in made:
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def cable(one, other):
    """Join two network cards, each (namespace, card, address with prefix length or None)."""
    ip("link", "add", one[1], "netns", one[0], "type", "veth", "peer", "name", other[1], "netns", other[0])
    for space, card, address in (one, other):
        if address:
            ip("-n", space, "address", "add", address, "dev", card, *(("nodad",) if ":" in address else ()))
        ip("-n", space, "link", "set", card, "up")


def _variables(root, space, given):
    found = {}
    for file in ("defaults/main.yml", "vars/main.yml"):
        found.update(yaml.safe_load((ROLE / file).read_text(encoding="utf-8")))
    found.update(
        ansible_managed="Ansible managed", boot_server_root=str(root), boot_server_netns=space, boot_server_interface="eth0",
        boot_server_address="192.0.2.1", boot_server_network="192.0.2.0/24", boot_server__certificate={"stat": {}}, inventory_hostname="boot1",
        groups={"boot_servers": ["boot1"]}, hostvars={}, boot_server_native_macs=[], ansible_facts={"os_family": "Debian"})
    found.update(given)
    # As vars/main.yml has it with the filter, which is only found in a run of Ansible.
    found["boot_server__networks"] = networks.plan(
        [{key: found[f"boot_server_{key}"] for key in ("network", "interface", "address", "gateway", "dns", "ipv6_address_mode", "router_advertisements")},
         *found["boot_server_further_networks"]])
    return {name: _trusted(value) for name, value in found.items()}


def _trusted(value):
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return {key: _trusted(item) for key, item in value.items()} if isinstance(value, dict) else value


class BootServer:
    """A boot server.

    :param space: network namespace that it runs in.
    :param variables: variables of the role that differ from its defaults and from eth0 with 192.0.2.1/24.
    """

    def __init__(self, space, **variables):
        # The daemons run as another user, who cannot enter what pytest makes. The role takes no folder that ends in "_", as a random name may.
        self.root = Path(tempfile.mkdtemp(prefix="rackwright-boot-", suffix=".d"))
        self.root.chmod(0o755)
        self.space = space
        self._templar = Templar(loader=DataLoader(), variables=_variables(self.root, space, variables))
        for folder in _FOLDERS:
            (self.root / folder).mkdir(parents=True)
        for loader in self.value("boot_server__loaders"):
            if Path(loader["src"]).exists():
                shutil.copy(loader["src"], self.root / "tftp" / loader["name"])

    def value(self, name):
        """What a variable of the role comes to."""
        return self._templar.template(trust_as_template("{{ " + name + " }}"))

    def render(self, template):
        """A template of the role as text."""
        text = (ROLE / "templates" / template).read_text(encoding="utf-8")
        return str(self._templar.template(trust_as_template(text), escape_backslashes=False))

    def start(self):
        """Write the configurations and start the daemons with them."""
        (self.root / "http/boot.ipxe").write_text(self.render("boot.ipxe.j2"), encoding="utf-8")
        for daemon in self.value("boot_server__daemons"):
            conf = Path(daemon["conf"])
            conf.write_text(self.render(f"{conf.name}.j2"), encoding="utf-8")
            daemons.start(["ip", "netns", "exec", self.space, "env", "TZ=UTC", daemon["binary"], daemon["conf_option"], str(conf)],
                          daemon["pid_file"], str(conf))

    def pids(self):
        """{name of a daemon: its process id, or None}."""
        return {daemon["name"]: daemons.running(daemon["pid_file"], daemon["conf"]) for daemon in self.value("boot_server__daemons")}

    def close(self):
        """Stop the daemons and remove everything."""
        for daemon in self.value("boot_server__daemons"):
            daemons.stop(daemon["pid_file"], daemon["conf"])
        shutil.rmtree(self.root)


@contextlib.contextmanager
def boot_server(space, **variables):
    """A BootServer that runs for as long as the context lasts."""
    server = BootServer(space, **variables)
    try:
        server.start()
        yield server
    finally:
        server.close()
