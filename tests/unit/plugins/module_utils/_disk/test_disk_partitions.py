# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition tables and wipes on loop devices."""

from __future__ import annotations

import os

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import partitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import gpt, mbr, run, table

MIB = 1024 ** 2


def test_geometry(loops):
    assert partitions.geometry(loops(16, 4096)) == (16 * MIB, 4096)


def test_table_type(loops):
    device = loops(16)
    assert partitions.table_type(device) is None
    mbr(device, "size=4M")
    assert partitions.table_type(device) == "dos"
    partitions.wipe_metadata(device)
    gpt(device, "4M")
    assert partitions.table_type(device) == "gpt"


def test_backup_gpt_moves_to_the_end(loops, tmp_path):
    device = loops(16)
    gpt(device, "4M")
    run("losetup", "--detach", device)
    backing = tmp_path / "disk0.raw"
    os.truncate(backing, 64 * MIB)
    run("losetup", "--partscan", device, backing)
    assert partitions.move_backup_gpt(device) is True
    assert partitions.read(device, 64 * MIB - 512, 8) == b"EFI PART"
    assert "No problems found" in run("sgdisk", "--verify", device)


def test_no_gpt_nothing_to_move(loops):
    device = loops(16)
    mbr(device, "size=4M")
    assert partitions.move_backup_gpt(device) is False


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("kind", ["gpt", "dos", "none"])
def test_wipe_leaves_nothing_to_be_found(loops, kind, sector):
    device = loops(64, sector)
    if kind == "gpt":
        gpt(device, "8M", "8M")
    elif kind == "dos":
        mbr(device, "size=8M", "size=8M")
    targets = [path for _number, path in partitions.partitions(device)] or [device]
    for path in targets:
        run("mkfs.ext4", "-q", "-F", path)
    found = partitions.wipe_metadata(device)
    types = {entry["type"] for entry in found}
    assert "ext4" in types
    assert kind == "none" or kind in types
    assert partitions.signatures(device) == []
    assert partitions.partitions(device) == []
    # The signatures stay away when the same partitions are made again.
    gpt(device, "8M", "8M")
    assert {entry["device"] for entry in partitions.signatures(device)} == {device}


@pytest.mark.parametrize("sector", [512, 4096])
def test_what_boots_goes_first_and_alone(loops, sector):
    device = loops(64, sector)
    table(device, "gpt", "size=8M, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "size=8M")
    for path in (device + "p1", device + "p2"):
        run("mkfs.ext4", "-q", "-F", path)
    before = partitions.read(device, 0, 64 * MIB)
    partitions.write(device, [(0, b"\xeb\x63" + before[2:512].ljust(sector - 2, b"\0"))], None)
    partitions.stop_booting(device)
    after = partitions.read(device, 0, 64 * MIB)
    assert not any(after[MIB:2 * MIB])
    assert after[:MIB] + after[2 * MIB:] == before[:MIB] + before[2 * MIB:]


def test_wipe_of_a_blank_disk_finds_nothing(loops):
    assert partitions.wipe_metadata(loops(16)) == []


def test_an_empty_table_is_wiped_too(loops):
    device = loops(16)
    gpt(device)
    assert {entry["type"] for entry in partitions.wipe_metadata(device)} == {"gpt", "PMBR"}


def test_a_backup_gpt_alone_is_found_and_wiped(loops):
    device = loops(16)
    gpt(device, "4M")
    partitions.write(device, [(0, b"\0" * MIB)], None)
    partitions.reread(device)
    assert {entry["type"] for entry in partitions.signatures(device)} == {"gpt"}
    partitions.wipe_metadata(device)
    assert partitions.signatures(device) == []


def test_a_used_disk_cannot_be_written(loops, tmp_path):
    device = loops(64)
    gpt(device, "32M")
    run("mkfs.ext4", "-q", device + "p1")
    run("mount", device + "p1", tmp_path)
    try:
        with pytest.raises(BaremetalError, match="cannot be written"):
            partitions.write(device, [(0, b"x")], "node1")
    finally:
        run("umount", tmp_path)


@pytest.mark.parametrize("look", [partitions.geometry, lambda device: partitions.read(device, 0, 8)])
def test_a_device_that_cannot_be_read_is_named(tmp_path, look):
    with pytest.raises(BaremetalError, match=f"{tmp_path} cannot be read. Seen: "):
        look(str(tmp_path))


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(BaremetalError, match="the program blkid is needed and not installed"):
        partitions.table_type("/dev/null")
