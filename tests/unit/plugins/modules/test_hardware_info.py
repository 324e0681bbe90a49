# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hardware_info on the machine that runs the tests."""

from __future__ import annotations

import copy
import functools
import json
import platform
import shutil
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import installer, late, protect, smbios
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.modules import hardware_info
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk import test_disk_smbios
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

pytestmark = pytest.mark.skipif(shutil.which("lsblk") is None, reason="lsblk is not installed")
INTERLOCK = {"nonce": "n1", "system_uuid": "4c4c4544-0042-4810-8054-b4c04f4b3532", "macs": ["52:54:00:12:34:56"]}
DISK = {"name": "/dev/vda", "size": 10 ** 10, "serial": "S1", "model": None, "partitions": []}
FREE = dict(DISK, type="disk", wwn=None, by_path="/dev/disk/by-path/pci-0000:00:04.0", read_only=False, removable=False, mountpoints=[], holders=[])
KEYS = {"hostname", "nonce", "system", "bios", "boot", "cpu", "memory", "disks", "interfaces"}
EXTENDED = {"dmi", "pci_devices", "usb_devices", "numa_topology", "tpm", "raid_members", "bmc"}
SCHEMA = json.loads((Path(__file__).parents[4] / "docs/hardware.schema.json").read_text(encoding="utf-8"))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert set(SCHEMA["properties"]) == KEYS | EXTENDED


@pytest.mark.parametrize("extended", [True, False])
def test_what_this_machine_answers_fits_the_schema(capsys, monkeypatch, extended):
    neighbour = {"switch_chassis_id": "52:54:00:00:00:99", "switch_port_id": "7", "switch_port_vlans": [{"id": 1, "name": ""}]}
    monkeypatch.setattr(hardware_info.lldp, "listen", lambda names, seconds: {name: [neighbour] for name in names})
    # This machine may have no SMBIOS tables that can be read.
    table = test_disk_smbios.dimm(16384) + test_disk_smbios.structure(4, {0x18: ("B", 0x41)}, length=0x30)
    monkeypatch.setattr(hardware_info.smbios, "read", lambda: smbios.decode(table))
    hardware = start(hardware_info, capsys, extended=extended, lldp_timeout=1)["hardware"]
    jsonschema.validate(hardware, SCHEMA, jsonschema.Draft202012Validator)
    assert hardware["memory"]["physical_mb"] == 16384
    for path in (("cpu", "count"), ("disks",), ("boot", "current_boot_mode")):
        broken = copy.deepcopy(hardware)
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = "nonsense"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, SCHEMA, jsonschema.Draft202012Validator)


def test_everything_documented_is_there(capsys):
    result = start(hardware_info, capsys)
    assert result["changed"] is False
    assert set(result["hardware"]) == KEYS | EXTENDED
    assert result["hardware"]["hostname"] == platform.node()
    assert result["hardware"]["cpu"]["count"] > 0
    assert "interlock" not in result and "root_disk" not in result


def test_the_short_form(capsys):
    result = start(hardware_info, capsys, extended=False)
    assert set(result["hardware"]) == KEYS
    assert all("lldp" not in interface for interface in result["hardware"]["interfaces"])


def test_neighbours_are_listened_for_when_asked(capsys, monkeypatch):
    monkeypatch.setattr(hardware_info, "interfaces", lambda: [{"name": "eth0"}])
    monkeypatch.setattr(hardware_info.lldp, "listen", lambda names, seconds: {name: [{"switch_port_id": str(seconds)}] for name in names})
    result = start(hardware_info, capsys, extended=False, lldp_timeout=35)
    assert result["hardware"]["interfaces"] == [{"name": "eth0", "lldp": [{"switch_port_id": "35"}]}]


def test_another_machine_is_refused(capsys):
    result = start(hardware_info, capsys, interlock=INTERLOCK)
    assert result["failed"] is True
    assert result["msg"].startswith("interlock: this is not the machine")
    assert "hardware" not in result


def test_the_root_disk_is_chosen(capsys, monkeypatch):
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {"nonce": interlock["nonce"]})
    result = start(hardware_info, capsys, interlock=INTERLOCK, root_device={"serial": "s1"}, _ansible_check_mode=True)
    assert result["root_disk"] == DISK
    assert result["interlock"] == {"nonce": "n1"}


