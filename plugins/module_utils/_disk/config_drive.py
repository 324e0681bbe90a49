# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The config drive in a partition at the end of the disk: written, read back, kept for the next image.

A drive is the bytes of an ISO 9660 image, or what a FAT file system holds: {"label": ..., "files": {path: bytes}}. ISO 9660
has blocks of 2048 bytes, and the kernel mounts no file system whose blocks are smaller than a sector. So on a disk with
sectors of 4096 bytes the drive is FAT, which cloud-init looks for under the same labels.
"""

from __future__ import annotations

import os
import tempfile

from . import iso_files
from .._errors import BaremetalError
from .commands import run
from .devices import partitions
from .partitions import MIB, STAGE, add_partition_at_end, config_drive_error, geometry, label, read, refuse_full, settle, write

# Of the layouts ConfigDrive and NoCloud; in any case of letters.
LABELS = ("config-2", "cidata")
LIMIT = 64 * MIB


def add_config_drive(device, drive, *, node=None):
    """Write a config drive to a partition at the end of the disk and return the partition's name.

    device: a disk that already carries its image (backup GPT moved). drive: see the top of this file. A partition whose content has the label of a
    config drive is used again. Raises BaremetalError when the drive is none or too large, the disk has no room or no partition table, or reading back
    shows something else.
    """
    check(drive, node=node)
    partition = find_config_drive(device, node=node)
    if partition is None:
        partition = add_partition_at_end(device, _name(drive), node=node)
    fill_config_drive(partition, drive, node=node)
    return partition


def _name(drive):
    """Label of a drive, in small letters."""
    return (iso_files.label(drive) if isinstance(drive, bytes) else drive["label"]).lower()


def fill_config_drive(partition, drive, *, node=None):
    """Write a config drive to a partition. Raises BaremetalError when it is none or too large, or reading back shows something else."""
    check(drive, node=node)
    if isinstance(drive, bytes) and geometry(partition)[1] > iso_files.BLOCK:
        drive = {"label": iso_files.label(drive), "files": iso_files.read(drive)}
    name = _name(drive)
    run(["wipefs", "--all", "--force", partition], node=node, stage=STAGE)
    if isinstance(drive, bytes):
        _write_iso(partition, drive, node)
    else:
        _write_fat(partition, name, drive["files"], node)
    settle(node=node)
    seen = label(partition, node=node)
    back = read(partition, 0, len(drive)) if isinstance(drive, bytes) else read_config_drive(partition, node=node)
    if back != drive or (seen or "").lower() != name:
        raise config_drive_error("%s does not read back as the config drive that was written (label %s)" % (partition, seen), node)


def check(drive, *, node=None):
    """Make sure that a drive is one, and small enough. Raises BaremetalError."""
    if not isinstance(drive, bytes):
        return
    if iso_files.label(drive) is None:
        raise config_drive_error("the config drive is not an ISO 9660 image", node)
    if len(drive) > LIMIT:
        raise config_drive_error("the config drive has %d bytes and may have %d" % (len(drive), LIMIT), node)
    if iso_files.label(drive).lower() not in LABELS:
        raise config_drive_error(
            "the config drive has the label %s, under which nobody looks for it" % (iso_files.label(drive) or "of none"),
            node,
            "Give the image the label config-2 (ConfigDrive) or cidata (NoCloud).",
        )


def find_config_drive(device, *, node=None):
    """Return the partition of a disk whose content has the label of a config drive (any case), or None."""
    for _number, path in partitions(device):
        if (label(path, node=node) or "").lower() in LABELS:
            return path
    return None


def refuse_no_room(disk, kind, there, heads):
    """Make sure, before an image is written, that add_config_drive will find a partition.

    disk: from list_disks. kind: the partition table of the image, "gpt" or "mbr". there: {number: (first sector, number of sectors)}, what it holds.
    heads: iterable of the first bytes of each partition of the image. Raises BaremetalError when the disk will have no room, and no partition of the
    image can be a config drive of its own.
    """
    try:
        refuse_full(disk, kind, there)
    except BaremetalError:
        # Wherever the label stands in it: what file system it is shows when it is on the disk.
        if not any(name.encode() in head.lower() for head in heads for name in LABELS):
            raise


def keep_config_drive(device, *, node=None):
    """Return the config drive that is on a disk, before an image is written over it.

    Raises BaremetalError when there is none.
    """
    partition = find_config_drive(device, node=node)
    if partition is None:
        raise config_drive_error(
            "%s has no config drive that could be preserved" % device,
            node,
            "Give a config drive, for instance by the variables of the role deploy.",
            seen="no partition with a label of %s" % " or ".join(LABELS),
        )
    return read_config_drive(partition, node=node)


def read_config_drive(partition, *, node=None):
    """Return the config drive in a partition, see the top of this file. Raises BaremetalError when it cannot be read."""
    head = read(partition, 0, 17 * iso_files.BLOCK)
    if iso_files.label(head) is not None:
        # Where the image does not tell its size, all that may belong to it.
        return read(partition, 0, min(iso_files.size(head) or LIMIT, LIMIT))
    with tempfile.TemporaryDirectory(prefix="config-drive-") as folder:
        _mtools("mcopy", partition, "-s", "-n", "::/", folder, node=node)
        files = {}
        for place, _folders, names in os.walk(folder):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as stream:
                    files[os.path.relpath(path, folder)] = stream.read(LIMIT + 1)
    return {"label": (label(partition, node=node) or "").lower(), "files": files}


def _write_iso(partition, image, node):
    room = geometry(partition)[0]
    if room < len(image):
        raise config_drive_error("%s has %d bytes and the config drive needs %d" % (partition, room, len(image)), node)
    write(partition, [(0, image)], node)


def _write_fat(partition, name, files, node):
    """Make a FAT file system that holds the files."""
    with tempfile.TemporaryDirectory(prefix="config-drive-") as folder:
        for path, content in files.items():
            place = os.path.join(folder, path)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as stream:
                stream.write(content)
        sector = geometry(partition)[1]
        # Labels of FAT are in capitals, by rule; cloud-init knows both.
        run(["mkfs.vfat", "-S", str(sector), "-n", name.upper(), partition], node=node, stage="config drive")
        names = sorted(os.path.join(folder, entry) for entry in os.listdir(folder))
        if names:
            _mtools("mcopy", partition, "-s", *names, "::/", node=node)
    # What was written went through the page cache; this makes it reach the disk.
    write(partition, [], node)


def _mtools(program, partition, *arguments, node):
    return run([program, "-i", partition, *arguments], node=node, stage="config drive")
