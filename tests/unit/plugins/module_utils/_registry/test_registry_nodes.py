# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node records: what is kept, what is refused, what changes."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, inspections, nodes, schema
from hypothesis import given, strategies
from sqlalchemy import event

FULL = {
    "rack": "rack3", "driver": "redfish", "bmc": {"address": "198.51.100.1", "username": "operator", "password": "canary-s3cret"},
    "ports": [{"address": "52-54-00-AA-00-01", "pxe_enabled": False}, {"address": "525400AA0002", "name": "eth1"}],
    "address": "192.0.2.1", "system_uuid": "6695EB01-F6A4-8304-79AA-97F2502E193F", "serial": "S1", "boot_mode": "bios",
    "resource_class": "small", "root_device": {"serial": "D1"}, "properties": {"local_gb": 20}, "traits": ["CUSTOM_GPU"],
    "extra": {"x": [1]}, "description": "first", "owner": "lab", "lessee": "team1", "site": "fra-1", "location": "hall 2, row B",
    "disable_power_off": True, "protected_reason": "in use", "protected": True, "retired_reason": "old", "retired": True,
    "network_data": {
        "links": [
            {"id": "nic0", "type": "phy", "ethernet_mac_address": "52:54:00:aa:00:01", "mtu": None},
            {"id": "bond0", "type": "bond", "bond_links": ["nic0"], "bond_mode": "802.3ad"},
            {"id": "vlan7", "type": "vlan", "vlan_link": "bond0", "vlan_id": 7, "vlan_mac_address": "52:54:00:aa:00:01"},
        ],
        "networks": [
            {"id": "private", "type": "ipv4", "link": "vlan7", "ip_address": "192.0.2.9/24",
             "routes": [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "192.0.2.254"}]},
            {"id": "other", "type": "ipv6_slaac", "link": "nic0"},
        ],
        "services": [{"type": "dns", "address": "192.0.2.53"}],
    },
}
# What the registry keeps in another form than the hardware file has it, or does not have in it.
KEPT = {key: value for key, value in FULL.items() if key not in ("bmc", "ports", "system_uuid", "network_data")}


def test_record_of_a_new_node(engine, enrol):
    changed, before, after = enrol(**FULL)
    assert changed
    assert before == {}
    node = nodes.get(engine, "node1")
    assert node["ports"] == [
        {"address": "52:54:00:aa:00:01", "pxe_enabled": False, "name": None}, {"address": "52:54:00:aa:00:02", "pxe_enabled": True, "name": "eth1"}]
    assert node["boot_mac"] == "52:54:00:aa:00:02"
    assert node["system_uuid"] == FULL["system_uuid"].lower()
    assert (node["provision_state"], node["power_state"], node["lock"], node["instance"]) == ("enroll", None, None, None)
    assert node["bmc"] == {"address": "198.51.100.1", "username": "operator"}
    assert {key: node[key] for key in KEPT} == KEPT
    assert node["network_data"]["links"][2]["vlan_id"] == 7
    assert "canary" not in repr(node) + repr(after)
    assert nodes.list_nodes(engine) == [node]


def test_what_an_inspection_found_counts_where_the_hardware_file_says_nothing(engine, enrol):
    known = {"properties": {"cpus": 4}, "root_device": {"serial": "D1"}}
    enrol(**known)
    with engine.begin() as connection:
        inspections.keep(connection, "node1", {"in-band": {"hardware": {"disks": []}}}, {"cpus": 8, "memory_mb": 16384, "local_gb": 8})
    node = nodes.get(engine, "node1")
    assert node["properties"] == {"cpus": 4, "memory_mb": 16384, "local_gb": 8}
    assert node["inspection_finished_at"] and "inventory" not in node
    assert inspections.read(engine, ["node1", "node9"]) == {"node1": {"in-band": {"hardware": {"disks": []}}}}
    with engine.begin() as connection:
        nodes.set_flags(connection, "node1", {"retired": True})
    assert not enrol(**known, retired=True)[0]
    assert nodes.get(engine, "node1")["properties"] == node["properties"]
    # The file speaks no more of it, and of another disk.
    assert enrol(root_device={"serial": "D2"})[0]
    assert nodes.get(engine, "node1")["properties"] == {"cpus": 8, "memory_mb": 16384}


