# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site adds to a root file system: files of its own, and kernel modules that no package brings.

Shared by the build scripts of the roles ramdisk and os_image.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path


def overlay(tree: Path, root: Path) -> None:
    """Put all files below tree into root, as root's own and writable for root alone. A file takes the place of what is there.

    Directories that are there stay as they are, links to directories too. Raises SystemExit where a file would take the place of a directory.
    """
    for folder, directories, files in os.walk(tree):
        below = Path(folder).relative_to(tree)
        links = [name for name in directories if os.path.islink(os.path.join(folder, name))]
        directories[:] = [name for name in directories if name not in links]
        for name in directories:
            target = inside(root, below / name)
            if not target.is_symlink() and not target.is_dir():
                target.mkdir()
                target.chmod(0o755)
        for name in [*files, *links]:
            place(Path(folder) / name, inside(root, below / name), root)


def inside(root: Path, path: Path) -> Path:
    """Return where a path of the tree is in the root; links on the way are followed as the system in it would follow them.

    Raises SystemExit when they lead nowhere.
    """
    here = root
    for step in path.parent.parts:
        here = here / step
        for dummy in range(8):
            if not here.is_symlink():
                break
            target = os.readlink(here)
            here = Path(os.path.normpath(os.path.join(root, target.lstrip("/")) if target.startswith("/") else here.parent / target))
        if root != here and root not in here.parents or here.is_symlink():
            raise SystemExit(f"site files: {path} leads through a link out of the image's root file system")
    return here / path.name


def place(source: Path, target: Path, root: Path) -> None:
    """Put one file or link of the tree in its place."""
    if target.is_dir() and not target.is_symlink():
        raise SystemExit(f"site files: {target.relative_to(root)} is a directory in the image, and a file of the site")
    target.unlink(missing_ok=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(os.readlink(source))
        return
    shutil.copyfile(source, target)
    # Whoever may write to the files on the controller is nobody here.
    target.chmod(stat.S_IMODE(source.stat().st_mode) & 0o755)


def install_drivers(drivers: list[Path], root: Path, release: str) -> None:
    """Put kernel modules where depmod prefers them to those of the kernel package.

    drivers: module files (.ko, or packed .ko.xz, .ko.zst). release: of the kernel in the root. SystemExit when a module is for another kernel.
    """
    folder = root / "usr/lib/modules" / release / "updates"
    for driver in drivers:
        asked = subprocess.run(["modinfo", "--field", "vermagic", str(driver)], check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        made_for = asked.stdout.split(maxsplit=1)
        if asked.returncode != 0 or not made_for:
            raise SystemExit(f"driver {driver.name} is no kernel module: {asked.stderr.strip() or 'it names no kernel'}")
        if made_for[0] != release:
            raise SystemExit(f"driver {driver.name} is for the kernel {made_for[0]}, the image has {release}; build it for that, or choose the kernel package")
        folder.mkdir(exist_ok=True)
        shutil.copyfile(driver, folder / driver.name)
        (folder / driver.name).chmod(0o644)
