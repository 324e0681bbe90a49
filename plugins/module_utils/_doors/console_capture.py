# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the console_capture module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.serial_over_lan import CAPABILITY, STAGE, capture
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver

_LONGEST = 3600  # seconds
_MOST = 1024 * 1024  # bytes; a result goes through the callback and into the job's log


def run(call):
    """Listen to the serial console; nothing is typed and nothing changed."""
    params = call.params
    if settled_driver(call) == "redfish":
        raise BaremetalError(
            "Redfish carries no serial console: such a BMC gives it over SSH or in a browser, and that is not captured", stage=STAGE,
            cure="use the driver ipmi for this task if the BMC has IPMI over LAN; console_info tells how the console is reached")
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    for name, most in (("seconds", _LONGEST), ("max_bytes", _MOST)):
        if not 1 <= params[name] <= most:
            raise BaremetalError(f"{name} is not between 1 and {most}", stage=STAGE, cure=f"correct {name}")
    with open_bmc(call, only_reads=True) as driver:
        heard = {"text": "", "bytes": 0, "truncated": False} if call.check_mode else capture(driver, params["seconds"], params["max_bytes"])
    return {"changed": False, **heard}


DOOR = Door(
    argument_spec={
        "seconds": {"type": "int", "default": 10},
        "max_bytes": {"type": "int", "default": 65536},
        **OPTIONS,
    },
    run=run,
    before=fill_connection,
)
