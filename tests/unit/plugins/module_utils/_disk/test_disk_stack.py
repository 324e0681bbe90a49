# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands on a disk, in a made-up /sys, and the order in which it is taken apart."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import stack
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError


@pytest.fixture
def lay(tmp_path):
    """Return a function that lays out devices: {name: (kind, [devices below])} -> options for layers."""

    def make(devices, mounts=""):
        block, classes = tmp_path / "sys/block", tmp_path / "sys/class/block"
        classes.mkdir(parents=True)

        def folder(name):
            # sda2 is a folder in sda.
            disk = name.rstrip("0123456789") if name.startswith("sd") else name
            return block / disk if disk == name else block / disk / name

        for number, (name, (kind, below)) in enumerate(devices.items()):
            place = folder(name)
            (place / "slaves").mkdir(parents=True)
            (place / "holders").mkdir()
            (place / "dev").write_text("8:%d\n" % number)
            os.symlink(place, classes / name)
            if place.parent != block:
                (place / "partition").write_text("1\n")
            if kind in ("md", "bcache"):
                (place / kind).mkdir()
            elif kind:
                (place / "dm").mkdir()
                (place / "dm/uuid").write_text(kind + "0123\n")
                (place / "dm/name").write_text("name-of-%s\n" % name)
            for other in below:
                (place / "slaves" / other).symlink_to(folder(other))
                (folder(other) / "holders" / name).symlink_to(place)
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/mountinfo").write_text(mounts)
        return {"sysfs": str(tmp_path / "sys"), "proc": str(tmp_path / "proc"), "dev": "/dev"}

    return make


STACK = {
    "sda": (None, []), "sda1": (None, []), "sda2": (None, []), "sdb": (None, []), "sdb1": (None, []),
    "md127": ("md", ["sda1", "sdb1"]),
    "dm-0": ("CRYPT-LUKS2-", ["md127"]),
    "dm-1": ("LVM-", ["dm-0"]),
    "dm-2": ("LVM-", ["dm-0", "sda2"]),
}


def test_the_top_comes_first_and_each_layer_once(lay):
    found = stack.layers("/dev/sda", **lay(STACK))
    assert [(layer["name"], layer["kind"]) for layer in found] == [
        ("dm-2", "LVM volume"), ("dm-1", "LVM volume"), ("dm-0", "encrypted volume"), ("md127", "md array")]
    assert found[-1]["members"] == ["/dev/sda1", "/dev/sdb1"]
    assert [layer["disks"] for layer in found] == [["/dev/sda", "/dev/sdb"]] * 4
    assert stack.describe(found[1]) == "LVM volume name-of-dm-1 (dm-1) on /dev/dm-0"


def test_nothing_on_a_plain_disk(lay):
    assert stack.layers("/dev/sda", **lay({"sda": (None, []), "sda1": (None, [])})) == []


def test_a_stack_is_taken_apart_in_order(lay):
    places = lay(STACK)
    calls = []

    def run(argv, *, stage=None, ok=(0,)):
        calls.append(argv)
        gone = {"name-of-dm-0": "dm-0", "name-of-dm-1": "dm-1", "name-of-dm-2": "dm-2", "/dev/md127": "md127"}.get(argv[-1])
        if gone:
            shutil.rmtree(os.path.join(places["sysfs"], "block", gone))
        return b""

    stack.take_apart(stack.layers("/dev/sda", **places), ["/dev/sda"], sysfs=places["sysfs"], runner=run)
    assert calls == [
        ["dmsetup", "remove", "--retry", "name-of-dm-2"], ["dmsetup", "remove", "--retry", "name-of-dm-1"], ["dmsetup", "remove", "--retry", "name-of-dm-0"],
        ["mdadm", "--stop", "/dev/md127"],
        # The other disk keeps its superblock: it is not erased.
        ["mdadm", "--zero-superblock", "/dev/sda1"]]


def test_a_layer_that_stays_is_told(lay):
    places = lay({"sda": (None, []), "md0": ("md", ["sda"])})
    with pytest.raises(BaremetalError, match="md array md0 .* does not go away"):
        stack.take_apart(stack.layers("/dev/sda", **places), ["/dev/sda"], sysfs=places["sysfs"], runner=lambda *words, **more: b"", sleep=lambda seconds: None)


def test_bcache_ends_with_its_set(lay, tmp_path):
    places = lay({"sda": (None, []), "sdb": (None, []), "bcache0": ("bcache", ["sda", "sdb"])})
    cache_set = tmp_path / "set"
    cache_set.mkdir()
    (cache_set / "stop").write_text("")
    device = tmp_path / "sys/block/bcache0"
    (device / "bcache/cache").symlink_to(cache_set)
    found = stack.layers("/dev/sdb", **places)
    assert [layer["kind"] for layer in found] == ["bcache"]
    stopped = []

    def sleep(_seconds):
        stopped.append(((device / "bcache/stop").read_text(), (cache_set / "stop").read_text()))
        shutil.rmtree(device)

    stack.take_apart(found, ["/dev/sdb"], sysfs=places["sysfs"], sleep=sleep)
    assert stopped == [("1", "1")]


@pytest.mark.parametrize("line", ["30 1 8:7 / /srv rw - ext4 /dev/mapper/x rw\n", "30 1 0:40 / /srv rw - btrfs /dev/dm-1 rw\n"])
def test_what_is_mounted_at_any_height_is_refused(lay, line):
    found = stack.layers("/dev/sda", **lay(STACK, mounts=line))
    with pytest.raises(BaremetalError, match=r"LVM volume name-of-dm-1 .* is in use at /srv, nothing was written"):
        stack.refuse_foreign(found, ["/dev/sda", "/dev/sdb"], {})


def test_a_stack_on_a_protected_disk_is_refused(lay):
    found = stack.layers("/dev/sda", **lay(STACK))
    stack.refuse_foreign(found, ["/dev/sda"], {"/dev/sdc": "it is removable"})
    with pytest.raises(BaremetalError, match="also stands on /dev/sdb, which must not be touched.*it is in skip_block_devices"):
        stack.refuse_foreign(found, ["/dev/sda"], {"/dev/sdb": "it is in skip_block_devices"})
