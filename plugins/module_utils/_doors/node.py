# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module node. Private to the collection; may change at any time."""

from __future__ import annotations

import tempfile

from .._disk import hints
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import guards, locks
from .._registry import credentials, nodes, schema
from .._registry.store import open_registry
from ._options import REGISTRY


def run(call):
    """Enrol, update or remove nodes; every record is checked before the first one is written."""
    engine = open_registry(call.registry_url, create=not call.check_mode)
    if engine is not None:
        return _work(call, engine)
    # Check mode makes no registry; an empty one, gone again at once, stands in for it.
    with tempfile.TemporaryDirectory() as directory:
        return _work(call, open_registry(f"sqlite:///{directory}/registry.db"))


def _work(call, engine):
    records = call.params["nodes"]
    for password in _passwords(records):
        call.secret(password)
    if call.params["state"] == "absent":
        return _remove(call, engine, records)
    checked = [schema.normalise(record) for record in records]
    names = [node["name"] for node in checked]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BaremetalError(f"the name {', '.join(twice)} stands more than once in what is to be enrolled", stage="enrolment",
                             cure="give every node a name of its own")
    # A hint that is not understood would show up in the ramdisk only. Without hints a node can be enrolled all the same.
    for node in checked:
        if node.get("root_device"):
            hints.parse(node["root_device"], node=node["name"])
    # A clear password is encrypted only when it is stored; for the comparison it stays what it is.
    passwords = {node["name"]: (node.get("bmc") or {}).get("password") for node in checked}
    for password in passwords.values():
        if call.vault_encrypt is None or isinstance(password, dict):
            credentials.reference(password, call.vault_encrypt)
    results = []
    # One transaction: when a node is refused, nothing of the file is enrolled.
    with engine.begin() as connection:
        for node in checked:
            password = passwords[node["name"]]
            changed, before, after = nodes.upsert(
                connection, node, credentials.reference(password, call.vault_encrypt),
                same_credential=lambda old, new, password=password: _same(call, old, new, password),
                check=lambda connection, old, changing: _check_change(call, connection, old, changing), check_mode=call.check_mode)
            results.append({"name": node["name"], "changed": changed, "before": before, "after": after})
    return _result(results)


def _passwords(found):
    """Every clear password in a record, also where it stands in the wrong place."""
    if isinstance(found, dict):
        if isinstance(found.get("password"), str):
            yield found["password"]
        found = list(found.values())
    if isinstance(found, list):
        for item in found:
            yield from _passwords(item)


def _same(call, old, new, password):
    if old is None or new is None or isinstance(password, dict):
        return old == new
    if old == new or set(old) != {"vault"}:
        return old == new
    try:
        # Two ciphertexts of one password differ.
        return credentials.resolve(old, call) == password
    except BaremetalError:
        # It was encrypted with a secret that is not at hand any more: the new one takes its place.
        return False


def _check_change(call, connection, old, changing):
    if old is not None:
        locks.refuse_others(connection, old["name"], call.controller)
        guards.check_change(old, changing)


def _check_removal(call, connection, node):
    locks.refuse_others(connection, node["name"], call.controller)
    guards.check_removal(node)


def _remove(call, engine, records):
    results = []
    with engine.begin() as connection:
        for record in records:
            if not isinstance(record.get("name"), str):
                raise BaremetalError("a node to be removed has no name", stage="removal", cure="give every node its name")
            removed = nodes.remove(
                connection, record["name"], check=lambda connection, node: _check_removal(call, connection, node), check_mode=call.check_mode)
            results.append({"name": record["name"], "changed": removed, "before": {"enrolled": removed}, "after": {"enrolled": False}})
    return _result(results)


def _result(results):
    changed = [result for result in results if result["changed"]]
    return {
        "changed": bool(changed),
        "nodes": [{"name": result["name"], "changed": result["changed"]} for result in results],
        "diff": [
            {"before_header": result["name"], "after_header": result["name"], "before": _differing(result, "before"),
             "after": _differing(result, "after")}
            for result in changed
        ],
    }


def _differing(result, side):
    return {key: value for key, value in result[side].items() if result["before"].get(key) != result["after"].get(key)}


DOOR = Door(
    argument_spec={
        **REGISTRY,
        "nodes": {"type": "list", "elements": "dict", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
