# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two disks with the same identifiers: an image that is on a second disk of the machine too.

The firmware may then start the one disk, and its kernel take the root file system of the other one, which is the system of the last tenant.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .commands import run
from .devices import describe_all, list_disks, partitions
from .erase import sort_out, transport_of
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
    # In this order, further paths to the disk itself are known as such.
    disks = sorted(lister(), key=lambda disk: disk["name"] != device)
    others = [disk for disk in sort_out(disks, skip_list(skip), transport=transport_of)[0] if disk["name"] != device]
    twins = []
    for disk in others:
        # One that cannot be read starts nothing either, and is no matter of this deploy.
        with contextlib.suppress(BaremetalError):
            if mine & _identifiers([disk["name"], *disk["partitions"]], runner):
                twins.append(disk)
    if twins:
        raise BaremetalError(
            "another disk of this machine has the same identifiers as %s with this image, so that it may start from either" % device, stage=STAGE,
            seen=describe_all(twins),
            cure="Erase the other disk (the step deploy.erase_devices_metadata with clean_disks: all), take it as root_device, or put it into "
            "skip_block_devices if the machine does not start from it.")


def _identifiers(devices, runner):
    """The UUIDs of partitions and of what is in them, as they are on the disk; udev, which lsblk asks, may be behind."""
    found = set()
    for device in devices:
        # Ends with 2 where it sees nothing, and with 8 where it sees two things at once, of which it tells neither.
        text = runner(["blkid", "-p", "-o", "export", device], stage=STAGE, timeout=PATIENCE, ok=(0, 2, 8)).decode("utf-8", "replace")
        values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        found |= {values.get("PART_ENTRY_UUID"), None if values.get("TYPE") in SHARED else values.get("UUID")}
    return found - {None}
