# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition tables, wipes and config drives on loop devices."""

from __future__ import annotations

import io
import json
import os

import pycdlib
import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import partitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run

MIB = 1024 ** 2
DATA = {"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10", "meta": {"rack": "rack3"}}


@pytest.fixture(scope="module")
def iso():
    return build(DATA)


def table(device, kind, *lines):
    """Write a partition table; sfdisk does it at once, where sgdisk waits a second after each."""
    run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: %s\n%s\n" % (kind, "\n".join(lines)))
    partitions.reread(device)


def gpt(device, *sizes):
    table(device, "gpt", *("size=" + size for size in sizes))


def mbr(device, *lines):
    table(device, "dos", *lines)


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
    assert partitions._read(device, 64 * MIB - 512, 8) == b"EFI PART"
    assert "No problems found" in run("sgdisk", "--verify", device)


def test_no_gpt_nothing_to_move(loops):
    device = loops(16)
    mbr(device, "size=4M")
    assert partitions.move_backup_gpt(device) is False


def assert_config_drive(partition, iso):
    """The partition holds the drive, and what it says can be read with a reader of our own."""
    pycdlib = pytest.importorskip("pycdlib")
    content = partitions._read(partition, 0, len(iso))
    assert content == iso
    image = pycdlib.PyCdlib()
    image.open_fp(io.BytesIO(content))
    out = io.BytesIO()
    image.get_file_from_iso_fp(out, rr_path="/openstack/latest/meta_data.json")
    image.close()
    assert json.loads(out.getvalue())["hostname"] == "node1"


def test_config_drive_on_gpt(loops, iso):
    device = loops(128)
    gpt(device, "4M", "30M")
    partition = partitions.add_config_drive(device, iso)
    assert partition == device + "p3"
    assert_config_drive(partition, iso)
    start = int(run("partx", "--noheadings", "--output", "START", partition)) * 512
    assert 128 * MIB - start <= 66 * MIB
    assert "No problems found" in run("sgdisk", "--verify", device)


def test_config_drive_takes_the_free_number(loops, iso):
    device = loops(128)
    gpt(device, "4M", "4M", "4M")
    run("sfdisk", "--no-reread", "--no-tell-kernel", "--delete", device, "2")
    partitions.reread(device)
    assert partitions.add_config_drive(device, iso) == device + "p2"


def test_config_drive_on_mbr(loops, iso):
    device = loops(128)
    mbr(device, "size=30M, bootable")
    partition = partitions.add_config_drive(device, iso)
    assert partition == device + "p2"
    assert_config_drive(partition, iso)
    assert "bootable" in run("sfdisk", "--dump", device)


def test_config_drive_is_used_again(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    first = partitions.add_config_drive(device, iso)
    other = build(dict(DATA, hostname="node2"))
    assert partitions.add_config_drive(device, other) == first
    assert len(partitions.partitions(device)) == 2
    assert partitions._read(first, 0, len(other)) == other


def test_config_drive_is_found_and_read(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    partition = partitions.add_config_drive(device, iso)
    # cloud-init looks for a file system with this label.
    assert run("blkid", "-p", "-s", "LABEL", "-o", "value", partition).strip().lower() == "config-2"
    image, found = pycdlib.PyCdlib(), io.BytesIO()
    image.open(partition)
    try:
        image.get_file_from_iso_fp(found, rr_path="/openstack/latest/meta_data.json")
    finally:
        image.close()
    assert json.loads(found.getvalue())["meta"] == {"rack": "rack3"}


@pytest.mark.parametrize(
    "prepare, text",
    [
        (lambda device: None, "neither a GPT nor an MBR"),
        (lambda device: gpt(device, "+"), "no room for a config drive"),
        (lambda device: mbr(device, "size=90M"), "no room for a config drive"),
        (lambda device: mbr(device, *["size=4M"] * 4), "four primary partitions"),
    ],
)
def test_config_drive_refused(loops, iso, prepare, text):
    device = loops(100)
    prepare(device)
    before = partitions._read(device, 0, 100 * MIB)
    with pytest.raises(BaremetalError, match=text) as caught:
        partitions.add_config_drive(device, iso, node="node1")
    assert str(caught.value).startswith("node1: config drive: ")
    assert partitions._read(device, 0, 100 * MIB) == before


def test_config_drive_on_large_sectors_is_refused(loops, iso):
    device = loops(128, 4096)
    gpt(device, "4M")
    with pytest.raises(BaremetalError, match="sectors of 4096 bytes"):
        partitions.add_config_drive(device, iso)


def test_config_drive_must_be_an_iso_of_the_right_size(loops, iso):
    device = loops(128)
    gpt(device, "4M")
    for bad, text in ((b"<html>", "not an ISO 9660"), (iso + b"\0" * 65 * MIB, "may have")):
        with pytest.raises(BaremetalError, match=text):
            partitions.add_config_drive(device, bad)


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


def test_wipe_of_a_blank_disk_finds_nothing(loops):
    assert partitions.wipe_metadata(loops(16)) == []


def test_an_empty_table_is_wiped_too(loops):
    device = loops(16)
    gpt(device)
    assert {entry["type"] for entry in partitions.wipe_metadata(device)} == {"gpt", "PMBR"}


def test_a_backup_gpt_alone_is_found_and_wiped(loops):
    device = loops(16)
    gpt(device, "4M")
    partitions._write(device, [(0, b"\0" * MIB)], None)
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
            partitions._write(device, [(0, b"x")], "node1")
    finally:
        run("umount", tmp_path)


def test_a_missing_tool_is_named(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    with pytest.raises(BaremetalError, match="the program blkid is needed and not installed"):
        partitions.table_type("/dev/null")
