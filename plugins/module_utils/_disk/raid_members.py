# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which disks and partitions are members of a software RAID, whether it runs or not."""

from __future__ import annotations

from .._errors import BaremetalError
from .commands import find_tool, run


def raid_members(disks, *, runner=run):
    """List the members among the disks and their partitions, by name.

    disks: dicts of list_disks. Each member is {device, uuid (of its array), name, level (raid1, ...), raid_devices (int)}; None for what
    the superblock does not say. [] where mdadm is not installed.
    """
    if find_tool("mdadm") is None:
        return []
    found = []
    for disk in disks:
        for device in [disk["name"]] + disk["partitions"]:
            try:
                text = runner(["mdadm", "--examine", "--export", device], stage="RAID members").decode("utf-8", "replace")
            except BaremetalError:
                # Code 1 for a device without superblock.
                continue
            member = examined(text)
            if member:
                found.append({"device": device, **member})
    return found


def examined(text):
    """Return {uuid, name, level, raid_devices} from what ``mdadm --examine --export`` wrote; None when it tells of no array."""
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if not values.get("MD_UUID"):
        # A container's or a partition table's lines tell of no array.
        return None
    count = values.get("MD_DEVICES", "")
    return {
        "uuid": values["MD_UUID"],
        "name": values.get("MD_NAME") or None,
        "level": values.get("MD_LEVEL") or None,
        "raid_devices": int(count) if count.isdigit() else None,
    }
