# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the discovered_info module: who has called in, by the logs on the boot server."""

from __future__ import annotations

from .._boot import discovered, discovery
from .._door import Door
from .._errors import BaremetalError


def run(call):
    """Read the logs; runs on the boot server."""
    params = call.params
    if params["wait"] < 0 or (params["count"] or 1) < 1:
        raise BaremetalError("wait is less than 0, or count less than 1", stage=discovery.STAGE, seen=f"wait {params['wait']}, count {params['count']}",
                             cure="give seconds from 0 on, and a number of machines from 1 on")
    notes, machines = discovered.callers(params["root"], wait=0 if call.check_mode else params["wait"], count=params["count"])
    return {"changed": False, "discovery": notes, "machines": machines, "told": _told(machines)}


def _told(machines):
    """Who has called, and how far the others are, for a person."""
    each = [f"{machine['mac']} ({machine['address']}) has "
            + ("called" if machine["host_key"] else f"come to the stage {machine['stage']} and not called") for machine in machines]
    return f"machines that nobody knows: {'; '.join(each) or 'none'}"


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "wait": {"type": "int", "default": 0},
        "count": {"type": "int"},
    },
    run=run,
    names_node=False,
)
