# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the ramdisk_wait module: the logs on the boot server, the life cycle in the registry."""

from __future__ import annotations

from .._boot import wait
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import heartbeat, transitions
from .._lifecycle.states import EVENTS
from ._boot_node import fill_boot_port
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry, record


def before(call):
    """Fill in the boot port, and say in the registry that the node is waited for."""
    filled = fill_boot_port(call, ("mac", "address") if call.registry_url else ("mac",))
    if call.registry_url and not call.check_mode:
        state = record(call)["provision_state"]
        possible = EVENTS.get(state, {})
        if "wait" not in possible and "resume" not in possible:
            raise BaremetalError(
                "no run is at a point where it waits for the ramdisk", stage=wait.STAGE, seen=f"provision state {state}",
                cure="begin with rackwright.baremetal.provision_state, or leave out the registry and give mac")
        # A node that waits already is waited for again, by the run that holds it and no other.
        again = "wait" not in possible
        transitions.advance(existing_registry(call), call.node, "resume" if again else "wait", call.controller, check_mode=again)
        heartbeat.start(call.registry_url, call.controller)
    return filled


def run(call):
    """Follow the logs; runs on the boot server."""
    params = call.params
    if not params["mac"]:
        raise BaremetalError("mac is needed", stage=wait.STAGE, cure="give it, or run where the registry is")
    result = wait.wait_for_ramdisk(
        params["root"], mac=params["mac"], nonce=params["nonce"], address=params["address"],
        since=wait.parse_since(params["since"]) if params["since"] else None, timeout=params["timeout"],
        check_ssh=params["check_ssh"], once=call.check_mode, until=params["until"])
    return {"changed": False, **result}


def after(call, result):
    """Say in the registry that the work on the node goes on."""
    if call.registry_url and not call.check_mode:
        transitions.advance(existing_registry(call), call.node, "resume", call.controller)


DOOR = Door(
    argument_spec={
        "root": {"type": "path", "default": "/srv/rackwright"},
        "mac": {"type": "str"},
        "address": {"type": "str"},
        "nonce": {"type": "str", "required": True},
        "since": {"type": "str"},
        "timeout": {"type": "int", "default": 1800},
        "check_ssh": {"type": "bool", "default": False},
        "until": {"type": "str", "choices": ["ipxe", "kernel", "initrd", "ssh", "installed"], "default": "ssh"},
        **NODE,
        **REGISTRY,
    },
    run=run,
    before=before,
    after=after,
)
