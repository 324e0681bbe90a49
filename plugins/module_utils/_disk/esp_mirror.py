# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The EFI system partition of a system on software RAID: a copy on each disk, kept alike by an array of its own.

The image's own one lies inside an array, where no firmware looks. So its content goes to the array that software_raid has made for it beside the
others, as in Ironic: RAID 1 with the superblock at the end, each of whose members is a plain FAT file system to the firmware.
Its start is zeroed before the image is written, and written last of all, so that in between the firmware finds no loader.
"""

from __future__ import annotations

import os

from .._errors import BaremetalError
from . import arrays, efi_loader
from .commands import run
from .devices import describe, is_array
from .partitions import MIB, geometry, write
from .software_raid_plan import ESP_NAME
from .system import boot_mode

STAGE = "mirror of the EFI system partition"
_PIECE = 4 * 1024 ** 2


def refuse_no_start(disk, *, mode=boot_mode, running=arrays.running):
    """Raise when a system on this disk could not be started: a BIOS finds no loader inside an array, and UEFI none without a mirror on all its disks.

    disk: a dict of list_disks. mode, running: for tests.
    """
    if not is_array(disk["type"]):
        return
    if mode() == "bios":
        raise BaremetalError(
            "%s is software RAID, from which a machine that was started by BIOS does not start an image; nothing was written" % describe(disk), stage=STAGE,
            cure="Set boot_mode of the node and its firmware to uefi and make the software RAID anew, or take another disk as root_device.")
    _whole_mirror(disk["name"], running())


def refuse_partitions(disk):
    """Raise when a disk is an array, and a partition image is to go there: as in Ironic, software RAID takes images of a whole disk alone.

    disk: a dict of list_disks.
    """
    if is_array(disk["type"]):
        raise BaremetalError("%s is software RAID, which takes no partition image; nothing was written" % describe(disk), stage=STAGE,
                             cure="Deploy an image of a whole disk, or take another disk as root_device.")


def stop_mirror(device, *, node=None, running=arrays.running):
    """Take away what the firmware starts the old system of an array by, before that system is overwritten.

    device: the disk that will carry the image; for one that is no array, or has no mirror, nothing is done. running: for tests.
    """
    mirror = _mirror_of(device, running())[1]
    if mirror:
        write(mirror["device"], [(0, bytes(MIB))], node)


def mirror_esp(device, *, node=None, running=arrays.running, esps_of=efi_loader.partitions_of):
    """Copy the EFI system partition of an image that was written to an array to where the firmware finds it.

    device: the disk that carries the image; for one that is no array nothing is done. running, esps_of: for tests.
    The image's own one loses its file system, so that its UUID and label mean the mirror in the installed system.
    Returns the array with the copy, or None. Raises BaremetalError when the image has none, or the disks have no mirror.
    """
    mirror = _whole_mirror(device, running(), node)
    if mirror is None:
        return None
    esps = esps_of(device, node)
    if not esps:
        raise BaremetalError("the image has no EFI system partition, so the machine cannot start from it by UEFI", node=node, stage=STAGE,
                             cure="Use an image made for UEFI.")
    source, size = esps[0]["partition"], geometry(esps[0]["partition"])[0]
    room, sector = geometry(mirror["device"])
    if size > room:
        raise BaremetalError("the EFI system partition of the image is larger than its mirror", node=node, stage=STAGE,
                             seen="%d bytes, and %d bytes of room" % (size, room), cure="Use an image whose EFI system partition has at most 512 MiB.")
    first = _copy(source, mirror["device"], size, sector)
    run(["wipefs", "--all", "--force", source], node=node, stage=STAGE)
    write(mirror["device"], [(0, first)], node)
    # What was read of the members before, past their array, is no longer true.
    for member in mirror["members"]:
        run(["blockdev", "--flushbufs", member], node=node, stage=STAGE)
    return mirror["device"]


def _mirror_of(device, there):
    """The array that a device is, and that of the EFI system partition on its disks; None for each that is not among those that run.

    Either may lack some of the disks.
    """
    root = next((array for array in there if array["device"] == device), None)
    if root is None:
        return None, None
    disks = set(root["disks"])
    return root, next((array for array in there if array["name"] == ESP_NAME and array["level"] == "raid1"
                       and (disks.issubset(array["disks"]) or disks.issuperset(array["disks"]))), None)


def _whole_mirror(device, there, node=None):
    """The mirror of the array that a device is, None for a device that is none. Raises BaremetalError when there is none, or either lacks a disk."""
    root, mirror = _mirror_of(device, there)
    if root is None:
        return None
    seen = "arrays: %s" % ", ".join("%s on %s" % (array["name"], ", ".join(array["disks"])) for array in there)
    arrays.refuse_lacking({array["name"]: array["members"] for array in (root, mirror) if array and array["lacks"]})
    if mirror is None or mirror["disks"] != root["disks"]:
        raise BaremetalError("the disks of %s have no array for the EFI system partition" % device, node=node, stage=STAGE, seen=seen,
                             cure="Make the software RAID anew on a machine that was started by UEFI (raid.delete_configuration, raid.create_configuration).")
    return mirror


def _copy(source, target, size, sector):
    """Copy all but the first sector, in whose place zeros are written, and return that sector."""
    try:
        with open(source, "rb") as reader:
            handle = os.open(target, os.O_WRONLY | os.O_EXCL | os.O_CLOEXEC)
            try:
                first = reader.read(sector)
                piece, left = memoryview(bytes(sector)), size - sector
                while piece:
                    piece = piece[os.write(handle, piece):]
                    if left and not piece:
                        piece = memoryview(reader.read(min(_PIECE, left)))
                        if not piece:
                            raise BaremetalError("%s ends early" % source, stage=STAGE, seen="%d bytes are missing" % left,
                                                 cure="Look at the kernel log (dmesg).")
                        left -= len(piece)
                os.fsync(handle)
                return first
            finally:
                os.close(handle)
    except OSError as error:
        raise BaremetalError("%s cannot be copied to %s" % (source, target), stage=STAGE, seen=error.strerror,
                             cure="Look at the kernel log (dmesg), and at lsblk for who uses it.") from None
