# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the console_info module."""

from __future__ import annotations

from .._bmc.console import CAPABILITY, read_consoles
from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver


def run(call):
    """Read what consoles there are; nothing is ever changed."""
    refuse_unsupported(settled_driver(call), capability=CAPABILITY)
    with open_bmc(call, only_reads=True) as driver:
        return {"changed": False, "consoles": read_consoles(driver)}


DOOR = Door(argument_spec=OPTIONS, run=run, before=fill_connection, fleet=True)
