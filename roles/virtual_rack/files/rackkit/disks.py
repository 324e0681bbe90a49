# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks of the machines: sparse raw files, written once and never again."""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from pathlib import Path

from .ground import RackError, run, write_file

GIB = 1024**3
MIB = 1024**2
SECTOR = 512
STALE_BLOCKS = 4
HASH_CHUNK = 4 * MIB


def ensure(rack, check_mode):
    """Make the disk files that are missing; what exists is kept, whatever the machines wrote to it.

    :raises RackError: an existing file has another size than the node's description.
    """
    done = []
    for node in rack.nodes:
        directory = rack.dir / "disks" / node["name"]
        for disk in node["disks"]:
            path, size = directory / f"{disk['name']}.raw", disk["size_gib"] * GIB
            if path.exists():
                if path.stat().st_size != size:
                    raise RackError(
                        f"{node['name']}: disk file {path} has {path.stat().st_size} bytes, the node's description says {size}. "
                        "To do: take the rack down (virtual_rack_state: absent) before you change disk sizes."
                    )
                continue
            done.append(f"disk {disk['serial']} of {node['name']} made ({disk['size_gib']} GiB, {disk.get('fill', 'blank')})")
            if not check_mode:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                make(path, disk, size)
    return {"changed": bool(done), "messages": done}


def make(path, disk, size):
    """Write one disk file under a temporary name and give it its name when it is complete.

    :param path: where the disk goes; ``<name>.sha256`` is written beside a disk with data.
    :param disk: mapping with ``serial`` and perhaps ``fill``: ``stale``, ``data`` or ``blank``.
    :param size: bytes.
    """
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as stream:
        stream.truncate(size)
        os.fchmod(stream.fileno(), 0o600)
    if disk.get("fill") == "stale":
        write_stale(unfinished, disk["serial"], size)
    elif disk.get("fill") == "data":
        write_data(unfinished, disk["serial"])
        digest = sparse_sha256(unfinished)
        write_file(path.with_suffix(".sha256"), f"{digest}  {path.name}\n", 0o644)
    os.replace(unfinished, path)


def stale_pattern(serial):
    """Return one MiB of text that names the disk, so that left-overs are recognised wherever they show."""
    line = f"stale data of disk {serial}; ".encode()
    return (line * (MIB // len(line) + 1))[:MIB]


def write_stale(path, serial, size):
    """Write an old partition table and old data at the start, in the middle and at the end of the disk."""
    # The boot code hands back to the firmware (int 18h, then halt): a BIOS that tries this disk goes on to the next.
    boot_code = b"\xcd\x18\xf4\xeb\xfd"
    partition = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", MIB // SECTOR, 64 * MIB // SECTOR)
    table = boot_code.ljust(446, b"\0") + partition.ljust(64, b"\0") + b"\x55\xaa"
    pattern = stale_pattern(serial)
    with open(path, "r+b") as stream:
        stream.write(table)
        for start in (MIB, size // 2, size - STALE_BLOCKS * MIB):
            stream.seek(start)
            stream.write(pattern * STALE_BLOCKS)


def write_data(path, serial):
    """Make an ext4 file system with one file in it that says whose it is."""
    with tempfile.TemporaryDirectory(dir=path.parent) as content:
        (Path(content) / "precious.txt").write_text(f"The data of disk {serial} must survive.\n", encoding="ascii")
        run(["mkfs.ext4", "-q", "-F", "-L", "precious", "-d", content, path])


def sparse_sha256(path):
    """Return the SHA-256 of a whole file; its holes are not read but counted as the zeros they are."""
    digest, zeros = hashlib.sha256(), bytes(HASH_CHUNK)
    with open(path, "rb") as stream:
        handle, position = stream.fileno(), 0
        size = os.fstat(handle).st_size
        while position < size:
            try:
                data = os.lseek(handle, position, os.SEEK_DATA)
            except OSError:
                data = size
            while position < data:
                step = min(HASH_CHUNK, data - position)
                digest.update(zeros[:step])
                position += step
            end = os.lseek(handle, position, os.SEEK_HOLE) if position < size else size
            while position < end:
                chunk = os.pread(handle, min(HASH_CHUNK, end - position), position)
                digest.update(chunk)
                position += len(chunk)
    return digest.hexdigest()
