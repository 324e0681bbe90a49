# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hardware that a BMC tells of, in the form of an inspection in-band."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import bmc_info, hardware_redfish
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    MANAGER, SYSTEM, collection, link, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import error_body
from hypothesis import given

VALIDATOR = jsonschema.Draft202012Validator(json.loads((Path(__file__).parents[5] / "docs/hardware.schema.json").read_text(encoding="utf-8")))
STORAGE = f"{SYSTEM}/Storage"
ABSENT = {"Status": {"State": "Absent"}}


def board():
    return {
        SYSTEM: {
            "Manufacturer": "ACME", "Model": "X12", "SerialNumber": "SN1", "UUID": "4C4C4544-0042-3510-8053-B4C04F4D3332", "BiosVersion": "1.2.3",
            "Boot": {"BootSourceOverrideMode": "UEFI"}, "TrustedModules": [{"InterfaceType": "TPM2_0", "Status": {"State": "Enabled"}}],
            "MemorySummary": {"TotalSystemMemoryGiB": 96}, "ProcessorSummary": {"Count": 1, "LogicalProcessorCount": 24, "Model": "Summary"},
            **{name: link(f"{SYSTEM}/{name}") for name in ("EthernetInterfaces", "Processors", "Memory", "Storage", "SimpleStorage")},
            "Links": {"ManagedBy": [link(MANAGER)]}},
        MANAGER: {"EthernetInterfaces": link(f"{MANAGER}/EthernetInterfaces")},
        **collection(f"{SYSTEM}/EthernetInterfaces", ("NIC.1", {"MACAddress": "02:00:00:00:00:0A", "SpeedMbps": 25000, "LinkStatus": "LinkUp"})),
        **collection(f"{MANAGER}/EthernetInterfaces", ("usb0", {"IPv4Addresses": []}), ("eth0", {
            "MACAddress": "02:00:00:00:00:01", "IPv4Addresses": [{"Address": "192.0.2.1"}],
            "IPv6Addresses": [{"Address": "fe80::1"}, {"Address": "2001:db8::1"}]})),
        **collection(f"{SYSTEM}/Processors",
                     ("1", {"ProcessorType": "CPU", "Socket": "CPU1", "Model": "ACME 9000", "InstructionSet": "x86-64", "TotalCores": 16, "TotalThreads": 32,
                            "MaxSpeedMHz": 4000, "Manufacturer": "ACME"}),
                     ("2", {"ProcessorType": "CPU", **ABSENT}), ("GPU", {"ProcessorType": "GPU"})),
        **collection(f"{SYSTEM}/Memory", ("A1", {"DeviceLocator": "DIMM A1", "CapacityMiB": 65536, "MemoryDeviceType": "DDR5", "SerialNumber": "M1",
                                                 "AllowedSpeedsMHz": [4800, 5600], "OperatingSpeedMhz": 4800}),
                     ("A2", {"CapacityMiB": None}), ("A3", ABSENT)),
        **collection(STORAGE, ("1", {"Drives": [link(f"{STORAGE}/1/Drives/0"), link(f"{STORAGE}/1/Drives/1"), link(f"{STORAGE}/1/Drives/2")]}),
                     ("2", {"Drives": [link(f"{STORAGE}/1/Drives/0")]})),
        f"{STORAGE}/1/Drives/0": {"Name": "Disk 0", "CapacityBytes": 480103981056, "MediaType": "SSD", "Protocol": "NVMe", "SerialNumber": "D0",
                                  "Model": "Fast", "BlockSizeBytes": 512,
                                  "Identifiers": [{"DurableName": "50:01:02:03:04:05:06:07", "DurableNameFormat": "NAA"}]},
        f"{STORAGE}/1/Drives/1": {"Name": "Disk 1", **ABSENT},
        f"{STORAGE}/1/Drives/2": (403, error_body("Base.1.0.InsufficientPrivilege")),
        **collection(f"{SYSTEM}/SimpleStorage", ("1", {"Devices": [{"Name": "SATA Disk", "CapacityBytes": 8000, "Model": "Old"}]})),
    }


def read(documents):
    found = bmc_info.gather(redfish_driver(documents), ["hardware"])
    assert not found["unavailable"]
    VALIDATOR.validate(found["info"]["hardware"])
    return found["info"]["hardware"]


