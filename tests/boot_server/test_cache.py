# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cache between the nodes of a rack and the boot server, and many machines at one boot server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import daemons, node_files
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import boot_server_info
from ansible_collections.rackwright.baremetal.tests.simulators import boot_client as wire
from ansible_collections.rackwright.baremetal.tests.simulators.boot_load import Load, Machine, fetch
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, cable, ip, namespaces

ORIGIN, CACHE = "192.0.2.1", "192.0.2.2"
IMAGE = "/images/debian-12/0123456789abcdef/disk.raw.zst"
SIZE = 20_000_001

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not all(shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") for tool in ("ip", "nginx", "dnsmasq")),
    reason="needs root, iproute2, nginx-light, dnsmasq-base")


@pytest.fixture(scope="module")
def rack():
    with contextlib.ExitStack() as stack:
        origin, cache = stack.enter_context(namespaces("o", "r"))
        cable((origin, "eth0", f"{ORIGIN}/24"), (cache, "eth0", f"{CACHE}/24"))
        hosts = {"boot1": {"boot_server_address": ORIGIN}, "cache1": {"boot_server_address": CACHE}}
        made = stack.enter_context(boot_server(origin, groups={"boot_servers": list(hosts)}, hostvars=hosts, boot_server_connections_per_client=1))
        made.cache = stack.enter_context(boot_server(cache, boot_server_address=CACHE, boot_server_origin=f"http://{ORIGIN}:8080"))
        made.content = os.urandom(SIZE)
        for name in (IMAGE, "/images/tenant/vmlinuz"):
            file = made.root / f"http{name}"
            file.parent.mkdir(parents=True)
            file.write_bytes(made.content)
        yield made


def sent(rack, least=0):
    """What the boot server sent; its log is written behind the answer, so less than this is waited for."""
    deadline = time.monotonic() + 20
    while True:
        found = sum(json.loads(line)["bytes"] for line in (rack.root / "log/http.log").read_text().splitlines())
        if found >= least or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def test_an_image_leaves_the_boot_server_once(rack):
    async def all_at_once():
        return await asyncio.gather(*(fetch(CACHE, CACHE, IMAGE) for dummy in range(5)))

    assert set(wire.inside(rack.cache.space, lambda: asyncio.run(all_at_once()))) == {SIZE}
    assert sent(rack, SIZE) == SIZE
    assert wire.http(rack.cache.space, CACHE, IMAGE) == (200, rack.content)
    assert wire.http(rack.cache.space, CACHE, IMAGE, headers=["Range: bytes=9000000-19999999"]) == (206, rack.content[9000000:20000000])
    assert sent(rack) == SIZE


def test_what_has_no_digest_in_its_path_is_asked_for_each_time(rack):
    for dummy in range(2):
        before = sent(rack)
        assert wire.http(rack.cache.space, CACHE, "/images/tenant/vmlinuz") == (200, rack.content)
        assert sent(rack, before + SIZE) == before + SIZE


@pytest.mark.parametrize("target", [
    "/boot.ipxe", "/node/52-54-00-00-02-11/boot.ipxe", "/ramdisk/current.json", "/images/../node", IMAGE + ".none", "/images/.x/y"])
def test_nothing_else_comes_from_a_cache(rack, target):
    assert wire.http(rack.cache.space, CACHE, target)[0] == 404
    assert wire.http(rack.cache.space, CACHE, target, method="PUT", body=b"x")[0] == 405


def test_an_image_is_there_when_the_boot_server_is_not(rack):
    wire.http(rack.cache.space, CACHE, IMAGE)
    nginx = rack.value("boot_server__daemons")[0]
    daemons.stop(nginx["pid_file"], nginx["conf"])
    assert wire.http(rack.cache.space, CACHE, IMAGE) == (200, rack.content)


def test_what_a_preflight_finds_of_a_cache(rack):
    params = {"root": str(rack.cache.root), "url": f"http://{CACHE}:8080", "image": None, "images": [], "cache": True}
    nginx = rack.cache.value("boot_server__daemons")[0]
    for status in ("ok", "fail"):
        checks = wire.inside(rack.cache.space, lambda: boot_server_info.run(Call(params=params)))["checks"]
        assert {item["check"]: item["status"] for item in checks} == {"daemons": status, "http": status, "images": "skipped"}
        daemons.stop(nginx["pid_file"], nginx["conf"])


def test_many_machines_boot_at_a_time():
    fleet = [Machine(f"52:54:00:00:03:{number:02x}", f"203.0.113.{number}") for number in range(2, 42)]
    with namespaces("s", "c") as (server, client):
        cable((server, "eth0", f"{ORIGIN}/24"), (client, "eth0", "192.0.2.200/24"))
        ip("-n", server, "route", "add", "203.0.113.0/24", "via", "192.0.2.200")
        ip("-n", client, "route", "add", "local", "203.0.113.0/24", "dev", "lo")
        with boot_server(server, boot_server_further_networks=[{"network": "203.0.113.0/24"}]) as made:
            for machine in fleet[1:]:
                (made.root / "dnsmasq/hosts.d" / machine.mac.replace(":", "-")).write_text(f"{machine.mac},{machine.address}\n")
            assert node_files.reload_reservations(made.root)
            wire.inside(client, lambda: asyncio.run(Load(ORIGIN, "203.0.113.1", (2, 4, 8)).run(fleet, lambda machine: ["/boot.ipxe"], 1)))
    # The one without a reservation.
    assert fleet[0].failure == "TimeoutError: no answer to DHCP"
    assert [machine.failure for machine in fleet[1:]] == [""] * 39 and all(set(machine.seconds) == {"dhcp", "tftp", "http"} for machine in fleet[1:])
