# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arrays of software RAID (md): those that run, those that can be assembled, and an array as a disk that root device hints can mean.

The ramdisk assembles nothing by itself, so that disks can be erased. An array runs there once somebody asks for it by its name.
"""

from __future__ import annotations

import os

from .._errors import BaremetalError
from .commands import run
from .devices import list_disks
from .hints import VOLUME_NAME, NoMatch, is_skipped, matches, parse, skip_list
from .partitions import settle
from .raid_members import examined, raid_members
from .stack import disk_of

STAGE = "software RAID"


def running(*, sysfs="/sys", dev="/dev", runner=run):
    """List the arrays that run, by device.

    Each is a dict {device, name, uuid, level (raid1, ...), raid_devices, members: [/dev names of those that work], lacks: how many it has too few,
    disks: [/dev names]}.
    """
    found = []
    base = os.path.join(sysfs, "block")
    for name in sorted(os.listdir(base), key=lambda name: (len(name), name)):
        if not os.path.isdir(os.path.join(base, name, "md")):
            continue
        everyone = sorted(os.listdir(os.path.join(base, name, "slaves")))
        if not everyone:
            # What mdadm has stopped may leave its name behind.
            continue
        device = os.path.join(dev, name)
        facts = examined(runner(["mdadm", "--detail", "--export", device], stage=STAGE).decode("utf-8", "replace")) or dict.fromkeys(
            ("uuid", "name", "level", "raid_devices"))
        members = [member for member in everyone if "faulty" not in _state(os.path.join(base, name, "md", "dev-" + member))]
        found.append(dict(facts, device=device, name=plain_name(facts["name"]), members=[os.path.join(dev, member) for member in members],
                          lacks=max(0, (facts["raid_devices"] or 0) - len(members)), disks=sorted({disk_of(member, sysfs, dev) for member in everyone})))
    return found


def _state(member):
    """The words of the kernel for a member of an array (md.rst, "state"): in_sync, spare, faulty, ...; one that is being filled counts as there."""
    try:
        with open(os.path.join(member, "state"), encoding="ascii") as stream:
            return stream.read().strip().split(",")
    except OSError:
        return []


def plain_name(name):
    """Return the name of an array without the name of the host that made it, which mdadm writes in front; None for none."""
    return name.rpartition(":")[2] if name else None


def free_device(*, sysfs="/sys", dev="/dev"):
    """Return the /dev name of an array that does not exist."""
    return next(os.path.join(dev, "md%d" % number) for number in range(1024) if not os.path.exists(os.path.join(sysfs, "block", "md%d" % number)))


def assemble(disks, *, sysfs="/sys", dev="/dev", runner=run):
    """Assemble every array whose members are all on these disks, and return those that lack members.

    disks: dicts of list_disks; other disks are not read. A member that mdadm leaves out, because the others have gone on without it, is lacking too.
    Returns {name of an array that lacks members: [its members that work]}. Raises BaremetalError when mdadm fails.
    """
    there = {array["uuid"] for array in running(sysfs=sysfs, dev=dev, runner=runner)}
    groups = {}
    for member in raid_members(disks, runner=runner):
        if member["uuid"] not in there:
            groups.setdefault(member["uuid"], []).append(member)
    lacking = {}
    for uuid, members in groups.items():
        devices = [member["device"] for member in members]
        if len(members) < (members[0]["raid_devices"] or 0):
            lacking[plain_name(members[0]["name"])] = devices
            continue
        runner(["mdadm", "--assemble", free_device(sysfs=sysfs, dev=dev), "--uuid=" + uuid, *devices], stage=STAGE)
    settle()
    return {**lacking, **lacking_of({disk["name"] for disk in disks}, running(sysfs=sysfs, dev=dev, runner=runner))}


def lacking_of(names, arrays):
    """Return {name: [members that work]} of those running arrays on the disks of these /dev names that lack members."""
    return {array["name"]: array["members"] for array in arrays if array["lacks"] and names.issuperset(array["disks"])}


def refuse_lacking(lacking, kind=BaremetalError):
    """Raise an error of a kind when arrays lack disks, {name: [members that work]}: what is written to the others alone is on no disk when they fail."""
    if lacking:
        raise kind(
            "software RAID of this machine lacks disks", stage=STAGE,
            seen="; ".join("%s: only %s" % (name, ", ".join(devices) or "what failed") for name, devices in sorted(lacking.items(), key=str)),
            cure="Replace what failed and make the RAID anew (raid.delete_configuration, raid.create_configuration); look at the kernel log (dmesg).")


def disks_for(hints, skip=(), *, lister=list_disks, assembler=assemble, arrays=running):
    """List the disks among which root device hints choose: those of list_disks, and arrays where the hint volume_name asks for one.

    An array is a dict of list_disks too, with volume_name. One that stands on a disk of the skip list is none of them, and is not
    assembled. hints, skip: as hints.select takes them. Raises NoMatch for an array of that name which lacks members.
    """
    disks = lister()
    if VOLUME_NAME not in (hints or {}):
        return disks
    skipping, test = skip_list(skip), parse(hints)[VOLUME_NAME]
    usable = [disk for disk in disks if not is_skipped(disk, skipping)]
    lacking = assembler(usable)
    names = {disk["name"] for disk in disks}
    skipped = names - {disk["name"] for disk in usable}
    found = {array["device"]: array for array in arrays() if not skipped & set(array["disks"])}
    # Of this kind, so that disks which appear late are waited for.
    refuse_lacking({name: devices for name, devices in lacking.items() if matches({"n": name}, "n", test)}, NoMatch)
    whole = [disk for disk in lister(raid=True) if disk["name"] in found]
    return disks + [dict(disk, volume_name=found[disk["name"]]["name"]) for disk in whole]
