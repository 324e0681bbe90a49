# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What stands on a disk: md arrays, device mapper (LVM, dm-crypt, multipath, ...) and bcache, and taking it apart from the top.

Only sysfs and the kernel are asked, so a stack falls also where the tools that made it (lvm, cryptsetup, multipath) are not installed:
dmsetup ends every kind of device mapper, mdadm arrays, and bcache ends by itself.
"""

from __future__ import annotations

import os
import re
import time

from .._errors import BaremetalError
from .commands import run
from .devices import mounts
from .partitions import settle
from .system import read_text

STAGE = "take the stack apart"
_KINDS = (("LVM-", "LVM volume"), ("CRYPT-", "encrypted volume"), ("mpath-", "multipath map"), ("part", "partition of a map"))
_WAIT = 10  # seconds for a layer to be gone


def layers(device, *, sysfs="/sys", dev="/dev", proc="/proc"):
    """List everything that stands on a disk, in the order in which it is taken apart: the top first.

    Each is {name (kernel name), kind, label, members (devices directly below), disks (those at the bottom, as /dev names),
    mountpoints}.
    """
    mounted = mounts(proc, dev)
    found = {}

    def climb(name):
        for holder in _holders(name, sysfs):
            if holder not in found:
                climb(holder)
                # After what stands on it, and once only: two partitions may carry the same array.
                found[holder] = _layer(holder, mounted, sysfs, dev)

    climb(os.path.basename(device))
    return list(found.values())


def refuse_foreign(found, targets, protected):
    """Refuse a stack that must not be taken apart. Pure.

    found: of layers. targets: /dev names of the disks that are erased. protected: {/dev name: why} of disks that must not be touched.
    Raises BaremetalError when a layer is mounted, or also stands on a protected disk.
    """
    for layer in found:
        if layer["mountpoints"]:
            raise BaremetalError("%s is in use at %s, nothing was written" % (describe(layer), ", ".join(layer["mountpoints"])), stage=STAGE,
                                 cure="Unmount it, or leave its disk out.")
        others = [disk for disk in layer["disks"] if disk in protected and disk not in targets]
        if others:
            raise BaremetalError(
                "%s also stands on %s, which must not be touched; nothing was written" % (describe(layer), ", ".join(others)), stage=STAGE,
                seen="; ".join("%s: %s" % (disk, protected[disk]) for disk in others),
                cure="Take it apart by hand, or leave all its disks out, or take these from skip_block_devices.")


def describe(layer):
    """Return a layer as a person knows it: its kind and name, and where it stands."""
    return "%s %s (%s) on %s" % (layer["kind"], layer["label"], layer["name"], ", ".join(layer["members"]))


def take_apart(found, targets, *, sysfs="/sys", dev="/dev", runner=run, sleep=time.sleep):
    """Take layers apart, in their order.

    found: of layers, read just before. targets: /dev names of the disks that are erased; the members of an array on them lose what
    marks them as members, so that nothing assembles it again. Other disks are not written.
    Raises BaremetalError when a layer is in use or stays.
    """
    for layer in found:
        name = layer["name"]
        base = os.path.join(sysfs, "block", name)
        if layer["kind"] == "md array":
            runner(["mdadm", "--stop", os.path.join(dev, name)], stage=STAGE)
        elif layer["kind"] == "bcache":
            # Stopping the device alone leaves the set registered, which still holds its disks.
            cache_set = os.path.realpath(os.path.join(base, "bcache", "cache"))
            _write(os.path.join(base, "bcache", "stop"))
            if os.path.exists(os.path.join(cache_set, "stop")):
                _write(os.path.join(cache_set, "stop"))
        else:
            runner(["dmsetup", "remove", "--retry", layer["label"]], stage=STAGE)
        for _attempt in range(_WAIT * 5):
            if not os.path.exists(base) or not _listdir(os.path.join(base, "slaves")):
                break
            sleep(0.2)
        else:
            raise BaremetalError("%s does not go away" % describe(layer), stage=STAGE, seen="%s still is there" % base,
                                 cure="Look at the kernel log (dmesg), and at lsblk for who uses it.")
        if layer["kind"] == "md array":
            for member in layer["members"]:
                if disk_of(os.path.basename(member), sysfs, dev) in targets:
                    # Ends with 2 where there is nothing to remove, as on a member of a container.
                    runner(["mdadm", "--zero-superblock", member], stage=STAGE, ok=(0, 1, 2))
    settle()


def disk_of(name, sysfs="/sys", dev="/dev"):
    """Return the /dev name of the disk that a partition is on; that of the device itself when it is none."""
    place = os.path.realpath(os.path.join(sysfs, "class", "block", name))
    if os.path.exists(os.path.join(place, "partition")):
        name = os.path.basename(os.path.dirname(place))
    return os.path.join(dev, name)


def _layer(name, mounted, sysfs, dev):
    base = os.path.join(sysfs, "block", name)
    mountpoints = []
    for part in [name] + _partitions(name, sysfs):
        place = base if part == name else os.path.join(base, part)
        mountpoints += mounted.get(read_text(os.path.join(place, "dev")), []) + mounted.get(os.path.join(dev, part), [])
    kind, label = "device mapper", read_text(os.path.join(base, "dm", "name"))
    if label is None:
        kind, label = ("bcache", name) if os.path.isdir(os.path.join(base, "bcache")) else ("md array", name)
    else:
        uuid = read_text(os.path.join(base, "dm", "uuid")) or ""
        kind = next((words for prefix, words in _KINDS if re.match(prefix, uuid)), kind)
    slaves = _listdir(os.path.join(base, "slaves"))
    return {"name": name, "kind": kind, "label": label, "members": [os.path.join(dev, slave) for slave in slaves],
            "disks": sorted(_bottom(name, sysfs, dev)), "mountpoints": sorted(set(mountpoints))}


def _bottom(name, sysfs, dev):
    """Return the disks that a device ends on, through all its layers."""
    disk = os.path.basename(disk_of(name, sysfs, dev))
    slaves = _listdir(os.path.join(sysfs, "block", disk, "slaves"))
    return {os.path.join(dev, disk)} if not slaves else set().union(*(_bottom(slave, sysfs, dev) for slave in slaves))


def _holders(name, sysfs):
    base = os.path.join(sysfs, "block", name)
    places = [base] + [os.path.join(base, part) for part in _partitions(name, sysfs)]
    return sorted({holder for place in places for holder in _listdir(os.path.join(place, "holders"))})


def _partitions(name, sysfs):
    base = os.path.join(sysfs, "block", name)
    return [entry for entry in _listdir(base) if os.path.exists(os.path.join(base, entry, "partition"))]


def _write(path):
    try:
        with open(path, "w", encoding="ascii") as stream:
            stream.write("1")
    except OSError as error:
        raise BaremetalError("%s cannot be written" % path, stage=STAGE, seen=error.strerror, cure="Look at the kernel log (dmesg).") from None


def _listdir(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []
