# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same packages and settings make the same bytes, whenever they are put together.

What packages bring keeps its dates. What their scripts and this build write gets one date, that of the newest file of all
packages; what only tells about the build goes. Shared by the build scripts of the roles ramdisk and os_image.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

# Logs and spare copies of the build, and a cache that holds inode numbers of the build host.
CLUTTER = (
    "etc/group-",
    "etc/gshadow-",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "var/lib/dpkg/*-old",
    "var/log/alternatives.log",
    "var/log/apt/*",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
)
SECONDS_OF_A_DAY = 86400


def prepare_environment() -> None:
    """Make programs sort, hash and tell the time alike on all hosts. SOURCE_DATE_EPOCH comes later: Python would write slower byte code for it."""
    os.environ.update(LC_ALL="C.UTF-8", TZ="UTC", PYTHONHASHSEED="0")
    os.environ.pop("SOURCE_DATE_EPOCH", None)


def package_date(root: Path, before: float) -> int:
    """Return the date of the newest file that a package brought, in seconds since 1970.

    root: root file system with dpkg's lists of files. before: when the build began, in seconds since 1970; what is younger was written by
    a package's script, and does not count.
    """
    newest = 0
    for listing in (root / "var/lib/dpkg/info").glob("*.list"):
        for name in listing.read_text(errors="surrogateescape").splitlines():
            try:
                status = (root / name.lstrip("/")).lstat()
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode) and newest < status.st_mtime < before:
                newest = int(status.st_mtime)
    return newest


def use_date(date: int) -> None:
    """Have the programs that are run from now on take this date (seconds since 1970) for now, those that can."""
    os.environ["SOURCE_DATE_EPOCH"] = str(date)
    # The name that programs of e2fsprogs before 1.47.1 know it by.
    os.environ["E2FSPROGS_FAKE_TIME"] = str(date)


def settle(root: Path, date: int) -> None:
    """Remove what tells about the build, and give what is younger than the packages their date. Nothing may be written into root afterwards."""
    for pattern in CLUTTER:
        for path in root.glob(pattern):
            path.unlink()
    date_passwords(root / "etc/shadow", date)
    for folder, directories, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in [*directories, *files, "."]):
            modified = min(int(os.lstat(path).st_mtime), date)
            os.utime(path, (modified, modified), follow_symlinks=False)


def date_passwords(shadow: Path, date: int) -> None:
    """Write into /etc/shadow that all passwords were set on the day of a date. The file keeps its owner and its mode."""
    if not shadow.exists():
        return
    lines = [line.split(":") for line in shadow.read_text().splitlines()]
    for fields in lines:
        if fields[2]:
            fields[2] = str(date // SECONDS_OF_A_DAY)
    with open(shadow, "r+", encoding="utf-8") as file:
        file.write("".join(":".join(fields) + "\n" for fields in lines))
        file.truncate()
