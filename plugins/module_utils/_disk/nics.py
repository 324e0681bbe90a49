# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine's hardware NICs: identity, link, driver, firmware, addresses, and what is at the other end of the cable."""

from __future__ import annotations

import array
import fcntl
import json
import os
import socket
import struct

from .buses import driver
from .commands import find_tool, run
from .system import listdir, read_text

# linux/sockios.h and linux/ethtool.h.
SIOCETHTOOL = 0x8946
ETHTOOL_GDRVINFO = 0x3
ETHTOOL_GPERMADDR = 0x20
_DRIVER_INFO = struct.Struct("I32s32s32s32s32s12s5I")


def interfaces(*, sysfs="/sys", runner=run, ethtool=None):
    """List the machine's hardware NICs, ordered by name.

    ethtool: function of a name that returns {permanent_mac, firmware_version}; that of the kernel unless tests put their own.
    Each is {name, mac_address, permanent_mac, has_carrier (bool), speed_mbps (int or None), driver, firmware_version, vendor,
    product (PCI identifiers), pci_address, ipv4_address, ipv6_address (str or None)}.
    """
    base = os.path.join(sysfs, "class/net")
    addresses = _addresses(runner)
    found = []
    for name in listdir(base):
        place = os.path.join(base, name)
        device = os.path.join(place, "device")
        if not os.path.exists(device):
            continue
        address = read_text(os.path.join(place, "address"))
        # Reading the speed of an interface that is down is an error, virtio says -1.
        speed = read_text(os.path.join(place, "speed"))
        found.append(
            {
                "name": name,
                "mac_address": address.lower() if address else None,
                "has_carrier": read_text(os.path.join(place, "carrier")) == "1",
                "speed_mbps": int(speed) if speed and speed.isdigit() else None,
                "driver": driver(device),
                "vendor": read_text(os.path.join(device, "vendor")),
                "product": read_text(os.path.join(device, "device")),
                "pci_address": _pci_address(device),
                "ipv4_address": addresses.get((name, "inet")),
                "ipv6_address": addresses.get((name, "inet6")),
                **(ethtool or ask_ethtool)(name),
            }
        )
    return found


def ask_ethtool(name):
    """Return {permanent_mac, firmware_version} of an interface from the kernel; None for what it does not tell."""
    info = _ethtool(name, _DRIVER_INFO.pack(ETHTOOL_GDRVINFO, *[b""] * 6, *[0] * 5))
    firmware = _DRIVER_INFO.unpack(info)[3].partition(b"\0")[0].decode("utf-8", "replace").strip() if info else ""
    answer = _ethtool(name, struct.pack("II32s", ETHTOOL_GPERMADDR, 32, b""))
    return {"permanent_mac": permanent_mac(answer), "firmware_version": None if firmware in ("", "N/A", "n/a") else firmware}


def permanent_mac(answer):
    """Return the MAC address in an answer to ETHTOOL_GPERMADDR (bytes); None when there is none, or only zeros."""
    if not answer:
        return None
    _command, size, data = struct.unpack("II32s", answer)
    if size != 6 or not any(data[:6]):
        return None
    return ":".join("%02x" % byte for byte in data[:6])


def _ethtool(name, request):
    """Send a request to the kernel and return the buffer it filled in; None where the driver does not know the request."""
    buffer = array.array("B", request)
    # struct ifreq: the name and, here, a pointer, in 40 bytes.
    ifreq = struct.pack("16sP16x", name.encode(), buffer.buffer_info()[0])
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, SIOCETHTOOL, ifreq)
    except OSError:
        return None
    return buffer.tobytes()


def _pci_address(device):
    """The PCI address of a NIC whose device is not on PCI itself, such as virtio; None when nothing above it is."""
    path = os.path.realpath(device)
    while path not in ("/", ""):
        name = os.path.basename(path)
        if name.count(":") == 2 and "." in name:
            return name
        path = os.path.dirname(path)
    return None


def _addresses(runner):
    """Return {(interface, family): first global address}; {} where ip(8) is not installed."""
    if find_tool("ip") is None:
        return {}
    found = {}
    for link in json.loads(runner(["ip", "-json", "address", "show"], stage="interfaces") or b"[]"):
        for entry in link.get("addr_info", []):
            if entry.get("scope") == "global":
                found.setdefault((link.get("ifname"), entry.get("family")), entry.get("local"))
    return found
