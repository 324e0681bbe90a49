# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doors node, node_info and provision_state, called as the action calls them."""

from __future__ import annotations

import json
import os
import pathlib
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import node as node_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import registry_export
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _registry_access, _step_plans, netboot, node_flags, node_info, power
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import provision_state
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors._bmc_access import fill_connection
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat, locks, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, network_rules, networks, nodes, schema, store
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import LOCKS, NODES
from sqlalchemy import update
from sqlalchemy.sql.compiler import SQLCompiler

SECRET = "canary-s3cret"
IMAGE = {
    "name": "debian-12", "digest": "sha256:" + "a" * 64, "manifest_digest": "sha256:" + "b" * 64, "virtual_size": 3 << 30,
    "path": "images/debian-12/aaaaaaaaaaaaaaaa/", "published_at": "2026-01-01T00:00:00Z", "manifest": {},
}
NODE = {
    "name": "node1", "driver": "manual", "ports": [{"address": "52:54:00:00:00:01"}], "address": "192.0.2.1", "serial": "S1",
    "root_device": {"serial": "D1"},
}
RUN = {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}


@pytest.fixture
def url(url, monkeypatch):
    # The test's own process is the run: a heartbeat would live until pytest ends.
    monkeypatch.setattr(heartbeat, "start", lambda url, controller: None)
    return url


@pytest.fixture
def do(url):
    def do(door, check_mode=False, run=None, vault=True, warn=lambda text: None, **params):
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        return door.run(Call(
            params={**defaults, "registry": url, **params}, check_mode=check_mode, node="node1", controller=run or RUN, warn=warn, holds=bool, evaluate=str,
            vault_encrypt=(lambda text: "$ANSIBLE_VAULT;" + text[::-1]) if vault else None,
            vault_decrypt=(lambda text: text.removeprefix("$ANSIBLE_VAULT;")[::-1]) if vault else None))
    return do


@pytest.fixture
def put(do, engine):
    def put(state, **more):
        do(node_door, nodes=[{**NODE, **more}])
        images.record(engine, IMAGE)
        with engine.begin() as connection:
            connection.execute(update(NODES).values(provision_state=state))
    return put


def bmc(password):
    return {**NODE, "driver": "redfish", "bmc": {"address": "198.51.100.1", "password": password}}


IPMI = {"address": "198.51.100.1", "username": "", "password": {"env": "BMC_PASSWORD"}, "kg_key": {"env": "BMC_KEY"}}


def test_ipmi_user_without_a_name_and_key_come_from_the_registry(do, url, monkeypatch, tmp_path):
    record = {**NODE, "driver": "ipmi", "bmc": IPMI}
    assert do(node_door, nodes=[record])["changed"] and not do(node_door, nodes=[record])["changed"]
    monkeypatch.setenv("BMC_PASSWORD", SECRET)
    monkeypatch.setenv("BMC_KEY", "canary-k3y")
    call = Call(params={"registry": url}, node="node1")
    filled = fill_connection(call)["bmc"]
    assert (filled["username"], filled["password"], filled["kg_key"]) == ("", SECRET, "canary-k3y")
    assert {SECRET, "canary-k3y"} <= call.secrets
    do(registry_export, path=str(tmp_path / "nodes.json"))
    assert json.loads((tmp_path / "nodes.json").read_text())["nodes"][0]["bmc"] == IPMI
    monkeypatch.delenv("BMC_KEY")
    with pytest.raises(BaremetalError, match="variable BMC_KEY, which should hold the key K_g, is not set"):
        fill_connection(Call(params={"registry": url}, node="node1"))


def test_ipmi_account_without_a_password_comes_from_the_registry(do, url):
    record = {**NODE, "driver": "ipmi", "bmc": {**IPMI, "password": "", "kg_key": None}}
    assert do(node_door, nodes=[record])["changed"] and not do(node_door, nodes=[record])["changed"]
    call = Call(params={"registry": url}, node="node1", vault_decrypt=lambda text: text.removeprefix("$ANSIBLE_VAULT;")[::-1])
    assert fill_connection(call)["bmc"]["password"] == "" and not call.secrets


@pytest.mark.parametrize(("key", "said"), [
    ("canary-k3y", "bmc.kg_key: must be of type object"), ({"text": "canary-k3y"}, "reference to a key K_g has to have exactly one"),
    ({"env": "canary-k3y"}, "reference env to a key K_g")])
def test_key_that_is_no_reference_is_refused_and_not_told(do, key, said):
    with pytest.raises(BaremetalError, match=f"node1: enrolment: .*{said}") as refusal:
        do(node_door, nodes=[{**NODE, "driver": "ipmi", "bmc": {**IPMI, "kg_key": key}}])
    assert "canary" not in str(refusal.value)


def test_password_never_leaves_and_is_compared(do):
    first = do(node_door, nodes=[bmc(SECRET)])
    assert first["changed"] and SECRET not in repr(first)
    assert not do(node_door, nodes=[bmc(SECRET)])["changed"]
    other = do(node_door, nodes=[bmc(SECRET + "2")])
    assert other["diff"][0]["after"] == {"bmc_password": "******** (new)"}
    assert SECRET not in repr(other) + repr(do(node_info))
    with pytest.raises(BaremetalError, match="node1: enrolment: .*no vault secret"):
        do(node_door, nodes=[bmc(SECRET)], vault=False)
    with pytest.raises(BaremetalError, match="node1: enrolment: the reference env .* is no name") as refusal:
        do(node_door, nodes=[bmc({"env": SECRET})])
    assert SECRET not in str(refusal.value)


def test_passwords_are_encrypted_and_compared_while_others_use_the_registry(do, engine, url):
    """Each costs some milliseconds, and a transaction of SQLite is alone."""
    seen = []

    def as_others(text):
        seen.append(len(nodes.list_nodes(engine)))
        return f"$ANSIBLE_VAULT;{text[::-1]}" if not text.startswith("$ANSIBLE_VAULT;") else text.removeprefix("$ANSIBLE_VAULT;")[::-1]

    defaults = {name: spec.get("default") for name, spec in node_door.DOOR.argument_spec.items()}
    for changed in (True, False):
        call = Call(params={**defaults, "registry": url, "nodes": [bmc(SECRET)]}, controller=RUN, vault_encrypt=as_others, vault_decrypt=as_others)
        assert node_door.run(call)["changed"] is changed
    assert seen == [0, 1]


def test_password_that_is_rotated_while_it_is_compared_is_compared_again(do, engine, url):
    do(node_door, nodes=[bmc(SECRET)])

    def rotate(text):
        old = nodes.credential(engine, "node1")
        nodes.set_credential(engine, "node1", old, {"vault": "$ANSIBLE_VAULT;" + "rotated"[::-1]})
        return text.removeprefix("$ANSIBLE_VAULT;")[::-1]

    defaults = {name: spec.get("default") for name, spec in node_door.DOOR.argument_spec.items()}
    once = [rotate]
    call = Call(params={**defaults, "registry": url, "nodes": [bmc(SECRET)]}, controller=RUN, vault_encrypt=lambda text: "$ANSIBLE_VAULT;" + text[::-1],
                vault_decrypt=lambda text: once.pop()(text) if once else text.removeprefix("$ANSIBLE_VAULT;")[::-1])
    assert node_door.run(call)["changed"]
    assert nodes.credential(engine, "node1") == {"vault": "$ANSIBLE_VAULT;" + SECRET[::-1]}


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("verb", "state"), [("provide", "clean failed"), ("undeploy", "clean failed"), ("undeploy", "cleaning"), ("provide", "clean wait")])
def test_a_cleaning_that_came_to_no_end_is_not_passed_over(do, put, engine, verb, state, check_mode):
    """The tenant's system may run on, and its addresses would be free."""
    put(state, automated_clean=False)
    with pytest.raises(BaremetalError, match="its cleaning came to no end and it is not to be cleaned any more.*run manage.yml and then provide.yml"):
        do(provision_state, verb=verb, check_mode=check_mode)
    assert nodes.get(engine, "node1")["provision_state"] in (state, "clean failed")
    do(node_flags, retired=True)
    with pytest.raises(BaremetalError, match="run manage.yml and then undeploy.yml"):
        do(provision_state, verb="undeploy", check_mode=check_mode)
    do(node_flags, retired=False)
    put("clean failed", automated_clean=True)
    assert do(provision_state, verb=verb, check_mode=check_mode)["provision_state"] == "cleaning"


