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
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import migrations, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

ROOT = pathlib.Path(_errors.__file__).parents[5]
SECRET = "canary-s3cret"
HARDWARE = {"nodes": [
    {
        "name": "node1", "rack": "rack3", "driver": "ipmi", "address": "192.0.2.1", "resource_class": "small",
        "bmc": {"address": "198.51.100.1", "username": "operator", "password": SECRET}, "ports": [{"address": "52:54:00:00:00:01"}],
    },
    {"name": "node2", "rack": "rack4", "driver": "redfish", "bmc": {"address": "198.51.100.2", "password": {"env": "NODE2_BMC"}}, "owner": "lab",
     "site": "fra-1", "traits": ["CUSTOM_GPU", "HW_CPU_X86_VMX"]},
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
        [os.path.join(os.path.dirname(sys.executable), program), *arguments], cwd=site, capture_output=True, text=True, timeout=600,
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


def test_check_mode_leaves_the_registry_of_an_older_release_as_it_is(site, monkeypatch):
    with monkeypatch.context() as released:
        released.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:2])
        open_registry(f"sqlite:///{site}/registry.db")
    before = (site / "registry.db").read_bytes()
    told = ansible(site, "ansible-playbook", "-i", "inventory", "rackwright.baremetal.manage", "--check", fails=True)
    assert "the registry has schema 0002 of an older release, and check mode does not change it" in " ".join(told.split())
    assert (site / "registry.db").read_bytes() == before
    assert "node1" not in ansible(site, "ansible-inventory", "-i", "inventory", "--graph")
    assert (site / "registry.db").read_bytes() != before


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
            "resource_class_small": ["node1"], "driver_ipmi": ["node1"], "driver_redfish": ["node2"],
            "site_fra_1": ["node2"], "trait_CUSTOM_GPU": ["node2"], "trait_HW_CPU_X86_VMX": ["node2"]}.items():
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
        "plugin: rackwright.baremetal.nodes\nkeyed_groups:\n  - {key: baremetal.owner, prefix: owner}\ncompose:\n  bmc_host: baremetal.bmc.address\n"
        "groups:\n  with_gpu: \"'CUSTOM_GPU' in baremetal.traits\"\n  of_somebody: baremetal.nothing.of_this.kind\n")
    inventory = plain(listed(site, RACKWRIGHT_REGISTRY=f"sqlite:///{site}/registry.db"))
    assert inventory["owner_lab"]["hosts"] == ["node2"]
    assert inventory["_meta"]["hostvars"]["node2"]["bmc_host"] == "198.51.100.2"
    # An expression that means nothing for a node makes no group of it, unless that is to be an error.
    assert inventory["with_gpu"]["hosts"] == ["node2"] and "of_somebody" not in inventory
    with (site / "inventory" / "nodes.yml").open("a") as file:
        file.write("strict: true\n")
    assert "of_somebody" in ansible(site, "ansible-inventory", "-i", "inventory", "--list", fails=True, RACKWRIGHT_REGISTRY=f"sqlite:///{site}/registry.db")


def write_inventory(site, **options):
    (site / "inventory" / "nodes.yml").write_text(yaml.safe_dump(
        {"plugin": "rackwright.baremetal.nodes", "registry": "sqlite:///../registry.db", **options}))


@pytest.mark.parametrize(("filters", "hosts"), [
    ([{"include": "baremetal.owner == 'lab'"}, {"exclude": True}], {"node2"}),
    ([{"exclude": "'CUSTOM_GPU' in baremetal.traits"}], {"node1"}),
    ([{"include": "inventory_hostname == 'node1'"}, {"exclude": "baremetal.rack is match('rack')"}], {"node1"}),
    ([{"exclude": "ansible_host is defined"}], {"node2"}),
    ([{"exclude": False}], {"node1", "node2"}),
    ([{"exclude": True}], set()),
])
def test_filters_decide_which_nodes_are_hosts(site, filters, hosts):
    enroll(site, "--vault-password-file", str(site / "vault"))
    write_inventory(site, filters=filters)
    inventory = listed(site)
    assert set(inventory["_meta"]["hostvars"]) == hosts
    # A group that only a node outside would be in is not made.
    assert ("rack3" in inventory) is ("node1" in hosts)


