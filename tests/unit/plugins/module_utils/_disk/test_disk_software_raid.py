# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""software_raid on loop devices: real tables and superblocks, of arrays that do not run, because not every kernel has md."""

from __future__ import annotations

import hashlib
import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import arrays, devices, software_raid
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import signatures, table
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import gpt, run, write_superblock

pytestmark = pytest.mark.skipif(shutil.which("mdadm", path="/usr/sbin:/sbin") is None, reason="mdadm is not installed")

# Sizes that tell the disks apart: loop devices have no serial numbers to hint at.
FIRST, SECOND, SPARE = 3 * 1024, 3 * 1024 + 512, 4 * 1024
TARGET = {"logical_disks": [
    {"size_gb": 1, "raid_level": "1", "controller": "software", "volume_name": "system"},
    {"size_gb": "MAX", "raid_level": 0, "controller": "software", "volume_name": "scratch"}]}
SPARE_HINTS = {"size": str(SPARE / 1024)}
NUMBERS = {"0": 0, "1": 1, "5": 5, "6": 6, "1+0": 10}


@pytest.fixture
def disks(loops, request):
    sector = getattr(request, "param", 512)
    return [loops(size, sector) for size in (FIRST, SECOND, SPARE)]


@pytest.fixture
def call(disks, monkeypatch):
    """Call a function of software_raid, with no disk of this machine in sight but the three. Arrays are made as their superblocks, and do not run."""
    assembled = []

    def create(array):
        for disk, number in array["members"]:
            write_superblock("%sp%d" % (disk, number), "any:" + array["name"], NUMBERS[array["level"]], len(array["members"]),
                             at_end=array["metadata"] == "1.0", uuid=hashlib.sha256(array["name"].encode()).digest()[:16])

    monkeypatch.setattr(software_raid, "_create", create)
    # It knows nothing of loop devices, and is asked for all disks of the machine each time.
    monkeypatch.setattr(devices, "_udev", lambda name, runner, node: {})
    lacking = {}

    def assemble(disks):
        assembled.append([disk["name"] for disk in disks])
        return lacking

    monkeypatch.setattr(arrays, "assemble", assemble)

    def call(function=software_raid.present, *, mode="uefi", check_mode=False, verifier=lambda interlock: None, skip=(SPARE_HINTS,), **options):
        more = {"mode": lambda: mode} if function is software_raid.present else {}
        options = {"interlock": {"skip_block_devices": list(skip)}, "target_raid_config": TARGET, "delete_existing": False, **options}
        return function(options, check_mode=check_mode, verifier=verifier, lister=lambda: [
            disk for disk in list_disks(loop=True) if disk["name"] in disks], **more)

    call.assembled, call.lacking = assembled, lacking
    return call


def prints(devices):
    """What is at the beginning of the devices and at their ends."""
    found = []
    for device in devices:
        run("blockdev", "--flushbufs", device)
        with open(device, "rb") as stream:
            digest = hashlib.sha256(stream.read(1024 ** 2))
            stream.seek(-1024 ** 2, 2)
            digest.update(stream.read())
        found.append(digest.hexdigest())
    return found


@pytest.mark.parametrize("disks", [512, 4096], indirect=True)
def test_check_then_make_then_again_then_remove(disks, call, monkeypatch):
    before = prints(disks)
    predicted = call(check_mode=True)
    assert prints(disks) == before
    done = call()
    assert done["changed"] is predicted["changed"] is True
    assert (done["arrays"], done["partitions"], done["diff"]) == (predicted["arrays"], predicted["partitions"], predicted["diff"])
    assert done["root_device"] == {"volume_name": "system"}
    first, second, spare = disks
    assert [(array["name"], array["raid_level"], array["members"]) for array in done["arrays"]] == [
        ("system", "1", [first + "p2", second + "p2"]), ("scratch", "0", [first + "p3", second + "p3"]), ("esp", "1", [first + "p1", second + "p1"])]
    assert done["diff"]["before"] == {first: [], second: []}
    assert done["diff"]["after"][first] == [
        first + "p1: member of esp (raid1 of 2)", first + "p2: member of system (raid1 of 2)", first + "p3: member of scratch (raid0 of 2)"]
    # Whole MiB from the first one on, and the size that was asked for.
    scale = 1024 ** 2 // next(disk["logical_sectors"] for disk in list_disks(loop=True) if disk["name"] == first)
    assert table(first) == {1: (scale, 550 * scale), 2: (551 * scale, 1024 * scale), 3: (1575 * scale, (FIRST - 1576) * scale)}
    assert call.assembled == []
    again = call()
    assert (again["changed"], again["arrays"]) == (False, done["arrays"])
    assert again["diff"]["before"] == again["diff"]["after"] == done["diff"]["after"]
    assert call.assembled == [[first, second]]
    assert call(check_mode=True)["changed"] is False
    assert len(call.assembled) == 1
    call.lacking["system"] = [first + "p2"]
    monkeypatch.setattr(arrays, "lacking_of", lambda names, running: call.lacking if names == {first, second} else {})
    with pytest.raises(BaremetalError, match="software RAID of this machine lacks disks"):
        call(check_mode=True)
    with pytest.raises(BaremetalError, match="software RAID of this machine lacks disks. Seen: system: only %sp2" % first):
        call()
    assert call(delete_existing=True, check_mode=True)["changed"]
    # What was made and lacks a disk is taken apart again.
    with pytest.raises(BaremetalError, match="software RAID of this machine lacks disks"):
        call(delete_existing=True)
    assert signatures(first) == signatures(second) == []
    call.lacking.clear()
    anew = call()
    assert (anew["changed"], anew["arrays"], anew["removed"]) == (True, done["arrays"], [])

    marks = prints(disks)
    gone = call(software_raid.absent, check_mode=True)
    assert (gone["changed"], gone["removed"], prints(disks)) == (True, ["esp", "scratch", "system"], marks)
    assert call(software_raid.absent) == gone
    assert signatures(first) == signatures(second) == []
    assert call(software_raid.absent)["changed"] is False
    assert prints([spare]) == before[2:]


