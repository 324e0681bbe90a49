# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the firmware module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.firmware import ensure_firmware
from .._bmc.power import ensure_power
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_power, open_bmc, settled_driver


_POWER_TIMEOUT = 300  # seconds for a machine to go off and on


def run(call):
    """Bring a component to a version; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="firmware update")
    stays_on = bool((params["bmc"] or {}).get("disable_power_off"))
    with open_bmc(call) as driver:
        def reboot():
            # A machine that is off does what waits when it starts.
            ensure_power(driver, "on" if driver.get_power() == "off" else "rebooted", timeout=_POWER_TIMEOUT, stays_on=stays_on, warn=call.warn)

        result = ensure_firmware(
            driver.service, params["component"], params["version"], image=params["image"], src=params["src"],
            apply_time=params["apply_time"], timeout=params["timeout"], reboot=reboot if params["reboot"] else None,
            check_mode=call.check_mode, warn=call.warn)
    return {
        "changed": result["changed"],
        "component": result["after"],
        "reboot_required": result["reboot_required"],
        "pending": result["pending"],
        "diff": {"before": result["before"], "after": result["after"]},
    }


DOOR = Door(
    argument_spec={
        "component": {"type": "str", "required": True},
        "version": {"type": "str", "required": True},
        "image": {"type": "str"},
        "src": {"type": "path"},
        "apply_time": {"type": "str", "choices": ["Immediate", "OnReset"]},
        "reboot": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 1800},
        **OPTIONS,
    },
    constraints={"mutually_exclusive": [("image", "src")], "required_one_of": [("image", "src")]},
    run=run,
    before=fill_connection_for_power,
    fleet=True,
)
