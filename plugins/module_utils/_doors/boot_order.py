# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the boot_order module."""

from __future__ import annotations

from .._bmc.boot_order import check_order, ensure_boot_order
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, settled_driver


def run(call):
    """Have the boot order, now or after the next boot; check mode only reads."""
    check_order(call.params["order"])
    refuse_unsupported(settled_driver(call), capability="boot order")
    with open_bmc(call) as driver:
        result = ensure_boot_order(driver.service, call.params["order"], check_mode=call.check_mode, warn=call.warn)
    result["diff"] = {"before": result.pop("before"), "after": result.pop("after")}
    return result


DOOR = Door(
    argument_spec={
        "order": {"type": "list", "elements": "str", "required": True},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    fleet=True,
)
