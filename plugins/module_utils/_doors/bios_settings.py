# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bios_settings module."""

from __future__ import annotations

from .._bmc.bios_settings import ensure_bios_settings, ensure_defaults, ensure_nothing_pending
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, settled_driver


def run(call):
    """Have the BIOS settings, now or after the next boot; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="BIOS settings")
    with open_bmc(call) as driver:
        if params["state"] == "present":
            result = ensure_bios_settings(driver.service, params["settings"], check_mode=call.check_mode, warn=call.warn)
        elif params["state"] == "defaults":
            result = ensure_defaults(driver.service, check_mode=call.check_mode, warn=call.warn)
        else:
            result = ensure_nothing_pending(driver.service, check_mode=call.check_mode)
    result["diff"] = {"before": result.pop("before"), "after": result.pop("after")}
    return result


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "default": "present", "choices": ["present", "defaults", "nothing_pending"]},
        "settings": {"type": "dict"},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    constraints={"required_if": [("state", "present", ["settings"])]},
    fleet=True,
)
