# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the secure_boot module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.secure_boot import ensure_secure_boot
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection, fill_connection_for_change, open_bmc, settled_driver


def before(call):
    """Find the BMC; a node that another run works on may be read all the same."""
    is_change = call.params["enabled"] is not None or call.params["keys"] is not None
    return (fill_connection_for_change if is_change else fill_connection)(call)


def run(call):
    """Have secure boot, now or after the next boot; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="secure boot")
    with open_bmc(call) as driver:
        result = ensure_secure_boot(driver.service, params["enabled"], params["keys"], check_mode=call.check_mode, warn=call.warn)
    result["diff"] = {"before": result.pop("before"), "after": result.pop("after")}
    return result


DOOR = Door(
    argument_spec={
        "enabled": {"type": "bool"},
        "keys": {"type": "str", "choices": ["default", "none", "no_platform_key"], "no_log": False},
        **OPTIONS,
    },
    run=run,
    before=before,
    fleet=True,
)
