# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the raid module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.raid import ensure_raid
from .._bmc.raid_plan import checked_target
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, settled_driver


def run(call):
    """Bring about the volumes; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="RAID")
    target = params["target_raid_config"]
    checked_target(target)
    with open_bmc(call) as driver:
        result = ensure_raid(
            driver.service, target, delete_existing=params["delete_existing"], timeout=params["timeout"],
            check_mode=call.check_mode, warn=call.warn)
    return {
        "changed": result["changed"],
        "volumes": result["volumes"],
        "root_device": next((volume["root_device"] for volume in result["volumes"] if volume["is_root_volume"]), None),
        "reboot_required": result["reboot_required"],
        "pending": result["pending"],
        "diff": {"before": {"volumes": result["before"]}, "after": {"volumes": result["volumes"]}},
    }


DOOR = Door(
    argument_spec={
        "target_raid_config": {"type": "dict", "required": True},
        "delete_existing": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 900},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    fleet=True,
)
