# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door discovered_node: enrolled, known, or a conflict in which nothing is written."""

from __future__ import annotations

import contextlib
import copy

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import discovered_node
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import inspections, nodes, store
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

SECRET = "canary-s3cret"
MAC = "52:54:00:00:02:99"
HARDWARE = {
    "nonce": "9a1f5c0b7d3e4a21", "system": {"uuid": "4c4c4544-0042-4810-8054-b4c04f4b3532", "serial": "SN 7/B", "product": "X12", "manufacturer": "ACME"},
    "boot": {"current_boot_mode": "bios", "pxe_interface": MAC}, "cpu": {"architecture": "x86_64", "count": 8}, "memory": {"physical_mb": 16384},
    "disks": [{"name": "/dev/sda", "serial": "DISK0", "size": 8 << 30}], "interfaces": [{"mac_address": MAC}, {"mac_address": "52:54:00:00:02:9a"}],
    "bmc": {"address": "198.51.100.7", "v6address": None, "mac": "52:54:00:00:07:07"},
}
RULES = [{"name": "big", "when": True, "traits": ["CUSTOM_BIG"], "resource_class": "big"}]


def changed(**parts):
    hardware = copy.deepcopy(HARDWARE)
    for part, value in parts.items():
        hardware[part] = {**hardware[part], **value} if isinstance(value, dict) else value
    return hardware


@pytest.fixture(name="url")
def _url(tmp_path):
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture(name="do")
def _do(url):
    def do(check_mode=False, warn=lambda text: None, **params):
        defaults = {name: spec.get("default") for name, spec in discovered_node.DOOR.argument_spec.items()}
        call = Call(
            params={**defaults, "registry": url, "hardware": HARDWARE, "mac": MAC, "nonce": HARDWARE["nonce"], **params}, check_mode=check_mode,
            controller={"run_id": "own"}, warn=warn, holds=bool, evaluate=str, vault_encrypt=lambda text: "$ANSIBLE_VAULT;" + text[::-1])
        return call.scrub(discovered_node.run(call))
    return do


def record(url, name="sn-7-b"):
    return nodes.get(store.open_registry(url), name)


def names(url):
    engine = store.open_registry(url, create=False)
    return [node["name"] for node in nodes.list_nodes(engine)] if engine else None


def test_a_machine_that_nobody_knows_is_enrolled(do, url):
    foreseen = do(check_mode=True, inspection_rules=RULES)
    assert names(url) is None, "check mode makes no registry"
    result = do(inspection_rules=RULES)
    for key in ("verdict", "name", "told", "rules", "diff"):
        assert foreseen[key] == result[key]
    assert (result["verdict"], result["name"], result["changed"], result["rules"]) == ("enrolled", "sn-7-b", True, ["big"])
    shown = result["diff"]["after"]
    assert shown["bmc"] == {"address": "198.51.100.7"} and shown["properties"] == {"cpus": 8, "memory_mb": 16384, "cpu_arch": "x86_64"}
    node = record(url)
    assert {key: node[key] for key in ("provision_state", "driver", "bmc", "boot_mac", "system_uuid", "serial", "boot_mode", "traits", "resource_class")} == {
        "provision_state": "enroll", "driver": "auto", "bmc": {"address": "198.51.100.7"}, "boot_mac": MAC, "serial": "SN 7/B", "boot_mode": "bios",
        "system_uuid": HARDWARE["system"]["uuid"], "traits": ["CUSTOM_BIG"], "resource_class": "big"}
    assert len(node["ports"]) == 1 and node["inspection_finished_at"]
    assert inspections.read(store.open_registry(url), ["sn-7-b"])["sn-7-b"]["in-band"]["hardware"] == HARDWARE
    again = do(inspection_rules=RULES)
    assert (again["verdict"], again["name"], again["changed"]) == ("known", "sn-7-b", False) and "serial number SN 7/B" in again["told"]


def test_what_is_given_counts(do, url):
    given = {"name": "server7", "driver": "redfish", "rack": "rack3", "root_device": {"serial": "DISK0"}, "address": None,
             "bmc": {"username": "admin", "password": SECRET, "verify": False}}
    result = do(node=given)
    assert SECRET not in repr(result)
    node = record(url, "server7")
    assert node["bmc"] == {"address": "198.51.100.7", "username": "admin", "verify": False}
    assert (node["driver"], node["rack"], node["properties"]["local_gb"]) == ("redfish", "rack3", 8)
    assert nodes.credential(store.open_registry(url), "server7") == {"vault": "$ANSIBLE_VAULT;" + SECRET[::-1]}


