# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition tables and signatures: wipe, re-read, backup GPT, a partition at the end."""

from __future__ import annotations

import fcntl
import json
import os
import struct
import time

from .._errors import BaremetalError
from .commands import find_tool, run
from .devices import partition_name, partitions

STAGE = "partitions"
MIB = 1024 ** 2
# The config drive may have 64 MiB; one more keeps that true after alignment.
CONFIG_DRIVE_SIZE = 65 * MIB
# What wipe_metadata zeroes at both ends of a disk; more than any GPT (33 sectors) needs.
END_SIZE = MIB
BLKSSZGET = 0x1268
BLKGETSIZE64 = 0x80081272
BLKFLSBUF = 0x1261
# In front of the disk's signature and the entries, the first sector holds code.
BOOT_CODE = 440
# Types of an EFI system partition in a GPT and in an MBR (UEFI specification, 5.2.2 and 5.3.3).
ESP_TYPES = ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EF")
# MBR entries hold 32-bit sector numbers.
MBR_SECTORS = 2 ** 32


def geometry(device):
    """Return (size in bytes, bytes per logical sector) of a block device. Raises BaremetalError."""
    try:
        with open(device, "rb") as stream:
            size = struct.unpack("Q", fcntl.ioctl(stream, BLKGETSIZE64, b"\0" * 8))[0]
            sector = struct.unpack("i", fcntl.ioctl(stream, BLKSSZGET, b"\0" * 4))[0]
    except OSError as error:
        raise _unreadable(device, error) from None
    return size, sector


def reread(device, *, node=None):
    """Make the kernel read the partition table anew and wait for udev to finish with it.

    udev opens a device that was just written and so blocks the kernel for a moment: hence the
    attempts. Raises BaremetalError when the kernel still refuses, which means that it is in use.
    """
    settle(node=node)
    for attempt in range(5):
        try:
            run(["blockdev", "--rereadpt", device], node=node, stage=STAGE)
            break
        except BaremetalError:
            if attempt == 4:
                raise
            time.sleep(0.3)
            settle(node=node)
    # A kernel without the parser for this table learns the partitions from partx; elsewhere partx
    # finds nothing to do. It fails on a table without partitions.
    if table_type(device, node=node) and table(device, node):
        run(["partx", "--update", device], node=node, stage=STAGE)
    settle(node=node)


def settle(*, patience=30, node=None):
    """Wait until udev has handled all events, for so many seconds; nothing to wait for where udev does not run. Raises BaremetalError."""
    if find_tool("udevadm") and os.path.exists("/run/udev/control"):
        run(["udevadm", "settle", "--timeout=%d" % patience], node=node, stage=STAGE, timeout=patience + 90)


def table_type(device, *, node=None):
    """Return "gpt", "dos" or None: the kind of partition table on a device."""
    text = run(["blkid", "-p", "-s", "PTTYPE", "-o", "value", device], node=node, stage=STAGE, ok=(0, 2))
    kind = text.decode().strip()
    return kind if kind in ("gpt", "dos") else None


def label(device, *, node=None):
    """Return the file system label that is on a device, or None; read from the device itself."""
    text = run(["blkid", "-p", "-s", "LABEL", "-o", "value", device], node=node, stage=STAGE, ok=(0, 2))
    return text.decode("utf-8", "replace").strip() or None


def move_backup_gpt(device, *, node=None):
    """Move the backup GPT of a freshly written image to the end of the disk.

    Returns True when that was done, False when the disk has no GPT. Raises BaremetalError when
    sgdisk fails.
    """
    if table_type(device, node=node) != "gpt":
        return False
    run(["sgdisk", "-e", device], node=node, stage=STAGE)
    reread(device, node=node)
    return True


