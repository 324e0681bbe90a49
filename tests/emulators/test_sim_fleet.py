# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet form through ansible-playbook, on simulated BMCs of which some are not well."""

from __future__ import annotations

import json
import re

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import accounts, raid
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet import form
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet.form import run_fleet
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.emulators.peers import wait_until
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs
from sqlalchemy import update

COUNT = 50
DEAD, STRANGER = "node7", "node9"
GATEWAY = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
DOORS = pytest.mark.parametrize("door", [{}, {"delegate_to": "gateway"}], ids=["action", "module"])


@pytest.fixture(scope="module")
def rack():
    with redfish_bmcs(count=COUNT, password=PASSWORD, latency=0.02) as simulator:
        yield simulator


@pytest.fixture
def hosts(rack):
    rack.change(power="Off")
    for index in range(COUNT):
        rack.reset_counters(index)
    bmcs = [{key: value for key, value in bmc.items() if value is not None} for bmc in rack.connections]
    return {"gateway": GATEWAY, **{
        f"node{number}": {"baremetal_bmc": {"driver": "redfish", **bmc, "system_id": "1"}} for number, bmc in enumerate(bmcs)}}


@pytest.fixture
def ailing(rack, hosts):
    """The same with one BMC that is dead and one that does not take the password."""
    rack.faults("blackhole", index=7)
    hosts[STRANGER]["baremetal_bmc"]["password"] = PASSWORD + "-wrong"
    yield hosts
    rack.faults(index=7)


def power(options, **task):
    return {"name": "Power", "rackwright.baremetal.power": {"nodes": "{{ ansible_play_hosts }}", **options}, "run_once": True, "register": "power", **task}


SHOW = {"name": "Show", "ansible.builtin.copy": {"content": "{{ power | to_json }}", "dest": "{{ playbook_dir }}/result.json", "mode": "0600"},
        "delegate_to": "localhost", "run_once": True}


def result_of(tmp_path):
    return json.loads((tmp_path / "result.json").read_text())


def clean(run):
    assert PASSWORD not in run.stdout
    assert "Traceback" not in run.stdout
    return run


def is_on(rack, number):
    return rack.show(number)["power"] == "On"


