# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What several tasks saw of the same node becomes one row."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._checks import check
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.preflight_report import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

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


def report_of_loop(*results, check_name="http"):
    """Results of a loop over hosts, each (host, its nodes, what was found)."""
    nodes = {name: {**FINE, "checks": list(FINE["checks"])} for name in ("node1", "node2")}
    found = [{"item": {"name": host, "nodes": users}, **result} for host, users, result in results]
    return DOOR.run(Call(params={"nodes": nodes, "path": None, "hosts": [{"name": None, "nodes": None, "check": check_name, "result": {"results": found}}]}))


def test_a_host_that_fails_fails_its_own_nodes():
    silent = {"checks": [check("http", "fail", "nothing answers", "start it")]}
    found = report_of_loop(("boot1", ["node1", "node2"], {"checks": [check("http", "ok")]}), ("cache3", ["node2"], silent))
    assert (found["failed_nodes"], found["failed_hosts"], found["status"]) == (["node2"], ["cache3"], "fail")
    assert "boot1        ok" in found["table"] and "cache3       FAIL" in found["table"] and "  FAIL http: cache3: nothing answers." in found["table"]
    # One that cannot be reached is no other.
    gone = {"failed": False, "msg": "no connection to cache3. To do: check that host."}
    assert report_of_loop(("boot1", ["node1"], {"skipped": True}), ("cache3", ["node2"], gone))["failed_nodes"] == ["node2"]


def test_a_node_is_seen_in_the_one_of_several_networks_that_is_its_own():
    elsewhere, well = check("address", "skipped", "it has no address in this network"), check("address", "ok")
    for first, second, shown in ((elsewhere, TAKEN, "FAIL"), (TAKEN, elsewhere, "FAIL"), (well, elsewhere, "ok"), (elsewhere, elsewhere, "-")):
        found = report_of_loop(*(("boot1", ["node1", "node2"], {"checks": [], "nodes": {"node1": [item]}}) for item in (first, second)), check_name="address")
        cells = next(line for line in found["table"] if line.startswith("node1")).split()[1:]
        assert (cells + ["-"])[1] == shown and (found["failed_nodes"] == ["node1"]) == (shown == "FAIL")


def test_a_result_of_nobody():
    with pytest.raises(BaremetalError, match="nothing says on which host it was looked"):
        DOOR.run(Call(params={"nodes": {"node1": FINE}, "path": None, "hosts": [{"name": None, "nodes": None, "check": "http", "result": {"checks": []}}]}))
