# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks of this machine, with every identity that a root device hint may name.

lsblk gives the frame; udev (its properties) and sysfs fill what lsblk leaves empty, for instance
the serial numbers of virtio disks.
"""

from __future__ import annotations

import json
import os
import re

from .._errors import BaremetalError
from .commands import find_tool, run

COLUMNS = "NAME,TYPE,SIZE,MODEL,VENDOR,SERIAL,WWN,HCTL,ROTA,TRAN,RO,RM,LOG-SEC,PHY-SEC"
# Memory-backed or removable-by-design device families that lsblk also calls "disk".
NOT_DISKS = re.compile(r"^(ram|zram|fd|mtdblock|nbd|sr)\d")
GIB = 1024 ** 3
# What a kernel calls the ways to an NVMe disk of another machine.
NVME_FABRICS = {"tcp": "nvme-tcp", "rdma": "nvme-rdma", "fc": "nvme-fc", "loop": "nvme-loop"}
# Transports, as lsblk and the kernel write them, by which a disk may be another machine's as well.
NETWORK_TRANSPORTS = ("fc", "fcoe", "iscsi", "rdma", "tcp") + tuple(NVME_FABRICS.values())


def list_disks(*, loop=False, raid=False, sizeless=False, node=None, sysfs="/sys", dev="/dev", proc="/proc", runner=run):
    """List the disks of this machine, ordered by name.

    loop: also list loop devices that have a file (tests use them as disks). raid: also list running arrays of software RAID.
    sizeless: list those instead that tell no size, as a drive in the middle of a sanitize or one that fails does, and a reader without a card.
    sysfs, dev, proc, runner: where to look and how to run programs; tests put their own.

    Each disk is a dict:
      name (str, /dev/vda), type ("disk", "loop", or "raid1" and so on), size (bytes),
      model, vendor, serial, serial_long, wwn, wwn_with_extension, wwn_vendor_extension, hctl, by_path,
      tran (str or None), rotational (bool), logical_sectors, physical_sectors (bytes per sector),
      read_only, removable (bool), partitions (list of /dev names, by number),
      mountpoints (list of str; swap space counts as "[swap]"),
      holders (list of names of md, device mapper or bcache devices above it),
      in_use (bool: mounted, swap or held).
    Raises BaremetalError when lsblk is missing or unreadable.
    """
    rows = _rows(runner, node)
    # Without being named, what stands on other devices is left out.
    arrays = [os.path.join(dev, name) for name in _listdir(os.path.join(sysfs, "block")) if _listdir(os.path.join(sysfs, "block", name, "md"))] if raid else []
    rows += _rows(runner, node, arrays) if arrays else []
    by_path = _by_path(dev)
    mounted = mounts(proc, dev)
    disks = []
    for row in {row["name"]: row for row in rows}.values():
        kind = row.get("type")
        name = row["name"]
        if NOT_DISKS.match(name) or not (kind == "disk" or loop and kind == "loop" or raid and is_array(kind)):
            continue
        if (_integer(row.get("size")) == 0) is not sizeless:
            continue
        disks.append(_disk(row, kind, by_path, mounted, sysfs, dev, runner, node))
    return sorted(disks, key=lambda disk: (len(disk["name"]), disk["name"]))


def _rows(runner, node, names=()):
    """What lsblk tells of all disks, or of the devices with these names."""
    text = runner(["lsblk", "--json", "--bytes", "--nodeps", "--output", COLUMNS, *names], node=node, stage="disks").decode("utf-8", "replace")
    try:
        return json.loads(text)["blockdevices"]
    except (ValueError, KeyError, TypeError):
        raise BaremetalError("lsblk gave no readable list of disks", node=node, stage="disks", seen=text[:200]) from None


def is_array(kind):
    """Return whether a disk's type is that of an array of software RAID."""
    return (kind or "").startswith("raid")


def read_disk(name, *, loop=False, raid=False, node=None, **places):
    """Return the disk dict (see list_disks) of the device O(name), read anew, or None."""
    for disk in list_disks(loop=loop, raid=raid, node=node, **places):
        if disk["name"] == name:
            return disk
    return None


def describe(disk):
    """Return one line that lets a person recognise a disk: name, size, serial, model, and WWN, transport and by-path link where it has them."""
    more = "".join(", %s %s" % (word, disk[key]) for word, key in (("wwn", "wwn"), ("by", "tran"), ("at", "by_path")) if disk.get(key))
    return "%s (%.1f GiB, serial %s, model %s%s)" % (
        disk["name"],
        disk["size"] / GIB,
        disk.get("serial") or "none",
        disk.get("model") or "none",
        more,
    )


def describe_all(disks):
    """Return the descriptions of several disks joined for an error paragraph."""
    return "; ".join(describe(disk) for disk in disks) or "no disk at all"


def partitions(device, *, sysfs="/sys"):
    """List the partitions of a device as (number, /dev name) pairs, by number, from sysfs."""
    name = os.path.basename(device)
    folder = os.path.dirname(device)
    found = []
    base = os.path.join(sysfs, "block", name)
    for entry in _listdir(base):
        number = _read(os.path.join(base, entry, "partition"))
        if number and number.isdigit():
            found.append((int(number), os.path.join(folder, entry)))
    return sorted(found)