CHANGES = {
    "bmc_account": ({"username": "monitor", "password": "monitor-Passw0rd", "role": "ReadOnly"}, lambda result: result["account"]["role"] == "ReadOnly"),
    "bios_settings": ({"settings": {"NumLock": "Off"}}, lambda result: result["reboot_required"]),
    "boot_order": ({"order": ["disk"]}, lambda result: result["boot_order"]),
    "firmware": ({"component": "NIC.1", "version": "23.0.1", "image": "http://192.0.2.1/nic.1-23.0.1.bin"},
                 lambda result: result["component"]["version"] == "23.0.1"),
    "raid": ({"target_raid_config": {"logical_disks": [{"size_gb": 100, "raid_level": "1"}]}}, lambda result: result["volumes"] or result["pending"]),
    "secure_boot": ({"enabled": True}, lambda result: result["secure_boot"] or result["pending"]),
    "virtual_media": ({"image": "http://192.0.2.1/boot.iso"}, lambda result: result["slot"]),
}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(accounts, "_PROOF_PAUSE", 0.1)
    monkeypatch.setattr(raid, "_POLL", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("module", CHANGES)
def test_changes_are_made_on_all_that_answer_and_once(rack, module):
    """One task for the rack, without Ansible around it; the second time nothing is changed."""
    door, (options, is_done) = load_all()[module], CHANGES[module]
    bmcs = [{**{key: value for key, value in bmc.items() if value is not None}, "name": f"node{index}"} for index, bmc in enumerate(rack.connections[:4])]
    bmcs[3]["password"] = PASSWORD + "-wrong"
    for index in range(4):
        rack.reset(index)
    given = {**options, "driver": "redfish", "nodes": [bmc["name"] for bmc in bmcs], "bmcs": bmcs, "fail_on": "all"}
    validation = ArgumentSpecValidator(door.argument_spec, **door.constraints).validate(given)
    assert not validation.error_messages
    for is_changed in (True, False):
        result = run_fleet(door, Call(params=validation.validated_parameters))
        assert result["failed_nodes"] == ["node3"] and result["changed"] is is_changed, result
        for name in ("node0", "node1", "node2"):
            assert result["nodes"][name]["changed"] is is_changed and is_done(result["nodes"][name]), result["nodes"][name]
        assert "node3: BMC connection: " in result["nodes"]["node3"]["msg"] and PASSWORD not in str(result)


def encrypt(text):
    return f"$ANSIBLE_VAULT;{text[::-1]}"


def decrypt(text):
    return text.removeprefix("$ANSIBLE_VAULT;")[::-1]


@pytest.mark.usefixtures("impatient")
def test_each_password_is_rotated_by_itself_and_the_registry_learns_which(rack, tmp_path, monkeypatch):
    """One board takes the new password, one does not keep it, the password of one is not the registry's to change, and one has it from a run before."""
    new, names, door = f"{PASSWORD}-new", [f"node{number}" for number in range(4)], load_all()["bmc_account"]
    monkeypatch.setenv("RACK_BMC", PASSWORD)
    engine = open_registry(f"sqlite:///{tmp_path}/registry.db")
    with engine.begin() as connection:
        for number, name in enumerate(names):
            rack.reset(number)
            bmc = {key: value for key, value in rack.connections[number].items() if value is not None and key != "password"}
            nodes.upsert(connection, {"name": name, "driver": "redfish", "address": f"192.0.2.{number + 1}", "ports": [], "bmc": bmc},
                         credentials.reference({"env": "RACK_BMC"} if number == 2 else PASSWORD, encrypt), same_credential=lambda old, new: old == new)
    rack.faults("password_ignored", index=1)

    def rotate(names, **more):
        params = {name: option.get("default") for name, option in door.argument_spec.items()}
        params.update(registry=str(engine.url), nodes=names, username=rack.connections[0]["username"], password=new, fail_on="all")
        warnings = []
        call = Call(params=params, controller={"run_id": "own"}, warn=warnings.append, vault_encrypt=encrypt, vault_decrypt=decrypt, secrets={new}, **more)
        calls, results = form.node_calls(call), {}
        form.prepare(door, calls, results)
        form.work(door, calls, results, call.warn)
        form.record(door, calls, results, call.warn)
        result = form.summary(call, calls, results)
        assert PASSWORD not in f"{result} {warnings}"
        return result, warnings

    def stored():
        return [credentials.resolve(nodes.credential(engine, name), Call(params={}, vault_decrypt=decrypt)) for name in names]

    try:
        # A run that was killed when this board had the new password, and the registry had not.
        assert rotate(["node3"])[0]["nodes"]["node3"]["password_changed"]
        with engine.begin() as connection:
            connection.execute(update(NODES).where(NODES.c.name == "node3").values(credential=credentials.reference(PASSWORD, encrypt)))
        result, warnings = rotate(names)
        assert result["failed_nodes"] == ["node1"] and "the old one is good again" in result["nodes"]["node1"]["msg"]
        assert stored() == [new, PASSWORD, PASSWORD, new]
        assert [result["nodes"][name]["password_changed"] for name in ("node0", "node2", "node3")] == [True, True, False]
        assert [result["nodes"][name]["outdated_credential"] for name in ("node0", "node2", "node3")] == [False, True, False]
        assert [text for text in warnings if "the env RACK_BMC" in text and text.startswith("node2: ")]
        rack.faults(index=1)
        monkeypatch.setenv("RACK_BMC", new)
        assert rotate(names)[0]["nodes"]["node1"]["password_changed"] and not rotate(names, diff=True)[0]["changed"]
        assert stored() == [new] * 4
    finally:
        rack.faults(index=1)
        for number in range(4):
            rack.reset(number)


@DOORS
def test_the_others_are_done_and_go_on(playbook, rack, ailing, tmp_path, door):
    leave = {"name": "Leave out", "ansible.builtin.fail": {"msg": "{{ power.nodes[inventory_hostname].msg }}"},
             "when": "inventory_hostname in power.failed_nodes"}
    after = {"name": "Go on", "ansible.builtin.debug": {"msg": "going on"}}
    run = clean(playbook(ailing, [power({"state": "on", "fail_on": "all"}, **door), SHOW, leave, after], "-vvvv", "-f", "20"))
    result = result_of(tmp_path)
    assert result["failed_nodes"] == [DEAD, STRANGER] and result["changed"]
    assert [name for name, node in result["nodes"].items() if node.get("power_state") != "on"] == [DEAD, STRANGER]
    assert "does not answer" in result["nodes"][DEAD]["msg"] and result["nodes"][DEAD]["msg"].startswith(DEAD)
    assert "does not accept" in result["nodes"][STRANGER]["msg"]
    assert f"2 of {COUNT} nodes failed. (1) " in result["msg"] and "127." not in result["msg"]
    assert [is_on(rack, number) for number in range(COUNT)] == [f"node{number}" not in (DEAD, STRANGER) for number in range(COUNT)]
    # Who failed is out of the play, with the reason; everybody else went on.
    assert sorted(re.findall(r"^(?:fatal|failed): \[(node\d+)\]", run.stdout, re.M)) == [DEAD, STRANGER]
    assert len(set(re.findall(r"^ok: \[(node\d+)\] => \{\n.*going on", run.stdout, re.M))) == COUNT - 2, run.stdout[-3000:]
    assert run.returncode == 2
    # A wrong password is tried once: accounts get locked.
    assert rack.counters(9).get("logins_failed") == 1


@DOORS
def test_task_fails_unless_told_otherwise(playbook, rack, ailing, door):
    run = clean(playbook(ailing, [power({"state": "on"}, **door)], "-vvvv"))
    assert run.returncode == 2
    told = re.search(r'"msg": "(.*)"', run.stdout)[1]
    assert told.startswith(f"2 of {COUNT} nodes failed. ") and DEAD in told and STRANGER in told and "\\n" not in told
    assert is_on(rack, 0) and is_on(rack, COUNT - 1)


@DOORS
def test_check_mode_changes_nothing_and_diff_is_per_node(playbook, rack, hosts, tmp_path, door):
    rack.change(0, power="On")
    run = clean(playbook(hosts, [power({"state": "on"}, **door), SHOW], "--check", "--diff", "-vvvv"))
    assert run.returncode == 0, run.stdout[-3000:]
    assert [is_on(rack, number) for number in range(COUNT)] == [True] + [False] * (COUNT - 1)
    assert "+++ after: node1\n" in run.stdout and "+++ after: node0\n" not in run.stdout
    assert all(set(rack.counters(number)) & {"POST", "PATCH", "DELETE"} == set() for number in range(COUNT))


@pytest.mark.parametrize("form", ["fleet", "host"])
@pytest.mark.parametrize(("task", "most"), [
    ({"rackwright.baremetal.power": {"state": "off"}}, 1),
    ({"rackwright.baremetal.power": {"state": "on"}}, 3),
    ({"rackwright.baremetal.boot_device": {"device": "pxe"}}, 3),
], ids=["state", "on", "boot"])
def test_three_requests_on_one_connection(playbook, rack, hosts, form, task, most):
    rack.reset(0)
    rack.change(0, power="Off")
    (module, options), = task.items()
    if form == "fleet":
        task = {module: {**options, "nodes": ["node0"]}, "run_once": True}
    run = playbook({"node0": hosts["node0"], "gateway": GATEWAY}, [{"name": "Do", **task}])
    assert run.returncode == 0, run.stdout
    counters = rack.counters(0)
    assert counters["requests"] <= most and counters["connections"] == 1, rack.requests(0)


@pytest.mark.parametrize("form", ["fleet", "host"])
def test_what_one_task_found_out_the_next_one_knows(playbook, rack, hosts, form):
    """Without system_id the path of the system costs the first task one request, and no later one."""
    rack.reset(0)
    rack.change(0, power="Off")
    bmc = {key: value for key, value in hosts["node0"]["baremetal_bmc"].items() if key != "system_id"}
    options, more = ({"nodes": ["node0"]}, {"run_once": True}) if form == "fleet" else ({}, {})
    tasks = [{"name": "Do", module: {**given, **options}, **more} for module, given in (
        ("rackwright.baremetal.power", {"state": "off"}), ("rackwright.baremetal.power", {"state": "on"}),
        ("rackwright.baremetal.boot_device", {"device": "pxe"}))]
    run = playbook({"node0": {"baremetal_bmc": bmc}, "gateway": GATEWAY}, tasks)
    assert run.returncode == 0, run.stdout
    paths = [request["path"].rstrip("/") for request in rack.requests(0)]
    assert paths.count("/redfish/v1/Systems") == 1 and len(paths) <= 1 + 1 + 3 + 3, paths


def test_registry_tells_the_bmcs_and_learns_all_power_states(playbook, rack, hosts, tmp_path, monkeypatch):
    url = f"sqlite:///{tmp_path}/registry.db"
    monkeypatch.setenv("RACK_BMC", PASSWORD)
    engine = open_registry(url)
    with engine.begin() as connection:
        for number, bmc in enumerate(rack.connections[:20]):
            kept = {key: bmc[key] for key in ("address", "port", "username", "ca_file")}
            node = schema.normalise({"name": f"node{number}", "driver": "redfish", "bmc": kept, "ports": [{"address": f"02:00:00:00:00:{number:02x}"}]})
            nodes.upsert(connection, node, credentials.reference({"env": "RACK_BMC"}), same_credential=lambda old, new: old == new)
    known = {f"node{number}": {"baremetal_registry": url} for number in range(20)}
    run = clean(playbook({**known, "stranger": {"baremetal_registry": url}, "gateway": GATEWAY}, [power({"state": "on"}), SHOW], "-vvvv"))
    assert "(1) stranger: registry: the registry has no such node." in run.stdout
    states = {record["name"]: record["power_state"] for record in nodes.list_nodes(engine)}
    assert set(states.values()) == {"on"} and len(states) == 20


def test_bad_options_are_refused_before_anything_is_sent(playbook, rack, hosts):
    for options, said in (
        ({"name": "node1"}, "the option name is for one node"),
        ({"bmc": {"address": "192.0.2.1"}}, "the option bmc is for one node"),
        ({"bmcs": [{"name": "node99"}]}, "bmcs tells of node99"),
        ({"nodes": ["nobody"]}, "nothing says where the node's BMC is"),
    ):
        run = clean(playbook(hosts, [power({"state": "on", **options})]))
        assert run.returncode == 2 and said in run.stdout, run.stdout
    assert not any(rack.counters(number).get("requests") for number in range(COUNT))


@DOORS
def test_ipmi_and_redfish_in_one_task(playbook, rack, hosts, tmp_path, door):
    with ipmi_bmcs(count=20, password=PASSWORD, latency=0.02) as more:
        # The BMCs are not to end themselves what was left open.
        more.change(behaviour={"session_timeout": 600.0})
        mixed = {"gateway": GATEWAY, **{f"node{number}": hosts[f"node{number}"] for number in range(10)}}
        mixed.update({f"ipmi{number}": {"baremetal_bmc": {"driver": "ipmi", **bmc}} for number, bmc in enumerate(more.connections)})
        mixed["ipmi3"]["baremetal_bmc"] = {**mixed["ipmi3"]["baremetal_bmc"], "password": PASSWORD[:-1]}
        run = clean(playbook(mixed, [power({"state": "on", "fail_on": "all"}, **door), SHOW], "-vvvv"))
        assert run.returncode == 0, run.stdout[-3000:]
        result = result_of(tmp_path)
        assert result["failed_nodes"] == ["ipmi3"] and len(result["nodes"]) == 30
        assert [more.show(number)["power"] for number in range(20)] == ["Off" if number == 3 else "On" for number in range(20)]
        # One session each, and none is left.
        # What was begun anew stays half open for 30 s.
        wait_until(lambda: not any(more.show(number)["sessions_open"] for number in range(20)), "the end of all sessions", seconds=40)
        for name in ("sessions_opened", "sessions_closed"):
            assert [more.counters(number).get(name, 0) for number in range(20)] == [int(number != 3) for number in range(20)]
