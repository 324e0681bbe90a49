# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How doors get at a registry that is there already. Private to the collection; may change at any time."""

from __future__ import annotations

from .._errors import BaremetalError
from .._lifecycle import locks
from .._registry.store import open_registry


def existing_registry(call):
    """Open the registry, which enrolment makes and nothing else.

    :raises BaremetalError: when there is none.
    """
    engine = open_registry(call.registry_url, create=False)
    if engine is None:
        raise BaremetalError("there is no registry", stage="registry", seen=call.registry_url,
                             cure="enrol the node, which makes the registry, or correct the registry's URL")
    return engine


def refuse_other_runs(call):
    """Refuse to change a machine on which another run works; for doors that change one without a verb.

    Without a registry nothing is known of other runs.

    :raises BaremetalError: naming who holds the node.
    """
    if not call.registry_url or call.check_mode:
        return
    engine = open_registry(call.registry_url, create=False)
    if engine is not None:
        lock = call.once_for_all("other runs", lambda names: _other_runs(engine, names, call.controller)).get(call.node)
        if lock is not None:
            raise locks.refuse(lock, call.node)


def _other_runs(engine, names, controller):
    with engine.begin() as connection:
        return locks.of_others(connection, names, controller)