@pytest.mark.parametrize(("filters", "said"), [
    ([{"include": "baremetal.nothing.at_all"}], "include: baremetal.nothing.at_all, cannot be evaluated for node node1"),
    ([{"exclude": "baremetal.owner =="}], "cannot be evaluated"),
    ([{"include": "true", "exclude": "true"}], "exactly one of the keys include and exclude"),
    ([{"only": "true"}], "exactly one of the keys include and exclude"),
    ([{"include": ["a"]}], "exactly one of the keys include and exclude"),
])
def test_filter_that_makes_no_sense_stops_the_run(site, filters, said):
    enroll(site, "--vault-password-file", str(site / "vault"))
    write_inventory(site, filters=filters)
    assert said in " ".join(ansible(site, "ansible-inventory", "-i", "inventory", "--list", fails=True).split())


def test_cache_is_used_flushed_and_has_no_secret(site):
    enroll(site, "--vault-password-file", str(site / "vault"))
    write_inventory(site, cache=True, cache_plugin="ansible.builtin.jsonfile", cache_connection=str(site / "cache"))
    first = listed(site)
    with open_registry(f"sqlite:///{site}/registry.db").begin() as connection:
        connection.exec_driver_sql("UPDATE nodes SET provision_state = 'active' WHERE name = 'node1'")
    assert listed(site) == first
    fresh = json.loads(ansible(site, "ansible-inventory", "-i", "inventory", "--list", "--flush-cache"))
    assert fresh["provision_state_active"]["hosts"] == ["node1"]
    assert listed(site) == fresh
    cached = b"".join(path.read_bytes() for path in (site / "cache").iterdir())
    assert b"node2" in cached and b"VAULT" not in cached and SECRET.encode() not in cached and b"NODE2_BMC" not in cached


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


def test_backup_restore_and_export(site):
    def play(name, *arguments, **more):
        return ansible(site, "ansible-playbook", "-i", "inventory", f"rackwright.baremetal.registry_{name}", *arguments, **more)

    enroll(site, "--vault-password-file", str(site / "vault"))
    before = listed(site)
    assert "changed=1" in play("backup")
    (saved,) = (site / "registry-backups").iterdir()
    restore = ["-e", f"registry_restore_file=registry-backups/{saved.name}"]
    assert "changed=0" in play("restore", *restore)
    ansible(site, "ansible", "-i", "inventory", "localhost", "-m", "rackwright.baremetal.node", "-a", '{"state": "absent", "nodes": [{"name": "node1"}]}')
    assert listed(site) != before
    assert "changed=1" in play("restore", *restore, "--check", "--diff")
    assert "changed=1" in play("restore", *restore)
    assert listed(site) == before
    assert len(list((site / "registry-backups").iterdir())) == 2
    # Texts that came from elsewhere stay texts when the export is enrolled.
    with open_registry(f"sqlite:///{site}/registry.db").begin() as connection:
        nodes.set_flags(connection, "node1", {"retired": True, "retired_reason": f"{{{{ lookup('pipe', 'touch {site}/ran') }}}}"})
        connection.exec_driver_sql("UPDATE nodes SET last_error = 'the BMC says {{ this }}'")
    assert "changed=1" in play("export")
    assert "changed=0" in play("export")
    assert "changed=0" in enroll(site, "-e", f"enroll_hardware_file={site}/nodes.json")
    assert not (site / "ran").exists()


FILES = pathlib.Path(__file__).parents[1] / "module_utils" / "_registry" / "files"


