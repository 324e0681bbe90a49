# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed deploy, cleaning or service leaves behind: the real playbooks on simulated nodes."""

from __future__ import annotations

import json
import re
import stat
import tarfile

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.tests.simulators.lab import PASSWORD, lab, publish
from sqlalchemy import update

# No ramdisk is waited for: the machines of these tests boot something else.
LATE = {"ramdisk_boot_timeouts": {"callback": 1}}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(3, boot_seconds=3) as site:
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        code, output = site.play("provide")
        assert code == 0, output
        yield site


@pytest.fixture(name="fail")
def _fail(site):
    """``fail(playbook, node, ...)``: the record of the node, and what the playbook printed on one line. By default the machine boots from its disk."""
    def run(playbook, node, fault="boot_override_ignored", **variables):
        index = site.names.index(node)
        site.simulator.faults(fault, index=index)
        code, output = site.play(playbook, "-l", node, "-e", json.dumps(variables))
        site.simulator.faults(index=index)
        assert code != 0 and PASSWORD not in output and "Traceback" not in output, output
        return nodes.get(open_registry(site.registry), node), " ".join(output.split())
    return run


def files(site, node):
    return sorted((site.directory / "evidence").glob(f"{node}-*"))


def contents(path):
    with tarfile.open(path) as tar:
        return {member.name.partition("/")[2]: tar.extractfile(member).read().decode() for member in tar.getmembers()}


def test_a_deploy_that_fails_keeps_what_the_bmc_tells(site, fail):
    node, output = fail("deploy", "node1", **LATE)
    (path,) = files(site, "node1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (node["provision_state"], node["lock"]) == ("deploy failed", None)
    assert re.search(rf"no call from the ramdisk.* Evidence is in {path} on \S+\.$", node["last_error"])
    assert f"Cause: {node['last_error']} When that is mended, run the same command again." in output
    texts = contents(path)
    assert "no call from the ramdisk" in json.loads(texts["index.json"])["error"] and PASSWORD not in str(texts)
    assert {"bmc/event_log.txt", "bmc/machine.json", "boot_server/http.txt"} <= set(texts)
    assert not (site.boot_root / "http/node" / node["boot_mac"].replace(":", "-")).exists()
    # The same command again.
    code, output = site.play("deploy", "-l", "node1")
    assert code == 0, output
    assert files(site, "node1") == [path]

    node, output = fail("undeploy", "node1", **LATE)
    assert (node["provision_state"], node["lock"], len(files(site, "node1"))) == ("clean failed", None, 2)
    assert "When that is mended, run the same command again." in output


def test_a_bmc_that_does_not_answer_leaves_the_rest(site, fail):
    node, dummy = fail("deploy", "node2", "blackhole", **LATE)
    (path,) = files(site, "node2")
    texts = contents(path)
    assert node["provision_state"] == "deploy failed" and f"Evidence is in {path} on " in node["last_error"]
    assert {"bmc/console", "bmc/machine", "bmc/event_log"} <= set(json.loads(texts["index.json"])["missing"]) and "boot_server/http.txt" in texts
    path.unlink()


def test_in_debug_mode_the_boot_files_stay_and_the_way_in_is_told(site, fail):
    node, output = fail("deploy", "node2", **LATE, baremetal_debug=True)
    assert (site.boot_root / "http/node" / node["boot_mac"].replace(":", "-") / "boot.ipxe").exists()
    assert "Its boot files stay in place, so that it boots the ramdisk again when it is reset; it has not called back yet." in output
    for path in files(site, "node2"):
        path.unlink()


@pytest.mark.parametrize("evidence", [{"ramdisk_boot_evidence_directory": "/dev/null/evidence"},
                                      {"ramdisk_boot_timeouts": {**LATE["ramdisk_boot_timeouts"], "evidence": 0}}],
                         ids=["cannot be written", "not wanted"])
def test_a_failure_is_recorded_without_evidence_too(site, fail, evidence):
    node, output = fail("deploy", "node2", **{**LATE, **evidence})
    assert (node["provision_state"], node["lock"]) == ("deploy failed", None)
    assert "Evidence" not in node["last_error"] and "To do: " in node["last_error"]
    assert f"Cause: {node['last_error']} When that is mended" in output
    assert not files(site, "node2")


def test_a_service_that_fails(site, fail):
    code, output = site.play("deploy", "-l", "node3")
    assert code == 0, output
    node, output = fail("service", "node3", service_steps=[{"step": "bios.apply_configuration", "args": {"settings": {"NoSuch": "1"}}}])
    (path,) = files(site, "node3")
    assert (node["provision_state"], node["lock"], node["maintenance"]) == ("service failed", None, True)
    assert f"Evidence is in {path} on " in node["last_error"] and f"Cause: {node['last_error']} When that is mended, run the same command again." in output


def test_a_retired_node_ends_when_its_disk_is_erased(site, fail):
    site.fill_disk("node2", {"image_digest": "of its last tenant"})
    with open_registry(site.registry).begin() as connection:
        connection.execute(update(NODES).where(NODES.c.name == "node2").values(provision_state="active"))
        nodes.set_flags(connection, "node2", {"retired": True})
    node, output = fail("undeploy", "node2", **LATE)
    assert node["provision_state"] == "clean failed" and site.disk("node2")
    assert "When that is mended, run the same command again." in output
    code, output = site.play("undeploy", "-l", "node2")
    assert code == 0, output
    node = nodes.get(open_registry(site.registry), "node2")
    assert (node["provision_state"], node["lock"], node["maintenance"], site.disk("node2")) == ("manageable", None, False, {})


def test_a_way_to_boot_that_leads_nowhere_is_followed_by_one_that_does():
    """The BMC takes the medium, and the machine does not boot it; the next way leads to the end, in the same run."""
    with lab(1) as site:
        described = site.boot_root / "http/ramdisk/current.json"
        described.with_name("boot.iso").write_bytes(bytes(9000))
        described.write_text(json.dumps({**json.loads(described.read_text()), "medium": {"path": "ramdisk/boot.iso", "config_offset": 0, "config_size": 8000}}))
        assert site.play("enroll")[0] == 0
        publish(open_registry(site.registry), images)
        assert site.play("provide")[0] == 0
        code, output = site.play("deploy", "-e", json.dumps({
            "ramdisk_boot_interfaces": ["redfish-virtual-media", "ipxe"], "ramdisk_boot_network": "198.18.0.0/15", "ramdisk_boot_timeouts": {"callback": 5}}))
        assert code == 0, output
        assert "node1: did not boot with redfish-virtual-media, and now ipxe is tried. node1: ramdisk: no call from the ramdisk" in " ".join(output.split())
        node = nodes.get(open_registry(site.registry), "node1")
        assert (node["provision_state"], node["last_error"], site.runs("node1"), site.disk("node1")["whole"]) == ("active", None, "disk", True)
        assert not list((site.boot_root / "http/node").iterdir())
