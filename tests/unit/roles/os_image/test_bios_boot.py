# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import bios_boot
import pytest

BOOT = bytes(range(256)) * 2
CURRENT = b"\xaa" * 512


def test_the_boot_sector_points_to_the_core_and_keeps_the_partition_table():
    sector = bios_boot.boot_sector(BOOT, CURRENT, 2048)
    assert struct.unpack_from("<Q", sector, 0x5C) == (2048,)
    assert sector[0x66:0x68] == b"\x90\x90"
    assert sector[:0x5C] == BOOT[:0x5C]
    assert sector[0x68:0x1B8] == BOOT[0x68:0x1B8]
    assert sector[0x1B8:] == CURRENT[0x1B8:]


def test_the_core_points_to_its_own_second_sector():
    core = b"\x11" * 3000
    placed = bios_boot.placed_core(core, 2048, 2048)
    assert len(placed) == 3000
    assert struct.unpack_from("<Q", placed, 500) == (2049,)
    # Length and load segment come from grub-mkimage and stay.
    assert placed[508:] == core[508:]
    assert placed[:500] == core[:500]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="core.img has 1025 bytes"):
        bios_boot.placed_core(b"x" * 1025, 34, 2)
    with pytest.raises(ValueError, match="boot.img has 100 bytes"):
        bios_boot.boot_sector(b"x" * 100, CURRENT, 34)


def test_both_stages_land_in_the_disk_file(tmp_path):
    disk = tmp_path / "disk.raw"
    disk.write_bytes(b"\xbb" * 512 * 8)
    bios_boot.install_bios_boot(disk, BOOT, b"\x22" * 1024, 4, 2)
    written = disk.read_bytes()
    assert written[:512] == bios_boot.boot_sector(BOOT, b"\xbb" * 512, 4)
    assert written[512:2048] == b"\xbb" * 1536
    assert written[2048:3072] == bios_boot.placed_core(b"\x22" * 1024, 4, 2)
    assert written[3072:] == b"\xbb" * 1024
