# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run as root in the emulated machine of test_drives: erases its drives, and writes what came of it to the second serial port."""

from __future__ import annotations

import json
import pathlib
import random
import subprocess

from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import nvme
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.erase import erase
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job

SIZE = 64 * 1024 ** 2
ATA, FIRST, SECOND = "/dev/sda", "/dev/nvme0n1", "/dev/nvme0n2"


def run(command):
    """Run a shell command that must succeed."""
    subprocess.run(command, shell=True, check=True, stdout=subprocess.DEVNULL)


def call(check_mode=False, **options):
    """Erase, and return the result or the text of the failure."""
    options = {"interlock": {}, "disks": "all", "root_device": None, "skip_block_devices": [], "grade": "clear", "methods": ["nvme_format"],
               "fallback": "metadata", "wipe_special_filesystems": False, "wait": True, "timeout": 0, **options}
    try:
        return erase(options, Job("/run/job"), check_mode=check_mode, verifier=lambda data: data)
    except BaremetalError as error:
        return str(error)


def zeroes(device):
    """Whether a whole drive reads as zeroes."""
    return pathlib.Path(device).read_bytes() == bytes(SIZE)


def held():
    """Names of everything that stands on a drive."""
    return sorted({holder for disk in list_disks() for holder in disk["holders"]})


def main():
    """Build a stack, see it refused, see it taken apart, and format the NVMe namespaces."""
    for device in (FIRST, SECOND):
        pathlib.Path(device).write_bytes(random.randbytes(SIZE))
    found = {"abilities": nvme.abilities(FIRST)}
    run("sgdisk -n 0:0:0 %s && blockdev --rereadpt %s" % (ATA, ATA))
    run("mdadm --create /dev/md0 --run --level 1 --raid-devices 2 --metadata 1.2 %s1 %s 2>&1" % (ATA, SECOND))
    run("printf x | cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 /dev/md0 -")
    run("printf x | cryptsetup open /dev/md0 vault -")
    found["planned"] = call(check_mode=True)
    found["skipped"] = call(skip_block_devices=[{"tran": "sata"}])
    run("mkfs.ext4 -q /dev/mapper/vault && mkdir -p /mnt/vault && mount /dev/mapper/vault /mnt/vault")
    found["mounted"] = call()
    run("umount /mnt/vault")
    found["held"] = held()
    found["one"] = call(disks="root", root_device={"wwn": "<in> 00000001"})
    found["zeroes"] = {device: zeroes(device) for device in (FIRST, SECOND)}
    found["held after one"] = held()
    found["all"] = call(check_mode=False)
    found["zeroes after all"] = {device: zeroes(device) for device in (FIRST, SECOND)}
    found["held after all"] = held()
    found["sectors"] = {disk["name"]: disk["logical_sectors"] for disk in list_disks()}
    pathlib.Path("/dev/ttyS1").write_text(json.dumps(found) + "\n", encoding="ascii")


main()
