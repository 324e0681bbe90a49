# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Verbs other than a deploy, on a node whose deploys change its switch port: the real playbooks, and a role of the site as the switch, which writes down
what it is told and what the machine runs at that moment."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import network_rules, networks, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab
from sqlalchemy import update

NETWORKS = [{"name": "boot", "type": "provisioning", "cidr": "198.18.0.0/16", "vlan": 10},
            {"name": "web", "type": "tenant", "cidr": "198.51.100.0/24", "vlan": 20}]
MAC = "02-5a-00-00-ff-02"
OTHER = "{{ boot_server_root }}/http/node/" + MAC
RELEASES = "(releases | default(false)) and inventory_hostname == 'node1' and switch_port_wanted.vlan == 20"
SWITCH = [
    {"name": "Write it down", "ansible.builtin.lineinfile": {
        "path": "{{ inventory_dir }}/../switch-{{ inventory_hostname }}", "create": True, "mode": "0600", "insertafter": "EOF", "regexp": "^$", "line":
        "{{ switch_port_wanted.vlan }} {{ (lookup('file', machine, errors='ignore') | default('{}', true) | from_json).runs | default('nothing', true) }}"},
     "vars": {"machine": "{{ inventory_dir }}/../boot/machines/{{ baremetal.address }}.json"}},
    # Its own machine boots from another port.
    {"name": "Wait until the other node is to boot", "ansible.builtin.wait_for": {"path": OTHER + "/boot.ipxe", "timeout": 600}, "when": RELEASES},
    {"name": "Let the other node fetch its system", "ansible.builtin.shell": "echo '{{ fetched | to_json }}' >> {{ boot_server_root }}/log/http.log",
     "vars": {"fetched": {"epoch": "{{ now().timestamp() | string }}", "uri": f"/images/system/initrd?mac={MAC}&stage=initrd", "mac": MAC,
                          "client": "{{ hostvars.node2.baremetal.address }}", "status": 200, "complete": "OK"}}, "when": RELEASES},
    {"name": "Tell what was read back", "ansible.builtin.set_fact": {"switch_port_found": {"vlan": "{{ switch_port_wanted.vlan }}"}},
     "when": "switch_port_wanted.vlan != (silent_for | default(0))"},
]
NOTHING = [{"name": "Do nothing", "ansible.builtin.debug": {"msg": "in the ramdisk"}}]
BOOT = {"diskless_kernel": "images/system/kernel", "diskless_initrd": "images/system/initrd",
        "install_kernel": "images/system/kernel", "install_initrd": "images/system/initrd", "install_prove": False}


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(2) as site:
        for role, tasks in (("site_switch", SWITCH), ("site_work", NOTHING)):
            folder = site.directory / "roles" / role / "tasks"
            folder.mkdir(parents=True)
            (folder / "main.yml").write_text(json.dumps(tasks))
        files = site.boot_root / "http/images/system"
        files.mkdir(parents=True)
        for name in ("kernel", "initrd"):
            (files / name).write_text(name)
        (site.directory / "inventory" / "group_vars" / "all" / "switches.yml").write_text(json.dumps({
            **BOOT, "switch_port_switches": {"leaf1": {"interface": "site_switch", "host": "localhost"}},
            "steps_definitions": [{"name": "site.work", "role": "site_work", "verbs": ["service"]}],
            "deploy_network_layout": [{"name": "eth0", "port": "eth0", "networks": [{"network": "web", "tagged": False}]}],
            "deploy_steps": [{"step": "network.add_provisioning_network", "priority": 110}, {"step": "deploy.switch_to_tenant_network", "priority": 30}]}))
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        for number, node in enumerate(described["nodes"], 1):
            node["ports"][0].update(name="eth0", local_link_connection={"switch_info": "leaf1", "port_id": f"swp{number}"})
        described["nodes"][1]["ports"][0]["address"] = MAC.replace("-", ":")
        hardware.write_text(json.dumps(described))
        code, output = site.play("enroll")
        assert code == 0, output
        with open_registry(site.registry).begin() as connection:
            networks.declare(connection, [network_rules.normalise(network) for network in NETWORKS])
        yield site


def state_of(site, name):
    return nodes.get(open_registry(site.registry), name)["provision_state"]


def play(site, state, verb, *arguments, limit="node1"):
    """Run a verb on the node in that state.

    :returns: exit code and output.
    """
    (site.directory / "switch-node1").unlink(missing_ok=True)
    with open_registry(site.registry).begin() as connection:
        connection.execute(update(NODES).values(provision_state=state))
    return site.play(verb, "-l", limit, *arguments, ANSIBLE_ROLES_PATH=str(site.directory / "roles"))


def switched(site, *arguments, **more):
    """Run a verb on the node, see ``play``, that succeeds.

    :returns: provision state afterwards, and how its port was changed: VLAN, and what the machine ran.
    """
    code, output = play(site, *arguments, **more)
    assert code == 0, output
    path = site.directory / "switch-node1"
    return state_of(site, "node1"), path.read_text().splitlines() if path.exists() else []


def test_a_node_is_where_its_work_is(site):
    assert switched(site, "manageable", "inspect") == ("manageable", ["10 nothing"])
    # The installer itself runs in the provisioning network, and what it installed starts in the tenant's.
    assert switched(site, "available", "install") == ("active", ["10 nothing", "20 nothing"])
    assert site.runs("node1") == "disk" and "installed" in site.disk("node1")
    assert switched(site, "active", "rescue") == ("rescue", ["10 nothing"]) and site.runs("node1") == "ramdisk"
    assert switched(site, "rescue", "unrescue") == ("active", ["20 nothing"]) and site.runs("node1") == "disk"
    asked = json.dumps({"service_steps": [{"step": "site.work"}]})
    assert switched(site, "active", "service", "-e", asked) == ("active", ["10 nothing", "20 nothing"]) and site.runs("node1") == "disk"
    assert switched(site, "active", "undeploy") == ("available", ["10 nothing"])
    # It goes on running what it has fetched.
    assert switched(site, "available", "diskless") == ("active", ["10 nothing", "20 network"]) and site.runs("node1") == "network"


def test_a_node_that_runs_from_the_network_waits_for_no_other(site):
    # The second one comes when the first has left the provisioning network, and not before.
    asked = json.dumps({"releases": True, "diskless_timeout": 900})
    state, ports = switched(site, "available", "diskless", "-e", asked, limit="node1,node2")
    assert state == state_of(site, "node2") == "active"
    assert ports == ["10 nothing", "20 network"]


def test_a_node_is_off_when_its_switch_fails(site):
    for state, verb, silent_for, failed in (
            # The tenant's system must not go on running in the provisioning network.
            ("available", "diskless", 20, "deploy failed"),
            ("active", "rescue", 10, "rescue failed"),
            ("rescue", "unrescue", 20, "unrescue failed")):
        with open_registry(site.registry).begin() as connection:
            connection.execute(update(NODES).values(instance=None))
        code, output = play(site, state, verb, "-e", json.dumps({"silent_for": silent_for}))
        said = " ".join(output.split())
        assert code != 0 and "switch port swp1 of leaf1: it is not in the VLANs that it belongs into. Seen: nothing, the switch was not reached" in said
        assert state_of(site, "node1") == failed and site.runs("node1") is None, output
        # The next one has something to switch off.
        site.ansible("ansible", "node1", "-m", "rackwright.baremetal.power", "-a", "state=on")
