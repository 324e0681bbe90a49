# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hardware of a machine as its BMC tells it, in the form of an inspection in-band (docs/hardware.schema.json).

Property names: DSP0268. Parsers take JSON as it came; what is missing or of the wrong type is None.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re

from .._errors import BaremetalError
from .connection import BmcUnreachable
from .redfish_members import readable, resources
from .redfish_service import path_of
from .tolerant import dig, number, objects, text

_ARCHITECTURES = {"x86-64": "x86_64", "x86": "i686", "arm-a64": "aarch64", "arm-a32": "armv7l", "powerisa": "ppc64le", "ia-64": "ia64",
                  "risc-v": "riscv64"}
_TRANSPORTS = {"pcie": "nvme", "nvme": "nvme", "sata": "sata", "sas": "sas", "fc": "fc", "iscsi": "iscsi", "usb": "usb", "tcp": "nvme-tcp",
               "roce": "nvme-rdma", "rocev2": "nvme-rdma", "nvmeoverfabrics": "nvme-rdma"}
_TPM = {"tpm1_2": "1.2", "tpm2_0": "2.0"}
_BOOT_MODES = {"uefi": "uefi", "legacy": "bios"}
_NOT_THERE = ("Absent", "UnavailableOffline", "Disabled")


def hardware(service, system, identity, nics, bmc_ports):
    """Everything that can be put together for one machine.

    :param service: a RedfishService.
    :param system: JSON object of the system.
    :param identity: what the part ``identity`` tells.
    :param nics: what the part ``nics`` tells.
    :param bmc_ports: what the part ``bmc_ports`` tells.
    :returns: dict as hardware.schema.json describes it, without what only the machine itself knows. A collection that the BMC cannot send
        costs what is in it and nothing else.
    :raises BmcLost: when the BMC does not answer any more.
    """
    left_out = []

    def read(function, *arguments):
        try:
            return function(service, system, *arguments)
        except BmcUnreachable:
            raise
        except BaremetalError as error:
            service.log(f"left out: {error}")
            left_out.append(error)
            return []

    processors = [item for item in read(_members, "Processors") if text(item.get("ProcessorType")) in ("CPU", None)]
    modules = [memory_module(item) for item in read(_members, "Memory")]
    modules = [module for module in modules if module["size_mb"]]
    drives = read(_drives) or read(_simple_drives)
    if left_out:
        # Some answer 500 for what they do not have; one that is really gone says so now.
        service.get(path_of(system))
    return {
        "hostname": identity["hostname"],
        "nonce": None,
        # Where the serial number is that of the board, the machine itself knows the service tag.
        "system": {"uuid": identity["system_uuid"], "serial": identity["service_tag"] or identity["serial"],
                   "manufacturer": identity["manufacturer"], "product": identity["model"]},
        "bios": {"vendor": None, "version": identity["bios_version"], "date": None},
        "boot": {"current_boot_mode": _BOOT_MODES.get((text(dig(system, "Boot", "BootSourceOverrideMode")) or "").lower()), "secure_boot": None,
                 "pxe_interface": None},
        "cpu": cpu(system, processors),
        "memory": {"total": None, "physical_mb": sum(module["size_mb"] for module in modules) or _mebibytes(dig(system, "MemorySummary"))},
        "disks": drives,
        "interfaces": [interface(nic) for nic in nics],
        "dmi": {
            "system": {}, "board": {}, "chassis": {},
            "processors": [processor(item) for item in processors],
            # How many slots are empty, not every BMC tells.
            "memory_slots": None,
            "memory_modules": modules,
            "bmc_interface": None,
        },
        "tpm": tpm(system),
        "bmc": bmc(bmc_ports),
    }


def _members(service, resource, name):
    """The resources of a collection that the machine has; those of empty sockets and slots are left out."""
    found = resources(service, path_of(resource.get(name)))
    return [item for item in found if text(dig(item, "Status", "State")) not in _NOT_THERE]


def _whole(value):
    found = number(value)
    return int(found) if found is not None and found > 0 else None


def _mebibytes(summary):
    found = number(dig(summary, "TotalSystemMemoryGiB"))
    return int(found * 1024) if found is not None and found > 0 else None


def cpu(system, processors):
    """The processors of a system together.

    :param processors: JSON objects of its processors.
    """
    first = processors[0] if processors else {}
    threads = sum(_whole(item.get("TotalThreads")) or 0 for item in processors)
    architecture = text(first.get("InstructionSet")) or ""
    return {
        "architecture": _ARCHITECTURES.get(architecture.lower()),
        "count": threads or _whole(dig(system, "ProcessorSummary", "LogicalProcessorCount")),
        "model_name": text(first.get("Model")) or text(dig(system, "ProcessorSummary", "Model")),
        "vendor": text(first.get("Manufacturer")),
        "frequency": _whole(first.get("MaxSpeedMHz")),
        "microcode": text(dig(first, "ProcessorId", "MicrocodeInfo")),
        "flags": [],
        "socket_count": len(processors) or _whole(dig(system, "ProcessorSummary", "Count")),
    }


def processor(item):
    """One processor, as SMBIOS would tell it."""
    return {
        "socket": text(item.get("Socket")) or text(item.get("Id")),
        "manufacturer": text(item.get("Manufacturer")),
        "model": text(item.get("Model")),
        "serial": text(item.get("SerialNumber")),
        "part_number": text(item.get("PartNumber")),
        "cores": _whole(item.get("TotalCores")),
        "threads": _whole(item.get("TotalThreads")),
        "max_speed_mhz": _whole(item.get("MaxSpeedMHz")),
    }


