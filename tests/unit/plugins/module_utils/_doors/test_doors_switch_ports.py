# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verbs do with the switch ports of a node whose deploys change them, and what they refuse before it is touched."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _step_plans, switch_port_info
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import provision_state as door
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import network_rules, networks, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

RUN = {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}
THERE, BACK = "network.add_provisioning_network", "deploy.switch_to_tenant_network"
DEPLOY_STEPS = [{"step": THERE, "priority": 110}, {"step": BACK, "priority": 30}]
WEB = [{"name": "eth0", "port": "eth0", "networks": [{"network": "web", "tagged": False}]}]
BOTH = [{"name": "eth0", "port": "eth0", "networks": [{"network": "boot", "tagged": False}, "web"]}]
KERNEL = {"kernel": "images/a/kernel", "initrd": "images/a/initrd"}
ELSEWHERE = {"kernel": "http://192.0.2.9/kernel", "initrd": "http://192.0.2.9/initrd"}
ANSWER = {"kind": "preseed", "text": "d-i a/b string c\n"}
ERASE = "deploy.erase_devices_metadata"


@pytest.fixture
def site(engine, monkeypatch):
    """A node that is active, in a rack whose networks have VLANs."""
    monkeypatch.setattr(heartbeat, "start", lambda url, controller: None)
    with engine.begin() as connection:
        networks.declare(connection, [network_rules.normalise(one) for one in (
            {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "vlan": 10},
            {"name": "web", "type": "tenant", "cidr": "198.51.100.0/24", "vlan": 20})])
    wire(engine, {"switch_info": "leaf1", "port_id": "swp1"})
    return engine


def wire(engine, link, state="active"):
    with engine.begin() as connection:
        nodes.upsert(connection, schema.normalise({
            "name": "node1", "driver": "manual", "address": "192.0.2.1", "serial": "S1", "root_device": {"serial": "D1"},
            "ports": [{"address": "52:54:00:00:00:01", "name": "eth0", "pxe_enabled": True, **({"local_link_connection": link} if link else {})}]},
        ), None, same_credential=lambda old, new: True)
        connection.execute(update(NODES).values(provision_state=state, instance={"uuid": "u", "image": "a", "image_digest": "sha256:a"}))


@pytest.fixture
def do(url, site):
    def do(state, verb, *, deploy_steps=tuple(DEPLOY_STEPS), requested=None, priorities=None, **params):
        with site.begin() as connection:
            connection.execute(update(NODES).values(provision_state=state))
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        steps = {**dict.fromkeys(_step_plans.STEPS), "deploy_steps": deploy_steps, "requested": requested, "priorities": priorities}
        call = Call(params={**defaults, "registry": url, "verb": verb, "steps": steps, **params}, node="node1", check_mode=True, controller=RUN)
        return door.DOOR.run(call)
    return do


@pytest.mark.parametrize(("state", "verb", "params", "expected"), [
    ("active", "rescue", {"network_layout": WEB}, ["provisioning"]),
    ("rescue", "unrescue", {"network_layout": WEB}, ["tenant"]),
    ("active", "unrescue", {}, []),
    ("manageable", "inspect", {}, ["provisioning"]),
    ("available", "deploy", {"boot": KERNEL, "network_layout": WEB}, ["provisioning", "tenant"]),
    # It stays where it can fetch more.
    ("available", "deploy", {"boot": ELSEWHERE, "network_layout": BOTH}, ["provisioning", "tenant"]),
    ("available", "deploy", {"boot": {**ELSEWHERE, "answer": ANSWER}, "network_layout": WEB}, ["provisioning", "tenant"]),
])
def test_verbs_without_steps_follow_the_deploys(do, state, verb, params, expected):
    assert do(state, verb, **params)["switch_ports"] == expected
    assert do(state, verb, **{**params, "network_layout": []}, deploy_steps=None)["switch_ports"] == []


