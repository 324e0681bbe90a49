# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run report: what it takes from results, and what a run of Ansible makes of it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._report import new_entry, note_result, table

ROOT = pathlib.Path(_errors.__file__).parents[5]


def answer(before, after):
    """What the module provision_state returns, as far as the report reads it."""
    node = {"address": "192.0.2.1", "instance": {"image": "debian-12"}, "last_error": None}
    return {"previous_state": before, "provision_state": after, "node": node}


def noted(before, after, *, check_mode):
    entry = new_entry("node1")
    assert note_result(entry, "provision_state", answer(before, after), 0.1, check_mode=check_mode)
    return entry


def test_state_that_is_only_foreseen_is_marked():
    entry = noted("available", "deploying", check_mode=True)
    assert (entry["provision_state"], entry["predicted_provision_state"], entry["check_mode"]) == ("available", "deploying", True)
    assert "  available -> deploying (check)  " in table([entry])
    entry = noted("active", "active", check_mode=True)
    assert (entry["provision_state"], entry["predicted_provision_state"]) == ("active", None)
    assert "  active (check)  " in table([entry])


def test_state_of_a_real_run_follows_the_node():
    entry = noted("available", "deploying", check_mode=True)
    note_result(entry, "provision_state", answer("deploying", "active"), 0.1)
    assert (entry["provision_state"], entry["predicted_provision_state"], entry["check_mode"]) == ("active", None, False)
    assert "check" not in table([entry]) and "->" not in table([entry])


def test_report_of_check_mode_tells_what_is(tmp_path):
    engine = open_registry(f"sqlite:///{tmp_path}/registry.db")
    with engine.begin() as connection:
        nodes.upsert(connection, schema.normalise({"name": "node1", "driver": "manual"}), None, same_credential=lambda old, new: old == new)
    (tmp_path / "nodes.yml").write_text("plugin: rackwright.baremetal.nodes\nregistry: sqlite:///registry.db\n")
    (tmp_path / "ansible.cfg").write_text("[defaults]\ncallbacks_enabled = rackwright.baremetal.run_report\n")
    (tmp_path / "play.yml").write_text(json.dumps([{
        "hosts": "baremetal", "gather_facts": False, "tasks": [{"rackwright.baremetal.provision_state": {"verb": "manage"}}]}]))

    def run(*arguments):
        done = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "nodes.yml", "play.yml", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=600, check=True,
            env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT), "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1",
                 "ANSIBLE_HOME": str(tmp_path / ".ansible"), "RACKWRIGHT_REPORT_FILE": "report.json"})
        report = json.loads((tmp_path / "report.json").read_text())
        (node,) = report["nodes"]
        return done.stdout, report["check_mode"], node["provision_state"], node["predicted_provision_state"]

    output, *facts = run("--check")
    assert facts == [True, "enroll", "verifying"]
    assert "enroll -> verifying (check)" in output
    output, *facts = run()
    assert facts == [False, "verifying", None]
    assert "(check)" not in output
