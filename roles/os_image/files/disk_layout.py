# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disk of an image: partitions, boot loaders and file systems, made as plain files. Nothing is mounted, and no loop device is used.

The same root file system and digest make the same bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import NamedTuple

from bios_boot import SECTOR, install_bios_boot

MIB = 1024 * 1024
# Offsets and sizes in MiB. The root file system comes last so that it can grow.
BIOS_BOOT = (1, 1)
ESP = (2, 62)
ROOT_OFFSET = 64
# Room behind the root for the second copy of the partition table.
TAIL = 1
FIND_ROOT = "search.fs_uuid {root_uuid} root\nset prefix=($root)'/boot/grub'\n"


class Platform(NamedTuple):
    """What boots an architecture: GRUB's platforms, its signed loader for UEFI, what firmware calls it, and the type of a root partition.

    Source of the types: the Discoverable Partitions Specification of the UAPI group.
    """

    grub_platforms: tuple[str, ...]
    signed: str
    suffix: str
    root_type: str
    has_bios: bool


PLATFORMS = {
    "amd64": Platform(("i386-pc", "x86_64-efi"), "x86_64-efi-signed", "x64", "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", True),
    "arm64": Platform(("arm64-efi",), "arm64-efi-signed", "aa64", "B921B045-1DF0-41C3-AF44-4C6F280D3FAE", False),
}


def run(*command: str, **options: object) -> None:
    """Run a command; raises subprocess.CalledProcessError."""
    subprocess.run(list(command), check=True, **options)


def write(root: Path, target: str, text: str) -> None:
    """Write a text file inside the root, readable for all, in place of whatever is there (links are not followed)."""
    path = root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def names(digest: str) -> dict[str, str]:
    """Return the identifiers of an image, which follow from the digest of its inputs.

    Keys: root_uuid, disk_uuid, bios_part, esp_part, root_part and hash_seed (RFC 4122), esp_id (eight hex digits,
    a FAT serial number), esp_uuid (the same as udev writes it).
    """
    esp_id = digest[:8].upper()
    made = {key: str(uuid.uuid5(uuid.NAMESPACE_OID, f"{what} {digest}")) for key, what in (
        ("root_uuid", "root"), ("disk_uuid", "disk"), ("bios_part", "bios partition"), ("esp_part", "esp partition"),
        ("root_part", "root partition"), ("hash_seed", "hash seed"))}
    return {**made, "esp_id": esp_id, "esp_uuid": f"{esp_id[:4]}-{esp_id[4:]}"}


def core_image(root: Path, ids: dict[str, str]) -> bytes:
    """Return the BIOS boot loader's second stage, which finds the root file system by its UUID."""
    write(root, "tmp/core.cfg", FIND_ROOT.format(**ids))
    modules = ("biosdisk", "part_gpt", "ext2", "search_fs_uuid")
    command = ("grub-mkimage", "-O", "i386-pc", "-p", "/boot/grub", "-c", "/tmp/core.cfg", "-o", "/tmp/core.img")
    run("chroot", str(root), *command, *modules)
    core = (root / "tmp/core.img").read_bytes()
    (root / "tmp/core.cfg").unlink()
    (root / "tmp/core.img").unlink()
    return core


