# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspection, rescue and unrescue: the real playbooks on simulated nodes, killed here and there."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, inspections, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish

TENANT = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/ tenant@example.com"
STATES = {"rescue": "rescue", "unrescue": "active"}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(5) as site:
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        # One whose disks nobody knows yet, and one of which something is known that is not so.
        del described["nodes"][0]["root_device"], described["nodes"][0]["properties"]
        described["nodes"][1].update(root_device={"serial": "OTHER"}, properties={"cpus": 4})
        hardware.write_text(json.dumps(described))
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        yield site


@pytest.fixture(scope="module", name="active")
def _active(site):
    for verb in ("provide", "deploy"):
        code, output = site.play(verb, "-l", "node3,node4,node5")
        assert code == 0, output
    return site


def record(site, name):
    return nodes.get(open_registry(site.registry), name)


def runs(site, name):
    """What runs on the machine: ramdisk, disk or nothing."""
    return json.loads((site.boot_root / "machines" / f"{site.address(name)}.json").read_text())["runs"]


def boot_files(site, name):
    return site.boot_root / "http/node" / record(site, name)["boot_mac"].replace(":", "-")


def test_inspect(site):
    code, output = site.play("inspect", "-l", "node1", "--check")
    assert code == 0 and record(site, "node1")["provision_state"] == "enroll", output
    code, output = site.play("inspect", "-l", "node1,node2", "--diff")
    assert code == 0, output
    assert re.search(r"\+ +\"memory_mb\": 16384", output), output
    # The disks that there are, for whoever corrects the hints.
    assert "no disk matches the root device hints" in " ".join(output.split()) and "DISK0" in output
    known = {"memory_mb": 16384, "cpu_arch": "x86_64"}
    for name, cpus in (("node1", 8), ("node2", 4)):
        node = record(site, name)
        assert (node["provision_state"], node["power_state"], node["lock"], node["properties"]) == ("manageable", "off", None, {**known, "cpus": cpus})
        assert node["inspection_finished_at"] and not boot_files(site, name).exists()
    assert inspections.read(open_registry(site.registry), ["node1"])["node1"]["in-band"]["hardware"]["disks"][0]["serial"] == "DISK0"
    assert "DISK0" not in site.ansible("ansible-inventory", "--host", "node1")
    # The hardware file goes on to say what it says, and nothing of what was found is lost.
    code, output = site.play("enroll")
    assert code == 0 and "changed=0" in output, output


def test_inspect_out_of_band(site):
    """The BMC is asked, twice; the machine is left alone, and what was seen in-band stays. Rules see what was found."""
    rules = [{"name": "memory", "when": ["'DDR5' in hardware.dmi.memory_modules | map(attribute='type')", "node.rack == 'rack1'"],
              "traits": ["CUSTOM_DDR5"], "resource_class": {"expression": "'dimms' ~ hardware.dmi.memory_modules | length"}},
             {"name": "no", "when": "node.rack == 'rack2'", "fail": "another rack"}]
    begun = record(site, "node1")["power_state"]
    for _unused in range(2):
        code, output = site.play("inspect", "-l", "node1", "-e", json.dumps({"inspect_interface": "out-of-band", "inspect_rules": rules}), "--diff")
        assert code == 0 and "is not what it was" not in output, output
    node = record(site, "node1")
    assert (node["traits"], node["resource_class"]) == (["CUSTOM_DDR5"], "dimms2")
    assert (record(site, "node1")["provision_state"], record(site, "node1")["power_state"], runs(site, "node1")) == ("manageable", begun, None)
    found = inspections.read(open_registry(site.registry), ["node1"])["node1"]
    assert found["out-of-band"]["drift"] == [] and found["out-of-band"]["previous"]
    merged = inspections.hardware(found)
    assert [disk["serial"] for disk in merged["disks"]][0] == "DISK0" and merged["disks"][1]["model"] == "SIM-480"
    assert merged["dmi"]["memory_modules"][0]["size_mb"] == 131072
    rules[1].update(when="node.rack == 'rack1'")
    code, output = site.play("inspect", "-l", "node1", "-e", json.dumps({"inspect_interface": "out-of-band", "inspect_rules": rules}))
    assert code != 0 and (record(site, "node1")["provision_state"], record(site, "node1")["lock"]) == ("inspect failed", None)
    assert "another rack" in record(site, "node1")["last_error"]


# Each at the begin of: the interlock, the hand-over. Ctrl-C, and what a job that is cancelled gets.
@pytest.mark.parametrize(("boundary", "by"), [(8, "SIGKILL"), (11, "SIGKILL"), (8, "SIGINT"), (8, "SIGTERM")])
def test_inspect_killed_and_run_again(site, boundary, by):
    code, output = site.play("inspect", "-l", "node2", RACKWRIGHT_KILL_AT=str(boundary), RACKWRIGHT_KILL_WITH=by)
    assert code != 0 and "killed at the begin of" in output, output
    assert record(site, "node2")["lock"]
    code, output = site.play("inspect", "-l", "node2")
    assert code == 0, output
    node = record(site, "node2")
    assert (node["provision_state"], node["lock"], node["last_error"], runs(site, "node2")) == ("manageable", None, None, None)
    assert not boot_files(site, "node2").exists()


