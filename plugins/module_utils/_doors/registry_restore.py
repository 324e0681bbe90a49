# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module registry_restore. Private to the collection; may change at any time."""

from __future__ import annotations

import pathlib
import tempfile

from .._door import Door
from .._lifecycle import locks
from .._registry import backup
from .._registry.store import open_registry
from .._registry.tables import LOCKS
from ._options import REGISTRY
from ._registry_access import declared_registry

try:
    from sqlalchemy import select
except ImportError:
    select = None


def run(call):
    """Make the registry what a backup says."""
    engine = declared_registry(call)
    if engine is not None:
        return _restore(call, engine)
    # Check mode makes no registry; an empty one, gone again at once, stands in for it.
    with tempfile.TemporaryDirectory() as directory:
        return _restore(call, open_registry(f"sqlite:///{directory}/registry.db"))


def _restore(call, engine):
    kept = pathlib.Path(call.params["keep"])
    changed, before, after = backup.restore(
        engine, pathlib.Path(call.params["path"]), kept, refuse=lambda connection: _refuse_runs(connection, call.controller), check_mode=call.check_mode)
    return {"changed": changed, "kept": str(kept) if changed else None, "rows": after, "diff": [{"before": before, "after": after}]}


def _refuse_runs(connection, controller):
    names = list(connection.execute(select(LOCKS.c.node).order_by(LOCKS.c.node)).scalars())
    for name, lock in locks.of_others(connection, names, controller).items():
        raise locks.refuse(lock, name)


DOOR = Door(
    argument_spec={**REGISTRY, "path": {"type": "path", "required": True}, "keep": {"type": "path", "required": True}},
    run=run,
    names_node=False,
    controller_only=True,
)
