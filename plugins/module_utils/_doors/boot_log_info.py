# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the boot_log_info module: what the boot server knows of one node."""

from __future__ import annotations

from .._boot import node_files, node_log
from .._door import Door
from .._errors import BaremetalError
from ._boot_node import fill_boot_port
from ._options import NODE, REGISTRY
from ._registry_access import record

STAGE = "boot log"
_LARGEST = 4 * 1024 * 1024  # bytes


def before(call):
    """Fill in the MAC address and, where it is known, the address that the registry has."""
    filled = fill_boot_port(call, ("mac",))
    if call.registry_url and not call.params["address"]:
        filled["address"] = record(call)["address"]
    return filled


def run(call):
    """Read logs and journal; runs on the boot server."""
    params = call.params
    if not params["mac"]:
        raise BaremetalError("mac is needed", stage=STAGE, cure="give it, or run where the registry is")
    if not 1 <= params["max_bytes"] <= _LARGEST:
        raise BaremetalError(f"max_bytes is not between 1 and {_LARGEST}", stage=STAGE, cure="correct max_bytes")
    found = node_log.about(params["root"], mac=node_files.hyphens(params["mac"]), address=params["address"], most=params["max_bytes"])
    return {"changed": False, **found}


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "mac": {"type": "str"},
        "address": {"type": "str"},
        "max_bytes": {"type": "int", "default": 262144},
        **NODE,
        **REGISTRY,
    },
    run=run,
    before=before,
)
