# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module registry_backup. Private to the collection; may change at any time."""

from __future__ import annotations

import pathlib

from .._door import Door
from .._registry import backup
from ._options import REGISTRY
from ._registry_access import existing_registry


def run(call):
    """Write a backup of the registry."""
    engine = existing_registry(call)
    path = pathlib.Path(call.params["path"])
    rows = backup.save(engine, path, check_mode=call.check_mode)
    return {"changed": True, "path": str(path), "rows": rows}


DOOR = Door(
    argument_spec={**REGISTRY, "path": {"type": "path", "required": True}},
    run=run,
    names_node=False,
    controller_only=True,
)
