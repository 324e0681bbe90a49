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

from .._errors import BaremetalError

# Bytes read from the start of a file: enough for a partition table of 4096-byte sectors with the
# usual 128 entries, a qcow2 header and the volume descriptor of ISO 9660.
_HEAD = 64 * 1024

_QCOW2_MAGIC = b"QFI\xfb"
# qcow2 specification (qemu, docs/interop/qcow2.txt), incompatible features of version 3.
_QCOW2_DIRTY, _QCOW2_CORRUPT, _QCOW2_DATA_FILE, _QCOW2_COMPRESSION, _QCOW2_EXTENDED_L2 = (1 << bit for bit in range(5))
_QCOW2_ACCEPTED = _QCOW2_DIRTY | _QCOW2_COMPRESSION | _QCOW2_EXTENDED_L2
_QCOW2_DATA_FILE_EXTENSION = 0x44415441

# (offset, magic, what it is, cure): known, and not an image that can be published.
_COMPRESSED = "decompress it, and give the checksum of the decompressed file"
_CONVERT = "convert it with qemu-img to raw or qcow2"
_REFUSED = (
    (0, b"\x28\xb5\x2f\xfd", "a zstd-compressed file", _COMPRESSED),
    (0, b"\xfd7zXZ\x00", "an xz-compressed file", _COMPRESSED),
    (0, b"\x1f\x8b", "a gzip-compressed file", _COMPRESSED),
    (0, b"BZh", "a bzip2-compressed file", _COMPRESSED),
    (0, b"PK\x03\x04", "a zip archive", "unpack it"),
    (0, b"KDMV", "a VMDK image", _CONVERT),
    (0, b"# Disk DescriptorFile", "a VMDK descriptor", _CONVERT),
    (0, b"vhdxfile", "a VHDX image", _CONVERT),
    (0, b"conectix", "a VHD image", _CONVERT),
    (64, b"\x7f\x10\xda\xbe", "a VDI image", _CONVERT),
    (0, b"QED\x00", "a QED image", _CONVERT),
    (0, b"LUKS\xba\xbe", "a LUKS volume", "publish a whole-disk image with a partition table"),
    (257, b"ustar", "a tar archive", "unpack it"),
    (0, b"\x7fELF", "a program", "give the address of a disk image"),
)


class Recognised(t.NamedTuple):
    """An accepted image: ``format`` is raw or qcow2, ``virtual_size`` the disk's size in bytes.

    ``table`` is the partition table of a raw image, gpt or mbr; None for qcow2, whose table can
    be seen only after conversion.
    """

    format: str
    virtual_size: int
    table: t.Optional[str]