def test_a_cleaning_that_came_to_a_stand_is_not_gone_on_with_where_there_is_to_be_none(do, put, engine):
    put("manageable")
    dead = {**RUN, "run_id": "dead", "pid": 2 ** 22 + 1, "start_time": 1}
    names = [step["step"] for step in do(provision_state, verb="provide", run=dead)["steps"]]
    transitions.advance(engine, "node1", "wait", dead)
    with engine.begin() as connection:
        nodes.set_work(connection, "node1", {"steps": names, "begin": 1})
    do(node_door, nodes=[{**NODE, "automated_clean": False}])
    with pytest.raises(BaremetalError, match="its cleaning came to no end"):
        do(provision_state, verb="provide")
    assert nodes.get(engine, "node1")["provision_state"] == "clean failed"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_service_that_is_held_is_not_begun_anew_by_the_same_command(do, put, engine, check_mode):
    put("service hold")
    with engine.begin() as connection:
        nodes.set_work(connection, "node1", {"steps": ["hold", "power_off"], "begin": 1, "nonce": "0123456789abcdef"})
    with pytest.raises(BaremetalError, match="it is held by one of these steps.*run unhold.yml"):
        do(provision_state, verb="service", steps=asked("hold", "power_off"), check_mode=check_mode)
    assert nodes.get(engine, "node1")["provision_state"] == "service hold"
    assert do(provision_state, verb="service", steps=asked("power_off"), check_mode=check_mode)["provision_state"] == "servicing"


def asked(*names):
    """The option steps of somebody who names these."""
    return {"definitions": [], "requested": [{"step": name} for name in names], "runbook": None, "runbooks": None, "priorities": None, "templates": None,
            "traits": None, "deploy_steps": None}


@pytest.mark.parametrize("check_mode", [True, False])
def test_check_mode_refuses_what_a_dead_run_has_left_too(do, put, engine, check_mode):
    put("servicing")
    with pytest.raises(BaremetalError, match="in maintenance"):
        do(provision_state, verb="rescue", ssh_public_keys=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU"],
           check_mode=check_mode)
    assert nodes.get(engine, "node1")["provision_state"] == ("servicing" if check_mode else "service failed")


def test_an_export_lifts_no_flag_that_was_set_since(do, put, engine, tmp_path):
    put("active")
    do(registry_export, path=str(tmp_path / "nodes.json"))
    do(node_flags, protected=True, protected_reason="db")
    assert not do(node_door, nodes=json.loads((tmp_path / "nodes.json").read_text())["nodes"])["changed"]
    node = nodes.get(engine, "node1")
    assert (node["protected"], node["protected_reason"]) == (True, "db")


def test_an_export_makes_no_fault_an_operators(do, put, engine, tmp_path):
    put("active")
    transitions.begin(engine, "node1", "service", RUN)
    transitions.advance(engine, "node1", "fail", RUN, error="no")
    do(registry_export, path=str(tmp_path / "nodes.json"))
    assert not do(node_door, nodes=json.loads((tmp_path / "nodes.json").read_text())["nodes"])["changed"]
    assert nodes.get(engine, "node1")["fault"] == "service failure"


def test_all_records_are_checked_before_one_is_written(do, engine):
    with pytest.raises(BaremetalError, match="node2: .*colour"):
        do(node_door, nodes=[NODE, {"name": "node2", "driver": "manual", "colour": "red"}])
    with pytest.raises(BaremetalError, match="node1 stands more than once"):
        do(node_door, nodes=[NODE, NODE])
    assert nodes.list_nodes(engine) == []


@pytest.mark.parametrize(("bad", "said"), [
    ({"colour": "red"}, "node2: root device: unknown root device hint colour. To do: The hints are: size, .*serial"),
    ({"name": "/dev/sda"}, "node2: .*hint name .*kernel names.*To do: Use serial or wwn"),
    ({"serial": "<or>"}, "node2: .*hint serial .*not understood.*To do: Correct root_device"),
    ({"size": "<in> 5"}, "node2: .*hint size .*not understood"),
])
def test_root_device_hints_are_checked_before_one_is_written(do, engine, bad, said):
    with pytest.raises(BaremetalError, match=said):
        do(node_door, nodes=[NODE, {"name": "node2", "driver": "manual", "root_device": bad}])
    assert nodes.list_nodes(engine) == []
    # Some machines have no disk that anybody knows of yet.
    for absent in ({}, None):
        do(node_door, nodes=[{"name": "node2", "driver": "manual", "root_device": absent}])


def test_nothing_is_enrolled_when_one_node_is_refused_for_another(do, engine):
    first = {"name": "node1", "driver": "manual", "ports": [{"address": "52:54:00:00:00:01"}]}
    with pytest.raises(BaremetalError, match="belongs to node node1 already"):
        do(node_door, nodes=[first, {**first, "name": "node2"}])
    assert nodes.list_nodes(engine) == []


OTHER = {
    "name": "node2", "driver": "redfish", "ports": [{"address": "52:54:00:00:00:02"}], "address": "192.0.2.2", "serial": "S2",
    "system_uuid": "6695eb01-f6a4-8304-79aa-97f2502e193f", "bmc": {"address": "198.51.100.2"},
}


def test_nodes_of_one_file_swap_what_is_theirs(do, engine):
    own = bmc(None)
    do(node_door, nodes=[own, OTHER])
    for keys in (["address"], ["serial", "system_uuid", "ports"], ["bmc"]):
        first = {**own, **{key: OTHER.get(key) for key in keys}}
        second = {**OTHER, **{key: own.get(key) for key in keys}}
        swapped = do(node_door, True, nodes=[first, second])
        assert do(node_door, nodes=[first, second]) == swapped
        # What was there before is told as it was.
        assert [entry["before"]["serial"] for entry in swapped["diff"] if "serial" in entry["before"]] == (["S1", "S2"] if "serial" in keys else [])
        assert not do(node_door, nodes=[first, second])["changed"]
        own, other = first, second
        assert [nodes.get(engine, node["name"])[key] for node in (own, other) for key in ("address", "serial")] == [
            node[key] for node in (own, other) for key in ("address", "serial")]
        do(node_door, nodes=[bmc(None), OTHER])
        own = bmc(None)
    # Alone, one of them still takes what the other one has; the same where the other one is refused.
    before = nodes.list_nodes(engine)
    with pytest.raises(BaremetalError, match="node1: .*address 192.0.2.2 belongs to node node2"):
        do(node_door, nodes=[{**own, "address": "192.0.2.2"}])
    transitions.begin(engine, "node2", "manage", {**RUN, "run_id": "other"})
    with pytest.raises(BaremetalError, match="node2: .*another run works on the node"):
        do(node_door, nodes=[{**own, "address": "192.0.2.2"}, {**OTHER, "address": "192.0.2.1"}])
    assert nodes.get(engine, "node1") == before[0] and nodes.get(engine, "node2")["address"] == "192.0.2.2"


