# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The deploy of a whole disk, cut short at any step: nothing boots from the disk before all of it is there."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import cloud_init, efi_loader
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.config_drive import find_config_drive
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks, partitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.deploy import _work
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.rawstream import look_at
from ansible_collections.rackwright.baremetal.plugins.modules.disk_image import TOOLS
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.conftest import root, server  # noqa: F401
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, sha256
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.dying import in_a_process_that_dies

PROGRAMS = ("losetup", "sgdisk", "sfdisk", "partx", "wipefs", "blkid", "lsblk", "mkfs.ext4", "mkfs.vfat", "debugfs", "mcopy", "mmd", "mdir", "mount")
MISSING = [program for program in PROGRAMS if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="the kernel offers no loop devices here"),
]

OLD = b"old" * 100
SIZE, ESP_SIZE, ROOT_SIZE = 96 * MIB, 4 * MIB, 8 * MIB
ESP_START, ROOT_START, IMAGE_SIZE = MIB, MIB + ESP_SIZE, 2 * MIB + ESP_SIZE + ROOT_SIZE
# As sfdisk takes them: an EFI system partition and a root partition.
TABLES = {"gpt": ("U", "L"), "dos": ("ef", "83")}
DRIVE = build({"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"})


@pytest.fixture
def disk(tmp_path):
    """The disk as list_disks has it, a loop device."""
    with open(tmp_path / "target", "wb") as file:
        file.truncate(SIZE)
        file.write(OLD)
    device = run("losetup", "--find", "--show", "--partscan", tmp_path / "target")
    (made,) = [one for one in list_disks(loop=True) if one["name"] == device]
    yield made
    run("losetup", "--detach", device)


@pytest.fixture
def raw(tmp_path, root, request):  # noqa: F811
    """A system that both a BIOS and UEFI start: boot code, a loader in an EFI system partition, and a root file system."""
    tree = tmp_path / "tree"
    (tree / "etc/cloud/cloud.cfg.d").mkdir(parents=True)
    (tree / "data").write_bytes(random.Random(1).randbytes(2 * MIB))
    loader = tmp_path / "BOOTX64.EFI"
    loader.write_bytes(random.Random(2).randbytes(300_000))
    for name, size in (("esp", ESP_SIZE), ("ext4", ROOT_SIZE), ("os.raw", IMAGE_SIZE)):
        with open(tmp_path / name, "wb") as file:
            file.truncate(size)
    run("mkfs.vfat", tmp_path / "esp")
    run("mmd", "-i", tmp_path / "esp", "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", tmp_path / "esp", loader, "::/EFI/BOOT/BOOTX64.EFI")
    run("mkfs.ext4", "-q", "-F", "-d", tree, tmp_path / "ext4")
    esp, system = TABLES[request.param]
    lines = f"start=1MiB, size={ESP_SIZE // 512}, type={esp}\nsize={ROOT_SIZE // 512}, type={system}"
    run("sfdisk", tmp_path / "os.raw", input=f"label: {request.param}\n{lines}\n")
    path = root / "os.raw"
    with open(tmp_path / "os.raw", "r+b") as file:
        file.write(b"\xfa\x31\xc0")
        for name, start in (("esp", ESP_START), ("ext4", ROOT_START)):
            file.seek(start)
            file.write((tmp_path / name).read_bytes())
    shutil.copy(tmp_path / "os.raw", path)
    return path


@pytest.fixture
def image(raw, root, server):  # noqa: F811
    record = publish.publish("os", str(raw), sha256(raw), str(root))[1]
    return fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])


def read(device, start, length):
    run("blockdev", "--flushbufs", device)
    with open(device, "rb") as file:
        file.seek(start)
        return file.read(length)


def state(device):
    """What firmware finds: "nothing", a "table" and nothing that boots, or boot code or a loader, which is "all"."""
    head = read(device, 0, 512)
    return "all" if any(head[:440]) or any(head) and any(read(device, ESP_START, 512)) else "table" if any(head) else "nothing"


def assert_all_is_there(device, raw):
    (_number, esp), (_number, system) = partitions(device)[:2]
    assert efi_loader.loader_on(esp) == ("\\EFI\\BOOT\\BOOTX64.EFI", None)
    assert efi_loader.bios_can_start(device)
    drive = find_config_drive(device)
    assert drive not in (None, esp, system)
    with open(drive, "rb") as file:
        assert file.read(len(DRIVE)) == DRIVE
    assert "ConfigDrive" in run("debugfs", "-R", f"cat /{'/'.join(cloud_init.FOLDER)}/{cloud_init.FILE}", system)
    run("sfdisk", "--verify", device)
    assert read(device, ESP_START, ESP_SIZE) == raw.read_bytes()[ESP_START:ESP_START + ESP_SIZE]


def wait_until_free(device):
    """What a process had mounted goes a moment after it."""
    deadline = time.monotonic() + 30
    while True:
        try:
            os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


# All steps in one of them; sgdisk waits a second for each change.
@pytest.mark.parametrize("raw, each", [("dos", 1), ("gpt", 7)], indirect=["raw"])
def test_killed_at_any_step_and_run_again(image, raw, disk, tmp_path, each):
    """As after a power cut: the disk boots nothing, or a system that has its config drive, and the same command again mends it."""
    device = disk["name"]

    def work():
        _work(image, disk, DRIVE, True, TOOLS, lambda done, total: None)

    work()
    states = []
    for number in itertools.count(0, each):
        cut = in_a_process_that_dies(work, number, tmp_path)
        wait_until_free(device)
        states.append(state(device))
        if cut:
            # As at a boot. What was not cut must be seen by the step that follows as it is.
            reread(device)
        if states[-1] == "all":
            assert_all_is_there(device, raw)
        if not cut:
            break
    # The system that was there; all that follows on the image; the system again. In between, while the image is written, there is no table.
    seen = [name for name, dummy in itertools.groupby(name for name in states if name != "nothing")]
    # On a busy machine a step is tried again, and those behind it have other numbers in that process than in the one before.
    assert (seen[:2], seen[-1], set(seen)) == (["all", "table"], "all", {"all", "table"}) and states.count("table") > 2


@pytest.mark.parametrize("raw", ["gpt"], indirect=True)
def test_the_mirror_of_software_raid_is_stopped_first_and_filled_last(raw, disk, server):  # noqa: F811
    device, seen = disk["name"], []

    def stop(device):
        seen.append(read(device, 0, len(OLD)) == OLD)

    def fill(device):
        assert_all_is_there(device, raw)
        seen.append("filled")
        return "/dev/md1"

    facts = _work(look_at(server.url + "os.raw", sha256(raw)), disk, DRIVE, True, TOOLS._replace(stop_mirror=stop, mirror_esp=fill), lambda done, total: None)
    assert seen == [True, "filled"] and facts["esp_mirror"] == "/dev/md1"
