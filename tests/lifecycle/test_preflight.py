# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deploy that asks for a preflight: the real playbooks on simulated nodes."""

from __future__ import annotations

import json
import sys

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._checks import FAIL, check
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import PASSWORD, lab, publish

BEGIN = "TASK [rackwright.baremetal.deploy : Begin to deploy the node]"


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(2) as site:
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        yield site


def test_a_deploy_leaves_out_the_node_that_failed_and_costs_nothing_without(site):
    site.simulator.faults("refuse_connections", index=1)
    code, output = site.play("deploy", "--check", "-e", "deploy_preflight=true", "-e", "preflight_server=")
    table, begin, deploy = output.partition(BEGIN)
    assert code == 2 and begin and PASSWORD not in output and "Traceback" not in output, output
    assert "rack1: 2 nodes, 1 fail, 1 ready" in table and "  FAIL bmc: node2: the BMC refused the connection." in table
    assert "fatal: [node2]" in table and "[node1]" in deploy and "fatal: [node2]" not in deploy
    # Without it there is no task more than there was.
    code, output = site.play("deploy", "--check")
    assert output.partition("PLAY [Deploy an image]")[0].count("TASK [") == 0 and "[WARNING]" not in output, output


def test_a_cache_that_fails_stops_its_own_nodes(site):
    """Its row is given here, as the boot server of this site would fail as well."""
    site.simulator.faults(index=1)
    dead = {"name": "cache1", "nodes": ["node2"], "check": "http", "result": {"checks": [check("http", FAIL, "nothing answers", "start it")]}}
    given = {"deploy_preflight": True, "preflight_server": "", "preflight__hosts": [dead]}
    code, output = site.play("deploy", "--check", "-e", json.dumps(given))
    table, begin, deploy = output.partition(BEGIN)
    assert code == 2 and begin and "  FAIL http: cache1: nothing answers." in table and "fatal: [node2]" in table, output
    assert "[node1]" in deploy and "[node2]" not in deploy, output


def test_a_boot_server_that_fails_stops_everybody(site):
    """And the cache of a rack is looked at as well."""
    site.simulator.faults(index=1)
    cache1 = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "boot_server_address": "127.0.0.1", "boot_server_http_port": 9,
              "boot_server_origin": "http://192.0.2.1:8080", "boot_server_root": str(site.directory / "cache")}
    (site.directory / "inventory/rack1.yml").write_text(json.dumps({"all": {"hosts": {"cache1": cache1, "node2": {"ramdisk_boot_cache": "cache1"}}}}))
    report = site.directory / "preflight.json"
    code, output = site.play("deploy", "--check", "-e", "deploy_preflight=true")
    assert code == 2 and BEGIN not in output, output
    assert "  FAIL http: boot1: the first boot script is not there." in output
    assert "Not fit for a deploy, as the table tells: boot1, cache1." in " ".join(output.split())
    assert "  FAIL http: cache1: nothing answers by HTTP at http://127.0.0.1:9." in output
    code, output = site.play("preflight", "-e", "preflight_warn_only=true", "-e", f"preflight_report_file={report}")
    found = json.loads(report.read_text())
    assert code == 0 and found["failed_hosts"] == ["boot1", "cache1"] and found["failed_nodes"] == ["node1", "node2"], output
    assert {item["check"]: item["status"] for item in found["hosts"]["cache1"]} == {"daemons": "fail", "http": "fail", "images": "skipped"}
