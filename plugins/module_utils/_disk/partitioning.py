# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk of a partition image: made so that at no time before the last moment anything boots from it.

The kernel is told of the partitions while the disk has no table, so everything can be put into them; the table is written when all
of it has reached the disk. Where the ephemeral partition is kept, the table stays, because it is all that tells where that lies;
there the boot code and the start of the EFI system partition are what is taken away first and comes back last.
"""

from __future__ import annotations

import json
import re

from .._errors import BaremetalError
from . import boot_loader, cloud_init, layout
from .commands import find_tool, run
from .config_drive import fill_config_drive
from .devices import partitions
from .layout import STAGE
from .options import PARTITION_OPTIONS
from .partitions import MIB, geometry, reread, settle, stop_booting, wipe_metadata, write

# Labels as in Ironic.
EPHEMERAL, SWAP = "ephemeral0", "swap1"
# Options by which mkfs asks no question and gives a label.
MKFS = {"ext4": ("-q", "-F", "-L"), "xfs": ("-q", "-f", "-L"), "btrfs": ("-q", "-f", "-L"), "vfat": ("-n",)}
# Seconds; discarding what a large disk held takes its time.
MKFS_TIMEOUT = 1800
# Units of addpart, whatever the disk's sectors are.
KERNEL_SECTOR = 512


def read_table(device, *, node=None):
    """Return {"label": "gpt", "msdos" or None, "parts": {number: (first byte, bytes, type)}} of a disk."""
    text = run(["sfdisk", "--json", device], node=node, stage=STAGE, ok=(0, 1))
    if not text.strip():
        return {"label": None, "parts": {}}
    found = json.loads(text)["partitiontable"]
    sector = geometry(device)[1]
    return {
        "label": {"dos": "msdos"}.get(found["label"], found["label"]),
        "parts": {
            int(re.search(r"\d+$", entry["node"]).group()): (entry["start"] * sector, entry["size"] * sector, entry["type"])
            for entry in found.get("partitions", [])
        },
    }


def plan(disk, wanted, drive, *, boot_mode, node=None):
    """Return the :class:`Partitioning` of a disk, after everything that can be found wrong without writing was looked for.

    disk: as list_disks has it. wanted: see options.PARTITION_OPTIONS; what is missing, or all of it (None), is as there. drive: whether
    there will be a config drive. boot_mode: function that tells how this machine was started. Raises BaremetalError.
    """
    wanted = {**{name: option.get("default") for name, option in PARTITION_OPTIONS.items()}, **(wanted or {})}
    mode = boot_mode()
    made = layout.plan(disk["size"], disk["logical_sectors"], wanted, boot_mode=mode, config_drive=drive, node=node)
    if mode == "bios" and not wanted["install_boot_loader"]:
        raise BaremetalError(
            "a boot loader for BIOS would have to be installed by the image's own grub-install, which is not allowed",
            node=node,
            stage=STAGE,
            seen="a machine that was started by BIOS",
            cure="Allow it by install_boot_loader if you trust the image to run as root in the ramdisk; or start the machine by UEFI, or deploy a whole disk.",
        )
    programs = ["mkswap"] * bool(wanted["swap_mb"]) + ["mkfs." + wanted["ephemeral_format"]] * bool(wanted["ephemeral_gb"])
    missing = [program for program in programs if not find_tool(program)]
    if missing:
        raise BaremetalError("%s is needed and not installed on this machine" % missing[0], node=node, stage=STAGE,
                             cure="Add its package to ramdisk_extra_packages and build the ramdisk again, or choose another ephemeral_format.")
    if wanted["preserve_ephemeral"]:
        _check_kept(disk["name"], made, node)
    return Partitioning(disk["name"], made, wanted, mode, node)


def _check_kept(device, made, node):
    """Make sure that a disk has the ephemeral partition that is to be kept, and the others where they shall be."""
    wrong = "no ephemeral partition is asked for" if made.part("ephemeral") is None else layout.difference(made, read_table(device, node=node))
    if wrong:
        raise BaremetalError(
            "the ephemeral partition of %s cannot be preserved, because the partitions would change" % device,
            node=node,
            stage=STAGE,
            seen=wrong,
            cure="Ask for the partitions that the disk has, or give up the data on it by preserve_ephemeral: false.",
        )


class Partitioning:
    """The partitions of one disk, from the moment in which they are planned until it boots.

    :ivar layout: the Layout.
    """

    def __init__(self, device, made, wanted, boot_mode, node=None):
        self.layout = made
        self._device = device
        self._wanted = wanted
        self._uefi = boot_mode == "uefi"
        self._keep = wanted["preserve_ephemeral"]
        self._node = node

    @property
    def place(self):
        """(first byte, bytes) of the root partition, as the table on the disk has it where that is kept."""
        return self.layout.place("root")

    def disarm(self):
        """Take away what the disk could boot from, and whatever else it says of itself, except what is kept."""
        if self._keep:
            self._remove_loaders()
        else:
            wipe_metadata(self._device, node=self._node)

    def clear(self):
        """The same once more, after a failure."""
        if self._keep:
            self._remove_loaders()
            return
        size = geometry(self._device)[0]
        write(self._device, [(start, bytes(layout.END_SIZE)) for start in (0, size - layout.END_SIZE)], self._node)

    def _remove_loaders(self):
        stop_booting(self._device, node=self._node)
        pieces = [(part.start, bytes(part.size)) for part in self.layout.parts if part.role == "bios_boot"]
        if self.layout.label == "msdos":
            # Where GRUB lies then, in front of the first partition.
            pieces = [(self.layout.sector, bytes(self.layout.parts[0].start - self.layout.sector))]
        write(self._device, pieces, self._node)

    def fill(self, image, drive, pin):
        """Put everything beside the image into the partitions, and write the table.

        image: what is in the root partition, with size and file_system. drive: config drive, or None. pin: whether cloud-init is told of it.
        Returns {config_drive, datasource_pinned, partitions}. Raises BaremetalError.
        """
        facts = {"config_drive": None, "datasource_pinned": None}
        if not self._keep:
            self._tell_kernel()
        devices = {part.role: self.layout.device(self._device, part.role) for part in self.layout.parts}
        self._clear_ends(devices, image.size)
        if "swap" in devices:
            run(["mkswap", "--force", "--label", SWAP, devices["swap"]], node=self._node, stage=STAGE)
        if "ephemeral" in devices and not self._keep:
            kind = self._wanted["ephemeral_format"]
            label = EPHEMERAL.upper() if kind == "vfat" else EPHEMERAL
            run(["mkfs." + kind, *MKFS[kind], label, devices["ephemeral"]], node=self._node, stage=STAGE, timeout=MKFS_TIMEOUT)
        if drive:
            facts["config_drive"] = devices["config_drive"]
            fill_config_drive(devices["config_drive"], drive, node=self._node)
            if pin:
                facts["datasource_pinned"] = cloud_init.pin(self._device, devices["config_drive"], root=devices["root"], node=self._node)
        if self._uefi:
            boot_loader.fill_esp(devices["efi"], devices["root"], image.file_system, node=self._node)
        for device in devices.values():
            if not self._keep or device != devices["ephemeral"]:
                # Nothing is left in the page cache when the disk begins to show what it carries.
                write(device, [], self._node)
        if not self._keep:
            self._write_table()
        if not self._uefi:
            boot_loader.install_grub(self._device, devices["root"], image.file_system, node=self._node)
        facts["partitions"] = [dict(part, device=devices[part["role"]]) for part in self.layout.shown()]
        return facts

    def _tell_kernel(self):
        settle(node=self._node)
        for part in self.layout.parts:
            numbers = (part.number, part.start // KERNEL_SECTOR, part.size // KERNEL_SECTOR)
            run(["addpart", self._device, *map(str, numbers)], node=self._node, stage=STAGE)
        settle(node=self._node)
        if [number for number, _path in partitions(self._device)] != [part.number for part in self.layout.parts]:
            raise BaremetalError("the kernel does not show the partitions of %s" % self._device, node=self._node, stage=STAGE,
                                 seen=", ".join(path for _number, path in partitions(self._device)) or "no partition", cure="Look at its log (dmesg).")

    def _clear_ends(self, devices, image_size):
        """Zero both ends of each partition, where the superblocks of what was there before could lie. Of root, what is behind the image."""
        for role, device in devices.items():
            size = geometry(device)[0]
            if role == "root":
                start = max(size - MIB, -(-image_size // self.layout.sector) * self.layout.sector)
                write(device, [(start, bytes(size - start))], self._node)
            elif role != "ephemeral" or not self._keep:
                write(device, [(start, bytes(min(MIB, size))) for start in (0, max(0, size - MIB))], self._node)

    def _write_table(self):
        run(["sfdisk", "--no-reread", "--no-tell-kernel", "--wipe", "never", "--wipe-partitions", "never", self._device], node=self._node, stage=STAGE,
            stdin=self.layout.script().encode())
        write(self._device, [], self._node)
        reread(self._device, node=self._node)
        wrong = layout.difference(self.layout, read_table(self._device, node=self._node))
        if wrong:
            raise BaremetalError("the partition table does not read back as it was written", node=self._node, stage=STAGE, seen=wrong,
                                 cure="Check the health of the disk (smartctl) and replace it.")
