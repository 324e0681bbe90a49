# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this machine is: SMBIOS identity, firmware, processor, memory and network interfaces.

Everything comes from sysfs and procfs, addresses from ip(8). The keys follow Ironic's inventory
where it has them.
"""

from __future__ import annotations

import json
import os
import platform

from .commands import find_tool, run
from .interlock import kernel_arguments, normal_mac

MIB = 1024 ** 2


def read_text(path):
    """Return the text of a file without surrounding blanks; None when empty or unreadable."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace").strip() or None
    except OSError:
        return None


def boot_mode(*, sysfs="/sys"):
    """Return "uefi" or "bios": how the running kernel was started."""
    return "uefi" if os.path.isdir(os.path.join(sysfs, "firmware/efi")) else "bios"


def system(*, sysfs="/sys"):
    """Return {uuid, serial, manufacturer, product} of SMBIOS; the UUID is lower case."""
    dmi = os.path.join(sysfs, "class/dmi/id")
    uuid = read_text(os.path.join(dmi, "product_uuid"))
    return {
        "uuid": uuid.lower() if uuid else None,
        "serial": read_text(os.path.join(dmi, "product_serial")),
        "manufacturer": read_text(os.path.join(dmi, "sys_vendor")),
        "product": read_text(os.path.join(dmi, "product_name")),
    }


def bios(*, sysfs="/sys"):
    """Return {vendor, version, date} of the firmware."""
    dmi = os.path.join(sysfs, "class/dmi/id")
    return {key: read_text(os.path.join(dmi, "bios_" + key)) for key in ("vendor", "version", "date")}


def boot(*, sysfs="/sys", cmdline="/proc/cmdline"):
    """Return {current_boot_mode, pxe_interface}; the latter is the MAC address given as BOOTIF.

    pxelinux and iPXE write BOOTIF with the hardware type in front: 01-52-54-00-12-34-56.
    """
    address = normal_mac(kernel_arguments(cmdline).get("BOOTIF") or "")
    if address.count(":") == 6:
        address = address[3:]
    return {"current_boot_mode": boot_mode(sysfs=sysfs), "pxe_interface": address or None}


def cpu(*, proc="/proc"):
    """Return {architecture, count, model_name, flags, socket_count} of the processors."""
    records = []
    for block in (read_text(os.path.join(proc, "cpuinfo")) or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        record = {name.strip(): value.strip() for name, _colon, value in pairs}
        if "processor" in record:
            records.append(record)
    first = records[0] if records else {}
    sockets = {record["physical id"] for record in records if "physical id" in record}
    return {
        "architecture": platform.machine(),
        "count": len(records),
        "model_name": first.get("model name"),
        # x86 says "flags", ARM says "Features".
        "flags": (first.get("flags") or first.get("Features") or "").split(),
        "socket_count": len(sockets) or 1,
    }


def memory(*, sysfs="/sys", proc="/proc"):
    """Return {total, physical_mb}: bytes that the kernel has, and MiB that the machine has.

    physical_mb counts memory blocks that are online; it is None where the kernel shows none.
    """
    total = None
    for line in (read_text(os.path.join(proc, "meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            total = int(line.split()[1]) * 1024
    base = os.path.join(sysfs, "devices/system/memory")
    size = read_text(os.path.join(base, "block_size_bytes"))
    blocks = [name for name in _listdir(base) if name[:6] == "memory" and name[6:].isdigit()]
    online = sum(read_text(os.path.join(base, name, "online")) == "1" for name in blocks)
    physical = online * int(size, 16) // MIB if size and online else None
    return {"total": total, "physical_mb": physical}


def interfaces(*, sysfs="/sys", runner=run):
    """List the machine's hardware NICs, ordered by name.

    Each is {name, mac_address, has_carrier (bool), speed_mbps (int or None), driver, vendor,
    product (PCI identifiers), pci_address, ipv4_address, ipv6_address (str or None)}.
    """
    base = os.path.join(sysfs, "class/net")
    addresses = _addresses(runner)
    found = []
    for name in _listdir(base):
        place = os.path.join(base, name)
        device = os.path.join(place, "device")
        if not os.path.exists(device):
            continue
        address = read_text(os.path.join(place, "address"))
        # Reading the speed of an interface that is down is an error, virtio says -1.
        speed = read_text(os.path.join(place, "speed"))
        driver = os.path.join(device, "driver")
        real = os.path.basename(os.path.realpath(device))
        found.append(
            {
                "name": name,
                "mac_address": address.lower() if address else None,
                "has_carrier": read_text(os.path.join(place, "carrier")) == "1",
                "speed_mbps": int(speed) if speed and speed.isdigit() else None,
                "driver": os.path.basename(os.path.realpath(driver)) if os.path.exists(driver) else None,
                "vendor": read_text(os.path.join(device, "vendor")),
                "product": read_text(os.path.join(device, "device")),
                "pci_address": real if real.count(":") == 2 else None,
                "ipv4_address": addresses.get((name, "inet")),
                "ipv6_address": addresses.get((name, "inet6")),
            }
        )
    return found


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


def _listdir(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
