# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Foreign DHCP servers as they are: dnsmasq in network namespaces that are joined by one cable."""

from __future__ import annotations

import concurrent.futures
import contextlib
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.dhcp_servers import find_servers
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.dhcp_server_info import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.boot_server.conftest import MACS, OURS, THEIRS, run

SECONDS = 5


@contextlib.contextmanager
def dnsmasq(space, tmp_path, *more, addresses="192.0.2.50,192.0.2.59,255.255.255.0,2m"):
    """A DHCP server."""
    command = ["ip", "netns", "exec", space, "/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root",
               "--interface=eth0", "--bind-interfaces", "--no-ping", "--log-facility=-", f"--dhcp-range={addresses}", "--pid-file=",
               f"--dhcp-leasefile={tmp_path}/leases-{space}", *more]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if "sockets bound" in line:
                    break
            yield
        finally:
            process.kill()


def look(space, own=(OURS,), **options):
    params = {"interface": "eth0", "own": list(own), "mac": None, "netns": space, "timeout": SECONDS, **options}
    return DOOR.run(Call(params=params))


def test_nobody_answers(spaces):
    found = look(spaces[OURS])
    assert (found["servers"], found["checks"][0]["status"]) == ([], "ok")


def test_our_own_server_belongs_there(spaces, tmp_path):
    with dnsmasq(spaces[OURS], tmp_path, "--dhcp-boot=snponly.efi"):
        found = look(spaces[THEIRS])
        assert found["foreign"] == [] and found["checks"][0]["status"] == "ok" and not found["changed"]
        server, = found["servers"]
        assert (server["server"], server["mac"], server["heard"], server["own"]) == (OURS, MACS[OURS], "offer", True)
        assert server["offered"].startswith("192.0.2.5") and (server["boot_file"], server["next_server"]) == ("snponly.efi", OURS)
        assert look(spaces[THEIRS], own=())["foreign"] == [OURS]


def test_a_foreign_server_is_named(spaces, tmp_path):
    with dnsmasq(spaces[OURS], tmp_path), dnsmasq(spaces[THEIRS], tmp_path):
        found = look(spaces[OURS])
    check, = found["checks"]
    assert found["foreign"] == [THEIRS] and check["status"] == "fail" and check["cure"]
    assert THEIRS in check["seen"] and MACS[THEIRS] in check["seen"]


def test_a_proxy_server_is_heard_too(spaces, tmp_path):
    with dnsmasq(spaces[THEIRS], tmp_path, "--pxe-service=x86-64_EFI,boot,evil.efi", addresses="192.0.2.0,proxy"):
        found = look(spaces[OURS], mac="02:12:34:56:78:9a")
    assert found["foreign"] == [THEIRS]


def test_a_server_on_this_very_host_is_heard_when_it_answers_others(spaces, tmp_path):
    with dnsmasq(spaces[OURS], tmp_path), concurrent.futures.ThreadPoolExecutor(1) as other:
        asked = other.submit(find_servers, "eth0", SECONDS, netns=spaces[THEIRS])
        found = find_servers("eth0", SECONDS, netns=spaces[OURS], own=["192.0.2.99"])
        assert asked.result()
    assert [(server["server"], server["own"], server["heard"]) for server in found] == [(OURS, False, "offer")]


def test_what_is_wrong_is_told(spaces):
    run("ip", "-n", spaces[OURS], "link", "set", "eth0", "down")
    try:
        with pytest.raises(BaremetalError, match="eth0.*To do: bring the interface up"):
            look(spaces[OURS])
    finally:
        run("ip", "-n", spaces[OURS], "link", "set", "eth0", "up")