def signatures(device, *, node=None):
    """List what marks a disk as used, as dicts {device, type, offset}.

    Signatures of the disk and of its partitions as wipefs sees them, and a GPT header in the last
    sector, which wipefs only sees while the first sectors are intact.
    """
    found = []
    for path in [device] + [path for _number, path in partitions(device)]:
        argv = ["wipefs", "--json", "--output", "TYPE,OFFSET", path]
        text = run(argv, node=node, stage=STAGE).decode("utf-8", "replace").strip()
        for entry in json.loads(text)["signatures"] if text else []:
            found.append({"device": path, "type": entry["type"], "offset": int(entry["offset"], 16)})
    size, sector = geometry(device)
    backup = size - sector
    if read(device, backup, 8) == b"EFI PART" and not any(entry["offset"] == backup for entry in found):
        found.append({"device": device, "type": "gpt", "offset": backup})
    return found


def stop_booting(device, *, node=None):
    """Take away what a disk boots from, and nothing else: its boot code and the start of its EFI system partitions.

    The partition table stays as it is. So a disk that is about to lose its content does not start half of it.
    """
    sector = geometry(device)[1]
    pieces = [(0, bytes(BOOT_CODE) + read(device, 0, sector)[BOOT_CODE:])]
    text = run(["sfdisk", "--json", device], node=node, stage=STAGE, ok=(0, 1))
    for entry in json.loads(text)["partitiontable"].get("partitions", []) if text.strip() else []:
        if entry.get("type", "").upper() in ESP_TYPES:
            pieces.append((entry["start"] * sector, bytes(MIB)))
    write(device, pieces, node)


def wipe_metadata(device, *, node=None):
    """Remove every partition table and signature of a disk, and prove it by reading back.

    What the disk boots from goes first, then signatures of partitions, the table after them; then END_SIZE bytes at both ends are
    zeroed. Returns the signatures that were found. Raises BaremetalError when the device is in
    use, cannot be written or still shows signatures afterwards.
    """
    found = signatures(device, node=node)
    stop_booting(device, node=node)
    for _number, path in reversed(partitions(device)):
        run(["wipefs", "--all", "--force", path], node=node, stage=STAGE)
    # -Z follows the header to a backup table that does not sit at the end of the disk; it ends
    # with 2 when the table that it destroys was damaged.
    run(["sgdisk", "-Z", device], node=node, stage=STAGE, ok=(0, 2))
    run(["wipefs", "--all", "--force", device], node=node, stage=STAGE)
    size, _sector = geometry(device)
    length = min(END_SIZE, size)
    write(device, [(0, b"\0" * length), (size - length, b"\0" * length)], node)
    reread(device, node=node)
    left = signatures(device, node=node)
    dirty = any(read(device, offset, length).strip(b"\0") for offset in (0, size - length))
    if left or dirty or partitions(device):
        raise BaremetalError(
            "%s still carries metadata after the wipe" % device,
            node=node,
            stage=STAGE,
            seen=", ".join("%(type)s on %(device)s at %(offset)d" % entry for entry in left)
            or "data other than zero, or partitions",
            cure="The disk does not keep what is written to it: check its health (smartctl) and replace it.",
        )
    return found


