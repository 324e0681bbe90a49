# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_reset module."""

from __future__ import annotations

from .._bmc.bmc_reset import CAPABILITY, DOUBTFUL, KINDS, STAGE, reset_bmc
from .._bmc.driver import open_driver, refuse_unsupported
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, settled_driver


def run(call):
    """Restart the BMC and wait for it; check mode only makes sure that it could be done."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    if params["timeout"] <= DOUBTFUL:
        raise BaremetalError(f"no BMC is believed to be back within {DOUBTFUL} s", stage=STAGE, cure="give a larger timeout")
    # Whose it is was made sure of before; a BMC that starts may not know yet.
    back = {**params["bmc"], "system_uuid": None, "serial": None}
    # Not open_bmc while it is away: the run would take the BMC for dead.
    result = reset_bmc(lambda: open_bmc(call), lambda: open_driver(params["driver"], back, call.log, only_reads=True),
                       params["kind"], params["timeout"], check_mode=call.check_mode, warn=call.warn, log=call.log)
    return {"changed": True, **result}


DOOR = Door(
    argument_spec={
        "kind": {"type": "str", "choices": list(KINDS), "default": "graceful"},
        "timeout": {"type": "int", "default": 600},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    fleet=True,
)
