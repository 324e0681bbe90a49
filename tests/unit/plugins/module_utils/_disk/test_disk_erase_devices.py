# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""disk_erase: the disks that are meant and nothing but them, on loop devices."""

from __future__ import annotations

import errno
import os
import pathlib
import random
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import devices, erase, erase_disk, nvme, surface
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB, list_disks, read_disk
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.erase import choose_disks
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.partitions import reread, signatures
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run

# Sizes that nothing else on the machine has: loop devices have no serial numbers to hint at.
TARGET, OTHER = 11, 13
HINTS = {"size": str(TARGET * 1024 ** 2 / GIB)}


SECTORS = pytest.mark.parametrize("sector", [512, 4096])


@pytest.fixture
def sector():
    return 512


@pytest.fixture
def disks(loops, sector):
    pair = loops(TARGET, sector), loops(OTHER, sector)
    for device in pair:
        # A pattern everywhere, so that whatever is left of it is seen.
        pathlib.Path(device).write_bytes(random.Random(device).randbytes(TARGET * 1024 ** 2))
        run("sfdisk", "--no-reread", "--no-tell-kernel", "--wipe=always", device, input="label: gpt\nsize=+\n")
        reread(device)
        run("mkfs.ext4", "-q", "-F", "-E", "nodiscard", device + "p1")
    return pair


@pytest.fixture
def call(disks, tmp_path):
    """Erase, with no disk of this machine in sight but the two."""
    job = Job(str(tmp_path / "job"))

    def mine():
        return [disk for disk in list_disks(loop=True) if disk["name"] in disks]

    def call(check_mode=False, **options):
        options = {"interlock": {}, "disks": "root", "root_device": HINTS, "skip_block_devices": [], "grade": "metadata", "methods": [],
                   "fallback": None, "wipe_special_filesystems": False, "wait": True, "timeout": 0, **options}
        return erase.erase(options, job, check_mode=check_mode, lister=mine, sizeless=lambda: call.sizeless, verifier=lambda data: data)

    call.sizeless = []
    return call


def content(device):
    os.sync()
    run("blockdev", "--flushbufs", device)
    return pathlib.Path(device).read_bytes()


@SECTORS
def test_check_then_erase_then_nothing_left(disks, call):
    target, other = disks
    before, untouched = content(target), content(other)
    predicted = call(check_mode=True)
    assert predicted["changed"] is True
    assert content(target) == before
    done = call()
    assert (done["plan"], done["diff"], done["failures"]) == (predicted["plan"], predicted["diff"], [])
    assert [predicted["erased"][0].items() <= one.items() for one in done["erased"]] == [True]
    assert done["erased"][0]["device"] == target
    assert done["erased"][0]["method"] == "metadata"
    assert {entry["type"] for entry in done["erased"][0]["signatures"]} == {"gpt", "PMBR", "ext4"}
    assert any("ext4 on %sp1" % target in line for line in done["diff"]["before"][target]["metadata"])
    assert done["diff"]["after"][target]["metadata"] == []
    assert signatures(target) == []
    again = call()
    assert (again["changed"], again["erased"]) == (False, [])
    assert again["diff"]["before"] == again["diff"]["after"]
    assert content(other) == untouched


@SECTORS
@pytest.mark.parametrize("method", ["overwrite", "discard"])
def test_clear_leaves_zeroes_and_a_certificate(disks, call, method):
    target, other = disks
    before, untouched = content(target), content(other)
    predicted = call(check_mode=True, grade="clear", methods=[method])
    assert (content(target), predicted["plan"][0]["method"]) == (before, method)
    assert "grade clear, about" in predicted["plan"][0]["text"]
    done = call(grade="clear", methods=[method])
    assert content(target) == bytes(len(before))
    assert content(other) == untouched
    [certificate] = done["erased"]
    assert (certificate["method"], certificate["grade"], certificate["result"], certificate["fallback"]) == (method, "clear", "erased", None)
    assert certificate["samples"]["taken"] == certificate["samples"]["passed"] > 900
    # What mkfs made zero says nothing.
    assert certificate["samples"]["telling"] > 500
    assert (done["job"]["state"], done["job"]["done"], done["job"]["total"]) == ("finished", TARGET * 1024 ** 2, TARGET * 1024 ** 2)
    # The same command again in this boot finds the same result.
    again = call(grade="clear", methods=[method])
    assert (again["changed"], again["erased"]) == (False, done["erased"])


def test_started_then_joined(disks, call):
    started = call(grade="clear", methods=["overwrite"], wait=False)
    assert (started["changed"], started["erased"], started["plan"][0]["device"]) == (True, [], disks[0])
    joined = call(grade="clear", methods=["overwrite"])
    assert (joined["changed"], joined["erased"][0]["result"], joined["plan"]) == (False, "erased", started["plan"])


