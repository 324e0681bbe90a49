# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that runs from the network: the real playbooks on simulated nodes, whose disks nobody may touch."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab

BOOT = {"diskless_kernel": "images/compute/vmlinuz", "diskless_initrd": "images/compute/initrd.img", "diskless_kernel_arguments": "ip=dhcp quiet"}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(1) as site:
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        # A machine without a disk needs no hints; nothing is cleaned then.
        del described["nodes"][0]["root_device"]
        described["nodes"][0]["automated_clean"] = False
        hardware.write_text(json.dumps(described))
        for verb in ("enroll", "provide"):
            code, output = site.play(verb)
            assert code == 0, output
        folder = site.boot_root / "http/images/compute"
        folder.mkdir(parents=True)
        for name in ("vmlinuz", "initrd.img"):
            (folder / name).write_text("x")
        site.fill_disk("node1", {"data": "of somebody"})
        yield site


def record(site):
    return nodes.get(open_registry(site.registry), "node1")


def play(site, verb, *arguments, **variables):
    code, output = site.play(verb, *arguments, "-e", json.dumps({**BOOT, **variables}))
    return code, " ".join(output.split())


def script(site):
    return site.boot_root / "http/node" / record(site)["boot_mac"].replace(":", "-") / "boot.ipxe"


def disk(site):
    with open(site.boot_root / "machines" / f"{site.address('node1')}.disk", "rb") as file:
        return hashlib.sha256(file.read(1 << 20)).hexdigest()


def test_a_node_runs_from_the_network_and_its_disk_is_untouched(site):
    before = disk(site)
    code, output = play(site, "diskless", diskless_initrd="images/compute/none.img")
    assert code != 0 and "the initrd is not on the boot server" in output and record(site)["provision_state"] == "deploy failed"
    code, output = play(site, "diskless", "--check", "--diff")
    assert code == 0 and record(site)["provision_state"] == "deploy failed", output
    code, output = play(site, "diskless")
    assert code == 0, output
    node = record(site)
    assert (node["provision_state"], node["lock"], node["power_state"], node["instance"]["image"]) == ("active", None, "on", "images/compute/vmlinuz")
    assert site.runs("node1") == "network" and disk(site) == before
    # For the next boot, and the one after that.
    assert "stage=initrd" in script(site).read_text()
    code, output = play(site, "diskless")
    assert code == 0 and "changed=0" in output, output


def test_something_else_needs_a_rebuild(site):
    instance = record(site)["instance"]
    code, output = play(site, "diskless", diskless_kernel_arguments="debug")
    assert code != 0 and "the node runs something else, images/compute/vmlinuz" in output and "ask for a rebuild (diskless_verb, install_verb)" in output
    code, output = play(site, "diskless", diskless_kernel_arguments="debug", diskless_verb="rebuild")
    assert code == 0 and " debug ||" in script(site).read_text(), output
    after = record(site)["instance"]
    assert after["uuid"] == instance["uuid"] and after["image_digest"] != instance["image_digest"]


def test_it_cannot_be_rescued(site):
    before = record(site)
    code, output = play(site, "rescue")
    assert code != 0 and "the node runs from the network" in output and record(site) == before


def test_a_service_leaves_its_boot_files_where_they_are(site):
    code, output = play(site, "service", service_steps=[{"step": "bios.apply_configuration", "args": {"settings": {"NoSuch": "1"}}}])
    assert code != 0 and record(site)["provision_state"] == "service failed" and script(site).exists(), output
    code, output = play(site, "abort")
    assert code == 0 and record(site)["provision_state"] == "active" and script(site).exists(), output
    code, output = play(site, "service", service_steps=[{"step": "hold"}])
    assert code == 0 and record(site)["provision_state"] == "service hold", output
    code, output = play(site, "abort")
    assert record(site)["provision_state"] != "service hold" and script(site).exists(), output


def test_undeploy_takes_its_boot_files_away(site):
    before = disk(site)
    code, output = play(site, "undeploy")
    assert code == 0, output
    assert (record(site)["provision_state"], record(site)["instance"]) == ("available", None)
    assert not script(site).exists() and disk(site) == before
