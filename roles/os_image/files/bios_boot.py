# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put GRUB for BIOS firmware on a disk file, which grub-install can do only on a block device.

The offsets are those of GRUB's own headers: include/grub/i386/pc/boot.h of GRUB 2.06 and 2.12.
"""

from __future__ import annotations

import struct
from pathlib import Path

SECTOR = 512
# In boot.img (the boot sector): address of the first sector of core.img, drive to read from, and the
# place of a jump that trusts the drive number of the BIOS. Two no-operations there make it use
# the first hard disk when the BIOS gives a number that cannot be one.
KERNEL_SECTOR = 0x5C
DRIVE_CHECK = 0x66
NO_OPERATIONS = b"\x90\x90"
# What belongs to the partition table from here on: disk signature, entries, boot signature.
TABLE = 0x1B8
# In the first sector of core.img: address of its second sector, as the last 12 bytes' first field.
BLOCK_LIST = SECTOR - 12


def boot_sector(boot: bytes, current: bytes, core_start: int) -> bytes:
    """Return the boot sector of a disk.

    boot: boot.img, 512 bytes. current: the disk's present first sector, whose partition table is kept.
    core_start: sector where core.img begins. Raises ValueError when boot.img has another size.
    """
    if len(boot) != SECTOR:
        raise ValueError(f"boot.img has {len(boot)} bytes, a boot sector has {SECTOR}")
    sector = bytearray(boot)
    struct.pack_into("<Q", sector, KERNEL_SECTOR, core_start)
    sector[DRIVE_CHECK : DRIVE_CHECK + len(NO_OPERATIONS)] = NO_OPERATIONS
    sector[TABLE:] = current[TABLE:]
    return bytes(sector)


def placed_core(core: bytes, core_start: int, sectors: int) -> bytes:
    """Return core.img as it must lie at core_start: its first sector says where the others are.

    sectors: room there. Raises ValueError when core.img does not fit.
    """
    if len(core) > sectors * SECTOR:
        raise ValueError(f"core.img has {len(core)} bytes, the BIOS boot partition has {sectors * SECTOR}")
    placed = bytearray(core)
    struct.pack_into("<Q", placed, BLOCK_LIST, core_start + 1)
    return bytes(placed)


def install_bios_boot(disk: Path, boot: bytes, core: bytes, core_start: int, sectors: int) -> None:
    """Write GRUB's two stages to a disk file: boot.img to sector 0, core.img to the BIOS boot partition.

    core_start, sectors: the partition, in sectors of 512 bytes. Raises ValueError when something does not fit.
    """
    placed = placed_core(core, core_start, sectors)
    with open(disk, "r+b") as file:
        first = boot_sector(boot, file.read(SECTOR), core_start)
        file.seek(0)
        file.write(first)
        file.seek(core_start * SECTOR)
        file.write(placed)
