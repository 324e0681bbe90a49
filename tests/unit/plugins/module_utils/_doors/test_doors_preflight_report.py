# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several tasks saw of the same node becomes one row."""

from __future__ import annotations

from ansible_collections.rackwright.baremetal.plugins.module_utils._checks import check
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.preflight_report import DOOR

FINE = {"status": "ok", "rack": None, "machine": {}, "checks": [check("bmc", "ok")]}
TAKEN = check("address", "fail", "its address is in use", "give it another one")


def report(result):
    nodes = {name: {**FINE, "checks": list(FINE["checks"])} for name in ("node1", "node2")}
    return DOOR.run(Call(params={"nodes": nodes, "path": None, "hosts": [{"name": "boot1", "check": "address", "result": result}]}))


def test_what_a_host_saw_of_a_node_fails_that_node():
    found = report({"checks": [check("address", "ok")], "nodes": {"node2": [TAKEN], "not-in-this-play": [TAKEN]}})
    assert (found["failed_nodes"], found["failed_hosts"], found["status"]) == (["node2"], [], "fail")
    assert "node2  ok   FAIL" in found["table"] and "node1  ok   -" in found["table"]


def test_a_task_that_failed_fails_everybody_and_one_that_was_skipped_nobody():
    assert report({"failed": True, "msg": "it broke"})["failed_nodes"] == ["node1", "node2"]
    assert report({"skipped": True})["failed_nodes"] == []
