# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What hangs on the machine's buses, and how its memory is divided: PCI, USB, NUMA, TPM. All of it from sysfs.

Names of keys are those of the collectors pci-devices, usb-devices and numa-topology of Ironic's inspection.
"""

from __future__ import annotations

import os
import re

from .system import listdir, read_text


def pci_devices(*, sysfs="/sys"):
    """List the PCI devices, by address.

    Each is {bus (its address), vendor_id, product_id, class, subsystem_vendor_id, subsystem_product_id, revision (hex digits without 0x,
    or None), driver (str or None), numa_node (int or None)}.
    """
    base = os.path.join(sysfs, "bus/pci/devices")
    found = []
    for address in listdir(base):
        place = os.path.join(base, address)
        node = read_text(os.path.join(place, "numa_node"))
        found.append(
            {
                "bus": address,
                "vendor_id": _hex(place, "vendor"),
                "product_id": _hex(place, "device"),
                "class": _hex(place, "class"),
                "subsystem_vendor_id": _hex(place, "subsystem_vendor"),
                "subsystem_product_id": _hex(place, "subsystem_device"),
                "revision": _hex(place, "revision"),
                "driver": driver(place),
                # -1 where the firmware does not say.
                "numa_node": int(node) if node and node.isdigit() else None,
            }
        )
    return found


def usb_devices(*, sysfs="/sys"):
    """List the USB devices, by port, without root hubs.

    Each is {handle (its port, such as 1-1.4), vendor_id, product_id, class, vendor, product, serial (str or None)}.
    """
    base = os.path.join(sysfs, "bus/usb/devices")
    found = []
    for port in listdir(base):
        # 1-1:1.0 is an interface of a device, usb1 a root hub.
        if not re.match(r"^\d+-[\d.]+$", port):
            continue
        place = os.path.join(base, port)
        keys = {"vendor_id": "idVendor", "product_id": "idProduct", "class": "bDeviceClass", "vendor": "manufacturer", "product": "product",
                "serial": "serial"}
        found.append({"handle": port, **{key: read_text(os.path.join(place, name)) for key, name in keys.items()}})
    return found


def numa_topology(interfaces, *, sysfs="/sys"):
    """Return {ram: [{numa_node, size_kb}], cpus: [{cpu, numa_node, thread_siblings}], nics: [{name, numa_node}]}.

    interfaces: the names of the NICs that count. cpus are cores: cpu is the core's number within its node.
    """
    base = os.path.join(sysfs, "devices/system/node")
    ram, cores, nics = [], {}, []
    for entry in sorted(listdir(base), key=lambda name: (len(name), name)):
        if not re.match(r"^node\d+$", entry):
            continue
        node, place = int(entry[4:]), os.path.join(base, entry)
        size = re.search(r"MemTotal:\s+(\d+) kB", read_text(os.path.join(place, "meminfo")) or "")
        ram.append({"numa_node": node, "size_kb": int(size.group(1)) if size else None})
        for thread in numbers(read_text(os.path.join(place, "cpulist"))):
            topology = os.path.join(sysfs, "devices/system/cpu/cpu%d/topology" % thread)
            package, core = (read_text(os.path.join(topology, name)) for name in ("physical_package_id", "core_id"))
            # Offline processors have no topology.
            if core and core.isdigit():
                one = cores.setdefault((node, package, int(core)), {"cpu": int(core), "numa_node": node, "thread_siblings": []})
                one["thread_siblings"].append(thread)
    for name in interfaces:
        node = read_text(os.path.join(sysfs, "class/net", name, "device/numa_node"))
        nics.append({"name": name, "numa_node": int(node) if node and node.isdigit() else None})
    return {"ram": ram, "cpus": [cores[key] for key in sorted(cores, key=lambda key: (key[0], key[1] or "", key[2]))], "nics": nics}


def tpm(*, sysfs="/sys"):
    """Return {present (bool), version}; version is "2.0", "1.2" or None where the kernel does not say.

    tpm_version_major is there from Linux 5.6 on; TPM 1.2 had the file caps before.
    """
    place = os.path.join(sysfs, "class/tpm/tpm0")
    if not os.path.isdir(place):
        return {"present": False, "version": None}
    caps = re.search(r"TCG version: (\S+)", read_text(os.path.join(place, "device/caps")) or "")
    version = {"1": "1.2", "2": "2.0"}.get(read_text(os.path.join(place, "tpm_version_major")))
    return {"present": True, "version": version or (caps.group(1) if caps else None)}


def numbers(text):
    """Return the numbers of a kernel list such as 0-3,8; [] of None or of anything else."""
    found = []
    for part in (text or "").split(","):
        first, _dash, last = part.strip().partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            found += range(int(first), int(last or first) + 1)
    return found


def driver(place):
    """Return the name of the kernel driver of a device, given its directory in sysfs; None without one."""
    link = os.path.join(place, "driver")
    return os.path.basename(os.path.realpath(link)) if os.path.exists(link) else None


def _hex(place, name):
    text = read_text(os.path.join(place, name))
    return text[2:].lower() if text and text.startswith("0x") else text
