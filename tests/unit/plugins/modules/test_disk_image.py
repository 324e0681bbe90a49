# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_image on real block devices: loop devices full of old data, everything but the machine's identity real."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot.config_drive import build
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import list_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.interlock import verify
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.late import find_disk
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import deploy, publish, writer
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.deploy import present
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job
from ansible_collections.rackwright.baremetal.plugins.modules.disk_image import TOOLS, guarded
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.conftest import impatient, root, server  # noqa: F401
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw, mbr, sha256

PROGRAMS = ("losetup", "sgdisk", "sfdisk", "partx", "wipefs", "blkid", "lsblk")
MISSING = [program for program in PROGRAMS if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin")]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="loop devices need root"),
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="the kernel offers no loop devices here"),
]

PATTERN = b"\xa5"
SIZE, OTHER_SIZE, IMAGE_SIZE = 128 * MIB, 96 * MIB, 48 * MIB
MAC = "52:54:00:00:00:01"


def run(*arguments):
    return subprocess.run([str(argument) for argument in arguments], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


class Disk:
    """A loop device and the file behind it."""

    def __init__(self, path, size):
        self.path = path
        path.write_bytes(PATTERN * size)
        self.device = run("losetup", "--find", "--show", "--partscan", path)

    def content(self):
        run("blockdev", "--flushbufs", self.device)
        return pathlib.Path(self.device).read_bytes()


@pytest.fixture
def disks(tmp_path):
    made = []
    try:
        for name, size in (("target", SIZE), ("other", OTHER_SIZE)):
            made.append(Disk(tmp_path / name, size))
        yield made
    finally:
        for disk in made:
            run("losetup", "--detach", disk.device)


@pytest.fixture
def record(tmp_path, root):  # noqa: F811
    """A published image with a real GPT made by sgdisk, some data and large holes."""
    raw = make_raw(tmp_path / "os.raw", IMAGE_SIZE, [(MIB, 700_000), (20 * MIB, 6_000_000), (40 * MIB + 512, 10)], head=b"")
    run("sgdisk", "-n", "1:2048:+8M", "-t", "1:ef00", "-n", "2:0:0", raw)
    made = publish.publish("os", str(raw), sha256(raw), str(root))[1]
    return dict(made, raw=raw.read_bytes())


@pytest.fixture
def machine(tmp_path, disks):
    """The tools of the module with this test's disks and a machine made up in files."""
    net = tmp_path / "sys/class/net/eth0"
    (net / "device").mkdir(parents=True)
    (net / "address").write_text(MAC + "\n")
    dmi = tmp_path / "sys/class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "product_serial").write_text("M1\n")
    (tmp_path / "cmdline").write_text("quiet rackwright.nonce=n1\n")
    mine = {disk.device for disk in disks}

    def lister():
        return [disk for disk in list_disks(loop=True) if disk["name"] in mine]

    return TOOLS._replace(
        find_disk=functools.partial(find_disk, list_disks=lister, patience=0),
        refuse_twins=functools.partial(TOOLS.refuse_twins, lister=lister),
        refuse_other_config_drives=functools.partial(TOOLS.refuse_other_config_drives, lister=lister),
        verify=functools.partial(verify, sysfs=str(tmp_path / "sys"), cmdline=str(tmp_path / "cmdline")),
    )


@pytest.fixture
def call(server, record, machine, tmp_path):  # noqa: F811
    """Call the module's work with good options, or with some of them changed."""
    jobs = {}

    def present_with(check_mode=False, boot="run", **changes):
        # What is in /run of the machine is gone with the next boot.
        job = jobs.setdefault(boot, Job(str(tmp_path / boot)))
        options = {
            "url": server.url + record["path"], "digest": record["digest"], "manifest_digest": record["manifest_digest"],
            "root_device": {"size": SIZE / 1024**3}, "interlock": {"nonce": "n1", "serial": "M1", "macs": [MAC]}, "config_drive": None, "wait": True,
            "timeout": 300, "pin_datasource": False, "partitions": None,
        }
        return present(dict(options, **changes), machine, check_mode=check_mode, job=job)

    yield present_with
    for job in jobs.values():
        if job.status():
            try:
                job.join()
            except BaremetalError:
                pass


def iso():
    made = bytearray(os.urandom(400_000))
    made[:0x8000] = bytes(0x8000)
    # A primary volume descriptor that blkid accepts, with the label of a config drive.
    made[0x8000:0x8800] = (b"\x01CD001\x01\x00" + b"LINUX".ljust(32) + b"config-2".ljust(32)).ljust(2048, b"\0")
    made[0x8800:0x9000] = b"\xffCD001\x01".ljust(2048, b"\0")
    return bytes(made)


def test_image_and_config_drive_are_on_the_disk(call, disks, record):
    target, other = disks
    drive = iso()
    result = call(config_drive=base64.b64encode(gzip.compress(drive)).decode())
    assert result["changed"] is True
    assert (result["device"], result["digest"], result["bytes_mapped"]) == (target.device, record["digest"], record["manifest"]["mapped_size"])
    content = target.content()
    # Everything between the two tables is the image, its holes included: the old pattern is gone.
    assert content[34 * 512:IMAGE_SIZE - 33 * 512] == record["raw"][34 * 512:IMAGE_SIZE - 33 * 512]
    assert PATTERN * 512 not in content[:IMAGE_SIZE]
    # The backup table stands at the end of the disk and nothing is wrong with either.
    assert content[-512:][:8] == b"EFI PART"
    assert "No problems found" in run("sgdisk", "--verify", target.device)
    # Partitions of the image are as they were; the config drive is the last, and reads back.
    table = run("sfdisk", "--dump", target.device)
    assert f"{target.device}p1 : start=        2048, size=       16384" in table
    assert pathlib.Path(result["config_drive"]).read_bytes()[:len(drive)] == drive
    assert run("blkid", "-p", "-o", "value", "-s", "LABEL", result["config_drive"]) == "config-2"
    assert hashlib.sha256(other.content()).digest() == hashlib.sha256(PATTERN * OTHER_SIZE).digest()
    # Within the same boot the same call finds it done.
    again = call()
    assert again["changed"] is False
    assert again["device"] == target.device


def test_image_that_was_deployed_before(call, disks, record, tmp_path):
    drive = base64.b64encode(iso()).decode()
    call(config_drive=drive)
    # The system ran and wrote, and then the machine boots into the ramdisk again.
    with open(disks[0].device, "r+b") as file:
        for offset in (2 * MIB, 30 * MIB):
            file.seek(offset)
            file.write(PATTERN * 10_000)
    (tmp_path / "cmdline").write_text("quiet rackwright.nonce=n2\n")
    again = call(config_drive=drive, interlock={"nonce": "n2", "serial": "M1", "macs": [MAC]})
    assert again["changed"] is True
    assert 0 < again["bytes_unchanged"] < again["bytes_mapped"]
    assert again["bytes_written"] < again["bytes_mapped"] // 2
    content = disks[0].content()
    assert content[34 * 512:IMAGE_SIZE - 33 * 512] == record["raw"][34 * 512:IMAGE_SIZE - 33 * 512]
    assert "No problems found" in run("sgdisk", "--verify", disks[0].device)
    assert run("blkid", "-p", "-o", "value", "-s", "LABEL", again["config_drive"]) == "config-2"


def test_raw_image_from_a_plain_server(call, disks, record, root, server):  # noqa: F811
    (root / "plain.raw").write_bytes(record["raw"])
    result = call(url=server.url + "plain.raw", manifest_digest=None, config_drive=base64.b64encode(iso()).decode())
    assert (result["changed"], result["bytes_mapped"]) == (True, IMAGE_SIZE)
    content = disks[0].content()
    assert content[34 * 512:IMAGE_SIZE - 33 * 512] == record["raw"][34 * 512:IMAGE_SIZE - 33 * 512]
    assert "No problems found" in run("sgdisk", "--verify", disks[0].device)
    assert run("blkid", "-p", "-o", "value", "-s", "LABEL", result["config_drive"]) == "config-2"


def test_mbr_on_a_disk_of_more_than_2_tib(call, disks, machine, root, server, tmp_path):  # noqa: F811
    """All that an MBR can tell of lies below 2 TiB, the config drive too."""
    raw = make_raw(tmp_path / "mbr.raw", 16 * MIB, [(MIB, 700_000)], head=mbr(16 * MIB))
    image = publish.publish("mbr", str(raw), sha256(raw), str(root))[1]
    with open(disks[0].path, "r+b") as file:
        file.truncate(3 * 1024 ** 4)
    run("losetup", "--set-capacity", disks[0].device)
    result = call(url=server.url + image["path"], digest=image["digest"], manifest_digest=image["manifest_digest"],
                  config_drive=base64.b64encode(iso()).decode(), root_device={"size": 3072})
    first, length = next((part["start"], part["size"]) for part in json.loads(run("sfdisk", "--json", disks[0].device))["partitiontable"]["partitions"]
                         if part["node"] == result["config_drive"])
    assert 2 ** 32 - 2 ** 19 < first < first + length <= 2 ** 32
    with open(disks[0].device, "rb") as file:
        file.seek(MIB)
        assert file.read(15 * MIB) == raw.read_bytes()[MIB:]


def test_nothing_to_join(call, disks):
    with pytest.raises(BaremetalError, match="no work has begun"):
        call(url=None, root_device=None)
    call()
    with pytest.raises(BaremetalError, match="no work has begun"):
        call(url=None, root_device=None, digest="sha256:" + "0" * 64)
    assert disks[1].content() == PATTERN * OTHER_SIZE


def test_start_then_join(call, disks, record):
    started = call(wait=False)
    assert started["changed"] is True
    assert started["job"]["state"] in ("running", "finished")
    assert call(wait=False)["changed"] is False
    joined = call(url=None, root_device=None)
    assert joined == call()
    assert joined["changed"] is False
    assert joined["job"]["state"] == "finished"
    assert disks[0].content()[MIB:IMAGE_SIZE - MIB] == record["raw"][MIB:IMAGE_SIZE - MIB]


def test_check_mode_writes_nothing(call, disks, tmp_path):
    result = call(check_mode=True)
    assert result["changed"] is True
    assert result["device"] == disks[0].device
    assert result["diff"]["before"]["device"] == disks[0].device
    assert "sha256:" in result["diff"]["after"]["content"]
    assert disks[0].content() == PATTERN * SIZE
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes, what", [
    ({"interlock": {"nonce": "n2", "serial": "M1", "macs": [MAC]}}, "nonce"),
    ({"interlock": {"nonce": "n1", "serial": "M2", "macs": [MAC]}}, "serial number expected M2, seen M1"),
    ({"root_device": {"size": 12}}, "size"),
    ({"root_device": {"size": "> 0.01"}}, "size"),
    ({"root_device": {}}, "hints"),
    ({"digest": "sha256:" + "0" * 64}, "another image"),
    ({"manifest_digest": "sha256:" + "0" * 64}, "manifest"),
    ({"url": "http://127.0.0.1:1/x/"}, "cannot be reached"),
    ({"config_drive": "AAAA"}, "no ISO 9660"),
    ({"config_drive": "not base64!"}, "base64"),
])
def test_what_is_refused_before_anything_is_written(call, disks, changes, what, impatient):  # noqa: F811
    with pytest.raises(BaremetalError, match=what):
        call(**changes)
    assert [disk.content() for disk in disks] == [PATTERN * SIZE, PATTERN * OTHER_SIZE]


