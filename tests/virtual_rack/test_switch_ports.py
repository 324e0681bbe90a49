# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine on a port of an Open vSwitch leaves the provisioning network before its tenant's system starts (make rack-matrix)."""

from __future__ import annotations

import contextlib
import json
import subprocess

import pytest
import yaml
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import cable, ip
from ansible_collections.rackwright.baremetal.tests.simulators.switch import daemons

from steps import IMAGE, MACHINES, installed, nodes, power, run, virsh

NAME = "partitions-uefi"
PORT = "sw-node"
PROVISIONING, TENANT = 10, 20
ADDRESS, CONTROLLER = "203.0.113.71", "203.0.113.1/24"
NETWORKS = [{"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "vlan": PROVISIONING},
            {"name": "web", "type": "tenant", "cidr": "203.0.113.0/24", "vlan": TENANT}]
SITE = {
    "switch_port_switches": {"leaf1": {"interface": "openvswitch", "host": "boot1"}},
    "deploy_steps": [{"step": "network.add_provisioning_network", "priority": 110}, {"step": "deploy.switch_to_tenant_network", "priority": 30}],
    "deploy_network_layout": [{"name": "eth0", "port": "eth0", "networks": [{"network": "web", "tagged": False, "address": ADDRESS}]}],
}


@pytest.fixture(name="switch")
def _switch(available):
    """The machine's cable ends in a switch, which has one port in the provisioning network, and one in the tenant's."""
    space, bridge = available.NETNS, "wire"
    plugged = virsh(available, "dumpxml", "--inactive", NAME)
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(daemons(space, "leaf1"))
        for port, other, address in ((PORT, "wire-node", None), ("sw-boot", "wire-boot", None), ("sw-web", "wire-web", CONTROLLER)):
            cable((space, port, None), (space, other, address))
            stack.callback(ip, "-n", space, "link", "delete", other)
            # The switch is a program and sees frames as they are; a checksum that is left to the card would be wrong.
            subprocess.run(["ip", "netns", "exec", space, "ethtool", "-K", other, "tx", "off"], check=True, stdout=subprocess.DEVNULL)
            switch.vsctl("add-port", "leaf1", port)
        switch.vsctl("set", "Port", "sw-boot", f"tag={PROVISIONING}", "--", "set", "Port", "sw-web", f"tag={TENANT}",
                     "--", "set", "Port", PORT, f"tag={TENANT}")
        # QEMU plugs a machine into a bridge whenever it is switched on. This one has the machine and the cable.
        ip("-n", space, "link", "add", bridge, "type", "bridge")
        stack.callback(ip, "-n", space, "link", "delete", bridge)
        ip("-n", space, "link", "set", bridge, "up")
        ip("-n", space, "link", "set", "wire-node", "master", bridge)
        ip("-n", space, "link", "set", "wire-boot", "master", "br0")
        define(available, plugged.replace("<source bridge='br0'/>", f"<source bridge='{bridge}'/>"))
        stack.callback(define, available, plugged)
        stack.callback(power, available, NAME, "off")
        yield switch


def define(rack, machine):
    path = rack.SITE / "machine.xml"
    path.write_text(machine)
    virsh(rack, "define", str(path))


def enrol(rack):
    """Enrol the machine with what it is wired to, and let it be deployed anew."""
    hardware = yaml.safe_load((rack.RACK / "hardware.yml").read_text())
    hardware["nodes"] = [node for node in hardware["nodes"] if node["name"] == NAME]
    hardware["nodes"][0]["automated_clean"] = False
    hardware["nodes"][0]["ports"][0].update(name="eth0", local_link_connection={"switch_info": "leaf1", "port_id": PORT})
    (rack.SITE / "wired-hardware.yml").write_text(yaml.safe_dump(hardware))
    if nodes(rack)[NAME]["provision_state"] == "active":
        run(rack, "undeploy.yml", "-l", NAME)
    run(rack, "enroll.yml", "-e", f"enroll_hardware_file={rack.SITE}/wired-hardware.yml")
    run(rack, "networks.yml", "-e", json.dumps({"networks_declared": NETWORKS}))


def test_the_tenants_system_starts_in_the_tenants_network(available, switch):
    enrol(available)
    output = run(available, "deploy.yml", "-l", NAME, *IMAGE, "-e", json.dumps(SITE), **switch.environment)
    # The boot from the network has proved that the port was in the other network before.
    changes = output.split("Put the port of the Linux machine into its VLANs")
    assert len(changes) == 3 and "Boot the ramdisk" not in changes[2]
    assert "Wait until the image is written" in changes[1] and "Reboot the node into the installed system" in changes[2]
    assert nodes(available)[NAME]["provision_state"] == "active" and switch.vsctl("get", "Port", PORT, "tag").strip() == str(TENANT)
    # It was proved there, and nothing of the provisioning network is in reach, also for who takes an address of it.
    boot = MACHINES[NAME]["address"]
    seen = installed(available, ADDRESS, f"ip -4 -o address; sudo ip address add {boot}/24 dev $(ip -o -4 route show 203.0.113.0/24 | cut -d ' ' -f 3); "
                                         "ping -c 3 -W 2 192.0.2.1 || echo out of reach")
    assert ADDRESS in seen and boot not in seen and "out of reach" in seen