def recognise(path):
    """Tell the format of an image file from its content.

    :param path: path of a regular file.
    :returns: a :class:`Recognised`.
    :raises BaremetalError: when the file is nothing that can safely be written to a disk.
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
        size = os.fstat(file.fileno()).st_size
    if not head:
        raise _refusal("the image is empty", "0 bytes", "look at how the file was made or fetched")
    if head.startswith(_QCOW2_MAGIC):
        return Recognised("qcow2", _check_qcow2(head), None)
    for offset, magic, what, cure in _REFUSED:
        if head[offset:offset + len(magic)] == magic:
            raise _refusal(f"the image is {what}; raw and qcow2 are accepted", _seen(head), cure)
    return Recognised("raw", size, _partition_table(head, size))


def _refusal(what, seen, cure):
    return BaremetalError(what, stage="recognise the image", seen=seen, cure=cure)


def _seen(head):
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in head[:48])
    return f"the file begins with {text!r}"


def _check_qcow2(head):
    """Check the header of a qcow2 file.

    :returns: its virtual size in bytes.
    :raises BaremetalError: on everything that could make qemu-img read another file, and on every
        incompatible feature whose meaning is not known here.
    """
    cure = "flatten it with qemu-img convert to a self-contained qcow2 or raw file on a machine that you trust it on"
    if len(head) < 72:
        raise _refusal("the qcow2 image is cut off inside its header", f"{len(head)} bytes", "fetch it again")
    (version, backing_offset, backing_size, cluster_bits, virtual_size, encryption) = struct.unpack_from(">IQIIQI", head, 4)
    if version not in (2, 3):
        raise _refusal("the qcow2 image has an unknown version", f"version {version}", cure)
    if backing_offset or backing_size:
        raise _refusal("the qcow2 image names a backing file, so it is not the whole disk", "a backing file in its header", cure)
    if encryption:
        raise _refusal("the qcow2 image is encrypted", f"encryption method {encryption}", cure)
    if not 9 <= cluster_bits <= 21:
        raise _refusal("the qcow2 image has an impossible cluster size", f"2**{cluster_bits} bytes", "fetch it again")
    header_length = 72
    if version == 3:
        if len(head) < 104:
            raise _refusal("the qcow2 image is cut off inside its header", f"{len(head)} bytes", "fetch it again")
        features, = struct.unpack_from(">Q", head, 72)
        header_length, = struct.unpack_from(">I", head, 100)
        if features & _QCOW2_DATA_FILE:
            raise _refusal("the qcow2 image keeps its data in another file", "the feature bit external data file", cure)
        if features & _QCOW2_CORRUPT:
            raise _refusal("the qcow2 image is marked as corrupt", "the feature bit corrupt", "repair it with qemu-img check, or fetch it again")
        if features & ~_QCOW2_ACCEPTED:
            raise _refusal("the qcow2 image needs features that are not known", f"incompatible feature bits {features:#x}", cure)
    if _QCOW2_DATA_FILE_EXTENSION in _qcow2_extensions(head, header_length):
        raise _refusal("the qcow2 image keeps its data in another file", "a header extension with the name of a data file", cure)
    if not virtual_size or virtual_size % 512:
        raise _refusal("the qcow2 image has an impossible virtual size", f"{virtual_size} bytes", "fetch it again")
    return virtual_size


def _qcow2_extensions(head, offset):
    while offset + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, offset)
        if not kind:
            return
        yield kind
        offset += 8 + (length + 7) // 8 * 8


def _partition_table(head, size):
    """Find and check the partition table of a raw image.

    :param head: the first bytes of the image.
    :param size: size of the image in bytes.
    :returns: ``"gpt"`` or ``"mbr"``.
    :raises BaremetalError: when there is no table, or when it does not fit the image.
    """
    text = head[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        raise _refusal("the image is a web page", _seen(head), "look at the address: the server answered with a page, not with the file")
    if all(byte in b"\t\n\r\x0c\x1b" or 32 <= byte for byte in head[:1024]):
        raise _refusal("the image is a text file", _seen(head), "look at the address, or at how the file was made")
    if size % 512:
        raise _refusal("the raw image does not end at a sector", f"{size} bytes, which is no multiple of 512", "fetch it again: it is probably cut off")
    if head[510:512] != b"\x55\xaa":
        what = "an ISO 9660 file system" if head[0x8001:0x8006] == b"CD001" else "no boot signature in its first sector"
        raise _refusal("the raw image has no partition table", what, "publish a whole-disk image with a partition table")
    for sector in (512, 4096):
        if head[sector:sector + 8] == b"EFI PART":
            _check_gpt(head, size, sector)
            return "gpt"
    _check_mbr(head, size)
    return "mbr"


def _check_gpt(head, size, sector):
    """Check a GPT by the rules of the UEFI specification, 5.3.2: checksums, and room for every entry."""
    header_size, header_crc = struct.unpack_from("<I I", head, sector + 12)
    entries_lba, count, entry_size, entries_crc = struct.unpack_from("<QIII", head, sector + 72)
    backup_lba, = struct.unpack_from("<Q", head, sector + 32)
    cure = "fetch the image again; if it stays so, the image is broken"
    if not 92 <= header_size <= sector:
        raise _refusal("the GPT of the image is damaged", f"a header size of {header_size}", cure)
    header = bytearray(head[sector:sector + header_size])
    header[16:20] = bytes(4)
    if zlib.crc32(header) != header_crc:
        raise _refusal("the GPT of the image is damaged", "a wrong checksum of its header", cure)
    start, end = entries_lba * sector, entries_lba * sector + count * entry_size
    if entry_size < 128 or end > len(head):
        raise _refusal("the GPT of the image has an unusual place or size of its entries",
                       f"{count} entries of {entry_size} bytes at sector {entries_lba}", cure)
    if zlib.crc32(head[start:end]) != entries_crc:
        raise _refusal("the GPT of the image is damaged", "a wrong checksum of its entries", cure)
    last = 0
    for offset in range(start, end, entry_size):
        if any(head[offset:offset + 16]):
            last = max(last, struct.unpack_from("<Q", head, offset + 40)[0])
    if not last:
        raise _refusal("the GPT of the image holds no partition", "an empty table", "publish an installed system")
    needed = (max(last, backup_lba) + 1) * sector
    if needed > size:
        raise _refusal("the image is cut off", f"its partition table needs {needed} bytes, the file has {size}", "fetch it again")


def _check_mbr(head, size):
    entries = [struct.unpack_from("<B3xB3xII", head, offset) for offset in range(446, 510, 16)]
    used = [(first, count) for (status, kind, first, count) in entries if kind and count]
    plausible = all(status in (0, 0x80) for status, kind, first, count in entries) and all(first for first, count in used)
    if not used or not plausible:
        raise _refusal("the raw image has a boot signature but no partition table", _seen(head), "publish a whole-disk image with a partition table")
    needed = max(first + count for first, count in used) * 512
    if needed > size:
        raise _refusal("the image is cut off", f"its partition table needs {needed} bytes, the file has {size}", "fetch it again")
