# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which drives make which volume. Pure functions: nothing here talks to a BMC.

A logical disk is a dict as in Ironic's target_raid_config, checked by ``checked_target``. A drive and a volume are
dicts as raid_storage.py reads them. Sizes are in bytes but for ``size_gb``, which is in GiB as in Ironic.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import typing as t

try:
    import jsonschema
except ImportError as error:
    jsonschema = None
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

from .._errors import BaremetalError, missing_library

STAGE = "RAID"
GIB = 1024 ** 3
_MIB = 1024 ** 2
MAX = "MAX"

# Searching on has no end for dozens of volumes on dozens of kinds of drives; what a person writes is found in tens of steps.
_MOST_STEPS = 20000


class Level(t.NamedTuple):
    """A RAID level.

    ``raid_type`` and ``volume_type`` are what Redfish calls it (DSP0268, Volume: RAIDType, and VolumeType before v1_3);
    ``fewest`` and ``most`` numbers of drives, in steps of ``step``; ``space(n)`` is how many drives' worth n of them hold.
    """

    raid_type: str
    volume_type: str
    fewest: int
    most: t.Optional[int]
    step: int
    space: t.Callable[[int], int]

    def takes(self, count):
        return count >= self.fewest and (self.most is None or count <= self.most) and count % self.step == 0


LEVELS = {
    "0": Level("RAID0", "NonRedundant", 1, None, 1, lambda count: count),
    "1": Level("RAID1", "Mirrored", 2, 2, 1, lambda count: 1),
    "5": Level("RAID5", "StripedWithParity", 3, None, 1, lambda count: count - 1),
    "6": Level("RAID6", "StripedWithParity", 4, None, 1, lambda count: count - 2),
    "1+0": Level("RAID10", "SpannedMirrors", 4, None, 2, lambda count: count // 2),
    # Two spans, as controllers make them by themselves.
    "5+0": Level("RAID50", "SpannedStripesWithParity", 6, None, 2, lambda count: count - 2),
    "6+0": Level("RAID60", "SpannedStripesWithParity", 8, None, 2, lambda count: count - 4),
}

# Ironic's schema of target_raid_config, without what Redfish has no word for: JBOD, level 2, shared drives, SCSI. An empty list is
# what Ironic's delete_configuration leaves.
SCHEMA = {
    "type": "object",
    "required": ["logical_disks"],
    "additionalProperties": False,
    "properties": {
        "logical_disks": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["size_gb", "raid_level"],
                "additionalProperties": False,
                "properties": {
                    "size_gb": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": MAX}]},
                    "raid_level": {"enum": list(LEVELS)},
                    "controller": {"type": "string", "minLength": 1},
                    "physical_disks": {"type": "array", "items": {"type": "string"}, "minItems": 1, "uniqueItems": True},
                    "number_of_physical_disks": {"type": "integer", "minimum": 1},
                    "disk_type": {"enum": ["hdd", "ssd"]},
                    "interface_type": {"enum": ["sata", "sas", "nvme"]},
                    "is_root_volume": {"type": "boolean"},
                    "volume_name": {"type": "string", "minLength": 1},
                },
            },
        },
    },
}


def checked_target(target):
    """A target configuration with its values in one form.

    :param target: dict with ``logical_disks``.
    :returns: list of logical disks.
    :raises BaremetalError: naming everything that is wrong.
    """
    if jsonschema is None:
        raise missing_library("jsonschema", IMPORT_ERROR)
    if isinstance(target, dict) and isinstance(target.get("logical_disks"), list):
        target = {**target, "logical_disks": [_plain(disk) for disk in target["logical_disks"]]}
    problems = [f"{_place(problem)}{_said(problem)}" for problem in sorted(
        jsonschema.Draft202012Validator(SCHEMA).iter_errors(target), key=lambda problem: list(map(str, problem.absolute_path)))]
    if not problems:
        disks = target["logical_disks"]
        if sum(bool(disk.get("is_root_volume")) for disk in disks) > 1:
            problems.append("more than one is_root_volume")
        for number, disk in enumerate(disks):
            problems += [f"logical_disks[{number}]: {text}" for text in _contradictions(disk)]
    if problems:
        raise BaremetalError("the target configuration is not right", stage=STAGE, seen="; ".join(problems),
                             cure="correct it; the keys and values are those of Ironic's target_raid_config, "
                                  "without share_physical_disks, JBOD, level 2 and SCSI")
    return target["logical_disks"]


