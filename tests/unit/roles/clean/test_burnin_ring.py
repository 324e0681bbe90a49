# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which node sends to which one in a burn-in of the network."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

COLLECTION = pathlib.Path(_errors.__file__).parents[2]
# Two batches; the second one is not to send to the first one, which has ended then.
PARTNERS = {"node1": "node2", "node2": "node1", "node3": "node4", "node4": "node3"}


def test_each_batch_is_a_ring_of_its_own(tmp_path):
    hosts = {name: {"ansible_connection": "local", "ramdisk_boot_callback": {"address": name}, "partner": partner} for name, partner in PARTNERS.items()}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts}}))
    play = {"hosts": "all", "gather_facts": False, "serial": 2, "vars_files": [str(COLLECTION / "roles/clean/vars/main.yml")],
            "vars": {"steps_step": {"number": 3}},
            "tasks": [{"ansible.builtin.group_by": {"key": "burnin_network_3"}},
                      {"ansible.builtin.assert": {"that": "clean__partner == partner", "fail_msg": "{{ clean__partner }}"}}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    (tmp_path / "ansible.cfg").write_text("")
    done = subprocess.run(
        [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "-i", "inventory.json", "play.yml"],
        cwd=tmp_path, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600,
        env={**os.environ, "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path / ".ansible")})
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("All assertions passed") == len(PARTNERS)
