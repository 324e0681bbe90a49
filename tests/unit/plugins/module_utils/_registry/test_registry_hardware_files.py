# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hardware files of other programs become nodes that can be enrolled, or one paragraph says why not."""

from __future__ import annotations

import json
import pathlib

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import hardware_files, schema
from hypothesis import given, strategies

FILES = pathlib.Path(__file__).parent / "files"


def load(name):
    text = (FILES / name).read_text()
    return text if name.endswith(".csv") else yaml.safe_load(text)


def test_bifrost_nested():
    nodes, left_out = hardware_files.read(load("bifrost_nested.json"))
    assert [schema.normalise(node) for node in nodes] == [{
        "name": "rack1-node1", "driver": "ipmi", "address": "192.0.2.11",
        "bmc": {"address": "198.51.100.11", "username": "ADMIN", "password": "canary-s3cret", "port": 6230, "bridge_channel": 0, "bridge_address": "0x82"},
        "ports": [{"address": "52:54:00:f9:32:f6", "pxe_enabled": True, "name": None}, {"address": "52:54:00:f9:32:f7", "pxe_enabled": True, "name": None}],
        "properties": {"cpu_arch": "x86_64", "memory_mb": "3072", "local_gb": "10", "cpus": "1"},
        "extra": {"ironic_uuid": "00000000-0000-0000-0000-000000000011", "host_groups": ["storage"]},
    }]
    assert left_out == ["driver_info.deploy_kernel", "ipv4_gateway"]


def test_bifrost_flat():
    nodes, left_out = hardware_files.read(load("bifrost_flat.yml"), password={"env": "UNUSED"})
    assert [schema.normalise(node) for node in nodes] == [{
        "name": "rack1-node2", "driver": "redfish", "address": "192.0.2.112", "resource_class": "large", "traits": ["CUSTOM_GPU"],
        "bmc": {"address": "https://198.51.100.12", "username": "operator", "password": "canary-s3cret", "system_id": "1", "verify": False},
        "ports": [{"address": "52:54:00:f9:32:f8", "pxe_enabled": True, "name": None}], "root_device": {"serial": "DISK2"},
        "properties": {"cpu_arch": "x86_64", "capabilities": {"boot_mode": "uefi", "raid": "1"}},
        "extra": {"ironic_uuid": "00000000-0000-0000-0000-000000000012"},
    }]
    assert left_out == []


def test_list_of_ironic_with_its_ports():
    nodes, left_out = hardware_files.read(load("ironic_nodes.json"), ports=load("ironic_ports.json"), password={"env": "BMC_PASSWORD"})
    assert [schema.normalise(node) for node in nodes] == [
        {
            "name": "web1", "driver": "redfish", "boot_mode": "uefi", "site": "fra-1", "description": "spare", "disable_power_off": False, "lessee": "team1",
            "owner": "lab", "maintenance": True, "maintenance_reason": "fan", "retired": True, "retired_reason": "old",
            "resource_class": "small", "traits": ["CUSTOM_GPU"], "root_device": {"wwn": "0x5000c500"},
            "bmc": {"address": "https://198.51.100.21", "username": "operator", "password": {"env": "BMC_PASSWORD"}, "ca_file": "/etc/ssl/certs/bmc-ca.pem"},
            "properties": {"cpu_arch": "x86_64", "local_gb": "480", "capabilities": {"boot_mode": "uefi"}},
            "network_data": {"links": [{"id": "nic0", "type": "phy", "ethernet_mac_address": "52:54:00:21:00:02"}],
                             "networks": [{"id": "lab", "type": "ipv4_dhcp", "link": "nic0"}], "services": []},
            "ports": [{"address": "52:54:00:21:00:01", "pxe_enabled": False, "name": "eth0",
                       "local_link_connection": {"switch_id": "02:00:00:21:00:aa", "switch_info": "leaf1", "port_id": "Ethernet7"}},
                      {"address": "52:54:00:21:00:02", "pxe_enabled": True, "name": None}],
            "extra": {"asset": "A1", "ironic_uuid": "2d1a7d0e-6e0c-4a4c-9c35-7c8a7e2b8f01"},
        },
        {
            "name": "2d1a7d0e-6e0c-4a4c-9c35-7c8a7e2b8f02", "driver": "ipmi", "properties": {}, "ports": [],
            "bmc": {"address": "198.51.100.22", "username": "ADMIN", "password": {"env": "BMC_PASSWORD"}, "privilege_level": "operator", "cipher_suite": 17},
            "extra": {"ironic_uuid": "2d1a7d0e-6e0c-4a4c-9c35-7c8a7e2b8f02"},
        },
    ]
    assert left_out == ["boot_interface", "driver_info.deploy_kernel", "local_link_connection.network_type"]


@pytest.mark.parametrize(("data", "evaluated"), [
    ({"nodes": []}, True),
    ({"nodes": [], "exported": True}, False),
    # An export of before there was that key.
    ({"nodes": [], "states": {}}, False),
    ({"n1": {"driver": "ipmi"}}, False),
    ([{"UUID": "u1", "Driver": "ipmi"}], False),
])
def test_expressions_are_evaluated_where_a_person_wrote_them(data, evaluated):
    assert hardware_files.has_expressions(data) is evaluated


@pytest.mark.parametrize(("fault", "maintenance"), [(None, True), ("clean failure", None)])
def test_a_fault_of_ironics_is_no_maintenance_of_an_operators(fault, maintenance):
    listed = load("ironic_nodes.json")
    listed[0]["Fault"] = fault
    node = hardware_files.read(listed)[0][0]
    assert (node.get("maintenance"), "maintenance_reason" in node) == (maintenance, maintenance is True)


