# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition images and software RAID, each up to a login, one machine at a time (make rack-matrix)."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from steps import MACHINES, host_tasks, installed, nodes, power, run, virsh

ROOT = "debian-12-root"
# With what starts a system from an array.
RAID = "debian-12-md"


def publish(rack, name, path, checksum, *more):
    rack.playbook("publish.yml", "-e", f"publish_name={name}", "-e", f"publish_src={path}", "-e", f"publish_checksum={checksum}", *more)


@pytest.fixture(scope="module")
def root_image(available):
    """The root file system of the image, published by itself, with its boot loader for UEFI where a partition image has it: below /boot/efi."""
    images = available.BUILD / "images"
    disk, root, tree = images / "root.disk.raw", images / f"{ROOT}.ext4", images / "root.esp"
    try:
        subprocess.run(["qemu-img", "convert", "-O", "raw", str(images / "debian-12.qcow2"), str(disk)], check=True)
        table = json.loads(subprocess.run(["sfdisk", "--json", str(disk)], check=True, capture_output=True).stdout)["partitiontable"]["partitions"]
        parts = {part["name"]: (part["start"] * 512, part["size"] * 512) for part in table}
        start, size = parts["root"]
        subprocess.run(["dd", f"if={disk}", f"of={root}", "bs=1M", "iflag=skip_bytes,count_bytes", f"skip={start}", f"count={size}", "conv=sparse",
                        "status=none"], check=True)
        tree.mkdir(exist_ok=True)
        subprocess.run(["mcopy", "-s", "-n", "-i", f"{disk}@@{parts['esp'][0]}", "::EFI", str(tree)], check=True)
        script = []
        for folder, folders, files in os.walk(tree):
            there = os.path.normpath(os.path.join("/boot/efi", os.path.relpath(folder, tree)))
            script += [f"mkdir {there}/{name}\n" for name in folders] + [f"write {folder}/{name} {there}/{name}\n" for name in files]
        done = subprocess.run(["debugfs", "-w", "-f", "-", str(root)], check=True, input="".join(script), capture_output=True, text=True)
        # The first line is its version.
        assert not done.stderr.splitlines()[1:], done.stderr
        digest = subprocess.run(["sha256sum", str(root)], check=True, capture_output=True, text=True).stdout.split()[0]
        publish(available, ROOT, root, f"sha256:{digest}", "-e", "publish_type=partition")
    finally:
        disk.unlink(missing_ok=True)
        root.unlink(missing_ok=True)
        subprocess.run(["rm", "-r", "-f", str(tree)], check=True)


@pytest.mark.parametrize(("name", "more", "is_uefi"), [("partitions-uefi", {}, True), ("partitions-bios", {"install_boot_loader": True}, False)])
def test_a_partition_image(available, root_image, name, more, is_uefi):
    partitions = {"swap_mb": 256, "ephemeral_gb": 1, **more}
    try:
        output = run(available, "deploy.yml", "-l", name, "-e", f"image={ROOT}", "-e", json.dumps({"deploy_partitions": partitions}))
        assert nodes(available)[name]["provision_state"] == "active" and host_tasks(output, name) <= 15
        listed = json.loads(installed(available, MACHINES[name]["address"], "lsblk --json --bytes --output NAME,LABEL,FSTYPE /dev/vda"))
        parts = {part["label"]: part for part in listed["blockdevices"][0]["children"] if part["label"]}
        assert (parts["swap1"]["fstype"], parts["ephemeral0"]["fstype"], "config-2" in parts) == ("swap", "ext4", True)
        # It has grown to all that is left of the disk: 6 GiB without the others.
        assert int(installed(available, MACHINES[name]["address"], "findmnt --noheadings --bytes --output SIZE /")) > 7 << 29
        efi = installed(available, MACHINES[name]["address"], "test -d /sys/firmware/efi && findmnt --noheadings --output FSTYPE /boot/efi || echo bios")
        assert efi.strip() == ("vfat" if is_uefi else "bios")
    finally:
        power(available, name, "off")


@pytest.fixture(scope="module")
def raid_image(available):
    available.playbook("os_image.yml", "-e", f"os_image_name={RAID}", "-e", json.dumps({"os_image_extra_packages": ["mdadm"]}))
    path = available.BUILD / "images" / f"{RAID}.qcow2"
    publish(available, RAID, path, f"{path}.sha256")


def test_software_raid_starts_from_either_disk(available, raid_image):
    address = MACHINES["mirror"]["address"]
    target = {"logical_disks": [{"size_gb": "MAX", "raid_level": "1", "controller": "software", "volume_name": "system"}]}
    steps = {"clean_steps": [{"step": "raid.create_configuration", "args": {"target_raid_config": target}}], "clean_disks": "all"}
    try:
        run(available, "manage.yml", "-l", "mirror")
        run(available, "clean.yml", "-l", "mirror", "-e", json.dumps(steps))
        run(available, "provide.yml", "-l", "mirror")
        run(available, "deploy.yml", "-l", "mirror", "-e", f"image={RAID}")
        assert nodes(available)["mirror"]["provision_state"] == "active"
        assert installed(available, address, "cat /proc/mdstat").count("[UU]") == 2
        # To both of them.
        installed(available, address, "echo before >written; sync; sudo sh -c 'while grep -q resync /proc/mdstat; do sleep 1; done'")
        for disk, left in (("vda", "RW-0613-OTHER"), ("vdb", "RW-0613-ONE")):
            power(available, "mirror", "off")
            whole = available.RACK / "mirror.xml"
            whole.write_text(virsh(available, "dumpxml", "--inactive", "mirror"))
            virsh(available, "detach-disk", "mirror", disk, "--config")
            try:
                power(available, "mirror", "on")
                assert installed(available, address, "lsblk --noheadings --nodeps --output SERIAL --include 253,254,252").split() == [left]
                assert installed(available, address, "findmnt --noheadings --output SOURCE /").startswith("/dev/md")
                assert installed(available, address, "cat written").strip() == "before"
            finally:
                # The disk is put back, for the other one to be taken.
                power(available, "mirror", "off")
                virsh(available, "define", str(whole))
                whole.unlink()
    finally:
        power(available, "mirror", "off")
