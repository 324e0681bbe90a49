# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What this machine is: SMBIOS identity, firmware, boot, processor and memory.

Everything comes from sysfs and procfs. The keys follow Ironic's inventory where it has them.
"""

from __future__ import annotations

import os
import platform

from .interlock import kernel_arguments, normal_mac

MIB = 1024 ** 2
SECURE_BOOT = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


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
    """Return {current_boot_mode, secure_boot, pxe_interface}.

    secure_boot is None where the firmware does not say. pxe_interface is the MAC address given as BOOTIF: pxelinux and iPXE write it with
    the hardware type in front, 01-52-54-00-12-34-56.
    """
    address = normal_mac(kernel_arguments(cmdline).get("BOOTIF") or "")
    if address.count(":") == 6:
        address = address[3:]
    return {"current_boot_mode": boot_mode(sysfs=sysfs), "secure_boot": _secure_boot(sysfs), "pxe_interface": address or None}


def _secure_boot(sysfs):
    """The EFI variable SecureBoot: four bytes of attributes, then 0 or 1 (UEFI specification 2.10, 3.3)."""
    try:
        with open(os.path.join(sysfs, SECURE_BOOT), "rb") as stream:
            value = stream.read()
    except OSError:
        return None
    return value[4] == 1 if len(value) == 5 else None


def cpu(*, sysfs="/sys", proc="/proc"):
    """Return {architecture, count, model_name, vendor, frequency, microcode, flags, socket_count} of the processors.

    frequency: the highest, in MHz, or None. socket_count: the packages that the kernel sees.
    """
    records = []
    for block in (read_text(os.path.join(proc, "cpuinfo")) or "").split("\n\n"):
        pairs = (line.partition(":") for line in block.splitlines())
        record = {name.strip(): value.strip() for name, _colon, value in pairs}
        if "processor" in record:
            records.append(record)
    first = records[0] if records else {}
    cpus = os.path.join(sysfs, "devices/system/cpu")
    # ARM tells packages here alone; -1 is what it says when its firmware does not tell.
    sockets = {read_text(os.path.join(cpus, name, "topology/physical_package_id")) for name in listdir(cpus)} - {None, "-1"}
    sockets = sockets or {record["physical id"] for record in records if "physical id" in record}
    frequency = read_text(os.path.join(cpus, "cpu0/cpufreq/cpuinfo_max_freq"))
    return {
        "architecture": platform.machine(),
        "count": len(records),
        "model_name": first.get("model name"),
        "vendor": first.get("vendor_id") or first.get("CPU implementer"),
        "frequency": int(frequency) // 1000 if frequency and frequency.isdigit() else None,
        "microcode": first.get("microcode"),
        # x86 says "flags", ARM says "Features".
        "flags": (first.get("flags") or first.get("Features") or "").split(),
        "socket_count": len(sockets) or 1,
    }


def memory(modules=(), *, sysfs="/sys", proc="/proc"):
    """Return {total, physical_mb}: bytes that the kernel has, and MiB that the machine has.

    modules: the memory modules that SMBIOS tells of (see smbios.decode). Where it tells of none, physical_mb counts memory blocks that are
    online; it is None where the kernel shows none of them either.
    """
    total = None
    for line in (read_text(os.path.join(proc, "meminfo")) or "").splitlines():
        if line.startswith("MemTotal:"):
            total = int(line.split()[1]) * 1024
    # Of non-volatile modules that are storage the kernel makes disks.
    physical = sum(module["size_mb"] or 0 for module in modules if module["type"] != "Logical non-volatile device")
    if not physical:
        base = os.path.join(sysfs, "devices/system/memory")
        size = read_text(os.path.join(base, "block_size_bytes"))
        blocks = [name for name in listdir(base) if name[:6] == "memory" and name[6:].isdigit()]
        online = sum(read_text(os.path.join(base, name, "online")) == "1" for name in blocks)
        physical = online * int(size, 16) // MIB if size else 0
    return {"total": total, "physical_mb": physical or None}


def listdir(path):
    """Return the names in a directory, sorted; [] when it is unreadable."""
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