def test_which_switch_port_a_port_is_wired_to(engine, enrol):
    link = {"switch_info": "leaf1", "port_id": "swp7"}
    port = {"address": "52:54:00:00:00:01", "local_link_connection": link}
    assert enrol(ports=[port])[0]
    assert nodes.get(engine, "node1")["ports"][0]["local_link_connection"] == link == nodes.list_nodes(engine)[0]["ports"][0]["local_link_connection"]
    assert not enrol(ports=[port])[0]
    changed, before, after = enrol(ports=[{"address": port["address"]}])
    assert changed and before["ports"][0]["local_link_connection"] == link and "local_link_connection" not in after["ports"][0]
    for wrong in ({"port_id": "swp7"}, {"switch_info": "leaf1"}, {**link, "vlan": 7}, {**link, "port_id": ""}):
        with pytest.raises(BaremetalError, match="ports.0.local_link_connection"):
            enrol(ports=[{**port, "local_link_connection": wrong}])


def wired(number, **link):
    return {"address": f"52:54:00:00:00:{number:02x}", "local_link_connection": {"port_id": "swp7", **link}}


@pytest.mark.parametrize("link", [{"switch_info": "leaf1"}, {"switch_info": "leaf1", "switch_id": "02:00:00:00:00:02"}, {"switch_id": "leaf1"}])
def test_two_nodes_at_one_switch_port_are_refused(enrol, link):
    # Two of one node stand for a group of links.
    assert enrol(ports=[wired(1, switch_info="leaf1"), wired(2, switch_info="leaf1")])[0]
    with pytest.raises(BaremetalError, match="node2: .*the switch port leaf1 swp7 belongs to node node1 already"):
        enrol("node2", ports=[{"address": "52:54:00:00:00:03"}, wired(4, **link)])
    assert enrol("node2", ports=[wired(3, switch_info="leaf2"), wired(4, **link, port_id="swp8")])[0]


def test_switches_of_one_name_are_told_apart_by_what_both_say_of_themselves(enrol):
    assert enrol(ports=[wired(1, switch_info="brbm", switch_id="02:00:00:00:00:AA")])[0]
    assert enrol("node2", ports=[wired(2, switch_info="brbm", switch_id="02:00:00:00:00:bb")])[0]
    with pytest.raises(BaremetalError, match="belongs to node node1 already"):
        enrol("node3", ports=[wired(3, switch_info="brbm", switch_id="02:00:00:00:00:aa")])
    assert enrol("node4", ports=[wired(4, switch_id="02:00:00:00:00:CC")])[0]
    with pytest.raises(BaremetalError, match="belongs to node node4 already"):
        enrol("node5", ports=[wired(5, switch_id="02:00:00:00:00:cc")])


def test_second_enrolment_changes_what_differs(engine, enrol):
    enrol(**FULL)
    node = nodes.get(engine, "node1")
    assert not enrol(**FULL)[0]
    assert nodes.get(engine, "node1") == node
    changed, before, after = enrol(**{**FULL, "rack": "rack4"})
    assert changed and {key for key in after if before[key] != after[key]} == {"rack"}
    assert nodes.get(engine, "node1")["rack"] == "rack4"


def test_changed_password_is_told_and_not_shown(engine, enrol):
    enrol(credential={"env": "ONE"}, **FULL)
    changed, before, after = enrol(credential={"env": "TWO"}, **FULL)
    assert changed and {key: (before[key], after[key]) for key in after if before[key] != after[key]} == {
        "bmc_password": ("********", "******** (new)")}
    assert nodes.credential(engine, "node1") == {"env": "TWO"}


