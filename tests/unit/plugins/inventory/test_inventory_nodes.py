# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The inventory plugin and the enrolment through the real programs of Ansible."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

ROOT = pathlib.Path(_errors.__file__).parents[5]
SECRET = "canary-s3cret"
HARDWARE = {"nodes": [
    {
        "name": "node1", "rack": "rack3", "driver": "ipmi", "address": "192.0.2.1", "resource_class": "small",
        "bmc": {"address": "198.51.100.1", "username": "operator", "password": SECRET}, "ports": [{"address": "52:54:00:00:00:01"}],
    },
    {"name": "node2", "rack": "rack4", "driver": "redfish", "bmc": {"address": "198.51.100.2", "password": {"env": "NODE2_BMC"}}, "owner": "lab"},
]}


@pytest.fixture
def site(tmp_path, monkeypatch):
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "nodes.yml").write_text("plugin: rackwright.baremetal.nodes\nregistry: sqlite:///../registry.db\n")
    (tmp_path / "hardware.yml").write_text(yaml.safe_dump(HARDWARE))
    (tmp_path / "vault").write_text("vault-s3cret\n")
    (tmp_path / "ansible.cfg").write_text("[inventory]\nany_unparsed_is_failed = true\n")
    for name in ("RACKWRIGHT_REGISTRY", "ANSIBLE_INVENTORY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def ansible(site, program, *arguments, fails=False, **environment):
    run = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), program), *arguments], cwd=site, capture_output=True, text=True, timeout=120,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT), "ANSIBLE_CONFIG": str(site / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
             "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_HOME": str(site / ".ansible"), **environment})
    assert (run.returncode != 0) is fails
    assert SECRET not in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    return run.stdout + run.stderr if fails else run.stdout


def enroll(site, *arguments, **more):
    return ansible(site, "ansible-playbook", "-i", "inventory", "rackwright.baremetal.enroll", "-e", f"enroll_hardware_file={site}/hardware.yml",
                   *arguments, **more)


def listed(site, **environment):
    return json.loads(ansible(site, "ansible-inventory", "-i", "inventory", "--list", **environment))


def plain(value):
    """The value without the marks that ansible-inventory puts on what is no template."""
    if isinstance(value, dict):
        return plain(value["__ansible_unsafe"]) if set(value) == {"__ansible_unsafe"} else {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_from_the_hardware_file_to_the_inventory(site):
    assert "node1" not in ansible(site, "ansible-inventory", "-i", "inventory", "--graph")
    assert not (site / "registry.db").exists()
    vault = ["--vault-password-file", str(site / "vault")]
    assert "changed=1" in enroll(site, *vault, "--check", "--diff", "-vvvv")
    assert "changed=1" in enroll(site, *vault, "-vvvv")
    assert "changed=0" in enroll(site, *vault)
    assert stat.S_IMODE((site / "registry.db").stat().st_mode) == 0o600
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in site.glob("registry.db*"))
    inventory = plain(listed(site))
    for group, members in {
            "baremetal": ["node1", "node2"], "rack3": ["node1"], "rack4": ["node2"], "provision_state_enroll": ["node1", "node2"],
            "resource_class_small": ["node1"], "driver_ipmi": ["node1"], "driver_redfish": ["node2"]}.items():
        assert inventory[group]["hosts"] == members
    variables = inventory["_meta"]["hostvars"]["node1"]
    assert variables["ansible_host"] == "192.0.2.1"
    assert variables["baremetal_registry"] == f"sqlite:///{site}/registry.db"
    assert variables["baremetal"] == nodes.get(open_registry(variables["baremetal_registry"]), "node1")
    assert "ansible_host" not in inventory["_meta"]["hostvars"]["node2"]
    assert "vault" not in json.dumps(inventory).lower()


def test_state_with_a_space_is_a_group_that_can_be_typed(site):
    enroll(site, "--vault-password-file", str(site / "vault"))
    with open_registry(f"sqlite:///{site}/registry.db").begin() as connection:
        connection.exec_driver_sql("UPDATE nodes SET provision_state = 'deploy failed' WHERE name = 'node1'")
    assert listed(site)["provision_state_deploy_failed"]["hosts"] == ["node1"]


def test_constructed_groups_and_registry_from_the_environment(site):
    enroll(site, "--vault-password-file", str(site / "vault"))
    (site / "inventory" / "nodes.yml").write_text(
        "plugin: rackwright.baremetal.nodes\nkeyed_groups:\n  - {key: baremetal.owner, prefix: owner}\ncompose:\n  bmc_host: baremetal.bmc.address\n")
    inventory = plain(listed(site, RACKWRIGHT_REGISTRY=f"sqlite:///{site}/registry.db"))
    assert inventory["owner_lab"]["hosts"] == ["node2"]
    assert inventory["_meta"]["hostvars"]["node2"]["bmc_host"] == "198.51.100.2"


def test_clear_password_without_a_vault_secret_is_refused(site):
    said = enroll(site, fails=True)
    assert "no vault secret" in said and "env: VARIABLE" in said
    assert "node1" not in ansible(site, "ansible-inventory", "-i", "inventory", "--graph")


def test_vaulted_hardware_file(site):
    ansible(site, "ansible-vault", "encrypt", "--vault-password-file", str(site / "vault"), str(site / "hardware.yml"))
    assert "changed=1" in enroll(site, "--vault-password-file", str(site / "vault"))


def test_relative_hardware_file_counts_from_where_the_command_is_typed(site):
    (site / "new").mkdir()
    (site / "new" / "more.yml").write_text("nodes:\n  - {name: node3, driver: manual}\n")
    # As the playbooks of examples/site do; the directory of neither playbook is the one meant.
    (site / "playbooks").mkdir()
    (site / "playbooks" / "enroll.yml").write_text("- ansible.builtin.import_playbook: rackwright.baremetal.enroll\n")

    def enroll_here(*arguments, **more):
        return ansible(site, "ansible-playbook", "-i", "inventory", "playbooks/enroll.yml", *arguments, **more)

    assert "changed=1" in enroll_here("-e", "enroll_hardware_file=new/more.yml")
    assert "changed=1" in enroll_here("--vault-password-file", str(site / "vault"))
    assert set(listed(site)["baremetal"]["hosts"]) == {"node1", "node2", "node3"}
    assert f"{site}/more.yml cannot be read" in enroll_here("-e", "enroll_hardware_file=more.yml", fails=True)


def test_duplicate_names_both_nodes(site):
    twice = {"nodes": [*HARDWARE["nodes"], {**HARDWARE["nodes"][1], "name": "node3"}]}
    (site / "hardware.yml").write_text(yaml.safe_dump(twice))
    said = enroll(site, "--vault-password-file", str(site / "vault"), fails=True)
    assert "node3: " in said and "node2" in said and "BMC" in said


@pytest.mark.parametrize(("text", "said"), [
    ("registry: postgresql+psycopg://rack:canary-s3cret@db.example.com/rack", "PGPASSFILE"),
    ("registry: carrierpigeon://loft", "cannot be used"),
    ("rack: x", "registry"),
])
def test_bad_inventory_file_stops_the_run(site, text, said):
    (site / "inventory" / "nodes.yml").write_text(f"plugin: rackwright.baremetal.nodes\n{text}\n")
    assert said in ansible(site, "ansible-inventory", "-i", "inventory", "--list", fails=True)
