# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module provision_step. Private to the collection; may change at any time."""

from __future__ import annotations

import datetime
import time

from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import heartbeat, transitions
from .._registry.store import now
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Record that a step begins, or wait for the end of a step that waits."""
    step = call.params["step"]
    if call.params["until"]:
        _wait(call.params["until"], call.check_mode)
        if not call.check_mode:
            transitions.advance(existing_registry(call), call.node, "resume", call.controller)
        return {"changed": False, "held": False, "until": call.params["until"]}
    if not call.check_mode:
        transitions.begin_step(existing_registry(call), call.node, step, call.controller)
    held = step["step"] == "hold"
    if held:
        call.warn(f"the node is on hold in step {step['number'] + 1} of {step['of']}; when you are done with it, run unhold.yml for it, "
                  "and then the same command again")
    elif not call.check_mode:
        heartbeat.start(call.registry_url, call.controller)
    until = None
    if step["step"] == "wait":
        seconds = datetime.timedelta(seconds=step["args"]["seconds"])
        until = (datetime.datetime.fromisoformat(now()) + seconds).isoformat()
    return {"changed": True, "held": held, "until": until}


def _wait(until, check_mode):
    try:
        left = (datetime.datetime.fromisoformat(until) - datetime.datetime.fromisoformat(now())).total_seconds()
    except (ValueError, TypeError) as error:
        raise BaremetalError("until is no time", stage="steps", seen=repr(until), cure="give what the task that began the step returned") from error
    if left > 0 and not check_mode:
        time.sleep(left)


DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        "step": {
            "type": "dict", "required": True, "options": {
                "step": {"type": "str", "required": True},
                "number": {"type": "int", "required": True},
                "of": {"type": "int", "required": True},
                "args": {"type": "dict", "default": {}},
                "priority": {"type": "int"},
                "role": {"type": "str"},
                "tasks_from": {"type": "str"},
                "kind": {"type": "str"},
                "in_band": {"type": "bool"},
                "abortable": {"type": "bool", "default": False},
                "reboot_requested": {"type": "bool"},
                "boot_ramdisk": {"type": "bool"},
            },
        },
        "until": {"type": "str"},
    },
    run=run,
    controller_only=True,
)
