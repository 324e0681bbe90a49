# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loaders of the ramdisk, and a medium (ISO image) that boots it with UEFI and, where there is one, BIOS.

Shim and GRUB are those of the release that the kernel comes from, which signed all three: another distribution's shim
would refuse this kernel under Secure Boot. The medium is the same for all nodes but for two files of a fixed size,
boot/grub/grub.cfg and keys.img, which are written over in the copy of a node.
"""

from __future__ import annotations

import mmap
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple


class Platform(NamedTuple):
    """What boots machines of an architecture: packages with signed loaders, patterns below their root, and what firmware and shim call them."""

    packages: tuple[str, ...]
    grub: str
    suffix: str
    has_bios: bool


PLATFORMS = {
    "amd64": Platform(("grub-common", "grub-efi-amd64-signed", "grub-pc-bin", "shim-signed"), "x86_64-efi-signed", "x64", True),
    "arm64": Platform(("grub-efi-arm64-signed", "shim-signed"), "arm64-efi-signed", "aa64", False),
}
# Two pages of text: a kernel takes 2047 characters of arguments, and each may take a quote or two.
CONFIG_SIZE = 8192
# Space for some hundreds of SSH public keys of Ed25519, or eighty of RSA.
KEYS_SIZE = 65536
# What GRUB finds its medium by; the signed image for CDs looks for it too.
MARK = ".disk/info"
BIOS_MODULES = ("biosdisk", "iso9660", "normal", "linux", "search", "search_fs_file", "configfile", "echo", "sleep", "test")
BIOS_CONFIG = f"search --file --set=root /{MARK}\nset prefix=($root)/boot/grub\n"


def fetch_hook(platform: Platform, folder: Path) -> str:
    """Return the argument of mmdebstrap that downloads the loaders' packages, from where all others come, into a folder."""
    return f"--customize-hook=cd {shlex.quote(str(folder))} && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download {' '.join(platform.packages)}"


def unpack(folder: Path) -> Path:
    """Unpack the packages in a folder, without installing them; returns the root that they make."""
    root = folder / "root"
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    return root


def first(root: Path, pattern: str) -> Path:
    """Return the first file below the root that matches; SystemExit when there is none."""
    for path in sorted(root.glob(pattern)):
        if path.is_file():
            return path
    raise SystemExit(f"the packages of the boot loaders have no {pattern} in this release")


def loaders(platform: Platform, unpacked: Path, target: Path) -> tuple[str, str]:
    """Put shim and GRUB for a boot from the network beside the kernel; the role boot_server shows them by TFTP under the names that shim knows.

    Returns the names of shim and GRUB.
    """
    shim, grub = f"shim{platform.suffix}.efi", f"grub{platform.suffix}.efi"
    shutil.copyfile(first(unpacked, f"usr/lib/shim/{shim}.signed*"), target / shim)
    shutil.copyfile(first(unpacked, f"usr/lib/grub/{platform.grub}/grubnet{platform.suffix}.efi.signed"), target / grub)
    for name in (shim, grub):
        (target / name).chmod(0o644)
    return shim, grub


def bios_image(unpacked: Path, root: Path) -> bytes:
    """Return GRUB for a BIOS that boots from a CD, put together by the grub-mkimage of the release itself, inside its root."""
    inside = root / "tmp/loaders"
    shutil.copytree(unpacked, inside, symlinks=True)
    (inside / "early.cfg").write_text(BIOS_CONFIG)
    subprocess.run(
        ["chroot", str(root), "/tmp/loaders/usr/bin/grub-mkimage", "-O", "i386-pc-eltorito", "-d", "/tmp/loaders/usr/lib/grub/i386-pc",
         "-p", "/boot/grub", "-c", "/tmp/loaders/early.cfg", "-o", "/tmp/loaders/bios.img", *BIOS_MODULES],
        check=True)
    image = (inside / "bios.img").read_bytes()
    shutil.rmtree(inside)
    return image


def efi_image(platform: Platform, unpacked: Path, path: Path) -> None:
    """Write the FAT file system that UEFI firmware sees on a CD: shim, and GRUB for CDs."""
    subprocess.run(["mkfs.vfat", "--invariant", "-C", str(path), "8192"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mmd", "-i", str(path), "::/EFI", "::/EFI/BOOT"], check=True)
    for source, name in ((f"usr/lib/shim/shim{platform.suffix}.efi.signed*", f"BOOT{platform.suffix.upper()}.EFI"),
                         (f"usr/lib/grub/{platform.grub}/gcd{platform.suffix}.efi.signed", f"grub{platform.suffix}.efi")):
        subprocess.run(["mcopy", "-i", str(path), str(first(unpacked, source)), f"::/EFI/BOOT/{name}"], check=True)


def medium(platform: Platform, unpacked: Path, bios: bytes, work: Path, target: Path, digest: str, date: int) -> dict:
    """Write boot.iso beside vmlinuz and initrd.img.

    bios: what bios_image returned, for a platform that has BIOS. date: of all files, in seconds since 1970.
    Returns the offset and the size of grub.cfg and of keys.img, an initrd that is loaded before the other one, in the medium, in bytes.
    """
    tree = work / "medium"
    (tree / "boot/grub").mkdir(parents=True)
    (tree / ".disk").mkdir()
    (tree / MARK).write_text(f"ramdisk {digest}\n")
    config, keys = f"# {digest}\n".encode(), f"keys {digest}\n".encode()
    (tree / "boot/grub/grub.cfg").write_bytes(config.ljust(CONFIG_SIZE, b"\n"))
    (tree / "keys.img").write_bytes(keys.ljust(KEYS_SIZE, b"\0"))
    bios_entry = []
    if platform.has_bios:
        (tree / "boot/grub/bios.img").write_bytes(bios)
        bios_entry = ["-b", "boot/grub/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "-eltorito-alt-boot"]
    efi_image(platform, unpacked, tree / "boot/grub/efi.img")
    iso = target / "boot.iso"
    subprocess.run(
        ["xorriso", "-as", "mkisofs", "-quiet", "-r", "-V", "RACKWRIGHT", "--set_all_file_dates", f"={date}", "-o", str(iso),
         *bios_entry, "-e", "boot/grub/efi.img", "-no-emul-boot", "-graft-points", f"/={tree}",
         f"/vmlinuz={target}/vmlinuz", f"/initrd.img={target}/initrd.img"],
        check=True)
    iso.chmod(0o644)
    return {"config_offset": place_of(iso, config), "config_size": CONFIG_SIZE, "keys_offset": place_of(iso, keys), "keys_size": KEYS_SIZE}


def place_of(iso: Path, beginning: bytes) -> int:
    """Return where in an image a file begins, by its first bytes; SystemExit when they stand nowhere or twice."""
    with open(iso, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = data.find(beginning)
        if begin < 0 or begin % 2048 or data.find(beginning, begin + 1) >= 0:
            raise SystemExit(f"the file that begins with {beginning!r} is not found in {iso}")
    return begin
