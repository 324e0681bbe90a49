# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the Debian ramdisk: a kernel and an initrd that holds a whole root file system.

Usage: build_ramdisk.py CONFIG.json. The configuration has the keys suite, mirror, sources, architecture,
components, packages, package_files, kernel, drivers, modules, module_excludes, root, work and digest; the files
installed into the ramdisk lie beside this script, those of the site in its directories packages, drivers and site.
The result appears as ROOT/ramdisk/DIGEST16/ and ROOT/ramdisk/current-ARCHITECTURE.json points to it; both appear complete or
not at all. The same packages and configuration make the same bytes.
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
import time
from pathlib import Path

import bill_of_materials
import ramdisk_medium
import reproducible
from debian_sources import check_architecture, mmdebstrap
from ramdisk_omissions import KEPT_GENERATORS, MASKED_UNITS, PRUNE
from site_content import install_drivers, overlay

HERE = Path(__file__).resolve().parent


def install(root: Path, name: str, target: str, mode: int) -> None:
    """Copy a file that lies beside this script to a path inside the root, with the given mode."""
    path = root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(HERE / name, path)
    path.chmod(mode)


def write(root: Path, target: str, text: str) -> None:
    """Write a text file inside the root, in place of whatever a package put there (links are not followed)."""
    path = root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(0o644)


def mask(root: Path, directory: str, names: list[str]) -> None:
    """Tell systemd never to use these units or generators: link them to /dev/null in a directory of etc/systemd."""
    folder = root / "etc/systemd" / directory
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to("/dev/null")


