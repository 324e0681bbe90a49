# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses of this machine's own BMC, asked for from inside with ipmitool."""

from __future__ import annotations

import glob
import os
import re

from .._errors import BaremetalError
from .commands import find_tool, run

# LAN channels that a BMC may have (IPMI 2.0, 6.3); 0xf and 0xe mean the channel in use, which the system interface has none of.
CHANNELS = range(1, 12)
STAGE = "BMC address"


def addresses(*, dev="/dev", interface=None, runner=run):
    """Return {address, v6address, mac}, of the first channel that has any; None for what is not known.

    interface: whether the firmware says that there is a BMC; then the driver that gives it a device is loaded if need be. Without a
    device, ipmitool or an answer nothing is known, which is no error: many machines have no BMC that their system can reach.
    """
    nothing = {"address": None, "v6address": None, "mac": None}
    if find_tool("ipmitool") is None:
        return nothing
    if interface and not _device(dev):
        _quietly(runner, ["modprobe", "--all", "--quiet", "ipmi_si", "ipmi_ssif", "ipmi_devintf"])
    if not _device(dev):
        return nothing
    for channel in CHANNELS:
        found = lan_print(_quietly(runner, ["ipmitool", "lan", "print", str(channel)]))
        found["v6address"] = lan6_print(_quietly(runner, ["ipmitool", "lan6", "print", str(channel)])) if found["mac"] else None
        if found["address"] or found["v6address"]:
            return found
    return nothing


def lan_print(text):
    """Return {address, mac} from what ``ipmitool lan print`` wrote; 0.0.0.0 and a MAC address of zeros count as none."""
    address = re.search(r"^IP Address\s*:\s*(\d+\.\d+\.\d+\.\d+)\s*$", text, re.M)
    mac = re.search(r"^MAC Address\s*:\s*([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5})\s*$", text, re.M)
    address = address.group(1) if address else None
    mac = mac.group(1).lower() if mac else None
    return {"address": None if address == "0.0.0.0" else address, "mac": mac if mac and mac.strip("0:") else None}


def lan6_print(text):
    """Return the first IPv6 address in what ``ipmitool lan6 print`` wrote, or None; link-local ones and :: count as none."""
    for address in re.findall(r"^\s*Address\s*:\s*([0-9A-Fa-f:.]+)(?:/\d+)?\s*$", text, re.M):
        if ":" in address and address != "::" and not address.lower().startswith("fe80:"):
            return address.lower()
    return None


def _device(dev):
    return any(glob.glob(os.path.join(dev, pattern)) for pattern in ("ipmi[0-9]*", "ipmi/[0-9]*", "ipmidev/[0-9]*"))


def _quietly(runner, argv):
    """What a program wrote, as text; nothing when it failed: a channel that is not there is an error of ipmitool."""
    try:
        # A BMC that is busy takes seconds, one that hangs takes for ever.
        return runner(argv, stage=STAGE, timeout=20).decode("utf-8", "replace")
    except BaremetalError:
        return ""
