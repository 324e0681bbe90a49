# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network of the rack: one namespace, a bridge for provisioning, addresses for the BMCs, no way out."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import json
import os
import time
from pathlib import Path

from . import processes
from .ground import MARKER, RackError, run, write_file

NETNS_ROOT = Path("/run/netns")
# What begins the alias of the loopback of every rack's namespace; the directory of the rack follows.
OWNER = "rackwright "
# The first daemon of a rack to be started writes it; see is_dead().
FIRST_PID_FILE = "run/libvirtd.pid"
LOCK_SECONDS = 60


def owner_mark(rack):
    """Return the text that marks a namespace as this rack's; it is kept as the alias of its loopback."""
    return f"{OWNER}{rack.dir}"


def namespace_inode(rack):
    """Return the inode number of the rack's namespace, or None when it is not there."""
    try:
        return (NETNS_ROOT / rack.name).stat().st_ino
    except FileNotFoundError:
        return None


def links(rack):
    """Return the links of the namespace as ``{name: link}`` with their addresses and aliases."""
    found = {}
    # iproute2 leaves the alias out of the address listing.
    for what in ("link", "address"):
        for link in json.loads(run(["ip", "-j", "-n", rack.name, what, "show"]) or "[]"):
            found.setdefault(link["ifname"], {}).update(link)
    return found


def is_ours(rack):
    """Tell whether the existing namespace was made by this rack.

    A namespace that holds nothing but a loopback that is down is what a creation leaves that was
    cut off before it could set the mark; it counts as ours.
    """
    present = links(rack)
    loopback = present.get("lo", {})
    if loopback.get("ifalias") == owner_mark(rack):
        return True
    return set(present) == {"lo"} and "UP" not in loopback["flags"] and not loopback.get("ifalias")


def owner(rack):
    """Return the directory of the rack that made the existing namespace, None when no rack did."""
    mark = links(rack).get("lo", {}).get("ifalias") or ""
    return Path(mark.removeprefix(OWNER)) if mark.startswith(OWNER) else None


def is_dead(directory, inode):
    """Tell whether of another rack nothing is left but its namespace and its files, as after a kill or a deleted checkout.

    A rack that is just being made, or made again, has no process either. Its directory is there, and it has no such file of a process, see ensure().

    :param directory: the directory of that rack.
    :param inode: inode number of its namespace.
    """
    return not processes.of_rack(directory, inode) and (not directory.exists() or (directory / FIRST_PID_FILE).exists())


@contextlib.contextmanager
def alone():
    """Let one rack at a time look at a namespace, delete it and make it; a lock on a directory leaves no file behind.

    :raises RackError: somebody else has it for too long.
    """
    directory = os.open("/run", os.O_RDONLY)
    try:
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise RackError(f"Another process has had /run locked for {LOCK_SECONDS} s. To do: look which one (lslocks) and end it.") from error
                time.sleep(0.1)
        yield
    finally:
        os.close(directory)


@alone()
def ensure(rack, check_mode):
    """Make or repair the namespace, its bridge and its addresses.

    The namespace of another rack of the name that is dead is deleted first, or what was killed once would stand in the way of every rack after it.

    :raises RackError: a namespace of that name belongs to somebody else.
    """
    bridge, bmc = rack.spec["bridge"], rack.spec["bmc_interface"]
    done = []

    def change(text, *argv):
        done.append(text)
        if not check_mode:
            run(["ip", *argv])

    inode = namespace_inode(rack)
    if inode is not None and not is_ours(rack):
        directory = owner(rack)
        if directory is None or not is_dead(directory, inode):
            options = f"-e virtual_rack_name={rack.name} -e virtual_rack_dir={directory} -e virtual_rack_state=absent"
            cure = f", or take down the rack that it belongs to ({options})" if directory else ""
            raise RackError(
                f"The network namespace {rack.name} exists and was not made by the rack in {rack.dir}. To do: choose another virtual_rack_name{cure}."
            )
        change(f"network namespace {rack.name} of the dead rack in {directory} deleted", "netns", "delete", rack.name)
        inode = None
    if inode is None:
        if not check_mode:
            remember_netns_root(rack)
        change(f"network namespace {rack.name} made", "netns", "add", rack.name)
        if check_mode:
            return {"changed": True, "messages": done}
    first = rack.dir / FIRST_PID_FILE
    if not check_mode and first.exists() and not processes.of_daemon(rack, first.stem):
        first.unlink()
    in_namespace = ("-n", rack.name)
    present = links(rack)
    if present["lo"].get("ifalias") != owner_mark(rack):
        change("namespace marked", *in_namespace, "link", "set", "dev", "lo", "alias", owner_mark(rack))
    if "UP" not in present["lo"]["flags"]:
        change("loopback up", *in_namespace, "link", "set", "dev", "lo", "up")
    wanted = {
        bridge: {ipaddress.ip_interface(rack.spec["gateway"])},
        bmc: {ipaddress.ip_interface(node["bmc_address"]) for node in rack.nodes},
    }
    for link, addresses in wanted.items():
        # A bridge without ports carries the BMC addresses: unlike a dummy interface every kernel
        # that can bridge at all has it.
        if link not in present:
            change(f"interface {link} made", *in_namespace, "link", "add", "dev", link, "type", "bridge")
        if "UP" not in present.get(link, {}).get("flags", []):
            change(f"interface {link} up", *in_namespace, "link", "set", "dev", link, "up")
        existing = {
            ipaddress.ip_interface(f"{info['local']}/{info['prefixlen']}")
            for info in present.get(link, {}).get("addr_info", [])
            if info["scope"] == "global"
        }
        for address in sorted(addresses - existing):
            # While no machine is on, the bridge has no carrier, and the search for another owner of an address would not come to an end.
            nodad = ["nodad"] if address.version == 6 else []
            change(f"address {address} added", *in_namespace, "address", "add", str(address), "dev", link, *nodad)
        for address in sorted(existing - addresses):
            change(f"address {address} removed", *in_namespace, "address", "del", str(address), "dev", link)
    return {"changed": bool(done), "messages": done}


def remember_netns_root(rack):
    """Note in the marker file that iproute2 will make /run/netns for us, so that teardown can take it away."""
    if not NETNS_ROOT.exists():
        write_file(rack.dir / MARKER, json.dumps({"name": rack.name, "made_netns_root": True}) + "\n", 0o644)


@alone()
def remove(rack, inode):
    """Delete the namespace, unless another rack has made one of the name meanwhile; whatever was in it must have ended before.

    :param inode: inode number of the rack's namespace, None when there is none.
    """
    if inode is not None and namespace_inode(rack) == inode:
        run(["ip", "netns", "delete", rack.name])


def mount_points():
    """Return the mount points of this process, each as often as something is mounted on it."""
    text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    return [Path(line.split()[4]) for line in text.splitlines()]


def remove_netns_root():
    """Take away /run/netns and the mount that iproute2 makes on it, unless somebody uses it."""
    if not NETNS_ROOT.is_dir() or any(NETNS_ROOT.iterdir()):
        return
    # os.path.ismount() does not see a bind mount within one file system.
    while NETNS_ROOT in mount_points():
        run(["umount", NETNS_ROOT])
    os.rmdir(NETNS_ROOT)
