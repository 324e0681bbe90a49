# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A site with steps of its own, on simulated nodes, and how playbooks run there."""

from __future__ import annotations

import contextlib
import json

from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish

# Out-of-band: it runs on the controller and writes down that it ran.
NOTE = {"name": "note", "role": "site_note", "verbs": ["clean", "deploy", "service"], "in_band": False,
        "options": {"text": {"type": "str", "required": True}, "fails": {"type": "bool", "default": False}}}
# In-band: the tasks that the collection itself brings for the ramdisk.
WIPE = {"name": "wipe", "role": "rackwright.baremetal.clean", "tasks_from": "erase_devices_metadata", "verbs": ["clean"]}
TASKS = [
    {"name": "Write it down", "ansible.builtin.lineinfile": {
        "path": "{{ inventory_dir }}/../notes-{{ inventory_hostname }}", "line": "{{ steps_args.text }} {{ steps_node.serial }}",
        "create": True, "mode": "0600"}},
    {"name": "Fail", "ansible.builtin.fail": {"msg": "as the step was asked to"}, "when": "steps_args.fails"},
]


@contextlib.contextmanager
def steps_site():
    """Nodes node1 to node8, manageable; the fourth has a template of steps."""
    with lab(8) as site:
        role = site.directory / "roles" / "site_note" / "tasks"
        role.mkdir(parents=True)
        (role / "main.yml").write_text(json.dumps(TASKS))
        settings = site.directory / "inventory" / "group_vars" / "all" / "steps.yml"
        settings.write_text(json.dumps({
            "steps_definitions": [NOTE, WIPE],
            "steps_runbooks": {"monthly": {"steps": [note("from the runbook")]}, "others": {"steps": [note("x")], "traits": ["CUSTOM_OTHER"]}},
            "steps_templates": {"CUSTOM_NOTED": [{**note("before the image"), "priority": 90}]},
        }))
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        described["nodes"][3].update(traits=["CUSTOM_NOTED"], network_data=network_data(described["nodes"][3]))
        hardware.write_text(json.dumps(described))
        code, output = site.play("enroll")
        assert code == 0, output
        publish(open_registry(site.registry), images)
        code, output = site.play("manage")
        assert code == 0, output
        yield site


def network_data(node):
    return {"links": [{"id": "nic0", "type": "phy", "ethernet_mac_address": node["ports"][0]["address"]}], "services": [],
            "networks": [{"id": "boot", "type": "ipv4", "link": "nic0", "ip_address": node["address"], "netmask": "255.255.0.0"}]}


def note(text, **more):
    return {"step": "note", "args": {"text": text, **more}}


def play(site, playbook, node, **variables):
    return site.play(playbook, "-l", node, "-e", json.dumps(variables), ANSIBLE_ROLES_PATH=str(site.directory / "roles"))


def record(site, name):
    return nodes.get(open_registry(site.registry), name)


def notes(site, node):
    path = site.directory / f"notes-{node}"
    return [line.rpartition(" ")[0] for line in path.read_text().splitlines()] if path.exists() else []
