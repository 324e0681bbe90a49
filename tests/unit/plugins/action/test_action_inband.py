# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine that cannot be reached, by the real programs of Ansible and OpenSSH."""

from __future__ import annotations

import os
import pathlib
import socket
import subprocess
import sys
import types

import pytest
import yaml
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.rackwright.baremetal.plugins.action import inband
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

ROOT = pathlib.Path(_errors.__file__).parents[5]


def test_a_machine_that_is_gone_is_a_failure_that_a_rescue_sees(tmp_path):
    with socket.socket() as nobody:
        # Bound and not listened on: nothing else gets the port, and nobody answers.
        nobody.bind(("127.0.0.1", 0))
        play = {
            "hosts": "all", "gather_facts": False, "remote_user": "root",
            "vars": {"ansible_host": "127.0.0.1", "ansible_port": nobody.getsockname()[1]},
            "tasks": [{
                "block": [{"rackwright.baremetal.hardware_info": {"connect_timeout": 2}}],
                "rescue": [{"ansible.builtin.debug": {"msg": "SEEN {{ ansible_failed_result.msg }}"}}],
            }],
        }
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        run = subprocess.run(
            [pathlib.Path(sys.executable).parent / "ansible-playbook", "-i", "node1,", tmp_path / "play.yml"], cwd=tmp_path, capture_output=True, text=True,
            timeout=120, check=False, env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT), "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"})
    told = " ".join(run.stdout.split())
    assert run.returncode == 0, run.stdout + run.stderr
    assert "SEEN node1: hardware_info: no SSH connection to root@127.0.0.1 within 2 s. Seen: " in told and "Connection refused" in told
    assert "To do: look at the machine's console" in told and "unreachable=0" in told and "rescued=1" in told


@pytest.mark.parametrize("name, error, told", [
    ("instance_proof", "debian@192.0.2.11: Permission denied (publickey).", True), ("instance_proof", "Connection refused", False),
    ("hardware_info", "root@192.0.2.11: Permission denied (publickey).", False),
])
def test_a_system_with_another_user_is_told_by_the_variable_that_names_it(name, error, told):
    connection = types.SimpleNamespace(transport="ssh", get_option={"host": "192.0.2.11"}.get)
    action = types.SimpleNamespace(_connection=connection, _play_context=types.SimpleNamespace(remote_user="debian"))
    lost = inband.ActionModule._lost(action, "node1", name, AnsibleConnectionFailure(error), 1800, 1800)
    assert ("deploy_user" in lost["msg"]) == told and lost["msg"].startswith(f"node1: {name}: no SSH connection to debian@192.0.2.11 within 1800 s")


def test_what_a_machine_tells_names_its_node(monkeypatch):
    shown = []
    monkeypatch.setattr(inband.Display, "warning", lambda display, text: shown.append(text))
    result = inband.ActionModule._named("node1", {"failed": True, "msg": "no disk", "machine_warnings": ["one", "two"]})
    assert result == {"failed": True, "msg": "node1: no disk"} and shown == ["node1: one", "node1: two"]
    assert inband.ActionModule._named("node1", {"changed": True}) == {"changed": True}