def add_partition_at_end(device, name, *, node=None):
    """Add a partition of CONFIG_DRIVE_SIZE at the end of a disk, and return its device.

    device: a disk that already carries its image (backup GPT moved). name: name of the partition in a GPT. Raises BaremetalError when the disk has no
    room or no partition table.
    """
    size, sector = geometry(device)
    kind = table_type(device, node=node)
    if kind == "gpt":
        number = _add_gpt_partition(device, name, node)
    elif kind == "dos":
        number = _add_mbr_partition(device, size // sector, sector, node)
    else:
        raise config_drive_error("%s has neither a GPT nor an MBR partition table" % device, node)
    reread(device, node=node)
    return partition_name(device, number)


def _add_gpt_partition(device, name, node):
    """Add the partition at the end of a GPT disk and return its number."""
    before = table(device, node)
    start = "0:-%dM:0" % (CONFIG_DRIVE_SIZE // MIB)
    try:
        run(
            ["sgdisk", "-n", start, "-c", "0:" + name, "-t", "0:8300", device],
            node=node,
            stage=STAGE,
        )
    except BaremetalError as error:
        raise _no_room(device, node, error.seen or error.what) from None
    return min(set(table(device, node)) - set(before))


def _no_room(device, node, seen=None):
    return config_drive_error(
        "there is no room for a config drive of 64 MiB at the end of %s" % device,
        node,
        "Use an image that is smaller than the disk, or a larger disk.",
        seen=seen,
    )


def refuse_full(disk, kind, there):
    """Make sure, as far as it can be told beforehand, that add_partition_at_end finds a place on a disk.

    disk: from list_disks. kind: "gpt" or "mbr". there: the table that the disk will have, as ``table`` returns it. Raises BaremetalError when it
    finds none.
    """
    sector = disk["logical_sectors"]
    sectors = disk["size"] // sector
    if kind == "mbr":
        _mbr_place(disk["name"], there, sectors, sector, None)
        return
    free = position = 0
    for start, length in sorted(there.values()):
        free = max(free, start - position)
        position = max(position, start + length)
    free = max(free, sectors - position) * sector
    # Of the last MiB it depends on where sgdisk aligns the partition.
    if free < CONFIG_DRIVE_SIZE - MIB:
        raise _no_room(disk["name"], None, "the partitions of the image leave %d MiB free" % (free // MIB))


def table(device, node=None):
    """Return the partition table on a disk as {number: (first sector, number of sectors)}; it must have one."""
    text = run(["sfdisk", "--json", device], node=node, stage=STAGE)
    entries = json.loads(text)["partitiontable"].get("partitions", [])
    return {
        int(entry["node"][len(device):].lstrip("p")): (entry["start"], entry["size"]) for entry in entries
    }


def _add_mbr_partition(device, sectors, sector, node):
    """Add the partition at the end of an MBR disk (or below 2 TiB) and return its number."""
    number, start, length = _mbr_place(device, table(device, node), sectors, sector, node)
    line = "start=%d, size=%d, type=83\n" % (start, length)
    argv = ["sfdisk", "--no-reread", "--no-tell-kernel", "--force", "-N", str(number), device]
    run(argv, node=node, stage=STAGE, stdin=line.encode())
    return number


def _mbr_place(device, there, sectors, sector, node):
    """Return (number, first sector, number of sectors) for the partition on an MBR disk with such a table."""
    free = [number for number in (1, 2, 3, 4) if number not in there]
    if not free:
        raise config_drive_error(
            "%s has an MBR with four primary partitions, so no partition can be added" % device,
            node,
            "Use an image with a GPT, or one that leaves a primary partition free.",
        )
    step = MIB // sector
    start = (min(sectors, MBR_SECTORS) - CONFIG_DRIVE_SIZE // sector) // step * step
    length = CONFIG_DRIVE_SIZE // sector
    if start < step or any(low < start + length and start < low + size for low, size in there.values()):
        raise _no_room(device, node)
    return free[0], start, length


def config_drive_error(what, node, cure=None, seen=None):
    """An error of the stage config drive."""
    return BaremetalError(what, node=node, stage="config drive", seen=seen, cure=cure)


def write(device, pieces, node):
    """Write (offset, bytes) pieces to a device that nobody else uses, and flush them to it.

    O_EXCL on a block device fails while it, or a partition of it, is mounted or held (open(2)).
    """
    try:
        handle = os.open(device, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
        try:
            for offset, data in pieces:
                view = memoryview(data)
                while view:
                    done = os.pwrite(handle, view, offset)
                    view, offset = view[done:], offset + done
            os.fsync(handle)
            # Read-back shall come from the disk and not from the page cache.
            fcntl.ioctl(handle, BLKFLSBUF, 0)
        finally:
            os.close(handle)
    except OSError as error:
        raise BaremetalError(
            "%s cannot be written" % device,
            node=node,
            stage=STAGE,
            seen=error.strerror,
            cure="Look at the kernel log (dmesg), and at lsblk for who uses the disk.",
        ) from None


def read(device, offset, length):
    """Return so many bytes of a device from an offset on, fewer at its end. Raises BaremetalError."""
    try:
        with open(device, "rb") as stream:
            stream.seek(offset)
            return stream.read(length)
    except OSError as error:
        raise _unreadable(device, error) from None


def _unreadable(device, error):
    return BaremetalError("%s cannot be read" % device, stage=STAGE, seen=error.strerror,
                          cure="Look at the kernel log (dmesg) and at the health of the disk (smartctl); replace a disk that fails.")
