# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the hardware of a node, seen twice, compares: what has changed, and what two sources know together.

Hardware is what docs/hardware.schema.json describes. Private to the collection; may change at any time.
"""

from __future__ import annotations

# What tells one entry of a list from another; the first key that has a value counts.
_IDENTITIES = {
    "disks": ("serial", "wwn_with_extension", "wwn", "by_path", "name"),
    "interfaces": ("permanent_mac", "mac_address", "name"),
    "memory_modules": ("slot",),
    "processors": ("socket",),
    "pci_devices": ("bus",),
}
# What differs from boot to boot, or is made by the system that runs and not by the machine. Of disks, also what is written on them.
_VOLATILE = {
    "": {"hostname", "nonce", "raid_members", "numa_topology", "usb_devices"},
    "boot": {"pxe_interface"},
    "memory": {"total"},
    "disks": {"name", "hctl", "partitions", "mountpoints", "holders", "in_use"},
    "interfaces": {"name", "driver", "has_carrier", "speed_mbps", "ipv4_address", "ipv6_address"},
    "pci_devices": {"driver", "numa_node"},
}
# What names an entry that has come or gone, for a person.
_SHOWN = ("model", "part_number", "vendor_id", "product_id", "class", "size", "size_mb", "mac_address")
_NOTHING = object()


def drift(before, after):
    """What has changed in the hardware of a node between two looks from the same side.

    A key that only one of them has is no change: the other one did not look. So is the order of a list.

    :param before: hardware as it was seen.
    :param after: hardware as it is seen now.
    :returns: list of dicts with field (for example ``disks[S1D2].size``), before and after, in the order of the fields. For an entry that has
        come or gone the other one is None.
    """
    return sorted(_differences("", "", before, after), key=lambda change: change["field"])


def _differences(field, kind, before, after):
    """The changes below a field.

    :param kind: name of the key, or of the list that the entry is in, for what is volatile in it.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) & set(after) - _VOLATILE.get(kind, set())):
            yield from _differences(f"{field}.{key}" if field else key, key, before[key], after[key])
    elif kind in _IDENTITIES and isinstance(before, list) and isinstance(after, list):
        yield from _entries(field, kind, before, after)
    elif kind == "lldp":
        yield from _neighbours(field, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        gone, come = ([item for item in some if item not in others] for some, others in ((before, after), (after, before)))
        if gone or come:
            yield {"field": field, "before": gone, "after": come}
    elif before != after:
        yield {"field": field, "before": before, "after": after}


def _entries(field, kind, before, after):
    old, new = _by_identity(kind, before), _by_identity(kind, after)
    for identity in sorted(set(old) | set(new)):
        name = f"{field}[{identity}]"
        if identity not in new:
            yield {"field": name, "before": _shown(old[identity]), "after": None}
        elif identity not in old:
            yield {"field": name, "before": None, "after": _shown(new[identity])}
        else:
            yield from _differences(name, kind, old[identity], new[identity])


def _by_identity(kind, entries):
    found = {}
    for entry in entries:
        name = next((str(entry[key]).strip() for key in _IDENTITIES[kind] if entry.get(key)), "unnamed")
        # Disks behind cheap bridges share a serial number.
        number = 2
        unique = name
        while unique in found:
            unique = f"{name} ({number})"
            number += 1
        found[unique] = entry
    return found


def _shown(entry):
    return ", ".join(str(entry[key]) for key in _SHOWN if entry.get(key)) or "unnamed"


def _neighbours(field, before, after):
    """Which switch port: the rest of what a switch tells changes with its configuration. Nobody heard is nothing known."""
    old, new = (sorted({f"{one['switch_chassis_id']} {one['switch_port_id']}" for one in some}) for some in (before, after))
    if old and new and old != new:
        yield {"field": field, "before": old, "after": new}


def merged(first, second):
    """What two sources know together.

    :param first: hardware that counts where both know something.
    :param second: hardware that fills in what the first one does not know. Its disks and interfaces that the first one has not seen, drives
        behind a RAID controller for instance, stand behind the others.
    :returns: a new dict.
    """
    found = dict(second)
    for key, value in first.items():
        other = second.get(key, _NOTHING)
        if isinstance(value, dict) and isinstance(other, dict):
            found[key] = merged(value, other)
        elif key in ("disks", "interfaces") and isinstance(other, list):
            found[key] = _together(value, other)
        elif value in (None, []) and other is not _NOTHING:
            found[key] = other
        else:
            found[key] = value
    return found


def _together(first, second):
    rest, found = list(second), []
    for entry in first:
        twin = next((other for other in rest if _names(entry) & _names(other)), None)
        if twin is not None:
            rest.remove(twin)
        found.append(merged(entry, twin) if twin else entry)
    return found + rest


def _names(entry):
    """What a disk or interface is known by, in one notation."""
    keys = ("serial", "wwn_with_extension", "permanent_mac", "mac_address")
    return {str(entry[key]).strip().lower().removeprefix("0x") for key in keys if entry.get(key)}
