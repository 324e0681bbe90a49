# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deploys with a network layout: which addresses a node gets with the verb, and that it gets none when the verb is refused; and without one."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _step_plans
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import provision_state as door
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import addresses, images, network_rules, networks, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import select, update

RUN = {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}
LAYOUT = [{"name": "bond0", "bond": {"mode": "active-backup", "members": ["eth0", "eth1"]},
           "networks": ["boot", "web", {"network": "db", "address": "203.0.113.5"}]}]
DRIVE = {"hostname": "node1", "public_keys": []}


@pytest.fixture
def site(engine, monkeypatch):
    """Three networks, an image, and two nodes that could be deployed; nothing beats for this process."""
    monkeypatch.setattr(heartbeat, "start", lambda url, controller: None)
    images.record(engine, {"name": "debian-12", "digest": "sha256:aa", "virtual_size": 1, "published_at": "2026-01-01T00:00:00Z"})
    with engine.begin() as connection:
        networks.declare(connection, [network_rules.normalise(one) for one in (
            {"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24", "gateway": "192.0.2.254"},
            {"name": "web", "type": "tenant", "cidr": "198.51.100.0/30", "vlan": 7},
            {"name": "db", "type": "tenant", "cidr": "203.0.113.0/24", "vlan": 8})])
        for number in (1, 2):
            node = schema.normalise({
                "name": f"node{number}", "driver": "manual", "address": f"192.0.2.{number}", "serial": f"S{number}", "root_device": {"serial": "D1"},
                "ports": [{"address": f"52:54:00:00:0{number}:0{port}", "name": f"eth{port}", "pxe_enabled": not port,
                           "local_link_connection": {"switch_info": "leaf1", "port_id": f"swp{number}{port}"}} for port in range(2)]})
            nodes.upsert(connection, node, None, same_credential=lambda old, new: True)
        connection.execute(update(NODES).values(provision_state="available"))
    return engine


@pytest.fixture
def do(url, site):
    def do(check_mode=False, **params):
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        given = {"verb": "deploy", "image": "debian-12", "config_drive": DRIVE, "network_layout": LAYOUT, **params}
        return door.DOOR.run(Call(params={**defaults, "registry": url, **given}, node="node1", check_mode=check_mode, controller=RUN))
    return do


def with_step(name):
    return {**dict.fromkeys(_step_plans.STEPS), "requested": [{"step": name, "priority": 30}]}


def given(engine):
    return {one["network"]: one["address"] for one in nodes.get(engine, "node1")["addresses"]}


def test_addresses_come_with_the_deploy_and_stay_for_the_rebuild(site, do):
    predicted = do(check_mode=True)
    assert given(site) == {}
    done = do()
    assert done["network_data"] == predicted["network_data"] and done["provision_state"] == "deploying"
    assert {one["id"]: (one["link"], one["ip_address"]) for one in done["network_data"]["networks"]} == {
        "boot": ("bond0", "192.0.2.1"), "web": ("bond0.7", "198.51.100.1"), "db": ("bond0.8", "203.0.113.5")}
    assert given(site) == {"web": "198.51.100.1", "db": "203.0.113.5"} and [one["network"] for one in done["node"]["addresses"]] == ["db", "web"]
    transitions.advance(site, "node1", "done", RUN)
    assert not do()["changed"]
    again = do(verb="rebuild", image=None)
    assert again["network_data"] == done["network_data"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_run_that_goes_on_gives_what_is_still_lacking(site, do):
    begun = do(network_layout=[{**LAYOUT[0], "networks": ["boot"]}])
    with site.begin() as connection:
        connection.execute(update(NODES).where(NODES.c.name == "node1").values(
            provision_state="wait call-back", work={"steps": [step["step"] for step in begun["steps"]], "begin": 1}))
    foreseen = do(check_mode=True)
    assert given(site) == {}
    assert do()["network_data"] == foreseen["network_data"] and given(site) == {"web": "198.51.100.1", "db": "203.0.113.5"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("params", "said"), [
    ({"network_layout": [{"name": "a", "port": "eth7"}]}, "names the port eth7"),
    ({"network_layout": [{"name": "a", "port": "eth0", "networks": ["nowhere"]}]}, "no network nowhere"),
    ({"network_layout": [{"name": "a", "port": "eth0", "networks": ["web"]}]}, "leaves out 192.0.2.1, at which the new system is proved"),
    ({"network_layout": [{"name": "a", "port": "eth0", "networks": ["boot", {"network": "db", "address": "203.0.113.255"}]}]}, "stands for all"),
    ({"config_drive": {**DRIVE, "network_data": {"links": []}}}, "network_data and a network layout were given"),
    ({"config_drive": {"iso": "AAAA"}}, "so network_data would be lost"),
    ({"image": "other"}, "there is no image other"),
])
def test_what_cannot_be_done_gives_nothing(site, do, params, said):
    before = nodes.list_nodes(site)
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match=said):
            do(check_mode=check_mode, **params)
    assert nodes.list_nodes(site) == before


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_node_that_leaves_the_provisioning_network_is_proved_in_its_tenants(site, do):
    away = {"steps": with_step("deploy.switch_to_tenant_network")}
    layout = [{**LAYOUT[0], "networks": ["web", {"network": "db", "address": "203.0.113.5"}]}]
    assert do(check_mode=True)["proof_address"] == "192.0.2.1"
    done = do(network_layout=layout, **away)
    assert done["proof_address"] == "198.51.100.1" == given(site)["web"]
    assert [(stage["tasks"], [(step["step"], step["kind"]) for step in stage["steps"]]) for stage in done["stages"]] == [
        ("boot_image", []), ("steps", [("deploy.switch_to_tenant_network", "switch_port")])]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("step", "params", "said"), [
    ("network.add_provisioning_network", {}, "network boot has no VLAN"),
    ("deploy.switch_to_tenant_network", {"network_layout": []}, "nothing says which networks the node belongs into"),
    ("deploy.switch_to_tenant_network", {"network_layout": [{"name": "a", "port": "eth0", "networks": ["boot"]}]}, "network boot has no VLAN"),
])
def test_switch_ports_are_looked_at_before_the_node_is_touched(site, do, step, params, said):
    with pytest.raises(BaremetalError, match=said):
        do(steps=with_step(step), **params)
    assert nodes.get(site, "node1")["provision_state"] == "available" and given(site) == {}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_refused_deploy_gives_nothing(site, do):
    with site.begin() as connection:
        nodes.set_flags(connection, "node1", {"maintenance": True, "maintenance_reason": "fan"})
    with pytest.raises(BaremetalError, match="the node is in maintenance"):
        do()
    assert given(site) == {}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_full_network_is_told_before_the_node_is_touched(site, do):
    with site.begin() as connection:
        for link in ("a", "b"):
            addresses.give(connection, nodes.read(connection, "node2"), "web", link=link)
    with pytest.raises(BaremetalError, match="the network web has no free address"):
        do()
    assert nodes.get(site, "node1")["provision_state"] == "available" and given(site) == {}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_node_without_an_address_cannot_be_deployed_by_its_layout(site, do):
    with site.begin() as connection:
        connection.execute(update(NODES).where(NODES.c.name == "node1").values(address=None))
    with pytest.raises(BaremetalError, match="missing: an address"):
        do()
    with site.begin() as connection:
        addresses.give(connection, nodes.read(connection, "node1"), "boot", address="192.0.2.77")
    assert do()["network_data"]["networks"][0]["ip_address"] == "192.0.2.77"


def network_data(*networks):
    links = [{"id": "nic0", "type": "phy", "ethernet_mac_address": "52:54:00:00:01:00"}]
    return {"links": links, "networks": [{"id": str(number), "link": "nic0", **one} for number, one in enumerate(networks)], "services": []}


@pytest.fixture
def described(site):
    """``described(data)``: node1's record has this network_data."""
    def write(data):
        with site.begin() as connection:
            details = connection.execute(select(NODES.c.details).where(NODES.c.name == "node1")).scalar_one()
            connection.execute(update(NODES).where(NODES.c.name == "node1").values(details={**details, "network_data": data}))
        return data
    return write


BOOT = {"type": "ipv4", "ip_address": "192.0.2.1/24"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("networks", [[BOOT], [{"type": "ipv4", "ip_address": "198.51.100.1"}, BOOT], [{"type": "ipv4_dhcp"}]])
def test_network_of_the_record_is_that_of_a_play_without_one(site, do, described, networks):
    data = described(network_data(*networks))
    for check_mode in (True, False):
        done = do(network_layout=[], check_mode=check_mode)
        assert done["network_data"] == done["config_drive"]["data"]["network_data"] == data and done["proof_address"] == "192.0.2.1"
    transitions.advance(site, "node1", "done", RUN)
    assert do(verb="rebuild", image=None, network_layout=[])["network_data"] == data


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("params", "networks"), [
    ({"config_drive": {**DRIVE, "network_data": network_data(BOOT, {"type": "ipv6_slaac"})}}, None),
    ({"network_layout": LAYOUT}, {"boot", "web", "db"}),
    ({"config_drive": None}, None),
    ({"verb": "rebuild", "config_drive": {"iso": "preserve"}}, None),
])
def test_what_the_play_gives_goes_before_the_record(site, do, described, params, networks):
    described(network_data(BOOT))
    if params.get("verb") == "rebuild":
        do(network_layout=[])
        transitions.advance(site, "node1", "done", RUN)
    done = do(**{"network_layout": [], **params})
    assert {one["id"] for one in done["network_data"].get("networks", [])} == (networks or set())
    assert "network_data" not in ((done["config_drive"] or {}).get("data") or {}) or networks


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("networks", "seen"), [([], "none"), ([{"type": "ipv4", "ip_address": "192.0.2.11"}], "192.0.2.11")])
def test_network_of_the_record_without_the_address_of_the_node_is_refused(site, do, described, networks, seen):
    described(network_data(*networks))
    with pytest.raises(BaremetalError, match=f"network_data of the node's record leaves out 192.0.2.1, at which .*Seen: addresses {seen}"):
        do(network_layout=[])
    assert nodes.get(site, "node1")["provision_state"] == "available"