def test_nodes_of_one_file_swap_their_cables(do, engine):
    def described(first, second):
        ports = [{"address": f"52:54:00:00:00:0{number}", "local_link_connection": {"switch_info": "leaf1", "port_id": port}}
                 for number, port in ((1, first), (2, second))]
        return [{"name": f"node{number}", "driver": "manual", "ports": [port]} for number, port in enumerate(ports, start=1)]

    do(node_door, nodes=described("swp1", "swp2"))
    swapped = described("swp2", "swp1")
    for alone in swapped:
        with pytest.raises(BaremetalError, match="the switch port leaf1 swp[12] belongs to node node[12] already"):
            do(node_door, nodes=[alone])
    assert do(node_door, True, nodes=swapped) == do(node_door, nodes=swapped)
    assert [node["ports"][0]["local_link_connection"]["port_id"] for node in nodes.list_nodes(engine)] == ["swp2", "swp1"]


def test_names_that_differ_in_case_alone(do, engine):
    with pytest.raises(BaremetalError, match="Node1: enrolment: the name differs from that of node node1 in the case .*To do: write it as node1"):
        do(node_door, nodes=[NODE, {"name": "Node1", "driver": "manual"}])
    assert nodes.list_nodes(engine) == []
    do(node_door, nodes=[NODE])
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match="NODE1: .*node1"):
            do(node_door, check_mode, nodes=[{"name": "NODE1", "driver": "manual"}])
    # Two that are there already are left alone.
    with engine.begin() as connection:
        nodes.upsert(connection, schema.normalise({"name": "NODE1", "driver": "manual"}), None, same_credential=lambda old, new: True)
    assert not do(node_door, nodes=[NODE])["changed"]


def test_check_mode_makes_no_registry(do, tmp_path):
    result = do(node_door, nodes=[{"name": "node1", "driver": "manual"}], check_mode=True)
    assert result["changed"] and result["nodes"] == [{"name": "node1", "changed": True}]
    assert not list(tmp_path.glob("*.db"))


def schema_of(url):
    with store.sqlalchemy.create_engine(url, poolclass=store.NullPool).begin() as connection:
        tables = store.sqlalchemy.inspect(connection)
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if tables.has_table("alembic_version") else None
        return version, sorted(tables.get_table_names())


def test_check_mode_changes_no_registry_of_an_older_release(do, url, monkeypatch):
    monkeypatch.setattr(store, "_engines", {})
    with monkeypatch.context() as released:
        released.setattr(store.migrations, "MIGRATIONS", store.migrations.MIGRATIONS[:1])
        store.open_registry(url)
        before = schema_of(url)
    store._engines.clear()
    for door, params in ((node_door, {"nodes": [NODE]}), (node_info, {}), (provision_state, {"verb": "manage"}), (registry_export, {"path": "/nowhere"})):
        with pytest.raises(BaremetalError, match="registry: the registry has schema 0001 of an older release, and check mode does not change it. To do: "):
            do(door, True, **params)
    assert schema_of(url) == before
    assert do(node_info)["nodes"] == [] and schema_of(url)[0] == store.migrations.MIGRATIONS[-1][0]


def test_check_mode_makes_no_tables(do, url):
    if url.startswith("sqlite"):
        pathlib.Path(url.removeprefix("sqlite:///")).touch()
    assert do(node_door, True, nodes=[NODE])["changed"]
    for check_mode in (True, False):
        with pytest.raises(BaremetalError, match="there is no registry"):
            do(node_info, check_mode)
    assert schema_of(url) == (None, [])


@pytest.mark.parametrize("wrong", [
    [{"address": "192.0.2.1", "password": "canary"}], "canary", {"address": "192.0.2.1", "password": ["canary"]},
    {"address": ["canary"]}, {"address": "192.0.2.1", "cipher_suite": "canary"}, {"address": "http://[canary"},
])
def test_password_in_the_wrong_place_is_not_shown(do, wrong):
    for record in ({**NODE, "bmc": wrong}, [{**NODE, "bmc": wrong}]):
        with pytest.raises(BaremetalError) as caught:
            do(node_door, nodes=[record])
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("more", "said"), [
    ({"ports": [{"address": 41135040001}]}, "ports.0.address: must be of type string; put quotes around it"),
    ({"ports": [{"address": "52:54:00:00:00:01"}] * 2}, "stands at more than one port"),
    ({"ports": [{"address": "52:54:00:ff:fe:00:00:01"}]}, "is no MAC address"),
    ({"address": "2001:db8::1"}, "one of IPv6 ends in 0"),
    ({"address": "192.0.2.1/24"}, "is none that a node can boot with"),
    ({"system_uuid": "not a uuid"}, "is no UUID"),
    ({"serial": "x" * 300}, "serial: .*too long"),
    ({"properties": {"local_gb": "big"}}, "properties.local_gb: .*does not match"),
    ({"driver": "ipmi", "bmc": {"address": "10.0.0.1:abc"}}, "bmc.address makes no address"),
    ({"rack": "boot_servers"}, "rack: boot_servers has a meaning of its own"),
    ({"rack": "driver_x"}, "rack: driver_x has a meaning of its own"),
    ({"name": "localhost"}, "name: localhost has a meaning of its own"),
])
def test_record_that_cannot_work_is_refused(do, engine, more, said):
    with pytest.raises(BaremetalError, match=said):
        do(node_door, nodes=[{**NODE, **more}])
    assert nodes.list_nodes(engine) == []


@pytest.mark.parametrize("state", [None, "present", "absent"])
def test_check_mode_of_enrolment_refuses_and_tells_the_same(do, put, engine, state):
    put("manageable")
    other = {"name": "node2", "driver": "manual", "serial": "S2"}
    before = nodes.list_nodes(engine)
    if state is None:
        for check_mode in (True, False):
            with pytest.raises(BaremetalError, match="node3: .*serial number S2 belongs to node node2"):
                do(node_door, check_mode, nodes=[other, {**other, "name": "node3"}])
        assert nodes.list_nodes(engine) == before
        return
    arguments = {"nodes": [{**NODE, "rack": "rack9"}, other], "state": state}
    foreseen = do(node_door, True, **arguments)
    assert foreseen["changed"] and nodes.list_nodes(engine) == before
    assert do(node_door, **arguments) == foreseen


@pytest.mark.parametrize("state", ["active", "service failed", "service hold"])
def test_root_device_of_a_node_with_an_instance_stays(do, put, engine, state):
    put(state)
    with engine.begin() as connection:
        connection.execute(update(NODES).values(instance={"uuid": "u", "image": "debian-12"}))
    with pytest.raises(BaremetalError, match="root device of a node that carries an instance cannot change.*undeploy"):
        do(node_door, nodes=[{**NODE, "root_device": {"serial": "D2"}}])


