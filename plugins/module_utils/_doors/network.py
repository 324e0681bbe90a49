# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module network. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._errors import BaremetalError
from .._registry import network_rules, networks
from ._options import REGISTRY
from ._registry_access import declaration


def run(call):
    """Declare networks, and forget others; every one is checked before the first one is written."""
    states = [network.get("state") or call.params["state"] for network in call.params["networks"]]
    removed = [network["name"] for network, state in zip(call.params["networks"], states) if state == "absent"]
    declared = [network for network, state in zip(call.params["networks"], states) if state == "present"]
    for network in declared:
        lacking = [key for key in ("type", "cidr") if network[key] is None]
        if lacking:
            raise BaremetalError(f"network {network['name']}: nothing says its {' and '.join(lacking)}", stage=network_rules.STAGE,
                                 cure="give it; only to remove a network its name is enough")
    declared = [network_rules.normalise({key: value for key, value in network.items() if key != "state"}) for network in declared]
    both = sorted({network["name"] for network in declared} & {*removed})
    if both:
        raise BaremetalError(f"the network {', '.join(both)} is declared, and to be removed as well", stage=network_rules.STAGE, cure="take it out once")
    with declaration(call) as connection:
        # First, so that another network can take the place of one.
        forgotten = [(before, {}) for before in networks.remove(connection, removed)]
        return _result([*removed, *(network["name"] for network in declared)], [*forgotten, *networks.declare(connection, declared)])


def _result(names, sides):
    changed = {name: sides for name, sides in zip(names, sides) if sides[0] != sides[1]}
    return {
        "changed": bool(changed),
        "networks": [{"name": name, "changed": name in changed} for name in names],
        "diff": [{"before_header": name, "after_header": name, "before": _differing(*sides), "after": _differing(*reversed(sides))}
                 for name, sides in changed.items()],
    }


def _differing(one, other):
    return {key: value for key, value in one.items() if key not in other or other[key] != value}


_RANGE = {"start": {"type": "str", "required": True}, "end": {"type": "str", "required": True}}

_NETWORK = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(network_rules.TYPES)},
    "cidr": {"type": "str"},
    "vlan": {"type": "int"},
    "gateway": {"type": "str"},
    "dns_nameservers": {"type": "list", "elements": "str"},
    "mtu": {"type": "int"},
    "ranges": {"type": "list", "elements": "dict", "options": _RANGE},
    "reserved": {"type": "list", "elements": "str"},
    "state": {"type": "str", "choices": ["present", "absent"]},
}

DOOR = Door(
    argument_spec={
        **REGISTRY,
        "networks": {"type": "list", "elements": "dict", "required": True, "options": _NETWORK},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
