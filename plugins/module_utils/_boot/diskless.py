# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A system that a machine runs from the network for good: kernel and initrd, or an ISO image. Private; may change at any time.

Ironic's deploy interface ``ramdisk`` (ironic/drivers/modules/ramdisk.py): no disk is touched.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from . import ipxe, kernel_arguments
from .._errors import BaremetalError

STAGE = "boot files"
# Set here for every boot; a second value would undo them.
_OWN_ARGUMENTS = ("BOOTIF", "initrd")
# What BIOS and the loaders that it starts can put below 4 GiB, where devices have their memory too.
_BIOS_LIMIT = 3 * 1024 ** 3


def describe(boot):
    """Make sure that a machine could be told to boot this, and say what it is.

    :param boot: dict with ``kernel`` and ``initrd``, or ``iso``, and ``kernel_arguments`` (a string or a list of strings). Each is a path below the HTTP
        root of the boot server, or an http URL.
    :returns: dict with ``name``, ``digest`` (``sha256:HEX`` of what was given, not of the files) and ``until`` (the stage of a boot at which the boot
        server has seen all that it will see).
    :raises BaremetalError: naming what is missing or wrong.
    """
    given = {key: boot.get(key) for key in ("kernel", "initrd", "iso", "kernel_arguments") if boot.get(key)}
    parts = ["iso"] if "iso" in given else ["kernel", "initrd"]
    missing = [part for part in parts if part not in given]
    more = sorted(set(given) & {"kernel", "initrd", "kernel_arguments"}) if "iso" in given else []
    if missing or more:
        raise BaremetalError(
            "what the machine shall boot is not clear", stage=STAGE, cure="give kernel and initrd, or an iso by itself",
            seen=f"missing: {', '.join(missing)}" if missing else f"iso together with {', '.join(more)}")
    here = [ipxe.place(given[part]) for part in parts]
    ipxe.command_line(boot_arguments("00-00-00-00-00-00", given.get("kernel_arguments", "")))
    digest = hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest()
    until = "ipxe" if not here[-1] else "kernel" if "iso" in given else "initrd"
    return {"name": given[parts[0]], "digest": f"sha256:{digest}", "until": until}


def boot_arguments(mac, extra):
    """All kernel arguments of such a boot, as a list of (key, value).

    :param mac: MAC address with hyphens.
    :param extra: the operator's, a string or a list of strings.
    :raises BaremetalError: for one that is set here.
    """
    further = kernel_arguments.parse(extra or "")
    for key, dummy in further:
        if key in _OWN_ARGUMENTS:
            raise BaremetalError(f"the kernel argument {key} is set by the module itself", stage=STAGE, seen=f"{key} in kernel_arguments", cure="leave it out")
    return [("BOOTIF", f"01-{mac}"), *further]


def check_files(root, boot, *, boot_mode=None, memory_mb=None):
    """Make sure that what is on the boot server is there, and fits into the machine.

    :param root: boot_server_root.
    :param boot: see :func:`describe`.
    :param boot_mode: ``uefi``, ``bios`` or None.
    :param memory_mb: memory of the machine in MiB, or None where it is not known.
    :raises BaremetalError: naming the file.
    """
    http = Path(root, "http")
    total = 0
    for part in ("kernel", "initrd", "iso"):
        if not boot.get(part) or not ipxe.place(boot[part]):
            continue
        file = http / boot[part]
        if not file.is_file() or not file.stat().st_size:
            raise BaremetalError(f"the {part} is not on the boot server", stage=STAGE, seen=f"no {file}, or it is empty",
                                 cure=f"copy it to a directory below {http}/images")
        total += file.stat().st_size if part != "iso" else 0
    if memory_mb and total > memory_mb * 1024 ** 2:
        raise BaremetalError("kernel and initrd are larger than the memory of the machine", stage=STAGE, seen=f"{total} bytes, memory_mb {memory_mb}",
                             cure="make the initrd smaller, or choose a machine with more memory")
    if boot_mode == "bios" and total > _BIOS_LIMIT:
        raise BaremetalError("kernel and initrd are larger than what a BIOS can load", stage=STAGE, seen=f"{total} bytes, and {_BIOS_LIMIT} are the limit",
                             cure="make the initrd smaller, or let the machine start by UEFI")
