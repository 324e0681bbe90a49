# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What one boot server stands, and what caches take off it.

A thousand machines boot within a minute: DHCP over a relay, the boot loader by TFTP, scripts, kernel and initrd by HTTP, each from its own
address. Then the machines of two racks fetch an image, from the boot server itself and from a cache in each rack. dnsmasq and nginx are the
distribution's, with the configuration of the role boot_server, in network namespaces; the machines are simulated (tests/simulators).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import sys
import time

from support.figures import ROOT, figure, report

sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import node_files  # noqa: E402
from ansible_collections.rackwright.baremetal.tests.simulators.boot_client import inside  # noqa: E402
from ansible_collections.rackwright.baremetal.tests.simulators.boot_load import Load, Machine, fetch  # noqa: E402
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import boot_server, cable, ip, namespaces  # noqa: E402

COUNT = int(os.environ.get("RACKWRIGHT_BENCH_MACHINES", "1000"))
LATEST = 60  # seconds
SPREAD = 40  # of them, from the first machine's start to the last one's
INITRD = 1 << 20
IMAGE = 32 << 20
RACK = 20  # machines
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTUcq nobody@example.com"
SERVER, RELAY, NETWORK = "192.0.2.1", "198.18.0.1", "198.18.0.0/16"
RACKS = ("198.51.100", "203.0.113")


def machines(count):
    """Machines with addresses of NETWORK."""
    return [Machine(f"52:54:00:00:{number >> 8:02x}:{number & 255:02x}", f"198.18.{1 + (number >> 8)}.{number & 255}") for number in range(count)]


def storm():
    """A thousand machines at one boot server."""
    with namespaces("s", "c") as (server, client):
        cable((server, "eth0", f"{SERVER}/24"), (client, "eth0", "192.0.2.200/24"))
        ip("-n", server, "route", "add", NETWORK, "via", "192.0.2.200")
        ip("-n", client, "route", "add", "local", NETWORK, "dev", "lo")
        with boot_server(server, boot_server_further_networks=[{"network": NETWORK, "gateway": RELAY}]) as made:
            folder = made.root / "http/ramdisk/0123456789abcdef"
            folder.mkdir()
            (folder / "vmlinuz").write_bytes(os.urandom(INITRD // 8))
            (folder / "initrd.img").write_bytes(os.urandom(INITRD))
            fleet = machines(COUNT)
            url = f"http://{SERVER}:8080"
            for number, machine in enumerate(fleet):
                mac, nonce = node_files.hyphens(machine.mac), f"nonce-{number:08d}"
                node_files.present(
                    str(made.root), node=f"node{number}", mac=mac, address=machine.address, nonce=nonce, keys=[KEY], url=url,
                    arguments=node_files.boot_arguments(url, f"node{number}", mac, nonce, ""),
                    ramdisk={part: f"ramdisk/0123456789abcdef/{name}" for part, name in (("kernel", "vmlinuz"), ("initrd", "initrd.img"))})
            # Until dnsmasq has read them all.
            time.sleep(3)

            def paths(machine):
                mac, number = node_files.hyphens(machine.mac), fleet.index(machine)
                return ["/boot.ipxe", f"/node/{mac}/boot.ipxe", f"/ramdisk/0123456789abcdef/vmlinuz?mac={mac}&node=node{number}",
                        f"/ramdisk/0123456789abcdef/initrd.img?mac={mac}&node=node{number}", f"/node/{mac}/nonce-{number:08d}/authorized_keys"]

            seconds = inside(client, lambda: asyncio.run(Load(SERVER, RELAY).run(fleet, paths, SPREAD)))
            lives = all(made.pids().values())
    failed = [machine for machine in fleet if machine.failure]
    for machine in failed[:5]:
        print(f"{machine.mac} {machine.failure}", file=sys.stderr)
    found = [figure("machines that were refused or gave up", len(failed), "machines", 0), figure("from the first start to the last end", seconds, "s", LATEST),
             figure("requests by DHCP or TFTP that had to be repeated", sum(machine.repeated for machine in fleet), "requests"),
             figure("daemons that ended", 0 if lives else 1, "daemons", 0)]
    for stage in ("dhcp", "tftp", "http"):
        times = sorted(machine.seconds[stage] for machine in fleet if stage in machine.seconds)
        found += [figure(f"{stage}, median", 1000 * statistics.median(times), "ms"), figure(f"{stage}, 99 of 100", 1000 * times[len(times) * 99 // 100], "ms")]
    return found


def distribution(caches):
    """Two racks fetch an image.

    :param caches: whether each rack has its own.
    :returns: (bytes that left the boot server, bytes that reached machines, seconds).
    """
    with contextlib.ExitStack() as stack:
        origin, *racks = stack.enter_context(namespaces("o", "a", "b"))
        for number, (rack, net) in enumerate(zip(racks, RACKS)):
            cable((origin, f"eth{number}", f"{net}.1/24"), (rack, "eth0", f"{net}.2/24"))
            ip("-n", rack, "route", "add", f"{SERVER}/32", "via", f"{net}.1")
            ip("-n", rack, "route", "add", "local", f"{net}.64/26", "dev", "lo")
        ip("-n", origin, "address", "add", f"{SERVER}/32", "dev", "lo")
        addresses = [f"{net}.2" for net in RACKS]
        hosts = {f"cache{number}": {"boot_server_address": address} for number, address in enumerate(addresses)}
        made = stack.enter_context(boot_server(
            origin, boot_server_dhcp="none", groups={"boot_servers": ["boot1", *hosts]}, hostvars={"boot1": {"boot_server_address": SERVER}, **hosts}))
        folder = made.root / "http/images/debian-12/0123456789abcdef"
        folder.mkdir(parents=True)
        path = "/images/debian-12/0123456789abcdef/disk.raw.zst"
        with open(folder / "disk.raw.zst", "wb") as file:
            for dummy in range(IMAGE >> 20):
                file.write(os.urandom(1 << 20))
        servers = [SERVER, SERVER]
        if caches:
            servers = addresses
            for rack, net, address in zip(racks, RACKS, addresses):
                stack.enter_context(boot_server(
                    rack, boot_server_origin=f"http://{SERVER}:8080", boot_server_address=address, boot_server_network=f"{net}.0/24"))

        async def fill(net, server):
            return sum(await asyncio.gather(*(fetch(server, f"{net}.{64 + machine}", path) for machine in range(RACK))))

        started, got = time.monotonic(), 0
        for rack, net, server in zip(racks, RACKS, servers):
            got += inside(rack, lambda net=net, server=server: asyncio.run(fill(net, server)))
        seconds = time.monotonic() - started
        lines = (made.root / "log/http.log").read_text(encoding="utf-8").splitlines()
    return sum(json.loads(line)["bytes"] for line in lines), got, seconds


def main():
    """Measure and report."""
    found = storm()
    for caches, name in ((False, "one server"), (True, "a cache in each of two racks")):
        sent, got, seconds = distribution(caches)
        # What was fetched once for each rack, and no more; nothing is promised without caches.
        found += [figure(f"bytes that left the boot server, {name}", sent / 1e6, "MB", 2 * IMAGE / 1e6 if caches else None),
                  figure(f"bytes that {2 * RACK} machines got, {name}", got / 1e6, "MB"), figure(f"time, {name}", seconds, "s")]
    return report("boot_server", found)


if __name__ == "__main__":
    sys.exit(main())
