# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machines: defined in the rack's own libvirt and left powered off."""

from __future__ import annotations

import hashlib
import shutil

from . import daemons
from .ground import read_file, run, write_file


def define(rack, check_mode):
    """Define each machine whose description is new, and forget those that are no longer described.

    The BMCs change the definition when a boot device is set, so it is not compared with what
    libvirt holds but with the description that was defined last.
    """
    done = []
    answers = not check_mode or daemons.libvirt_runs(rack)
    done += pool(rack, check_mode) if rack.redfish_nodes() else []
    if answers:
        present = set(virsh(rack, "list", "--all", "--name").split())
    else:
        present = {record.stem for record in (rack.dir / "machines").glob("*.defined")}
    for node in rack.nodes:
        name = node["name"]
        if node["firmware"] == "uefi":
            done += nvram(rack, node, check_mode)
        description = rack.dir / "machines" / f"{name}.xml"
        record = rack.dir / "machines" / f"{name}.defined"
        digest = hashlib.sha256((read_file(description) or "").encode()).hexdigest()
        if name in present and read_file(record) == digest:
            continue
        done.append(f"machine {name} defined")
        if not check_mode:
            virsh(rack, "define", "--file", description)
            write_file(record, digest)
    running = set(virsh(rack, "list", "--name").split()) if answers else set()
    for name in sorted(present - {node["name"] for node in rack.nodes}):
        done.append(f"machine {name} removed")
        if not check_mode:
            if name in running:
                virsh(rack, "destroy", name)
            virsh(rack, "undefine", name, "--nvram")
            (rack.dir / "machines" / f"{name}.defined").unlink(missing_ok=True)
    return {"changed": bool(done), "messages": done}


def pool(rack, check_mode):
    """Make the storage pool that the emulators put media into which are inserted; it is gone when libvirtd ends."""
    if (not check_mode or daemons.libvirt_runs(rack)) and "media" in virsh(rack, "pool-list", "--name").split():
        return []
    if not check_mode:
        virsh(rack, "pool-create-as", "media", "dir", "--target", rack.dir / "media")
    return ["storage pool for media made"]


def nvram(rack, node, check_mode):
    """Give a UEFI machine its own copy of the firmware's variables."""
    name, secure = node["name"], node.get("secure_boot", False)
    # sushy-emulator derives this name itself when a client sets the boot mode; another one would start an empty store.
    path = rack.dir / "nvram" / f"{name}.{'secboot' if secure else 'nosecboot'}.fd"
    if path.exists():
        return []
    if not check_mode:
        unfinished = path.with_suffix(".part")
        shutil.copyfile(rack.spec["ovmf_secure_vars" if secure else "ovmf_vars"], unfinished)
        unfinished.chmod(0o600)
        unfinished.replace(path)
    return [f"firmware variables of {name} made"]


def virsh(rack, *arguments):
    """Run virsh against the rack's libvirt and return its output."""
    return run(["virsh", "--quiet", "--connect", rack.libvirt_uri, *arguments])