def test_image_larger_than_the_disk(call, disks, record, root, server, tmp_path):  # noqa: F811
    raw = make_raw(tmp_path / "large.raw", SIZE + MIB)
    large = publish.publish("large", str(raw), sha256(raw), str(root))[1]
    with pytest.raises(BaremetalError, match=f"larger than the disk.*{SIZE + MIB} bytes.*{SIZE} bytes"):
        call(url=server.url + large["path"], digest=large["digest"], manifest_digest=large["manifest_digest"])
    assert disks[0].content() == PATTERN * SIZE


def test_image_that_leaves_no_room_for_the_config_drive(call, disks, root, server, tmp_path):  # noqa: F811
    raw = make_raw(tmp_path / "full.raw", SIZE)
    full = publish.publish("full", str(raw), sha256(raw), str(root))[1]
    options = {"url": server.url + full["path"], "digest": full["digest"], "manifest_digest": full["manifest_digest"]}
    drive = base64.b64encode(iso()).decode()
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match="no room for a config drive"):
            call(**options, config_drive=drive, check_mode=check_mode)
    assert disks[0].content() == PATTERN * SIZE
    assert call(**options)["changed"]


def test_mounted_disk_is_refused(call, disks, tmp_path):
    target = disks[0]
    run("mkfs.ext4", "-q", "-F", target.device)
    (tmp_path / "mounted").mkdir()
    run("mount", target.device, tmp_path / "mounted")
    try:
        with pytest.raises(BaremetalError, match="in use"):
            call()
    finally:
        run("umount", tmp_path / "mounted")
    run("e2fsck", "-f", "-n", target.device)


