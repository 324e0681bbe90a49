# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What another disk of the machine must not have beside the one that carries the image: the same identifiers, and a config drive.

With the same identifiers the firmware may start the one disk, and its kernel take the root file system of the other one, which is the system of the last
tenant. Config drives are found by their label, whatever disk they are on (cloud-init, DataSourceConfigDrive and DataSourceNoCloud), so that the keys and
the user data might be those of the last tenant.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .commands import run
from .config_drive import LABELS
from .devices import describe_all, list_disks, partitions
from .erase import sort_out
from .hints import skip_list

STAGE = "identifiers"
# The members of one array have its UUID in common, and the UUID of an ISO image is when it was made.
SHARED = ("linux_raid_member", "iso9660")
# Seconds for a look at a few sectors.
PATIENCE = 20


def refuse_twins(device, skip=(), *, lister=list_disks, runner=run):
    """Raise when another disk has a file system or a partition of the same UUID as the disk that was just written.

    device: what carries the image. skip: skip_block_devices. lister, runner: for tests. Disks of the skip list, disks in a network and disks that can
    be taken out are not looked at: they may be another machine's. Nor is what stands on disks, as arrays and volumes. Raises BaremetalError.
    """
    mine = _identifiers([device, *(path for _number, path in partitions(device))], runner)
    twins = _others(device, skip, lister, lambda devices: mine & _identifiers(devices, runner))
    if twins:
        raise BaremetalError(
            "another disk of this machine has the same identifiers as %s with this image, so that it may start from either" % device, stage=STAGE,
            seen=describe_all(twins),
            cure="Erase the other disk (the step deploy.erase_devices_metadata with clean_disks: all), take it as root_device, or put it into "
            "skip_block_devices if the machine does not start from it.")


def refuse_other_config_drives(device, skip=(), *, lister=list_disks, runner=run):
    """Raise when another disk has a config drive, before one is written to this disk.

    device: what will carry the image and its config drive. skip, lister, runner and what is not looked at: as in refuse_twins. Raises BaremetalError.
    """
    found = _others(device, skip, lister, lambda devices: any((values.get("LABEL") or "").lower() in LABELS for values in _probed(devices, runner)))
    if found:
        raise BaremetalError(
            "another disk of this machine has a config drive, which the system on %s might take for its own; nothing was written" % device, stage=STAGE,
            seen=describe_all(found),
            cure="Erase the other disk (the step deploy.erase_devices_metadata with clean_disks: all), or put it into skip_block_devices if the machine "
            "does not see it once the system runs.")


def _others(device, skip, lister, test):
    """The other disks for which the names of the disk and its partitions pass a test."""
    # In this order, further paths to the disk itself are known as such.
    disks = sorted(lister(), key=lambda disk: disk["name"] != device)
    found = []
    for disk in sort_out(disks, skip_list(skip))[0]:
        # One that cannot be read starts nothing either, and is no matter of this deploy.
        with contextlib.suppress(BaremetalError):
            if disk["name"] != device and test([disk["name"], *disk["partitions"]]):
                found.append(disk)
    return found


def _probed(devices, runner):
    """What blkid tells of devices, as they are on the disk; udev, which lsblk asks, may be behind."""
    for device in devices:
        # Ends with 2 where it sees nothing, and with 8 where it sees two things at once, of which it tells neither.
        text = runner(["blkid", "-p", "-o", "export", device], stage=STAGE, timeout=PATIENCE, ok=(0, 2, 8)).decode("utf-8", "replace")
        yield dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _identifiers(devices, runner):
    """The UUIDs of partitions and of what is in them."""
    found = set()
    for values in _probed(devices, runner):
        found |= {values.get("PART_ENTRY_UUID"), None if values.get("TYPE") in SHARED else values.get("UUID")}
    return found - {None}
