# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arrays as disks that hints mean, and the mirror of the EFI system partition."""

from __future__ import annotations

import pathlib
import random

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import arrays, esp_mirror
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run

DISKS = [{"name": "/dev/sd" + letter, "type": "disk", "serial": "S" + letter, "size": GIB, "partitions": ["/dev/sd%s2" % letter]} for letter in "abc"]
ARRAYS = [{"name": "/dev/md0", "type": "raid1", "serial": None, "size": GIB}, {"name": "/dev/md1", "type": "raid0", "serial": None, "size": GIB}]
RUNNING = [{"device": "/dev/md0", "name": "system", "disks": ["/dev/sda", "/dev/sdb"]}, {"device": "/dev/md1", "name": "data", "disks": ["/dev/sdc"]}]


def choose(hints, skip=(), lacking=None):
    """The names among which hints choose, and on which disks arrays were looked for."""
    asked = []

    def assembler(disks):
        asked.extend(disk["name"] for disk in disks)
        return lacking or {}

    found = arrays.disks_for(hints, skip, lister=lambda raid=False: DISKS + ARRAYS if raid else DISKS, assembler=assembler, arrays=lambda: RUNNING)
    return [(disk["name"], disk.get("volume_name")) for disk in found], asked


def test_arrays_are_assembled_when_one_is_asked_for():
    plain = [(disk["name"], None) for disk in DISKS]
    assert choose({"serial": "Sa"}) == (plain, [])
    assert choose(None) == (plain, [])
    assert choose({"volume_name": "system"}) == (plain + [("/dev/md0", "system"), ("/dev/md1", "data")], ["/dev/sda", "/dev/sdb", "/dev/sdc"])


def test_an_array_on_a_disk_of_the_skip_list_is_none():
    found, asked = choose({"volume_name": "system"}, [{"serial": "Sb"}])
    assert ([name for name, _volume in found], asked) == (["/dev/sda", "/dev/sdb", "/dev/sdc", "/dev/md1"], ["/dev/sda", "/dev/sdc"])


def test_an_array_that_lacks_disks_is_told():
    with pytest.raises(BaremetalError, match="software RAID of this machine lacks disks. Seen: system: only /dev/sda2"):
        choose({"volume_name": "system"}, lacking={"system": ["/dev/sda2"]})
    assert choose({"volume_name": "data"}, lacking={"system": ["/dev/sda2"], None: ["/dev/sdb2"]})


def test_what_is_assembled(tmp_path, monkeypatch):
    members = [{"device": "/dev/sd%s2" % letter, "uuid": uuid, "name": "any:" + name, "level": "raid1", "raid_devices": 2}
               for letter, uuid, name in (("a", "u1", "system"), ("b", "u1", "system"), ("c", "u2", "data"))]
    monkeypatch.setattr(arrays, "raid_members", lambda disks, runner: members)
    (tmp_path / "block/md0").mkdir(parents=True)
    calls = []
    assert arrays.assemble(DISKS, sysfs=str(tmp_path), runner=lambda argv, stage: calls.append(argv)) == {"data": ["/dev/sdc2"]}
    assert calls == [["mdadm", "--assemble", "/dev/md1", "--uuid=u1", "/dev/sda2", "/dev/sdb2"]]


def lay_out(folder, **running):
    """Make a /sys of arrays: {name: {member: its state, or None for what a kernel without this file shows}}."""
    for name, slaves in running.items():
        (folder / "block" / name / "md").mkdir(parents=True)
        (folder / "block" / name / "slaves").mkdir()
        for slave, state in slaves.items():
            (folder / "block" / name / "slaves" / slave).touch()
            if state:
                (folder / "block" / name / "md" / f"dev-{slave}").mkdir()
                (folder / "block" / name / "md" / f"dev-{slave}" / "state").write_text(state + "\n")
            (folder / "class/block").mkdir(parents=True, exist_ok=True)
            place = folder / "block" / slave[:3] / slave
            place.mkdir(parents=True)
            (place / "partition").write_text("2\n")
            (folder / "class/block" / slave).symlink_to(place)


