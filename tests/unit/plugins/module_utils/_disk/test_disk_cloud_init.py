# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The datasource of cloud-init: pinned in real file systems on loop devices, and read from what cloud-init leaves."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import cloud_init, config_drive
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import gpt, run

DATA = {"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"}
FOLDER = "etc/cloud/cloud.cfg.d"


@pytest.mark.parametrize("told, name", [
    ("DataSourceConfigDrive [net,ver=2][source=/dev/vda3]", "ConfigDrive"),
    ("DataSourceNoCloud [seed=/dev/sr0][dsmode=net]", "NoCloud"),
    ("DataSourceNoCloudNet [seed=http://192.0.2.1/][dsmode=net]", "NoCloud"),
    ("DataSourceEc2Local", "Ec2"),
    ("DataSourceNone", "None"),
])
@pytest.mark.parametrize("file", ["result.json", "status.json"])
def test_what_cloud_init_used(machine, told, name, file):
    root = machine({file: json.dumps({"v1": {"datasource": told, "errors": []}})})
    assert cloud_init.used(str(root)) == (name, told)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"v1": []}', '{"v1": {"datasource": null}}', '{"v1": {"datasource": "x"}}'])
def test_where_it_does_not_tell(machine, text):
    root = machine({"result.json": text})
    assert cloud_init.used(str(root)) == (None, None)
    assert cloud_init.used(str(root / "none")) == (None, None)


@pytest.fixture
def disk(loops, tmp_path):
    """Return a function that makes a disk with a system and a config drive: (what to do in the mounted root, layout) -> (device, drive)."""
    def make(prepare, layout="configdrive"):
        device = loops(192)
        gpt(device, "4M", "100M")
        run("mkfs.ext4", "-q", device + "p2")
        mount = tmp_path / "mount"
        mount.mkdir()
        run("mount", device + "p2", mount)
        try:
            prepare(mount)
        finally:
            run("umount", mount)
        return device, config_drive.add_config_drive(device, build(dict(DATA, layout=layout)))

    return make


def contents(device, tmp_path, path):
    run("mount", "-o", "ro", device + "p2", tmp_path / "mount")
    try:
        place = tmp_path / "mount" / path
        return place.read_text() if place.exists() else None
    finally:
        run("umount", tmp_path / "mount")


def folder(mount):
    (mount / FOLDER).mkdir(parents=True)


@pytest.mark.parametrize("layout, name", [("configdrive", "ConfigDrive"), ("nocloud", "NoCloud")])
def test_pinned(disk, tmp_path, layout, name):
    device, drive = disk(folder, layout)
    for _time in range(2):
        assert cloud_init.pin(device, drive) == device + "p2"
    text = contents(device, tmp_path, FOLDER + "/" + cloud_init.FILE)
    assert text.splitlines()[-1] == "datasource_list: [%s, None]" % name


def to_elsewhere(mount, elsewhere):
    (mount / "etc/cloud").mkdir(parents=True)
    (mount / FOLDER).symlink_to(elsewhere)


@pytest.mark.parametrize("prepare", [lambda mount, elsewhere: None, to_elsewhere], ids=["no folder", "a link that leads out of the image"])
def test_where_there_is_nothing_to_write_into(disk, tmp_path, prepare):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    device, drive = disk(lambda mount: prepare(mount, elsewhere))
    assert cloud_init.pin(device, drive) is None
    assert not os.listdir(elsewhere)
    assert contents(device, tmp_path, FOLDER + "/" + cloud_init.FILE) is None


def test_a_file_that_is_a_link_is_replaced_and_not_followed(disk, tmp_path):
    def prepare(mount):
        folder(mount)
        (mount / FOLDER / cloud_init.FILE).symlink_to(tmp_path / "victim")

    device, drive = disk(prepare)
    assert cloud_init.pin(device, drive) == device + "p2"
    assert not (tmp_path / "victim").exists()
