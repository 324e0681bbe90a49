# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The networks and the variables of examples/site, through the real programs of Ansible, from declared networks to the address of a host."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

COLLECTION = pathlib.Path(_errors.__file__).parents[2]
HARDWARE = """
nodes:
  - {name: server1, driver: manual, address: 192.0.2.100}
  - {name: server2, driver: manual}
"""


@pytest.fixture
def ansible(tmp_path):
    shutil.copytree(COLLECTION / "examples" / "site", tmp_path / "site")
    (tmp_path / "site" / "hardware.yml").write_text(HARDWARE)

    def ansible(program, *arguments, fails=False):
        environment = {name: value for name, value in os.environ.items() if name not in ("RACKWRIGHT_REGISTRY", "ANSIBLE_INVENTORY")}
        run = subprocess.run(
            [os.path.join(os.path.dirname(sys.executable), program), *arguments], cwd=tmp_path / "site", capture_output=True, text=True, timeout=600,
            check=False, env={**environment, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOME": str(tmp_path)})
        assert (run.returncode != 0) is fails, run.stdout + run.stderr
        assert "Traceback" not in run.stdout + run.stderr
        return run.stdout + run.stderr
    return ansible


def test_networks_of_the_example_and_nodes_without_addresses(ansible):
    assert "no network boot" in ansible("ansible-playbook", "enroll.yml", fails=True)
    assert "changed=1" in ansible("ansible-playbook", "networks.yml", "--diff")
    assert "changed=0" in ansible("ansible-playbook", "networks.yml", "--check")
    assert "changed=1" in ansible("ansible-playbook", "enroll.yml")
    # What the boot server serves is what is declared.
    told = ansible("ansible", "boot1", "-m", "ansible.builtin.debug", "-a",
                   "msg={{ [hostvars.server1.ansible_host, hostvars.server2.ansible_host, boot_server_network, boot_server_gateway] | to_json }}")
    assert json.loads(json.loads(told.partition("=>")[2])["msg"]) == ["192.0.2.100", "192.0.2.101", "192.0.2.0/24", "192.0.2.254"]
    # One is not wanted any more, and another one takes its place; all of it or nothing. One that a node was given an address of stays.
    private, boot = {"name": "private", "state": "absent"}, {"name": "boot", "state": "absent"}
    successor, wrong = {"name": "private2", "type": "tenant", "cidr": "198.51.100.128/25"}, {"name": "x", "type": "tenant", "cidr": "192.0.2.0/25"}

    def networks(*declared, check=False, **how):
        return ansible("ansible-playbook", "networks.yml", *(["--check"] if check else []), "-e", json.dumps({"networks_declared": declared}), **how)

    assert "network boot: nodes have addresses of it" in networks(successor, private, boot, fails=True)
    assert "overlap" in networks(wrong, private, fails=True)
    assert "private is declared, and to be removed as well" in networks({**successor, "name": "private"}, private, fails=True)
    assert "changed=1" in networks(successor, private, check=True)
    assert "changed=1" in networks(successor, private)
    assert "changed=0" in networks(successor, private)
    # The role refuses a gateway for IPv6.
    networks = json.dumps({"networks_declared": [{"name": "boot", "type": "provisioning", "cidr": "2001:db8:1::/64", "gateway": "2001:db8:1::fe"}]})
    told = ansible("ansible", "boot1", "-e", networks, "-m", "ansible.builtin.debug", "-a", "msg={{ [boot_server_network, boot_server_gateway] | to_json }}")
    assert json.loads(json.loads(told.partition("=>")[2])["msg"]) == ["2001:db8:1::/64", ""]
