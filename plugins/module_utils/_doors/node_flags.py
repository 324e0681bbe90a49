# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module node_flags. Private to the collection; may change at any time."""

from __future__ import annotations

from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import guards
from .._registry import nodes
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry

FLAGS = ("maintenance", "protected", "retired")


def run(call):
    """Set the flags that are given; also while a run holds the node, for they only forbid what has not begun."""
    engine = existing_registry(call)
    wanted = _wanted(call)
    with engine.begin() as connection:
        node = nodes.read(connection, call.node, for_update=True)
        if node is None:
            raise nodes.unknown(call.node)
        changed = {key for key, value in wanted.items() if node[key] != value}
        guards.check_change(node, changed)
        if changed and not call.check_mode:
            nodes.set_flags(connection, call.node, wanted)
    before = {key: node[key] for key in sorted(changed)}
    after = {key: wanted[key] for key in sorted(changed)}
    flags = {**{key: node[key] for flag in FLAGS for key in (flag, f"{flag}_reason")}, "fault": node["fault"], **after}
    return {"changed": bool(changed), "flags": flags, "diff": {"before": before, "after": after}}


def _wanted(call):
    """The flags that are asked for, with what follows from them."""
    wanted = {}
    for flag in FLAGS:
        value, reason = call.params[flag], call.params[f"{flag}_reason"]
        if reason is not None and not value:
            raise BaremetalError(f"{flag}_reason is given without {flag}", stage="flags", cure=f"give {flag}=true with it, or leave it out")
        if value is not None:
            wanted[flag] = value
            if reason is not None or not value:
                wanted[f"{flag}_reason"] = reason
    if "maintenance" in wanted:
        # From now on it is the operator's, who also ends it.
        wanted["fault"] = None
    return wanted


DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        **{name: option for flag in FLAGS for name, option in ((flag, {"type": "bool"}), (f"{flag}_reason", {"type": "str"}))},
    },
    run=run,
    controller_only=True,
    constraints={"required_one_of": [FLAGS]},
)
