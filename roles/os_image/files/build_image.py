# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a Debian disk image that boots with BIOS and UEFI firmware and configures itself with cloud-init.

Usage: build_image.py CONFIG.json. The configuration has the keys name, suite, mirror, architecture,
components, packages, kernel, size, kernel_arguments, format, directory, work and digest; cloud.cfg lies beside this
script. The result is DIRECTORY/NAME.FORMAT with NAME.FORMAT.sha256, NAME.FORMAT.packages.txt and
NAME.FORMAT.json, which is written last and says what the others are.

Nothing is mounted and no loop device is used: file systems are made and filled as plain files.
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

from bios_boot import SECTOR, install_bios_boot
from debian_sources import mmdebstrap

HERE = Path(__file__).resolve().parent
MIB = 1024 * 1024
# Offsets and sizes in MiB. The root file system comes last so that it can grow.
BIOS_BOOT = (1, 1)
ESP = (2, 62)
ROOT_OFFSET = 64
# Room behind the root for the second copy of the partition table.
TAIL = 1

GRUB_CFG = """\
# First boot menu of the image; update-grub replaces it.
set timeout={timeout}
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
insmod part_gpt
insmod ext2
search --no-floppy --fs-uuid --set=root {root_uuid}
menuentry 'Debian' {{
  linux /boot/vmlinuz-{release} root=UUID={root_uuid} ro {kernel_arguments}
  initrd /boot/initrd.img-{release}
}}
"""
GRUB_DEFAULTS = """\
GRUB_TIMEOUT={timeout}
GRUB_CMDLINE_LINUX="{kernel_arguments}"
GRUB_TERMINAL="console serial"
GRUB_SERIAL_COMMAND="serial --unit=0 --speed=115200"
"""
GRUB_TIMEOUT = 0
FIND_ROOT = "search.fs_uuid {root_uuid} root\nset prefix=($root)'/boot/grub'\n"
FSTAB = """\
UUID={root_uuid} / ext4 errors=remount-ro 0 1
UUID={esp_uuid} /boot/efi vfat umask=0077,nofail 0 0
"""
# One interface with an address is enough to go on, and no machine waits minutes for a cable.
WAIT_ONLINE = """\
[Service]
ExecStart=
ExecStart=/usr/lib/systemd/systemd-networkd-wait-online --any --timeout=30
"""
# Without a config drive the machine still comes up, with DHCP and its own host keys.
DS_IDENTIFY = "policy: search,found=all,maybe=all,notfound=enabled\n"


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

    Keys: root_uuid and disk_uuid (RFC 4122), esp_id (eight hex digits, a FAT serial number),
    esp_uuid (the same as udev writes it).
    """
    esp_id = digest[:8].upper()
    return {
        "root_uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"root {digest}")),
        "disk_uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"disk {digest}")),
        "esp_id": esp_id,
        "esp_uuid": f"{esp_id[:4]}-{esp_id[4:]}",
    }


def kernel_release(root: Path) -> str:
    """Return the release of the one kernel inside the root; SystemExit when there is none or more than one."""
    releases = sorted(path.name for path in (root / "usr/lib/modules").glob("*"))
    if len(releases) != 1:
        raise SystemExit(f"the image needs exactly one kernel, its packages brought {releases}; set os_image_kernel")
    return releases[0]


def configure(root: Path, config: dict, ids: dict[str, str], release: str) -> None:
    """Turn an unpacked Debian into the image's root: cloud-init, network, boot menu, nothing of one machine in it."""
    shutil.copyfile(HERE / "cloud.cfg", root / "etc/cloud/cloud.cfg.d/90_rackwright.cfg")
    write(root, "etc/cloud/ds-identify.cfg", DS_IDENTIFY)
    write(root, "etc/systemd/system/systemd-networkd-wait-online.service.d/rackwright.conf", WAIT_ONLINE)
    write(root, "etc/fstab", FSTAB.format(**ids))
    write(root, "etc/hostname", "localhost\n")
    write(root, "etc/default/locale", "LANG=C.UTF-8\n")
    write(root, "etc/rackwright-image", "".join(f"{key}={config[key]}\n" for key in ("name", "suite", "digest")))
    write(root, "etc/default/grub.d/90-rackwright.cfg", GRUB_DEFAULTS.format(timeout=GRUB_TIMEOUT, **config))
    # Tells grub-cloud-amd64 to renew both boot loaders whenever their packages are updated.
    write(root, "etc/grub.d/enable_cloud", "")
    write(root, "boot/grub/grub.cfg", GRUB_CFG.format(timeout=GRUB_TIMEOUT, release=release, **ids, **config))
    for platform in ("i386-pc", "x86_64-efi"):
        modules = root / "boot/grub" / platform
        modules.mkdir(parents=True)
        for pattern in ("*.mod", "*.lst"):
            for module in (root / "usr/lib/grub" / platform).glob(pattern):
                shutil.copyfile(module, modules / module.name)
    (root / "boot/efi").mkdir()
    # The build cannot be asked what the root file system will be, so it is told.
    write(root, "etc/initramfs-tools/conf.d/rackwright", "RESUME=none\nFSTYPE=ext4\n")
    run("chroot", str(root), "update-initramfs", "-c", "-k", release)
    run("chroot", str(root), "systemctl", "enable", "systemd-networkd.service")
    # Looks for snapshots that only LVM can have made, for many seconds of every boot.
    run("chroot", str(root), "systemctl", "disable", "e2scrub_reap.service")
    for pattern in ("etc/ssh/ssh_host_*", "etc/apt/apt.conf.d/99mmdebstrap", "var/lib/apt/lists/*_*", "var/cache/apt/*.bin"):
        for path in root.glob(pattern):
            path.unlink()
    write(root, "etc/machine-id", "")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    # Name service is the resolver's from the first boot on; during the build it was the host's.
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")


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


