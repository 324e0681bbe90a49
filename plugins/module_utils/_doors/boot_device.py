# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the boot_device module."""

from __future__ import annotations

from .._bmc.boot import check_request, ensure_boot_device
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, hide_password, open_bmc, settled_driver
from ._options import BOOT_DEVICE


def run(call):
    """Set the boot device and read it back; check mode only reads."""
    params = call.params
    wanted = {name: params[name] for name in BOOT_DEVICE}
    refuse_unsupported(settled_driver(call), device=params["device"])
    hide_password(call, wanted["uri"])
    check_request(**wanted)
    with open_bmc(call) as driver:
        result = ensure_boot_device(driver, **wanted, check_mode=call.check_mode, warn=call.warn)
    return {
        "changed": result["changed"],
        "boot_device": result["after"],
        "diff": {"before": result["before"], "after": result["after"]},
    }


DOOR = Door(
    argument_spec={
        **BOOT_DEVICE,
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    fleet=True,
)
