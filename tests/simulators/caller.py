# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated machines that nobody knows, which boot the ramdisk of the discovery and call in.

    python -m ansible_collections.rackwright.baremetal.tests.simulators.caller SITE COUNT

has as many of them call in at a site of ``lab.py``, where the discovery is opened for them.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import discovery

from .machine import Machine

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDummyKeyOfASimulatedMachine00000000000000000"


class Caller:
    """A machine in the ramdisk of the discovery.

    :param boot_root: root directory of the boot server, a Path.
    :param number: of the machine, counted from 1; it decides address, MAC address and serial number.
    :param bmc: address of its BMC, as the machine sees it.
    """

    def __init__(self, boot_root, number, *, serial=None, mac=None, bmc=None):
        machine = Machine(number - 1)
        self.address, self.mac, self.serial = f"198.18.9.{number}", mac or machine.mac(0), serial or machine.serial
        self._file, self._boot_root = boot_root / "machines" / f"{self.address}.json", boot_root
        self._hardware = {
            "system": {"serial": self.serial, "uuid": None}, "interfaces": [{"mac_address": self.mac, "permanent_mac": None}],
            "bmc": {"address": bmc, "v6address": None, "mac": None}, "boot": {"current_boot_mode": "uefi", "pxe_interface": self.mac}}

    def call(self):
        """Say that the ramdisk is up, and how to log in."""
        nonce = discovery.read(self._boot_root)["nonce"]
        (self._boot_root / "machines" / f"{self.address}.disk").touch()
        self._file.write_text(json.dumps({"runs": "ramdisk", "serial": self.serial, "mac": self.mac, "nonce": nonce,
                                          "hardware": {**self._hardware, "nonce": nonce}}))
        hyphens, now = self.mac.replace(":", "-"), time.time()
        with open(self._boot_root / "log/dnsmasq.log", "a", encoding="utf-8") as log:
            log.write(time.strftime(f"%b %e %H:%M:%S dnsmasq-dhcp[7]: DHCPACK(eth0) {self.address} {self.mac}\n", time.gmtime(now)))
        self._log(f"/beacon/{hyphens}/{nonce}/ssh?hostkey={HOST_KEY.replace(' ', '%20')}", now)

    def leave(self):
        """What a real one calls before it is switched off."""
        self._log(f"/beacon/{self.mac.replace(':', '-')}/{discovery.read(self._boot_root)['nonce']}/gone", time.time())

    def _log(self, uri, now):
        with open(self._boot_root / "log/http.log", "a", encoding="utf-8") as log:
            log.write(json.dumps({"epoch": f"{now:.3f}", "uri": uri, "mac": self.mac.replace(":", "-"), "client": self.address, "status": 204,
                                  "complete": "OK"}) + "\n")

    def runs(self):
        """What the machine runs: ramdisk or None."""
        return json.loads(self._file.read_text())["runs"]


def opened(directory):
    """Open the discovery of a site.

    :param directory: of the site, a Path.
    :returns: root directory of its boot server.
    """
    root = directory / "boot"
    discovery.opened(str(root), url="http://192.0.2.1:8080", addresses="198.18.9.1-198.18.9.99", network="198.18.0.0/15",
                     keys=[(directory / "id_ed25519.pub").read_text().strip()])
    return root


if __name__ == "__main__":
    place = opened(Path(sys.argv[1]))
    for one in range(1, int(sys.argv[2]) + 1):
        Caller(place, one, bmc=f"198.51.100.{one}").call()
