# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module node. Private to the collection; may change at any time."""

from __future__ import annotations

import contextlib
import operator

from .._disk import hints
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import guards, locks
from .._registry import addresses, credentials, duplicates, nodes, schema
from ._options import REGISTRY
from ._registry_access import declaration, declared_registry


def run(call):
    """Enrol, update or remove nodes; every record is checked before the first one is written."""
    records = call.params["nodes"]
    hide_passwords(call, records)
    return _result(_remove(call, records) if call.params["state"] == "absent" else enrol(call, records))


def enrol(call, records, *, first=None, then=None):
    """Enrol nodes, or bring them to what their records say, all of them or none.

    :param records: list of dicts as a hardware file has them.
    :param first: function of the connection, before anything is written; raises BaremetalError when nothing must be.
    :param then: function of the connection, in the same transaction, when all of them are written.
    :returns: list of dicts with name, changed, before and after, in the order of the records.
    :raises BaremetalError: when one of them is refused; then nothing is written.
    """
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
        hints.skip_list(node.get("properties", {}).get("skip_block_devices", []), node=node["name"])
    # A clear password is encrypted only when it is stored; for the comparison it stays what it is.
    passwords = {node["name"]: (node.get("bmc") or {}).get("password") for node in checked}
    for name, password in passwords.items():
        if call.vault_encrypt is None or isinstance(password, dict):
            _reference(call, name, password)
    # Vault takes its time, and a transaction of SQLite keeps all other runs waiting.
    engine = declared_registry(call)
    seen = {name: bmc["credential"] for name, bmc in nodes.bmcs(engine, names).items()} if engine else {}
    prepared = {name: _kept_or_new(call, name, passwords[name], seen.get(name)) for name in names}
    results = {}
    with declaration(call) as connection:
        if first:
            first(connection)
        duplicates.refuse_names(connection, names)
        known = nodes.make_way(connection, checked)
        stored = nodes.read_bmcs(connection, names)
        # In the order in which everybody takes hold of several nodes.
        for node in sorted(checked, key=lambda node: node["name"]):
            name = node["name"]
            old = stored[name]["credential"] if name in stored else None
            if old != seen.get(name):
                prepared[name] = _kept_or_new(call, name, passwords[name], old)
            changed, before, after = nodes.upsert(
                connection, node, prepared[name], known=known, same_credential=operator.eq,
                check=lambda connection, old, changing: _check_change(call, connection, old, changing))
            results[name] = {"name": name, "changed": changed, "before": before, "after": after}
        # When all have what the hardware file gives them.
        for node in sorted(checked, key=lambda node: node["name"]):
            if call.params["provisioning_network"] and not results[node["name"]]["after"]["address"]:
                _give_address(call, connection, results[node["name"]])
        if then:
            then(connection)
    return [results[name] for name in names]


def _give_address(call, connection, result):
    """Give an address to boot with to a node that has none."""
    node = nodes.read(connection, result["name"], for_update=True)
    locks.refuse_others(connection, node["name"], call.controller)
    given = addresses.give(connection, node, call.params["provisioning_network"])[1]
    result.update(changed=True, after={**result["after"], "address": given})


def _reference(call, name, password):
    """What is stored for the password of a node's BMC."""
    try:
        return credentials.reference(password, call.vault_encrypt)
    except BaremetalError as error:
        raise error.at(node=name, stage="enrolment")


def hide_passwords(call, records):
    """Have no clear password of these records leave the call."""
    for password in _passwords(records):
        call.secret(password)


def _passwords(found):
    """Every clear password and key in a record, also where it stands in the wrong place."""
    if isinstance(found, dict):
        yield from (found[key] for key in ("password", "kg_key") if isinstance(found.get(key), str))
        found = list(found.values())
    if isinstance(found, list):
        for item in found:
            yield from _passwords(item)


def _kept_or_new(call, name, password, old):
    """The reference to a node's password: the stored one where it stands for the same, for two ciphertexts of one password differ."""
    if isinstance(password, str) and old and set(old) == {"vault"}:
        # One that was encrypted with a secret that is not at hand any more is replaced.
        with contextlib.suppress(BaremetalError):
            if credentials.resolve(old, call) == password:
                return old
    return _reference(call, name, password)


def _check_change(call, connection, old, changing):
    if old is not None:
        locks.refuse_others(connection, old["name"], call.controller)
        guards.check_change(old, changing)
        if "root_device" in changing and old["provision_state"] == "deploy failed" and old["instance"] and old["root_device"]:
            call.warn(f"{old['name']}: the deploy that failed may have written to the disk that the root device hints named, and cleaning erases "
                      "the disk that they name now. Where that is another one, undeploy the node before the hints change.")


def _check_removal(call, connection, node):
    locks.refuse_others(connection, node["name"], call.controller)
    guards.check_removal(node)


def _remove(call, records):
    results = []
    for record in records:
        if not isinstance(record.get("name"), str):
            raise BaremetalError("a node to be removed has no name", stage="removal", cure="give every node its name")
    with declaration(call) as connection:
        for record in sorted(records, key=lambda record: record["name"]):
            removed = nodes.remove(connection, record["name"], check=lambda connection, node: _check_removal(call, connection, node))
            results.append({"name": record["name"], "changed": removed, "before": {"enrolled": removed}, "after": {"enrolled": False}})
    return results


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
        "provisioning_network": {"type": "str"},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
