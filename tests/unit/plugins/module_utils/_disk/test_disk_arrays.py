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
    with pytest.raises(BaremetalError, match="lacks disks. Seen: system: only /dev/sda2"):
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


def test_what_runs(tmp_path):
    for name, slaves in (("md0", ("sda2", "sdb2")), ("md127", ())):
        (tmp_path / "block" / name / "md").mkdir(parents=True)
        (tmp_path / "block" / name / "slaves").mkdir()
        for slave in slaves:
            (tmp_path / "block" / name / "slaves" / slave).touch()
            (tmp_path / "class/block").mkdir(parents=True, exist_ok=True)
            place = tmp_path / "block" / slave[:3] / slave
            place.mkdir(parents=True)
            (place / "partition").write_text("2\n")
            (tmp_path / "class/block" / slave).symlink_to(place)
    text = b"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_NAME=any:system\nMD_UUID=a:b:c:d\n"
    assert arrays.running(sysfs=str(tmp_path), runner=lambda argv, stage: text) == [
        {"device": "/dev/md0", "name": "system", "uuid": "a:b:c:d", "level": "raid1", "raid_devices": 2, "members": ["/dev/sda2", "/dev/sdb2"],
         "disks": ["/dev/sda", "/dev/sdb"]}]


@pytest.mark.parametrize("kind, mode, refused", [("raid1", "bios", True), ("raid1", "uefi", False), ("disk", "bios", False)])
def test_a_bios_finds_no_loader_in_an_array(kind, mode, refused):
    disk = dict(DISKS[0], type=kind)
    if refused:
        with pytest.raises(BaremetalError, match="a machine that was started by BIOS does not start an image; nothing was written"):
            esp_mirror.refuse_bios(disk, mode=lambda: mode)
    else:
        esp_mirror.refuse_bios(disk, mode=lambda: mode)


def test_a_partition_image_is_for_disks():
    esp_mirror.refuse_partitions(DISKS[0])
    with pytest.raises(BaremetalError, match="takes no partition image"):
        esp_mirror.refuse_partitions(dict(DISKS[0], type="raid1"))


@pytest.fixture
def mirror(loops):
    """Call mirror_esp for an array with an image on it; loop devices are the arrays."""
    source, target = loops(9), loops(12)
    there = [{"device": "/dev/md0", "name": "system", "level": "raid1", "disks": ["/dev/sda", "/dev/sdb"], "members": []},
             {"device": target, "name": "esp", "level": "raid1", "disks": ["/dev/sda", "/dev/sdb"], "members": [target]}]

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
