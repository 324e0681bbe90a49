# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_info module."""

from __future__ import annotations

from .._bmc.bmc_info import CAPABILITY, DEFAULT, PARTS, gather
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver


def run(call):
    """Read what is asked for; nothing is ever changed."""
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    with open_bmc(call) as driver:
        found = gather(driver, call.params["gather"])
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