def test_masked_password_is_no_password():
    nodes, _left_out = hardware_files.read(load("ironic_nodes.json"))
    assert "password" not in nodes[0]["bmc"] and "******" not in json.dumps(nodes)


@pytest.mark.parametrize("info", [{"ipmi_username": ""}, {"ipmi_username": None}, {}, {"power": {"ipmi_username": ""}}])
def test_ipmi_user_without_a_name_is_taken_over(info):
    """It is the first user of many boards, and what Ironic takes when nobody says."""
    info = {"ipmi_address": "198.51.100.11", "ipmi_password": "canary-s3cret", **info}
    for data in ({"n1": {"driver": "ipmi", "driver_info": info}}, [{"UUID": "u1", "Name": "n1", "Driver": "ipmi", "Driver Info": info}]):
        nodes, _left_out = hardware_files.read(data)
        assert schema.normalise(nodes[0])["bmc"] == {"address": "198.51.100.11", "username": "", "password": "canary-s3cret"}


def test_redfish_user_that_is_missing_is_not_made_up():
    nodes, _left_out = hardware_files.read({"n1": {"driver": "redfish", "driver_info": {"redfish_address": "https://198.51.100.12", "redfish_username": ""}}})
    assert nodes[0]["bmc"] == {"address": "https://198.51.100.12"}


def test_csv():
    nodes, _left_out = hardware_files.read(load("hardware.csv"))
    assert [schema.normalise(node) for node in nodes] == [
        {
            "name": "csv1", "driver": "ipmi", "rack": "rack7", "address": "192.0.2.31", "traits": ["CUSTOM_GPU", "HW_CPU_X86_VMX"], "location": "hall 2, row B",
            "bmc": {"address": "198.51.100.31", "port": 6230, "username": "ADMIN", "password": {"env": "BMC_PASSWORD"}},
            "ports": [{"address": f"52:54:00:31:00:0{number}", "pxe_enabled": True, "name": None} for number in (1, 2)],
            "root_device": {"serial": "DISK1"}, "properties": {"local_gb": 480},
        },
        {"name": "csv2", "driver": "redfish", "ports": [],
         "bmc": {"address": "198.51.100.32", "username": "operator", "password": {"env": "BMC_PASSWORD"}, "verify": False}},
    ]


@pytest.mark.parametrize(("data", "said"), [
    ("driver,rack\nipmi,r1\n", "no rows with names.*columns driver, rack"),
    ("name,driver\n", "no rows with names"),
    ("name,name,driver\na,b,c\n", "no rows with names"),
    ("name,driver\nn1,ipmi,x\n", "row 1, n1"),
    ("name,driver,rack\nn1,ipmi\n", "row 1, n1"),
    ('name,driver\n"n1,ipmi\n', "cannot be read. Seen: line"),
    ("name,driver,bmc,bmc.address\nn1,ipmi,x,y\n", "n1: .*bmc and bmc.address contradict"),
    ("name,driver,bmc.address,bmc\nn1,ipmi,x,y\n", "n1: .*bmc contradicts"),
    ({"nodes": "all"}, "no list of nodes"),
    ({}, "no list of nodes"),
    ([], "no list of nodes"),
    (None, "no list of nodes"),
    ([{"Name": "n1"}], "no list of nodes"),
    ({"n1": {"driver": "agent_ssh"}}, "n1: .*no counterpart to the driver agent_ssh"),
    ({"n1": {"driver": "ipmi", "driver_info": ["x"]}}, "n1: .*driver_info is no mapping"),
    ({"n1": {"driver": "ipmi", "driver_info": {"ipmi_address": "192.0.2.9", "ipmi_bridging": "dual"}}}, "n1: .*two others"),
])
def test_what_cannot_be_taken_over_is_one_paragraph(data, said):
    with pytest.raises(BaremetalError, match=said) as refusal:
        hardware_files.read(data)
    assert "To do: " in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("ports", [7, {"Address": "52:54:00:21:00:01"}, ["52:54:00:21:00:01"]])
def test_ports_that_are_none(ports):
    with pytest.raises(BaremetalError, match="no list of ports.*port list --long"):
        hardware_files.read(load("ironic_nodes.json"), ports=ports)


WORDS = ["name", "driver", "driver_info", "power", "ipmi_address", "ipmi_port", "redfish_address", "redfish_system_id", "properties", "root_device", "nics",
         "mac", "UUID", "Driver", "Driver Info", "extra", "host_groups", "traits", "nodes", "ipmi_bridging", "ipmi_target_channel", "uuid"]
VALUES = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.sampled_from(["ipmi", "redfish", "single", "x", "", "7"]),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(strategies.sampled_from(WORDS), inner, max_size=6), max_leaves=20)
NODES = strategies.dictionaries(strategies.sampled_from(WORDS), VALUES, max_size=6)


@given(VALUES | strategies.text(max_size=60)
       | strategies.dictionaries(strategies.sampled_from(["n1", "n2"]), NODES.map(lambda node: {"driver": "ipmi", **node}))
       | strategies.lists(NODES.map(lambda node: {"UUID": "u", "Driver": "ipmi", **node}), max_size=2), VALUES)
def test_any_file_is_nodes_or_one_paragraph(data, ports):
    try:
        nodes, _left_out = hardware_files.read(data, ports=ports)
        for node in nodes:
            schema.normalise(node)
    except BaremetalError as error:
        assert "\n" not in str(error)