def make_esp(platform: Platform, root: Path, work: Path, ids: dict[str, str]) -> Path:
    """Make the EFI system partition as a file below work, with the signed boot loaders in it; return the file.

    EFI/BOOT is what firmware without a boot entry starts, EFI/debian is what an entry points to; the CSV file there
    (UTF-16: loader, label, options, description) says what entry to make.
    """
    tree = work / "esp"
    suffix = platform.suffix
    for folder in ("EFI/BOOT", "EFI/debian"):
        (tree / folder).mkdir(parents=True)
    shim = root / f"usr/lib/shim/shim{suffix}.efi.signed"
    grub = root / f"usr/lib/grub/{platform.signed}/grub{suffix}.efi.signed"
    manager = root / f"usr/lib/shim/mm{suffix}.efi.signed"
    for source, target in (
        (shim, f"EFI/BOOT/BOOT{suffix.upper()}.EFI"),
        (grub, f"EFI/BOOT/grub{suffix}.efi"),
        (manager, f"EFI/BOOT/mm{suffix}.efi"),
        (shim, f"EFI/debian/shim{suffix}.efi"),
        (grub, f"EFI/debian/grub{suffix}.efi"),
        (manager, f"EFI/debian/mm{suffix}.efi"),
    ):
        shutil.copyfile(source, tree / target)
    (tree / f"EFI/debian/BOOT{suffix.upper()}.CSV").write_text(f"shim{suffix}.efi,debian,,Debian\n", encoding="utf-16")
    (tree / "EFI/debian/grub.cfg").write_text(FIND_ROOT.format(**ids) + "configfile $prefix/grub.cfg\n")
    esp = work / "esp.img"
    with open(esp, "wb") as file:
        file.truncate(ESP[1] * MIB)
    # One sector per cluster: with larger ones a partition of this size has too few for FAT32.
    fat = ("mkfs.vfat", "--invariant", "-F", "32", "-s", "1", "-h", str(ESP[0] * MIB // SECTOR), "-n", "ESP", "-i", ids["esp_id"])
    run(*fat, str(esp), stdout=subprocess.DEVNULL)
    # One by one: of a directory, mcopy takes the files in the order that the build host's file system has them in.
    for path in sorted((tree / "EFI", *(tree / "EFI").rglob("*"))):
        inside = f"::/{path.relative_to(tree)}"
        run("mmd", "-i", str(esp), inside) if path.is_dir() else run("mcopy", "-i", str(esp), str(path), inside)
    return esp


def make_root(root: Path, disk: Path, size: int, ids: dict[str, str], date: int) -> None:
    """Make the ext4 root file system of size MiB inside the disk file and fill it from the root directory."""
    # Older GRUB and kernels do not know these features, which newer build hosts turn on by default.
    features = "^metadata_csum_seed,^orphan_file"
    extended = f"offset={ROOT_OFFSET * MIB},assume_storage_prezeroed=1,hash_seed={ids['hash_seed']}"
    command = ("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-L", "root", "-U", ids["root_uuid"])
    run(*command, "-E", extended, "-d", str(root), str(disk), f"{size}M")
    date_inodes(root, f"{disk}?offset={ROOT_OFFSET * MIB}", date)


def date_inodes(root: Path, file_system: str, date: int) -> None:
    """Set the times that mke2fs took from the build host and nobody can set there: when a file was read and when its inode changed.

    file_system: as programs of e2fsprogs take it. SystemExit when debugfs did not do all of it.
    """
    script = []
    for folder, directories, files in os.walk(root):
        for name in (*directories, *files):
            path = os.path.join("/", os.path.relpath(folder, root), name).replace('"', '""')
            script += [f'sif "{path}" {field} @{date}\n' for field in ("atime", "ctime")]
    done = subprocess.run(["debugfs", "-w", "-f", "-", file_system], check=True, input="".join(script).encode(errors="surrogateescape"), capture_output=True)
    # The first line is debugfs's version; it tells of a failure there, and ends with 0 all the same.
    complaints = done.stderr.decode(errors="replace").splitlines()[1:]
    if complaints:
        raise SystemExit(f"the dates of the root file system could not be set, {len(complaints)} times: {complaints[0]}")


def make_disk(platform: Platform, root: Path, core: bytes, work: Path, disk: Path, config: dict, ids: dict[str, str], date: int) -> None:
    """Write the whole disk as a sparse raw file: partition table, boot loaders, file systems.

    core: what core_image returned, for a platform that has BIOS. date: of the files that are made here, in seconds since 1970.
    """
    with open(disk, "wb") as file:
        file.truncate(config["size"] * MIB)
    root_size = config["size"] - ROOT_OFFSET - TAIL
    bios = f"start={BIOS_BOOT[0]}MiB, size={BIOS_BOOT[1]}MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios, uuid={ids['bios_part']}"
    table = [
        "label: gpt",
        f"label-id: {ids['disk_uuid']}",
        *([bios] if platform.has_bios else []),
        f"start={ESP[0]}MiB, size={ESP[1]}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp, uuid={ids['esp_part']}",
        f"start={ROOT_OFFSET}MiB, size={root_size}MiB, type={platform.root_type}, name=root, uuid={ids['root_part']}",
    ]
    command = ("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(disk))
    run(*command, input="\n".join(table), text=True)
    if platform.has_bios:
        boot = (root / "usr/lib/grub/i386-pc/boot.img").read_bytes()
        install_bios_boot(disk, boot, core, BIOS_BOOT[0] * MIB // SECTOR, BIOS_BOOT[1] * MIB // SECTOR)
    esp = make_esp(platform, root, work, ids)
    with open(disk, "r+b") as file:
        file.seek(ESP[0] * MIB)
        file.write(esp.read_bytes())
    make_root(root, disk, root_size, ids, date)