def test_files_of_other_programs(site):
    vault = ["--vault-password-file", str(site / "vault")]
    ironic = ["-e", f"enroll_hardware_file={FILES}/ironic_nodes.json", "-e", f"enroll_ports_file={FILES}/ironic_ports.json",
              "-e", json.dumps({"enroll_bmc_password": {"env": "BMC_PASSWORD"}})]
    for file in (["-e", f"enroll_hardware_file={FILES}/hardware.csv"], ["-e", f"enroll_hardware_file={FILES}/bifrost_nested.json"],
                 ["-e", f"enroll_hardware_file={FILES}/bifrost_flat.yml"], ironic):
        assert "changed=1" in enroll(site, *vault, *file, "-vvv")
        assert "changed=0" in enroll(site, *vault, *file)
    hosts = plain(listed(site))["_meta"]["hostvars"]
    assert {"csv1", "csv2", "rack1-node1", "rack1-node2", "web1"} < set(hosts)
    assert hosts["web1"]["baremetal"]["boot_mac"] == "52:54:00:21:00:02"
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in site.glob("registry.db*"))
    assert nodes.credential(open_registry(f"sqlite:///{site}/registry.db"), "web1") == {"env": "BMC_PASSWORD"}


def test_expressions_in_a_hardware_file_and_in_no_other(site):
    (site / "hardware.yml").write_text("nodes:\n  - {name: node1, driver: manual, description: \"{{ 'forty' ~ 2 }}\"}\n")
    (site / "ironic.yml").write_text("n2: {driver: manual-management, description: \"{{ 'forty' ~ 2 }}\"}\n")
    enroll(site)
    enroll(site, "-e", f"enroll_hardware_file={site}/ironic.yml")
    registry = open_registry(f"sqlite:///{site}/registry.db")
    assert [record["description"] for record in nodes.list_nodes(registry)] == ["{{ 'forty' ~ 2 }}", "forty2"]


@pytest.mark.parametrize(("text", "said"), [
    (f"nodes: [{{name: node1, bmc: {{password: {SECRET}}}\n", "hardware.yml cannot be read"),
    ("nodes: 7\n", "has no list of nodes"),
    ("", "has no list of nodes"),
])
def test_file_that_is_none_says_so(site, text, said):
    (site / "hardware.yml").write_text(text)
    assert said in " ".join(enroll(site, fails=True).split())


def test_duplicate_names_both_nodes(site):
    twice = {"nodes": [*HARDWARE["nodes"], {**HARDWARE["nodes"][1], "name": "node3"}]}
    (site / "hardware.yml").write_text(yaml.safe_dump(twice))
    said = enroll(site, "--vault-password-file", str(site / "vault"), fails=True)
    assert "node3: " in said and "node2" in said and "BMC" in said


def test_an_inventory_has_one_registry(site):
    (site / "inventory" / "lab.nodes.yml").write_text("plugin: rackwright.baremetal.nodes\nregistry: sqlite:///../lab.db\n")
    said = " ".join(ansible(site, "ansible-inventory", "-i", "inventory", "--list", fails=True).split())
    assert "Another file of this inventory has set baremetal_registry" in said and "lab.db" in said and "/registry.db" in said
    (site / "inventory" / "lab.nodes.yml").write_text("plugin: rackwright.baremetal.nodes\nregistry: sqlite:///../registry.db\n")
    listed(site)


@pytest.mark.parametrize(("text", "said"), [
    ("registry: postgresql+psycopg://rack:canary-s3cret@db.example.com/rack", "PGPASSFILE"),
    ("registry: carrierpigeon://loft", "cannot be used"),
    ("rack: x", "registry"),
])
def test_bad_inventory_file_stops_the_run(site, text, said):
    (site / "inventory" / "nodes.yml").write_text(f"plugin: rackwright.baremetal.nodes\n{text}\n")
    assert said in ansible(site, "ansible-inventory", "-i", "inventory", "--list", fails=True)
