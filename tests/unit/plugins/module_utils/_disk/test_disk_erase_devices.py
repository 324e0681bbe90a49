# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_erase: the target and nothing but the target, on loop devices."""

from __future__ import annotations

import os
import pathlib

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB, read_disk
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.erase import erase
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread, signatures
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run

# Sizes that nothing else on the machine has: loop devices have no serial numbers to hint at.
TARGET, OTHER = 61, 67
HINTS = {"size": str(TARGET * 1024 ** 2 / GIB)}


@pytest.fixture
def disks(loops):
    pair = loops(TARGET), loops(OTHER)
    for device in pair:
        run("sfdisk", "--no-reread", "--no-tell-kernel", device, input="label: gpt\nsize=+\n")
        reread(device)
        run("mkfs.ext4", "-q", device + "p1")
    return pair


def call(**options):
    return erase({}, HINTS, loop=True, verifier=lambda data: data, **options)


def content(device):
    os.sync()
    run("blockdev", "--flushbufs", device)
    return pathlib.Path(device).read_bytes()


def test_check_then_erase_then_nothing_left(disks):
    target, other = disks
    before, untouched = content(target), content(other)
    predicted = call(check_mode=True)
    assert predicted["changed"] is True
    assert content(target) == before
    done = call()
    assert done == predicted
    assert done["erased"][0]["device"] == target
    assert done["erased"][0]["method"] == "metadata"
    assert {entry["type"] for entry in done["erased"][0]["signatures"]} == {"gpt", "PMBR", "ext4"}
    assert any("ext4 on %sp1" % target in line for line in done["diff"]["before"]["metadata"])
    assert done["diff"]["after"]["metadata"] == []
    assert signatures(target) == []
    again = call()
    assert (again["changed"], again["erased"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert content(other) == untouched


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_mounted_disk_is_refused(disks, tmp_path, check_mode):
    target, _other = disks
    run("mount", "-o", "ro", target + "p1", tmp_path)
    try:
        before = content(target)
        with pytest.raises(BaremetalError, match="is protected, nothing was written.*in use at %s" % tmp_path):
            call(check_mode=check_mode)
        assert content(target) == before
    finally:
        run("umount", tmp_path)


def test_the_interlock_comes_first(disks):
    target, _other = disks
    with pytest.raises(BaremetalError, match="no interlock is given"):
        erase({}, HINTS, loop=True)
    assert signatures(target)


def test_loop_devices_are_no_targets_outside_tests(disks):
    assert read_disk(disks[0]) is None
    with pytest.raises(BaremetalError, match="no disk matches"):
        erase({}, HINTS, verifier=lambda data: data)