@pytest.mark.parametrize("killed", [False, True])
def test_root_device_after_a_rebuild_that_failed(do, put, engine, killed):
    put("available")
    dead = {**RUN, "run_id": "dead", "pid": 2 ** 22 + 1, "start_time": 1}
    other_disk = {**NODE, "root_device": {"serial": "D2"}}
    for verb in ("deploy", "rebuild"):
        do(provision_state, verb=verb, image="debian-12")
        do(provision_state, event="done")
    do(provision_state, verb="rebuild", run=dead if killed else None)
    if not killed:
        do(provision_state, event="fail", error="no call back")
    # The same command, or a deploy: what was there before is there until the new system is.
    do(provision_state, verb="deploy", image="debian-12")
    do(provision_state, event="fail", error="no call back")
    with pytest.raises(BaremetalError, match="node1: .*carries an instance cannot change. Seen: state deploy failed, and deployed before. To do: undeploy"):
        do(node_door, nodes=[other_disk])
    do(provision_state, verb="undeploy")
    do(provision_state, event="clean")
    do(provision_state, event="fail", error="the disk is gone")
    assert do(node_door, nodes=[other_disk])["changed"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_root_device_after_a_first_deploy_that_failed(put, do, engine, url, check_mode):
    """The hints may be what was wrong, so they may change; what the deploy wrote is told of."""
    put("available")
    do(provision_state, verb="deploy", image="debian-12")
    do(provision_state, event="fail", error="it does not boot")
    warnings = []
    record = {**NODE, "root_device": {"serial": "D2"}}
    params = {"registry": url, "nodes": [record], "state": "present", "provisioning_network": None}
    call = Call(params=params, check_mode=check_mode, controller=RUN, warn=warnings.append)
    assert node_door.DOOR.run(call)["changed"]
    (warning,) = warnings
    assert warning.startswith("node1: the deploy that failed may have written")


def test_enrolment_does_not_touch_what_another_run_works_on(do, put, engine):
    put("available")
    transitions.begin(engine, "node1", "deploy", {**RUN, "run_id": "other"})
    assert not do(node_door, nodes=[NODE])["changed"]
    for state in ("present", "absent"):
        with pytest.raises(BaremetalError, match="another run works on the node"):
            do(node_door, nodes=[{**NODE, "rack": "rack9"}], state=state)


def test_removal(do):
    do(node_door, nodes=[NODE])
    assert do(node_door, nodes=[{"name": "node1"}], state="absent", check_mode=True)["changed"]
    assert do(node_door, nodes=[{"name": "node1"}], state="absent")["changed"]
    assert not do(node_door, nodes=[{"name": "node1"}], state="absent")["changed"]
    with pytest.raises(BaremetalError, match="has no name"):
        do(node_door, nodes=[{}], state="absent")


def test_node_info(do, put):
    put("available")
    assert do(node_info)["nodes"][0]["provision_state"] == "available"
    with pytest.raises(BaremetalError, match="no node node9"):
        do(node_info, names=["node9"])
    do(provision_state, verb="manage")
    assert [entry["event"] for entry in do(node_info, history=True)["nodes"][0]["history"]] == ["manage"]


def test_deploy_and_the_same_again(do, put, engine):
    put("available")
    planned = do(provision_state, verb="deploy", image="debian-12", check_mode=True)
    assert (planned["changed"], planned["provision_state"], planned["interlock"]["nonce"]) == (True, "deploying", "0" * 16)
    assert nodes.get(engine, "node1")["provision_state"] == "available"
    begun = do(provision_state, verb="deploy", image="debian-12")
    assert begun["image"] == IMAGE
    assert begun["instance"]["image_digest"] == IMAGE["digest"]
    assert begun["interlock"] == {
        "nonce": begun["interlock"]["nonce"], "system_uuid": None, "serial": "S1", "macs": ["52:54:00:00:00:01"],
        "skip_block_devices": [], "wipe_special_filesystems": False}
    assert begun["diff"] == {"before": {"provision_state": "available"}, "after": {"provision_state": "deploying"}}
    do(provision_state, event="done")
    again = do(provision_state, verb="deploy", image="debian-12")
    assert (again["changed"], again["provision_state"], again["instance"]["uuid"]) == (False, "active", begun["instance"]["uuid"])
    images.record(engine, {**IMAGE, "digest": "sha256:" + "f" * 64})
    with pytest.raises(BaremetalError, match="runs another image.*undeploy"):
        do(provision_state, verb="deploy", image="debian-12")


def test_partitions_are_in_the_plan_and_in_the_instance(do, put, engine):
    put("available")
    with pytest.raises(BaremetalError, match="is a whole disk"):
        do(provision_state, verb="deploy", image="debian-12", partitions={"swap_mb": 512})
    images.record(engine, {**IMAGE, "image_type": "partition"})
    planned = do(provision_state, verb="deploy", image="debian-12", partitions={"swap_mb": 512}, check_mode=True)
    assert [(part["role"], part["size_mb"]) for part in planned["diff"]["after"]["partitions"]] == [("efi", 550), ("swap", 512), ("root", None)]
    begun = do(provision_state, verb="deploy", image="debian-12", partitions={"swap_mb": 512})
    assert nodes.get(engine, "node1")["instance"]["partitions"] == begun["diff"]["after"]["partitions"] == planned["diff"]["after"]["partitions"]


@pytest.mark.parametrize(("node", "image", "said"), [
    ({}, "debian-99", "no image debian-99. Seen: published images: debian-12"),
    ({}, None, "no image is named"),
    ({"properties": {"local_gb": 2}}, "debian-12", "larger than the disk.*local_gb 2"),
    ({"root_device": None}, "debian-12", "root_device"),
    ({"address": None}, "debian-12", "an address"),
    ({"serial": None}, "debian-12", "a system_uuid or serial"),
    ({"ports": [{"address": "52:54:00:00:00:01", "pxe_enabled": False}]}, "debian-12", "a port with pxe_enabled"),
])
def test_deploy_that_cannot_end_well_is_refused(do, put, engine, node, image, said):
    put("available", **node)
    before = nodes.get(engine, "node1")
    with pytest.raises(BaremetalError) as refusal:
        do(provision_state, verb="deploy", image=image)
    refusal.match(said)
    assert "To do: " in str(refusal.value)
    assert nodes.get(engine, "node1") == before


LACKING = [
    ({"ports": []}, "a port with pxe_enabled"),
    ({"address": None}, "an address"),
    ({"root_device": None}, "root_device hints"),
    ({"serial": None}, "a system_uuid or serial"),
    ({"serial": None, "ports": None}, "a port with pxe_enabled, a system_uuid or serial"),
]


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("verb", "state"), [("provide", "manageable"), ("undeploy", "active")])
@pytest.mark.parametrize(("node", "said"), LACKING)
def test_cleaning_that_cannot_end_well_is_not_begun(do, put, engine, node, said, verb, state, check_mode):
    put(state, **node)
    before = nodes.get(engine, "node1")
    with pytest.raises(BaremetalError, match=f"node1: plan: the registry lacks what a cleaning needs. Seen: missing: {said}. To do: add it"):
        do(provision_state, verb=verb, check_mode=check_mode)
    assert nodes.get(engine, "node1") == before
    do(node_door, nodes=[NODE])
    assert do(provision_state, verb=verb, check_mode=check_mode)["changed"]


@pytest.mark.parametrize(("verb", "state", "work", "begun"), [
    ("rescue", "active", "rescue", "rescuing"), ("inspect", "manageable", "inspection", "inspecting")])
@pytest.mark.parametrize(("node", "said"), LACKING)
def test_rescue_and_inspection_need_no_disk(do, put, engine, node, said, verb, state, work, begun):
    put(state, **node)
    if said == "root_device hints":
        assert do(provision_state, verb=verb)["provision_state"] == begun
        return
    with pytest.raises(BaremetalError, match=f"the registry lacks what a.* {work} needs. Seen: missing: {said}"):
        do(provision_state, verb=verb)
    assert nodes.get(engine, "node1")["provision_state"] == state


HARDWARE = {
    "cpu": {"architecture": "x86_64", "count": 8}, "memory": {"total": 1, "physical_mb": None},
    "disks": [{"name": "/dev/sda", "size": (9 << 30) - 1, "serial": "D1"}, {"name": "/dev/sdb", "size": 1 << 40, "serial": "D2"}],
}


