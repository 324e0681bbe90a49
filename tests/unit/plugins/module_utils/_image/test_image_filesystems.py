# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition images: told from whole disks by their content, and published only when that is what was asked for."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import filesystems, publish
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.formats import recognise
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.rawstream import look_at
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, gpt, make_raw, mbr, sha256
from hypothesis import given
from hypothesis import strategies as st

PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"
needs_mkfs = pytest.mark.skipif(not all(shutil.which(f"mkfs.{kind}", path=PATHS) for kind in ("ext4", "vfat")), reason="mkfs is not installed")


def made(path, size, program, *options):
    with open(path, "wb") as file:
        file.truncate(size)
    subprocess.run([shutil.which(program, path=PATHS), *options, str(path)], check=True, stdout=subprocess.DEVNULL)
    return path


def xfs(blocks, block=4096, sector=512):
    """The fields of a superblock that are read, as the kernel's fs/xfs/libxfs/xfs_format.h has them."""
    return (b"XFSB" + struct.pack(">IQ", block, blocks)).ljust(102, b"\0") + struct.pack(">H", sector)


def btrfs(size, devices=1, sector=4096):
    """The same of include/uapi/linux/btrfs_tree.h."""
    block = bytearray(200)
    block[64:72] = b"_BHRfS_M"
    struct.pack_into("<Q", block, 112, size)
    struct.pack_into("<QI", block, 136, devices, sector)
    return bytes(64 * 1024) + bytes(block)


@needs_mkfs
@pytest.mark.parametrize("program, options, name, sector", [
    ("mkfs.ext4", ("-q", "-F", "-b", "4096"), "ext4", 4096), ("mkfs.ext4", ("-q", "-F", "-b", "1024"), "ext4", 1024), ("mkfs.ext3", ("-q", "-F"), "ext3", 1024),
    ("mkfs.ext2", ("-q", "-F"), "ext2", 1024), ("mkfs.vfat", (), "vfat", 512), ("mkfs.vfat", ("-F", "32"), "vfat", 512),
    ("mkfs.vfat", ("-S", "4096"), "vfat", 4096),
])
def test_file_systems_of_real_programs(tmp_path, program, options, name, sector):
    assert recognise(made(tmp_path / "x", 64 * MIB, program, *options)) == ("raw", 64 * MIB, None, sector, name)


@pytest.mark.parametrize("head, name, sector", [(xfs(4096), "xfs", 512), (xfs(4096, sector=4096), "xfs", 4096), (btrfs(16 * MIB), "btrfs", 4096)])
def test_superblocks(tmp_path, head, name, sector):
    assert recognise(make_raw(tmp_path / "x", 16 * MIB, head=head)) == ("raw", 16 * MIB, None, sector, name)


@pytest.mark.parametrize("head, what", [(xfs(4097), "cut off"), (btrfs(17 * MIB), "cut off"), (btrfs(MIB, devices=2), "several devices")])
def test_parts_of_file_systems_are_refused(tmp_path, head, what):
    with pytest.raises(BaremetalError, match=what):
        recognise(make_raw(tmp_path / "x", 16 * MIB, head=head))


@needs_mkfs
def test_file_system_that_is_cut_off(tmp_path):
    path = made(tmp_path / "x", 16 * MIB, "mkfs.ext4", "-q", "-F")
    with open(path, "r+b") as file:
        file.truncate(15 * MIB)
    with pytest.raises(BaremetalError, match="cut off"):
        recognise(path)


@pytest.mark.parametrize("table", [gpt, mbr])
def test_old_superblock_behind_a_partition_table_is_still_a_disk(tmp_path, table):
    path = make_raw(tmp_path / "x", 16 * MIB, head=table(16 * MIB).ljust(64 * 1024, b"\0") + btrfs(16 * MIB)[64 * 1024:])
    assert recognise(path).table and recognise(path).file_system is None


@given(st.binary(max_size=2048), st.integers(0, 2 ** 40))
def test_any_bytes_are_recognised_or_refused(head, size):
    try:
        filesystems.recognise(head, size)
    except BaremetalError:
        pass


@pytest.fixture
def alone(tmp_path):
    return make_raw(tmp_path / "x", 16 * MIB, head=btrfs(16 * MIB))


def test_published_only_as_what_it_is(raw, alone, root):
    with pytest.raises(BaremetalError, match="no partition table.*a file system, btrfs.*type: partition"):
        publish.publish("some", str(alone), sha256(alone), str(root))
    with pytest.raises(BaremetalError, match="no partition table"):
        publish.publish("some", str(alone), sha256(alone), str(root), check_mode=True)
    with pytest.raises(BaremetalError, match="whole disk, not a file system.*a gpt partition table"):
        publish.publish("some", str(raw), sha256(raw), str(root), image_type="partition")
    changed, record = publish.publish("some", str(alone), sha256(alone), str(root), image_type="partition")
    assert changed and record["image_type"] == "partition"
    manifest = json.loads((root / record["path"] / "manifest.json").read_text())
    assert (manifest["image_type"], manifest["file_system"], manifest["partition_table"]) == ("partition", "btrfs", None)
    # Known by its checksum, it is still not what is asked for.
    with pytest.raises(BaremetalError, match="another type.*published as partition"):
        publish.publish("some", str(alone), sha256(alone), str(root))
    assert publish.publish("some", str(alone), sha256(alone), str(root), image_type="partition")[0] is False


def test_whole_disks_say_so(published):
    assert published["image_type"] == published["manifest"]["image_type"] == "whole-disk"


def test_plain_server(server, root, alone):
    shutil.copy(alone, root / "x.raw")
    with pytest.raises(BaremetalError, match="no partition table"):
        look_at(server.url + "x.raw", sha256(alone))
    assert look_at(server.url + "x.raw", sha256(alone), "partition").file_system == "btrfs"
