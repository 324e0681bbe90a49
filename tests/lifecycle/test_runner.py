# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbooks of examples/site as jobs of ansible-runner, which is what AWX has run its jobs: from hardware to a deployed node, a job that fails,
and one that is cancelled.
"""

from __future__ import annotations

import json
import shutil

import ansible_runner
import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import COLLECTIONS, IMAGE, PASSWORD, lab, publish

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator@example.com"
# What text questions of a survey give.
TEXTS = {"image": IMAGE["name"], "deploy_prove": "true", "deploy_pin_datasource": "false", "deploy_preflight": "no", "ramdisk_boot_evidence_keep": "3",
         "deploy_ssh_public_keys": f"{KEY}\n{KEY}\n", "ramdisk_boot_ssh_public_keys": KEY}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(1, boot_seconds=1) as site:
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        described["nodes"][0]["automated_clean"] = False
        hardware.write_text(json.dumps(described))
        project = site.directory / "runner" / "project"
        project.mkdir(parents=True)
        for playbook in (COLLECTIONS / "ansible_collections/rackwright/baremetal/examples/site").glob("*.yml"):
            shutil.copy(playbook, project)
        yield site


def job(site, playbook, *, cancel=None, **extra):
    """Run a job to its end; returns ansible-runner's result and what it printed."""
    environment = site.environment()
    result = ansible_runner.run(
        private_data_dir=str(site.directory / "runner"), playbook=f"{playbook}.yml", inventory=str(site.directory / "inventory"), quiet=True,
        extravars=extra, cancel_callback=cancel, settings={"pexpect_timeout": 0.2, "job_timeout": 900},
        envvars={name: value for name, value in environment.items() if name.startswith(("ANSIBLE_", "RACKWRIGHT_")) and name != "ANSIBLE_STDOUT_CALLBACK"})
    output = result.stdout.read()
    assert PASSWORD not in output
    return result, output


def record(site):
    return nodes.get(open_registry(site.registry), "node1")


def test_from_hardware_to_a_deployed_node_with_a_job_that_is_cancelled(site):
    for playbook, state in (("enroll", "enroll"), ("provide", "available")):
        result, output = job(site, playbook)
        assert (result.status, result.rc, record(site)["provision_state"]) == ("successful", 0, state), output
    publish(open_registry(site.registry), images)

    result, output = job(site, "deploy", **{**TEXTS, "image": "no-such-image"})
    assert (result.status, record(site)["provision_state"]) == ("failed", "available") and result.rc != 0, output
    assert any("there is no image no-such-image" in str(event.get("event_data", {}).get("res", {}).get("msg")) for event in result.events)

    result, output = job(site, "deploy", **TEXTS, cancel=lambda: record(site)["provision_state"] != "available")
    node = record(site)
    assert result.status == "canceled" and node["provision_state"] in ("deploying", "wait call-back") and node["lock"], output

    result, output = job(site, "deploy", **TEXTS)
    node = record(site)
    assert (result.status, result.rc) == ("successful", 0), output
    assert (node["provision_state"], node["lock"], node["last_error"]) == ("active", None, None)
    assert site.disk("node1")["whole"] and site.runs("node1") == "disk"
    # All that AWX keeps of a job.
    assert PASSWORD not in "".join(str(event) for event in result.events)