def test_end_of_an_inspection(do, put, engine):
    put("manageable")
    do(provision_state, verb="inspect")
    with pytest.raises(BaremetalError, match="not the hardware that an inspection finds. Seen: keys: cpu"):
        do(provision_state, event="done", inventory={"cpu": {}})
    assert nodes.get(engine, "node1")["provision_state"] == "inspecting"
    done = do(provision_state, event="done", inventory=HARDWARE)
    # No memory: the kernel did not tell what the machine has.
    assert done["diff"] == {"before": {"provision_state": "inspecting", "properties": {}},
                            "after": {"provision_state": "manageable", "properties": {"cpus": 8, "cpu_arch": "x86_64", "local_gb": 8}}}
    assert "inventory" not in done["node"] and "inventory" not in do(node_info)["nodes"][0]
    assert do(node_info, inventory=True)["nodes"][0]["inventory"] == HARDWARE


def test_software_raid_is_none_of_the_disks_that_an_inspection_sees(do, put, engine):
    put("manageable", root_device={"volume_name": "system"})
    warnings = []
    do(provision_state, verb="inspect")
    done = do(provision_state, event="done", inventory=HARDWARE, warn=warnings.append)
    assert (warnings, done["node"]["properties"]) == ([], {"cpus": 8, "cpu_arch": "x86_64"})
    do(provision_state, verb="provide")
    do(provision_state, event="done")
    with pytest.raises(BaremetalError, match="an installer is not given software RAID as its disk"):
        do(provision_state, verb="deploy", boot={
            "kernel": "http://192.0.2.1/linux", "initrd": "http://192.0.2.1/initrd", "answer": {"kind": "preseed", "text": "d-i x string y"}})


def test_another_inspection_tells_what_has_changed(do, put, engine):
    put("manageable")
    warnings = []
    for hardware in (HARDWARE, {**HARDWARE, "disks": [{**HARDWARE["disks"][0], "size": 5}]}):
        do(provision_state, verb="inspect")
        done = do(provision_state, event="done", inventory=hardware, warn=warnings.append)
    assert done["drift"] == [
        {"field": "disks[D1].size", "before": (9 << 30) - 1, "after": 5}, {"field": "disks[D2]", "before": str(1 << 40), "after": None}]
    assert done["diff"]["before"]["hardware"] == {"disks[D1].size": (9 << 30) - 1, "disks[D2]": str(1 << 40)}
    assert done["diff"]["after"]["hardware"] == {"disks[D1].size": 5, "disks[D2]": None}
    told, = warnings
    assert "disks[D1].size: 9663676415 -> 5; disks[D2]: 1099511627776 -> nothing" in told
    look = do(node_info, inventory=True)["nodes"][0]["inspections"]["in-band"]
    assert look["drift"] == done["drift"] and look["previous"] < look["at"]


def test_what_follows_by_rules_counts_beside_the_hardware_file(do, put, engine):
    put("manageable", traits=["A"], properties={"capabilities": {"a": "file"}}, description="file")
    rules = [{"name": "r", "when": True, "traits": ["A", "B"], "resource_class": "big", "description": "rule", "properties": {"tier": 2},
              "capabilities": {"a": "rule", "b": "rule"}}, {"name": "no", "when": False, "fail": "never"}]

    def inspect(inspection_rules):
        do(provision_state, verb="inspect")
        return do(provision_state, event="done", inventory=HARDWARE, inspection_rules=inspection_rules)

    done = inspect(rules)
    node = nodes.get(engine, "node1")
    assert (done["rules"], node["traits"], node["resource_class"], node["description"]) == (["r"], ["A", "B"], "big", "file")
    assert node["properties"] == {"cpus": 8, "cpu_arch": "x86_64", "local_gb": 8, "tier": 2, "capabilities": {"a": "file", "b": "rule"}}
    assert done["diff"]["before"]["traits"] == ["A"] and done["diff"]["after"]["resource_class"] == "big" and "description" not in done["diff"]["after"]
    # The hardware file goes on to say what it says, and takes nothing away.
    again = do(node_door, nodes=[{**NODE, "traits": ["A"], "properties": {"capabilities": {"a": "file"}}, "description": "file"}])
    assert not again["changed"] and nodes.get(engine, "node1")["traits"] == ["A", "B"]
    # A rule that does not hold any more.
    inspect([])
    assert (nodes.get(engine, "node1")["traits"], nodes.get(engine, "node1")["resource_class"]) == (["A"], None)


def test_what_belongs_to_another_node_is_told_and_nothing_is_guessed(do, put, engine):
    put("manageable")
    do(node_door, nodes=[{"name": "node2", "driver": "manual", "ports": [{"address": "52:54:00:00:00:02"}], "serial": "S2"}])
    before, warnings = nodes.get(engine, "node2"), []
    do(provision_state, verb="inspect")
    nics = [{"mac_address": "52:54:00:00:00:01"}, {"mac_address": "52:54:00:00:00:02"}]
    do(provision_state, event="done", inventory={**HARDWARE, "system": {"serial": "S1"}, "interfaces": nics}, warn=warnings.append)
    assert ["node2 has MAC address 52:54:00:00:00:02. Nothing was changed" in told for told in warnings] == [True]
    assert nodes.get(engine, "node2") == before
    assert nodes.get(engine, "node1")["provision_state"] == "manageable"


def test_disks_to_skip_go_where_disks_are_written(do, put, engine):
    skip = [{"serial": "D2"}]
    put("manageable", root_device={"size": "> 5"}, properties={"skip_block_devices": skip})
    begun = do(provision_state, verb="inspect")
    assert (begun["interlock"]["skip_block_devices"], begun["interlock"]["wipe_special_filesystems"]) == (skip, False)
    do(provision_state, event="done", inventory=HARDWARE)
    assert nodes.get(engine, "node1")["properties"]["local_gb"] == 8
    with pytest.raises(BaremetalError, match="unknown root device hint serail"):
        put("manageable", properties={"skip_block_devices": [{"serail": "D2"}]})


def test_rules_that_are_none_are_refused_before_the_machine_is_touched(do, put, engine):
    put("manageable")
    with pytest.raises(BaremetalError, match="the rules of the inspection are not valid. Seen: x: 'trait' was unexpected|Additional properties"):
        do(provision_state, verb="inspect", inspection_rules=[{"name": "x", "trait": "A"}])
    assert nodes.get(engine, "node1")["provision_state"] == "manageable"


def test_a_rule_that_fails_keeps_nothing(do, put, engine):
    put("manageable")
    do(provision_state, verb="inspect")
    with pytest.raises(BaremetalError, match="half of the memory is missing"):
        do(provision_state, event="done", inventory=HARDWARE, inspection_rules=[{"name": "x", "fail": "half of the memory is missing"}])
    assert do(node_info, inventory=True)["nodes"][0]["inventory"] is None
    assert nodes.get(engine, "node1")["provision_state"] == "inspecting"


def test_what_the_bmc_tells_stands_beside_what_the_machine_saw(do, put, engine):
    put("manageable", driver="redfish", bmc={"address": "198.51.100.1"})
    outside = {"cpu": {"architecture": "x86_64", "count": 8}, "memory": {"total": None, "physical_mb": 65536},
               "disks": [{"name": "Drive 0", "size": 7 << 30, "serial": "D1"}, {"name": "Drive 7", "size": 1, "serial": "D7"}]}
    for interface, hardware in (("out-of-band", outside), ("in-band", HARDWARE)):
        do(provision_state, verb="inspect", inspect_interface=interface)
        done = do(provision_state, event="done", inspect_interface=interface, inventory=hardware)
        # From another side it may look different; that is no change.
        assert done["drift"] == []
    node = do(node_info, inventory=True)["nodes"][0]
    assert set(node["inspections"]) == {"in-band", "out-of-band"}
    assert [disk["name"] for disk in node["inventory"]["disks"]] == ["/dev/sda", "/dev/sdb", "Drive 7"]
    assert node["properties"] == {"cpus": 8, "cpu_arch": "x86_64", "memory_mb": 65536, "local_gb": 8}


