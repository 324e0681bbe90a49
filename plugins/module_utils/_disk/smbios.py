# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the firmware tells of the machine in its SMBIOS tables: boards, processors, memory modules, the BMC's interface.

The kernel hands the tables out as they are, so nothing but this file is needed to read them. Offsets and codes: SMBIOS
specification DSP0134, version 3.7, chapter 7.
"""

from __future__ import annotations

import os
import struct

TABLE = "firmware/dmi/tables/DMI"
END_OF_TABLE = 127
# What firmware writes where nobody has filled in a text.
_PLACEHOLDERS = {
    "", "none", "unknown", "not specified", "not provided", "no dimm", "to be filled by o.e.m.", "default string", "0x00000000", "na", "n/a",
    "system serial number", "chassis serial number", "not available", "empty", "<out of spec>", "o.e.m.", "0000",
}
# Memory types, 7.18.2; chassis types, 7.4.1; interface types of the BMC, 7.39.1. Codes that are not here are not told.
_MEMORY_TYPES = {
    0x0F: "SDRAM", 0x12: "DDR", 0x13: "DDR2", 0x14: "DDR2 FB-DIMM", 0x18: "DDR3", 0x19: "FBD2", 0x1A: "DDR4", 0x1B: "LPDDR", 0x1C: "LPDDR2",
    0x1D: "LPDDR3", 0x1E: "LPDDR4", 0x1F: "Logical non-volatile device", 0x20: "HBM", 0x21: "HBM2", 0x22: "DDR5", 0x23: "LPDDR5", 0x24: "HBM3",
}
_CHASSIS_TYPES = {
    0x01: "Other", 0x03: "Desktop", 0x07: "Tower", 0x11: "Main Server Chassis", 0x17: "Rack Mount Chassis", 0x1C: "Blade", 0x1D: "Blade Enclosure",
    0x19: "Multi-system chassis",
}
_BMC_INTERFACES = {0x01: "KCS", 0x02: "SMIC", 0x03: "BT", 0x04: "SSIF"}


def structures(table):
    """Take an SMBIOS table apart (6.1.2 and 6.1.3), as far as it makes sense.

    table: bytes of the table. Returns a list of (type, formatted area as bytes, texts); the text number n of a structure is texts[n - 1].
    A table that ends in the middle of a structure, or a structure shorter than its own header, ends the list.
    """
    found, position = [], 0
    while position + 4 <= len(table):
        kind, length = table[position], table[position + 1]
        end = table.find(b"\0\0", position + length)
        if length < 4 or end < 0:
            break
        texts = table[position + length:end].split(b"\0")
        found.append((kind, table[position:position + length], [text.decode("utf-8", "replace").strip() for text in texts]))
        if kind == END_OF_TABLE:
            break
        position = end + 2
    return found


def read(*, sysfs="/sys"):
    """Return what decode makes of this machine's table; that of an empty one where the machine or the kernel has none."""
    try:
        with open(os.path.join(sysfs, TABLE), "rb") as stream:
            return decode(stream.read())
    except OSError:
        return decode(b"")


def decode(table):
    """Return {system, board, chassis, processors, memory_slots, memory_modules, bmc_interface} of an SMBIOS table.

    system: {version, sku, family}; board: {manufacturer, product, version, serial, asset_tag}; chassis: {manufacturer, type, serial,
    asset_tag}; processors, of filled sockets: {socket, manufacturer, model, serial, part_number, cores, threads, max_speed_mhz};
    memory_slots: number; memory_modules, of filled slots: {slot, bank, size_mb (MiB), type, speed_mts, configured_speed_mts,
    manufacturer, serial, part_number, asset_tag, rank}; bmc_interface: "KCS", "SSIF" and so on, or None. What is not told is None.
    """
    found = {"system": {}, "board": {}, "chassis": {}, "processors": [], "memory_slots": 0, "memory_modules": [], "bmc_interface": None}
    for kind, area, texts in structures(table):
        one = _Structure(area, texts)
        if kind == 1:
            found["system"] = found["system"] or {"version": one.text(0x06), "sku": one.text(0x19), "family": one.text(0x1A)}
        elif kind == 2:
            found["board"] = found["board"] or _board(one)
        elif kind == 3:
            found["chassis"] = found["chassis"] or _chassis(one)
        elif kind == 4 and one.number(0x18, 1, 0) & 0x40:
            found["processors"].append(_processor(one))
        elif kind == 17:
            found["memory_slots"] += 1
            module = _memory_module(one)
            found["memory_modules"] += [module] if module else []
        elif kind == 38:
            found["bmc_interface"] = _BMC_INTERFACES.get(one.number(0x04, 1), "other")
    return found


class _Structure:
    """The fields of one structure; what lies behind its end does not exist, as in older versions of the specification."""

    def __init__(self, area, texts):
        self._area, self._texts = area, texts

    def number(self, offset, size, default=None):
        if offset + size > len(self._area):
            return default
        return struct.unpack_from({1: "<B", 2: "<H", 4: "<I"}[size], self._area, offset)[0]

    def text(self, offset):
        number = self.number(offset, 1, 0)
        text = self._texts[number - 1] if 0 < number <= len(self._texts) else ""
        return None if text.lower() in _PLACEHOLDERS else text


def _board(one):
    return {"manufacturer": one.text(0x04), "product": one.text(0x05), "version": one.text(0x06), "serial": one.text(0x07), "asset_tag": one.text(0x08)}


def _chassis(one):
    # The highest bit says whether the chassis can be locked.
    kind = one.number(0x05, 1, 0) & 0x7F
    return {"manufacturer": one.text(0x04), "type": _CHASSIS_TYPES.get(kind), "serial": one.text(0x07), "asset_tag": one.text(0x08)}


def _count(one, offset, wide_offset):
    """A number of cores or threads: 0 is unknown, 0xff refers to the wide field (7.5.6)."""
    count = one.number(offset, 1, 0)
    return (one.number(wide_offset, 2, 0) if count == 0xFF else count) or None


def _processor(one):
    return {
        "socket": one.text(0x04),
        "manufacturer": one.text(0x07),
        "model": one.text(0x10),
        "serial": one.text(0x20),
        "part_number": one.text(0x22),
        "cores": _count(one, 0x23, 0x2A),
        "threads": _count(one, 0x25, 0x2E),
        "max_speed_mhz": one.number(0x14, 2) or None,
    }


def _memory_module(one):
    size = one.number(0x0C, 2, 0)
    if size == 0:
        return None
    if size == 0x7FFF:
        size_mb = (one.number(0x1C, 4, 0) & 0x7FFFFFFF) or None
    elif size == 0xFFFF:
        size_mb = None
    else:
        # The highest bit says that the rest counts KiB.
        size_mb = (size & 0x7FFF) // 1024 if size & 0x8000 else size
    return {
        "slot": one.text(0x10),
        "bank": one.text(0x11),
        "size_mb": size_mb,
        "type": _MEMORY_TYPES.get(one.number(0x12, 1)),
        "speed_mts": _speed(one, 0x15, 0x54),
        "configured_speed_mts": _speed(one, 0x20, 0x58),
        "manufacturer": one.text(0x17),
        "serial": one.text(0x18),
        "part_number": one.text(0x1A),
        "asset_tag": one.text(0x19),
        "rank": one.number(0x1B, 1, 0) & 0x0F or None,
    }


def _speed(one, offset, wide_offset):
    speed = one.number(offset, 2, 0)
    return (one.number(wide_offset, 4, 0) if speed == 0xFFFF else speed) or None
