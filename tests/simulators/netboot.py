# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What simulated machines boot: the ramdisk or a tenant's system where the boot server has boot files for them, else what is on their disk.

A machine is a directory of files below ``machines`` of the boot server's root: ``ADDRESS.json`` tells what runs there, and
``ADDRESS.disk`` is its disk, a sparse file. Where there is ``ADDRESS.slow``, its work goes on until it is stopped (``ADDRESS.stopped``).
The connection plugin connection/ssh.py answers for what runs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from pathlib import Path

# Of no secret key, and another one at each boot; what a real ramdisk reports has this form.
_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDummyKeyOfASimulatedMachine{:017d}"
# Seconds from the call of an installer to its end.
_LAST_STEPS = 2
# Bytes, as properties.local_gb of lab.py says.
DISK_SIZE = 8 << 30
_NONCE = re.compile(r"rackwright\.nonce=(\S+)")
# What a script of a tenant's system loads from the boot server.
_ANSWER = re.compile(r" url=http://\S+/([A-Za-z0-9_-]+)/preseed\.cfg ")
_TENANT = re.compile(r"http://[^/\s]+(/\S+\?mac=\S+&stage=\w+)")


def write(path, state):
    """Write what runs on a machine, whole or not at all."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(state), encoding="utf-8")
    fresh.replace(path)


class Netboot:
    """The boot of one machine.

    :param root: root of the boot server (boot_server_root).
    :param machine: a Machine; from then on its power decides what runs.
    :param seconds: how long a boot takes.
    """

    def __init__(self, root, machine, seconds=0.0):
        self._root = Path(root)
        self._machine = machine
        self._seconds = seconds
        self._booting = None
        self._mac = machine.mac(0).replace(":", "-")
        machine.watch = self.changed

    def changed(self, boot):
        """The machine booted something, or lost its power.

        :param boot: what the BMC made of the boot override, or None without power.
        """
        if self._booting:
            self._booting.cancel()
            self._booting = None
        self._runs(None)
        if boot is not None:
            self._booting = asyncio.get_running_loop().call_later(self._seconds, self._booted, boot)

    def _booted(self, boot):
        self._booting = None
        script = self._root / "http/node" / self._mac / "boot.ipxe"
        text = script.read_text(encoding="utf-8") if boot.get("target") == "Pxe" and script.exists() else ""
        found = _NONCE.search(text)
        if found:
            key = _HOST_KEY.format(time.time_ns() // 1000)
            self._runs("ramdisk", nonce=found[1], host_key=key)
            self._asks([f"/beacon/{self._mac}/{found[1]}/{stage}" for stage in ("ramdisk", f"ssh?hostkey={key.replace(' ', '%20')}")], 204)
        elif text:
            self._asks(_TENANT.findall(text), 200)
            answer = _ANSWER.search(text)
            self._runs("network" if not answer else "installer")
            if answer:
                self._install(answer[1])
        else:
            self._runs("disk")

    def _install(self, nonce):
        """What an installer does that finds its answer file."""
        file = self._root / "http/node" / self._mac / nonce / "preseed.cfg"
        with open(self._root / "machines" / f"{self._address()}.disk", "r+b") as disk:
            disk.write(json.dumps({"installed": file.read_text(encoding="utf-8")}).encode() + b"\0")
        self._asks([f"/beacon/{self._mac}/{nonce}/{stage}" for stage in ("installing", "installed")], 204)
        # Its last steps come after that call; then it switches the machine off.
        asyncio.get_running_loop().call_later(_LAST_STEPS, self._machine.switch_off)

    def _asks(self, uris, status):
        """What the log of the boot server gets."""
        with open(self._root / "log/http.log", "a", encoding="utf-8") as log:
            for uri in uris:
                log.write(json.dumps({"epoch": f"{time.time():.3f}", "uri": uri, "mac": self._mac, "client": self._address(), "status": status,
                                      "complete": "OK"}) + "\n")

    def _address(self):
        """The address that DHCP gives the machine, or None."""
        host = self._root / "dnsmasq/hosts.d" / self._mac
        return host.read_text(encoding="utf-8").splitlines()[1].split(",")[1] if host.exists() else None

    def _runs(self, what, **more):
        address = self._address()
        if address is None:
            return
        machines = self._root / "machines"
        disk = machines / f"{address}.disk"
        if not disk.exists():
            disk.touch()
            os.truncate(disk, DISK_SIZE)
        (machines / f"{address}.stopped").unlink(missing_ok=True)
        write(machines / f"{address}.json", {"runs": what, "serial": self._machine.serial, "mac": self._machine.mac(0), **more})
