# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ramdisks on a boot server, one for each architecture, as the role ramdisk leaves them. Private; may change at any time."""

from __future__ import annotations

import json
from pathlib import Path

from .._errors import BaremetalError

STAGE = "boot files"
# Debian's name of an architecture by what a node's property cpu_arch may say: the kernel's names, which are Ironic's, and Debian's.
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
# Of a ramdisk that was built before there were others.
DEFAULT = "amd64"


def architectures(root):
    """The architectures that the boot server has a ramdisk for, by Debian's names, as far as it says."""
    return [name for name in sorted(set(ARCHITECTURES.values())) if Path(root, f"http/ramdisk/current-{name}.json").exists()]


def current(root, architecture=None):
    """The ramdisk that nodes of an architecture boot now.

    :param root: boot_server_root.
    :param architecture: Debian's name of it, or None where it is not known; that takes the one for amd64, or the only one.
    :returns: dict with ``digest``, ``architecture``, ``kernel`` and ``initrd``, and where the ramdisk has them ``shim`` and ``grub`` (these are paths below
        the HTTP root) and ``medium``, a dict with ``path``, and ``config_offset``, ``config_size``, ``keys_offset`` and ``keys_size`` in bytes; and
        ``sha256``, hex digests of these files by their names here, without those of a ramdisk that was built before they were recorded.
    :raises BaremetalError: when there is none, or when one of its files is missing.
    """
    store = Path(root, "http/ramdisk")
    file = store / f"current-{architecture}.json"
    if not architecture or not file.exists():
        file = store / "current.json"
    ramdisk = _read(file)
    if architecture not in (None, ramdisk["architecture"]):
        raise BaremetalError(
            f"the boot server has no ramdisk for {architecture}", stage=STAGE, seen=f"one for {ramdisk['architecture']} alone, by {file}",
            cure=f"run ramdisk.yml with ramdisk_architecture: {architecture}, which leaves the other one in place; or correct cpu_arch in the "
                 "properties of the node")
    for part in ("kernel", "initrd"):
        path = Path(root, "http", ramdisk[part])
        if not path.is_file() or not path.stat().st_size:
            raise BaremetalError(f"the {part} of the ramdisk is missing", stage=STAGE, seen=f"no {path}",
                                 cure="run ramdisk.yml, which builds the ramdisk on the boot server")
    return ramdisk


def _read(file):
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        ramdisk = {part: str(known[part]) for part in ("digest", "kernel", "initrd")}
        ramdisk.update({part: known[part] for part in ("shim", "grub", "medium") if known.get(part)})
        return {**ramdisk, "architecture": str(known.get("architecture") or DEFAULT), "sha256": dict(known.get("sha256", {}))}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BaremetalError("the boot server has no ramdisk", stage=STAGE, seen=f"{file}: {error}",
                             cure="run ramdisk.yml, which builds the ramdisk on the boot server") from error
