# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuse, before anything is made, what cannot become a rack."""

from __future__ import annotations

import ipaddress
import os
import re
import uuid
from pathlib import Path

from .ground import MARKER, RackError

# sockaddr_un.sun_path holds 108 bytes, the last of which is the end mark (unix(7)).
SOCKET_PATH_LIMIT = 107
# A virtio block device reports at most 20 bytes of serial (virtio specification, VIRTIO_BLK_T_GET_ID).
VIRTIO_SERIAL_LIMIT = 20
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
FILL_MINIMUM_GIB = 1


def check(rack, _check_mode):
    """Check the rack's description and its place.

    :raises RackError: with every fault found, one per line.
    """
    faults = list(place_faults(rack)) + list(node_faults(rack))
    if faults:
        raise RackError("The virtual rack cannot be made:\n" + "\n".join(f"* {fault}" for fault in faults))
    return {"changed": False, "messages": []}


def place_faults(rack):
    """Yield what is wrong with user, name and directory of the rack."""
    if os.geteuid() != 0:
        yield "network namespaces and machines need root. To do: run ansible-playbook as root."
    if not NAME.fullmatch(rack.name):
        yield f"virtual_rack_name is '{rack.name}'. To do: use lower-case letters, digits and hyphens."
    if not rack.dir.is_absolute() or len(rack.dir.parts) < 3 or ".." in rack.dir.parts:
        yield f"virtual_rack_dir is '{rack.dir}'. To do: give an absolute path at least two levels deep, without '..'."
    if re.search(r"[\s?#%&'\"<>]", str(rack.dir)):
        yield f"virtual_rack_dir is '{rack.dir}'. To do: choose a path without white space, quotes and the characters ? # % & < >."
    length = len(os.fsencode(str(rack.libvirt_socket)))
    if length > SOCKET_PATH_LIMIT:
        yield (
            f"the libvirt socket {rack.libvirt_socket} has a path of {length} bytes, a Unix socket may have {SOCKET_PATH_LIMIT}. "
            f"To do: choose a virtual_rack_dir that is at least {length - SOCKET_PATH_LIMIT} bytes shorter."
        )
    if rack.dir.is_dir() and not (rack.dir / MARKER).exists() and foreign_entries(rack):
        yield (
            f"{rack.dir} is not empty and was not made as a rack ({MARKER} is missing). "
            "To do: choose another virtual_rack_dir, or empty this one yourself."
        )


def foreign_entries(rack):
    """Return what is in the rack's directory apart from a virtual environment the caller may have put there."""
    venv = Path(rack.spec["venv"])
    return [entry for entry in rack.dir.iterdir() if entry != venv]


def node_faults(rack):
    """Yield what is wrong with the list of nodes."""
    unquoted = [
        f"node '{node['name']}': {key} is the number {node[key]}. To do: put quotes around it, YAML reads it as a number."
        for node in rack.nodes
        for key in ("name", "mac", "uuid", "serial", "address", "bmc_address")
        if not isinstance(node[key], str)
    ]
    if unquoted:
        yield from unquoted
        return
    provisioning = ipaddress.ip_interface(rack.spec["gateway"])
    if not rack.nodes:
        yield "virtual_rack_nodes is empty. To do: describe at least one node."
    for node in rack.nodes:
        name = node["name"]
        if not NAME.fullmatch(name):
            yield f"node '{name}': the name is not a host name. To do: use lower-case letters, digits and hyphens."
        if not MAC.fullmatch(node["mac"]):
            yield f"node '{name}': mac is '{node['mac']}'. To do: write it in lower case with colons."
        try:
            if str(uuid.UUID(node["uuid"])) != node["uuid"]:
                raise ValueError(node["uuid"])
        except ValueError:
            yield f"node '{name}': uuid is '{node['uuid']}'. To do: write it in lower case with hyphens."
        for key in ("address", "bmc_address"):
            try:
                ipaddress.ip_address(node[key])
            except ValueError:
                yield f"node '{name}': {key} is '{node[key]}'. To do: give an IP address."
                continue
            inside = ipaddress.ip_address(node[key]) in provisioning.network
            if inside != (key == "address"):
                yield f"node '{name}': {key} {node[key]} is {'inside' if inside else 'outside'} {provisioning.network}. To do: move it."
        yield from firmware_faults(node)
        yield from disk_faults(node)
    for key in ("name", "mac", "uuid", "serial", "address", "bmc_address"):
        yield from repeated(f"{key} of a node", [node[key] for node in rack.nodes])
    yield from repeated("disk serial", [disk["serial"] for node in rack.nodes for disk in node["disks"]])


def firmware_faults(node):
    """Yield what the firmware of one node cannot do."""
    if ":" in node["address"] and node["firmware"] == "bios" and node.get("boot_interface") != "redfish-virtual-media":
        yield f"node '{node['name']}': a BIOS does not boot over IPv6. To do: give it UEFI, virtual media or an address of IPv4."


def disk_faults(node):
    """Yield what is wrong with the disks of one node."""
    name = node["name"]
    if not node["disks"]:
        yield f"node '{name}': has no disk. To do: describe at least one; the first is the one to deploy to."
    for disk in node["disks"]:
        serial = disk["serial"]
        if not re.fullmatch(rf"[A-Za-z0-9_.+-]{{1,{VIRTIO_SERIAL_LIMIT}}}", serial):
            yield (
                f"node '{name}': disk serial '{serial}' is not usable. "
                f"To do: use at most {VIRTIO_SERIAL_LIMIT} letters, digits and the characters . _ + -"
            )
        if disk["size_gib"] < FILL_MINIMUM_GIB:
            yield f"node '{name}': disk '{serial}' has {disk['size_gib']} GiB. To do: give it at least {FILL_MINIMUM_GIB}."
    yield from repeated(f"disk name of node '{name}'", [disk["name"] for disk in node["disks"]])


def repeated(what, values):
    """Yield a fault for every value that stands more than once in ``values``."""
    for value in sorted({value for value in values if values.count(value) > 1}):
        yield f"{what} '{value}' stands more than once. To do: make it unique."
