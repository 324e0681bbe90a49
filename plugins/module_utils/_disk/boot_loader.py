# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot loader of a partition image, which is in the image and must get to where the firmware looks.

UEFI: the files below /boot/efi of the image are copied to the EFI system partition of the disk, and nothing of the image is run.
BIOS: what lies in the first sectors can be made by the image's own grub-install alone, which runs in the image as root.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile

from .._errors import BaremetalError
from .commands import run
from .mounted import ROOTS, folder_below, mounted
from .partitions import MIB, geometry, write

STAGE = "boot loader"
FOLDER = ("boot", "efi")
# As Ironic calls it; of at most 11 capital letters, by FAT's rule.
LABEL = "EFI-PART"
VOLUME_ID = re.compile(r"[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}")
INSTALLERS = ("grub2-install", "grub-install")
TIMEOUT = 600
PIECE = 4 * MIB


def fill_esp(partition, root, kind, *, node=None):
    """Make an EFI system partition with the loader of an image, its first sectors last of all.

    root, kind: partition and file system that carry the image. Raises BaremetalError when the image has no loader.
    """
    size, sector = geometry(partition)
    with tempfile.TemporaryDirectory(prefix="esp-") as work:
        tree, image = os.path.join(work, "tree"), os.path.join(work, "esp")
        os.mkdir(tree)
        with mounted(root, kind, node=node, stage=STAGE) as mount:
            place = next((place for place in (folder_below(mount, parts + FOLDER) for parts in ROOTS) if place and _copy(place, tree)), None)
            if place is None:
                raise BaremetalError(
                    "the image has no boot loader for UEFI",
                    node=node,
                    stage=STAGE,
                    seen="no file below /boot/efi/EFI in it",
                    cure="Build the image with shim and GRUB, or another loader, below /boot/efi/EFI.",
                )
            known = known_volume(_fstab(place))
        options = ["-i", known["UUID"].replace("-", "")] if known.get("UUID") else []
        with open(image, "wb") as stream:
            stream.truncate(size)
        run(["mkfs.vfat", "-F", "32", "-S", str(sector), "-n", known.get("LABEL") or LABEL, *options, image], node=node, stage=STAGE)
        run(["mcopy", "-i", image, "-s", "-n", *sorted(os.path.join(tree, name) for name in os.listdir(tree)), "::/"], node=node, stage=STAGE)
        _write_up_to_data(image, partition, node)


def known_volume(fstab):
    """Return {UUID or LABEL: value}: how the image's fstab knows the partition for /boot/efi; {} when by nothing that can be given to it.

    A FAT file system can be made with the name that is expected, so the image stays as it is.
    """
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) > 1 and not fields[0].startswith("#") and fields[1] == "/boot/efi":
            key, _equals, value = fields[0].partition("=")
            value = value.strip('"')
            if (key == "UUID" and VOLUME_ID.fullmatch(value)) or (key == "LABEL" and re.fullmatch(r"[A-Z0-9_-]{1,11}", value)):
                return {key: value}
    return {}


def _fstab(place):
    root = os.path.dirname(os.path.dirname(place))
    folder = folder_below(root, ("etc",))
    try:
        # O_NOFOLLOW: a link would lead out of the image.
        with open(os.open(os.path.join(folder or place, "fstab"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
            return stream.read(MIB).decode("utf-8", "replace")
    except OSError:
        return ""


def _copy(source, target):
    """Copy the plain files below a folder; FAT has no links. Returns whether EFI is among them."""
    for place, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not os.path.islink(os.path.join(place, name))]
        there = os.path.join(target, os.path.relpath(place, source))
        os.makedirs(there, exist_ok=True)
        for name in names:
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                shutil.copyfile(path, os.path.join(there, name))
    return any(name.upper() == "EFI" and any(files for _place, _folders, files in os.walk(os.path.join(target, name))) for name in os.listdir(target))


def _write_up_to_data(image, partition, node):
    """Write a sparse file to a partition, as far as it holds data, holes as zeros; its first part comes last, after all else has reached the disk."""
    with open(image, "rb") as stream:
        end, size = 0, os.fstat(stream.fileno()).st_size
        while True:
            try:
                end = os.lseek(stream.fileno(), os.lseek(stream.fileno(), end, os.SEEK_DATA), os.SEEK_HOLE)
            except OSError:
                break
        for start in [*range(PIECE, end, PIECE), 0]:
            stream.seek(start)
            write(partition, [(start, stream.read(min(PIECE, size - start)))], node)


def install_grub(device, root, kind, *, node=None):
    """Have the image's grub-install put GRUB for BIOS on a disk that carries its partition table.

    root, kind: partition and file system that carry the image. Raises BaremetalError when the image has none, or it fails.
    """
    with mounted(root, kind, options="rw", node=node, stage=STAGE) as mount, contextlib.ExitStack() as binds:
        for name in ("dev", "proc", "sys", "run"):
            place = folder_below(mount, (name,))
            if place is None:
                raise BaremetalError("the image is no system that grub-install could run in", node=node, stage=STAGE, seen="no folder /%s" % name,
                                     cure="Publish the image of a root file system.")
            run(["mount", "--bind", "/" + name, place], node=node, stage=STAGE)
            binds.callback(run, ["umount", place], node=node, stage=STAGE)
        script = " || ".join("command -v %s" % name for name in INSTALLERS)
        program = run(["chroot", mount, "/bin/sh", "-c", script], node=node, stage=STAGE, ok=(0, 1, 127)).decode().strip()
        if not program:
            raise BaremetalError("the image has no grub-install", node=node, stage=STAGE, seen="none of %s in it" % ", ".join(INSTALLERS),
                                 cure="Build the image with GRUB for BIOS (grub-pc), or start the machine by UEFI.")
        run(["chroot", mount, program, "--target=i386-pc", device], node=node, stage=STAGE, timeout=TIMEOUT)
        folder = "/boot/grub2" if "grub2" in program else "/boot/grub"
        if not os.path.exists(mount + folder + "/grub.cfg"):
            run(["chroot", mount, program.replace("-install", "-mkconfig"), "-o", folder + "/grub.cfg"], node=node, stage=STAGE, timeout=TIMEOUT)
    # What lies outside of the file system went through the page cache of the disk.
    write(device, [], node)
