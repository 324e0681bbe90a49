# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Erasing real drivers' drives: NVMe namespaces and an ATA disk of QEMU, with md and dm-crypt on them, under Debian's kernel.

The machine has no disk to boot from: it runs this system's own programs, whose file system it sees read-only.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = ("qemu-system-x86_64", "apt-get", "dpkg-deb", "busybox", "cpio", "nvme", "mdadm", "cryptsetup", "dmsetup", "sgdisk", "mkfs.ext4")
COLLECTIONS = Path(__file__).resolve().parents[5]
ROOT_MODULES = ("virtio_pci", "9pnet_virtio", "9p")
MODULES = ("nvme", "sd_mod", "ahci", "raid1", "dm-crypt", "algif_skcipher", "xts", "aesni_intel", "sha256_generic", "ext4", "crc32c_generic")
INIT = r"""#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sysfs /sys; $b mount -t devtmpfs devtmpfs /dev
while read module; do $b insmod /modules/$module; done < /modules/list
$b mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host
$b mount -t proc proc /host/proc; $b mount -t sysfs sysfs /host/sys; $b mount -t devtmpfs devtmpfs /host/dev
$b mount -t tmpfs tmpfs /host/run; $b mount -t tmpfs tmpfs /host/mnt
$b chroot /host /bin/sh -c '%s'
$b poweroff -f
"""


