# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an image file is, told by its content and never by its name.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import struct
import typing as t
import zlib

from . import containers, filesystems
from .containers import refusal

# Bytes read from the start of a file: enough for a partition table of 4096-byte sectors with the
# usual 128 entries, a qcow2 header, the volume descriptor of ISO 9660, and superblocks.
HEAD = filesystems.HEAD

# Bytes of the sectors in which an MBR is taken to count. It counts in those of the disk that it was made for, and does not tell.
MBR_SECTOR = 512

# Ironic's names for what an image holds: a disk with a partition table, or one file system.
WHOLE_DISK, PARTITION = TYPES = "whole-disk", "partition"

# What whoever publishes an image does about one that is not of the type that was asked for.
_PUBLISH = {
    WHOLE_DISK: "publish a whole-disk image with a partition table; if a partition image is what you want, say so with type: partition",
    PARTITION: "publish it with type: whole-disk, or give an image of the file system alone",
}

# (offset, magic, what it is, cure): known, and not an image that can be published.
_CONVERT = "convert it with qemu-img to raw or qcow2"
_REFUSED = (
    (0, b"PK\x03\x04", "a zip archive", "unpack it"),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor without its data", _CONVERT),
    (64, b"\x7f\x10\xda\xbe", "a VDI image", _CONVERT),
    (0, b"QED\x00", "a QED image", _CONVERT),
    (0, b"LUKS\xba\xbe", "a LUKS volume", "publish a whole-disk image with a partition table"),
    (257, b"ustar", "a tar archive", "unpack it"),
    (0, b"\x7fELF", "a program", "give the address of a disk image"),
)


# A file that is packed holds an image of any of the other formats.
_PACKED = ((b"\x28\xb5\x2f\xfd", "zst"), (b"\xfd7zXZ\x00", "xz"), (b"\x1f\x8b", "gz"), (b"BZh", "bz2"))
PACKED = tuple(name for dummy, name in _PACKED)

# Bytes that a disk image may have at most: beyond it, a size is an error or an attack.
SIZE_LIMIT = 2 ** 40


class Recognised(t.NamedTuple):
    """An accepted image: ``format`` is raw, qcow2, vmdk, vhd, vhdx or one of PACKED.

    ``virtual_size`` is the disk's size in bytes, None when it is packed. ``table`` is the partition
    table of a raw image, gpt or mbr, and ``sector`` the size in bytes of the sectors that it counts
    in; of other formats they can be seen only after conversion.
    A raw image without a table holds a ``file_system``, and ``sector`` is the largest that this can be mounted on.
    """

    format: str
    virtual_size: t.Optional[int]
    table: t.Optional[str]
    sector: t.Optional[int] = None
    file_system: t.Optional[str] = None


def recognise(path):
    """Tell the format of an image file from its content.

    :param path: path of a regular file.
    :returns: a :class:`Recognised`.
    :raises BaremetalError: when the file is nothing that can safely be written to a disk.
    """
    with open(path, "rb") as file:
        head = file.read(HEAD)
        size = os.fstat(file.fileno()).st_size
        if not head:
            raise refusal("the image is empty", "0 bytes", "look at how the file was made or fetched")
        for magic, name in _PACKED:
            if head.startswith(magic):
                return Recognised(name, None, None)
        container = containers.recognise(file, head, size)
    if container:
        return Recognised(container[0], _limited(container[1]), None)
    return _recognise_raw(head, size)


def recognise_stream(head, size):
    """Make sure that a file of which only the start is known is a raw image.

    :param head: its first bytes, HEAD of them where it has so many.
    :param size: its size in bytes.
    :returns: a :class:`Recognised`.
    :raises BaremetalError: when it is not.
    """
    if head.startswith(tuple(magic for magic, dummy in _PACKED) + containers.MAGICS):
        raise refusal("the image is packed, or in a format of its own; only a raw image can be written as it comes", _seen(head),
                      "publish it with the module image, or give the address of a raw image")
    return _recognise_raw(head, size)


def _recognise_raw(head, size):
    for offset, magic, what, cure in _REFUSED:
        if head[offset:offset + len(magic)] == magic:
            raise refusal(f"the image is {what}; whole disks are accepted as raw, qcow2, vmdk, vhd and vhdx", _seen(head), cure)
    _limited(size)
    _check_binary(head, size)
    file_system = None if _holds_table(head) else filesystems.recognise(head, size)
    if file_system:
        return Recognised("raw", size, None, file_system.sector, file_system.name)
    return Recognised("raw", size, *partition_table(head, size))


def check_type(recognised, image_type, cures=None):
    """Make sure that an image is what whoever publishes or writes it takes it for.

    :param recognised: the :class:`Recognised` of a raw image.
    :param image_type: one of TYPES.
    :param cures: what to do about it, by type; None for an image that is to be published.
    :raises BaremetalError: when it is the other one.
    """
    cure = (cures or _PUBLISH)[image_type]
    if image_type == WHOLE_DISK and recognised.file_system:
        raise refusal("the raw image has no partition table", f"a file system, {recognised.file_system}", cure)
    if image_type == PARTITION and not recognised.file_system:
        raise refusal("the image is a whole disk, not a file system", f"a {recognised.table} partition table", cure)