def test_bit_flip_leaves_a_disk_that_does_not_boot(call, disks, record, root):  # noqa: F811
    path = root / record["path"] / "disk.raw.zst"
    good = path.read_bytes()
    data = bytearray(good)
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    assert call(wait=False)["changed"] is True
    with pytest.raises(BaremetalError) as raised:
        call()
    assert "damaged" in str(raised.value) or "not what was published" in str(raised.value)
    content = disks[0].content()
    assert not any(content[:MIB]) and not any(content[-MIB:])
    assert disks[1].content() == PATTERN * OTHER_SIZE
    # The same command again, once the cause is gone, is the cure.
    path.write_bytes(good)
    assert call()["changed"] is True
    assert disks[0].content()[MIB:IMAGE_SIZE - MIB] == record["raw"][MIB:IMAGE_SIZE - MIB]


def test_writing_that_takes_too_long_is_stopped_and_leaves_a_disk_that_does_not_boot(call, disks, monkeypatch):
    def stuck(image, wait):
        time.sleep(60)

    with monkeypatch.context() as patch:
        patch.setattr(writer, "seek_table", stuck)
        assert call(wait=False)["changed"] is True
    with pytest.raises(BaremetalError, match="not written within 2 s.*its process has been stopped"):
        call(timeout=2)
    content = disks[0].content()
    assert not any(content[:MIB]) and not any(content[-MIB:])
    assert call()["changed"] is True


