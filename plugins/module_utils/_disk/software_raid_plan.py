# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a software RAID shall look like: the rules for target_raid_config, which disks hold it, and where its partitions are. Pure.

The rules are Ironic's (doc/source/admin/raid.rst, and validate_configuration of the ironic-python-agent): one or two logical disks, the
first one RAID 1, because the system is started from it; at most one of them MAX. Sizes are in bytes but for ``size_gb``, which is in GiB.
"""

from __future__ import annotations

import re
import typing as t

from .._errors import BaremetalError
from .devices import GIB, describe
from .hints import matches, parse

STAGE = "software RAID"
MIB = 1024 ** 2
MAX = "MAX"
SOFTWARE = "software"
KEYS = ("size_gb", "raid_level", "controller", "physical_disks", "volume_name", "is_root_volume")
# Types of partitions in a GPT: EFI system partition (UEFI specification, 5.3.3), BIOS boot and Linux RAID (as sgdisk's ef02 and fd00).
ESP_TYPE = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
BIOS_TYPE = "21686148-6449-6E6F-744E-656564454649"
RAID_TYPE = "A19D880F-05FC-4D3B-A006-743F0F84911E"
# Where Ironic lets the first member begin: behind an EFI system partition of 550 MiB, or behind 7 MiB for the loader of a BIOS.
_FRONT = {"uefi": (ESP_TYPE, 550 * MIB), "bios": (BIOS_TYPE, 7 * MIB)}
# Name of the array that mirrors the EFI system partitions, as in Ironic.
ESP_NAME = "esp"
# A superblock has 32 bytes for the name, and udev makes a link of it.
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$")


class Level(t.NamedTuple):
    """A RAID level: what mdadm and the kernel call it, how many members it takes at least, in steps of ``step``, and how many members' worth n hold."""

    name: str
    fewest: int
    step: int
    space: t.Callable[[int], int]


