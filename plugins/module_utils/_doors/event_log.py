# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the event_log module."""

from __future__ import annotations

import time

from .._bmc.driver import refuse_unsupported
from .._bmc.event_log import CAPABILITY, STAGE, beginning, ensure_cleared, open_log, selected
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection, fill_connection_for_change, open_bmc, settled_driver


def before(call):
    """Reading is for everybody; clearing not while another run works on the node."""
    return (fill_connection_for_change if call.params["cleared"] else fill_connection)(call)


def run(call):
    """Read the log, and then have it empty where that is wanted; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    since, limit = beginning(params["since"]), params["limit"]
    if limit < 0:
        raise BaremetalError("limit is negative", stage=STAGE, cure="give 0 or more")
    with open_bmc(call, only_reads=not params["cleared"]) as driver:
        log = open_log(driver, params["log"])
        result = {"changed": False, "log": log.name, "logs": log.offered}
        if params["cleared"]:
            done = ensure_cleared(log, time.sleep, check_mode=call.check_mode, warn=call.warn)
            entries, result["changed"] = done["entries"], done["changed"]
            result["diff"] = {"before": {"entries": done["before"]}, "after": {"entries": done["after"]}}
        else:
            entries = log.entries(since, limit)
    result["entries"] = selected(entries, since, limit)
    return result


DOOR = Door(
    argument_spec={
        "cleared": {"type": "bool", "default": False},
        "log": {"type": "str"},
        "since": {"type": "str"},
        "limit": {"type": "int", "default": 100},
        **OPTIONS,
    },
    run=run,
    before=before,
    fleet=True,
)
