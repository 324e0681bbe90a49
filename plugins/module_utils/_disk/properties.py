# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The properties of a node that follow from its hardware."""

from __future__ import annotations

from .devices import GIB
from .hints import select


def properties(hardware):
    """Return the properties cpus, memory_mb and cpu_arch, as far as the hardware tells them.

    hardware: what hardware_info returns. Source: Ironic's inspection hooks cpus, memory and architecture; memory_mb is what the
    machine has, not what its kernel has left.
    """
    found = {
        "cpus": hardware["cpu"].get("count"),
        "memory_mb": hardware["memory"].get("physical_mb"),
        "cpu_arch": hardware["cpu"].get("architecture"),
    }
    return {name: value for name, value in found.items() if value}


def local_gb(hardware, root_device, skip=(), node=None):
    """Return the size of the root disk in whole GiB.

    Ironic's hook root-device takes one GiB off, for partitions beside an image of one; here an image is that of a whole disk.
    Raises BaremetalError unless the hints O(root_device) mean exactly one disk that is not in the skip list.
    """
    return select(hardware["disks"], root_device, skip, node=node)["size"] // GIB
