# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firmware starts a disk by: the boot code in its first sector, and the first sector of each EFI system partition.

Without them everybody can still read the partition table, and nothing boots: a BIOS finds no code, and UEFI no file system with a loader.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import struct
import uuid

# Bytes in front of the disk's signature and the entries of the MBR (UEFI specification, 5.2.1).
BOOT_CODE = 440
# Types of an EFI system partition in a GPT and in an MBR (UEFI specification, 5.3.3 and 5.2.2).
_GPT_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").bytes_le
_MBR_ESP = 0xEF


def spans(head, sector):
    """List what a disk boots from, as (start, end) in bytes; each begins at a sector and lies within it.

    :param head: the first bytes of a disk, with its whole partition table, which was checked when the image was recognised.
    :param sector: bytes of a sector of the disk.
    """
    found = _gpt(head, sector) if head[sector:sector + 8] == b"EFI PART" else _mbr(head)
    starts = sorted({first * sector for first in found if first})
    return [(0, BOOT_CODE)] + [(start, start + sector) for start in starts]


def _gpt(head, sector):
    entries, count, size = struct.unpack_from("<QII", head, sector + 72)
    for offset in range(entries * sector, entries * sector + count * size, size):
        if head[offset:offset + 16] == _GPT_ESP:
            yield struct.unpack_from("<Q", head, offset + 32)[0]


def _mbr(head):
    for offset in range(446, 510, 16):
        kind, first = struct.unpack_from("<4xB3xI", head, offset)
        if kind == _MBR_ESP:
            yield first
