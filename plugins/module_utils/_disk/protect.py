# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last look before a write: is this still the disk meant, and may it be written at all?"""

from __future__ import annotations

from .._errors import BaremetalError
from .commands import run
from .devices import GIB, NETWORK_TRANSPORTS, describe, is_array, read_disk
from .hints import is_skipped, matches, named, parse, skip_list
from .partitions import signatures

STAGE = "disk protection"
IDENTITY = ("size", "serial", "wwn", "type")
# Names of wipefs begin so; GPFS has no signature, but a type of partition (GUID).
SPECIAL = ("gfs", "ocfs2", "vmfs")
GPFS = "37affc90-ef7d-4e96-91c3-2d7ae055b174"


def refuse_if_protected(disk, *, hints=None, skip=(), minimum_size=0, ignore_holders=False, node=None, reader=read_disk):
    """Read the disk anew and return it, or raise when it must not be written.

    disk: a dict of list_disks; hints: by which it was chosen, whose "tran" says that a disk in a network is
    meant where it names the disk's transport; skip: skip_block_devices; minimum_size: bytes that the disk must offer; ignore_holders: look
    ahead, for a disk whose holders are taken apart before it is written. Call this directly
    before the write: names move between boots and re-scans, so identity is compared again.
    Raises BaremetalError for a disk that vanished or changed its identity, and for one that is
    read-only, removable, mounted, used as swap, held by md or device mapper, reached over a network, in
    the skip list, or too small.
    """
    now = reader(disk["name"], loop=disk.get("type") == "loop", raid=is_array(disk.get("type")), node=node)
    if now is None:
        raise BaremetalError(
            "%s is gone" % describe(disk),
            node=node,
            stage=STAGE,
            cure="Look at the kernel log (dmesg): a disk that vanishes is failing or badly connected.",
        )
    changed = [
        "%s was %s, now is %s" % (key, disk.get(key), now.get(key))
        for key in IDENTITY
        if disk.get(key) != now.get(key)
    ]
    if changed:
        raise BaremetalError(
            "%s is not the disk any more that was chosen" % disk["name"],
            node=node,
            stage=STAGE,
            seen=", ".join(changed),
            cure="Run again; the disk is then chosen anew by its root device hints.",
        )
    reasons = list(_reasons(dict(now, holders=[]) if ignore_holders else now, minimum_size))
    if is_skipped(now, skip_list(skip, node=node)):
        reasons.append("it is in skip_block_devices")
    tran = now.get("tran")
    if tran in NETWORK_TRANSPORTS and not _is_named(tran, hints or {}):
        reasons.append("it is reached over a network (%s), where other machines may use it; the root device hint tran: %s would say that it is meant"
                       % (tran, tran))
    if reasons:
        raise BaremetalError(
            "%s is protected, nothing was written" % describe(now),
            node=node,
            stage=STAGE,
            seen="; ".join(reasons),
            cure="Free the disk, or choose another one with root_device of the node.",
        )
    return now


def refuse_to_write(disk, interlock, hints, *, reader=read_disk, marks=signatures, runner=run):
    """The last look before an image is written: refuse_if_protected and refuse_special_filesystems, by what the interlock carries.

    disk: a dict of list_disks. interlock: see interlock.verify. hints: by which the disk was chosen. reader, marks, runner: for tests.
    Returns the disk as read anew. Raises BaremetalError.
    """
    now = refuse_if_protected(disk, hints=hints, skip=interlock.get("skip_block_devices") or (), reader=reader)
    refuse_special_filesystems(now, marks(now["name"]), interlock.get("wipe_special_filesystems"), runner=runner)
    return now


def refuse_special_filesystems(disk, found, allowed, *, runner=run):
    """Refuse a disk that carries a file system which other machines may be using, unless that is allowed.

    disk: a dict of list_disks. found: of partitions.signatures. allowed: bool.
    Source: the ironic-python-agent refuses VMFS, GPFS and GFS2 (wipe_special_filesystems); OCFS2 is of the same kind.
    """
    special = sorted({entry["type"] for entry in found if entry["type"].lower().startswith(SPECIAL)})
    text = runner(["lsblk", "--noheadings", "--output", "PARTTYPE", disk["name"]], stage=STAGE).decode("utf-8", "replace")
    if GPFS in text.lower().split():
        special.append("GPFS")
    if special and not allowed:
        raise BaremetalError(
            "%s carries a file system of a cluster, which other machines may be using; nothing was written" % describe(disk),
            stage=STAGE,
            seen=", ".join(special),
            cure="Put the disk into skip_block_devices; if it is this machine's alone, set wipe_special_filesystems.",
        )


def _is_named(tran, hints):
    """Whether root device hints ask for this transport by the name of a network; what only denies another one means no network."""
    hint = hints.get("tran")
    return bool(hint) and matches({"tran": tran}, "tran", parse({"tran": hint})["tran"]) and any(word in NETWORK_TRANSPORTS for word in named(hint))


def _reasons(disk, minimum_size):
    if disk["read_only"]:
        yield "it is read-only"
    if disk["removable"]:
        yield "it is removable"
    if disk["mountpoints"]:
        yield "it is in use at %s" % ", ".join(disk["mountpoints"])
    if disk["holders"]:
        yield "it belongs to %s" % ", ".join(disk["holders"])
    if disk["size"] < minimum_size:
        yield "it has %.1f GiB (%d bytes) and %.1f GiB (%d bytes) are needed" % (
            disk["size"] / GIB,
            disk["size"],
            minimum_size / GIB,
            minimum_size,
        )