def test_a_machine_that_tells_little(do, url):
    warnings = []
    poor = changed(system={"uuid": "03000200-0400-0500-0006-000700080009", "serial": "Default string"}, bmc={"address": None})
    assert do(hardware=poor, warn=warnings.append, node={"bmc": {"username": "admin"}})["name"] == "mac-525400000299"
    node = record(url, "mac-525400000299")
    assert (node["driver"], node["bmc"], node["serial"], node["system_uuid"]) == ("manual", None, None, None)
    assert "tells of no BMC" in warnings[0]


@pytest.mark.parametrize("hardware, said", [
    (changed(interfaces=[{"mac_address": MAC}], system={"uuid": "4c4c4544-0042-4810-8054-b4c04f4b3599", "serial": "SN9"}),
     "sn-7-b has its MAC address 52:54:00:00:02:99, BMC address 198.51.100.7, and yet the machine has system UUID"),
    (changed(bmc={"address": "198.51.100.9"}), "BMC address 198.51.100.9 and not 198.51.100.7"),
    (changed(system={"serial": "OTHER"}), "belongs to sn-7-b and other.*; other has its serial number OTHER "),
])
def test_a_conflict_names_the_nodes_and_writes_nothing(do, url, hardware, said):
    other = changed(system={"uuid": "4c4c4544-0042-4810-8054-b4c04f4b3501", "serial": "OTHER"}, interfaces=[{"mac_address": "52:54:00:00:02:01"}],
                    bmc={"address": "198.51.100.1"})
    do()
    do(hardware=other, mac="52:54:00:00:02:01")
    before = nodes.list_nodes(store.open_registry(url))
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match=f"{said}.*To do: find out") as refusal:
            do(hardware=hardware, update=True, check_mode=check_mode)
        assert "nothing was written" in str(refusal.value)
    assert nodes.list_nodes(store.open_registry(url)) == before


def test_a_name_that_is_taken_is_refused(do, url):
    do()
    other = changed(system={"uuid": "4c4c4544-0042-4810-8054-b4c04f4b3501", "serial": "sn.7.b"}, interfaces=[{"mac_address": "52:54:00:00:02:01"}],
                    bmc={"address": "198.51.100.1"})
    before = record(url)
    with pytest.raises(BaremetalError, match="is the name of a node already.*another name"):
        do(hardware=other, mac="52:54:00:00:02:01", node={"name": "sn-7-b"})
    assert record(url) == before and names(url) == ["sn-7-b"]


@pytest.mark.parametrize(("change", "said"), [
    (lambda connection: connection.execute(update(NODES).values(instance={"uuid": "u1"})), "was deployed while it was looked at"),
    (lambda connection: nodes.remove(connection, "sn-7-b", check=lambda connection, node: None), "has no such node")])
def test_a_known_machine_that_somebody_takes_while_it_is_looked_at(do, url, monkeypatch, change, said):
    do()

    @contextlib.contextmanager
    def later(call, declaration=discovered_node.declaration):
        with store.open_registry(url).begin() as connection:
            change(connection)
        with declaration(call) as connection:
            yield connection

    monkeypatch.setattr(discovered_node, "declaration", later)
    with pytest.raises(BaremetalError, match=f"sn-7-b: .*{said}"):
        do(update=True)


def test_a_known_machine_is_inspected_when_that_is_asked_for(do, url):
    do()
    more = changed(memory={"physical_mb": 32768})
    assert not do(hardware=more)["changed"] and record(url)["properties"]["memory_mb"] == 16384
    before = record(url)
    assert do(hardware=more, update=True, check_mode=True)["changed"] and record(url) == before
    result = do(hardware=more, update=True, inspection_rules=RULES)
    assert result["drift"] == [{"field": "memory.physical_mb", "before": 16384, "after": 32768}] and result["rules"] == ["big"]
    assert result["diff"]["after"]["properties"]["memory_mb"] == 32768 == record(url)["properties"]["memory_mb"]
    # Not of one that a tenant has.
    with store.open_registry(url).begin() as connection:
        connection.execute(update(NODES).values(instance={"image": "debian-12"}))
    warnings = []
    result = do(update=True, warn=warnings.append)
    assert not result["changed"] and result["in_use"] and "in use" in warnings[0] and record(url)["properties"]["memory_mb"] == 32768


@pytest.mark.parametrize("wrong, said", [
    ({"hardware": {"cpu": {}}}, "not the hardware of a machine.*lacks disks, interfaces"),
    ({"nonce": "0000000000000000"}, "not the boot, that called in"),
    ({"mac": "52:54:00:00:02:98"}, "not the machine"),
    ({"node": {"properties": []}}, "properties"),
    ({"node": {"color": "red"}}, "color"),
    ({"node": {"bmc": "198.51.100.7"}}, "bmc: must be of type object"),
    ({"inspection_rules": [{"name": "no", "fail": "not here"}]}, "not here"),
])
def test_bad_input_is_refused(do, url, wrong, said):
    with pytest.raises(BaremetalError, match=said):
        do(**wrong)
    assert not names(url)
