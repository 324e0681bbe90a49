# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Making and removing software RAID on the disks of this machine. What it shall look like is in software_raid_plan.py."""

from __future__ import annotations

from . import arrays, stack
from .._errors import BaremetalError
from .commands import find_tool, run
from .devices import describe, list_disks, partition_name, partitions
from .erase import sort_out
from .hints import VOLUME_NAME, skip_list
from .interlock import verify
from .partitions import geometry, reread, settle, signatures, table, table_type, wipe_metadata
from .protect import refuse_if_protected, refuse_special_filesystems
from .raid_members import raid_members
from .software_raid_plan import LEVELS, STAGE, checked_target, choose_holders, layout
from .system import boot_mode


def present(options, *, check_mode=False, lister=list_disks, verifier=verify, mode=boot_mode):
    """Bring about the software RAID of a target_raid_config.

    options: {interlock, target_raid_config, delete_existing: whether other software RAID of the machine is removed first}.
    lister, verifier, mode: for tests.
    Returns {changed, arrays, partitions, root_device, removed, diff}. In check mode nothing is written and no array is assembled.
    Raises BaremetalError; nothing of what it had begun is left on the disks then.
    """
    verifier(options["interlock"])
    logical_disks = checked_target(options["target_raid_config"])
    machine = _Machine(options["interlock"], lister, verifier)
    holders = choose_holders(logical_disks, machine.usable, machine.left_out)
    plan = layout(logical_disks, holders, mode())
    result = {"changed": False, "removed": [], "root_device": {VOLUME_NAME: logical_disks[0]["volume_name"]}}
    before = machine.state()
    if machine.has(plan) and machine.runs(plan, options["delete_existing"], check_mode):
        return dict(result, **_shown(plan, logical_disks), diff={"before": before, "after": before})
    removal = machine.removal() if options["delete_existing"] else {"disks": [], "names": []}
    machine.refuse_used(plan, removal)
    result.update(changed=True, removed=removal["names"], diff={"before": before, "after": _wanted_state(plan, before, removal)})
    if not check_mode:
        machine.remove(removal)
        machine.make(plan)
        if not machine.has(plan):
            raise BaremetalError("the disks do not show the software RAID that was made on them", stage=STAGE,
                                 seen="; ".join("%s: %s" % (device, ", ".join(lines) or "nothing") for device, lines in machine.state().items()),
                                 cure="Look at the kernel log (dmesg) and at the health of the disks (smartctl).")
    return dict(result, **_shown(plan, logical_disks))


def absent(options, *, check_mode=False, lister=list_disks, verifier=verify):
    """Remove all software RAID from the disks that may be written, and the partition tables of these disks with it.

    options: {interlock}. Returns {changed, removed: [names], partitions: {}, arrays: [], diff}. Raises BaremetalError.
    """
    verifier(options["interlock"])
    machine = _Machine(options["interlock"], lister, verifier)
    before, removal = machine.state(), machine.removal()
    gone = {disk["name"] for disk in removal["disks"]}
    after = {device: [] if device in gone else lines for device, lines in before.items()}
    if not check_mode:
        machine.remove(removal)
    return {"changed": bool(gone), "removed": removal["names"], "arrays": [], "partitions": {}, "root_device": None, "diff": {"before": before, "after": after}}


