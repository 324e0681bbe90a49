# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two disks with the same identifiers."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.twins import refuse_other_config_drives, refuse_twins
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run


@pytest.fixture
def disk(loops):
    """A disk with a table and a file system."""
    device = loops(32)
    run("sgdisk", "--new=1:0:+8M", "--new=2:0:+8M", device)
    reread(device)
    run("mkfs.ext4", "-q", f"{device}p2")
    return device


def twins(device, *others, skip=(), **changes):
    """Look for twins among loop devices; changes: to what is known of the others."""
    seen = {one["name"]: one for one in list_disks(loop=True)}
    refuse_twins(device, skip, lister=lambda: [seen[device], *(dict(seen[one], **changes) for one in others)])


def test_the_same_image_on_another_disk(disk, loops):
    other = loops(64)
    twins(disk, other)
    shutil.copyfile(disk, other)
    # As in a system that was started from it.
    run("sgdisk", "--move-second-header", other)
    reread(other)
    with pytest.raises(BaremetalError, match=f"has the same identifiers as {disk} .*Seen: {other} .*To do: Erase the other disk"):
        twins(disk, other)


def test_the_same_file_system_in_another_table(disk, loops):
    other = loops(64)
    run("sgdisk", "--new=1:0:+8M", other)
    reread(other)
    shutil.copyfile(f"{disk}p2", f"{other}p1")
    reread(other)
    with pytest.raises(BaremetalError, match="has the same identifiers"):
        twins(disk, other)


@pytest.mark.parametrize("changes", [{"serial": "S1"}, {"tran": "iscsi"}, {"removable": True}])
def test_what_may_be_another_machine_s_is_not_looked_at(disk, loops, changes):
    other = loops(32)
    shutil.copyfile(disk, other)
    reread(other)
    twins(disk, other, skip=[{"serial": "S1"}], **changes)


def look(said, *disks, refuse=refuse_twins, **options):
    """Look at the other disks of a disk that no machine has; said: {device: what blkid prints, or an error}."""
    def runner(argv, **options):
        if isinstance(said[argv[-1]], Exception):
            raise said[argv[-1]]
        return said[argv[-1]].encode()

    known = {"partitions": [], "serial": None, "wwn": None, "size": 2 ** 30, "model": "M", "removable": False, "tran": "sas"}
    refuse("/dev/none9", lister=lambda: [dict(known, **disk) for disk in disks], runner=runner, **options)


@pytest.mark.parametrize("kind, uuid, refused", [("ext4", "U", True), ("ext4", "V", False), ("linux_raid_member", "U", False), ("iso9660", "U", False)])
def test_what_is_shared_makes_no_twin(kind, uuid, refused):
    said = {"/dev/none9": "TYPE=ext4\nUUID=U\n", "/dev/none8": "", "/dev/none8p1": f"TYPE={kind}\nUUID={uuid}\nPART_ENTRY_UUID=P\n"}
    disks = [{"name": "/dev/none8", "partitions": ["/dev/none8p1"]}, {"name": "/dev/none9"}]
    if refused:
        with pytest.raises(BaremetalError, match="Seen: /dev/none8 "):
            look(said, *disks)
    else:
        look(said, *disks)


def test_another_path_to_the_disk_is_no_twin():
    said = {"/dev/none8": "TYPE=ext4\nUUID=U\n", "/dev/none9": "TYPE=ext4\nUUID=U\n"}
    look(said, {"name": "/dev/none8", "wwn": "W", "serial": "S"}, {"name": "/dev/none9", "wwn": "W", "serial": "S"})
    with pytest.raises(BaremetalError, match="Seen: /dev/none8 "):
        look(said, {"name": "/dev/none8", "wwn": "W", "serial": "S"}, {"name": "/dev/none9", "wwn": "X", "serial": "T"})


def test_a_disk_that_cannot_be_read_is_passed_over():
    said = {"/dev/none7": BaremetalError("it does not answer"), "/dev/none8": "TYPE=ext4\nUUID=U\n", "/dev/none9": "TYPE=ext4\nUUID=U\n"}
    look(said, {"name": "/dev/none7"}, {"name": "/dev/none9"})
    with pytest.raises(BaremetalError, match="Seen: /dev/none8 "):
        look(said, {"name": "/dev/none7"}, {"name": "/dev/none8"}, {"name": "/dev/none9"})


@pytest.mark.parametrize("label, refused", [("config-2", True), ("CIDATA", True), ("data", False)])
def test_a_config_drive_on_another_disk(label, refused):
    said = {"/dev/none8": "PTTYPE=gpt\n", "/dev/none8p1": f"TYPE=iso9660\nLABEL={label}\n", "/dev/none9": "TYPE=iso9660\nLABEL=config-2\n"}
    disks = [{"name": "/dev/none8", "serial": "S8", "partitions": ["/dev/none8p1"]}, {"name": "/dev/none9"}]
    if refused:
        with pytest.raises(BaremetalError, match="another disk of this machine has a config drive.*nothing was written. Seen: /dev/none8 "):
            look(said, *disks, refuse=refuse_other_config_drives)
    else:
        look(said, *disks, refuse=refuse_other_config_drives)
    look(said, *disks, refuse=refuse_other_config_drives, skip=[{"serial": "S8"}])
