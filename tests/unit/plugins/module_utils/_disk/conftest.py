# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Loop devices as disks, and a made-up /sys of a machine."""

from __future__ import annotations

import os
import shutil

import pytest
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run

TOOLS = ("losetup", "sgdisk", "sfdisk", "partx", "wipefs", "blkid", "lsblk", "blockdev", "mkfs.ext4", "mount")
PATHS = "/usr/sbin:/sbin:/usr/bin:/bin"


@pytest.fixture
def loops(tmp_path):
    """Return a function that makes a loop device: (MiB, bytes per sector) -> device name."""
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=PATHS)]
    if os.geteuid() != 0:
        pytest.skip("loop devices need root")
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))
    if not os.path.exists("/dev/loop-control"):
        pytest.skip("the kernel offers no loop devices here")
    made = []

    def make(mebibytes, sector=512):
        path = tmp_path / ("disk%d.raw" % len(made))
        with open(path, "wb") as stream:
            stream.truncate(mebibytes * 1024 ** 2)
        made.append(run("losetup", "--find", "--show", "--partscan", "--sector-size", sector, path))
        return made[-1]

    yield make
    for device in made:
        run("losetup", "--detach", device)


@pytest.fixture
def machine(tmp_path):
    """Return a function that lays out a machine's files: {relative path: text} -> root folder."""

    def make(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path

    return make
