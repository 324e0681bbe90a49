# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The last look before a write: is this still the disk meant, and may it be written at all?"""

from __future__ import annotations

from .._errors import BaremetalError
from .devices import GIB, describe, read_disk

STAGE = "disk protection"
IDENTITY = ("size", "serial", "wwn", "type")


def refuse_if_protected(disk, *, minimum_size=0, node=None, reader=read_disk):
    """Read the disk anew and return it, or raise when it must not be written.

    disk: a dict of list_disks; minimum_size: bytes that the disk must offer. Call this directly
    before the write: names move between boots and re-scans, so identity is compared again.
    Raises BaremetalError for a disk that vanished or changed its identity, and for one that is
    read-only, removable, mounted, used as swap, held by md or device mapper, or too small.
    """
    now = reader(disk["name"], loop=disk.get("type") == "loop", node=node)
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
    reasons = list(_reasons(now, minimum_size))
    if reasons:
        raise BaremetalError(
            "%s is protected, nothing was written" % describe(now),
            node=node,
            stage=STAGE,
            seen="; ".join(reasons),
            cure="Free the disk, or choose another one with root_device of the node.",
        )
    return now


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