@pytest.mark.parametrize(("second", "said"), [
    ({"ports": [{"address": "52:54:00:aa:00:01"}]}, "MAC address 52:54:00:aa:00:01"),
    ({"address": "192.0.2.1"}, "address 192.0.2.1"),
    ({"serial": "S1"}, "serial number S1"),
    ({"system_uuid": FULL["system_uuid"]}, "system UUID"),
    ({"driver": "redfish", "bmc": {"address": "198.51.100.1"}}, "BMC"),
    ({"driver": "redfish", "bmc": {"address": "198.51.100.1", "port": 443}}, "BMC"),
    ({"driver": "redfish", "bmc": {"address": "https://198.51.100.1"}}, "BMC"),
    # node1 has no system_id: whichever system there is, is its own.
    ({"driver": "redfish", "bmc": {"address": "198.51.100.1", "system_id": "2"}}, "BMC"),
    # The same BMC, spoken to in another way.
    ({"driver": "redfish", "bmc": {"address": "http://198.51.100.1"}}, "BMC"),
    ({"driver": "ipmi", "bmc": {"address": "198.51.100.1"}}, "BMC"),
    ({"driver": "auto", "bmc": {"address": "198.51.100.1"}}, "BMC"),
])
def test_what_belongs_to_another_node_is_refused(engine, enrol, second, said):
    enrol(**FULL)
    with pytest.raises(BaremetalError, match=said) as refusal:
        enrol("node2", **second)
    assert "node2: " in str(refusal.value) and "node1" in str(refusal.value)
    assert [node["name"] for node in nodes.list_nodes(engine)] == ["node1"]


@pytest.mark.parametrize(("driver", "bmc"), [
    ("redfish", {"address": "198.51.100.1", "port": 8443}), ("redfish", {"address": "198.51.100.1", "system_id": "2"}),
    ("redfish", {"address": "2001:db8::1"}), ("redfish", {"address": "https://[2001:db8::1]:8000"}),
    # BMCs behind another one, which has a node of its own.
    ("ipmi", {"address": "198.51.100.1", "bridge_channel": 7, "bridge_address": "0x72"}),
    ("ipmi", {"address": "198.51.100.1", "bridge_channel": 7, "bridge_address": "0x82"}),
    # Behind a gateway that has a port for each.
    ("ipmi", {"address": "198.51.100.1", "port": 6231}),
])
def test_bmcs_that_share_an_address(enrol, driver, bmc):
    enrol(**{**FULL, "bmc": {"address": "198.51.100.1", "system_id": "1"}})
    enrol("node3", driver="ipmi", bmc={"address": "198.51.100.1", "bridge_channel": 6, "bridge_address": "0x72"})
    assert enrol("node2", driver=driver, bmc=bmc)[0]


def test_system_that_is_not_named_may_be_any(enrol):
    enrol("node1", driver="redfish", bmc={"address": "198.51.100.1", "system_id": "1"})
    with pytest.raises(BaremetalError, match="BMC 198.51.100.1:443/ belongs to node node1"):
        enrol("node2", driver="redfish", bmc={"address": "198.51.100.1"})


@pytest.mark.parametrize(("first", "second"), [("ipmi", "redfish"), ("redfish", "ipmi"), ("ipmi", "auto")])
@pytest.mark.parametrize("host", ["198.51.100.1", "2001:db8::1", "bmc.example.com"])
def test_one_bmc_by_ipmi_and_by_redfish(enrol, first, second, host):
    enrol("node1", driver=first, bmc={"address": host, **({"system_id": "1"} if first == "redfish" else {})})
    with pytest.raises(BaremetalError, match="node2: .*the BMC .* belongs to node node1"):
        enrol("node2", driver=second, bmc={"address": host.upper(), **({"system_id": "1"} if second == "redfish" else {})})
    # It may be spoken to in the other way from now on.
    assert enrol("node1", driver=second, bmc={"address": host})[0]


