# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading JSON of boards that keep no schema: a wrong type counts as missing, never as an error.

Boards send numbers as strings, an object where a list belongs, null for what they leave out elsewhere.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import datetime
import math
import re

_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?\s*(Z|[+-]\d\d:?\d\d)?", re.I)


def text(value):
    """A text on one line, or None for what is no text, or empty; a number counts as text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    # A lone surrogate, which JSON may carry, cannot be printed or stored.
    return " ".join(str(value).encode("utf-8", "replace").decode().split()) or None


def number(value):
    """A finite number, also from a string, or None; what has no fraction comes as int."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(found):
        return None
    return int(found) if found.is_integer() else found


def flag(value):
    """True or False, also from a string, or None."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def dig(resource, *names):
    """What lies below these property names, or None where one of them is missing."""
    for name in names:
        resource = resource.get(name) if isinstance(resource, dict) else None
    return resource


def objects(value):
    """The JSON objects of a list; a single object counts as a list of one."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value):
    """The texts of a list; a single text counts as a list of one."""
    found = map(text, value if isinstance(value, list) else [value])
    return [item for item in found if item is not None]


def moment(value):
    """The point in time that an ISO 8601 text tells, in UTC, or None; without an offset it is taken for UTC."""
    match = _ISO.search(value) if isinstance(value, str) else None
    if match is None:
        return None
    day, clock, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        return datetime.datetime.fromisoformat(f"{day}T{clock}{zone}").astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None


def utc(when):
    """A point in time as ``2026-01-31T12:00:00Z``, or None for None."""
    return None if when is None else when.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def health(status):
    """``ok``, ``warning``, ``critical`` or ``unknown`` from a Redfish Status object or a severity text."""
    value = dig(status, "Health") if isinstance(status, dict) else status
    return {"ok": "ok", "warning": "warning", "critical": "critical"}.get(str(value).lower(), "unknown")