def detail(argv, stage):
    """What mdadm tells of an array of two members, whichever."""
    return b"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_NAME=any:system\nMD_UUID=a:b:c:d\n"


@pytest.mark.parametrize("members, working", [
    ({"sda2": None, "sdb2": None}, "ab"),
    ({"sda2": "in_sync", "sdb2": "in_sync,write_error"}, "ab"),
    # It is being filled, as the last one of a RAID 5 that was just made.
    ({"sda2": "in_sync", "sdb2": "spare"}, "ab"),
    ({"sda2": "in_sync", "sdb2": "faulty,write_error"}, "a"),
    ({"sda2": "in_sync"}, "a"),
])
def test_what_runs(tmp_path, members, working):
    lay_out(tmp_path, md0=members, md127={})
    assert arrays.running(sysfs=str(tmp_path), runner=detail) == [
        {"device": "/dev/md0", "name": "system", "uuid": "a:b:c:d", "level": "raid1", "raid_devices": 2, "members": [f"/dev/sd{one}2" for one in working],
         "lacks": 2 - len(working), "disks": [f"/dev/{member[:3]}" for member in members]}]


def test_a_member_that_was_left_out_is_lacking(tmp_path, monkeypatch):
    """mdadm takes the members that have gone on together, and leaves the one alone that had failed and has come back."""
    members = [{"device": f"/dev/sd{letter}2", "uuid": "a:b:c:d", "name": "any:system", "level": "raid1", "raid_devices": 2} for letter in "ab"]
    monkeypatch.setattr(arrays, "raid_members", lambda disks, runner: members)
    (tmp_path / "block").mkdir()
    calls = []

    def runner(argv, stage):
        calls.append(argv)
        if "--assemble" in argv:
            lay_out(tmp_path, md0={"sdb2": "in_sync"})
        return detail(argv, stage)

    for dummy in range(2):
        # The second time it runs, and is not begun again.
        assert arrays.assemble(DISKS, sysfs=str(tmp_path), runner=runner) == {"system": ["/dev/sdb2"]}
    assert sum("--assemble" in argv for argv in calls) == 1
    # One on other disks is somebody else's matter.
    assert arrays.assemble(DISKS[:1], sysfs=str(tmp_path), runner=runner) == {}


@pytest.mark.parametrize("kind, mode, refused", [("raid1", "bios", True), ("raid1", "uefi", False), ("disk", "bios", False)])
def test_a_bios_finds_no_loader_in_an_array(kind, mode, refused):
    disk = dict(DISKS[0], type=kind)
    if refused:
        with pytest.raises(BaremetalError, match="a machine that was started by BIOS does not start an image; nothing was written"):
            esp_mirror.refuse_no_start(disk, mode=lambda: mode, running=list)
    else:
        esp_mirror.refuse_no_start(disk, mode=lambda: mode, running=list)


@pytest.mark.parametrize("changes, message", [
    ({}, None),
    ({"root": {"lacks": 1, "members": ["/dev/sda2"]}}, "lacks disks. Seen: system: only /dev/sda2"),
    ({"esp": {"lacks": 1, "members": ["/dev/sda1"]}}, "lacks disks. Seen: esp: only /dev/sda1"),
    ({"esp": {"lacks": 1, "members": ["/dev/sda1"], "disks": ["/dev/sda"]}}, "lacks disks. Seen: esp: only /dev/sda1"),
    ({"root": {"lacks": 1, "members": ["/dev/sdb2"], "disks": ["/dev/sdb"]}}, "lacks disks. Seen: system: only /dev/sdb2"),
    ({"esp": {"disks": ["/dev/sda"]}}, "the disks of /dev/md0 have no array for the EFI system partition"),
    ({"esp": {"name": "other"}}, "the disks of /dev/md0 have no array for the EFI system partition"),
])
def test_an_array_without_a_whole_mirror_is_refused_before_anything_is_written(changes, message):
    there = [dict({"device": device, "name": name, "level": "raid1", "lacks": 0, "members": [], "disks": ["/dev/sda", "/dev/sdb"]}, **changes.get(role, {}))
             for role, device, name in (("root", "/dev/md0", "system"), ("esp", "/dev/md1", "esp"))]
    disk = {"name": "/dev/md0", "type": "raid1"}
    if message:
        with pytest.raises(BaremetalError, match=message):
            esp_mirror.refuse_no_start(disk, mode=lambda: "uefi", running=lambda: there)
    else:
        esp_mirror.refuse_no_start(disk, mode=lambda: "uefi", running=lambda: there)