def test_inspect_that_fails(site):
    ramdisk = site.boot_root / "http/ramdisk/current.json"
    ramdisk.rename(ramdisk.with_suffix(".away"))
    code, output = site.play("inspect", "-l", "node1")
    ramdisk.with_suffix(".away").rename(ramdisk)
    assert code != 0
    node = record(site, "node1")
    assert (node["provision_state"], node["lock"], node["maintenance"]) == ("inspect failed", None, False)
    assert "run the same command again" in " ".join(output.split())
    code, output = site.play("inspect", "-l", "node1")
    assert code == 0, output
    assert record(site, "node1")["provision_state"] == "manageable"


def test_rescue_and_back(active):
    before = record(active, "node3")
    disk = active.disk("node3")
    code, output = active.play("rescue", "-l", "node3", "-e", json.dumps({"rescue_ssh_public_keys": [TENANT]}))
    assert code == 0, output
    told = " ".join(output.split())
    assert f"node3 runs the ramdisk: ssh root@{active.address('node3')}, with the host key ssh-ed25519 AAAA" in told
    node = record(active, "node3")
    assert (node["provision_state"], node["lock"], node["instance"]) == ("rescue", None, before["instance"])
    assert (runs(active, "node3"), active.disk("node3"), boot_files(active, "node3").exists()) == ("ramdisk", disk, False)

    code, output = active.play("unrescue", "-l", "node3")
    assert code == 0, output
    node = record(active, "node3")
    assert (node["provision_state"], node["lock"], node["instance"]) == ("active", None, before["instance"])
    assert (runs(active, "node3"), active.disk("node3")) == ("disk", disk)
    code, output = active.play("unrescue", "-l", "node3")
    assert code == 0 and "changed=0" in output, output


@pytest.mark.parametrize("check", [[], ["--check"]])
def test_keys_that_are_none_are_refused_before_the_node_is_touched(active, check):
    code, output = active.play("rescue", "-l", "node4", "-e", json.dumps({"rescue_ssh_public_keys": ["letmein"]}), *check)
    assert code != 0
    assert "rescue_ssh_public_keys: an SSH public key is not valid" in " ".join(output.split())
    assert (record(active, "node4")["provision_state"], runs(active, "node4")) == ("active", "disk")


def test_the_keys_of_both_are_let_in(active):
    """Killed while it waits, so that the boot files are seen; abort.yml ends it. The key is text, as a survey gives it."""
    code, output = active.play("rescue", "-l", "node4", "-e", json.dumps({"rescue_ssh_public_keys": TENANT}), RACKWRIGHT_KILL_AT="7")
    assert code != 0 and "killed at the begin of" in output
    operator = (active.directory / "id_ed25519.pub").read_text().strip()
    keys, = boot_files(active, "node4").rglob("authorized_keys")
    assert keys.read_text().splitlines() == [operator, TENANT]
    code, output = active.play("abort", "-l", "node4")
    assert code == 0, output
    assert (record(active, "node4")["provision_state"], boot_files(active, "node4").exists()) == ("rescue failed", False)
    code, output = active.play("unrescue", "-l", "node4")
    assert code == 0, output
    assert (record(active, "node4")["provision_state"], runs(active, "node4")) == ("active", "disk")


# Each at the begin of: the interlock, the hand-over, the reboot into the system.
@pytest.mark.parametrize(("verb", "boundary"), [("rescue", 8), ("rescue", 10), ("unrescue", 6)])
def test_killed_and_run_again(active, verb, boundary):
    if verb == "unrescue" and record(active, "node4")["provision_state"] == "active":
        code, output = active.play("rescue", "-l", "node4")
        assert code == 0, output
    disk, instance = active.disk("node4"), record(active, "node4")["instance"]
    code, output = active.play(verb, "-l", "node4", RACKWRIGHT_KILL_AT=str(boundary))
    assert code != 0 and "killed at the begin of" in output, output
    assert record(active, "node4")["lock"]
    code, output = active.play(verb, "-l", "node4")
    assert code == 0, output
    node = record(active, "node4")
    assert (node["provision_state"], node["lock"], node["last_error"], node["instance"]) == (STATES[verb], None, None, instance)
    assert (runs(active, "node4"), active.disk("node4")) == ("ramdisk" if verb == "rescue" else "disk", disk)
    assert not boot_files(active, "node4").exists()


def test_a_rescued_node_is_undeployed(active):
    for verb, state in (("rescue", "rescue"), ("undeploy", "available")):
        code, output = active.play(verb, "-l", "node5")
        assert code == 0, output
        assert record(active, "node5")["provision_state"] == state
    assert (record(active, "node5")["instance"], active.disk("node5"), runs(active, "node5")) == (None, {}, None)


def test_a_rescue_that_fails(active):
    ramdisk = active.boot_root / "http/ramdisk/current.json"
    ramdisk.rename(ramdisk.with_suffix(".away"))
    code, output = active.play("rescue", "-l", "node3")
    ramdisk.with_suffix(".away").rename(ramdisk)
    assert code != 0
    node = record(active, "node3")
    assert (node["provision_state"], node["lock"], runs(active, "node3")) == ("rescue failed", None, "disk")
    assert "ramdisk" in node["last_error"]
    assert "run the same command again, or unrescue.yml" in " ".join(output.split())
    code, output = active.play("unrescue", "-l", "node3")
    assert code == 0, output
    assert (record(active, "node3")["provision_state"], runs(active, "node3")) == ("active", "disk")