def _plain(disk):
    """YAML makes a number of the level 5, and of a drive's Id."""
    if not isinstance(disk, dict):
        return disk
    disk = {key: value for key, value in disk.items() if value is not None}
    if isinstance(disk.get("raid_level"), int) and not isinstance(disk["raid_level"], bool):
        disk["raid_level"] = str(disk["raid_level"])
    if isinstance(disk.get("physical_disks"), list):
        disk["physical_disks"] = [str(name) if isinstance(name, int) else name for name in disk["physical_disks"]]
    if isinstance(disk.get("size_gb"), str) and disk["size_gb"].isascii() and disk["size_gb"].isdigit():
        disk["size_gb"] = int(disk["size_gb"])
    return disk


def _place(problem):
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.absolute_path).lstrip(".")
    return f"{path}: " if path else ""


def _said(problem):
    if problem.validator == "enum":
        return f"{problem.instance!r} is none of {', '.join(problem.validator_value)}"
    if problem.validator == "anyOf":
        return f"{problem.instance!r} is neither a whole number of GiB from 1 on nor {MAX}"
    return problem.message


def _contradictions(disk):
    level, named = LEVELS[disk["raid_level"]], disk.get("physical_disks")
    count = len(named) if named else disk.get("number_of_physical_disks")
    if count is not None and not level.takes(count):
        yield f"RAID {disk['raid_level']} takes {_numbers(level)} drives, not {count}"
    if named and disk.get("number_of_physical_disks") not in (None, len(named)):
        yield f"{len(named)} physical_disks, and number_of_physical_disks {disk['number_of_physical_disks']}"


def _numbers(level):
    if level.most == level.fewest:
        return str(level.fewest)
    return f"{level.fewest} or more" + (", an even number of" if level.step == 2 else "")


