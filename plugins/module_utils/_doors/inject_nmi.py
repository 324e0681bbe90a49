# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the inject_nmi module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.nmi import CAPABILITY, inject_nmi
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, open_bmc, settled_driver


def run(call):
    """Inject the interrupt; check mode only makes sure that it could be done."""
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    with open_bmc(call) as driver:
        inject_nmi(driver, check_mode=call.check_mode)
    return {"changed": True}


DOOR = Door(argument_spec=OPTIONS, run=run, before=fill_connection_for_change)
