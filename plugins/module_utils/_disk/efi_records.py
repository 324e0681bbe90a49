# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UEFI boot records as efibootmgr prints them."""

from __future__ import annotations

import re

RECORD = re.compile(r"^Boot([0-9A-Fa-f]{4})([* ]) (.*)$")
SINGLE = re.compile(r"^Boot(Current|Next): *([0-9A-Fa-f]{4})\s*$")
PARTITION = re.compile(r"HD\(\d+,(?:GPT|MBR),([0-9A-Fa-fx-]+)")
# efibootmgr 17 writes File(\\EFI\\...), efibootmgr 18 the bare path; optional data may follow.
LOADER = re.compile(r"/File\((\\[^)]*)\)|/(\\[^\t]*?\.efi)", re.IGNORECASE)


def decode(data):
    """Return the text of bytes that are UTF-8 or UTF-16, with or without byte order mark.

    efibootmgr prints labels as the firmware stores them, on some machines as UTF-16; CSV files
    of loaders are UTF-16 by rule and UTF-8 by mistake.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    if b"\0" in data:
        # Text in a Latin script has its zero bytes at odd places when it is little endian.
        little = data[1::2].count(0) >= data[0::2].count(0)
        return data.decode("utf-16-le" if little else "utf-16-be", "replace")
    return data.decode("utf-8-sig", "replace")


def parse_records(data):
    """Read efibootmgr's verbose output (bytes).

    Returns {"order": [number], "current": number or None, "next": number or None, "entries": {number: {number, label,
    active, path, partition, loader}}}; numbers are four upper-case hex digits, partition is the unique id of the ESP
    (see partition_key) or None, loader a path with backslashes or None.
    """
    order, entries, one = [], {}, {"current": None, "next": None}
    for line in decode(data).splitlines():
        if line.startswith("BootOrder:"):
            order = [number.strip().upper() for number in line[10:].split(",") if number.strip()]
        single = SINGLE.match(line)
        if single:
            one[single.group(1).lower()] = single.group(2).upper()
        found = RECORD.match(line)
        if not found:
            continue
        number = found.group(1).upper()
        text, _tab, path = found.group(3).partition("\t")
        partition = PARTITION.search(path)
        loader = LOADER.search(path)
        entries[number] = {
            "number": number,
            "label": text.strip(),
            "active": found.group(2) == "*",
            "path": path.strip(),
            "partition": partition_key(partition.group(1)) if partition else None,
            "loader": (loader.group(1) or loader.group(2)) if loader else None,
        }
    return dict(one, order=order, entries=entries)


def partition_key(identity):
    """Return a partition's unique id in the form that both the kernel's and the firmware's become.

    A GPT partition has a UUID. In an MBR the kernel says 0a1b2c3d-01, signature and number, and
    the firmware's device path 0xa1b2c3d, the signature.
    """
    text = identity.strip().lower()
    if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{2,}", text):
        text = "0x" + text[:8]
    return "0x%08x" % int(text, 16) if re.fullmatch(r"0x[0-9a-f]+", text) else text
