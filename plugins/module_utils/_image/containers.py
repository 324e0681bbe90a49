# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disk images in a format of their own: looked at here, so that qemu-img is given nothing that leads it to other files.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import struct
import uuid

from .._errors import BaremetalError

_QCOW2_MAGIC = b"QFI\xfb"
_VMDK_MAGIC, _VHDX_MAGIC, _VHD_MAGIC = b"KDMV", b"vhdxfile", b"conectix"
MAGICS = (_QCOW2_MAGIC, _VMDK_MAGIC, _VHDX_MAGIC, _VHD_MAGIC)

# qcow2 specification (qemu, docs/interop/qcow2.txt), incompatible features of version 3.
_QCOW2_DIRTY, _QCOW2_CORRUPT, _QCOW2_DATA_FILE, _QCOW2_COMPRESSION, _QCOW2_EXTENDED_L2 = (1 << bit for bit in range(5))
_QCOW2_ACCEPTED = _QCOW2_DIRTY | _QCOW2_COMPRESSION | _QCOW2_EXTENDED_L2
_QCOW2_DATA_FILE_EXTENSION = 0x44415441

# Flattening makes one self-contained file of an image and all that it refers to.
_FLATTEN = "flatten it with qemu-img convert to a self-contained qcow2 or raw file on a machine that you trust it on"
_AGAIN = "fetch it again"

# VMware, Virtual Disk Format 5.0: types that are one file and refer to no other.
_VMDK_TYPES = ("monolithicsparse", "streamoptimized")
# Bytes in which qemu looks for a parent, from the second sector on (block/vmdk.c).
_VMDK_DESCRIPTOR = 20 * 512

# Microsoft, Virtual Hard Disk Image Format Specification: values of the field disk type.
_VHD_FIXED, _VHD_DYNAMIC, _VHD_DIFFERENCING = 2, 3, 4

# MS-VHDX: places of the two region tables, and the GUIDs of what is read here.
_VHDX_REGIONS = (192 * 1024, 256 * 1024)
_VHDX_METADATA = uuid.UUID("8B7CA206-4790-4B9A-B8FE-575F050F886E")
_VHDX_PARAMETERS = uuid.UUID("CAA16737-FA36-4D43-B3B6-33F0AA44E76B")
_VHDX_SIZE = uuid.UUID("2FA54224-CD1B-4876-B211-5DBED83BF4B8")
_VHDX_HAS_PARENT = 2


def refusal(what, seen, cure):
    """The error for a file that is not accepted as an image."""
    return BaremetalError(what, stage="recognise the image", seen=seen, cure=cure)


def recognise(file, head, size):
    """Recognise and check an image that is not raw.

    :param file: the open file.
    :param head: its first bytes.
    :param size: its size in bytes.
    :returns: (format, virtual size in bytes), or None when it is none of these formats.
    :raises BaremetalError: when it is one of them and not self-contained, or damaged.
    """
    if head.startswith(_QCOW2_MAGIC):
        return "qcow2", _check_qcow2(head)
    if head.startswith(_VMDK_MAGIC):
        return "vmdk", _whole("VMDK", _check_vmdk(head))
    if head.startswith(_VHDX_MAGIC):
        return "vhdx", _whole("VHDX", _check_vhdx(file))
    # A fixed VHD is the raw disk with a footer behind it.
    file.seek(max(0, size - 512))
    footer = file.read(512)
    if head.startswith(_VHD_MAGIC) or footer.startswith(_VHD_MAGIC):
        return "vhd", _whole("VHD", _check_vhd(footer))
    return None


def _whole(name, size):
    if not size or size % 512:
        raise refusal(f"the {name} image has an impossible virtual size", f"{size} bytes", _AGAIN)
    return size


def _check_qcow2(head):
    """Check the header of a qcow2 file.

    :returns: its virtual size in bytes.
    :raises BaremetalError: on everything that could make qemu-img read another file, and on every
        incompatible feature whose meaning is not known here.
    """
    cure = _FLATTEN
    if len(head) < 72:
        raise refusal("the qcow2 image is cut off inside its header", f"{len(head)} bytes", "fetch it again")
    (version, backing_offset, backing_size, cluster_bits, virtual_size, encryption) = struct.unpack_from(">IQIIQI", head, 4)
    if version not in (2, 3):
        raise refusal("the qcow2 image has an unknown version", f"version {version}", cure)
    if backing_offset or backing_size:
        raise refusal("the qcow2 image names a backing file, so it is not the whole disk", "a backing file in its header", cure)
    if encryption:
        raise refusal("the qcow2 image is encrypted", f"encryption method {encryption}", cure)
    if not 9 <= cluster_bits <= 21:
        raise refusal("the qcow2 image has an impossible cluster size", f"2**{cluster_bits} bytes", "fetch it again")
    header_length = 72
    if version == 3:
        if len(head) < 104:
            raise refusal("the qcow2 image is cut off inside its header", f"{len(head)} bytes", "fetch it again")
        features, = struct.unpack_from(">Q", head, 72)
        header_length, = struct.unpack_from(">I", head, 100)
        if features & _QCOW2_DATA_FILE:
            raise refusal("the qcow2 image keeps its data in another file", "the feature bit external data file", cure)
        if features & _QCOW2_CORRUPT:
            raise refusal("the qcow2 image is marked as corrupt", "the feature bit corrupt", "repair it with qemu-img check, or fetch it again")
        if features & ~_QCOW2_ACCEPTED:
            raise refusal("the qcow2 image needs features that are not known", f"incompatible feature bits {features:#x}", cure)
    if _QCOW2_DATA_FILE_EXTENSION in _qcow2_extensions(head, header_length):
        raise refusal("the qcow2 image keeps its data in another file", "a header extension with the name of a data file", cure)
    if not virtual_size or virtual_size % 512:
        raise refusal("the qcow2 image has an impossible virtual size", f"{virtual_size} bytes", "fetch it again")
    return virtual_size


