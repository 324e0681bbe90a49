# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A deploy and an undeploy whose steps change the switch port of a simulated node, on a real Open vSwitch with machines in both networks."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, network_rules, networks, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish
from ansible_collections.rackwright.baremetal.tests.simulators.switch import SCHEMA, open_vswitch
from sqlalchemy import update

NETWORKS = [{"name": "boot", "type": "provisioning", "cidr": "198.18.0.0/16", "vlan": 10},
            {"name": "web", "type": "tenant", "cidr": "198.51.100.0/24", "vlan": 20}]
LAYOUT = [{"name": "eth0", "port": "eth0", "networks": [{"network": "web", "tagged": False, "address": "198.51.100.11"}]}]
# What the machine's own frames reach at that moment, and what it runs.
PROBE = [
    {"name": "Send frames", "ansible.builtin.command":
     "ip netns exec {{ probe_space }} busybox ping -q -c 2 -W 5 {{ item }}",
     "loop": ["198.18.200.1", "198.51.100.1"], "register": "probe_sent", "failed_when": False, "changed_when": False},
    {"name": "Write it down", "ansible.builtin.lineinfile": {
        "path": "{{ inventory_dir }}/../probe", "create": True, "mode": "0600", "insertafter": "EOF", "line":
        "{{ steps_step.step }} {{ probe_sent.results | map(attribute='rc') | join(' ') }} "
        "{{ (lookup('file', machine, errors='ignore') | default('{}', true) | from_json).runs | default('nothing', true) }}"},
     "vars": {"machine": "{{ inventory_dir }}/../boot/machines/{{ steps_node.address }}.json"}},
]
STEPS = [{"name": f"probe.{name}", "role": "site_probe", "verbs": ["clean", "deploy"], "in_band": False} for name in ("ramdisk", "tenant")]


@pytest.fixture(scope="module", name="site")
def _site():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not Path(SCHEMA).exists():
        pytest.skip("Open vSwitch is not installed (Debian: openvswitch-switch)")
    with lab(1) as site, open_vswitch(node1=["198.18.0.1/16", "198.51.100.11/24"], boot=["198.18.200.1/16"], tenant=["198.51.100.1/24"]) as switch:
        switch.vsctl("set", "Port", "boot", "tag=10", "--", "set", "Port", "tenant", "tag=20", "--", "set", "Port", "node1", "tag=20")
        site.switch = switch
        role = site.directory / "roles" / "site_probe" / "tasks"
        role.mkdir(parents=True)
        (role / "main.yml").write_text(json.dumps(PROBE))
        inventory = site.directory / "inventory"
        (inventory / "switches.yml").write_text(json.dumps({"switches": {"hosts": {"leaf1": {
            "ansible_connection": "local", "ansible_python_interpreter": sys.executable}}}}))
        (inventory / "group_vars" / "all" / "switches.yml").write_text(json.dumps({
            # What answers at an address of the tenant is not simulated.
            "deploy_prove": False, "deploy_network_layout": LAYOUT, "steps_definitions": STEPS, "probe_space": switch.spaces["node1"],
            "switch_port_switches": {"rack1-leaf": {"interface": "openvswitch", "host": "leaf1"}},
            "steps_priorities": {"network.add_provisioning_network": 110, "probe.ramdisk": 105},
            "deploy_steps": [{"step": "network.add_provisioning_network", "priority": 110}, {"step": "probe.ramdisk", "priority": 100},
                             {"step": "deploy.switch_to_tenant_network", "priority": 30}, {"step": "probe.tenant", "priority": 20}]}))
        hardware = site.directory / "hardware.yml"
        described = json.loads(hardware.read_text())
        described["nodes"][0]["ports"][0].update(name="eth0", local_link_connection={"switch_info": "rack1-leaf", "port_id": "node1"})
        hardware.write_text(json.dumps(described))
        code, output = play(site, "enroll")
        assert code == 0, output
        engine = open_registry(site.registry)
        publish(engine, images)
        with engine.begin() as connection:
            networks.declare(connection, [network_rules.normalise(network) for network in NETWORKS])
            connection.execute(update(NODES).values(provision_state="available"))
        yield site


def play(site, playbook, *arguments):
    return site.play(playbook, *arguments, ANSIBLE_ROLES_PATH=str(site.directory / "roles"), **site.switch.environment)


def probes(site):
    """What the steps wrote down since the last time: their name, whether the machine reached the provisioning network and its tenant, what it ran."""
    path = site.directory / "probe"
    lines = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    path.unlink(missing_ok=True)
    return [(step, boot == "0", tenant == "0", runs) for step, boot, tenant, runs in lines]


def test_the_node_is_never_in_the_wrong_network(site):
    code, output = play(site, "deploy")
    assert code == 0, output
    # The image is on the disk, and nothing has started from it.
    assert probes(site) == [("probe.ramdisk", True, False, "nothing"), ("probe.tenant", False, True, "nothing")]
    assert site.runs("node1") == "disk" and site.disk("node1")
    node = nodes.get(open_registry(site.registry), "node1")
    assert (node["provision_state"], node["ports"][0]["local_link_connection"]["port_id"]) == ("active", "node1")

    # By hand: nobody who says nothing of it takes a running tenant into the provisioning network.
    code, output = play(site, "switch_port")
    assert code != 0 and "switch_port_network_type" in output, output
    provisioning = ("-e", "switch_port_network_type=provisioning")
    code, output = play(site, "switch_port", *provisioning)
    assert code != 0 and "it is active, and its system would go on running in the provisioning network" in " ".join(output.split()), output
    assert site.runs("node1") == "disk" and site.switch.vsctl("get", "Port", "node1", "tag").strip() == "20"
    code, output = play(site, "switch_port", *provisioning, "-e", "switch_port_power_off=true", "--check", "--diff")
    assert code == 0 and '-    "20": "untagged"' in output and '+    "10": "untagged"' in output, output
    assert site.switch.vsctl("get", "Port", "node1", "tag").strip() == "20"

    code, output = play(site, "undeploy")
    assert code == 0, output
    assert probes(site) == [("probe.ramdisk", True, False, "nothing")]
    assert nodes.get(open_registry(site.registry), "node1")["provision_state"] == "available"


def test_a_switch_that_does_not_answer_stops_the_node_before_it_boots(site):
    boots = len(site.simulator.show(0)["boots"])
    code, output = play(site, "deploy", "-e", json.dumps({
        "switch_port_switches": {"rack1-leaf": {"interface": "openvswitch", "host": "leaf2"}}, "switch_port_timeouts": {"connect": 0}}))
    assert code != 0
    node = nodes.get(open_registry(site.registry), "node1")
    assert (node["provision_state"], node["lock"]) == ("deploy failed", None)
    assert "no SSH connection" in node["last_error"] and "Traceback" not in output, output
    assert len(site.simulator.show(0)["boots"]) == boots and site.runs("node1") is None
