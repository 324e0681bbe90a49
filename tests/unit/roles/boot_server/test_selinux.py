# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types that README.md gives to what the daemons read and write. No host with SELinux has run them: this tells that none is left out."""

from __future__ import annotations

import re

import pytest
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import ROLE, BootServer

ROOT = "/srv/rackwright"
FURTHER = (
    "http/boot.ipxe", "tftp/grub/grub.cfg", "journal/52-54-00-00-02-11/0123456789abcdef/00", "dnsmasq/hosts.d", "dnsmasq/hosts.d/52-54-00-00-02-11",
    "dnsmasq/leases", "cache/0/1a/0123", "run/nginx", "run/nginx/body", "log/http.log", "log/http.log.1", "log/nginx-error.log", "log/dnsmasq.log")


@pytest.fixture(name="paths")
def _paths():
    made = BootServer("no-namespace", boot_server_root=ROOT)
    try:
        own = [daemon[key] for daemon in made.value("boot_server__all_daemons") for key in ("conf", "pid_file")]
        return [*own, *(f"{ROOT}/{name}" for name in (*made.value("boot_server__rooms"), *FURTHER))]
    finally:
        made.close()


def test_each_path_has_one_type(paths):
    types = re.findall(r"^semanage fcontext -a -t (\w+) '(.*)'$", (ROLE / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = {path: [name for name, pattern in types if re.fullmatch(pattern, path)] for path in paths}
    assert {path: names for path, names in found.items() if len(names) != 1} == {}
