# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Partition images on real block devices, with both sizes of sectors; everything but the machine's identity and firmware real."""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import os
import random
import re
import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import efi_loader, partitioning
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.late import find_disk
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.deploy import _work_on_partitions, present
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import fetch_image
from ansible_collections.rackwright.baremetal.plugins.modules.disk_image import TOOLS
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.conftest import raw, root, server  # noqa: F401
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, sha256
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.dying import in_a_process_that_dies

PROGRAMS = ("losetup", "addpart", "sgdisk", "sfdisk", "partx", "wipefs", "blkid", "lsblk", "mkfs.ext4", "mkfs.vfat", "mkswap", "mcopy", "mdir", "mount")
MISSING = [program for program in PROGRAMS if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="the kernel offers no loop devices here"),
]

GIB = 1024 * MIB
SIZE, IMAGE_SIZE = 3 * GIB, 24 * MIB
PATTERN = b"\xa5" * 4096
FSTAB = "UUID=11111111-2222-3333-4444-555555555555 / ext4 defaults 0 1\nUUID=ABCD-1234 /boot/efi vfat umask=0077 0 1\n"
DRIVE = base64.b64encode(build({"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"})).decode()
ALL = {"swap_mb": 8, "ephemeral_gb": 1}
KEPT = {**ALL, "preserve_ephemeral": True}


