# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A preflight of simulated racks: what is found of boards that are not well, that nothing is changed, and what the operator sees of it."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import bios_settings, preflight
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors.preflight_info import DOOR
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._fleet import form
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials, images, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators import lab, personalities
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs
from sqlalchemy import select, update

COUNT = 9
NAMES = [f"node{number}" for number in range(COUNT)]


@pytest.fixture(scope="module")
def rack():
    with redfish_bmcs(count=COUNT, password=PASSWORD, first_address="127.66.9.1") as simulator:
        yield simulator


@pytest.fixture(scope="module")
def ipmi_rack():
    with ipmi_bmcs(count=2, password=PASSWORD, first_address="127.67.9.1") as simulator:
        yield simulator


@pytest.fixture
def site(rack, tmp_path, monkeypatch):
    """The registry of the rack: its URL, and the nodes as the hardware file has them."""
    monkeypatch.setenv("RACK_BMC", PASSWORD)
    for index in range(COUNT):
        rack.faults(index=index)
        rack.reset(index)
    url = f"sqlite:///{tmp_path}/registry.db"
    engine = open_registry(url)
    images.record(engine, lab.IMAGE)
    with engine.begin() as connection:
        for number, bmc in enumerate(rack.connections):
            kept = {key: bmc[key] for key in ("address", "port", "username", "ca_file")}
            node = schema.normalise({
                "name": NAMES[number], "rack": f"rack{number % 2}", "driver": "redfish", "bmc": kept, "ports": [{"address": f"02:00:00:00:00:{number:02x}"}],
                "properties": {"local_gb": 8 if number != 8 else "1"}, "serial": f"SIM{number:06d}"})
            nodes.upsert(connection, node, credentials.reference({"env": "RACK_BMC"}), same_credential=lambda old, new: old == new)
    for index in range(COUNT):
        rack.reset_counters(index)
    return url


def fleet(params, hostvars=lambda name: {}):
    """What the action does with the door, without the action."""
    defaults = {name: spec.get("default") for name, spec in DOOR.argument_spec.items()}
    call = Call(params={**defaults, "registry": None, **params})
    calls, results = form.node_calls(call, hostvars), {}
    form.prepare(DOOR, calls, results)
    form.work(DOOR, calls, results)
    form.record(DOOR, calls, results)
    return form.summary(call, calls, results)["nodes"]


def unwell(node):
    """What is not in order, by check."""
    return {item["check"]: item["status"] for item in node["checks"] if item["status"] not in ("ok", "skipped")}


def seen(node, check):
    return next(item["seen"] for item in node["checks"] if item["check"] == check)


def test_a_rack_in_order(rack, site):
    found = fleet({"nodes": NAMES[:8], "registry": site, "image": "debian-12"})
    assert {name: unwell(node) for name, node in found.items()} == {name: {} for name in NAMES[:8]}
    assert [item["check"] for item in found["node0"]["checks"]] == [*preflight.CHECKS, "image"]
    assert {item["status"] for item in found["node0"]["checks"]} == {"ok"}
    assert (found["node0"]["rack"], found["node1"]["rack"]) == ("rack0", "rack1")
    assert PASSWORD not in json.dumps(found)
    for index in range(8):
        counters = rack.counters(index)
        # Nothing is ever changed, and no session is opened.
        assert set(counters) & {"POST", "PATCH", "PUT", "DELETE"} == set() and counters["connections"] == 1


def test_a_rack_that_is_not_well(rack, site):
    rack.faults("blackhole", index=1)
    rack.faults(index=2, clock={"seconds": -7200})
    rack.faults("basic_auth_off", "session_table_full", index=3)
    rack.faults("lockout", index=4)
    connection = {**rack.connections[4], "password": f"wrong-{PASSWORD}"}
    for _unused in range(3):
        with contextlib.suppress(BaremetalError), open_driver("redfish", connection):
            pass
    rack.state(5).merge("/redfish/v1/AccountService/Accounts/1", {
        "RoleId": "ReadOnly", "Links": {"Role": {"@odata.id": "/redfish/v1/AccountService/Roles/ReadOnly"}}})
    rack.faults("other_machine", index=6)
    with open_driver("redfish", rack.connections[7]) as driver:
        bios_settings.ensure_bios_settings(driver.service, {"BootMode": "Bios"}, sleep=lambda seconds: None)
    rack.reset_counters(1)
    found = fleet({"nodes": NAMES, "registry": site, "image": "debian-12"})
    assert {name: unwell(node) for name, node in found.items()} == {
        "node0": {}, "node1": {"bmc": "fail"}, "node2": {"clock": "warn"}, "node3": {"sessions": "fail"}, "node4": {"credentials": "fail"},
        "node5": {"privilege": "fail"}, "node6": {"identity": "fail"}, "node7": {"pending": "warn"}, "node8": {}}
    assert re.search(r"7[12]\d\d s behind", seen(found["node2"], "clock")) and "BootMode" in seen(found["node7"], "pending")
    assert "another machine" in seen(found["node6"], "identity")
    assert all(item["cure"] for node in found.values() for item in node["checks"] if item["status"] in ("warn", "fail"))
    assert PASSWORD not in json.dumps(found)