def _limited(size):
    """Make sure that the size of a disk image can be meant.

    :param size: bytes.
    :returns: the same size.
    :raises BaremetalError: when it is larger than SIZE_LIMIT.
    """
    if size > SIZE_LIMIT:
        raise refusal("the image is larger than any that is published", f"{size} bytes, the limit is {SIZE_LIMIT}",
                      "look at where it comes from; make the disk smaller, the system grows at its first boot")
    return size


def _seen(head):
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in head[:48])
    return f"the file begins with {text!r}"


def _check_binary(head, size):
    """Make sure that a file is no text, and ends where a disk could end."""
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise refusal("the image is a web page", _seen(head), "look at the address: the server answered with a page, not with the file")
    if all(byte in b"\t\n\r\x0c\x1b" or 32 <= byte for byte in head[:1024]):
        raise refusal("the image is a text file", _seen(head), "look at the address, or at how the file was made")
    if size % 512:
        raise refusal("the raw image does not end at a sector", f"{size} bytes, which is no multiple of 512", "fetch it again: it is probably cut off")


def _holds_table(head):
    """Whether an image has a partition table, sound or not: what has one is a whole disk, whatever old superblocks lie between."""
    return head[510:512] == b"\x55\xaa" and (any(head[sector:sector + 8] == b"EFI PART" for sector in (512, 4096)) or bool(_mbr_entries(head)))


def partition_table(head, size):
    """Find and check the partition table of a raw image.

    :param head: the first bytes of the image.
    :param size: size of the image in bytes.
    :returns: ``"gpt"`` or ``"mbr"``, and bytes of a sector.
    :raises BaremetalError: when there is no table, or when it does not fit the image.
    """
    if head[510:512] != b"\x55\xaa":
        what = "an ISO 9660 file system" if head[0x8001:0x8006] == b"CD001" else "no boot signature in its first sector"
        raise refusal("the raw image has no partition table", what, "publish a whole-disk image with a partition table")
    for sector in (512, 4096):
        if head[sector:sector + 8] == b"EFI PART":
            _check_gpt(head, size, sector)
            return "gpt", sector
    _check_mbr(head, size)
    return "mbr", MBR_SECTOR


def partitions(head, sector):
    """The partitions of an image, whose table was checked when it was recognised.

    :param head: the first bytes of the image.
    :param sector: bytes of a sector.
    :returns: dict of (first sector, number of sectors) by number; of an MBR, the primary ones.
    """
    if head[sector:sector + 8] != b"EFI PART":
        slots = (struct.unpack_from("<4xB3xII", head, offset) for offset in range(446, 510, 16))
        return {number: (first, count) for number, (kind, first, count) in enumerate(slots, 1) if kind and count}
    found = {}
    entries, count, size = struct.unpack_from("<QII", head, sector + 72)
    for number, offset in enumerate(range(entries * sector, entries * sector + count * size, size), 1):
        if any(head[offset:offset + 16]):
            first, last = struct.unpack_from("<QQ", head, offset + 32)
            found[number] = first, last - first + 1
    return found


def _check_gpt(head, size, sector):
    """Check a GPT by the rules of the UEFI specification, 5.3.2: checksums, and room for every entry."""
    header_size, header_crc = struct.unpack_from("<I I", head, sector + 12)
    entries_lba, count, entry_size, entries_crc = struct.unpack_from("<QIII", head, sector + 72)
    backup_lba, = struct.unpack_from("<Q", head, sector + 32)
    cure = "fetch the image again; if it stays so, the image is broken"
    if not 92 <= header_size <= sector:
        raise refusal("the GPT of the image is damaged", f"a header size of {header_size}", cure)
    header = bytearray(head[sector:sector + header_size])
    header[16:20] = bytes(4)
    if zlib.crc32(header) != header_crc:
        raise refusal("the GPT of the image is damaged", "a wrong checksum of its header", cure)
    start, end = entries_lba * sector, entries_lba * sector + count * entry_size
    if entry_size < 128 or end > len(head):
        raise refusal("the GPT of the image has an unusual place or size of its entries",
                      f"{count} entries of {entry_size} bytes at sector {entries_lba}", cure)
    if zlib.crc32(head[start:end]) != entries_crc:
        raise refusal("the GPT of the image is damaged", "a wrong checksum of its entries", cure)
    last = 0
    for offset in range(start, end, entry_size):
        if any(head[offset:offset + 16]):
            last = max(last, struct.unpack_from("<Q", head, offset + 40)[0])
    if not last:
        raise refusal("the GPT of the image holds no partition", "an empty table", "publish an installed system")
    needed = (max(last, backup_lba) + 1) * sector
    if needed > size:
        raise refusal("the image is cut off", f"its partition table needs {needed} bytes, the file has {size}", "fetch it again")


def _mbr_entries(head):
    """The entries of an MBR that name a partition, as (first sector, sectors); none where they make no sense."""
    entries = [struct.unpack_from("<B3xB3xII", head, offset) for offset in range(446, 510, 16)]
    used = [(first, count) for (status, kind, first, count) in entries if kind and count]
    plausible = all(status in (0, 0x80) for status, kind, first, count in entries) and all(first for first, count in used)
    return used if plausible else []


def _check_mbr(head, size):
    used = _mbr_entries(head)
    if not used:
        raise refusal("the raw image has a boot signature but no partition table", _seen(head), "publish a whole-disk image with a partition table")
    needed = max(first + count for first, count in used) * MBR_SECTOR
    if needed > size:
        raise refusal("the image is cut off", f"its partition table needs {needed} bytes, the file has {size}", "fetch it again")