def test_a_partition_image_is_for_disks():
    esp_mirror.refuse_partitions(DISKS[0])
    with pytest.raises(BaremetalError, match="takes no partition image"):
        esp_mirror.refuse_partitions(dict(DISKS[0], type="raid1"))


@pytest.fixture
def mirror(loops):
    """Call mirror_esp for an array with an image on it; loop devices are the arrays."""
    source, target = loops(9), loops(12)
    there = [{"device": "/dev/md0", "name": "system", "level": "raid1", "disks": ["/dev/sda", "/dev/sdb"], "members": [], "lacks": 0},
             {"device": target, "name": "esp", "level": "raid1", "disks": ["/dev/sda", "/dev/sdb"], "members": [target], "lacks": 0}]

    def call(device="/dev/md0", *, there=tuple(there), esps=({"partition": source},)):
        return esp_mirror.mirror_esp(device, running=lambda: list(there), esps_of=lambda device, node: list(esps))

    call.source, call.target, call.there = source, target, there
    return call


def test_the_mirror_gets_the_file_system_and_the_image_loses_it(mirror):
    run("mkfs.vfat", "-i", "1234abcd", mirror.source)
    content = bytearray(pathlib.Path(mirror.source).read_bytes())
    content[4 * 1024 ** 2:8 * 1024 ** 2] = random.Random(1).randbytes(4 * 1024 ** 2)
    pathlib.Path(mirror.source).write_bytes(content)
    assert mirror() == mirror.target
    assert pathlib.Path(mirror.target).read_bytes()[:len(content)] == content
    assert run("blkid", "-p", "-s", "UUID", "-o", "value", mirror.target) == "1234-ABCD"
    assert run("wipefs", "--noheadings", mirror.source) == ""


def test_the_mirror_is_a_file_system_at_the_very_end(mirror, monkeypatch):
    """So a machine that loses power in between finds no loader: neither the old one nor half of the new one."""
    run("mkfs.vfat", mirror.target)
    esp_mirror.stop_mirror("/dev/sda", running=lambda: mirror.there)
    assert run("blkid", "-p", "-s", "TYPE", "-o", "value", mirror.target) == "vfat"
    esp_mirror.stop_mirror("/dev/md0", running=lambda: mirror.there)
    assert not any(pathlib.Path(mirror.target).read_bytes()[:1024 ** 2])
    run("mkfs.vfat", mirror.source)
    real, seen = esp_mirror.run, []

    def look(argv, **options):
        seen.append((argv[0], any(pathlib.Path(mirror.target).read_bytes()[:512])))
        return real(argv, **options)

    monkeypatch.setattr(esp_mirror, "run", look)
    mirror()
    assert seen == [("wipefs", False), ("blockdev", True)]


def test_what_cannot_be_mirrored(mirror, loops):
    assert mirror("/dev/sda") is None
    with pytest.raises(BaremetalError, match="the image has no EFI system partition"):
        mirror(esps=())
    for there in (mirror.there[:1], [mirror.there[0], dict(mirror.there[1], disks=["/dev/sda", "/dev/sdc"])]):
        with pytest.raises(BaremetalError, match="the disks of /dev/md0 have no array for the EFI system partition"):
            mirror(there=there)
    with pytest.raises(BaremetalError, match="is larger than its mirror"):
        mirror(esps=[{"partition": loops(13)}])