def test_an_account_that_may_insert_no_virtual_media(rack, site):
    rack.state(5).merge("/redfish/v1/AccountService/Accounts/1", {
        "RoleId": "Operator", "Links": {"Role": {"@odata.id": "/redfish/v1/AccountService/Roles/Operator"}}})
    asked = {"nodes": ["node5", "node6"], "registry": site}
    assert [unwell(node) for node in fleet(asked).values()] == [{}, {}]
    found = fleet(asked, lambda name: {"ramdisk_boot_interfaces": ["redfish-virtual-media", "ipxe"]})
    assert [unwell(node) for node in found.values()] == [{"privilege": "warn"}, {}]
    # Of one node the hardware file may say it.
    with open_registry(site).begin() as connection:
        row = NODES.c.name == "node5"
        details = connection.execute(select(NODES.c.details).where(row)).scalar_one()
        connection.execute(update(NODES).where(row).values(details={**details, "boot_interface": "redfish-virtual-media"}))
    assert [unwell(node) for node in fleet(asked).values()] == [{"privilege": "warn"}, {}]


def test_an_image_that_does_not_fit_and_one_that_is_not_there(rack, site, monkeypatch):
    large = {**lab.IMAGE, "name": "large", "virtual_size": (1 << 30) + 1}
    images.record(open_registry(site), large)
    found = fleet({"nodes": ["node7", "node8"], "registry": site, "image": "large"})
    assert unwell(found["node7"]) == {} and unwell(found["node8"]) == {"image": "fail"}
    assert unwell(fleet({"nodes": ["node7"], "registry": site, "image": "nothing"})["node7"]) == {"image": "fail"}


def test_two_nodes_behind_one_bmc(rack):
    """Without a registry, which would have refused it."""
    bmcs = [{key: value for key, value in rack.connections[index].items() if value is not None} for index in (0, 0, 1)]
    found = fleet({"nodes": NAMES[:3], "bmcs": [{"name": name, "driver": "redfish", **bmc} for name, bmc in zip(NAMES, bmcs)]})
    assert {name: unwell(node) for name, node in found.items()} == {"node0": {"identity": "fail"}, "node1": {"identity": "fail"}, "node2": {}}
    assert "also that of node1" in seen(found["node0"], "identity") and found["node0"]["rack"] is None


def test_a_node_of_which_nothing_is_known_and_one_without_a_bmc(rack, site):
    found = fleet({"nodes": ["stranger", "manual"], "registry": site, "bmcs": [{"name": "manual", "driver": "manual", "address": "none"}]})
    assert found["stranger"]["failed"] and "no such node" in found["stranger"]["msg"]
    assert found["manual"]["status"] == "skipped" and not unwell(found["manual"])


@pytest.mark.parametrize("personality", personalities.names())
def test_every_kind_of_board(rack, personality):
    rack.faults(index=0)
    rack.change(0, personality=personality)
    try:
        rack.reset(0)
        bmc = {key: value for key, value in rack.connections[0].items() if value is not None}
        node = fleet({"nodes": ["node0"], "bmcs": [{"name": "node0", "driver": "redfish", **bmc}]})["node0"]
        assert unwell(node) == {}, node["checks"]
        passed = {item["check"] for item in node["checks"] if item["status"] == "ok"}
        assert passed >= {"bmc", "credentials", "privilege", "identity", "clock", "firmware", "sessions"}
    finally:
        rack.change(0, personality="generic")


def test_ipmi(ipmi_rack):
    bmcs = [{key: value for key, value in bmc.items() if value is not None} for bmc in ipmi_rack.connections]
    told = [{"name": name, "driver": "ipmi", **bmc} for name, bmc in zip(NAMES, bmcs)]
    found = fleet({"nodes": NAMES[:2], "bmcs": told})
    assert [unwell(found[name]) for name in NAMES[:2]] == [{}, {}]
    assert (seen(found["node0"], "privilege"), "of" in seen(found["node0"], "sessions")) == ("administrator", True)
    ipmi_rack.faults("session_table_full", index=1)
    told[0]["privilege_level"] = "user"
    found = fleet({"nodes": NAMES[:2], "bmcs": told})
    assert [unwell(found[name]) for name in NAMES[:2]] == [{"privilege": "fail"}, {"sessions": "fail"}]
    ipmi_rack.faults(index=1)
    told[0]["password"] = "wrong"
    assert unwell(fleet({"nodes": NAMES[:1], "bmcs": told[:1]})["node0"]) == {"credentials": "fail"}


