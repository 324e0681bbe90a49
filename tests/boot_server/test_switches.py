# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module switch_port on real switches: who reaches whom through them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors
from ansible_collections.rackwright.baremetal.tests.simulators.boot_server import cable, ip, namespaces
from ansible_collections.rackwright.baremetal.tests.simulators.switch import SCHEMA, Switch, open_vswitch

COLLECTION = Path(_errors.__file__).parents[2]
MACHINES = {"node": ["192.0.2.11/24", "198.51.100.11/24"], "provisioning": ["192.0.2.1/24"], "tenant": ["198.51.100.1/24"]}
NAME = "ansible_collections.rackwright.baremetal.plugins.modules.switch_port"


def change(arguments, environment, *prefix, check_mode=False):
    """Run the module as Ansible does, in a process of its own."""
    given = {"_ansible_check_mode": check_mode, "_ansible_diff": True, **arguments}
    done = subprocess.run(
        [*prefix, sys.executable, "-c",
         "import json, sys; from ansible.module_utils import basic; basic._ANSIBLE_ARGS = sys.argv[1].encode(); basic._ANSIBLE_PROFILE = 'legacy'\n"
         f"from {NAME} import main; main()", json.dumps({"ANSIBLE_MODULE_ARGS": given})],
        check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60,
        env={**os.environ, **environment, "PYTHONPATH": str(COLLECTION.parents[2])})
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module", name="ovs")
def _ovs():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    if not Path(SCHEMA).exists():
        pytest.skip("Open vSwitch is not installed (Debian: openvswitch-switch)")
    with open_vswitch(**MACHINES) as switch:
        switch.vsctl("set", "Port", "provisioning", "tag=10")
        switch.vsctl("set", "Port", "tenant", "tag=20")
        yield switch


def reached(switch, *expected):
    """Whether the node reaches these machines and no other; a loaded machine may take its time to switch."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        found = [name for name in ("provisioning", "tenant") if switch.reaches("node", MACHINES[name][0].partition("/")[0])]
        if found == list(expected):
            return True
    return False


def test_from_the_provisioning_network_to_the_tenant(ovs):
    def put(check_mode=False, **more):
        return change({"interface": "openvswitch", "port": "node", **more}, ovs.environment, check_mode=check_mode)

    # As Open vSwitch makes a port: in all VLANs, but frames without a tag in none of these two.
    assert put(vlan=10, check_mode=True)["before"] == {"0": "tagged, as all VLANs"}
    done = put(vlan=10)
    assert (done["changed"], done["vlan"], done["trunk_vlans"], done["diff"]["after"]) == (True, 10, [], {"10": "untagged"})
    assert reached(ovs, "provisioning")
    assert put(vlan=10)["changed"] is False
    assert put(vlan=20, check_mode=True)["changed"]
    assert put(vlan=20, trunk_vlans=[30, 40])["after"] == {"20": "untagged", "30": "tagged", "40": "tagged"}
    assert reached(ovs, "tenant")
    done = put(trunk_vlans=[30])
    assert (done["after"], done["vlan"]) == ({"30": "tagged"}, None)
    assert put(state="absent")["after"] == {} and reached(ovs)
    assert put(state="absent")["changed"] is False


def test_what_open_vswitch_refuses_is_told(ovs):
    done = change({"interface": "openvswitch", "port": "nobody", "vlan": 10}, ovs.environment)
    assert done["failed"] and 'no row "nobody" in table Port' in done["msg"]
    done = change({"interface": "openvswitch", "port": "node", "vlan": 10, "trunk_vlans": [10]}, ovs.environment)
    assert done["failed"] and "tagged and untagged" in done["msg"]


def test_a_linux_bridge():
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    with namespaces("sw", *(name[:3] for name in MACHINES)) as (space, *spaces):
        ip("-n", space, "link", "add", "br0", "type", "bridge")
        if subprocess.run(["ip", "-n", space, "link", "set", "br0", "type", "bridge", "vlan_filtering", "1", "vlan_default_pvid", "0"],
                          check=False, stderr=subprocess.DEVNULL).returncode:
            done = change({"interface": "linux-bridge", "port": "br0", "vlan": 10}, {}, "ip", "netns", "exec", space)
            assert "br0 is no port of a bridge" in done["msg"]
            pytest.skip("this kernel was built without CONFIG_BRIDGE_VLAN_FILTERING, so no bridge of it can keep VLANs apart")
        switch = Switch("", dict(zip(MACHINES, spaces)))
        for (name, addresses), other in zip(MACHINES.items(), spaces):
            cable((space, name, None), (other, "eth0", addresses[0]))
            ip("-n", space, "link", "set", name, "master", "br0")
        ip("-n", spaces[0], "address", "add", MACHINES["node"][1], "dev", "eth0")
        ip("-n", space, "link", "set", "br0", "up")

        def put(port="node", **more):
            done = change({"interface": "linux-bridge", "port": port, **more}, {}, "ip", "netns", "exec", space)
            assert not done.get("failed"), done
            return done

        assert put("provisioning", vlan=10)["changed"] and put("tenant", vlan=20)["changed"]
        assert reached(switch)
        assert put(vlan=10)["after"] == {"10": "untagged"} and reached(switch, "provisioning")
        assert put(vlan=10)["changed"] is False
        assert put(vlan=20, trunk_vlans=[30])["after"] == {"20": "untagged", "30": "tagged"} and reached(switch, "tenant")
        assert put(state="absent")["after"] == {} and reached(switch)