@pytest.mark.parametrize("address", ["2001:0db8:0::11", "2001:DB8:0:0:0:0:0:11", "https://[2001:db8:0::11]", "[2001:db8::0011]:443"])
def test_one_bmc_in_another_spelling_of_its_address(enrol, address):
    enrol("node1", driver="redfish", bmc={"address": "2001:db8::11"})
    enrol("node2", driver="redfish", bmc={"address": "2001:db8::11:5"})
    with pytest.raises(BaremetalError, match="node3: .*the BMC 2001:db8::11:443/ belongs to node node1"):
        enrol("node3", driver="redfish", bmc={"address": address})
    # The node itself may have it written in this way.
    assert enrol("node1", driver="redfish", bmc={"address": address})[0]


@pytest.mark.parametrize("address", ["bmc:1:2", "[2001:db8::1]:123456", "[2001:db8::1", "https://2001:db8::1"])
def test_bmc_address_that_is_none(enrol, address):
    with pytest.raises(BaremetalError, match="node1: .*bmc.address makes no address.*To do: "):
        enrol(driver="redfish", bmc={"address": address})


@pytest.mark.parametrize("address", ["https://admin:canary@192.0.2.50", "admin:canary@192.0.2.50", "canary@[2001:db8::1]:443"])
def test_bmc_address_with_a_password_in_it(enrol, address):
    with pytest.raises(BaremetalError, match="node1: .*bmc.address holds a user name or a password") as refusal:
        enrol(driver="redfish", bmc={"address": address})
    assert "canary" not in str(refusal.value)


def test_flags_stay_until_they_are_named(engine, enrol):
    enrol(maintenance=True, maintenance_reason="fan")
    enrol(rack="rack1")
    assert nodes.get(engine, "node1")["maintenance_reason"] == "fan"
    assert nodes.get(engine, "node1")["maintenance"] is True
    enrol(maintenance=False)
    assert (nodes.get(engine, "node1")["maintenance"], nodes.get(engine, "node1")["maintenance_reason"]) == (False, None)


def test_reason_falls_with_its_flag(engine, enrol):
    enrol(protected=True, protected_reason="in use", retired=True, retired_reason="old")
    enrol(protected=False, retired=False)
    assert [nodes.get(engine, "node1")[key] for key in ("protected_reason", "retired_reason")] == [None, None]


def test_node_and_rack_of_one_name_are_refused(enrol):
    enrol("node1", rack="rack1")
    for name, rack in (("rack1", None), ("node2", "node1"), ("node3", "node3")):
        with pytest.raises(BaremetalError, match=f"{name}: .*name"):
            enrol(name, rack=rack)
    assert enrol("node2", rack="rack1")[0]


@pytest.mark.parametrize(("given", "kept"), [
    ("boot_mode:uefi, raid:1,,cpu_vt:true", {"boot_mode": "uefi", "raid": "1", "cpu_vt": "true"}),
    ("iscsi:iqn.2026-01.com.example:target", {"iscsi": "iqn.2026-01.com.example:target"}),
    ({"cpu_vt": True, "cores": 8, "gone": None}, {"cpu_vt": "true", "cores": "8"}),
    ("", {}),
])
def test_capabilities_have_one_form(given, kept):
    node = schema.normalise({"name": "node1", "driver": "manual", "properties": {"capabilities": given, "cpu_arch": "x86_64"}})
    assert node["properties"] == {"capabilities": kept, "cpu_arch": "x86_64"}
    assert schema.normalise(node) == node


def test_removal(engine, enrol):
    enrol(**FULL)
    with engine.begin() as connection:
        assert nodes.remove(connection, "node1")
        assert not nodes.remove(connection, "node1")
    assert enrol("node2", **FULL)[0]


def test_unknown_node(engine):
    with pytest.raises(BaremetalError, match="node9: registry: the registry has no such node.*enroll.yml"):
        nodes.get(engine, "node9")
    with engine.begin() as connection:
        nodes.set_power_states(connection, {"node9": "on"})
    assert nodes.credential(engine, "node9") is None