def test_an_image_that_another_disk_has_too_leaves_a_disk_that_does_not_boot(call, disks):
    other = {"size": f"<= {OTHER_SIZE / 1024**3}"}
    call(root_device=other)
    before = disks[1].content()
    with pytest.raises(BaremetalError, match=f"has the same identifiers as {disks[0].device} .*Seen: {disks[1].device} "):
        call(boot="second")
    content = disks[0].content()
    assert not any(content[:MIB]) and not any(content[-MIB:])
    # And nothing was done to the other one, where the same image may come again.
    assert disks[1].content() == before
    assert call(boot="third", root_device=other)["device"] == disks[1].device


def test_a_config_drive_on_another_disk_is_named_before_anything_is_written(call, disks):
    with open(disks[1].device, "r+b") as file:
        file.write(iso())
    before = [disk.content() for disk in disks]
    for options in ({}, {"check_mode": True}):
        with pytest.raises(BaremetalError, match=f"another disk of this machine has a config drive.*nothing was written. Seen: {disks[1].device} "):
            call(config_drive=base64.b64encode(iso()).decode(), **options)
    assert [disk.content() for disk in disks] == before
    assert call()["changed"]


def test_a_config_drive_that_is_preserved_comes_back_behind_the_image(call, disks):
    before = disks[0].content()
    with pytest.raises(BaremetalError, match="has no config drive that could be preserved"):
        call(config_drive="preserve")
    assert disks[0].content() == before
    drive = build({"hostname": "node1", "uuid": "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"})
    call(config_drive=base64.b64encode(drive).decode())
    result = call(config_drive="preserve", boot="next")
    assert result["changed"] is True
    assert pathlib.Path(result["config_drive"]).read_bytes()[:len(drive)] == drive


def test_config_drive_that_cannot_be_written_leaves_a_disk_that_does_not_boot(call, disks):
    too_large = bytearray(65 * MIB)
    too_large[0x8001:0x8006] = b"CD001"
    with pytest.raises(BaremetalError, match="config drive"):
        call(config_drive=base64.b64encode(too_large).decode())
    content = disks[0].content()
    assert not any(content[:MIB]) and not any(content[-MIB:])


def test_a_stop_between_image_and_config_drive_leaves_a_disk_that_does_not_boot(call, disks, record, monkeypatch):
    def stopped_behind_it(*arguments, **options):
        writer.write_image(*arguments, **options)
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(deploy, "write_image", stopped_behind_it)
    with pytest.raises(BaremetalError, match="process was killed"):
        call()
    content = disks[0].content()
    # Without the first sector of the EFI system partition, which comes last.
    assert content[MIB:MIB + 512] == bytes(512) and content[MIB + 512:IMAGE_SIZE - MIB] == record["raw"][MIB + 512:IMAGE_SIZE - MIB]
    assert not any(content[:MIB]) and not any(content[-MIB:])


def test_what_must_never_be_written_is_known_to_those_that_choose_and_look_last():
    disk = {"name": "/dev/sda", "type": "disk", "size": 1 << 30, "serial": "S1", "wwn": None, "model": None, "tran": "sata", "read_only": False,
            "removable": False, "mountpoints": [], "holders": []}
    hints = {"serial": "S1"}
    tools = guarded({"interlock": {"skip_block_devices": [{"tran": "sata"}], "wipe_special_filesystems": False}, "root_device": hints})
    with pytest.raises(BaremetalError, match="no disk matches.*in skip_block_devices"):
        tools.find_disk(hints, list_disks=lambda: [disk], patience=0)
    with pytest.raises(BaremetalError, match="is protected, nothing was written. Seen: it is in skip_block_devices"):
        tools.refuse_if_protected(disk, reader=lambda name, **_options: disk)
    # What is never written is no twin either.
    other = dict(disk, name="/dev/none8", partitions=[])
    with pytest.raises(BaremetalError, match="same identifiers"):
        TOOLS.refuse_twins("/dev/none9", lister=lambda: [other], runner=lambda argv, **_options: b"UUID=U\n")
    tools.refuse_twins("/dev/none9", lister=lambda: [other], runner=lambda argv, **_options: b"UUID=U\n")
