# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Take a rack down, whole, half-made or crashed."""

from __future__ import annotations

import json
import os
import shutil

from . import network, processes
from .ground import MARKER, RackError, read_file


def remove(rack, check_mode):
    """End everything that lives in the rack, delete its namespace and its files.

    :raises RackError: the namespace or the directory is not this rack's, a process does not end,
        or something is mounted below the directory.
    """
    inode = network.namespace_inode(rack)
    if inode is not None and (rack.dir / MARKER).exists() and network.owner(rack) not in (None, rack.dir):
        # Another rack took the name when this one was dead; what is left of this one goes, and the namespace is not its own.
        inode = None
    guard(rack, inode)
    pids = processes.of_rack(rack.dir, inode)
    done = [f"process {pid} ended ({describe(pid)})" for pid in pids]
    if inode is not None:
        done.append(f"network namespace {rack.name} deleted")
    if rack.dir.exists():
        done.append(f"{rack.dir} deleted")
    if not check_mode:
        # A daemon may start a helper while it ends, so look again until nothing is found.
        while pids:
            left = processes.end(pids)
            if left:
                raise RackError(f"The processes {left} of the rack do not end. To do: look at what they wait for (/proc/<pid>/stack).")
            pids = processes.of_rack(rack.dir, inode)
        network.remove(rack, inode)
        if json.loads(read_file(rack.dir / MARKER) or "{}").get("made_netns_root"):
            network.remove_netns_root()
        delete_directory(rack)
    return {"changed": bool(done), "messages": done}


def guard(rack, inode):
    """Refuse to take down what is not this rack's or what would take the caller down with it."""
    if os.geteuid() != 0:
        raise RackError("Taking the rack down needs root. To do: run ansible-playbook as root.")
    if inode is not None:
        if processes.network_namespace(os.getpid()) == inode:
            raise RackError(f"This runs inside the namespace {rack.name}. To do: run the teardown outside of it.")
        if not network.is_ours(rack):
            raise RackError(
                f"The network namespace {rack.name} was not made by the rack in {rack.dir}. "
                "To do: give the virtual_rack_name and virtual_rack_dir with which the rack was made."
            )
    if rack.dir.is_dir() and any(rack.dir.iterdir()) and not (rack.dir / MARKER).exists():
        raise RackError(f"{rack.dir} was not made as a rack ({MARKER} is missing), so it is not deleted. To do: check virtual_rack_dir.")
    mounted = mounts_below(rack.dir)
    if mounted:
        raise RackError(f"Something is mounted in the rack's directory: {', '.join(mounted)}. To do: unmount it first.")


def mounts_below(directory):
    """Return the mount points at or below a directory."""
    return sorted(str(point) for point in network.mount_points() if point == directory or directory in point.parents)


def delete_directory(rack):
    """Delete the rack's directory; the marker goes last, so that a cut-off deletion can be repeated."""
    if not rack.dir.exists():
        return
    for entry in sorted(rack.dir.iterdir()):
        if entry.name == MARKER:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    (rack.dir / MARKER).unlink(missing_ok=True)
    rack.dir.rmdir()


def describe(pid):
    """Return the program of a process and, for a machine, its name."""
    arguments = processes.command_line(pid)
    guest = next((part for part in arguments if part.startswith("guest=")), "")
    return " ".join([os.path.basename(arguments[0]) if arguments else "gone", guest.partition(",")[0]]).strip()
