# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import time
import uuid

import disk_layout
import pytest
import reproducible

DIGEST = "0123456789abcdef" * 4
DATE = 1700000000
SIZE = 128
needs_tools = pytest.mark.skipif(
    not all(shutil.which(name, path="/usr/bin:/usr/sbin:/sbin") for name in ("sfdisk", "mke2fs", "mkfs.vfat", "mcopy", "debugfs", "dumpe2fs")),
    reason="needs the programs that make file systems",
)
# Every kind of what a root file system holds, and names that programs may stumble over.
FILES = {
    "usr/lib/shim/shimx64.efi.signed": 1000, "usr/lib/shim/mmx64.efi.signed": 1000, "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed": 2000,
    "usr/lib/shim/shimaa64.efi.signed": 1000, "usr/lib/shim/mmaa64.efi.signed": 1000, "usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed": 2000,
    "usr/lib/grub/i386-pc/boot.img": 512, "etc/hostname": 10, "etc/a file": 5000, 'etc/"quoted"': 1, "etc/ümlaut": 70000,
    "etc/systemd/system-systemd\\x2dfsck.slice": 20}


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    for name in ("LC_ALL", "TZ", "PYTHONHASHSEED", "SOURCE_DATE_EPOCH", "E2FSPROGS_FAKE_TIME"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
    reproducible.prepare_environment()
    reproducible.use_date(DATE)


def made(folder, architecture, begun, backwards=False):
    """Make a disk from a root file system that was put together at some time, in some order; returns its file."""
    root, work = folder / "root", folder / "work"
    work.mkdir(parents=True)
    for name in sorted(FILES, reverse=backwards):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * FILES[name])
        os.utime(path, (begun, begun))
    (root / "etc/link").symlink_to("hostname")
    os.link(root / "etc/hostname", root / "etc/other-name")
    os.mkfifo(root / "etc/pipe")
    reproducible.settle(root, DATE)
    disk = folder / "disk.raw"
    disk_layout.make_disk(
        disk_layout.PLATFORMS[architecture], root, b"c" * 2048, work, disk, {"size": SIZE}, disk_layout.names(DIGEST), DATE)
    return disk


def test_identifiers_follow_from_the_digest():
    one, again, other = (disk_layout.names(digest) for digest in (DIGEST, DIGEST, "f" * 64))
    assert one == again
    assert not set(one.values()) & set(other.values())
    assert uuid.UUID(one["root_uuid"]) != uuid.UUID(one["disk_uuid"])
    assert re.fullmatch("[0-9A-F]{4}-[0-9A-F]{4}", one["esp_uuid"])


@needs_tools
def test_the_disk_has_the_promised_layout(tmp_path):
    ids = disk_layout.names(DIGEST)
    disk = made(tmp_path, "amd64", DATE)

    table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], check=True, capture_output=True).stdout)["partitiontable"]
    assert table["label"] == "gpt"
    assert table["id"].lower() == ids["disk_uuid"]
    assert [part["name"] for part in table["partitions"]] == ["bios", "esp", "root"]
    assert [part["uuid"].lower() for part in table["partitions"]] == [ids[f"{name}_part"] for name in ("bios", "esp", "root")]
    bios, esp, last = table["partitions"]
    # The second copy of the table takes the last 33 sectors, so the root ends the usable part.
    assert last["start"] + last["size"] <= 128 * 2048 - 33
    with open(disk, "rb") as file:
        assert struct.unpack_from("<Q", file.read(512), 0x5C) == (bios["start"],)
    label = subprocess.run(["dumpe2fs", "-h", f"{disk}?offset={last['start'] * 512}"], check=True, capture_output=True, text=True)
    assert ids["root_uuid"] in label.stdout
    assert "metadata_csum_seed" not in label.stdout and "orphan_file" not in label.stdout
    block_count = int(re.search(r"Block count: +(\d+)", label.stdout)[1])
    block_size = int(re.search(r"Block size: +(\d+)", label.stdout)[1])
    assert block_count * block_size == last["size"] * 512
    files = subprocess.run(["mdir", "-b", "-/", "-i", f"{disk}@@{esp['start'] * 512}", "::"], check=True, capture_output=True, text=True)
    assert {"::/EFI/BOOT/BOOTX64.EFI", "::/EFI/debian/grubx64.efi", "::/EFI/debian/BOOTX64.CSV"} <= set(files.stdout.split())
    csv = subprocess.run(["mtype", "-i", f"{disk}@@{esp['start'] * 512}", "::/EFI/debian/BOOTX64.CSV"], check=True, capture_output=True)
    assert csv.stdout.decode("utf-16").split(",")[:2] == ["shimx64.efi", "debian"]


@needs_tools
def test_the_same_files_make_the_same_disk(tmp_path):
    disks = []
    for name, begun, backwards in (("one", DATE + 5000, False), ("two", DATE + 90000, True)):
        disks.append(made(tmp_path / name, "amd64", begun, backwards))
        # What FAT can tell apart.
        time.sleep(2 if len(disks) == 1 else 0)
    assert len({hashlib.sha256(disk.read_bytes()).hexdigest() for disk in disks}) == 1
    place = f"{disks[0]}?offset={disk_layout.ROOT_OFFSET * disk_layout.MIB}"
    for name in ("/etc/ümlaut", "/etc/link", "/etc/pipe"):
        shown = subprocess.run(["debugfs", "-R", f'stat "{name}"', place], check=True, capture_output=True, text=True).stdout
        assert set(re.findall(r"([acm]time): 0x([0-9a-f]+)", shown)) == {(field, f"{DATE:x}") for field in ("atime", "ctime", "mtime")}
    assert subprocess.run(["e2fsck", "-f", "-n", place], check=False, capture_output=True).returncode == 0


@needs_tools
def test_arm64_has_no_bios_and_its_own_loaders(tmp_path):
    disk = made(tmp_path, "arm64", DATE)
    table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], check=True, capture_output=True).stdout)["partitiontable"]
    assert [part["name"] for part in table["partitions"]] == ["esp", "root"]
    assert table["partitions"][1]["type"] == disk_layout.PLATFORMS["arm64"].root_type
    listed = subprocess.run(["mdir", "-b", "-/", "-i", f"{disk}@@{table['partitions'][0]['start'] * 512}", "::"], check=True, capture_output=True, text=True)
    assert {"::/EFI/BOOT/BOOTAA64.EFI", "::/EFI/debian/shimaa64.efi", "::/EFI/debian/BOOTAA64.CSV"} <= set(listed.stdout.split())


@needs_tools
def test_a_file_that_gets_no_date_is_an_error(tmp_path):
    disk = made(tmp_path, "amd64", DATE)
    (tmp_path / "root/etc/later").write_text("x")
    with pytest.raises(SystemExit, match="2 times: .*etc/later"):
        disk_layout.date_inodes(tmp_path / "root", f"{disk}?offset={disk_layout.ROOT_OFFSET * disk_layout.MIB}", DATE)
