# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images to test with."""

from __future__ import annotations

import hashlib
import pathlib
import random
import struct
import uuid
import zlib

MIB = 1024 * 1024
# Type of an EFI system partition in a GPT.
ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b").bytes_le


def gpt(size, sector=512, first=2048, last=None, kind=b"\x01" * 16):
    """Protective MBR, GPT header and entries with one partition of a type, as bytes for the start of a disk."""
    sectors = size // sector
    last = last if last is not None else sectors - 34
    entry = struct.pack("<16s16sQQQ72s", kind, b"\x02" * 16, first, last, 0, "root".encode("utf-16-le"))
    entries = entry.ljust(128 * 128, b"\0")
    header = struct.pack(
        "<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, 0, 0, 1, sectors - 1, 34, sectors - 34, b"\x03" * 16, 2, 128, 128, zlib.crc32(entries))
    header = header[:16] + struct.pack("<I", zlib.crc32(header)) + header[20:]
    mbr = bytes(446) + struct.pack("<B3xB3xII", 0, 0xEE, 1, sectors - 1) + bytes(48) + b"\x55\xaa"
    return mbr.ljust(sector, b"\0") + header.ljust(sector, b"\0") + entries


def mbr(size, kind=0x83):
    """A sector with boot code, a boot signature and one partition of a type from 1 MiB to the end."""
    return b"\xfa\x31\xc0" + bytes(443) + struct.pack("<B3xB3xII", 0x80, kind, 2048, size // 512 - 2048) + bytes(48) + b"\x55\xaa"


def make_raw(path, size, extents=(), head=None, seed=0):
    """Write a sparse raw image: a GPT (or ``head``) and random data at the (offset, length) extents."""
    chance = random.Random(seed)
    with open(path, "wb") as file:
        file.truncate(size)
        file.write(gpt(size) if head is None else head)
        for offset, length in extents:
            file.seek(offset)
            file.write(chance.randbytes(length))
    return pathlib.Path(path)


def sha256(path):
    return "sha256:" + hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
