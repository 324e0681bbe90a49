# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a disk offers the UEFI firmware to start: its EFI system partitions, and the loader on them.

The partitions are FAT and are read with mtools: nothing is mounted, and a member of a RAID, which its array holds, can be read as well.
"""

from __future__ import annotations

import json
import os
import platform
import re

from .._errors import BaremetalError
from .commands import run
from .efi_records import decode, partition_key
from .partitions import ESP_TYPES

STAGE = "efi boot"
# Architecture part of the loaders' file names (UEFI specification, 3.5.1.1).
ARCHITECTURES = {"x86_64": "x64", "aarch64": "aa64", "riscv64": "riscv64", "i686": "ia32", "armv7l": "arm"}
# A CSV file of a loader has a line or two.
CSV_LIMIT = 65536


def parse_csv(data):
    """Return what a BOOT*.CSV says as a list of (loader file, label), label "" where it says none.

    The format is that of shim's fallback loader: a line for each loader with file, label, options and description, in
    UCS-2. UTF-8 is taken as well, which some distributions write by mistake.
    """
    found = []
    for line in decode(data).replace("\0", "").splitlines():
        fields = [field.strip() for field in line.split(",")]
        if fields[0] and (len(fields) > 1 or fields[0].lower().endswith(".efi")):
            found.append((fields[0], fields[1] if len(fields) > 1 else ""))
    return found


def find_loader(names, reader, *, machine=None):
    """Find what an EFI system partition offers to start.

    A BOOT<arch>.CSV that names an existing loader wins over EFI/BOOT/BOOT<arch>.EFI, because it
    names the loader of the installed system and not the one for removable media. FAT does not
    care about case, so neither does the search.
    names: paths of all files, with slashes. reader: function of such a path that returns the first bytes of the file.
    Returns (path with backslashes, label of the CSV or None), or None.
    """
    short = ARCHITECTURES.get(machine or platform.machine())
    if short is None:
        return None
    known = {name.lower(): name for name in names}
    for name in sorted(known):
        folder, _slash, file = name.rpartition("/")
        # Before architectures had files of their own, it was BOOT.CSV.
        if file in ("boot%s.csv" % short, "boot.csv"):
            for loader, label in parse_csv(reader(known[name])):
                place = known.get((folder + "/" if folder else "") + loader.lower())
                if place:
                    return "\\" + place.replace("/", "\\"), label or None
    fallback = known.get("efi/boot/boot%s.efi" % short)
    return ("\\" + fallback.replace("/", "\\"), None) if fallback else None


def loader_on(partition, *, node=None):
    """Return what find_loader finds on an EFI system partition. Raises BaremetalError when it cannot be read or offers nothing."""
    names = list_files(partition, node=node)
    found = find_loader(names, lambda name: run(["mtype", "-i", partition, "::/" + name], node=node, stage=STAGE)[:CSV_LIMIT])
    if found is None:
        raise BaremetalError(
            "the EFI system partition %s holds no loader for %s" % (partition, platform.machine()),
            node=node,
            stage=STAGE,
            seen=", ".join(name for name in names if name.lower().endswith(".efi")) or "no file with the ending .efi",
            cure="Use an image made for UEFI and for this processor architecture.",
        )
    return found


def list_files(partition, *, node=None):
    """Return the paths of all files of a FAT file system, with slashes. Raises BaremetalError when it is none."""
    try:
        text = run(["mdir", "-b", "-/", "-i", partition, "::/"], node=node, stage=STAGE)
    except BaremetalError as error:
        if "needed and not installed" in error.what:
            raise
        raise BaremetalError(
            "the EFI system partition %s cannot be read as FAT" % partition,
            node=node,
            stage=STAGE,
            seen=error.seen,
            cure="Use an image whose EFI system partition is formatted as FAT.",
        ) from None
    paths = [line.partition("::/")[2] for line in text.decode("utf-8", "replace").splitlines()]
    return [path for path in paths if path and not path.endswith("/")]


def find_esps(device, *, sysfs="/sys", node=None, reader=None):
    """Return the EFI system partitions from which a disk can be started, as dicts {disk, number, partition, identity}.

    device: a disk, or an array of software RAID. A disk has one; if that is a member of an array, the other members are
    mirrors of it. An array has those of the disks that it lies on. identity: unique id as of partition_key.
    Raises BaremetalError when there is none.
    """
    reader = reader or partitions_of
    members = _members(device, sysfs)
    disks = sorted({_disk_of(member, sysfs) for member in members}) if members else [device]
    found = [dict(esp, disk=disk) for disk in disks for esp in reader(disk, node)[:1]]
    if found and not members:
        mirrors = {member for array in _holders(found[0]["partition"], sysfs) for member in _members(array, sysfs)}
        for disk in sorted({_disk_of(member, sysfs) for member in mirrors} - {device}):
            found += [dict(esp, disk=disk) for esp in reader(disk, node) if esp["partition"] in mirrors]
    if found:
        return found
    raise BaremetalError(
        "%s has no EFI system partition, so the machine cannot start from it by UEFI" % device,
        node=node,
        stage=STAGE,
        cure="Use an image made for UEFI, or set boot_mode of the node and its firmware to bios.",
    )


def bios_can_start(device):
    """Return whether a disk has boot code that a BIOS would start: code and signature in its first sector."""
    with open(device, "rb") as stream:
        sector = stream.read(512)
    # What stands in front of the disk's signature and the partition table is code, of which a table alone has none.
    return sector[510:512] == b"\x55\xaa" and any(sector[:440])


def partitions_of(disk, node):
    """The EFI system partitions of a disk."""
    text = run(["sfdisk", "--json", disk], node=node, stage=STAGE, ok=(0, 1))
    if not text.strip():
        return []
    found = []
    for entry in json.loads(text)["partitiontable"].get("partitions", []):
        if entry.get("type", "").upper() in ESP_TYPES:
            number = int(re.search(r"\d+$", entry["node"]).group())
            found.append({"number": number, "partition": entry["node"], "identity": _partition_id(entry["node"], node)})
    return found


def _partition_id(device, node):
    argv = ["blkid", "-p", "-s", "PART_ENTRY_UUID", "-o", "value", device]
    return partition_key(run(argv, node=node, stage=STAGE, ok=(0, 2)).decode())


def _members(device, sysfs):
    """Devices that an array of software RAID lies on; none for a disk."""
    place = os.path.join(sysfs, "class/block", os.path.basename(device))
    if not os.path.isdir(os.path.join(place, "md")):
        return []
    return [os.path.join(os.path.dirname(device), name) for name in sorted(os.listdir(os.path.join(place, "slaves")))]


def _holders(device, sysfs):
    place = os.path.join(sysfs, "class/block", os.path.basename(device), "holders")
    return [os.path.join(os.path.dirname(device), name) for name in sorted(os.listdir(place))] if os.path.isdir(place) else []


def _disk_of(device, sysfs):
    """The disk of a partition, or the device itself when it is none."""
    place = os.path.realpath(os.path.join(sysfs, "class/block", os.path.basename(device)))
    if not os.path.exists(os.path.join(place, "partition")):
        return device
    return os.path.join(os.path.dirname(device), os.path.basename(os.path.dirname(place)))