@pytest.mark.parametrize(("record", "said"), [
    ({"colour": "red"}, "colour"),
    ({"bmc": {"address": "192.0.2.9", "colour": "red"}}, "bmc: .*colour"),
    ({"bmc": {"username": "x"}}, "address"),
    ({"ports": [{"address": "52:54:00:aa:00"}]}, "52:54:00:aa:00 is no MAC address"),
    ({"ports": [{"pxe_enabled": True}]}, "ports.0: .*address"),
    ({"address": "192.0.2.1/24"}, "192.0.2.1/24 is none that a node can boot with"),
    ({"address": "2001:db8::11"}, "one of IPv6 ends in 0"),
    ({"driver": "snmp"}, "snmp"),
    ({"name": "a b"}, "a b"),
    ({"name": None}, "name"),
    ({"rack": "all"}, "rack"),
    ({"boot_mode": "legacy"}, "legacy"),
    ({"traits": "CUSTOM_X"}, "traits"),
    ({"traits": ["custom x"]}, "traits.0"),
    ({"traits": ["CUSTOM_X", "CUSTOM_X"]}, "traits"),
    ({"site": "hall 2"}, "site"),
    ({"name": "boot_servers"}, "name: boot_servers has a meaning of its own"),
    ({"name": "trait_x"}, "name: trait_x has a meaning of its own"),
    ({"rack": "site_a"}, "rack: site_a has a meaning of its own"),
    ({"properties": {"capabilities": "uefi"}}, "capabilities is not understood. Seen: uefi"),
    ({"properties": {"capabilities": {"a": ["b"]}}}, "capabilities is not understood"),
    ({"network_data": {"links": [], "networks": []}}, "network_data: 'services' is a required property"),
    ({"network_data": {"links": [{"id": "a", "type": "vlan"}], "networks": [], "services": []}}, "network_data.*vlan_id"),
    ({"network_data": {"links": [{"id": "a", "type": "phy", "ethernet_mac_address": "x"}], "networks": [], "services": []}}, "network_data.*'x'"),
    ({"network_data": {"links": [], "networks": [{"id": "n", "type": "ipv4", "link": "a", "ip_address": "192.0.2.1"}], "services": []}},
     "names the link a, which it does not have. Seen: links none"),
    ({"network_data": {"links": [{"id": "a", "type": "vif"}] * 2, "networks": [], "services": []}}, "more than one link a"),
])
def test_bad_records_name_the_key(record, said):
    with pytest.raises(BaremetalError, match=said) as refusal:
        schema.normalise({"name": "node1", "driver": "manual", **record})
    assert "To do: " in str(refusal.value)


def test_bad_password_is_not_repeated():
    with pytest.raises(BaremetalError) as refusal:
        schema.normalise({"name": "node1", "driver": "ipmi", "bmc": {"address": "192.0.2.9", "password": ["canary-s3cret"]}})
    assert "canary" not in str(refusal.value)


SECRET = "canary-s3cret"