@pytest.mark.parametrize("where", [{"skip_block_devices": [HINTS]}, {"interlock": {"skip_block_devices": [HINTS]}}])
def test_all_disks_but_those_of_the_skip_list(disks, call, where):
    target, other = disks
    untouched = content(target)
    done = call(disks="all", root_device=None, grade="clear", **where)
    assert [one["device"] for one in done["erased"]] == [other]
    assert [(one["device"], one["reason"]) for one in done["skipped"]] == [(target, "it is in skip_block_devices")]
    assert content(target) == untouched
    assert not content(other).strip(b"\0")


def test_an_entry_of_the_skip_list_that_finds_no_disk_is_told(disks, call):
    before = [content(device) for device in disks]
    mistyped = {"serial": "S-1234"}
    # A kind of disk need not be there.
    options = {"disks": "all", "skip_block_devices": [HINTS, {"by_path": "<in> usb"}], "interlock": {"skip_block_devices": [mistyped]}}
    planned = call(check_mode=True, **options)
    assert planned["machine_warnings"] == ['skip_block_devices: no disk of this machine is {"serial": "S-1234"}, so that nothing is left alone for it']
    assert [content(device) for device in disks] == before
    # One that tells no size is a disk too.
    call.sizeless.append({"name": "/dev/sdx", "serial": "S-1234", "wwn": None, "size": 0, "model": "M", "removable": False, "tran": "sas"})
    assert call(check_mode=True, **options)["machine_warnings"] == []


def test_several_disks_at_once(disks, call):
    done = call(disks="all", root_device=None, grade="clear", methods=["overwrite"])
    assert [(one["device"], one["result"]) for one in done["erased"]] == [(device, "erased") for device in disks]
    assert not any(content(device).strip(b"\0") for device in disks)


@pytest.mark.parametrize("same_controller", [False, True])
def test_a_stopped_erase_names_the_drives_that_are_erasing_and_no_others(disks, call, monkeypatch, tmp_path, same_controller):
    """Not one that has ended, nor one that has to wait for its neighbour behind the same controller."""
    target, other = disks

    def format_namespace(device, **dummy):
        while device == target:
            time.sleep(0.01)
        pathlib.Path(device).write_bytes(bytes(OTHER * 1024 ** 2))

    abilities = {"nvme": {"format": True, "format_crypto": True, "format_all": False, "erase_all": False, "sanitize": [], "seconds": {}, "state": "never"}}
    monkeypatch.setattr(erase, "abilities", lambda disk, siblings: abilities)
    monkeypatch.setattr(nvme, "format_namespace", format_namespace)
    if same_controller:
        monkeypatch.setattr(nvme, "controller", lambda device: "/dev/nvme99")
    job = Job(str(tmp_path / "job"))
    call(disks="all", root_device=None, grade="purge", wait=False)
    done = 0 if same_controller else OTHER * 1024 ** 2
    deadline = time.monotonic() + 60
    while not (job.status()["lasting"] and job.status()["done"] == done) and time.monotonic() < deadline:
        time.sleep(0.05)
    stopped = job.stop("enough")
    assert (stopped["job"]["lasting"], stopped["job"]["done"]) == (["nvme_format (crypto) of " + target], done)


@pytest.mark.parametrize("how", ["stopped", "time-out"])
def test_certificates_of_disks_that_are_done_outlive_an_erase_that_is_ended(disks, call, monkeypatch, tmp_path, how):
    target, other = disks
    real = surface.overwrite

    def overwrite(device, size, **more):
        while device == target:
            time.sleep(0.01)
        real(device, size, **more)

    monkeypatch.setattr(surface, "overwrite", overwrite)
    job, options = Job(str(tmp_path / "job")), {"disks": "all", "root_device": None, "grade": "clear", "methods": ["overwrite"]}
    call(wait=False, **options)
    deadline = time.monotonic() + 60
    while not job.status()["parts"] and time.monotonic() < deadline:
        time.sleep(0.05)
    if how == "stopped":
        job.stop("ended by request of bob")
    ended = call(timeout=1, **options)
    assert [(one["device"], one["result"]) for one in ended["erased"]] == [(other, "erased")]
    assert len(ended["failures"]) == 1
    assert ("within 1 s" if how == "time-out" else "ended by request of bob") in ended["failures"][0]
    assert ended["job"]["state"] == "failed"


