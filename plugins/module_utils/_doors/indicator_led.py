# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the indicator_led module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.indicator_led import CAPABILITY, LONGEST, STAGE, ensure_indicator_led
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver


def run(call):
    """Have the LED as wanted and read it back; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    if params["duration"] is not None and not (params["state"] == "on" and 1 <= params["duration"] <= LONGEST):
        raise BaremetalError("duration is for the state on alone, from 1 to 255 seconds", stage=STAGE, cure="correct state or duration")
    with open_bmc(call) as driver:
        result = ensure_indicator_led(driver, params["state"], params["duration"], check_mode=call.check_mode, warn=call.warn)
    return {
        "changed": result["changed"],
        "indicator_led": result["after"],
        "diff": {"before": {"indicator_led": result["before"]}, "after": {"indicator_led": result["after"]}},
    }


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "required": True, "choices": ["on", "off", "blinking"]},
        "duration": {"type": "int"},
        **OPTIONS,
    },
    run=run,
    before=fill_connection,
    fleet=True,
)