@pytest.mark.parametrize("disk, marks, text", [
    (dict(FREE, tran="fc"), [], "it is reached over a network (fc)"),
    (dict(FREE, removable=True), [], "it is removable"),
    (FREE, [{"type": "VMFS_volume_member"}], "a file system of a cluster"),
    (FREE, [], None),
])
def test_a_disk_for_an_installer_is_one_that_may_be_written(capsys, monkeypatch, disk, marks, text):
    refuse = functools.partial(protect.refuse_to_write, reader=lambda name, **_options: disk, marks=lambda device: marks, runner=lambda argv, **_options: b"")
    monkeypatch.setattr(hardware_info, "path_for_installer", functools.partial(installer.path_for_installer, refuse=refuse))
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [disk])
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {})
    options = {"interlock": INTERLOCK, "root_device": {"size": ">= 5"}, "extended": False}
    # What boots the ramdisk for something else has its own last look.
    assert "root_path" not in start(hardware_info, capsys, **options)
    result = start(hardware_info, capsys, installer=True, **options)
    assert text in result["msg"] if text else result["root_path"] == disk["by_path"]


def test_a_disk_for_an_installer_needs_hints_and_interlock(capsys):
    assert "missing: interlock" in start(hardware_info, capsys, installer=True, root_device={"serial": "S1"})["msg"]


def test_a_root_disk_that_appears_late_is_waited_for(capsys, monkeypatch):
    other = dict(DISK, name="/dev/vdb", serial="S2")
    looks = [[], [other]]
    monkeypatch.setattr(hardware_info, "list_disks", lambda: looks.pop(0) if looks else [DISK, other])
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {"nonce": interlock["nonce"]})
    monkeypatch.setattr(late, "INTERVAL", 0)
    monkeypatch.setattr(late, "settle", lambda **_options: None)
    result = start(hardware_info, capsys, interlock=INTERLOCK, root_device={"serial": "s1"}, extended=False)
    assert (result["root_disk"], result["hardware"]["disks"]) == (DISK, [DISK, other])


@pytest.mark.parametrize("hints", [None, {"serial": "S1"}, {"volume_name": "system"}])
def test_disks_that_a_controller_still_looks_for_are_not_missed(capsys, monkeypatch, hints):
    """Also where the root disk is there already: what erases all disks comes after."""
    disks, others = [DISK], [dict(DISK, name="/dev/sda", serial="S2"), dict(DISK, name="/dev/sdb", serial="S3")]
    monkeypatch.setattr(late, "settle", lambda patience: disks.extend(others))
    monkeypatch.setattr(hardware_info, "list_disks", lambda: list(disks))
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {})
    result = start(hardware_info, capsys, interlock=INTERLOCK, root_device=hints, extended=False)
    assert result["hardware"]["disks"] == [DISK, *others]


@pytest.mark.parametrize("arguments, text", [
    ({"interlock": dict(INTERLOCK, skip_block_devices=[{"serial": "S2"}])}, None),
    ({"interlock": INTERLOCK}, "2 disks match"),
    ({}, "no disk matches"),
])
def test_waiting_is_for_disks_that_may_come(capsys, monkeypatch, arguments, text):
    disks = [DISK, dict(DISK, name="/dev/vdb", serial="S2")]
    monkeypatch.setattr(hardware_info, "list_disks", lambda: disks if arguments else [])
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {})
    monkeypatch.setattr(hardware_info, "wait_for_scans", lambda: None)
    monkeypatch.setattr(late, "settle", lambda node=None: pytest.fail("it waits"))
    result = start(hardware_info, capsys, root_device={"size": "> 5"}, extended=False, **arguments)
    assert text in result["msg"] if text else result["root_disk"] == DISK


def test_a_machine_that_still_looks_for_disks_is_told_where_one_is_to_be_written_and_else_shown(capsys, monkeypatch):
    def wait():
        raise BaremetalError("this machine still looks for its devices")

    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    monkeypatch.setattr(hardware_info, "wait_for_scans", wait)
    assert "still looks" in start(hardware_info, capsys, root_device={"size": "> 5"}, extended=False)["msg"]
    shown = start(hardware_info, capsys, extended=False)
    assert shown["hardware"]["disks"] == [DISK] and "still looks" in shown["machine_warnings"][0]


def test_software_raid_is_not_looked_for(capsys, monkeypatch):
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    assert start(hardware_info, capsys, root_device={"volume_name": "system"})["root_disk"] is None


@pytest.mark.parametrize("hints, text", [({}, "no root device hints"), ({"name": "/dev/vda"}, "refused"), ({"serial": "x"}, "Seen: /dev/vda")])
def test_bad_hints_are_one_paragraph(capsys, monkeypatch, hints, text):
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    result = start(hardware_info, capsys, root_device=hints)
    assert result["failed"] is True and text in result["msg"]


def test_an_interlock_needs_uuid_or_serial(capsys):
    result = start(hardware_info, capsys, interlock={"nonce": "n", "macs": []})
    assert "one of the following is required: system_uuid, serial" in result["msg"]