def test_a_whole_machine():
    found = read(board())
    assert found["system"] == {"uuid": "4c4c4544-0042-3510-8053-b4c04f4d3332", "serial": "SN1", "manufacturer": "ACME", "product": "X12"}
    assert found["cpu"] == {"architecture": "x86_64", "count": 32, "model_name": "ACME 9000", "vendor": "ACME", "frequency": 4000, "microcode": None,
                            "flags": [], "socket_count": 1}
    assert found["memory"]["physical_mb"] == 65536
    assert [(module["slot"], module["speed_mts"], module["configured_speed_mts"], module["serial"]) for module in found["dmi"]["memory_modules"]] == [
        ("DIMM A1", 5600, 4800, "M1")]
    # Twice in the tree, once there; what is absent or refused costs nothing else.
    disk, = found["disks"]
    assert {key: disk[key] for key in ("name", "size", "serial", "model", "wwn", "tran", "rotational", "logical_sectors")} == {
        "name": "Disk 0", "size": 480103981056, "serial": "D0", "model": "Fast", "wwn": "0x5001020304050607", "tran": "nvme", "rotational": False,
        "logical_sectors": 512}
    assert [(nic["name"], nic["mac_address"], nic["has_carrier"]) for nic in found["interfaces"]] == [("NIC.1", "02:00:00:00:00:0a", True)]
    assert found["bmc"] == {"address": "192.0.2.1", "v6address": "2001:db8::1", "mac": "02:00:00:00:00:01"}
    assert (found["boot"]["current_boot_mode"], found["tpm"]) == ("uefi", {"present": True, "version": "2.0"})


def test_a_board_that_tells_sums_alone():
    documents = board()
    for name in ("Processors", "Memory", "Storage"):
        del documents[SYSTEM][name]
    found = read(documents)
    assert (found["cpu"]["count"], found["cpu"]["socket_count"], found["cpu"]["model_name"], found["cpu"]["architecture"]) == (24, 1, "Summary", None)
    assert found["memory"]["physical_mb"] == 96 * 1024
    assert [(disk["name"], disk["size"], disk["serial"]) for disk in found["disks"]] == [("SATA Disk", 8000, None)]


def test_a_board_that_fails_at_what_it_does_not_have():
    documents = board()
    for name in ("Memory", "Storage"):
        documents[f"{SYSTEM}/{name}"] = (500, error_body("Base.1.0.GeneralError"))
    found = read(documents)
    assert (found["memory"]["physical_mb"], found["cpu"]["count"]) == (96 * 1024, 32)
    assert [disk["name"] for disk in found["disks"]] == ["SATA Disk"]


def test_a_board_that_tells_nothing():
    found = read({SYSTEM: {}})
    assert (found["disks"], found["interfaces"], found["cpu"]["count"], found["tpm"]["present"]) == ([], [], None, None)


@pytest.mark.parametrize("identifier, wwn, extended", [
    ({"DurableName": "naa.5000C500A1B2C3D4", "DurableNameFormat": "NAA"}, "0x5000c500a1b2c3d4", "0x5000c500a1b2c3d4"),
    ({"DurableName": "6" * 32, "DurableNameFormat": "NAA"}, "0x" + "6" * 16, "0x" + "6" * 32),
    ({"DurableName": "0025385B71B00001", "DurableNameFormat": "EUI"}, "eui.0025385b71b00001", "eui.0025385b71b00001"),
    ({"DurableName": "whatever", "DurableNameFormat": "UUID"}, None, None),
])
def test_world_wide_names(identifier, wwn, extended):
    found = hardware_redfish.drive({"Identifiers": [identifier]})
    assert (found["wwn"], found["wwn_with_extension"]) == (wwn, extended)


NAMES = ("Name", "CapacityBytes", "MediaType", "Protocol", "Identifiers", "DurableName", "BlockSizeBytes", "CapacityMiB", "AllowedSpeedsMHz", "RankCount",
         "TotalThreads", "InstructionSet", "ProcessorSummary", "Count", "Boot", "BootSourceOverrideMode", "TrustedModules", "InterfaceType", "Drives",
         "Storage", "Memory", "Processors", "MemorySummary", "TotalSystemMemoryGiB", "SimpleStorage", "Devices")


@given(item=trees(*NAMES))
def test_any_part_is_read_or_missing(item):
    resource = item if isinstance(item, dict) else {}
    json.dumps([hardware_redfish.drive(resource), hardware_redfish.memory_module(resource), hardware_redfish.processor(resource),
                hardware_redfish.tpm(resource), hardware_redfish.cpu(resource, [resource])]).encode()


@given(system=trees(*NAMES))
def test_any_tree_gives_what_fits_the_schema(system):
    found = bmc_info.gather(redfish_driver({SYSTEM: system}), ["hardware"])["info"]["hardware"]
    if found is not None:
        VALIDATOR.validate(found)