def test_out_of_band_inspection_needs_redfish_and_nothing_that_a_boot_needs(do, put, engine):
    put("manageable", driver="redfish", bmc={"address": "198.51.100.1"}, ports=[], address=None, serial=None)
    with pytest.raises(BaremetalError, match="the registry lacks what an inspection needs"):
        do(provision_state, verb="inspect")
    assert do(provision_state, verb="inspect", inspect_interface="out-of-band")["provision_state"] == "inspecting"
    do(provision_state, event="fail", error="test")
    put("manageable", driver="ipmi")
    with pytest.raises(BaremetalError, match="the driver ipmi tells of no hardware. To do: inspect the node in-band"):
        do(provision_state, verb="inspect", inspect_interface="out-of-band")


def test_end_of_an_inspection_of_a_machine_with_other_disks(do, put, engine):
    put("manageable", root_device={"serial": "D3"})
    do(provision_state, verb="inspect")
    do(provision_state, event="done", inventory=HARDWARE)
    assert nodes.get(engine, "node1")["properties"] == {"cpus": 8, "cpu_arch": "x86_64"}


def test_a_private_key_for_a_rescue_is_refused_and_not_shown(do, put, engine):
    put("active")
    with pytest.raises(BaremetalError) as refusal:
        do(provision_state, verb="rescue", ssh_public_keys=["-----BEGIN OPENSSH PRIVATE KEY-----\ncanary"])
    refusal.match("node1: plan: rescue_ssh_public_keys: an SSH public key is not valid. Seen: a private key")
    assert "canary" not in str(refusal.value)
    assert nodes.get(engine, "node1")["provision_state"] == "active"


@pytest.mark.parametrize(("node", "said"), LACKING)
def test_node_that_is_not_cleaned_needs_nothing_for_it(do, put, node, said):
    put("manageable", **node, automated_clean=False)
    assert do(provision_state, verb="provide")["provision_state"] == "available"
    with pytest.raises(BaremetalError, match=f"lacks what a deploy needs. Seen: missing: {said}"):
        do(provision_state, verb="deploy", image="debian-12")


@pytest.mark.parametrize(("verb", "state"), [("provide", "manageable"), ("deploy", "available")])
def test_hints_of_an_older_enrolment_are_looked_at_before_the_machine_is_rebooted(do, put, engine, verb, state):
    put(state)
    with engine.begin() as connection:
        nodes.upsert(connection, schema.normalise({**NODE, "root_device": {"colour": "red"}}), None, same_credential=lambda old, new: old == new)
    with pytest.raises(BaremetalError, match="node1: root device: unknown root device hint colour"):
        do(provision_state, verb=verb, image="debian-12")
    assert nodes.get(engine, "node1")["provision_state"] == state


def test_killed_deploy_is_begun_again_by_the_same_command(do, put, engine):
    put("available")
    dead = {**RUN, "run_id": "dead", "pid": 2 ** 22 + 1, "start_time": 1}
    first = do(provision_state, verb="deploy", image="debian-12", run=dead)
    second = do(provision_state, verb="deploy", image="debian-12")
    assert second["changed"]
    assert second["previous_state"] == "deploying"
    assert second["interlock"]["nonce"] != first["interlock"]["nonce"]
    assert [entry["to_state"] for entry in transitions.history(engine, "node1")] == ["deploying", "deploy failed", "deploying"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_node_without_automated_cleaning(do, put, engine, check_mode):
    put("manageable", automated_clean=False)
    provided = do(provision_state, verb="provide", check_mode=check_mode)
    assert (provided["changed"], provided["previous_state"], provided["provision_state"]) == (True, "manageable", "available")
    node = nodes.get(engine, "node1")
    assert (node["provision_state"], node["lock"]) == ("manageable" if check_mode else "available", None)


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("verb", "state", "requested"), [
    ("provide", "manageable", None), ("undeploy", "active", None), ("clean", "manageable", [{"step": "own"}]), ("service", "active", [{"step": "own"}]),
    ("deploy", "available", None), ("rebuild", "active", None)])
def test_steps_whose_tasks_cannot_be_run_are_refused(put, engine, url, verb, state, requested, check_mode):
    put(state)
    asked = []
    given = {"definitions": [{"name": "own", "role": "site", "tasks_from": "lost", "verbs": ["clean", "deploy", "service"], "priority": 10}],
             "requested": requested, "runbook": None, "runbooks": None, "priorities": None, "templates": None, "traits": None,
             "deploy_steps": None}
    params = {name: None for name in provision_state.DOOR.argument_spec}

    def task():
        return provision_state.run(Call(
            params={**params, "registry": url, "verb": verb, "steps": given, "image": "debian-12"}, check_mode=check_mode, node="node1", controller=RUN,
            tasks_problem=lambda *tasks: asked.append(tasks) or "it is not there"))

    with pytest.raises(BaremetalError, match="the tasks of the step own cannot be run. Seen: role site, tasks lost: it is not there. To do: "):
        task()
    assert nodes.get(engine, "node1")["provision_state"] == state
    # Those of the collection are there.
    assert asked == [("site", "lost")]
    if verb in ("provide", "undeploy"):
        put(state, automated_clean=False)
        assert task()["changed"]


def test_undeploy_without_automated_cleaning_takes_the_instance_away(do, put, engine):
    put("available", automated_clean=False)
    do(provision_state, verb="deploy", image="debian-12")
    do(provision_state, event="done")
    assert do(provision_state, verb="undeploy")["provision_state"] == "deleting"
    cleaned = do(provision_state, event="clean")
    assert (cleaned["previous_state"], cleaned["provision_state"]) == ("deleting", "available")
    assert nodes.get(engine, "node1")["instance"] is None


@pytest.mark.parametrize(("verb", "state"), [
    ("unrescue", "active"), ("manage", "manageable"), ("provide", "available"), ("undeploy", "available"), ("undeploy", "manageable"), ("undeploy", "enroll")])
def test_verb_whose_end_is_reached_changes_nothing(do, put, verb, state):
    put(state)
    assert not do(provision_state, verb=verb)["changed"]


@pytest.mark.parametrize("door", [netboot, power])
def test_run_that_slept_while_another_did_its_work_changes_nothing(put, engine, url, door):
    put("available", **{key: value for key, value in bmc({"env": "X"}).items() if key != "name"})
    slept = {**RUN, "run_id": "slept"}
    call = Call(params={"registry": url, "state": "present", "bmc": None}, node="node1", controller=slept)
    transitions.begin(engine, "node1", "deploy", slept)
    with engine.begin() as connection:
        transitions.locks.release(connection, "node1")
    transitions.begin(engine, "node1", "deploy", RUN)
    with pytest.raises(BaremetalError, match="another run works on the node"):
        door.DOOR.before(call)
    transitions.advance(engine, "node1", "done", RUN)
    with pytest.raises(BaremetalError, match="this run does not hold the node, so it cannot change the machine. Seen: done by bob@.* led to state active"):
        door.DOOR.before(call)


def test_flags_of_the_record_reach_the_power_door(do, put, url, monkeypatch):
    monkeypatch.setenv("X", "secret")
    put("available", **{key: value for key, value in bmc({"env": "X"}).items() if key != "name"}, disable_power_off=True)
    for told in (None, {"address": "198.51.100.2"}):
        call = Call(params={"registry": url, "bmc": told, "driver": "redfish"}, node="node1", controller=RUN)
        assert power.DOOR.before(call)["bmc"]["disable_power_off"] is True