def memory_module(item):
    """One memory module, as SMBIOS would tell it."""
    return {
        "slot": text(item.get("DeviceLocator")) or text(item.get("Name")) or text(item.get("Id")),
        "bank": text(item.get("BankLocator")),
        "size_mb": _whole(item.get("CapacityMiB")),
        "type": text(item.get("MemoryDeviceType")),
        "speed_mts": max([_whole(speed) or 0 for speed in _list(item.get("AllowedSpeedsMHz"))], default=0) or None,
        "configured_speed_mts": _whole(item.get("OperatingSpeedMhz")),
        "manufacturer": text(item.get("Manufacturer")),
        "serial": text(item.get("SerialNumber")),
        "part_number": text(item.get("PartNumber")),
        "asset_tag": None,
        "rank": _whole(item.get("RankCount")),
    }


def _list(value):
    return value if isinstance(value, list) else []


def _drives(service, system):
    """The drives behind the storage controllers of a system, by name."""
    found = {}
    for storage in resources(service, path_of(system.get("Storage"))):
        for path in filter(None, map(path_of, objects(storage.get("Drives")))):
            if path not in found:
                found[path] = readable(service, path)
    return _disks(item for item in found.values() if item is not None)


def _simple_drives(service, system):
    """The devices of a system's simple storage, by name."""
    return _disks(device for item in resources(service, path_of(system.get("SimpleStorage"))) for device in objects(item.get("Devices")))


def _disks(items):
    found = [drive(item) for item in items if text(dig(item, "Status", "State")) not in _NOT_THERE]
    return sorted((item for item in found if item["size"]), key=lambda item: item["name"] or "")


def drive(item):
    """One drive. What the system that runs makes of it, its kernel name and what is on it, the BMC does not know."""
    media = (text(item.get("MediaType")) or "").lower()
    wwn = _wwn(item)
    block = _whole(item.get("BlockSizeBytes"))
    return {
        "name": text(item.get("Name")) or text(item.get("Id")),
        "type": "disk",
        "size": _whole(item.get("CapacityBytes")) or 0,
        "model": text(item.get("Model")),
        "vendor": text(item.get("Manufacturer")),
        "serial": text(item.get("SerialNumber")),
        "serial_long": None,
        # The first 64 bits; what is longer has the vendor's extension behind them.
        "wwn": wwn[:18] if wwn and wwn.startswith("0x") else wwn,
        "wwn_with_extension": wwn,
        "wwn_vendor_extension": None,
        "hctl": None,
        "by_path": None,
        "tran": _TRANSPORTS.get((text(item.get("Protocol")) or "").lower()),
        "rotational": {"hdd": True, "smr": True, "ssd": False}.get(media),
        "logical_sectors": block,
        "physical_sectors": None,
        "read_only": None,
        "removable": None,
        "partitions": [],
        "mountpoints": [],
        "holders": [],
        "in_use": None,
    }


def _wwn(item):
    """The NAA or EUI-64 identifier of a drive, as lsblk would write it."""
    for identifier in objects(item.get("Identifiers")):
        digits = re.sub(r"[:\s-]", "", (text(identifier.get("DurableName")) or "").lower()).removeprefix("naa.").removeprefix("eui.").removeprefix("0x")
        form = text(identifier.get("DurableNameFormat"))
        if form in ("NAA", "EUI") and re.fullmatch(r"[0-9a-f]{16}([0-9a-f]{16})?", digits):
            return ("eui." if form == "EUI" else "0x") + digits
    return None


def interface(nic):
    """One of the machine's network interfaces.

    :param nic: an entry of the part ``nics``.
    """
    mac = nic["mac"] if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", nic["mac"] or "") else None
    return {
        "name": nic["id"] or nic["name"],
        "mac_address": mac,
        "permanent_mac": mac,
        "has_carrier": {"up": True, "down": False}.get(nic["link"]),
        "speed_mbps": _whole(nic["speed_mbps"]),
        "driver": None,
        "firmware_version": None,
        "vendor": None,
        "product": None,
        "pci_address": None,
        "ipv4_address": None,
        "ipv6_address": None,
    }


def tpm(system):
    """The trusted platform module of a system."""
    modules = [item for item in objects(system.get("TrustedModules")) if text(dig(item, "Status", "State")) not in _NOT_THERE]
    if system.get("TrustedModules") is None:
        return {"present": None, "version": None}
    kinds = [(text(item.get("InterfaceType")) or "").lower() for item in modules]
    return {"present": bool(modules), "version": next((_TPM[kind] for kind in kinds if kind in _TPM), None)}


def bmc(ports):
    """Where the BMC is, by the first of its interfaces that has an address.

    :param ports: what the part ``bmc_ports`` tells.
    """
    for port in ports:
        v4 = [address for address in port["addresses"] if ":" not in address]
        v6 = [address for address in port["addresses"] if ":" in address and not address.lower().startswith("fe80:")]
        if v4 or v6:
            mac = port["mac"] if re.fullmatch(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", port["mac"] or "") else None
            return {"address": v4[0] if v4 else None, "v6address": v6[0] if v6 else None, "mac": mac}
    return {"address": None, "v6address": None, "mac": None}
