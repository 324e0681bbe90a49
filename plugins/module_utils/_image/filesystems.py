# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""File systems that a partition image may hold, told by their superblocks.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import struct
import typing as t

from .containers import refusal

# Bytes from the start of a file within which all superblocks lie; that of btrfs is the last.
HEAD = 68 * 1024
_BTRFS = 64 * 1024
# ext4.rst and super.rst of the kernel's documentation: incompatible features that only ext4 has, and that of a journal without files.
_EXT4_FEATURES, _EXT_JOURNAL_DEVICE, _EXT_HAS_JOURNAL = 0x40 | 0x80 | 0x200, 0x8, 0x4


class FileSystem(t.NamedTuple):
    """A file system: its name as mount takes it, its size in bytes, and the largest sector in bytes on which it can be mounted."""

    name: str
    size: int
    sector: int


def recognise(head, size):
    """Tell which file system fills an image.

    :param head: the first bytes of the image, HEAD of them where it has so many.
    :param size: size of the image in bytes.
    :returns: a :class:`FileSystem`, or None when it is none that is known.
    :raises BaremetalError: when the image holds only a part of it.
    """
    head = head.ljust(HEAD, b"\0")
    found = next((found for found in (probe(head) for probe in (_ext, _xfs, _btrfs, _vfat)) if found), None)
    if found and found.size > size:
        raise refusal("the image is cut off", f"its file system, {found.name}, has {found.size} bytes, the file has {size}", "fetch it again")
    return found


def _ext(head):
    count, = struct.unpack_from("<I", head, 1024 + 4)
    shift, = struct.unpack_from("<I", head, 1024 + 24)
    magic, = struct.unpack_from("<H", head, 1024 + 56)
    compatible, incompatible = struct.unpack_from("<II", head, 1024 + 92)
    if magic != 0xEF53 or shift > 6 or not count or incompatible & _EXT_JOURNAL_DEVICE:
        return None
    if incompatible & 0x80:
        count |= struct.unpack_from("<I", head, 1024 + 0x150)[0] << 32
    name = "ext4" if incompatible & _EXT4_FEATURES else "ext3" if compatible & _EXT_HAS_JOURNAL else "ext2"
    return FileSystem(name, count << 10 + shift, 1024 << shift)


def _xfs(head):
    if head[:4] != b"XFSB":
        return None
    block, count = struct.unpack_from(">IQ", head, 4)
    sector, = struct.unpack_from(">H", head, 102)
    return FileSystem("xfs", count * block, sector)


def _btrfs(head):
    if head[_BTRFS + 64:_BTRFS + 72] != b"_BHRfS_M":
        return None
    size, = struct.unpack_from("<Q", head, _BTRFS + 112)
    devices, sector = struct.unpack_from("<QI", head, _BTRFS + 136)
    if devices != 1:
        raise refusal("the image is one part of a btrfs of several devices", f"{devices} devices", "make the image from a btrfs on one device")
    return FileSystem("btrfs", size, sector)


def _vfat(head):
    sector, cluster, reserved, tables = struct.unpack_from("<HBHB", head, 11)
    plausible = head[0] in (0xEB, 0xE9) and sector in (512, 1024, 2048, 4096) and cluster and reserved and tables in (1, 2) and head[21] >= 0xF0
    if not plausible or (head[54:58] != b"FAT1" and head[82:87] != b"FAT32"):
        return None
    count = struct.unpack_from("<H", head, 19)[0] or struct.unpack_from("<I", head, 32)[0]
    return FileSystem("vfat", count * sector, sector)