def test_deploy_returns_what_it_looked_at_and_no_secret(do, put):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"
    settings = {"server": "boot1", "server_url": "http://192.0.2.1:8080", "cache_url": "http://192.0.2.1:8080", "server_root": "/srv/rackwright",
                "ssh_public_keys": [key], "ssh_private_key_file": "~/.ssh/id_ed25519", "kernel_arguments": "", "timeouts": {"power": 7},
                "interfaces": [], "network": "", "gateway": "", "dns": []}
    put("available")
    for given, wanted in (({}, [key]), ({"public_keys": None}, [key]), ({"public_keys": []}, [])):
        drive = {"hostname": "web1", "user_data": "canary", **given}
        result = do(provision_state, check_mode=True, verb="deploy", image="debian-12", ramdisk_boot=settings, config_drive=drive)
        assert result["ramdisk_boot"] == settings and "canary" not in str(result)
        assert result["config_drive"]["data"] == {
            "hostname": "web1", "public_keys": wanted,
            "uuid": result["instance"]["uuid"], "meta": {"rackwright_image_digest": result["image"]["digest"]}}
    assert "ramdisk_boot" not in do(provision_state, check_mode=True, verb="deploy", image="debian-12")


def test_a_verb_returns_the_declared_network_for_a_medium_where_the_boot_servers_own_is_another(do, put, engine):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/"
    settings = {"server": "boot1", "server_url": "http://192.0.2.1:8080", "cache_url": None, "server_root": "/srv/rackwright", "ssh_public_keys": [key],
                "ssh_private_key_file": "", "kernel_arguments": "", "timeouts": {}, "interfaces": ["redfish-virtual-media"],
                "network": "198.51.100.0/24", "gateway": "198.51.100.1", "dns": []}
    put("available")
    with pytest.raises(BaremetalError, match="ramdisk_boot_network.*not in the node's network.*declare the network"):
        do(provision_state, verb="deploy", image="debian-12", ramdisk_boot=dict(settings))
    with engine.begin() as connection:
        networks.declare(connection, [network_rules.normalise({"name": "boot", "type": "provisioning", "cidr": "192.0.2.0/24"})])
    found = do(provision_state, verb="deploy", image="debian-12", ramdisk_boot=dict(settings))["ramdisk_boot"]
    assert found == {**settings, "network": "192.0.2.0/24", "gateway": None, "dns": []}


def test_rebuild_keeps_the_instance_and_takes_its_image(do, put, engine):
    put("available")
    first = do(provision_state, verb="deploy", image="debian-12")["instance"]
    do(provision_state, event="done")
    images.record(engine, {**IMAGE, "digest": "sha256:" + "f" * 64})
    with pytest.raises(BaremetalError, match="runs another image.*rebuild.yml"):
        do(provision_state, verb="deploy", image="debian-12")
    planned = do(provision_state, verb="rebuild", check_mode=True)
    assert planned["changed"] and nodes.get(engine, "node1")["instance"]["image_digest"] == IMAGE["digest"]
    again = do(provision_state, verb="rebuild")
    # When it was deployed stays known until the new system is there.
    assert again["instance"] == {**first, "image_digest": "sha256:" + "f" * 64, "deployed_at": planned["instance"]["deployed_at"]}
    assert again["instance"]["deployed_at"]
    assert again["image"]["name"] == "debian-12" and again["provision_state"] == "deploying"


ADDRESS, CHECKSUM = "https://images.example.com/appliance.raw", "sha256:" + "c" * 64


def test_an_image_that_is_not_published_is_deployed_and_rebuilt(do, put, engine):
    put("available")
    begun = do(provision_state, verb="deploy", image=ADDRESS, image_checksum="SHA256:" + "C" * 64)
    assert begun["image"] == {"name": ADDRESS, "url": ADDRESS, "digest": CHECKSUM, "manifest_digest": None, "virtual_size": None, "image_type": "whole-disk"}
    assert nodes.get(engine, "node1")["instance"]["image"] == ADDRESS
    do(provision_state, event="done")
    assert not do(provision_state, verb="deploy", image=ADDRESS, image_checksum=CHECKSUM)["changed"]
    with pytest.raises(BaremetalError, match="runs another image"):
        do(provision_state, verb="deploy", image=ADDRESS, image_checksum="sha512:" + "d" * 128)
    # Without being told, a rebuild takes what the instance has; another content at the same address if that is asked for.
    assert do(provision_state, verb="rebuild", check_mode=True)["image"] == begun["image"]
    assert do(provision_state, verb="rebuild", image_checksum="sha512:" + "d" * 128)["image"]["digest"] == "sha512:" + "d" * 128


def test_a_file_system_that_is_not_published_gets_its_partitions(do, put):
    put("available")
    planned = do(provision_state, verb="deploy", image=ADDRESS, image_checksum=CHECKSUM, partitions={"swap_mb": 512}, check_mode=True)
    assert (planned["image"]["image_type"], [part["role"] for part in planned["diff"]["after"]["partitions"]]) == ("partition", ["efi", "swap", "root"])


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_rebuild_that_forgets_the_partitions_is_refused_before_the_node_is_touched(do, put, engine, check_mode):
    put("available")
    wanted = {"image": ADDRESS, "image_checksum": CHECKSUM, "partitions": {"swap_mb": 512}}
    do(provision_state, verb="deploy", **wanted)
    do(provision_state, event="done")
    with pytest.raises(BaremetalError, match="plan: the instance has a partition image.*efi, swap, root.*To do: give deploy_partitions as it was deployed"):
        do(provision_state, verb="rebuild", check_mode=check_mode)
    assert nodes.get(engine, "node1")["provision_state"] == "active"
    # Other content may be a whole disk, and so may what was never seen to run.
    assert do(provision_state, verb="rebuild", image_checksum="sha256:" + "d" * 64, check_mode=True)["image"]["image_type"] == "whole-disk"
    assert do(provision_state, verb="rebuild", partitions=wanted["partitions"])["image"]["image_type"] == "partition"
    do(provision_state, event="fail", error="it broke")
    assert do(provision_state, verb="rebuild", check_mode=True)["image"]["image_type"] == "whole-disk"


@pytest.mark.parametrize(("image", "checksum", "said"), [
    (ADDRESS, None, "needs its checksum"),
    (ADDRESS, "md5:" + "0" * 32, "not accepted"),
    (ADDRESS, "sha256:" + "0" * 63, "no sha256 digest"),
    (ADDRESS, "https://images.example.com/SHA256SUMS", "given by an address"),
    (ADDRESS, "https://user:canary@images.example.com/SHA256SUMS", "given by an address"),
    ("ftp://images.example.com/os.raw", CHECKSUM, "no http or https URL"),
    ("ftp://user:canary@images.example.com/os.raw?signature=canary", CHECKSUM, "Seen: ftp://images.example.com/os.raw"),
    ("http://[", CHECKSUM, "no http or https URL"),
    ("http://user:canary@[", CHECKSUM, "no http or https URL"),
    ("ht tp://user:canary@images.example.com/os.raw", CHECKSUM, "no http or https URL"),
    ("ftp://user:can/ary#canary@images.example.com/os.raw", CHECKSUM, "no http or https URL"),
    ("https://user:can/canary@images.example.com/os.raw", CHECKSUM, "no http or https URL"),
    ("https://user:canary@images.example.com/os.raw", CHECKSUM, "may be a secret"),
    (ADDRESS + "?signature=canary", CHECKSUM, "may be a secret"),
    ("debian-12", CHECKSUM, "which has its own"),
])
def test_an_address_that_is_no_image_is_refused(do, put, engine, image, checksum, said):
    put("available")
    with pytest.raises(BaremetalError, match=said) as refusal:
        do(provision_state, verb="deploy", image=image, image_checksum=checksum)
    assert "To do: " in str(refusal.value) and "canary" not in str(refusal.value)
    assert nodes.get(engine, "node1")["provision_state"] == "available"


