# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether what firmware tells of a machine tells it from another one. Private to the collection; may change at any time."""

from __future__ import annotations

import re

# What stands in a field that nobody filled in, as letters and digits.
_FILLERS = frozenset({
    "0123456789", "123456789", "1234567890", "chassisserialnumber", "default", "defaultstring", "empty", "invalid", "na", "none",
    "notapplicable", "notavailable", "notspecified", "null", "oem", "productserial", "serialnumber", "systemserialnumber", "tbd",
    "tobefilledbyoem", "undefined", "unknown", "unspecified",
    # The UUID of boards whose maker left AMI's, in both byte orders.
    "03000200040005000006000700080009", "00020003000400050006000700080009",
})


def says_something(value):
    """Whether a UUID or serial number tells one machine from another, and is not what stands there for want of one."""
    text = re.sub(r"[\W_]", "", str(value or "").lower())
    return len(set(text)) > 1 and text not in _FILLERS
