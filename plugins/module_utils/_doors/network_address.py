# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module network_address. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._lifecycle import locks
from .._registry import addresses, nodes
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Give a node an address of a network, or take it back."""
    name, link = call.params["network"], call.params["link"]
    with existing_registry(call).begin() as connection:
        node = nodes.read(connection, call.node, for_update=True)
        if node is None:
            raise nodes.unknown(call.node)
        locks.refuse_others(connection, call.node, call.controller)
        if call.params["state"] == "absent":
            before, after, network = addresses.release(connection, node, name, link=link), None, None
        else:
            before, after, network = addresses.give(connection, node, name, link=link, address=call.params["address"])
        if call.check_mode:
            connection.rollback()
    return {"changed": before != after, "address": after, "network": network, "diff": {"before": _shown(name, before), "after": _shown(name, after)}}


def _shown(network, address):
    return {network: address} if address else {}


DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        "network": {"type": "str", "required": True},
        "link": {"type": "str", "default": ""},
        "address": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    run=run,
    controller_only=True,
)
