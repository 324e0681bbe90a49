# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_info module."""

from __future__ import annotations

from .._bmc.bmc_info import CAPABILITY, DEFAULT, PARTS, gather
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection, open_bmc, record_power_states, settled_driver


def run(call):
    """Read what is asked for; nothing is ever changed."""
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    # Who asks whose BMC it is wants to know that.
    with open_bmc(call, only_reads=not {"identity", "hardware"} & set(call.params["gather"])) as driver:
        found = gather(driver, call.params["gather"])
    return {"changed": False, "bmc_info": found["info"], "unavailable": found["unavailable"]}


def _record(done):
    """Tell the registry the power states that were read."""
    read = [(call, {"power_state": result["bmc_info"]["power"]}) for call, result in done if result["bmc_info"].get("power") in ("on", "off")]
    if read:
        record_power_states(read)


DOOR = Door(
    argument_spec={
        "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(DEFAULT)},
        **OPTIONS,
    },
    run=run,
    before=fill_connection,
    after=lambda call, result: _record([(call, result)]),
    fleet=True,
    after_fleet=_record,
)