@pytest.mark.parametrize(("more", "path"), [
    ({"extra": {"ipmi_password": SECRET}}, "extra.ipmi_password"),
    ({"extra": {"adminPassword": 123456}}, "extra.adminPassword"),
    ({"extra": {"switch": [{"name": "leaf1", "snmp": {"secret": SECRET}}]}}, "extra.switch.0.snmp.secret"),
    ({"extra": {"credentials": {"admin": {"value": SECRET}}}}, "extra.credentials.admin.value"),
    ({"properties": {"registration-token": SECRET}}, "properties.registration-token"),
    ({"properties": {"capabilities": f"luks_key:{SECRET}"}}, "properties.capabilities.luks_key"),
    ({"extra": {"apiKey": SECRET, "private_key": SECRET}}, "extra.apiKey, extra.private_key"),
    ({"extra": {"note": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}"}}, "extra.note"),
    ({"extra": {"mirror": f"https://reader:{SECRET}@mirror.example.com/"}}, "extra.mirror"),
    ({"description": f"https://reader:{SECRET}@mirror.example.com/"}, "description"),
])
def test_secrets_in_clear_are_refused_and_not_repeated(more, path):
    with pytest.raises(BaremetalError, match=f"node1: enrolment: {path} looks like a secret in clear.*To do: ") as refusal:
        schema.normalise({"name": "node1", "driver": "manual", **more})
    assert SECRET not in str(refusal.value) and "123456" not in str(refusal.value)


@pytest.mark.parametrize("extra", [
    {"password": {"env": "SWITCH_PASSWORD"}, "tokens": [{"file": "/run/token"}], "secret": {"vault": "$ANSIBLE_VAULT;1.1;AES256\n61"}},
    {"password": "$ANSIBLE_VAULT;1.1;AES256\n61", "token": None, "secret": ""},
    {"password_policy": "long", "secret_ref": "https://keys.example.com/v1/secrets/7", "password_set": True, "token_file": "/run/token"},
    {"ssh_public_keys": ["ssh-ed25519 AAAA"], "keyboard": "de", "tokenizer": "x", "secretary": "y", "monkey": "z", "mail": "a@example.com"},
    {"url": "https://[2001:db8::1]:8443/x@y", "proxy": "http://192.0.2.1:3128", "mirror": "https://reader@mirror.example.com"},
])
def test_what_only_tells_of_a_secret_is_kept(extra):
    kept = schema.normalise({"name": "node1", "driver": "manual", "extra": extra})["extra"]
    assert kept == {key: value for key, value in extra.items() if value is not None}


@given(strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=8),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(
        strategies.sampled_from(["name", "driver", "bmc", "ports", "address", "extra", "zzz"]), inner, max_size=5), max_leaves=12))
def test_any_input_is_a_record_or_one_paragraph(record):
    try:
        node = schema.normalise(record)
    except BaremetalError as error:
        assert "\n" not in str(error)
    else:
        assert schema.normalise(node) == node


IMAGE = {
    "name": "debian-12", "digest": "sha256:" + "a" * 64, "manifest_digest": "sha256:" + "b" * 64, "virtual_size": 3 << 30,
    "path": "images/debian-12/aaaaaaaaaaaaaaaa/", "published_at": "2026-01-01T00:00:00Z", "manifest": {"frame_size": 4},
}


def test_images(engine):
    assert images.get(engine, "debian-12") is None
    assert images.record(engine, IMAGE)
    assert not images.record(engine, IMAGE)
    assert images.get(engine, "debian-12") == IMAGE
    newer = {**IMAGE, "digest": "sha256:" + "c" * 64}
    assert images.record(engine, newer)
    assert images.list_images(engine) == [newer]
    assert images.remove(engine, "debian-12")
    assert not images.remove(engine, "debian-12")


def test_bmcs_and_power_states_of_many_nodes_are_few_statements(enrol, engine):
    names = [f"node{number}" for number in range(30)]
    for number, name in enumerate(names):
        enrol(name, driver="redfish", bmc={"address": f"192.0.2.{number + 1}"}, ports=[{"address": f"52:54:00:00:01:{number:02x}"}])
    statements = []
    event.listen(engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    found = nodes.bmcs(engine, [*names, "nobody"])
    with engine.begin() as connection:
        nodes.set_power_states(connection, {name: "on" if name != "node3" else "off" for name in names})
    # Beside those that each transaction begins with.
    assert len([statement for statement in statements if not statement.startswith(("BEGIN", "PRAGMA")) and "set_config" not in statement]) == 4
    assert set(found) == set(names) and found["node4"]["bmc"] == {"address": "192.0.2.5"} and found["node4"]["driver"] == "redfish"
    assert {record["name"]: record["power_state"] for record in nodes.list_nodes(engine)} == {**dict.fromkeys(names, "on"), "node3": "off"}