LEVELS = {
    "0": Level("raid0", 2, 1, lambda count: count),
    "1": Level("raid1", 2, 1, lambda count: 1),
    "5": Level("raid5", 3, 1, lambda count: count - 1),
    "6": Level("raid6", 4, 1, lambda count: count - 2),
    "1+0": Level("raid10", 4, 2, lambda count: count // 2),
}


def checked_target(target):
    """Return the logical disks of a target_raid_config in one form, each with every key of KEYS.

    Raises BaremetalError that names everything that is wrong.
    """
    disks = target.get("logical_disks") if isinstance(target, dict) else None
    if not isinstance(disks, list) or not all(isinstance(disk, dict) for disk in disks) or set(target) != {"logical_disks"}:
        raise _refused("it has to be a dictionary with the key logical_disks alone, a list of dictionaries")
    disks = [_plain(disk, number) for number, disk in enumerate(disks)]
    problems = [] if 1 <= len(disks) <= 2 else ["%d logical disks, and software RAID takes one or two" % len(disks)]
    for number, disk in enumerate(disks):
        problems += ["logical_disks[%d]: %s" % (number, text) for text in _problems(disk)]
    if disks and disks[0]["raid_level"] != "1":
        problems.append("the first logical disk has to be RAID 1, because the system is started from it")
    if sum(disk["size_gb"] == MAX for disk in disks) > 1:
        problems.append("only one logical disk can have the size MAX")
    if any(disk["is_root_volume"] for disk in disks[1:]):
        problems.append("the root volume is the first logical disk")
    names = [disk["volume_name"] for disk in disks]
    if len(set(map(str, names))) < len(names):
        problems.append("two logical disks have the same volume_name")
    if problems:
        raise _refused("; ".join(problems))
    return disks


def _refused(seen):
    return BaremetalError("the target configuration is not right", stage=STAGE, seen=seen,
                          cure="Correct target_raid_config; its keys are those of Ironic: %s." % ", ".join(KEYS))


def _plain(disk, number):
    """A logical disk with all its keys; YAML makes a number of the level 5, and Jinja a text of a size."""
    disk = {**dict.fromkeys(KEYS), **{key: value for key, value in disk.items() if value is not None}}
    level, size = disk["raid_level"], disk["size_gb"]
    if isinstance(level, int) and not isinstance(level, bool):
        disk["raid_level"] = str(level)
    if isinstance(size, str) and size.isascii() and size.isdigit():
        disk["size_gb"] = int(size)
    disk["volume_name"] = "md%d" % number if disk["volume_name"] is None else disk["volume_name"]
    disk["is_root_volume"] = number == 0 if disk["is_root_volume"] is None else disk["is_root_volume"]
    return disk


def _problems(disk):
    unknown = sorted(map(str, set(disk) - set(KEYS)))
    if unknown:
        yield "unknown keys: %s" % ", ".join(unknown)
    if disk["controller"] != SOFTWARE:
        yield "controller is %s, and all have to be %s" % (disk["controller"] or "missing", SOFTWARE)
    size, level, named = disk["size_gb"], disk["raid_level"], disk["physical_disks"]
    if size != MAX and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        yield "size_gb is neither a whole number of GiB from 1 on nor %s" % MAX
    if not isinstance(level, str) or level not in LEVELS:
        yield "raid_level is none of %s" % ", ".join(LEVELS)
    if not isinstance(disk["volume_name"], str) or not _NAME.match(disk["volume_name"]) or disk["volume_name"] == ESP_NAME:
        yield "volume_name has to be up to 32 letters, digits, and . _ - behind the first, and not %s" % ESP_NAME
    if not isinstance(disk["is_root_volume"], bool):
        yield "is_root_volume is neither true nor false"
    if named is None:
        return
    if not isinstance(named, list) or not all(isinstance(hints, dict) for hints in named):
        yield "physical_disks has to be a list of root device hints (dictionaries)"
        return
    for hints in named:
        try:
            parse(hints)
        except BaremetalError as error:
            yield "physical_disks: %s" % error.what
    if isinstance(level, str) and level in LEVELS:
        wrong = wrong_number(level, len(named))
        if wrong:
            yield wrong


def wrong_number(level, count):
    """Return why so many members cannot make an array of a level, or None."""
    kind = LEVELS[level]
    if count >= kind.fewest and count % kind.step == 0:
        return None
    return "RAID %s takes %d or more disks%s, not %d" % (level, kind.fewest, ", an even number of them" if kind.step == 2 else "", count)


def choose_holders(logical_disks, disks, left_out):
    """Return for each logical disk the disks that hold it, as a list of lists of dicts of list_disks.

    logical_disks: of checked_target. disks: that may be written. left_out: {/dev name: why} of the machine's other disks, for the message.
    Of physical_disks each hint takes the first matching disk that none before it took, as in Ironic; without it all disks are taken.
    Raises BaremetalError with a table of the candidates.
    """
    found = []
    for number, logical in enumerate(logical_disks):
        taken = [] if logical["physical_disks"] is not None else list(disks)
        for hints in logical["physical_disks"] or ():
            tests = parse(hints)
            disk = next((disk for disk in disks if disk not in taken and all(matches(disk, field, test) for field, test in tests.items())), None)
            if disk is None:
                shown = ", ".join("%s: %s" % (field, hints[field]) for field in sorted(hints))
                raise BaremetalError("no disk is left for {%s} in physical_disks of logical disk %d" % (shown, number), stage=STAGE,
                                     seen=_table(disks, left_out, taken, tests),
                                     cure="Correct physical_disks, best with the serial or wwn of these disks; nothing was written.")
            taken.append(disk)
        wrong = wrong_number(logical["raid_level"], len(taken))
        if wrong:
            raise BaremetalError("logical disk %d cannot be made: %s" % (number, wrong), stage=STAGE, seen=_table(disks, left_out, ()),
                                 cure="Choose another raid_level, or name the disks in physical_disks; nothing was written.")
        found.append(taken)
    return found


def _table(disks, left_out, taken, tests=None):
    """What there is: each disk with what speaks against it."""
    lines = []
    for disk in disks:
        wrong = [field for field, test in (tests or {}).items() if not matches(disk, field, test)]
        why = "taken already" if disk in taken else "another " + " and ".join(wrong) if wrong else "can be taken"
        lines.append("%s: %s" % (describe(disk), why))
    return "; ".join(lines + ["%s: %s" % one for one in sorted(left_out.items())]) or "no disk at all"


def layout(logical_disks, holders, boot_mode):
    """Return where everything shall be: {"tables": {/dev name: [partition]}, "arrays": [array]}.

    logical_disks: of checked_target. holders: of choose_holders. boot_mode: "uefi" or "bios".
    A partition is {number, start, size (bytes), type (GUID), name}. An array is {name, level (of LEVELS), metadata (version of the superblock),
    members: [(/dev name of the disk, number of the partition)], logical_disk (number, or None for that of the EFI system partitions)}.
    size_gb is what an array shall hold, its superblocks included, which take some MiB of each member.
    Raises BaremetalError when it does not fit.
    """
    disks = {disk["name"]: disk for group in holders for disk in group}
    kind, size = _FRONT[boot_mode]
    tables = {name: [] for name in disks}
    for place, disk in enumerate(holders[0]):
        name = "%s-%d" % (ESP_NAME if kind == ESP_TYPE else "bios-boot", place)
        tables[disk["name"]].append({"number": 1, "start": MIB, "size": size, "type": kind, "name": name})
    arrays = {}
    # What takes the rest comes last.
    for number in sorted(range(len(logical_disks)), key=lambda number: logical_disks[number]["size_gb"] == MAX):
        logical, group = logical_disks[number], holders[number]
        members = []
        for disk in group:
            table = tables[disk["name"]]
            start, room = _free(disk, table)
            wanted = _member_size(logical, len(group))
            if (wanted or GIB) > room:
                raise BaremetalError(
                    "logical disk %d (RAID %s, %s) does not fit" % (number, logical["raid_level"], _words(logical)), stage=STAGE,
                    seen="%.1f GiB of each disk are needed; %s" % ((wanted or GIB) / GIB, "; ".join(
                        "%s: %.1f GiB are left" % (describe(one), _free(one, tables[one["name"]])[1] / GIB) for one in group)),
                    cure="Make the logical disks smaller, or take larger disks; nothing was written.")
            table.append({"number": len(table) + 1, "start": start, "size": wanted or room, "type": RAID_TYPE, "name": logical["volume_name"]})
            members.append((disk["name"], len(table)))
        arrays[number] = {"name": logical["volume_name"], "level": logical["raid_level"], "metadata": "1.2", "members": members, "logical_disk": number}
    found = [arrays[number] for number in sorted(arrays)]
    if boot_mode == "uefi":
        # The firmware reads a member as if it were no member, because a superblock of version 1.0 is at its end.
        found.append({"name": ESP_NAME, "level": "1", "metadata": "1.0", "members": [(disk["name"], 1) for disk in holders[0]], "logical_disk": None})
    return {"tables": tables, "arrays": found}


def _free(disk, table):
    """Where a further partition would begin, and how large it could be; the backup of the GPT is in the last MiB."""
    start = table[-1]["start"] + table[-1]["size"] if table else MIB
    return start, max(0, disk["size"] // MIB * MIB - MIB - start)


def _member_size(logical, count):
    """Bytes of each member in whole MiB; None for the rest of the disk."""
    if logical["size_gb"] == MAX:
        return None
    return -(-logical["size_gb"] * GIB // LEVELS[logical["raid_level"]].space(count) // MIB) * MIB


def _words(logical):
    return MAX if logical["size_gb"] == MAX else "%d GiB" % logical["size_gb"]