def configure(root: Path, config: dict) -> None:
    """Turn an unpacked Debian into the ramdisk: agent, SSH with keys only, no waiting units."""
    install(root, "rackwright-ramdisk", "usr/sbin/rackwright-ramdisk", 0o755)
    install(root, "rackwright-journal", "usr/sbin/rackwright-journal", 0o755)
    for unit in ("rackwright-journal.service", "rackwright-ramdisk.service", "rackwright-ramdisk-prepare.service"):
        install(root, unit, f"etc/systemd/system/{unit}", 0o644)
    install(root, "sshd_config", "etc/ssh/sshd_config", 0o600)
    write(root, "etc/hostname", "ramdisk\n")
    write(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(root, "etc/resolv.conf", "")
    # Empty, not missing: a missing one means a first boot, which makes systemd go through all presets.
    write(root, "etc/machine-id", "")
    # In memory, of which a task may need most; what a machine prints in a boot is a fraction of it.
    write(root, "etc/systemd/journald.conf.d/rackwright.conf", "[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\nForwardToSyslog=no\n")
    write(root, "etc/rackwright-ramdisk", f"digest={config['digest']}\nsuite={config['suite']}\n")
    write(root, "etc/modules-load.d/rackwright.conf", "".join(f"{name}\n" for name in config["modules"]))
    # The disks of a node are evidence or somebody's data: no array and no volume is started unless a task asks for it.
    write(root, "etc/mdadm/mdadm.conf", "AUTO -all\n")
    write(root, "etc/lvm/lvmlocal.conf", "activation {\n    auto_activation_volume_list = []\n}\n")
    generators = sorted(path.name for path in (root / "usr/lib/systemd/system-generators").iterdir())
    mask(root, "system-generators", [name for name in generators if name not in KEPT_GENERATORS])
    mask(root, "system", list(MASKED_UNITS))
    chroot(root, "systemctl", "set-default", "multi-user.target")
    chroot(root, "systemctl", "disable", "ssh.service")
    chroot(root, "systemctl", "enable", "systemd-networkd.service", "rackwright-ramdisk-prepare.service")
    chroot(root, "systemctl", "enable", "rackwright-ramdisk.service", "rackwright-journal.service")
    (root / "init").symlink_to("usr/lib/systemd/systemd")


def chroot(root: Path, *command: str) -> None:
    """Run a command inside the root; raises subprocess.CalledProcessError."""
    subprocess.run(["chroot", str(root), *command], check=True)


def prune(root: Path, patterns: tuple[str, ...]) -> None:
    """Remove files and directories inside the root that match the patterns; what is not there is no error."""
    for pattern in patterns:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def kernel_release(root: Path) -> str:
    """Return the release of the one kernel inside the root; SystemExit when there is none or more than one."""
    releases = sorted(path.name for path in (root / "usr/lib/modules").glob("*"))
    if len(releases) != 1:
        raise SystemExit(f"the ramdisk needs exactly one kernel, its packages brought {releases}; set ramdisk_kernel")
    return releases[0]


def pack(root: Path, initrd: Path) -> None:
    """Write the root as a zstd-compressed cpio archive, the form a kernel takes as initrd."""
    with subprocess.Popen(
        ["find", ".", "-mindepth", "1", "-print0"], cwd=root, stdout=subprocess.PIPE
    ) as find, subprocess.Popen(["sort", "-z"], env={"LC_ALL": "C"}, stdin=find.stdout, stdout=subprocess.PIPE) as sort:
        with subprocess.Popen(
            ["cpio", "--null", "--create", "--format=newc", "--reproducible", "--quiet"],
            cwd=root,
            stdin=sort.stdout,
            stdout=subprocess.PIPE,
        ) as cpio:
            subprocess.run(["zstd", "-q", "-T0", "-12", "--long=25", "-o", str(initrd)], stdin=cpio.stdout, check=True)
    for process in (find, sort, cpio):
        if process.returncode != 0:
            raise SystemExit(f"{process.args[0]} failed with status {process.returncode} while the initrd was packed")


def sha256(path: Path) -> str:
    """Digest of a file, as hex digits: what is served can be held against it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def build(config: dict, work: Path, target: Path) -> None:
    """Build the ramdisk into the directory target: vmlinuz, initrd.img, packages.txt, sbom.cdx.json, ramdisk.json; loaders and a medium as well
    where there are any for the architecture."""
    root, fetched = work / "root", work / "loaders"
    fetched.mkdir()
    platform = ramdisk_medium.PLATFORMS.get(config["architecture"])
    begun = time.time()
    mmdebstrap(
        {**config, "packages": [*config["packages"], config["kernel"]]},
        root,
        work,
        *([ramdisk_medium.fetch_hook(platform, fetched)] if platform else []),
        "--variant=essential",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
    )
    release = kernel_release(root)
    packages = sorted([*bill_of_materials.installed(root), *bill_of_materials.archives(list(fetched.glob("*.deb")))])
    date = reproducible.package_date(root, begun)
    reproducible.use_date(date)
    shutil.copyfile(root / f"boot/vmlinuz-{release}", target / "vmlinuz")
    unpacked = ramdisk_medium.unpack(fetched)
    bios = ramdisk_medium.bios_image(unpacked, root) if platform and platform.has_bios else b""
    configure(root, config)
    prune(root, tuple(f"usr/lib/modules/{release}/kernel/{path}" for path in config["module_excludes"]))
    prune(root, PRUNE)
    # What the site adds stays, whatever it is.
    install_drivers([HERE / "drivers" / name for name in config["drivers"]], root, release)
    if (HERE / "site").is_dir():
        overlay(HERE / "site", root)
    chroot(root, "depmod", release)
    reproducible.settle(root, date)
    pack(root, target / "initrd.img")
    folder = f"ramdisk/{config['digest'][:16]}"
    served = {"kernel": "vmlinuz", "initrd": "initrd.img"}
    medium = {}
    if platform:
        shim, grub = ramdisk_medium.loaders(platform, unpacked, target)
        place = ramdisk_medium.medium(platform, unpacked, bios, work, target, config["digest"], date)
        medium = {"medium": {**place, "path": f"{folder}/boot.iso"}, "shim": f"{folder}/{shim}", "grub": f"{folder}/{grub}"}
        served.update(medium="boot.iso", shim=shim, grub=grub)
    digests = {name: sha256(target / name) for name in served.values()}
    (target / "packages.txt").write_text(bill_of_materials.table(packages))
    origin = bill_of_materials.Origin("debian", config["suite"])
    (target / "sbom.cdx.json").write_text(bill_of_materials.bill("ramdisk", config["digest"][:16], origin, packages, digests, date))
    description = {
        "digest": config["digest"],
        "kernel": f"{folder}/vmlinuz",
        "initrd": f"{folder}/initrd.img",
        "kernel_release": release,
        "suite": config["suite"],
        "architecture": config["architecture"],
        "initrd_size": (target / "initrd.img").stat().st_size,
        "sha256": {part: digests[name] for part, name in served.items()},
        "sbom": f"{folder}/sbom.cdx.json",
        "built_at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        **medium,
    }
    (target / "ramdisk.json").write_text(json.dumps(description, indent=2) + "\n")


def publish(config: dict) -> bool:
    """Build what is missing and make it current.

    Returns True when a ramdisk was built, False when an earlier build of the same inputs was made current.
    """
    store = Path(config["root"]) / "ramdisk"
    store.mkdir(parents=True, exist_ok=True)
    final = store / config["digest"][:16]
    with open(store / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # We hold the lock, so whatever a killed build left here is nobody's.
        for leftover in store.glob(".new-*"):
            shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
        built = not final.exists()
        if built:
            target = store / f".new-{final.name}"
            target.mkdir()
            try:
                with tempfile.TemporaryDirectory(prefix="ramdisk-", dir=config["work"]) as work:
                    build(config, Path(work), target)
            except BaseException:
                shutil.rmtree(target)
                raise
            os.sync()
            target.rename(final)
        make_current(store, final, config["architecture"])
    return built


def make_current(store: Path, final: Path, architecture: str) -> None:
    """Let nodes of an architecture boot this build, and those whose architecture nobody knows, unless it takes the place of one for amd64."""
    names = [f"current-{architecture}"]
    if architecture == "amd64" or not serves_amd64(store):
        names.append("current")
    for name in names:
        fresh = store / f".new-{name}.json"
        shutil.copyfile(final / "ramdisk.json", fresh)
        fresh.rename(store / f"{name}.json")
        # What firmware asks for by TFTP has one name for all builds.
        link = store / f".new-{name}"
        link.symlink_to(final.name)
        link.rename(store / name)


def serves_amd64(store: Path) -> bool:
    """Whether nodes whose architecture nobody knows boot a ramdisk for amd64; one that was built before there were others does not say so."""
    try:
        return json.loads((store / "current.json").read_text()).get("architecture", "amd64") == "amd64"
    except FileNotFoundError:
        return False


def main() -> None:
    """Read the configuration named on the command line, build, print one line of JSON: {"built": bool}."""
    os.umask(0o022)
    # Without this the kernel package would build an initramfs that nobody boots.
    os.environ["INITRD"] = "No"
    reproducible.prepare_environment()
    config = json.loads(Path(sys.argv[1]).read_text())
    check_architecture(config["architecture"])
    print(json.dumps({"built": publish(config)}))


if __name__ == "__main__":
    main()
