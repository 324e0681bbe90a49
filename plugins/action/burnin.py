# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs burnin on the node, and keeps the record that it returns on the controller, beside the certificates of erased disks."""

from __future__ import annotations

from .disk_erase import ActionModule as DiskEraseActionModule


class ActionModule(DiskEraseActionModule):
    """The action of burnin."""

    _STAGE = "burn-in"

    def _certificates(self, result):
        """The record in a result, as one of a list."""
        return [result["record"]] if result.get("record") else None
