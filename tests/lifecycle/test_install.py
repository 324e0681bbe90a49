# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node that an installer installs: the real playbook on a simulated node, which acts as an installer of Debian that finds its preseed file."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab

INSTALL = {"install_kernel": "images/netboot/linux", "install_initrd": "images/netboot/initrd.gz"}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(1) as site:
        for verb in ("enroll", "provide"):
            code, output = site.play(verb)
            assert code == 0, output
        folder = site.boot_root / "http/images/netboot"
        folder.mkdir(parents=True)
        for name in ("linux", "initrd.gz"):
            (folder / name).write_text("x")
        yield site


def record(site):
    return nodes.get(open_registry(site.registry), "node1")


def resets(site):
    """What the BMC was asked to do with the power."""
    return [one["body"]["ResetType"]
            for one in site.simulator.requests(0) if one["method"] == "POST" and one["path"].endswith("ComputerSystem.Reset")]


def play(site, *arguments, **variables):
    code, output = site.play("install", *arguments, "-e", json.dumps({**INSTALL, **variables}))
    return code, " ".join(output.split())


def test_an_answer_file_that_is_not_valid_is_refused_before_the_node_is_touched(site, tmp_path):
    (tmp_path / "bad.j2").write_text("d-i a/b string canary\nnonsense-canary\n")
    before = record(site)
    code, output = play(site, install_template=str(tmp_path / "bad.j2"))
    assert code != 0 and "the preseed file is not valid" in output and "line 2" in output and "canary" not in output
    assert record(site) == before


def test_install(site):
    code, output = play(site, "--check", "--diff")
    assert code == 0 and record(site)["provision_state"] == "available", output
    code, output = play(site, "--diff")
    assert code == 0, output
    node = record(site)
    assert (node["provision_state"], node["lock"], node["instance"]["image"]) == ("active", None, "images/netboot/linux")
    # The installer switched the machine off when its last steps were done, and nobody before that.
    assert "RETRYING" in output and resets(site)[-2:] == ["On", "On"], resets(site)
    assert site.runs("node1") == "disk" and not (site.boot_root / "http/node" / node["boot_mac"].replace(":", "-")).exists()
    text = site.disk("node1")["installed"]
    # What was known only after the ramdisk had looked.
    assert "partman-auto/disk string /dev/disk/by-path/pci-0000:00:04.0\n" in text
    assert f"{node['boot_mac'].replace(':', '-')}/" in text and "placeholder" not in text
    assert "0000000000000000/" not in text and "ssh-ed25519 AAAA" in text
    # A diff tells no line of the file.
    assert "==> preseed.cfg" in output and "partman-auto" not in output
    code, output = play(site)
    assert code == 0 and "changed=0" in output, output


def test_another_answer_file_needs_a_rebuild(site):
    code, output = play(site, install_packages=["chrony"])
    assert code != 0 and "the node runs something else" in output and "install_verb" in output
    # As a survey gives them.
    keys = ["ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"]
    code, output = play(site, install_packages="chrony htop", install_ssh_public_keys="\n \n".join(keys) + "\n\n", install_verb="rebuild")
    assert code == 0 and all(f"echo '{key}' >>" in site.disk("node1")["installed"] for key in keys), output
    assert "echo ''" not in site.disk("node1")["installed"]
    assert "python3 chrony htop\n" in site.disk("node1")["installed"], output


def test_an_instance_stays_known_when_its_rebuild_fails(site):
    before = record(site)["instance"]["deployed_at"]
    code, output = play(site, install_kernel="images/netboot/none", install_verb="rebuild")
    assert code != 0 and "the kernel is not on the boot server" in output, output
    # By that a change of the root device hints is refused: what is cleaned must be what was written.
    assert record(site)["provision_state"] == "deploy failed" and record(site)["instance"]["deployed_at"] == before
    code, output = play(site, install_verb="rebuild")
    assert code == 0 and record(site)["instance"]["deployed_at"] > before, output


def test_a_kickstart_needs_an_installation_tree(site):
    before = record(site)
    code, output = play(site, install_kind="kickstart", install_verb="rebuild")
    assert code != 0 and "Anaconda would find no installation tree" in output and record(site) == before


def test_the_system_does_not_run_on_where_nothing_is_erased(site):
    code, output = site.play("undeploy", "-e", json.dumps({"steps_priorities": {"deploy.erase_devices_metadata": 0}}))
    assert code == 0, output
    node = record(site)
    assert (node["provision_state"], node["power_state"], node["instance"]) == ("available", "off", None) and site.disk("node1")
