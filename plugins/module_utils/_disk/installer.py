# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk that is given to an installer, which writes there later, by itself and under another kernel: it knows neither hints nor protection."""

from __future__ import annotations

import os

from .._errors import BaremetalError
from .devices import describe, describe_all
from .protect import refuse_to_write

STAGE = "installer"
# Links below by-id that udev names by the WWN alone: wwn- for SCSI and ATA, nvme- with what the kernel itself tells in wwid. Others carry model and serial
# number, which the namespaces of one NVMe drive have in common.
BY_WWN = ("wwn-", "nvme-")


def path_for_installer(disk, disks, interlock, hints, *, dev="/dev", refuse=refuse_to_write):
    """Refuse a disk as the write of an image does, and return the path by which an installer finds it.

    disk: the dict of list_disks that the hints chose. disks: all of them. interlock, hints: as refuse_to_write takes them. dev, refuse: for tests.
    The path is a link that means the same disk whatever the kernel calls it: the one below by-path, else one below by-id. A kernel name is returned where
    there is no other disk that could have it. Raises BaremetalError for a disk that must not be written, and for one without such a path.
    """
    refuse(disk, interlock, hints)
    path = disk["by_path"] or _by_wwn(disk, disks, os.path.join(dev, "disk/by-id")) or (disk["name"] if len(disks) == 1 else None)
    if path is None:
        raise BaremetalError(
            "%s has no link by which an installer would surely find it; nothing was written" % describe(disk), stage=STAGE,
            seen="no link below /dev/disk/by-path, none below /dev/disk/by-id with a WWN of its own, and other disks: %s" % describe_all(
                [other for other in disks if other["name"] != disk["name"]]),
            cure="Deploy an image, which is written to the disk that is seen here, or take another disk as root_device.")
    return path


def _by_wwn(disk, disks, folder):
    """The link of a disk that carries its WWN, where no other disk tells the same one; or None."""
    wwn = _wwn(disk)
    if not wwn or [_wwn(other) for other in disks].count(wwn) != 1:
        return None
    links = [os.path.join(folder, begin + wwn) for begin in BY_WWN]
    return next((link for link in links if os.path.realpath(link) == disk["name"]), None)


def _wwn(disk):
    return disk["wwn_with_extension"] or disk["wwn"]