def role(**variables):
    return [{"name": "Preflight", "ansible.builtin.import_role": {"name": "rackwright.baremetal.preflight"}, "run_once": True,
             "vars": {"preflight_server": "", **variables}}]


def test_the_table_as_the_operator_sees_it(rack, site, playbook, tmp_path):
    rack.faults("blackhole", index=1)
    rack.faults(index=2, clock={"seconds": 86400})
    hosts = {name: {"baremetal_registry": site} for name in NAMES[:4]}
    run = playbook(hosts, role(preflight_report_file=str(tmp_path / "reports/preflight.json")))
    assert run.returncode == 2 and PASSWORD not in run.stdout and "Traceback" not in run.stdout
    lines = run.stdout.splitlines()
    begin = lines.index("rack0: 2 nodes, 1 with warnings, 1 ready")
    assert [re.sub(r"86[34]\d\d s", "a day", line) for line in lines[begin + 1:begin + 16]] == [
        "node   bmc  credentials  privilege  identity  clock  firmware  pending  sessions",
        "--------------------------------------------------------------------------------",
        "node0  ok   ok           ok         ok        ok     ok        ok       ok",
        "node2  ok   ok           ok         ok        warn   ok        ok       ok",
        "",
        "rack1: 2 nodes, 1 fail, 1 ready",
        "node   bmc   credentials  privilege  identity  clock  firmware  pending  sessions",
        "---------------------------------------------------------------------------------",
        "node1  FAIL  -            -          -         -      -         -        -",
        "node3  ok    ok           ok         ok        ok     ok        ok       ok",
        "",
        "To do:",
        "  FAIL bmc: node1: the BMC does not answer. Seen: the connection timed out.",
        "    To do: check that the address is right, that the BMC has power and network, and that no firewall is in between.",
        "  warn clock: node2: the clock of the BMC is a day ahead.",
    ]
    assert "Not fit for a deploy, as the table tells: node1." in " ".join(run.stdout.split())
    report = json.loads((tmp_path / "reports/preflight.json").read_text())
    assert (report["status"], report["failed_nodes"]) == ("fail", ["node1"])
    assert unwell(report["nodes"]["node2"]) == {"clock": "warn"}


@pytest.mark.parametrize(("variables", "code", "gone_on"), [
    ({"preflight_fail_on": "each"}, 2, ["node0"]), ({"preflight_warn_only": True}, 0, ["node0", "node1"]),
])
def test_who_goes_on(rack, site, playbook, variables, code, gone_on):
    rack.faults("refuse_connections", index=1)
    hosts = {name: {"baremetal_registry": site} for name in NAMES[:2]}
    run = playbook(hosts, [*role(**variables), {"name": "Deploy", "ansible.builtin.debug": {"msg": "gone on"}}])
    assert run.returncode == code, run.stdout
    assert [name for name in NAMES[:2] if f"ok: [{name}] => {{\n    \"msg\": \"gone on\"" in run.stdout] == gone_on


def test_through_a_gateway(rack, site, playbook, tmp_path):
    """The registry stays on the controller, and what it knows is added there."""
    rack.faults(index=0, clock={"seconds": 86400})
    gateway = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    hosts = {"gateway": gateway, **{name: {"baremetal_registry": site} for name in NAMES[:2]}}
    run = playbook(hosts, [
        {"name": "Look", "rackwright.baremetal.preflight_info": {"nodes": "{{ ansible_play_hosts }}", "image": "debian-12"}, "run_once": True,
         "delegate_to": "gateway", "register": "found"},
        {"name": "Keep", "ansible.builtin.copy": {"content": "{{ found | to_json }}", "dest": str(tmp_path / "found.json"), "mode": "0600"},
         "delegate_to": "localhost", "run_once": True}])
    assert run.returncode == 0 and PASSWORD not in run.stdout, run.stdout
    found = json.loads((tmp_path / "found.json").read_text())["nodes"]
    assert [unwell(found[name]) for name in NAMES[:2]] == [{"clock": "warn"}, {}]
    assert [found[name]["rack"] for name in NAMES[:2]] == ["rack0", "rack1"]
    assert [item["status"] for item in found["node1"]["checks"] if item["check"] == "image"] == ["ok"]
