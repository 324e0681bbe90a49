# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doors node, node_info and provision_state, called as the action calls them."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import node as node_door
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import node_info, provision_state
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import update

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
def url(tmp_path, monkeypatch):
    # The test's own process is the run: a heartbeat would live until pytest ends.
    monkeypatch.setattr(heartbeat, "start", lambda url, controller: None)
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def engine(url):
    return open_registry(url)


@pytest.fixture
def do(url):
    def do(door, check_mode=False, run=None, vault=True, **params):
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        return door.run(Call(
            params={**defaults, "registry": url, **params}, check_mode=check_mode, node="node1", controller=run or RUN,
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


def test_password_never_leaves_and_is_compared(do):
    first = do(node_door, nodes=[bmc(SECRET)])
    assert first["changed"] and SECRET not in repr(first)
    assert not do(node_door, nodes=[bmc(SECRET)])["changed"]
    other = do(node_door, nodes=[bmc(SECRET + "2")])
    assert other["diff"][0]["after"] == {"bmc_password": "******** (new)"}
    assert SECRET not in repr(other) + repr(do(node_info))
    with pytest.raises(BaremetalError, match="no vault secret"):
        do(node_door, nodes=[bmc(SECRET)], vault=False)


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


def test_check_mode_makes_no_registry(do, tmp_path):
    result = do(node_door, nodes=[{"name": "node1", "driver": "manual"}], check_mode=True)
    assert result["changed"] and result["nodes"] == [{"name": "node1", "changed": True}]
    assert not list(tmp_path.glob("*.db"))


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
    ({"address": "2001:db8::1"}, "is no IPv4 address"),
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


def test_root_device_of_an_active_node_stays(do, put):
    put("active")
    with pytest.raises(BaremetalError, match="root device of a node that carries an instance cannot change.*undeploy"):
        do(node_door, nodes=[{**NODE, "root_device": {"serial": "D2"}}])


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
        "nonce": begun["interlock"]["nonce"], "system_uuid": None, "serial": "S1", "macs": ["52:54:00:00:00:01"]}
    assert begun["diff"] == {"before": {"provision_state": "available"}, "after": {"provision_state": "deploying"}}
    do(provision_state, event="done")
    again = do(provision_state, verb="deploy", image="debian-12")
    assert (again["changed"], again["provision_state"], again["instance"]["uuid"]) == (False, "active", begun["instance"]["uuid"])
    images.record(engine, {**IMAGE, "digest": "sha256:" + "f" * 64})
    with pytest.raises(BaremetalError, match="runs another image.*undeploy"):
        do(provision_state, verb="deploy", image="debian-12")


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


def test_undeploy_without_automated_cleaning_takes_the_instance_away(do, put, engine):
    put("available", automated_clean=False)
    do(provision_state, verb="deploy", image="debian-12")
    do(provision_state, event="done")
    assert do(provision_state, verb="undeploy")["provision_state"] == "deleting"
    cleaned = do(provision_state, event="clean")
    assert (cleaned["previous_state"], cleaned["provision_state"]) == ("deleting", "available")
    assert nodes.get(engine, "node1")["instance"] is None


@pytest.mark.parametrize(("verb", "state"), [
    ("manage", "manageable"), ("provide", "available"), ("undeploy", "available"), ("undeploy", "manageable"), ("undeploy", "enroll")])
def test_verb_whose_end_is_reached_changes_nothing(do, put, verb, state):
    put(state)
    assert not do(provision_state, verb=verb)["changed"]