def test_a_disk_in_a_network_that_is_meant_is_erased(disks, call, monkeypatch):
    real = devices._disk
    monkeypatch.setattr(devices, "_disk", lambda *arguments: dict(real(*arguments), tran="fc"))
    with pytest.raises(BaremetalError, match="it is reached over a network"):
        call(grade="clear")
    [certificate] = call(grade="clear", root_device=dict(HINTS, tran="fc"))["erased"]
    assert (certificate["result"], certificate["error"]) == ("erased", None)
    assert not content(disks[0]).strip(b"\0")


def test_a_disk_that_must_not_be_written_after_its_erase_is_told_as_erased(disks, call, monkeypatch):
    looks, real = [], erase_disk.refuse_if_protected

    def refuse(disk, **options):
        looks.append(disk)
        if len(looks) == 2:
            raise BaremetalError("the disk is protected, nothing was written", seen="it is in use at /mnt")
        return real(disk, **options)

    monkeypatch.setattr(erase_disk, "refuse_if_protected", refuse)
    [failure] = call(grade="clear")["failures"]
    assert "%s is erased, but not wiped after that. Seen: it is in use at /mnt" % disks[0] in failure and "nothing was written" not in failure


def test_a_dead_disk_is_named_before_anything_is_written(disks, call, monkeypatch):
    target, other = disks
    before = content(other)

    def dead(device, **options):
        if device == target:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return signatures(device, **options)

    monkeypatch.setattr(erase, "signatures", dead)
    with pytest.raises(BaremetalError, match="%s .*fails. Seen: .*Input/output error" % target):
        call(disks="all", root_device=None, grade="clear")
    assert content(other) == before


def test_a_disk_that_dies_meanwhile_leaves_the_others_to_be_erased(disks, call, monkeypatch):
    target, other = disks
    real = erase.erase_disk

    def dying(disk, *arguments, **options):
        if disk["name"] == target:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(disk, *arguments, **options)

    monkeypatch.setattr(erase, "erase_disk", dying)
    done = call(disks="all", root_device=None, grade="clear")
    assert [(one["device"], one["result"]) for one in done["erased"]] == [(target, "failed"), (other, "erased")]
    assert target in done["failures"][0] and "Input/output error" in done["failures"][0]
    assert done["job"]["state"] == "finished" and not content(other).strip(b"\0")


def test_an_erase_that_does_not_erase_is_found(disks, call, monkeypatch):
    def idle(device, size, *, timeout, report):
        report(1.0)

    monkeypatch.setattr(surface, "overwrite", idle)
    done = call(grade="clear", methods=["overwrite"])
    assert "is not erased, although overwrite reported success" in done["failures"][0]
    assert (done["erased"][0]["result"], done["erased"][0]["method"]) == ("failed", None)


def test_the_time_out_that_is_given_is_that_of_each_disk(disks, call, monkeypatch):
    def slow(device, size, *, timeout, report):
        raise BaremetalError("after %d s" % timeout)

    monkeypatch.setattr(surface, "overwrite", slow)
    [failure] = call(grade="clear", methods=["overwrite"], timeout=5000)["failures"]
    assert "after 5000 s" in failure
    # Whoever was told gives a larger one, in the same boot.
    [failure] = call(grade="clear", methods=["overwrite"], timeout=50000)["failures"]
    assert "after 50000 s" in failure


@pytest.mark.parametrize("fallback,method,grade", [("clear", "discard", "clear"), (None, None, None)])
def test_no_silent_fallback(disks, call, monkeypatch, fallback, method, grade):
    def broken(device, size, *, timeout, report):
        raise BaremetalError("the drive gives up")

    monkeypatch.setattr(surface, "overwrite", broken)
    [certificate] = call(grade="clear", fallback=fallback)["erased"]
    assert (certificate["method"], certificate["grade"]) == (method, grade)
    assert "the drive gives up" in (certificate["fallback"] or certificate["error"])


def test_a_grade_that_cannot_be_reached_is_refused_or_told(disks, call):
    before = content(disks[0])
    with pytest.raises(BaremetalError, match="cannot be erased to the grade purge"):
        call(grade="purge")
    assert content(disks[0]) == before
    plan = call(grade="purge", fallback="metadata", check_mode=True)["plan"][0]
    assert (plan["method"], plan["grade"]) == ("overwrite", "clear")
    assert plan["weaker"] and "weaker than wanted" in plan["text"]


@pytest.mark.parametrize("grade", ["metadata", "clear"])
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_mounted_disk_is_refused(disks, call, tmp_path, check_mode, grade):
    target, other = disks
    before = content(other)
    folder = tmp_path / "mounted"
    folder.mkdir()
    run("mount", "-o", "ro", target + "p1", folder)
    try:
        # Also where another disk could be erased: all or nothing begins.
        for which in ("root", "all"):
            with pytest.raises(BaremetalError, match="is protected, nothing was written.*in use at %s" % folder):
                call(check_mode=check_mode, grade=grade, disks=which)
        assert content(other) == before
        assert signatures(target)
    finally:
        run("umount", folder)


