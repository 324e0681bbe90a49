# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deploy that asks for a preflight: the real playbooks on simulated nodes."""

from __future__ import annotations

import pytest
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


def test_a_boot_server_that_fails_stops_everybody(site):
    site.simulator.faults(index=1)
    code, output = site.play("deploy", "--check", "-e", "deploy_preflight=true")
    assert code == 2 and BEGIN not in output, output
    assert "  FAIL http: boot1: the first boot script is not there." in output
    assert "Not fit for a deploy, as the table tells: boot1." in " ".join(output.split())