def text_of(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


@pytest.fixture(scope="module", name="kernel")
def _kernel(tmp_path_factory):
    """Debian's kernel with its modules, unpacked: (folder, version)."""
    missing = [program for program in PROGRAMS if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if missing or os.geteuid() != 0 or not os.access("/usr/bin/python3", os.X_OK):
        pytest.skip("needs root, Debian's python3 and " + ", ".join(missing or PROGRAMS))
    folder = tmp_path_factory.mktemp("kernel")
    names = re.findall(r"Depends: (linux-image-[0-9][^ ]*-amd64)$", text_of("apt-cache", "depends", "linux-image-amd64"), re.MULTILINE)
    # A name that is not exact would be taken for a pattern, of all kernels that there are.
    if not names or subprocess.run(["apt-get", "download", "-qq", names[0]], cwd=folder, check=False, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("apt does not offer linux-image-amd64 here")
    text_of("dpkg-deb", "-x", next(folder.glob("*.deb")), folder / "root")
    version = names[0].replace("linux-image-", "")
    text_of("/sbin/depmod", "-b", folder / "root", version)
    return folder / "root", version


@pytest.fixture(scope="module", name="found")
def _found(kernel, tmp_path_factory):
    """What the machine tells of erasing its drives."""
    root, version = kernel
    folder = tmp_path_factory.mktemp("machine")
    tree = folder / "initrd"
    for name in ("bin", "modules", "host", "proc", "sys", "dev"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    # None for the busybox that is linked statically.
    linked = subprocess.run(["ldd", shutil.which("busybox")], check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", linked):
        (tree / library.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, tree / library.lstrip("/"))
    lines = text_of("/sbin/modprobe", "-d", root, "-S", version, "--show-depends", "-a", *ROOT_MODULES).splitlines()
    modules = list(dict.fromkeys(line.split()[1] for line in lines if line.startswith("insmod")))
    for module in modules:
        shutil.copy(module, tree / "modules")
    (tree / "modules/list").write_text("".join(os.path.basename(module) + "\n" for module in modules))
    guest = Path(__file__).with_name("drives_guest.py")
    commands = ["export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONDONTWRITEBYTECODE=1 DM_DISABLE_UDEV=1 PYTHONPATH=%s" % COLLECTIONS,
                *("modprobe -d %s -S %s %s" % (root, version, module) for module in MODULES),
                "n=0; until [ -b /dev/sda ] && [ -b /dev/nvme0n1 ] && [ -b /dev/nvme0n2 ] || [ $n -ge 600 ]; do n=$((n+1)); sleep 0.2; done",
                "cd /run", "/usr/bin/python3 %s" % guest]
    (tree / "init").write_text(INIT % "; ".join(commands))
    (tree / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(tree)) for path in [tree, *sorted(tree.rglob("*"))]) + "\n"
    with open(folder / "initrd.cpio", "wb") as archive:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), stdout=archive, check=True)
    for disk in ("first", "second", "ata"):
        with open(folder / disk, "wb") as stream:
            stream.truncate(64 * 1024 ** 2)
    drives = [word for disk in ("first", "second", "ata") for word in ("-drive", "if=none,id=%s,format=raw,file=%s" % (disk, folder / disk))]
    subprocess.run(
        ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-display", "none", "-no-reboot", "-nic", "none",
         "-kernel", root / f"boot/vmlinuz-{version}", "-initrd", folder / "initrd.cpio", "-append", "console=ttyS0 quiet panic=-1",
         "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap", *drives,
         "-device", "nvme,id=nvme,serial=NV1", "-device", "nvme-ns,drive=first,bus=nvme,nsid=1,logical_block_size=4096,physical_block_size=4096",
         "-device", "nvme-ns,drive=second,bus=nvme,nsid=2", "-device", "ide-hd,drive=ata",
         "-serial", f"file:{folder}/console", "-serial", f"file:{folder}/found"],
        check=True, timeout=1500, stdin=subprocess.DEVNULL)
    told = (folder / "found").read_text()
    if not told:
        sys.stderr.write((folder / "console").read_text(errors="replace")[-4000:])
    return json.loads(told)


def test_what_the_drive_says_it_can(found):
    assert found["abilities"] == {
        "format": True, "format_all": False, "erase_all": False, "format_crypto": False, "sanitize": [], "seconds": {}, "state": "never"}


def test_check_mode_plans_and_changes_nothing(found):
    plan = {entry["device"]: entry for entry in found["planned"]["plan"]}
    assert plan["/dev/nvme0n1"]["method"] == plan["/dev/nvme0n2"]["method"] == "nvme_format"
    assert plan["/dev/sda"]["method"] == "metadata" and plan["/dev/sda"]["weaker"]
    stack = ["encrypted volume vault (dm-0) on /dev/md0", "md array md0 (md0) on /dev/nvme0n2, /dev/sda1"]
    assert [plan[device]["stack"] for device in ("/dev/nvme0n1", "/dev/nvme0n2", "/dev/sda")] == [[], stack, stack]


def test_a_stack_that_must_stay_is_refused(found):
    assert "also stands on /dev/sda, which must not be touched" in found["skipped"]
    assert "encrypted volume vault (dm-0) on /dev/md0 is in use at /mnt/vault" in found["mounted"]
    assert found["held"] == ["md0"]


def test_a_format_meets_one_namespace_and_keeps_its_sectors(found):
    [certificate] = found["one"]["erased"]
    assert (certificate["device"], certificate["method"], certificate["technique"], certificate["result"]) == (
        "/dev/nvme0n1", "nvme_format", "user_data", "erased")
    assert certificate["samples"]["passed"] == certificate["samples"]["taken"] == certificate["samples"]["telling"] > 900
    assert "nvme" in certificate["tools"]["nvme"]
    assert (found["zeroes"], found["held after one"]) == ({"/dev/nvme0n1": True, "/dev/nvme0n2": False}, ["md0"])
    assert found["sectors"]["/dev/nvme0n1"] == 4096


def test_the_stack_falls_and_what_is_weaker_is_told(found):
    erased = {one["device"]: one for one in found["all"]["erased"]}
    assert {device: (one["method"], one["result"]) for device, one in erased.items()} == {
        "/dev/sda": ("metadata", "erased"), "/dev/nvme0n1": ("nvme_format", "erased"), "/dev/nvme0n2": ("nvme_format", "erased")}
    assert "not among the methods that may be used: overwrite" in erased["/dev/sda"]["fallback"]
    assert found["all"]["failures"] == found["held after all"] == []
    assert found["zeroes after all"] == {"/dev/nvme0n1": True, "/dev/nvme0n2": True}