def test_a_disk_that_is_mounted_meanwhile_is_not_written(disks, call, tmp_path, monkeypatch):
    target, _other = disks
    folder = tmp_path / "mounted"
    folder.mkdir()
    seen = []

    def mount_and_check(disk, found, allowed):
        seen.append(disk["name"])
        if len(seen) == 1:
            run("mount", "-o", "ro", target + "p1", folder)

    monkeypatch.setattr(erase_disk, "refuse_special_filesystems", mount_and_check)
    try:
        done = call()
        assert "in use at %s" % folder in done["failures"][0]
    finally:
        run("umount", folder)
    assert signatures(target)


def test_a_cluster_file_system_is_refused(disks, call):
    target, _other = disks
    # VMFS's magic number at 2 MiB.
    with open(target + "p1", "r+b") as stream:
        stream.seek(2 * 1024 ** 2)
        stream.write(bytes.fromhex("5ef1ab2f"))
        stream.flush()
        os.fsync(stream.fileno())
    with pytest.raises(BaremetalError, match="a file system of a cluster.*VMFS"):
        call()
    assert signatures(target)
    assert call(wipe_special_filesystems=True)["changed"] is True
    assert signatures(target) == []


def test_the_interlock_comes_first(disks, tmp_path):
    target, _other = disks
    with pytest.raises(BaremetalError, match="no interlock is given"):
        erase.erase({"interlock": {}}, Job(str(tmp_path)))
    assert signatures(target)


def test_loop_devices_are_no_targets_outside_tests(disks):
    assert read_disk(disks[0]) is None
    assert not set(disks) & {disk["name"] for disk in list_disks()}


def disk(name, **values):
    return {"name": name, "size": 10 ** 9, "serial": name, "wwn": None, "model": None, "removable": False, "tran": "sata", **values}


def test_what_all_disks_are():
    known = [disk("/dev/sda", wwn="w1", serial="s1"), disk("/dev/sdb", wwn="w1", serial="s1"), disk("/dev/sdc", removable=True),
             disk("/dev/sdd", tran="fc"), disk("/dev/sde", model="Keep me")]
    chosen, skipped = choose_disks(known, {"disks": "all", "skip_block_devices": [{"model": "<in> keep"}]})
    assert [one["name"] for one in chosen] == ["/dev/sda"]
    assert [(one["device"], one["reason"]) for one in skipped] == [
        ("/dev/sdb", "it is another path to /dev/sda"), ("/dev/sdc", "it is removable"), ("/dev/sdd", "it is in a network (fc)"),
        ("/dev/sde", "it is in skip_block_devices")]
    with pytest.raises(BaremetalError, match="no disk is to be written"):
        choose_disks(known[2:4], {"disks": "all", "skip_block_devices": []})


def test_a_root_device_of_the_skip_list_is_refused():
    known = [disk("/dev/sda"), disk("/dev/sdb")]
    with pytest.raises(BaremetalError, match="the root device and in skip_block_devices"):
        choose_disks(known, {"disks": "root", "root_device": {"serial": "/dev/sda"}, "skip_block_devices": [{"tran": "sata"}]})


def test_the_disks_are_waited_for_before_any_list_of_them(disks, call, monkeypatch):
    monkeypatch.setattr(erase, "wait_for_scans", lambda: call.sizeless.append(
        {"name": "/dev/sdx", "serial": "S9", "wwn": None, "size": 0, "model": "M", "removable": False, "tran": "sas"}))
    with pytest.raises(BaremetalError, match="tell no size"):
        call(disks="all")


def test_a_disk_that_tells_no_size_is_not_passed_over(disks, call):
    before = [content(device) for device in disks]
    call.sizeless.append({"name": "/dev/sdx", "serial": "S9", "wwn": None, "size": 0, "model": "M", "removable": False, "tran": "sas"})
    for options in ({}, {"check_mode": True}):
        with pytest.raises(BaremetalError, match="tell no size, so that they cannot be erased; nothing was written. Seen: /dev/sdx .*serial S9"):
            call(disks="all", **options)
    assert [content(device) for device in disks] == before
    # It is left out where it is said to be, and is no matter of the root device.
    assert call(disks="all", skip_block_devices=[{"serial": "S9"}])["changed"] and not call()["changed"]
    call.sizeless[0]["removable"] = True
    assert not call(disks="all")["changed"]
