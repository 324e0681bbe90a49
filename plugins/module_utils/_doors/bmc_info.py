# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_info module."""

from __future__ import annotations

from .._bmc.bmc_info import CAPABILITY, DEFAULT, PARTS, gather
from .._bmc.driver import refuse_unsupported
from .._bmc.identity import refuse_other_machine
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver


def run(call):
    """Read what is asked for; nothing is ever changed."""
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    bmc = call.params["bmc"] or {}
    with open_bmc(call) as driver:
        found = gather(driver, call.params["gather"])
        told = found["info"].get("identity")
        if told and not driver.IDENTITY_IS_AT_HAND:
            # Over IPMI a contradiction is no proof: in the FRU there is what the maker, or nobody, wrote into it.
            try:
                refuse_other_machine(told, bmc.get("system_uuid"), bmc.get("serial"))
            except BaremetalError as error:
                call.warn(f"{error.what}, or its FRU and GUID are not those of the machine: {error.seen}")
    return {"changed": False, "bmc_info": found["info"], "unavailable": found["unavailable"]}


DOOR = Door(
    argument_spec={
        "gather": {"type": "list", "elements": "str", "choices": list(PARTS), "default": list(DEFAULT)},
        **OPTIONS,
    },
    run=run,
    before=fill_connection,
    fleet=True,
)