@pytest.mark.parametrize(("state", "verb", "params", "expected"), [
    ("manageable", "provide", {}, [THERE, ERASE]),
    ("manageable", "provide", {"priorities": {THERE: 50}}, [ERASE, THERE]),
    ("manageable", "clean", {"requested": [{"step": ERASE}]}, [THERE, ERASE]),
    ("active", "service", {"requested": [{"step": "deploy.burnin_cpu"}], "network_layout": WEB}, [THERE, "deploy.burnin_cpu", BACK]),
    ("active", "service", {"requested": [{"step": "reboot"}]}, ["reboot"]),
])
def test_verbs_with_steps_get_those_of_the_deploys(do, state, verb, params, expected):
    assert [step["step"] for step in do(state, verb, **params)["steps"]] == expected


@pytest.mark.parametrize(("state", "verb", "params", "said"), [
    # It could not come back.
    ("active", "rescue", {}, "nothing says which networks the node belongs into"),
    ("rescue", "unrescue", {}, "nothing says which networks the node belongs into"),
    ("active", "service", {"requested": [{"step": "deploy.burnin_cpu"}]}, "nothing says which networks the node belongs into"),
    ("available", "deploy", {"boot": KERNEL}, "nothing says which networks the node belongs into"),
    ("available", "deploy", {"boot": {"iso": "images/a/a.iso"}, "network_layout": WEB}, "nobody sees when the node has fetched all"),
    ("available", "deploy", {"boot": ELSEWHERE, "network_layout": WEB}, "nobody sees when the node has fetched all"),
])
def test_what_could_not_be_switched_is_refused_before_the_node_is_touched(do, state, verb, params, said):
    with pytest.raises(BaremetalError, match=said):
        do(state, verb, **params)


def test_a_node_of_which_nobody_knows_how_it_is_wired_is_inspected_where_it_is(site, do):
    wire(site, None)
    assert do("manageable", "inspect")["switch_ports"] == []
    for state, verb in (("active", "rescue"), ("manageable", "provide"), ("active", "undeploy")):
        with pytest.raises(BaremetalError, match="it is not known which switch port eth0 is wired to"):
            do(state, verb)


@pytest.mark.parametrize(("link", "said"), [({"switch_info": "leaf1", "port_id": "swp1"}, True), (None, False)])
def test_abort_of_a_failed_service_tells_the_way_out_of_the_provisioning_network(url, site, link, said):
    wire(site, link, "service failed")
    warnings = []
    defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
    call = Call(params={**defaults, "registry": url, "verb": "abort"}, node="node1", controller=RUN, warn=warnings.append)
    assert door.DOOR.run(call)["provision_state"] == "active"
    (warning,) = warnings
    assert ("switch_port.yml -l node1 -e switch_port_network_type=tenant -e switch_port_power_off=true" in warning) is said


@pytest.mark.parametrize(("state", "network_type", "power_off", "refused"), [
    ("active", "provisioning", False, True), ("active", "provisioning", True, False), ("active", "tenant", False, False),
    # A step, and a node that nobody has.
    ("rescuing", "provisioning", True, False), ("available", "provisioning", False, False),
])
def test_a_running_tenant_is_not_taken_into_the_provisioning_network(url, site, state, network_type, power_off, refused):
    wire(site, {"switch_info": "leaf1", "port_id": "swp1"}, state)
    call = Call(params={"registry": url, "network_type": network_type, "power_off": power_off, "network_layout": WEB,
                        "switches": {"leaf1": {"interface": "linux-bridge"}}}, node="node1", controller=RUN)
    if refused:
        with pytest.raises(BaremetalError, match="node1: switch ports: it is active, .* To do: have it switched off before"):
            switch_port_info.DOOR.run(call)
    else:
        assert [port["vlan"] for port in switch_port_info.DOOR.run(call)["ports"]] == [{"provisioning": 10, "tenant": 20}[network_type]]