def make_esp(root: Path, work: Path, ids: dict[str, str]) -> Path:
    """Make the EFI system partition as a file below work, with the signed boot loaders in it; return the file.

    EFI/BOOT is what firmware without a boot entry starts, EFI/debian is what an entry points to;
    BOOTX64.CSV (UTF-16: loader, label, options, description) says what entry to make.
    """
    tree = work / "esp"
    for folder in ("EFI/BOOT", "EFI/debian"):
        (tree / folder).mkdir(parents=True)
    shim = root / "usr/lib/shim/shimx64.efi.signed"
    grub = root / "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"
    manager = root / "usr/lib/shim/mmx64.efi.signed"
    for source, target in (
        (shim, "EFI/BOOT/BOOTX64.EFI"),
        (grub, "EFI/BOOT/grubx64.efi"),
        (manager, "EFI/BOOT/mmx64.efi"),
        (shim, "EFI/debian/shimx64.efi"),
        (grub, "EFI/debian/grubx64.efi"),
        (manager, "EFI/debian/mmx64.efi"),
    ):
        shutil.copyfile(source, tree / target)
    (tree / "EFI/debian/BOOTX64.CSV").write_text("shimx64.efi,debian,,Debian\n", encoding="utf-16")
    (tree / "EFI/debian/grub.cfg").write_text(FIND_ROOT.format(**ids) + "configfile $prefix/grub.cfg\n")
    esp = work / "esp.img"
    with open(esp, "wb") as file:
        file.truncate(ESP[1] * MIB)
    # One sector per cluster: with larger ones a partition of this size has too few for FAT32.
    fat = ("mkfs.vfat", "-F", "32", "-s", "1", "-h", str(ESP[0] * MIB // SECTOR), "-n", "ESP", "-i", ids["esp_id"])
    run(*fat, str(esp), stdout=subprocess.DEVNULL)
    run("mcopy", "-s", "-i", str(esp), str(tree / "EFI"), "::")
    return esp


def make_root(root: Path, disk: Path, size: int, ids: dict[str, str]) -> None:
    """Make the ext4 root file system of size MiB inside the disk file and fill it from the root directory."""
    # Older GRUB and kernels do not know these features, which newer build hosts turn on by default.
    features = "^metadata_csum_seed,^orphan_file"
    extended = f"offset={ROOT_OFFSET * MIB},assume_storage_prezeroed=1"
    command = ("mke2fs", "-q", "-F", "-t", "ext4", "-O", features, "-L", "root", "-U", ids["root_uuid"])
    run(*command, "-E", extended, "-d", str(root), str(disk), f"{size}M")


def make_disk(root: Path, work: Path, disk: Path, config: dict, ids: dict[str, str]) -> None:
    """Write the whole disk as a sparse raw file: partition table, boot loaders, file systems."""
    with open(disk, "wb") as file:
        file.truncate(config["size"] * MIB)
    root_size = config["size"] - ROOT_OFFSET - TAIL
    table = [
        "label: gpt",
        f"label-id: {ids['disk_uuid']}",
        f"start={BIOS_BOOT[0]}MiB, size={BIOS_BOOT[1]}MiB, type=21686148-6449-6E6F-744E-656564454649, name=bios",
        f"start={ESP[0]}MiB, size={ESP[1]}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp",
        f"start={ROOT_OFFSET}MiB, size={root_size}MiB, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=root",
    ]
    command = ("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", str(disk))
    run(*command, input="\n".join(table), text=True)
    core = core_image(root, ids)
    boot = (root / "usr/lib/grub/i386-pc/boot.img").read_bytes()
    install_bios_boot(disk, boot, core, BIOS_BOOT[0] * MIB // SECTOR, BIOS_BOOT[1] * MIB // SECTOR)
    esp = make_esp(root, work, ids)
    with open(disk, "r+b") as file:
        file.seek(ESP[0] * MIB)
        file.write(esp.read_bytes())
    make_root(root, disk, root_size, ids)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def build(config: dict, work: Path) -> dict[str, Path]:
    """Build the image below work; return the finished files by the suffix of their final names."""
    root = work / "root"
    wanted = [*config["packages"], config["kernel"]]
    mmdebstrap({**config, "packages": wanted}, root, work, "--variant=minbase")
    ids = names(config["digest"])
    release = kernel_release(root)
    configure(root, config, ids, release)
    packages = work / "packages.txt"
    with open(packages, "wb") as file:
        run("chroot", str(root), "dpkg-query", "--show", stdout=file)
    disk = work / "disk.raw"
    make_disk(root, work, disk, config, ids)
    image = disk
    if config["format"] != "raw":
        image = work / "disk.image"
        run("qemu-img", "convert", "-f", "raw", "-O", config["format"], str(disk), str(image))
    file_name = f"{config['name']}.{config['format']}"
    checksum = work / "checksum"
    sha256 = digest_of(image)
    checksum.write_text(f"{sha256}  {file_name}\n")
    about = work / "about.json"
    description = {
        "name": config["name"],
        "digest": config["digest"],
        "sha256": sha256,
        "file": file_name,
        "format": config["format"],
        "virtual_size": config["size"] * MIB,
        "suite": config["suite"],
        "architecture": config["architecture"],
        "kernel_release": release,
        "built_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    about.write_text(json.dumps(description, indent=2) + "\n")
    return {"": image, ".sha256": checksum, ".packages.txt": packages, ".json": about}


def publish(config: dict) -> None:
    """Build the image and put it in its place.

    The description goes away before the first file is replaced and comes back after the last one,
    so a build that is cut short is never taken for a finished one.
    """
    directory = Path(config["directory"])
    directory.mkdir(parents=True, exist_ok=True)
    final = directory / f"{config['name']}.{config['format']}"
    with open(directory / f".{final.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with tempfile.TemporaryDirectory(prefix="os-image-", dir=config["work"]) as work:
            files = build(config, Path(work))
            staged = {}
            try:
                for suffix, source in files.items():
                    staged[suffix] = directory / f".new-{final.name}{suffix}"
                    run("cp", "--sparse=always", str(source), str(staged[suffix]))
                os.sync()
                Path(f"{final}.json").unlink(missing_ok=True)
                for suffix, source in staged.items():
                    source.rename(f"{final}{suffix}")
            finally:
                for source in staged.values():
                    source.unlink(missing_ok=True)


def main() -> None:
    """Read the configuration named on the command line and build."""
    os.umask(0o022)
    # The initramfs is built once, after everything that goes into it is configured.
    os.environ["INITRD"] = "No"
    publish(json.loads(Path(sys.argv[1]).read_text()))


if __name__ == "__main__":
    main()