def _qcow2_extensions(head, offset):
    while offset + 8 <= len(head):
        kind, length = struct.unpack_from(">II", head, offset)
        if not kind:
            return
        yield kind
        offset += 8 + (length + 7) // 8 * 8


def _check_vmdk(head):
    """Check the sparse header and the descriptor inside it.

    :returns: the virtual size in bytes.
    """
    if len(head) < 1024:
        raise refusal("the VMDK image is cut off inside its header", f"{len(head)} bytes", _AGAIN)
    version, dummy, capacity, dummy, offset, length = struct.unpack_from("<IIQQQQ", head, 4)
    descriptor = head[offset * 512:(offset + length) * 512].split(b"\0")[0].decode("utf-8", "replace")
    kind = re.search(r'^\s*createType\s*=\s*"(\w+)"', descriptor, re.MULTILINE | re.IGNORECASE)
    # With no capacity in the header, qemu would go by the files that the descriptor names.
    if version not in (1, 2, 3) or not capacity or not kind:
        raise refusal("the VMDK image is of an unknown kind", f"version {version}, {capacity} sectors, {'a' if kind else 'no'} descriptor", _FLATTEN)
    if kind[1].lower() not in _VMDK_TYPES:
        raise refusal("the VMDK image keeps its data in other files", f"the type {kind[1]}", _FLATTEN)
    searched = (descriptor.encode() + head[512:512 + _VMDK_DESCRIPTOR]).lower()
    if b"parentfilenamehint" in searched or not re.search(rb"parentcid\s*=\s*ffffffff", searched):
        raise refusal("the VMDK image names a parent, so it is not the whole disk", "a parent in its descriptor", _FLATTEN)
    return capacity * 512


def _check_vhd(footer):
    """Check the footer, by its checksum too.

    :returns: the virtual size in bytes.
    """
    if len(footer) < 512 or not footer.startswith(_VHD_MAGIC):
        raise refusal("the VHD image is cut off", "no footer at its end", _AGAIN)
    size, dummy, kind, checksum = struct.unpack_from(">QIII", footer, 48)
    if checksum != ~(sum(footer) - sum(footer[64:68])) & 0xFFFFFFFF:
        raise refusal("the VHD image is damaged", "a wrong checksum of its footer", _AGAIN)
    if kind == _VHD_DIFFERENCING:
        raise refusal("the VHD image names a parent, so it is not the whole disk", "a differencing disk", _FLATTEN)
    if kind not in (_VHD_FIXED, _VHD_DYNAMIC):
        raise refusal("the VHD image is of an unknown kind", f"disk type {kind}", _FLATTEN)
    return size


def _check_vhdx(file):
    """Find the metadata by the region table, and in it the size and whether there is a parent.

    :returns: the virtual size in bytes.
    """
    size = parameters = None
    try:
        metadata = _vhdx_metadata(file)
        table = _at(file, metadata, 64 * 1024)
        if table[:8] != b"metadata":
            raise ValueError("no table of metadata")
        for entry in range(min(2047, struct.unpack_from("<H", table, 10)[0])):
            name, offset, length = struct.unpack_from("<16sII", table, 32 + entry * 32)
            name = uuid.UUID(bytes_le=name)
            if name == _VHDX_SIZE:
                size, = struct.unpack("<Q", _at(file, metadata + offset, 8))
            elif name == _VHDX_PARAMETERS:
                parameters, = struct.unpack_from("<I", _at(file, metadata + offset, 8), 4)
        if size is None or parameters is None:
            raise ValueError("no size or no parameters")
    except (struct.error, ValueError, OSError, OverflowError) as error:
        raise refusal("the VHDX image is damaged", str(error), _AGAIN) from error
    if parameters & _VHDX_HAS_PARENT:
        raise refusal("the VHDX image names a parent, so it is not the whole disk", "a differencing disk", _FLATTEN)
    return size


def _vhdx_metadata(file):
    for place in _VHDX_REGIONS:
        table = _at(file, place, 64 * 1024)
        if table[:4] != b"regi":
            continue
        for entry in range(min(2047, struct.unpack_from("<I", table, 8)[0])):
            name, offset = struct.unpack_from("<16sQ", table, 16 + entry * 32)
            if uuid.UUID(bytes_le=name) == _VHDX_METADATA:
                return offset
    raise ValueError("no region of metadata")


def _at(file, offset, length):
    file.seek(offset)
    return file.read(length)
