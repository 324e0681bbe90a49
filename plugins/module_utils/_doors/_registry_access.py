# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How doors get at a registry that is there already. Private to the collection; may change at any time.

The registry's rooms are imported where they are used: below them is SQLAlchemy, which takes a tenth of a second, and a task
without a registry does not need it. plugins/action/controller.py sees to it that not every worker pays for that.
"""

from __future__ import annotations

import contextlib
import tempfile

from .._errors import BaremetalError


def existing_registry(call):
    """Open the registry, which enrolment makes and nothing else.

    :raises BaremetalError: when there is none.
    """
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    if engine is None:
        raise BaremetalError("there is no registry", stage="registry", seen=call.registry_url,
                             cure="enrol the node, which makes the registry, or correct the registry's URL")
    return engine


def declared_registry(call):
    """The registry for what is declared, which is made where there is none; None where check mode must not make it."""
    from .._registry.store import open_registry

    return open_registry(call.registry_url, create=not call.check_mode, migrate=not call.check_mode)


@contextlib.contextmanager
def declaration(call):
    """A connection to the registry, which is made where there is none, for what is declared of many things at once.

    It is one transaction, alone among its kind: when something is refused, nothing is written. Check mode does the same and takes it back, so that it
    refuses the same; an empty registry, gone again at once, stands in for one that it must not make.
    """
    from .._registry.store import one_at_a_time, open_registry

    engine = declared_registry(call)
    with contextlib.ExitStack() as stack:
        if engine is None:
            engine = open_registry(f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/registry.db")
        connection = stack.enter_context(engine.begin())
        one_at_a_time(connection)
        yield connection
        if call.check_mode:
            connection.rollback()


def record_too(call):
    """For ``refuse_other_runs``: what ``record`` gives is read as well."""
    from .._registry import nodes

    def read(connection, names):
        node = nodes.read(connection, call.node)
        if node:
            call.once("record", lambda: node)
    return read


def record(call):
    """The record of the node as it was when the task first asked; each look would open a connection of its own.

    :raises BaremetalError: when there is no registry, or no such node.
    """
    from .._registry import nodes

    return call.once("record", lambda: nodes.get(existing_registry(call), call.node))


def warm_up():
    """Have SQLAlchemy compile what most tasks ask the registries that are open, so that workers that are forked afterwards need not.

    What is written for that is taken back.
    """
    from .._lifecycle import locks, transitions
    from .._registry import images, nodes
    from .._registry.store import opened

    for engine in opened():
        # What does not work here fails where it is needed, and is told there.
        with contextlib.suppress(BaremetalError), engine.connect() as connection:
            name = nodes.any_name(connection) or ""
            node = nodes.read(connection, name, for_update=True)
            nodes.read(connection, name)
            nodes.read_bmcs(connection, [name])
            images.read(connection, "")
            _refusals(connection, [name], {"run_id": ""})
            # Of a node that there cannot be.
            nodes.set_power_states(connection, {"": None})
            transitions.write_state(connection, "", dict.fromkeys(transitions.MOVED))
            locks.release(connection, "")
            # Another controller may have removed it meanwhile.
            if node:
                nobody = {"run_id": "", "host": "", "place": "", "pid": 0, "start_time": 0, "user": ""}
                locks.release(connection, name)
                # Once to take it, and once to keep it.
                locks.acquire(connection, name, nobody, "")
                locks.acquire(connection, name, nobody, "")
                transitions.write_history(connection, name, nobody, event="", from_state="", to_state="")
            connection.rollback()


def refuse_other_runs(call, also=None):
    """Refuse to change a machine on which another run works, or which was taken from this run; for doors that change one without a verb.

    Without a registry nothing is known of other runs.

    :param also: function of a connection and a list of node names, for what the task asks the registry next: another transaction would cost more
        than the question.
    :raises BaremetalError: naming who holds the node, or what became of it.
    """
    if not call.registry_url or call.check_mode:
        return
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False)
    if engine is not None:
        def refusals(names):
            with engine.begin() as connection:
                if also:
                    also(connection, names)
                return _refusals(connection, names, call.controller)

        refusal = call.once_for_all("other runs", refusals).get(call.node)
        if refusal is not None:
            raise refusal


def _refusals(connection, names, controller):
    from .._lifecycle import locks

    names = sorted(set(names) - locks.held(connection, names, controller))
    if not names:
        return {}
    found = {name: locks.not_held(connection, name, "change the machine") for name in locks.lost(connection, names, controller)}
    return {**found, **{name: locks.refuse(lock, name) for name, lock in locks.of_others(connection, names, controller).items()}}