class Disk:
    """A loop device that holds old data around every whole MiB, and a lot where the image will be."""

    def __init__(self, path, sector):
        self.path = path
        with open(path, "wb") as file:
            file.truncate(SIZE)
            file.write(PATTERN)
            for start in range(MIB, SIZE, MIB):
                file.seek(start - len(PATTERN))
                file.write(PATTERN * 2)
            for start in (1583, 1648):
                # Where root is with these partitions, without and with a config drive.
                file.seek(start * MIB)
                file.write(PATTERN * (2 * IMAGE_SIZE // len(PATTERN)))
        self.device = run("losetup", "--find", "--show", "--partscan", "--sector-size", sector, path)

    def read(self, start, length):
        run("blockdev", "--flushbufs", self.device)
        with open(self.device, "rb") as file:
            file.seek(start)
            return file.read(length)

    def digest(self, part=None):
        """Of all that is not zero in the file behind the device, or in a partition."""
        start, size = (part["start"], part["size"]) if part else (0, SIZE)
        run("blockdev", "--flushbufs", part["device"] if part else self.device)
        digest, position = hashlib.sha256(), start
        with open(self.path, "rb") as file:
            while position < start + size:
                try:
                    position = os.lseek(file.fileno(), position, os.SEEK_DATA)
                except OSError:
                    break
                end = min(os.lseek(file.fileno(), position, os.SEEK_HOLE), start + size)
                for place in range(position, end, len(PATTERN)):
                    block = os.pread(file.fileno(), min(len(PATTERN), end - place), place)
                    if any(block):
                        digest.update(b"%d:" % place + block)
                position = end
        return digest.hexdigest()

    def label_of(self, role, result):
        return run("blkid", "-p", "-o", "value", "-s", "LABEL", device_of(role, result))


def part_of(role, result):
    return next(part for part in result["partitions"] if part["role"] == role)


def device_of(role, result):
    return part_of(role, result)["device"]


@pytest.fixture(params=[512, 4096])
def disk(tmp_path, request):
    made = Disk(tmp_path / "target", request.param)
    yield made
    run("losetup", "--detach", made.device)


@pytest.fixture
def disk512(tmp_path):
    made = Disk(tmp_path / "target", 512)
    yield made
    run("losetup", "--detach", made.device)


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """A root file system with a loader for UEFI, and with a shell and a grub-install that runs in it."""
    made = tmp_path_factory.mktemp("root")
    for name in ("bin", "dev", "proc", "sys", "run", "usr/sbin", "boot/grub", "boot/efi/EFI/BOOT", "etc/cloud/cloud.cfg.d"):
        (made / name).mkdir(parents=True)
    (made / "boot/efi/EFI/BOOT/BOOTX64.EFI").write_bytes(random.Random(1).randbytes(300_000))
    (made / "boot/efi/EFI/BOOT/leak").symlink_to("/etc/shadow")
    (made / "boot/grub/grub.cfg").write_text("# menu\n")
    (made / "etc/fstab").write_text(FSTAB)
    (made / "data").write_bytes(random.Random(2).randbytes(5 * MIB))
    for path in ["/bin/sh", *re.findall(r"(/\S+) \(", run("ldd", os.path.realpath("/bin/sh")))]:
        target = made / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(path), target)
    installer = made / "usr/sbin/grub-install"
    # Code in the first sector is what a BIOS looks for.
    installer.write_text('#!/bin/sh\n[ "$1" = --target=i386-pc ] && [ ! -e /fail ] && printf "\\353\\143\\220" > "$2"\n')
    installer.chmod(0o755)
    return made


def make_image(path, tree, block=4096):
    with open(path, "wb") as file:
        file.truncate(IMAGE_SIZE)
    run("mkfs.ext4", "-q", "-F", "-b", block, "-d", tree, path)
    return path


@pytest.fixture
def record(tmp_path, root, tree):  # noqa: F811
    raw = make_image(tmp_path / "root.ext4", tree)
    return dict(publish.publish("root", str(raw), sha256(raw), str(root), image_type="partition")[1], raw=raw)


class Site:
    """Calls the work of the module."""

    def __init__(self, folder, url, record, device, mode="uefi"):
        self._folder, self._url, self._record, self._boots = folder, url, record, 0
        disks = functools.partial(lambda name: [disk for disk in list_disks(loop=True) if disk["name"] == name], device)
        self.tools = TOOLS._replace(
            find_disk=functools.partial(find_disk, list_disks=disks, patience=0), verify=lambda interlock: None,
            refuse_other_config_drives=functools.partial(TOOLS.refuse_other_config_drives, lister=disks),
            partition=functools.partial(partitioning.plan, boot_mode=lambda: mode))

    def __call__(self, check_mode=False, **changes):
        self._boots += 1
        record = self._record
        options = {
            "url": self._url + record["path"], "digest": record["digest"], "manifest_digest": record["manifest_digest"], "root_device": {"size": 3},
            "interlock": {"nonce": "n1", "serial": "M1", "macs": []}, "config_drive": None, "wait": True, "timeout": 300, "pin_datasource": False,
            "partitions": None}
        return present(dict(options, **changes), self.tools, check_mode=check_mode, job=Job(str(self._folder / f"run{self._boots}")))


@pytest.fixture
def site(server, record, disk, tmp_path):  # noqa: F811
    return Site(tmp_path, server.url, record, disk.device)


@pytest.fixture
def site512(server, record, disk512, tmp_path):  # noqa: F811
    return Site(tmp_path, server.url, record, disk512.device)


def assert_deployed(disk, record, result):
    raw = record["raw"].read_bytes()
    with open(device_of("root", result), "rb") as file:
        assert file.read(len(raw)) == raw
    assert "No problems found" in run("sgdisk", "--verify", disk.device)
    esp = efi_loader.find_esps(disk.device)[0]["partition"]
    assert esp == device_of("efi", result)
    assert efi_loader.loader_on(esp) == ("\\EFI\\BOOT\\BOOTX64.EFI", None)
    # Known by what the image's fstab says; what a link leads to outside of the image is not in it.
    assert run("blkid", "-p", "-o", "value", "-s", "UUID", esp) == "ABCD-1234"
    assert efi_loader.list_files(esp) == ["EFI/BOOT/BOOTX64.EFI"]
    assert disk.label_of("swap", result) == "swap1"
    assert disk.label_of("ephemeral", result) == "ephemeral0"


def test_first_deploy_and_rebuild_that_keeps_the_ephemeral_partition(site, disk, record):
    result = site(partitions=ALL, config_drive=DRIVE)
    assert [part["role"] for part in result["partitions"]] == ["efi", "ephemeral", "swap", "config_drive", "root"]
    assert_deployed(disk, record, result)
    assert disk.label_of("config_drive", result).lower() == "config-2" and result["config_drive"] == device_of("config_drive", result)
    # Old data neither in holes of the image nor where an old superblock could lie.
    for part in result["partitions"]:
        assert PATTERN[:512] not in disk.read(part["start"], MIB)
        assert PATTERN[:512] not in disk.read(part["start"] + part["size"] - MIB, MIB)

    # The system runs and writes to all of its disk; then it is rebuilt.
    for role in ("ephemeral", "root", "efi"):
        with open(device_of(role, result), "r+b") as file:
            for start in range(2 * MIB, IMAGE_SIZE, 3 * MIB):
                file.seek(start)
                file.write(PATTERN)
    before = disk.digest(part_of("ephemeral", result))
    again = site(partitions=KEPT, config_drive=DRIVE)
    assert disk.digest(part_of("ephemeral", result)) == before
    assert_deployed(disk, record, again)
    assert 0 < again["bytes_unchanged"] < again["bytes_mapped"]
    # Without that, it is made anew.
    third = site(partitions=ALL, config_drive=DRIVE)
    assert_deployed(disk, record, third)
    assert disk.digest(part_of("ephemeral", result)) != before


def test_root_that_has_grown_and_table_that_differs(site512, disk512, record):
    result = site512(partitions={**ALL, "root_gb": 1})
    run("sfdisk", "--no-reread", "-N", "4", disk512.device, input=", +\n")
    run("partx", "--update", disk512.device)
    before = disk512.digest()
    for changes, what in ((dict(swap_mb=9), "where swap starts"), (dict(ephemeral_gb=0), "no ephemeral partition is asked for"), (dict(swap_mb=0), "where 1"),
                          (dict(disk_label="msdos"), "a gpt partition table")):
        with pytest.raises(BaremetalError, match=f"cannot be preserved.*{what}"):
            site512(partitions={**KEPT, "root_gb": 1, **changes})
    assert disk512.digest() == before
    again = site512(partitions={**KEPT, "root_gb": 1})
    assert_deployed(disk512, record, again)
    assert int(run("blockdev", "--getsize64", device_of("root", result))) > GIB


def test_disk_without_a_table_has_nothing_to_preserve(site512, disk512):
    with pytest.raises(BaremetalError, match="cannot be preserved.*no partition table"):
        site512(partitions=KEPT)
    assert disk512.read(0, 4096) == PATTERN


@pytest.mark.parametrize("partitions, what", [
    ({"ephemeral_gb": 3}, "do not fit"), ({"root_gb": 3}, "do not fit"), ({"ephemeral_format": "btrfs", "ephemeral_gb": 1}, "mkfs.btrfs is needed"),
    ({"disk_label": "msdos", **ALL}, "four partitions"),
])
def test_what_is_refused_before_anything_is_written(site512, disk512, monkeypatch, partitions, what):
    monkeypatch.setattr(partitioning, "find_tool", lambda name: None if name == "mkfs.btrfs" else name)
    before = disk512.digest()
    with pytest.raises(BaremetalError, match=what):
        site512(partitions=partitions, config_drive=DRIVE)
    assert disk512.digest() == before


def test_image_larger_than_root(site512, disk512):
    # That leaves 16 MiB.
    with pytest.raises(BaremetalError, match=f"larger than the root partition.*{IMAGE_SIZE} bytes.*{16 * MIB}.*larger root_gb"):
        site512(partitions={"ephemeral_gb": 2, "swap_mb": 3072 - 2 - 550 - 2048 - 16})
    assert disk512.read(0, 4096) == PATTERN


def test_blocks_smaller_than_a_sector(tmp_path, root, server, tree, disk):  # noqa: F811
    raw = make_image(tmp_path / "x.ext4", tree, block=1024)
    record = publish.publish("small", str(raw), sha256(raw), str(root), image_type="partition")[1]
    site = Site(tmp_path, server.url, record, disk.device)
    if int(run("blockdev", "--getss", disk.device)) == 512:
        assert site(check_mode=True)["changed"] is True
    else:
        with pytest.raises(BaremetalError, match="could not be mounted on the disk.*ext4 for sectors of 1024 bytes"):
            site()
    assert disk.read(0, 4096) == PATTERN


def test_whole_disk_image_brings_its_own_partitions(tmp_path, root, server, disk512, raw):  # noqa: F811
    record = publish.publish("whole", str(raw), sha256(raw), str(root))[1]
    with pytest.raises(BaremetalError, match="whole disk and brings its own partitions"):
        Site(tmp_path, server.url, record, disk512.device)(partitions={})
    assert disk512.read(0, 4096) == PATTERN


def test_check_mode_tells_the_layout(site512, disk512):
    before = disk512.digest()
    result = site512(check_mode=True, partitions={**ALL, "root_gb": 1})
    assert [(part["role"], part["size"]) for part in result["partitions"]] == [("efi", 550 * MIB), ("ephemeral", GIB), ("swap", 8 * MIB), ("root", GIB)]
    assert "of a gpt, efi 550 MiB, ephemeral 1024 MiB, swap 8 MiB, root 1024 MiB" in result["diff"]["after"]["content"]
    assert disk512.digest() == before


def test_plain_server(site512, disk512, record, root, server):  # noqa: F811
    shutil.copy(record["raw"], root / "plain.ext4")
    result = site512(url=server.url + "plain.ext4", manifest_digest=None, partitions=ALL)
    assert_deployed(disk512, record, result)
    with pytest.raises(BaremetalError, match=r"no partition table.*a file system, ext4.*give deploy_partitions .partitions of disk_image., if need be \{\}"):
        site512(url=server.url + "plain.ext4", manifest_digest=None)


def test_pinned_in_the_root_partition_alone(site512, disk512, tree):
    result = site512(partitions=ALL, config_drive=DRIVE)
    # Somebody's data, which looks like a system.
    run("mkfs.ext4", "-q", "-F", "-d", tree, device_of("ephemeral", result))
    before = disk512.digest(part_of("ephemeral", result))
    again = site512(partitions=KEPT, config_drive=DRIVE, pin_datasource=True)
    assert again["datasource_pinned"] == device_of("root", result)
    assert disk512.digest(part_of("ephemeral", result)) == before


@pytest.mark.parametrize("label", ["gpt", "msdos"])
def test_bios(server, record, disk512, tmp_path, label):  # noqa: F811
    site = Site(tmp_path, server.url, record, disk512.device, mode="bios")
    with pytest.raises(BaremetalError, match="grub-install, which is not allowed"):
        site(partitions={"disk_label": label})
    assert disk512.read(0, 4096) == PATTERN
    wish = {"disk_label": label, "install_boot_loader": True, "ephemeral_gb": 1}
    result = site(partitions=wish)
    assert [part["role"] for part in result["partitions"]] == (["bios_boot"] if label == "gpt" else []) + ["ephemeral", "root"]
    assert efi_loader.bios_can_start(disk512.device)
    before = disk512.digest(part_of("ephemeral", result))
    again = site(partitions={**wish, "preserve_ephemeral": True})
    assert efi_loader.bios_can_start(disk512.device)
    assert disk512.digest(part_of("ephemeral", again)) == before


def test_loader_that_cannot_be_installed_leaves_a_disk_that_does_not_boot(tmp_path, root, server, tree, disk512):  # noqa: F811
    (tmp_path / "tree").mkdir()
    shutil.copytree(tree, tmp_path / "tree", dirs_exist_ok=True, symlinks=True)
    (tmp_path / "tree/fail").touch()
    shutil.rmtree(tmp_path / "tree/boot/efi")
    raw = make_image(tmp_path / "x.ext4", tmp_path / "tree")
    record = publish.publish("broken", str(raw), sha256(raw), str(root), image_type="partition")[1]
    for mode, what in (("bios", "grub-install --target=i386-pc.* ended with code"), ("uefi", "no boot loader for UEFI")):
        with pytest.raises(BaremetalError, match=what):
            Site(tmp_path / mode, server.url, record, disk512.device, mode=mode)(partitions={"install_boot_loader": True})
        assert not any(disk512.read(0, MIB)) and not any(disk512.read(SIZE - MIB, MIB))


def test_an_image_that_another_disk_has_too_leaves_a_disk_that_does_not_boot(site, disk):
    def refuse(device):
        # It is asked of the disk as it would boot.
        assert device == disk.device and disk.read(MIB, 512) and disk.read(0, MIB)
        raise BaremetalError("another disk has it too")

    site.tools = site.tools._replace(refuse_twins=refuse)
    with pytest.raises(BaremetalError, match="another disk has it too"):
        site(partitions={})
    assert not any(disk.read(0, MIB)) and not any(disk.read(SIZE - MIB, MIB))


def assert_nothing_or_all(disk, record):
    """What firmware sees is no loader at all, or the whole system. Returns whether it is nothing."""
    if not any(disk.read(MIB, 512)):
        # The EFI system partition begins there, and is none yet.
        return True
    if not any(disk.read(0, MIB)):
        assert not any(disk.read(SIZE - MIB, MIB))
        return True
    raw = record["raw"].read_bytes()
    start = partitioning.read_table(disk.device)["parts"][4][0]
    assert disk.read(start, len(raw)) == raw
    return False


@pytest.mark.parametrize("way, each", [("fresh", 6), ("keep", 2)])
def test_killed_at_any_moment_and_run_again(site512, disk512, record, server, way, each, tmp_path):  # noqa: F811
    """As after a power cut: before the last write nothing boots, and the same command again mends it. What is kept is never touched."""
    partitions = KEPT if way == "keep" else ALL
    first = site512(partitions=ALL)
    kept = disk512.digest(part_of("ephemeral", first)) if way == "keep" else None
    image = fetch_image(server.url + record["path"], record["digest"], record["manifest_digest"])
    (disk,) = [disk for disk in list_disks(loop=True) if disk["name"] == disk512.device]
    nothing = 0

    def work():
        parts = site512.tools.partition(disk, partitions, False)
        _work_on_partitions(image, disk, parts, None, False, site512.tools, lambda done, total: None)

    for number in itertools.count(3, each):
        cut = in_a_process_that_dies(work, number, tmp_path)
        nothing += assert_nothing_or_all(disk512, record)
        assert kept is None or disk512.digest(part_of("ephemeral", first)) == kept
        if not cut:
            break
    assert nothing > 1
    assert_deployed(disk512, record, first)