def test_another_configuration_is_refused_or_takes_the_place(disks, call):
    call()
    other = {"logical_disks": [{"size_gb": "MAX", "raid_level": "1", "controller": "software"}]}
    marks = prints(disks)
    with pytest.raises(BaremetalError, match="not empty, nothing was written.*gpt on %s.*raid.delete_configuration" % disks[0]):
        call(target_raid_config=other)
    assert prints(disks) == marks
    predicted = call(target_raid_config=other, delete_existing=True, check_mode=True)
    done = call(target_raid_config=other, delete_existing=True)
    assert prints(disks) != marks
    assert (predicted["diff"], predicted["removed"]) == (done["diff"], done["removed"])
    assert [array["name"] for array in done["arrays"]] == ["md0", "esp"]
    assert call(target_raid_config=other, delete_existing=True)["changed"] is False


def test_bios_keeps_room_for_a_loader_and_has_no_mirror(disks, call):
    done = call(mode="bios")
    assert [array["name"] for array in done["arrays"]] == ["system", "scratch"]
    assert table(disks[0])[1] == (2048, 7 * 2048)
    assert call(mode="bios")["changed"] is False
    with pytest.raises(BaremetalError, match="not empty"):
        call(mode="uefi")


@pytest.mark.parametrize("broken", ["table", "superblock"])
def test_what_is_not_quite_the_same_is_no_match(disks, call, broken):
    call()
    if broken == "table":
        run("sfdisk", "--no-reread", "--no-tell-kernel", "--delete", disks[0], "3")
        run("partx", "--update", disks[0])
    else:
        write_superblock(disks[0] + "p3", "any:other", 0, 2)
    with pytest.raises(BaremetalError, match="not empty"):
        call()


def test_disks_that_are_not_empty(disks, call):
    gpt(disks[1], "100MiB")
    marks = prints(disks)
    with pytest.raises(BaremetalError, match="not empty.*gpt on %s.*deploy.erase_devices_metadata" % disks[1]):
        call()
    # What is no software RAID is not removed either.
    with pytest.raises(BaremetalError, match="not empty"):
        call(delete_existing=True)
    assert prints(disks) == marks


def test_a_failure_leaves_nothing(disks, call, monkeypatch):
    before, create = prints(disks), software_raid._create

    def broken(array):
        if array["name"] == "scratch":
            raise BaremetalError("mdadm --create ended with code 1", stage="software RAID", seen="device is faulty")
        create(array)

    monkeypatch.setattr(software_raid, "_create", broken)
    with pytest.raises(BaremetalError, match="device is faulty"):
        call()
    assert prints(disks) == before
    assert signatures(disks[0]) == signatures(disks[1]) == []


def test_the_interlock_is_held_before_each_disk(disks, call):
    answers = [None, None, BaremetalError("this is not the machine", stage="interlock")]

    def verifier(interlock):
        answer = answers.pop(0)
        if answer:
            raise answer

    before = prints(disks)
    with pytest.raises(BaremetalError, match="not the machine"):
        call(verifier=verifier)
    # The first disk had been written.
    assert (answers, prints(disks)) == ([], before)


def test_a_raid_that_also_stands_on_a_protected_disk_stays(disks, call):
    target = {"logical_disks": [dict(TARGET["logical_disks"][0])]}
    assert len(call(skip=(), target_raid_config=target)["arrays"][0]["members"]) == 3
    marks = prints(disks)
    with pytest.raises(BaremetalError, match="also stands on %s, which must not be touched.*skip_block_devices" % disks[2]):
        call(software_raid.absent)
    assert prints(disks) == marks


def test_disks_are_named_by_hints(disks, call):
    target = {"logical_disks": [{**TARGET["logical_disks"][0], "physical_disks": [{"size": ">= 3.4"}, {"size": ">= 3.4"}]}]}
    with pytest.raises(BaremetalError, match="no disk is left for {size: >= 3.4}.*%s .*: another size.*%s .*: taken already.*%s: it is in skip" % tuple(disks)):
        call(target_raid_config=target)
    done = call(target_raid_config=target, skip=())
    assert done["arrays"][0]["members"] == sorted((disk + "p2" for disk in disks[1:]), key=lambda path: (len(path), path))
    assert signatures(disks[0]) == []


def test_without_mdadm(call, monkeypatch):
    monkeypatch.setattr(software_raid, "find_tool", lambda name: None)
    with pytest.raises(BaremetalError, match="mdadm is needed"):
        call()