class _Machine:
    """The disks of this machine, and what stands on them of software RAID."""

    def __init__(self, interlock, lister, verifier):
        if find_tool("mdadm") is None:
            raise BaremetalError("the program mdadm is needed and not installed on this machine", stage=STAGE,
                                 cure="Install it in the ramdisk; the ramdisk role does.")
        self._interlock, self._verifier = interlock, verifier
        self._skip = interlock.get("skip_block_devices") or []
        disks = lister()
        self.usable, skipped = sort_out(disks, skip_list(self._skip))
        self.left_out = {one["device"]: one["reason"] for one in skipped}
        # A further path to a disk is that disk.
        self._protected = {device: reason for device, reason in self.left_out.items() if not reason.startswith("it is another path")}
        self._seen = self.usable + [disk for disk in disks if disk["name"] in self._protected]

    def state(self):
        """What each usable disk has: {/dev name: [texts]}, for diffs and messages."""
        disks, found = self._now(self.usable), {}
        members = {member["device"]: member for member in raid_members(disks)}
        for disk in disks:
            lines = []
            for device in [disk["name"]] + disk["partitions"]:
                member = members.get(device)
                if member:
                    lines.append(_line(device, arrays.plain_name(member["name"]), member["level"], member["raid_devices"]))
                elif device != disk["name"]:
                    lines.append(device)
            found[disk["name"]] = lines
        return found

    @staticmethod
    def _now(disks):
        """Disks with the partitions that they have now."""
        return [dict(disk, partitions=[path for _number, path in partitions(disk["name"])]) for disk in disks]

    def has(self, plan):
        """Whether the disks already are as planned: each partition where it shall be, and on them the members of the arrays."""
        for device, wanted in plan["tables"].items():
            if table_type(device) != "gpt":
                return False
            sector = geometry(device)[1]
            if table(device) != {one["number"]: (one["start"] // sector, one["size"] // sector) for one in wanted}:
                return False
        members = {member["device"]: member for member in raid_members(self._now(disk for disk in self.usable if disk["name"] in plan["tables"]))}
        for array in plan["arrays"]:
            found = [members.get(device) for device in _devices(array)]
            if None in found or len({member["uuid"] for member in found}) > 1:
                return False
            if any((arrays.plain_name(member["name"]), member["level"], member["raid_devices"]) != (
                    array["name"], LEVELS[array["level"]].name, len(found)) for member in found):
                return False
        return True

    def runs(self, plan, replaced, check_mode):
        """Whether the arrays that are as planned run with all members; they are assembled for that, but in check mode.

        replaced: whether those that do not are made anew, and raise no BaremetalError.
        """
        try:
            arrays.refuse_lacking(arrays.lacking_of(set(plan["tables"]), arrays.running()) if check_mode else
                                  arrays.assemble([disk for disk in self.usable if disk["name"] in plan["tables"]]))
        except BaremetalError:
            if not replaced:
                raise
            return False
        return True

    def removal(self):
        """What there is to remove: {disks: [disks that hold members], names: [names of the arrays]}.

        Raises BaremetalError when an array is in use or also stands on a disk that must not be written.
        """
        disks = self._now(self._seen)
        everywhere = raid_members(disks)
        place = {device: disk["name"] for disk in disks for device in [disk["name"]] + disk["partitions"]}
        usable = {disk["name"] for disk in self.usable}
        mine = {member["uuid"] for member in everywhere if place[member["device"]] in usable}
        foreign = sorted({place[member["device"]] for member in everywhere if member["uuid"] in mine} - usable)
        if foreign:
            raise BaremetalError(
                "software RAID also stands on %s, which must not be touched; nothing was written" % ", ".join(foreign), stage=STAGE,
                seen="; ".join("%s: %s" % (device, self.left_out[device]) for device in foreign),
                cure="Put all its disks into skip_block_devices, or none of them.")
        held = {place[member["device"]] for member in everywhere if member["uuid"] in mine}
        disks = [disk for disk in self.usable if disk["name"] in held]
        for disk in disks:
            stack.refuse_foreign(stack.layers(disk["name"]), held, self._protected)
            self._refuse(disk, ahead=True)
        names = {member["uuid"]: arrays.plain_name(member["name"]) or member["uuid"] for member in everywhere if member["uuid"] in mine}
        return {"disks": disks, "names": sorted(names.values())}

    def remove(self, removal):
        """Take apart and wipe what removal found."""
        targets = [disk["name"] for disk in removal["disks"]]
        for disk in removal["disks"]:
            self._verifier(self._interlock)
            # Read anew: an array of two disks went with the first one.
            stack.take_apart(stack.layers(disk["name"]), targets)
        for disk in removal["disks"]:
            self._verifier(self._interlock)
            self._refuse(disk)
            _clear(disk["name"])

    def refuse_used(self, plan, removal):
        """Raise unless the disks of a plan are empty, or will be after the removal; Ironic's rule."""
        freed = {disk["name"] for disk in removal["disks"]}
        used = []
        for disk in (disk for disk in self.usable if disk["name"] in plan["tables"]):
            if disk["name"] in freed:
                continue
            # An array that runs there is told as what it is, a disk that is not empty.
            found = self._refuse(disk, ahead=True)
            if found:
                used.append("%s has %s" % (describe(disk), ", ".join("%(type)s on %(device)s" % entry for entry in found)))
        if used:
            raise BaremetalError(
                "the disks for the software RAID are not empty, nothing was written", stage=STAGE, seen="; ".join(used),
                cure="Remove what is on them: the step raid.delete_configuration with controller: software, or delete_existing, for software RAID, the step "
                "deploy.erase_devices_metadata with clean_disks: all for anything else.")

    def make(self, plan):
        """Write the tables and create the arrays; after any failure the disks are empty again."""
        written = []
        try:
            for disk in (disk for disk in self.usable if disk["name"] in plan["tables"]):
                self._verifier(self._interlock)
                self._refuse(disk)
                written.append(disk["name"])
                _write_table(disk["name"], plan["tables"][disk["name"]])
            for array in plan["arrays"]:
                _create(array)
            arrays.refuse_lacking(arrays.lacking_of(set(plan["tables"]), arrays.running()))
        except BaseException as error:
            left = _undo(written)
            if left and isinstance(error, BaremetalError):
                error.seen = "%s; and it could not be taken apart: %s" % (error.seen or "nothing", left)
            raise

    def _refuse(self, disk, *, ahead=False):
        """The last look before a disk is written; ahead: before its arrays are taken apart. Returns its signatures."""
        refuse_if_protected(disk, skip=self._skip, ignore_holders=ahead)
        found = signatures(disk["name"])
        refuse_special_filesystems(disk, found, self._interlock.get("wipe_special_filesystems"))
        return found


def _write_table(device, wanted):
    sector = geometry(device)[1]
    lines = ["label: gpt"] + ['start=%d, size=%d, type=%s, name="%s"' % (
        one["start"] // sector, one["size"] // sector, one["type"], one["name"]) for one in wanted]
    # What an earlier partition at the same place has left is no part of the new one.
    argv = ["sfdisk", "--no-reread", "--no-tell-kernel", "--wipe=always", "--wipe-partitions=always", device]
    run(argv, stage=STAGE, stdin=("\n".join(lines) + "\n").encode())
    reread(device)


def _create(array):
    argv = ["mdadm", "--create", arrays.free_device(), "--run", "--metadata=" + array["metadata"], "--level=" + LEVELS[array["level"]].name,
            # Not the ramdisk's name in front of it, which would make the array a foreign one for the installed system.
            "--homehost=any", "--name=" + array["name"], "--raid-devices=%d" % len(array["members"])]
    if array["level"] != "0":
        argv.append("--bitmap=internal")
    run(argv + _devices(array), stage=STAGE)
    settle()


def _undo(devices):
    """Take apart and wipe what was made on disks that were empty before; returns what failed, as a text."""
    problems = []
    for device in devices:
        try:
            stack.take_apart(stack.layers(device), devices)
        except BaremetalError as error:
            problems.append(str(error))
    for device in devices:
        try:
            _clear(device)
        except BaremetalError as error:
            problems.append(str(error))
    return " ".join(problems)


def _clear(device):
    """Remove superblocks and partition table of a disk whose arrays do not run."""
    for path in [path for _number, path in partitions(device)] + [device]:
        # Ends with 1 or 2 where there is nothing to remove.
        run(["mdadm", "--zero-superblock", path], stage=STAGE, ok=(0, 1, 2))
    wipe_metadata(device)


def _devices(array):
    return [partition_name(disk, number) for disk, number in array["members"]]


def _line(device, name, level, count):
    return "%s: member of %s (%s of %s)" % (device, name or "an array without name", level, count)


def _wanted_state(plan, before, removal):
    """What state will tell of the disks once the plan is done."""
    members = {device: _line(device, array["name"], LEVELS[array["level"]].name, len(array["members"]))
               for array in plan["arrays"] for device in _devices(array)}
    gone = {disk["name"] for disk in removal["disks"]}
    after = {device: [] if device in gone else lines for device, lines in before.items()}
    for device, wanted in plan["tables"].items():
        paths = [partition_name(device, one["number"]) for one in wanted]
        after[device] = [members.get(path, path) for path in paths]
    return after


def _shown(plan, logical_disks):
    """The arrays as they are, or in check mode as they would be, in the words of the result."""
    devices = {tuple(sorted(array["members"])): array["device"] for array in arrays.running()}
    shown = []
    for array in plan["arrays"]:
        logical = None if array["logical_disk"] is None else logical_disks[array["logical_disk"]]
        shown.append({
            "name": array["name"], "raid_level": array["level"], "device": devices.get(tuple(sorted(_devices(array)))), "members": _devices(array),
            "size_gb": logical and logical["size_gb"], "is_root_volume": bool(logical and logical["is_root_volume"])})
    tables = {device: [{"device": partition_name(device, one["number"]), "start": one["start"], "size": one["size"]} for one in wanted]
              for device, wanted in plan["tables"].items()}
    return {"arrays": shown, "partitions": tables}