@pytest.mark.parametrize("check_mode", [True, False])
def test_retired_node_ends_manageable_also_without_cleaning(do, put, engine, check_mode):
    put("deleting", automated_clean=False)
    transitions.begin(engine, "node1", "undeploy", RUN)
    do(node_flags, retired=True)
    assert do(provision_state, event="clean", check_mode=check_mode)["provision_state"] == "manageable"


def test_retired_node_is_not_undeployed_before_it_is_cleaned(do, put, engine):
    put("active")
    do(node_flags, retired=True)
    do(provision_state, verb="undeploy")
    do(provision_state, event="clean")
    do(provision_state, event="fail", error="disk on fire")
    # Somebody gives up the cleaning, and with it the fault.
    do(provision_state, verb="manage")
    do(node_flags, maintenance=False)
    assert do(provision_state, verb="undeploy", check_mode=True)["provision_state"] == "cleaning"
    begun = do(provision_state, verb="undeploy")
    assert (begun["changed"], begun["provision_state"]) == (True, "cleaning")
    assert [step["step"] for step in begun["steps"]] == ["deploy.erase_devices_metadata"]
    assert do(provision_state, event="done")["provision_state"] == "manageable"
    assert not do(provision_state, verb="undeploy")["changed"]


STEPS = {**dict.fromkeys(_step_plans.STEPS), "priorities": {"bios.factory_reset": 100}}


@pytest.mark.parametrize(("again", "begin"), [(STEPS, 1), (None, 0)], ids=["same steps", "other steps"])
@pytest.mark.parametrize("verb", ["undeploy", "provide"])
def test_cleaning_whose_run_died_while_the_machine_booted_goes_on(do, put, engine, verb, again, begin):
    put("active" if verb == "undeploy" else "manageable")
    dead = {**RUN, "run_id": "dead"}
    steps = do(provision_state, verb=verb, steps=STEPS, run=dead)["steps"]
    if verb == "undeploy":
        steps = do(provision_state, event="clean", steps=STEPS, run=dead)["steps"]
    transitions.begin_step(engine, "node1", steps[1], dead)
    do(provision_state, event="wait", run=dead)
    with engine.begin() as connection:
        connection.execute(update(LOCKS).values(pid=2 ** 22 + 1))
    moved = do(provision_state, verb=verb, steps=again)
    assert (moved["provision_state"], moved["steps"][0]["number"], moved["steps"][-1]["step"]) == ("cleaning", begin, "deploy.erase_devices_metadata")
    assert do(provision_state, event="done")["provision_state"] == "available"


@pytest.mark.parametrize("check_mode", [True, False])
def test_new_node_is_verified_before_it_is_provided(do, put, engine, check_mode):
    put("enroll", automated_clean=False)
    assert do(provision_state, verb="provide", check_mode=check_mode)["provision_state"] == "verifying"
    if not check_mode:
        do(provision_state, event="done")
        assert do(provision_state, verb="provide")["provision_state"] == "available"


def test_abort_twice(do, put):
    put("available")
    begun = do(provision_state, verb="deploy", image="debian-12")
    do(provision_state, event="wait")
    assert do(provision_state, verb="abort", check_mode=True)["changed"]
    aborted = do(provision_state, verb="abort")
    assert (aborted["changed"], aborted["previous_state"], aborted["provision_state"]) == (True, "wait call-back", "deploy failed")
    assert (aborted["aborted"]["deferred"], aborted["interlock"]["nonce"]) == (None, begun["interlock"]["nonce"])
    again = do(provision_state, verb="abort")
    assert (again["changed"], again["aborted"]) == (False, None)


@pytest.mark.parametrize("check_mode", [True, False])
def test_abort_of_a_failed_service_tells_what_the_machine_may_run(put, engine, url, check_mode):
    put("service failed")
    warnings = []
    params = {name: None for name in provision_state.DOOR.argument_spec}
    call = Call(params={**params, "registry": url, "verb": "abort"}, check_mode=check_mode, node="node1", controller=RUN, warn=warnings.append)
    assert provision_state.run(call)["provision_state"] == "active"
    (warning,) = warnings
    assert "may still run the ramdisk; ansible node1 -m rackwright.baremetal.power -a state=rebooted" in warning
    if not check_mode:
        assert not provision_state.run(call)["changed"] and len(warnings) == 1


def test_flags_by_an_operator(do, put, engine):
    put("active")
    transitions.begin(engine, "node1", "service", {**RUN, "run_id": "other"})
    # A flag forbids what has not begun, and may be set while a run works.
    assert do(node_flags, maintenance=True, maintenance_reason="fan", check_mode=True)["changed"]
    done = do(node_flags, maintenance=True, maintenance_reason="fan")
    assert done["diff"] == {"before": {"maintenance": False, "maintenance_reason": None}, "after": {"maintenance": True, "maintenance_reason": "fan"}}
    assert (done["flags"]["maintenance"], done["flags"]["fault"]) == (True, None)
    assert not do(node_flags, maintenance=True)["changed"]
    ended = do(node_flags, maintenance=False)
    assert ended["changed"] and ended["flags"]["maintenance_reason"] is None
    assert not do(node_flags, maintenance=False)["changed"]
    with pytest.raises(BaremetalError, match="maintenance_reason is given without maintenance"):
        do(node_flags, retired=True, maintenance_reason="fan")
    with pytest.raises(BaremetalError, match="only a node in state active or rescue can be protected"):
        do(node_flags, protected=True)
    assert nodes.get(engine, "node1")["protected"] is False


def test_fault_becomes_the_operators_when_an_operator_speaks(do, put, engine):
    put("manageable")
    do(provision_state, verb="provide")
    do(provision_state, event="fail", error="disk on fire")
    assert nodes.get(engine, "node1")["fault"] == "clean failure"
    assert do(node_flags, maintenance=True)["diff"]["after"] == {"fault": None}
    do(provision_state, verb="manage")
    do(provision_state, verb="provide")
    do(provision_state, event="done")
    assert nodes.get(engine, "node1")["maintenance"] is True


def test_statements_that_were_compiled_ahead_are_those_that_tasks_send(put, engine, monkeypatch):
    # Those of the tests before are open too.
    monkeypatch.setattr(store, "opened", lambda: [engine])
    _registry_access.warm_up()
    put("available")
    engine.clear_compiled_cache()
    _registry_access.warm_up()
    compile_statement, compiled = SQLCompiler.__init__, []
    monkeypatch.setattr(SQLCompiler, "__init__", lambda self, *given, **more: compiled.append(given) or compile_statement(self, *given, **more))
    assert nodes.get(engine, "node1")["provision_state"] == "available"
    assert list(nodes.bmcs(engine, ["node1"])) == ["node1"]
    with engine.begin() as connection:
        nodes.set_power_states(connection, {"node1": "off"})
        transitions.write_state(connection, "node1", {
            **dict.fromkeys(transitions.MOVED), "provision_state": "manageable", "work": {"steps": []},
            "updated_at": store.now(), "provision_updated_at": store.now()})
        locks.acquire(connection, "node1", RUN, "deploying")
        transitions.write_history(connection, "node1", RUN, event="fail", from_state="deploying", to_state="deploy failed")
    assert not compiled
    changed = nodes.get(engine, "node1")
    assert [changed[key] for key in ("power_state", "provision_state", "work", "instance")] == ["off", "manageable", {"steps": []}, None]
