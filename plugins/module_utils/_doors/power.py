# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the power module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.power import TARGETS, ensure_power
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, record_power_state, record_power_states


def run(call):
    """Bring the node into the power state; check mode only reads."""
    params = call.params
    boot = params["boot_device"]
    refuse_unsupported(params["driver"], power=TARGETS[params["state"]], device=boot["device"] if boot else None)
    with open_bmc(call) as driver:
        result = ensure_power(
            driver, params["state"], timeout=params["timeout"], boot=boot, check_mode=call.check_mode, warn=call.warn)
    result["diff"] = {"before": result.pop("before"), "after": result.pop("after")}
    return result


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "required": True, "choices": ["on", "off", "rebooted"]},
        "timeout": {"type": "int", "default": 120},
        "boot_device": {
            "type": "dict",
            "options": {
                "device": {"type": "str", "required": True, "choices": ["pxe", "disk", "cdrom", "bios", "none"]},
                "persistent": {"type": "bool", "default": False},
                "mode": {"type": "str", "choices": ["uefi", "bios"]},
            },
        },
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    after=record_power_state,
    fleet=True,
    after_fleet=record_power_states,
)
