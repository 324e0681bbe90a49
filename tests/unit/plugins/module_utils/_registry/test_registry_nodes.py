# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node records: what is kept, what is refused, what changes."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes, schema
from hypothesis import given, strategies
from sqlalchemy import event

FULL = {
    "rack": "rack3", "driver": "redfish", "bmc": {"address": "198.51.100.1", "username": "operator", "password": "canary-s3cret"},
    "ports": [{"address": "52-54-00-AA-00-01", "pxe_enabled": False}, {"address": "525400AA0002", "name": "eth1"}],
    "address": "192.0.2.1", "system_uuid": "6695EB01-F6A4-8304-79AA-97F2502E193F", "serial": "S1", "boot_mode": "bios",
    "resource_class": "small", "root_device": {"serial": "D1"}, "properties": {"local_gb": 20}, "traits": ["CUSTOM_GPU"],
    "extra": {"x": [1]}, "description": "first", "owner": "lab",
}


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
    assert "canary" not in repr(node) + repr(after)
    assert nodes.list_nodes(engine) == [node]


def test_second_enrolment_changes_nothing_and_check_mode_writes_nothing(engine, enrol):
    assert enrol(check_mode=True, **FULL)[0]
    assert nodes.list_nodes(engine) == []
    enrol(**FULL)
    node = nodes.get(engine, "node1")
    assert not enrol(**FULL)[0]
    changed, before, after = enrol(check_mode=True, **{**FULL, "rack": "rack4"})
    assert changed and {key for key in after if before[key] != after[key]} == {"rack"}
    assert nodes.get(engine, "node1") == node


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
])
def test_what_belongs_to_another_node_is_refused(engine, enrol, second, said):
    enrol(**FULL)
    with pytest.raises(BaremetalError, match=said) as refusal:
        enrol("node2", **second)
    assert "node2: " in str(refusal.value) and "node1" in str(refusal.value)
    assert [node["name"] for node in nodes.list_nodes(engine)] == ["node1"]


@pytest.mark.parametrize("bmc", [
    {"address": "198.51.100.1", "port": 8443}, {"address": "198.51.100.1", "system_id": "2"}, {"address": "2001:db8::1"},
    {"address": "https://[2001:db8::1]:8000"},
])
def test_bmcs_that_share_an_address(enrol, bmc):
    enrol(**FULL)
    assert enrol("node2", driver="redfish", bmc=bmc)[0]


def test_flags_stay_until_they_are_named(engine, enrol):
    enrol(maintenance=True, maintenance_reason="fan")
    enrol(rack="rack1")
    assert nodes.get(engine, "node1")["maintenance_reason"] == "fan"
    assert nodes.get(engine, "node1")["maintenance"] is True
    enrol(maintenance=False)
    assert (nodes.get(engine, "node1")["maintenance"], nodes.get(engine, "node1")["maintenance_reason"]) == (False, None)


def test_removal(engine, enrol):
    enrol(**FULL)
    with engine.begin() as connection:
        assert nodes.remove(connection, "node1", check_mode=True)
        assert nodes.remove(connection, "node1")
        assert not nodes.remove(connection, "node1")
    assert enrol("node2", **FULL)[0]


def test_unknown_node(engine):
    with pytest.raises(BaremetalError, match="node9: registry: the registry has no such node.*enroll.yml"):
        nodes.get(engine, "node9")
    nodes.set_power_state(engine, "node9", "on")
    assert nodes.credential(engine, "node9") is None


@pytest.mark.parametrize(("record", "said"), [
    ({"colour": "red"}, "colour"),
    ({"bmc": {"address": "192.0.2.9", "colour": "red"}}, "bmc: .*colour"),
    ({"bmc": {"username": "x"}}, "address"),
    ({"ports": [{"address": "52:54:00:aa:00"}]}, "52:54:00:aa:00 is no MAC address"),
    ({"ports": [{"pxe_enabled": True}]}, "ports.0: .*address"),
    ({"address": "192.0.2.1/24"}, "192.0.2.1/24 is no IPv4 address"),
    ({"driver": "snmp"}, "snmp"),
    ({"name": "a b"}, "a b"),
    ({"name": None}, "name"),
    ({"rack": "all"}, "rack"),
    ({"boot_mode": "legacy"}, "legacy"),
    ({"traits": "CUSTOM_X"}, "traits"),
])
def test_bad_records_name_the_key(record, said):
    with pytest.raises(BaremetalError, match=said) as refusal:
        schema.normalise({"name": "node1", "driver": "manual", **record})
    assert "To do: " in str(refusal.value)


def test_bad_password_is_not_repeated():
    with pytest.raises(BaremetalError) as refusal:
        schema.normalise({"name": "node1", "driver": "ipmi", "bmc": {"address": "192.0.2.9", "password": ["canary-s3cret"]}})
    assert "canary" not in str(refusal.value)


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
    nodes.set_power_states(engine, {name: "on" if name != "node3" else "off" for name in names})
    assert len([statement for statement in statements if not statement.startswith(("BEGIN", "PRAGMA"))]) == 3
    assert set(found) == set(names) and found["node4"]["bmc"] == {"address": "192.0.2.5"} and found["node4"]["driver"] == "redfish"
    assert {record["name"]: record["power_state"] for record in nodes.list_nodes(engine)} == {**dict.fromkeys(names, "on"), "node3": "off"}
