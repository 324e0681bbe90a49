# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Members of software RAID: texts of mdadm, and a real mdadm that reads a superblock which was written here."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.raid_members import examined, raid_members
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import write_superblock


@pytest.mark.skipif(shutil.which("mdadm", path="/usr/sbin:/sbin") is None, reason="mdadm is not installed")
def test_a_real_superblock_is_read(loops):
    member, other = loops(16), loops(8)
    write_superblock(member, "server7:root", 1, 2)
    found = raid_members([{"name": member, "partitions": []}, {"name": other, "partitions": []}])
    assert found == [{"device": member, "uuid": "00010203:04050607:08090a0b:0c0d0e0f", "name": "server7:root", "level": "raid1", "raid_devices": 2}]


@pytest.mark.parametrize("text, answer", [
    ("", None),
    ("MD_METADATA=imsm\nMD_LEVEL=container\n", None),
    ("MD_LEVEL=raid5\nMD_DEVICES=x\nMD_UUID=a:b:c:d\n", {"uuid": "a:b:c:d", "name": None, "level": "raid5", "raid_devices": None}),
])
def test_texts(text, answer):
    assert examined(text) == answer


def test_no_mdadm(monkeypatch):
    monkeypatch.setattr("ansible_collections.rackwright.baremetal.plugins.module_utils._disk.raid_members.find_tool", lambda name: None)
    assert raid_members([{"name": "/dev/sda", "partitions": []}]) == []
