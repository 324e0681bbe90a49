# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the preflight_report module."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile

from .._checks import FAIL, SKIPPED, check, worst
from .._door import Door
from .._errors import BaremetalError
from .._fleet.check_table import render

STAGE = "preflight"


def run(call):
    """Show the table, and write the file where one is named."""
    nodes = {name: _node(name, result) for name, result in call.params["nodes"].items()}
    hosts, users = {}, {}
    for entry in _entries(call.params["hosts"]):
        hosts.setdefault(entry["name"], []).extend(_host(entry))
        users.setdefault(entry["name"], set()).update(nodes if entry["nodes"] is None else entry["nodes"])
        for name, checks in (entry["result"].get("nodes") or {}).items():
            _add(nodes, name, checks)
    failed_hosts = [name for name, checks in hosts.items() if worst(checks) == FAIL]
    stopped = set().union(*(users[name] for name in failed_hosts))
    failed_nodes = [name for name, node in nodes.items() if node["status"] == FAIL or name in stopped]
    table = render(nodes, hosts)
    call.show(table)
    every = [item for checks in (*hosts.values(), *(node["checks"] for node in nodes.values())) for item in checks]
    report = {"status": worst(every), "nodes": nodes, "hosts": hosts, "failed_nodes": failed_nodes, "failed_hosts": failed_hosts}
    changed = False
    if call.params["path"]:
        changed = True
        if not call.check_mode:
            _write(pathlib.Path(call.params["path"]), json.dumps(report, indent=2) + "\n")
    return {"changed": changed, "table": table.splitlines(), **{key: report[key] for key in ("status", "failed_nodes", "failed_hosts")}}


def _node(name, result):
    """The part of a node's result that a report has; one that failed before anything could be looked at has its failure for a check."""
    if result.get("checks") is None:
        what = str(result.get("cause") or result.get("msg") or "nothing was looked at")
        seen, dummy, cure = what.partition(" To do: ")
        return {"status": FAIL, "rack": None, "machine": {}, "checks": [check("bmc", FAIL, seen, cure or None)]}
    return {key: result.get(key) for key in ("status", "rack", "machine", "checks")}


def _add(nodes, name, checks):
    """What was seen of a node from a host, beside what its BMC told. One host may not see what another does."""
    if name in nodes:
        both = [*nodes[name]["checks"], *checks]
        seen = {item["check"] for item in both if item["status"] != SKIPPED}
        nodes[name]["checks"] = [item for item in both if item["status"] != SKIPPED or item["check"] not in seen]
        nodes[name]["status"] = worst(nodes[name]["checks"])


def _entries(given):
    """One entry for each result; a loop has several, and its items say of which hosts they are."""
    for entry in given:
        loop = entry["result"].get("results")
        for result in [entry["result"]] if loop is None else loop:
            item = result.get("item") if isinstance(result.get("item"), dict) else {}
            found = {"name": entry.get("name") or item.get("name"), "nodes": item.get("nodes") if entry.get("nodes") is None else entry["nodes"]}
            if not found["name"]:
                raise BaremetalError("nothing says on which host it was looked", stage=STAGE, seen=f"the check {entry['check']} in hosts",
                                     cure="give name there, or in the items of the loop")
            yield {**entry, **found, "result": result}


def _host(entry):
    """The checks of a task on a host; what did not run at all is not told, what failed is a check that failed."""
    result = entry["result"]
    if result.get("checks") is not None:
        return result["checks"]
    if result.get("skipped"):
        return []
    seen, dummy, cure = str(result.get("msg") or "the task failed and did not say why").partition(" To do: ")
    return [check(entry["check"], FAIL, seen, cure or None)]


def _write(path, text):
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o644)
        os.replace(fresh, path)
    except OSError as error:
        raise BaremetalError("the report cannot be written", stage=STAGE, seen=f"{path}: {error.strerror}",
                             cure="correct the path, or the rights of its directory") from error


DOOR = Door(
    argument_spec={
        "nodes": {"type": "dict", "required": True},
        "hosts": {"type": "list", "elements": "dict", "default": [], "options": {
            "name": {"type": "str"}, "nodes": {"type": "list", "elements": "str"}, "check": {"type": "str", "required": True},
            "result": {"type": "dict", "required": True}}},
        "path": {"type": "path"},
    },
    run=run,
    names_node=False,
    controller_only=True,
)