def capacity(level, sizes):
    """The most that a volume can hold, in bytes.

    :param level: key of LEVELS.
    :param sizes: bytes of its drives; the smallest counts for all, in whole MiB.
    """
    return LEVELS[level].space(len(sizes)) * (min(sizes) // _MIB * _MIB)


def why_not(disk, drive):
    """Why a drive is out of the question for a logical disk, or None.

    :param disk: the logical disk.
    :param drive: the drive.
    """
    if drive["why_not"]:
        return drive["why_not"]
    if disk.get("controller") and not same_controller(disk["controller"], drive):
        return f"behind another controller, {drive['controller']}"
    if disk.get("disk_type") and drive["type"] != disk["disk_type"]:
        return f"is {drive['type'] or 'of unknown type'}"
    if disk.get("interface_type") and drive["interface"] != disk["interface_type"]:
        return f"has {drive['interface'] or 'an unknown interface'}"
    if drive["raid_types"] is not None and LEVELS[disk["raid_level"]].raid_type not in drive["raid_types"]:
        return f"the controller {drive['controller']} has no RAID {disk['raid_level']}"
    return None


def same_controller(name, thing):
    """Whether a drive or a volume is behind the controller of that Id or name."""
    return name.lower() in (known.lower() for known in (thing["controller"], *thing["controller_names"]))


def is_named(drive, name):
    """Whether a drive has that Id, name, serial number or path."""
    return name.lower() in (str(known).lower() for known in (drive["id"], drive["name"], drive["serial"], drive["path"]) if known)


def plan(disks, drives):
    """Choose drives for logical disks.

    A drive serves one logical disk. Drives that are not named are chosen alike in controller, type, interface and
    size: for a size as few and as little as will do, for MAX as much as there is (RAID 1: two). Logical disks with
    named drives come first, those with MAX and no number last. A drive that the controller passes through to the operating
    system may hold data: it has to be named.

    :param disks: what ``checked_target`` returned, or some of it.
    :param drives: the drives; those with a ``why_not`` are never chosen, those with ``passed_through`` only by name.
    :returns: list in the order of ``disks`` of dicts with drives (list of drives), bytes and is_max.
    :raises BaremetalError: when it does not fit, with the reason for each drive.
    """
    taken = {}
    chosen = {}
    for number, disk in enumerate(disks):
        if disk.get("physical_disks"):
            chosen[number] = _named(disks, number, drives, taken)
            taken.update({drive["path"]: number for drive in chosen[number]})
    rest = sorted((number for number in range(len(disks)) if number not in chosen),
                  key=lambda number: (disks[number]["size_gb"] == MAX, "number_of_physical_disks" not in disks[number], number))
    chosen.update(_Search(disks, drives, taken).choose(rest))
    return [_planned(disk, chosen[number]) for number, disk in enumerate(disks)]


def _planned(disk, drives):
    most = capacity(disk["raid_level"], [drive["bytes"] for drive in drives])
    is_max = disk["size_gb"] == MAX
    return {"drives": drives, "bytes": most if is_max else disk["size_gb"] * GIB, "is_max": is_max}


def _named(disks, number, drives, taken):
    disk = disks[number]
    found, reasons = [], []
    behind = [drive for drive in drives if not disk.get("controller") or same_controller(disk["controller"], drive)]
    for name in disk["physical_disks"]:
        same = [drive for drive in behind if is_named(drive, name)]
        if len(same) != 1:
            there = ", ".join(drive["id"] for drive in behind) or "none"
            reasons.append(f"{name}: " + (
                "the Id of several drives, give controller as well" if same else f"there is no such drive (there are: {there})"))
            continue
        reason = why_not(disk, same[0]) or (f"taken by logical disk {taken[same[0]['path']]}" if same[0]["path"] in taken else None)
        reasons += [f"{name}: {reason}"] if reason else []
        found += same
    if not reasons and len({drive["path"] for drive in found}) < len(found):
        reasons.append("one drive is named twice")
    if not reasons and len({drive["controller"] for drive in found}) > 1:
        reasons.append("they are behind several controllers")
    if not reasons:
        most = capacity(disk["raid_level"], [drive["bytes"] for drive in found])
        if disk["size_gb"] != MAX and disk["size_gb"] * GIB > most:
            reasons.append(f"they hold {most // GIB} GiB as RAID {disk['raid_level']}")
    if reasons:
        raise _does_not_fit(number, disk, "; ".join(reasons))
    return found


def _does_not_fit(number, disk, seen, more=""):
    return BaremetalError(
        f"logical disk {number} (RAID {disk['raid_level']}, {disk['size_gb']}{' GiB' if disk['size_gb'] != MAX else ''}) does not fit",
        stage=STAGE,
        seen=seen, cure=f"change the target configuration, or the drives{more}; nothing was changed")


class _Search:
    """Chooses kinds and numbers of drives for the logical disks that name none, and takes a choice back when it leads nowhere."""

    def __init__(self, disks, drives, taken):
        self._disks = disks
        self._drives = drives
        self._taken = dict(taken)
        self._kinds = {}
        for drive in sorted(drives, key=lambda drive: drive["path"]):
            if not drive["why_not"] and not drive["passed_through"] and drive["path"] not in taken:
                kind = (drive["controller"], drive["type"] or "", drive["interface"] or "", drive["bytes"])
                self._kinds.setdefault(kind, []).append(drive)
        self._dead = set()
        self._steps = 0
        self._farthest = (-1, {})

    def choose(self, rest):
        """:returns: dict of the logical disks' numbers and their lists of drives."""
        left = {kind: len(members) for kind, members in self._kinds.items()}
        found = self._descend(rest, 0, left, {})
        if found is None:
            at, choice = self._farthest
            number = rest[at]
            more = ("; where nothing is needed that is on drives that are passed through, name them as physical_disks, or set delete_existing to true"
                    if any(drive["passed_through"] for drive in self._drives) else "")
            raise _does_not_fit(number, self._disks[number], self._reasons(number, choice), more)
        return self._drives_of(found)

    def _drives_of(self, choice):
        at = dict.fromkeys(self._kinds, 0)
        result = {}
        for number, (kind, count) in choice.items():
            result[number] = self._kinds[kind][at[kind]:at[kind] + count]
            at[kind] += count
        return result

    def _descend(self, rest, at, left, choice):
        if at == len(rest):
            return choice
        state = (at, tuple(sorted((kind, count) for kind, count in left.items())))
        self._steps += 1
        if state in self._dead or self._steps > _MOST_STEPS:
            return None
        if at > self._farthest[0]:
            self._farthest = (at, choice)
        number = rest[at]
        for kind, count in self._candidates(self._disks[number], left):
            found = self._descend(rest, at + 1, {**left, kind: left[kind] - count}, {**choice, number: (kind, count)})
            if found is not None:
                return found
        self._dead.add(state)
        return None

    def _candidates(self, disk, left):
        level, wanted = LEVELS[disk["raid_level"]], disk.get("number_of_physical_disks")
        size = None if disk["size_gb"] == MAX else disk["size_gb"] * GIB
        found = []
        for kind, count in left.items():
            if why_not(disk, self._kinds[kind][0]) is not None:
                continue
            for number in [wanted] if wanted else range(level.fewest, count + 1):
                if number > count or not level.takes(number):
                    continue
                most = capacity(disk["raid_level"], [kind[3]] * number)
                if size is None:
                    found.append((-most, number, kind))
                elif size <= most:
                    found.append((number * kind[3], number, kind))
                    break
        return [(kind, number) for order, number, kind in sorted(found)]

    def _reasons(self, number, choice):
        disk = self._disks[number]
        taken = dict(self._taken)
        for other, drives in self._drives_of(choice).items():
            taken.update({drive["path"]: other for drive in drives})
        reasons = []
        for drive in sorted(self._drives, key=lambda drive: drive["path"]):
            reason = why_not(disk, drive)
            if reason is None and drive["path"] in taken:
                reason = f"taken by logical disk {taken[drive['path']]}"
            if reason is None and drive["passed_through"]:
                reason = f"passed through to the operating system as the volume {drive['passed_through']}, and may hold data"
            if reason is None:
                reason = f"free, {drive['bytes'] // GIB} GiB; too few of its kind are left, or too small"
            reasons.append(f"{drive['id']}: {reason}")
        count = disk.get("number_of_physical_disks") or _numbers(LEVELS[disk["raid_level"]])
        given_up = "the search for drives was given up, name them as physical_disks; " if self._steps > _MOST_STEPS else ""
        return f"{given_up}{count} drives alike are needed; " + ("; ".join(reasons) or "there is no drive")


def matched(disks, volumes, drives):
    """Which of the volumes that are there are wanted ones.

    :param volumes: the volumes.
    :returns: dict of the logical disks' numbers and their volumes; as many as can be had, those of the same name first.
    """
    by_path = {drive["path"]: drive for drive in drives}
    candidates = {
        number: sorted((index for index, volume in enumerate(volumes) if _is_wanted(disk, volume, by_path)),
                       key=lambda index, name=disk.get("volume_name"): (name is None or volumes[index]["name"] != name, index))
        for number, disk in enumerate(disks)}
    owner = {}

    def assign(number, seen):
        for index in candidates[number]:
            if index not in seen:
                seen.add(index)
                if index not in owner or assign(owner[index], seen):
                    owner[index] = number
                    return True
        return False

    for number in sorted(candidates, key=lambda number: (len(candidates[number]), number)):
        assign(number, set())
    return {number: volumes[index] for index, number in owner.items()}


def _is_wanted(disk, volume, by_path):
    if volume["raid_level"] != disk["raid_level"] or disk.get("controller") and not same_controller(disk["controller"], volume):
        return False
    drives = [by_path[path] for path in volume["drives"] if path in by_path]
    named = disk.get("physical_disks")
    if named and not (len(drives) == len(named) and all(any(is_named(drive, name) for drive in drives) for name in named)):
        return False
    if drives and disk.get("number_of_physical_disks") not in (None, len(drives)):
        return False
    for key, option in (("type", "disk_type"), ("interface", "interface_type")):
        if disk.get(option) and any(drive[key] not in (None, disk[option]) for drive in drives):
            return False
    return _has_size(disk, volume, [drive["bytes"] for drive in drives])


def _has_size(disk, volume, sizes):
    if volume["bytes"] is None:
        return False
    if disk["size_gb"] != MAX:
        wanted = disk["size_gb"] * GIB
        # Controllers round to their stripes.
        return abs(volume["bytes"] - wanted) <= min(GIB, wanted // 100)
    if not sizes or None in sizes or not LEVELS[disk["raid_level"]].takes(len(sizes)):
        return True
    # Controllers keep some of the space for themselves.
    return volume["bytes"] >= capacity(disk["raid_level"], sizes) * 0.95
