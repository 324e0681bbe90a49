# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver for a machine without a BMC: nothing can be asked and nothing can be done.

Private to the collection; may change at any time.
"""

from __future__ import annotations


class ManualDriver:
    """Offers nothing, so that all work is refused before it begins."""

    NAME = "manual"
    CAN = frozenset()
    POWER = frozenset()
    BOOT_DEVICES = frozenset()
    MODE_IS_FIRM = False

    def __init__(self, connection, log, facts=None):
        """There is no connection."""

    def close(self):
        """There is nothing to close."""

    def get_power(self):
        """Nobody knows but the person in front of the machine."""
        return "unknown"

    def get_boot(self):
        """The firmware's own order, whatever it is."""
        return {"device": None, "persistent": None, "mode": None}

    def evidence(self, names):
        """Nothing is known out-of-band."""
        return []

    def identity(self):
        """Nothing is known out-of-band."""
        return {"system_uuid": None, "serial": None, "sku": None, "manufacturer": None, "model": None}
