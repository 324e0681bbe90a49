# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the quirks_info module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection, open_bmc, settled_driver


def run(call):
    """Read what the rules look at; nothing is ever changed."""
    refuse_unsupported(settled_driver(call), capability="quirks")
    with open_bmc(call, only_reads=True) as driver:
        report = driver.quirk_report()
    behaviours = {}
    for rule in report["matching"]:
        behaviours.update({name: {"value": value, "rule": rule["name"]} for name, value in rule["behaviours"].items()})
    return {"changed": False, **report, "behaviours": behaviours}


DOOR = Door(argument_spec=OPTIONS, run=run, before=fill_connection, fleet=True)
