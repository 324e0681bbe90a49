# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the action plugin imports when, and which variables of a node it sees."""

from __future__ import annotations

import json
import subprocess
import sys
import types

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.rackwright.baremetal.plugins.action import controller
from ansible_collections.rackwright.baremetal.plugins.action.controller import ActionModule
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.plugin_utils import _doors

BMC = {"address": "192.0.2.11"}

# What a strategy does in the parent before each worker.
ASK_TWICE = """
import gc, json, os, sys
from ansible.plugins.loader import action_loader, init_plugin_loader
init_plugin_loader([])
seen = []
for unused in range(2):
    asked = action_loader.get("rackwright.baremetal.power", class_only=True).BYPASS_HOST_LOOP
    seen.append([asked, *(name in sys.modules for name in ("pyghmi", "sqlalchemy", "jsonschema"))])
before = gc.get_threshold()
if os.fork() == 0:
    # What it has of its parent it leaves alone, and of its own it makes much before it looks.
    seen += [gc.get_freeze_count() > 10000, gc.get_threshold()[0] // before[0] > 10, gc.get_threshold()[1:] == before[1:], gc.isenabled()]
    print(json.dumps(seen))
    sys.exit()
os.wait()
"""


def test_what_workers_share_is_there_before_the_second_one():
    done = subprocess.run([sys.executable, "-c", ASK_TWICE], check=True, capture_output=True, text=True)
    assert json.loads(done.stdout) == [[False, True, False, False], [False, True, True, True], True, True, True, True]


@pytest.fixture(name="site")
def _site():
    loader = DataLoader()
    inventory = InventoryManager(loader, sources="node1,")
    manager = VariableManager(loader, inventory)
    action = ActionModule(task=None, connection=None, play_context=None, loader=loader, templar=None, shared_loader_obj=None)
    hostvars = HostVars(inventory, manager, loader)
    return manager, inventory.get_host("node1"), lambda name: action._hostvars_of(name, {"hostvars": hostvars})


def test_a_variable_of_a_node_is_templated(site):
    _manager, host, variables_of = site
    host.set_variable("baremetal_bmc", BMC)
    assert variables_of("node1").get("baremetal_bmc") == BMC
    assert variables_of("node1").get("baremetal_registry") is None
    assert variables_of("node2") == {}


def test_a_fact_of_a_node_counts_as_a_variable(site):
    manager, host, variables_of = site
    manager.set_host_facts(host.name, {"baremetal_bmc": BMC})
    assert variables_of("node1").get("baremetal_bmc") == BMC
    assert constants.INJECT_FACTS_AS_VARS is True


@pytest.mark.parametrize("screen", range(5))
@pytest.mark.parametrize("log_file", range(5))
def test_lines_are_made_where_ansible_shows_or_logs_them(monkeypatch, screen, log_file):
    display, seen = controller.display, []
    monkeypatch.setattr(display, "verbosity", screen)
    monkeypatch.setattr(display, "log_verbosity", max(screen, log_file))
    for way in ("_verbose_display", "_verbose_log"):
        monkeypatch.setattr(display, way, lambda text, **_unused: seen.append(text))
    display.vvv("GET /redfish/v1/")
    assert controller._is_verbose() is bool(seen)


@pytest.mark.parametrize(("arguments", "text"), [
    ({"state": "on", "sate": "on"}, "node1: power: unsupported parameters: sate. Supported parameters include: bmc"),
    ({"state": "on", "bmc": {"adress": "192.0.2.11"}}, "node1: power: unsupported parameters: bmc.adress. Supported"),
    ({"state": "on", "timeout": "soon"}, "node1: power: argument 'timeout' is of type str"),
    ({}, "node1: power: missing required arguments: state"),
])
def test_arguments_that_are_wrong_are_called_so(arguments, text):
    action = ActionModule(task=types.SimpleNamespace(args=arguments), connection=None, play_context=None, loader=None, templar=None,
                          shared_loader_obj=None)
    action._name = "power"
    with pytest.raises(AnsibleActionFail, match=f"^{text}"):
        action._call(_doors.door("power"), {"inventory_hostname": "node1"})


def test_nothing_is_done_with_options_that_make_no_sense():
    action = ActionModule(task=types.SimpleNamespace(args={}), connection=None, play_context=None, loader=None, templar=None, shared_loader_obj=None)
    call = Call(params={"component": "bmc", "version": "", "timeout": 60}, node="node1")
    with pytest.raises(BaremetalError, match="the option version is empty"):
        action._perform(_doors.door("firmware"), call, {})


def test_where_a_delegated_module_was_at_a_bug_is_logged_and_not_returned(monkeypatch):
    action = ActionModule(task=None, connection=types.SimpleNamespace(_shell=types.SimpleNamespace(tmpdir=None)), play_context=None, loader=None,
                          templar=None, shared_loader_obj=None)
    action._name = "power"
    monkeypatch.setattr(action, "_execute_module", lambda **options: {"failed": True, "msg": "unexpected error", "traceback": "line 7"})
    monkeypatch.setattr(action, "_remove_tmp_path", lambda path: None)
    lines, facts = [], types.SimpleNamespace(to_hand_over=lambda addresses: {})
    call = Call(params={}, log=lines.append, breaker=types.SimpleNamespace(facts=facts))
    assert action._run_module(call, {}, {}) == {"failed": True, "msg": "unexpected error"} and lines == ["line 7"]