def partition_name(device, number):
    """Return the kernel's name of a partition: vda1, but nvme0n1p1 and loop0p1."""
    return "%s%s%d" % (device, "p" if device[-1].isdigit() else "", number)


def _disk(row, kind, by_path, mounted, sysfs, dev, runner, node):
    short = row["name"]
    name = os.path.join(dev, short)
    udev = _udev(name, runner, node)
    base = os.path.join(sysfs, "block", short)
    parts = [path for _number, path in partitions(name, sysfs=sysfs)]
    holders, mountpoints = [], []
    for path in [name] + parts:
        entry = os.path.basename(path)
        place = base if path == name else os.path.join(base, entry)
        holders += _listdir(os.path.join(place, "holders"))
        mountpoints += mounted.get(_read(os.path.join(place, "dev")), [])
        mountpoints += mounted.get(path, [])
    holders = sorted(set(holders))
    mountpoints = sorted(set(mountpoints))
    return {
        "name": name,
        "type": kind,
        "size": _integer(row.get("size")),
        "model": _first(row.get("model"), udev.get("ID_MODEL"), _read(base + "/device/model")),
        "vendor": _first(row.get("vendor"), udev.get("ID_VENDOR"), _read(base + "/device/vendor")),
        # virtio has no lsblk serial without udev; NVMe keeps it below device/.
        "serial": _first(
            row.get("serial"),
            udev.get("ID_SERIAL_SHORT"),
            udev.get("ID_SERIAL"),
            _read(base + "/serial"),
            _read(base + "/device/serial"),
        ),
        "serial_long": _first(udev.get("ID_SERIAL")),
        "wwn": _first(row.get("wwn"), udev.get("ID_WWN"), _read(base + "/wwid")),
        "wwn_with_extension": _first(udev.get("ID_WWN_WITH_EXTENSION"), udev.get("ID_WWN")),
        "wwn_vendor_extension": _first(udev.get("ID_WWN_VENDOR_EXTENSION")),
        "rotational": _boolean(row.get("rota")),
        "hctl": _first(row.get("hctl")),
        "by_path": by_path.get(name),
        # Not every lsblk tells NVMe over a network from NVMe on PCI.
        "tran": next((NVME_FABRICS[word] for word in _nvme_transports(base) if word in NVME_FABRICS), None) or _first(row.get("tran")),
        "logical_sectors": _integer(row.get("log-sec")) or 512,
        "physical_sectors": _integer(row.get("phy-sec")) or 512,
        "read_only": _boolean(row.get("ro")),
        "removable": _boolean(row.get("rm")),
        "partitions": parts,
        "mountpoints": mountpoints,
        "holders": holders,
        "in_use": bool(holders or mountpoints),
    }


def _nvme_transports(base):
    """The transports of a disk's NVMe controllers; a disk with several paths (native multipath) stands below their subsystem."""
    device = os.path.join(base, "device")
    places = [device] + [os.path.join(device, entry) for entry in _listdir(device) if entry.startswith("nvme")]
    return [_read(os.path.join(place, "transport")) for place in places]


def _udev(name, runner, node):
    """Return udev's properties of a device; {} where udev does not run (tests, small systems)."""
    if find_tool("udevadm") is None:
        return {}
    try:
        text = runner(["udevadm", "info", "--query=property", "--name=" + name], node=node)
    except BaremetalError:
        # A device that udev has not met yet has no properties; lsblk and sysfs still speak.
        return {}
    lines = text.decode("utf-8", "replace").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _by_path(dev):
    """Return {device: its by-path link}; of several links the first in order of name."""
    folder = os.path.join(dev, "disk", "by-path")
    links = {}
    for entry in sorted(_listdir(folder), reverse=True):
        link = os.path.join(folder, entry)
        links[os.path.realpath(link)] = link
    return links


def mounts(proc="/proc", dev="/dev"):
    """Return {"major:minor" or device path: [mount points]}, swap spaces included.

    Both keys are needed: btrfs shows an anonymous number, overlay and bind mounts no device.
    Field numbers of mountinfo: proc(5).
    """
    found = {}
    for line in (_read(proc + "/self/mountinfo") or "").splitlines():
        left, dash, right = line.partition(" - ")
        fields, source = left.split(), right.split()
        if not dash or len(fields) < 5 or len(source) < 2:
            continue
        found.setdefault(fields[2], []).append(fields[4])
        if source[1].startswith(dev + "/"):
            found.setdefault(os.path.realpath(source[1]), []).append(fields[4])
    for line in (_read(proc + "/swaps") or "").splitlines()[1:]:
        if line.split():
            found.setdefault(os.path.realpath(line.split()[0]), []).append("[swap]")
    return found


def _read(path):
    """Return a small text file's content without surrounding blanks, None when unreadable."""
    try:
        with open(path, "rb") as stream:
            return stream.read().decode("utf-8", "replace").strip()
    except OSError:
        return None


def _listdir(path):
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _first(*values):
    """Return the first value that holds more than blanks, as str; None when there is none."""
    for value in values:
        text = str(value).strip() if value is not None else ""
        if text:
            return text
    return None


def _integer(value):
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0


def _boolean(value):
    # lsblk before 2.33 writes JSON booleans as "0" and "1".
    return value in (True, 1, "1", "true")
