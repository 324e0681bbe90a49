# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Proof that the installed system is the one that was asked for, on the machine that was meant.

gather reads the system, mismatches compares: a pure function, so that every sentence of a
refusal can be tested.
"""

from __future__ import annotations

import glob
import json
import os
import platform
import re
import tempfile

from .._errors import BaremetalError
from . import cloud_init
from .arrays import disks_for
from .commands import CommandTimeout, find_tool, run
from .config_drive import LABELS
from .devices import GIB
from .hints import select
from .interlock import same_uuid
from .partitions import MIB
from .stack import disk_of
from .system import boot_mode, read_text, system

STAGE = "proof"
DIGEST_KEY = "rackwright_image_digest"
INSTANCE_DATA = "/run/cloud-init/instance-data-sensitive.json"
# What growing may leave free behind the root partition: alignment and the backup GPT are small,
# the config drive in front of the end is a partition of its own.
ROOT_SLACK = 100 * MIB
# The rest is what a file system needs for itself: inode tables, journal, group descriptors.
FILE_SYSTEM_SHARE = 0.9
# Seconds for cloud-init to tell what it does.
STATUS_TIMEOUT = 30
# sysfs counts in units of 512 bytes, whatever the disk's sectors are (block/genhd.c).
SYSFS_SECTOR = 512


def wait_for_cloud_init(timeout, *, runner=run):
    """Wait until cloud-init is done and return (state, detail); (None, None) without cloud-init.

    state: "done", "error", "degraded", "disabled", ... as cloud-init names it. timeout: seconds.
    Raises BaremetalError when cloud-init is still at work at the end of that time.
    """
    if find_tool("cloud-init") is None:
        return None, None
    argv = ["cloud-init", "status", "--long"]
    # 1 is an error, 2 a recoverable one; both are told by the text.
    options = {"stage": STAGE, "ok": (0, 1, 2)}
    try:
        text = runner(argv + ["--wait"], timeout=timeout, **options).decode("utf-8", "replace")
    except CommandTimeout:
        try:
            seen = " ".join(runner(argv, timeout=STATUS_TIMEOUT, **options).decode("utf-8", "replace").split())
        except BaremetalError as error:
            seen = error.what
        raise BaremetalError(
            "cloud-init was still at work %d seconds after the login" % timeout,
            stage=STAGE,
            seen=seen[-400:] or "nothing",
            cure="If the user data has that much to do, give a larger time-out (cloud_init in deploy_timeouts). "
            "Otherwise look at /var/log/cloud-init-output.log there: often it waits for a network or a package mirror.",
        ) from None
    state = re.search(r"^status: *(.+)$", text, re.MULTILINE)
    return (state.group(1).strip() if state else "unknown"), " ".join(text.split())


def gather(*, sysfs="/sys", proc="/proc", etc="/etc", instance_data=INSTANCE_DATA, runner=run):
    """Read the installed system and return the proof.

    Keys: hostname, system_uuid, serial, instance_uuid, image_digest (None where the config drive
    says nothing), what root_layout returns, ssh_host_keys (list of "type key"), boot_mode, uptime (seconds), datasource, datasource_detail
    and cloud_id (of cloud-init; None without it).
    """
    identity = system(sysfs=sysfs)
    data = instance_metadata(instance_data, runner=runner)
    meta = data.get("meta") or {}
    uptime = (read_text(os.path.join(proc, "uptime")) or "0").split()[0]
    proof = {
        "hostname": platform.node(),
        "system_uuid": identity["uuid"],
        "serial": identity["serial"],
        "instance_uuid": data.get("uuid") or data.get("instance-id"),
        "image_digest": meta.get(DIGEST_KEY),
        "ssh_host_keys": host_keys(etc),
        "boot_mode": boot_mode(sysfs=sysfs),
        "uptime": float(uptime),
        "cloud_id": (read_text(os.path.join(cloud_init.RUN, "cloud-id")) or "").strip() or None,
    }
    proof["datasource"], proof["datasource_detail"] = cloud_init.used()
    proof.update(root_layout(sysfs=sysfs, runner=runner))
    return proof


def instance_metadata(path=INSTANCE_DATA, *, runner=run):
    """Return the metadata of this instance as a dict: what cloud-init consumed.

    Without cloud-init's record the config drive itself is mounted read-only and read; {} when
    there is none.
    """
    text = read_text(path)
    if text:
        try:
            found = json.loads(text)["ds"]["meta_data"]
        except (ValueError, KeyError, TypeError):
            found = None
        if isinstance(found, dict):
            return found
    names = [name for label in LABELS for name in (label, label.upper())]
    device = next((path for path in (os.path.join("/dev/disk/by-label", name) for name in names) if os.path.exists(path)), None)
    if device is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="config-drive-") as folder:
        runner(["mount", "-o", "ro", device, folder], stage=STAGE)
        try:
            text = read_text(os.path.join(folder, "openstack/latest/meta_data.json")) or read_text(os.path.join(folder, "meta-data"))
        finally:
            runner(["umount", folder], stage=STAGE)
    try:
        found = json.loads(text or "{}")
    except ValueError:
        # meta-data of others may be YAML, for which the standard library has no reader.
        found = None
    return found if isinstance(found, dict) else {}


def root_layout(*, sysfs="/sys", runner=run):
    """Return {root_device, root_disk, root_disks, root_size, root_free_behind, root_file_system_size}.

    root_device: what the root file system is on, a partition or a volume of LVM, dm-crypt and the like. root_disks: the disks that it stands on, as
    /dev names, through all that lies between; an array of software RAID with partitions is one of them. root_disk: the only one of these, or None.
    root_size: bytes of root_device, None where it is no block device. root_free_behind: bytes between the partition and the next one or the end of the
    disk, None where it is no partition. root_file_system_size: bytes.
    """
    source = runner(["findmnt", "--noheadings", "--output", "SOURCE", "/"], stage=STAGE).decode()
    # btrfs appends its subvolume in brackets.
    device = os.path.realpath(source.strip().split("[")[0])
    place = os.path.realpath(os.path.join(sysfs, "class/block", os.path.basename(device)))
    status = os.statvfs("/")
    disks = sorted(_disks_below(os.path.basename(device), sysfs))
    layout = {
        "root_device": device,
        "root_disk": disks[0] if len(disks) == 1 else None,
        "root_disks": disks,
        "root_size": _sectors(os.path.join(place, "size")) * SYSFS_SECTOR if disks else None,
        "root_free_behind": None,
        "root_file_system_size": status.f_blocks * status.f_frsize,
    }
    if read_text(os.path.join(place, "partition")) is not None:
        disk = os.path.dirname(place)
        start, size = (_sectors(os.path.join(place, name)) for name in ("start", "size"))
        limits = [_sectors(other) for other in glob.glob(os.path.join(disk, "*", "start"))]
        limit = min([other for other in limits if other > start] + [_sectors(os.path.join(disk, "size"))])
        layout["root_free_behind"] = (limit - start - size) * SYSFS_SECTOR
    return layout


def _disks_below(name, sysfs):
    """Return what root_layout calls root_disks, of a device with this kernel name; empty where there is none."""
    place = os.path.realpath(os.path.join(sysfs, "class/block", name))
    slaves = glob.glob(os.path.join(place, "slaves", "*"))
    if slaves:
        return set().union(*(_disks_below(os.path.basename(slave), sysfs) for slave in slaves))
    return {disk_of(name, sysfs)} if os.path.isdir(place) else set()


def host_keys(etc="/etc"):
    """Return the SSH host keys of this machine as "type key", ordered, without comments."""
    found = []
    for path in glob.glob(os.path.join(etc, "ssh", "ssh_host_*_key.pub")):
        words = (read_text(path) or "").split()
        if len(words) > 1:
            found.append(" ".join(words[:2]))
    return sorted(found)


def mismatches(expected, proof, disks):
    """List what differs between what was asked for and what is there, one sentence each.

    expected: {hostname, system_uuid, serial, instance_uuid, image_digest, root_device, skip_block_devices, datasource, root_gb}; a key
    that is missing or None is not compared, nor is the datasource where there is no cloud-init. With root_gb there may be room behind the
    root partition. proof: see gather. disks: see list_disks.
    """
    wrong = []
    for key, what in (
        ("instance_uuid", "instance UUID of the config drive"),
        ("image_digest", "image digest of the config drive"),
        ("serial", "SMBIOS serial number"),
    ):
        if expected.get(key) and expected[key] != proof[key]:
            wrong.append("%s expected %s, seen %s" % (what, expected[key], proof[key] or "none"))
    if expected.get("system_uuid") and not same_uuid(expected["system_uuid"], proof["system_uuid"]):
        seen = proof["system_uuid"] or "none"
        wrong.append("SMBIOS UUID expected %s, seen %s" % (expected["system_uuid"], seen))
    name = expected.get("hostname")
    # cloud-init sets the first label only as host name unless told otherwise.
    if name and proof["hostname"].lower() not in (name.lower(), name.lower().split(".")[0]):
        wrong.append("host name expected %s, seen %s" % (name, proof["hostname"]))
    source = expected.get("datasource")
    if source and proof.get("datasource") not in (None, source):
        wrong.append(
            "datasource of cloud-init expected %s, seen %s (%s), so the config drive of this deploy was not read"
            % (source, proof["datasource"], proof["datasource_detail"])
        )
    return wrong + _root_mismatches(expected, proof, disks)


def disks_that_run(hints, skip):
    """The disks of arrays.disks_for, with arrays that run already: a proof starts none."""
    return disks_for(hints, skip, assembler=lambda disks: {})


def prove(expected, *, timeout, waiter=wait_for_cloud_init, gatherer=gather, lister=disks_that_run):
    """Wait for cloud-init, compare the system with what was asked for, and return the proof.

    expected: see mismatches. timeout: seconds for cloud-init. lister: see disks_that_run. Returns gather's dict and
    cloud_init, its state. Raises BaremetalError that lists everything that differs.
    """
    state, detail = waiter(timeout)
    proof = dict(gatherer(), cloud_init=state)
    wrong = mismatches(expected, proof, lister(expected.get("root_device"), expected.get("skip_block_devices") or ()))
    if state == "error":
        wrong.append("cloud-init ended with an error: %s" % detail[-300:])
    if wrong:
        raise BaremetalError(
            "the installed system is not what was asked for",
            stage=STAGE,
            seen="; ".join(wrong),
            cure="Look at the machine's console and at /var/log/cloud-init.log there; deploy again "
            "when another system than the new one has started"
            + (
                ", and with deploy_pin_datasource when cloud-init looked elsewhere than on the disk."
                if any(text.startswith("datasource") for text in wrong)
                else "."
            ),
        )
    return proof


def _root_mismatches(expected, proof, disks):
    hints, skip = expected.get("root_device"), expected.get("skip_block_devices") or ()
    if not proof["root_disks"]:
        return ["root file system expected on a disk, seen on %s" % proof["root_device"]]
    wrong = []
    if hints:
        try:
            disk = select(disks, hints, skip)
        except BaremetalError as error:
            wrong.append(error.what)
        else:
            if disk["name"] not in proof["root_disks"]:
                wrong.append(
                    "root file system expected on %s (serial %s), seen on %s"
                    % (disk["name"], disk["serial"] or "none", ", ".join(proof["root_disks"]))
                )
    # Whether a volume of LVM or dm-crypt could be larger, only its own tools know.
    if (proof["root_free_behind"] or 0) > ROOT_SLACK and not expected.get("root_gb"):
        wrong.append(
            "root partition expected to be grown, seen %.1f GiB with %.1f GiB free behind it"
            % (proof["root_size"] / GIB, proof["root_free_behind"] / GIB)
        )
    if proof["root_file_system_size"] < FILE_SYSTEM_SHARE * proof["root_size"]:
        wrong.append(
            "root file system expected to fill %s of %.1f GiB, seen %.1f GiB"
            % (proof["root_device"], proof["root_size"] / GIB, proof["root_file_system_size"] / GIB)
        )
    return wrong


def _sectors(path):
    return int(read_text(path) or 0)
