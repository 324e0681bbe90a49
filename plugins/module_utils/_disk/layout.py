# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the partitions of a disk lie that gets a partition image: Ironic's order, sizes and names.

Pure: nothing here looks at a disk.
"""

from __future__ import annotations

import typing as t

from .._errors import BaremetalError
from .devices import GIB, partition_name
from .partitions import CONFIG_DRIVE_SIZE, MBR_SECTORS, MIB

STAGE = "plan the partitions"
LABELS = ("gpt", "msdos")
# File systems for the ephemeral partition.
FORMATS = ("ext4", "xfs", "btrfs", "vfat")
# Bytes; Ironic's defaults (disk_utils.efi_system_partition_size, bios_boot_partition_size).
ESP_SIZE = 550 * MIB
BIOS_BOOT_SIZE = MIB
# Bytes at both ends of a disk that no partition touches: the table lies there, and they are zero until all else is written.
END_SIZE = MIB
# Type in a GPT (UEFI specification 2.10, 5.3.3, and the Discoverable Partitions Specification), type in an MBR.
TYPES = {
    "efi": ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef"),
    "bios_boot": ("21686148-6449-6E6F-744E-656564454649", None),
    "ephemeral": ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"),
    "swap": ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "82"),
    "config_drive": ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"),
    "root": ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"),
}
# An MBR has four entries, and logical partitions are for nobody's good.
MBR_PARTITIONS = 4


class Part(t.NamedTuple):
    """A partition: its number, its role (a key of TYPES), where it starts and how long it is, in bytes."""

    number: int
    role: str
    start: int
    size: int


class Layout(t.NamedTuple):
    """The partitions of a disk: kind of table (one of LABELS), bytes of a sector, and a list of :class:`Part` in their order on the disk."""

    label: str
    sector: int
    parts: t.List[Part]

    def part(self, role):
        """The :class:`Part` of a role, or None."""
        return next((part for part in self.parts if part.role == role), None)

    def place(self, role):
        """(first byte, bytes) of the partition of a role."""
        part = self.part(role)
        return part.start, part.size

    def device(self, disk, role):
        """Name of the partition of a role on a disk, or None."""
        part = self.part(role)
        return partition_name(disk, part.number) if part else None

    def type_of(self, role):
        """Its type, as sfdisk writes it in this kind of table."""
        return TYPES[role][LABELS.index(self.label)]

    def script(self):
        """The table as sfdisk reads it."""
        lines = ["label: %s" % {"gpt": "gpt", "msdos": "dos"}[self.label]]
        for part in self.parts:
            name = ", name=%s" % part.role if self.label == "gpt" else ""
            active = ", bootable" if self.label == "msdos" and part.role == "root" else ""
            values = part.number, part.start // self.sector, part.size // self.sector, self.type_of(part.role), name, active
            lines.append("%d : start=%d, size=%d, type=%s%s%s" % values)
        return "\n".join(lines) + "\n"

    def shown(self):
        """The partitions as a list of dicts {number, role, start, size}, in bytes."""
        return [part._asdict() for part in self.parts]


def plan(size, sector, wanted, *, boot_mode, config_drive, node=None):
    """Return the :class:`Layout` of a disk.

    size, sector: of the disk, in bytes. wanted: dict with disk_label, root_gb, swap_mb, ephemeral_gb; without root_gb (None or 0)
    the root partition takes what is left. boot_mode: "uefi" or "bios". config_drive: whether there is a partition for one.
    Raises BaremetalError when they do not fit.
    """
    label = wanted["disk_label"]
    sizes = {
        "efi": ESP_SIZE if boot_mode == "uefi" else 0,
        "bios_boot": BIOS_BOOT_SIZE if boot_mode == "bios" and label == "gpt" else 0,
        "ephemeral": wanted["ephemeral_gb"] * GIB,
        "swap": wanted["swap_mb"] * MIB,
        "config_drive": CONFIG_DRIVE_SIZE if config_drive else 0,
    }
    if any(value < 0 for value in (*sizes.values(), wanted["root_gb"] or 0)):
        raise BaremetalError("sizes of partitions cannot be negative", node=node, stage=STAGE, cure="Correct the partitions that are asked for.")
    parts, position = [], END_SIZE
    for role, length in sizes.items():
        if length:
            parts.append(Part(len(parts) + 1, role, position, length))
            position += length
    limit = (size - END_SIZE) // MIB * MIB
    if label == "msdos":
        limit = min(limit, MBR_SECTORS * sector // MIB * MIB)
    root = wanted["root_gb"] * GIB if wanted["root_gb"] else limit - position
    if root <= 0 or position + root > limit:
        raise BaremetalError(
            "the partitions do not fit on the disk",
            node=node,
            stage=STAGE,
            seen="%d MiB for root, %d MiB before it, %d MiB that %s of this size has room for"
            % ((wanted["root_gb"] or 0) * GIB // MIB, position // MIB, max(limit, 0) // MIB, {"gpt": "a disk", "msdos": "an msdos table on a disk"}[label]),
            cure="Make root_gb, swap_mb or ephemeral_gb smaller, or choose a larger disk by the root device hints."
            + (" A gpt reaches beyond 2 TiB." if label == "msdos" else ""),
        )
    parts.append(Part(len(parts) + 1, "root", position, root))
    if label == "msdos" and len(parts) > MBR_PARTITIONS:
        raise BaremetalError(
            "an msdos table has room for four partitions",
            node=node,
            stage=STAGE,
            seen=", ".join(part.role for part in parts),
            cure="Use disk_label gpt, or do without swap or ephemeral.",
        )
    return Layout(label, sector, parts)


def difference(layout, table):
    """Say in what a partition table differs from a layout; None when it does not.

    table: {"label": one of LABELS or None, "parts": {number: (first byte, bytes, type)}}. The root partition, which is the last,
    may be longer: installed systems grow it at their first boot.
    """
    if table["label"] != layout.label:
        return "the disk has %s partition table where %s belongs" % ("a %s" % table["label"] if table["label"] else "no", layout.label)
    if sorted(table["parts"]) != [part.number for part in layout.parts]:
        return "the disk has the partitions %s where %s belong" % (
            ", ".join(map(str, sorted(table["parts"]))) or "none", ", ".join("%d (%s)" % (part.number, part.role) for part in layout.parts))
    for part in layout.parts:
        start, size, kind = table["parts"][part.number]
        fits = size >= part.size if part.role == "root" else size == part.size
        if start != part.start or not fits or kind.lower() != layout.type_of(part.role).lower():
            return "partition %d starts at %d with %d bytes of type %s, where %s starts at %d with %d bytes of type %s" % (
                part.number, start, size, kind, part.role, part.start, part.size, layout.type_of(part.role))
    return None
