# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a Debian disk image with mmdebstrap that boots with BIOS and UEFI firmware and configures itself with cloud-init."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import bill_of_materials
import reproducible
from debian_sources import check_architecture, mmdebstrap
from disk_layout import PLATFORMS, Platform, core_image, make_disk, names, run, write
from site_content import install_drivers, overlay

HERE = Path(__file__).resolve().parent

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


def kernel_release(root: Path) -> str:
    """Return the release of the one kernel inside the root; SystemExit when there is none or more than one."""
    releases = sorted(path.name for path in (root / "usr/lib/modules").glob("*"))
    if len(releases) != 1:
        raise SystemExit(f"the image needs exactly one kernel, its packages brought {releases}; set os_image_kernel")
    return releases[0]


def configure(platform: Platform, root: Path, config: dict, ids: dict[str, str], release: str) -> None:
    """Turn an unpacked Debian into the image's root: cloud-init, network, boot menu."""
    shutil.copyfile(HERE / "cloud.cfg", root / "etc/cloud/cloud.cfg.d/90_rackwright.cfg")
    write(root, "etc/cloud/ds-identify.cfg", DS_IDENTIFY)
    write(root, "etc/systemd/system/systemd-networkd-wait-online.service.d/rackwright.conf", WAIT_ONLINE)
    write(root, "etc/fstab", FSTAB.format(**ids))
    write(root, "etc/hostname", "localhost\n")
    write(root, "etc/default/locale", "LANG=C.UTF-8\n")
    write(root, "etc/rackwright-image", "".join(f"{key}={config[key]}\n" for key in ("name", "suite", "digest")))
    write(root, "etc/default/grub.d/90-rackwright.cfg", GRUB_DEFAULTS.format(timeout=GRUB_TIMEOUT, **config))
    if platform.has_bios:
        # Tells grub-cloud-amd64 to renew both boot loaders whenever their packages are updated.
        write(root, "etc/grub.d/enable_cloud", "")
    write(root, "boot/grub/grub.cfg", GRUB_CFG.format(timeout=GRUB_TIMEOUT, release=release, **ids, **config))
    for name in platform.grub_platforms:
        modules = root / "boot/grub" / name
        modules.mkdir(parents=True)
        for pattern in ("*.mod", "*.lst"):
            for module in (root / "usr/lib/grub" / name).glob(pattern):
                shutil.copyfile(module, modules / module.name)
    (root / "boot/efi").mkdir(exist_ok=True)
    # The build cannot be asked what the root file system will be, so it is told.
    write(root, "etc/initramfs-tools/conf.d/rackwright", "RESUME=none\nFSTYPE=ext4\n")
    run("chroot", str(root), "systemctl", "enable", "systemd-networkd.service")
    # Looks for snapshots that only LVM can have made, for many seconds of every boot.
    run("chroot", str(root), "systemctl", "disable", "e2scrub_reap.service")


def forget_the_build(root: Path) -> None:
    """Remove what is of one machine, or of the build host."""
    for pattern in ("etc/ssh/ssh_host_*", "etc/nvme/host*", "etc/apt/apt.conf.d/99mmdebstrap", "var/lib/apt/lists/*_*", "var/cache/apt/*.bin"):
        for path in root.glob(pattern):
            path.unlink()
    write(root, "etc/machine-id", "")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    # Name service is the resolver's from the first boot on; during the build it was the host's.
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")


def build(config: dict, work: Path) -> dict:
    """Build the disk below work.

    Returns disk (path of the raw file), packages, distribution, date (of the packages, in seconds since 1970) and about (more for the
    description).
    Raises SystemExit and subprocess.CalledProcessError.
    """
    check_architecture(config["architecture"])
    reproducible.prepare_environment()
    # The initramfs is built once, after everything that goes into it is configured.
    os.environ["INITRD"] = "No"
    platform = PLATFORMS[config["architecture"]]
    root = work / "root"
    begun = time.time()
    mmdebstrap({**config, "packages": [*config["packages"], config["kernel"]]}, root, work, "--variant=minbase")
    ids = names(config["digest"])
    release = kernel_release(root)
    packages = bill_of_materials.installed(root)
    date = reproducible.package_date(root, begun)
    reproducible.use_date(date)
    configure(platform, root, config, ids, release)
    install_drivers([HERE / "drivers" / name for name in config["drivers"]], root, release)
    if (HERE / "site").is_dir():
        overlay(HERE / "site", root)
    run("chroot", str(root), "depmod", release)
    run("chroot", str(root), "update-initramfs", "-c", "-k", release)
    forget_the_build(root)
    core = core_image(root, ids) if platform.has_bios else b""
    reproducible.settle(root, date)
    disk = work / "disk.raw"
    make_disk(platform, root, core, work, disk, config, ids, date)
    return {"disk": disk, "packages": packages, "distribution": "debian", "date": date, "about": {"kernel_release": release}}
