# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a BMC tells, its logs, its LED, its reset: against simulated boards, good ones and bad ones."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import (
    bmc_info, bmc_reset, console, event_log, indicator_led, ipmi_session, nmi, sensors, serial_over_lan)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.driver import open_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators import personalities
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

FORMS = ["numbers_as_strings", "info_object",
         {"nulls": {"names": ["Status", "Temperatures", "Health", "Created", "MACAddress", "IndicatorLED"]}},
         {"missing": {"names": ["Members", "Status", "Links", "FirmwareVersion"]}},
         {"lists": {"names": ["Status", "Boot", "Thermal", "LogServices"]}},
         {"lists": {"names": ["Links", "ManagedBy", "Actions", "Entries"]}}]


@pytest.fixture(scope="module")
def running(workplace):
    with redfish_bmcs(directory=str(workplace), password=PASSWORD) as simulator:
        yield simulator


@pytest.fixture
def sim(running):
    running.faults()
    running.reset()
    running.change(0, power="On")
    return running


def clear(driver):
    return event_log.ensure_cleared(event_log.open_log(driver), lambda seconds: None)


def light(driver):
    return indicator_led.ensure_indicator_led(driver, "on", sleep=lambda seconds: None)


def opened(sim, work):
    with open_driver("redfish", sim.connections[0]) as driver:
        return work(driver)


def test_default_information_costs_three_requests(sim):
    found = opened(sim, bmc_info.gather)
    assert found["info"]["power"] == "on" and found["info"]["identity"]["manufacturer"] == "Simulated" and not found["unavailable"]
    assert sim.counters()["requests"] <= 3 and sim.counters()["connections"] == 1


def test_all_information(sim):
    found = opened(sim, lambda driver: bmc_info.gather(driver, bmc_info.PARTS))
    info = found["info"]
    assert not found["unavailable"]
    assert abs(info["clock"]["skew"]) <= 20
    assert len(info["nics"]) == 2 and info["nics"][0]["speed_mbps"] == 25000
    assert {item["id"] for item in info["firmware"]} == {"BMC", "BIOS", "CPLD", "NIC.1", "RAID.1"}
    assert info["bmc_ports"][0]["mac"]


def test_clock_that_is_wrong_is_told(sim):
    sim.faults(clock={"seconds": 86400})
    assert abs(opened(sim, lambda driver: bmc_info.gather(driver, ["clock"]))["info"]["clock"]["skew"] - 86400) <= 20


def test_sensors(sim):
    found = opened(sim, sensors.read_sensors)
    assert {"temperature", "fan", "power"} <= {item["kind"] for item in found["sensors"]}
    assert found["power_watts"]


def test_consoles(sim):
    assert {item["type"] for item in opened(sim, console.read_consoles)} >= {"serial", "graphical"}


def test_event_log_is_read_and_cleared_once(sim):
    entries = opened(sim, lambda driver: event_log.open_log(driver).entries(None, None))
    assert [item["severity"] for item in entries] == ["ok", "warning", "critical"]
    assert [opened(sim, clear)["changed"] for _unused in range(2)] == [True, False]


@pytest.mark.parametrize("state", ["on", "off", "blinking"])
def test_indicator_led(sim, state):
    def work(driver):
        return indicator_led.ensure_indicator_led(driver, state)

    opened(sim, work)
    assert not opened(sim, work)["changed"]


def test_nmi(sim):
    opened(sim, nmi.inject_nmi)
    assert [request["body"] for request in sim.requests() if request["method"] == "POST"] == [{"ResetType": "Nmi"}]
    sim.reset_counters()
    sim.change(0, power="Off")
    with pytest.raises(BaremetalError, match="needs a machine that runs"):
        opened(sim, nmi.inject_nmi)
    assert not [request for request in sim.requests() if request["method"] != "GET"]


def test_bmc_goes_away_and_comes_back(sim, monkeypatch):
    for name, seconds in (("DOUBTFUL", 3), ("_POLL_STAYING", 0.3), ("_POLL_AWAY", 0.5), ("_POLL_STRANGE", 0.5)):
        monkeypatch.setattr(bmc_reset, name, seconds)

    def open_it():
        return open_driver("redfish", sim.connections[0])

    found = bmc_reset.reset_bmc(open_it, open_it, "graceful", 60)
    assert found["proof"] in ("away", "uptime") and found["seconds"] >= 3
    assert len([request for request in sim.requests() if request["method"] == "POST" and "Manager.Reset" in request["path"]]) == 1


@pytest.mark.parametrize("personality", personalities.names())
def test_makers(sim, personality):
    sim.change(0, personality=personality)
    sim.change(0, power="On")
    try:
        found = opened(sim, lambda driver: bmc_info.gather(driver, bmc_info.PARTS))
        assert not found["unavailable"] and found["info"]["bmc"]["firmware_version"] and found["info"]["firmware"]
        is_dell = personality.startswith("dell")
        assert (found["info"]["identity"]["service_tag"] is not None) == is_dell
        assert len(opened(sim, sensors.read_sensors)["sensors"]) > 5
        assert [opened(sim, light)["changed"] for _unused in range(2)] == [True, False]
        name = opened(sim, lambda driver: event_log.open_log(driver).name)
        assert name in ("SEL", "Sel", "IML", "EventLog")
        assert [opened(sim, clear)["changed"] for _unused in range(2)] == [True, False]
    finally:
        sim.change(0, personality="generic")


@pytest.mark.parametrize("fault", FORMS, ids=str)
def test_boards_with_a_form_of_their_own(sim, fault):
    sim.faults(*([fault] if isinstance(fault, str) else []), **(fault if isinstance(fault, dict) else {}))
    parts = [part for part in bmc_info.PARTS if part != "boot"]
    for work in (lambda driver: bmc_info.gather(driver, parts), sensors.read_sensors, console.read_consoles,
                 lambda driver: event_log.open_log(driver).entries(None, None), clear, light):
        try:
            json.dumps(opened(sim, work))
        except BaremetalError as error:
            assert error.stage and "\n" not in str(error)


@pytest.fixture(scope="module")
def running_ipmi(workplace):
    with ipmi_bmcs(directory=str(workplace), password=PASSWORD[:16]) as simulator:
        yield simulator


@pytest.fixture
def ipmi(running_ipmi):
    running_ipmi.faults()
    running_ipmi.reset()
    running_ipmi.change(0, power="On")
    return running_ipmi


def over_ipmi(sim, work):
    with open_driver("ipmi", sim.connections[0]) as driver:
        return work(driver)


def test_ipmi_tells_all_and_leaves_no_session(ipmi, monkeypatch):
    # On a busy machine a login is late, and begins anew with another session.
    monkeypatch.setattr(ipmi_session, "_LOGIN_WAITS", (60.0,))
    info = over_ipmi(ipmi, lambda driver: bmc_info.gather(driver, bmc_info.PARTS))["info"]
    assert info["identity"]["serial"] == ipmi.show()["serial"] and info["identity"]["system_uuid"] == ipmi.show()["uuid"]
    assert abs(info["clock"]["skew"]) <= 20 and info["bmc_ports"][0]["mac"] and info["power"] == "on"
    assert {item["kind"] for item in over_ipmi(ipmi, sensors.read_sensors)["sensors"]} >= {"temperature", "fan", "voltage", "power"}
    assert over_ipmi(ipmi, console.read_consoles)[0]["enabled"]
    assert [over_ipmi(ipmi, clear)["changed"] for _unused in range(2)] == [True, False]
    assert [over_ipmi(ipmi, light)["changed"] for _unused in range(2)] == [True, False]
    over_ipmi(ipmi, nmi.inject_nmi)
    assert ipmi.show()["nmis"] == 1
    assert "Simulated console" in over_ipmi(ipmi, lambda driver: serial_over_lan.capture(driver, 5, 1000))["text"]
    assert ipmi.show()["sessions_open"] == 0 and ipmi.show()["counters"]["sessions_peak"] == 1


def test_console_sends_again_what_nobody_acknowledged(ipmi):
    text = "".join(f"line {number}\n" for number in range(400))
    ipmi.change(0, sol_text=text)

    def listen(driver):
        heard, last = b"", None
        with driver.command() as command:
            assert not command.raw_command(netfn=0x06, command=0x48, data=(1, 1, 0xC0, 0, 0, 0), timeout=60)["code"]
            session = command.ipmi_session
            first = session.receive_payload(1, 60)
            assert session.receive_payload(1, 60) == first
            while len(heard) < len(text):
                number, _acknowledged, _count, _status, *characters = session.receive_payload(1, 60)
                # Of the first packet a part is acknowledged.
                taken = characters if heard else characters[:7]
                if number != last:
                    heard, last = heard + bytes(taken), number
                session.send_payload(1, bytes((0, number, len(taken), 0)))
        assert heard.decode() == text

    over_ipmi(ipmi, listen)


@pytest.mark.parametrize("fault", [{"node_busy": 2}, {"out_of_space": 2}, {"drop": 1}], ids=str)
def test_ipmi_bmc_that_is_busy_for_a_moment(ipmi, fault):
    ipmi.faults(**fault)
    assert over_ipmi(ipmi, lambda driver: bmc_info.gather(driver, ["power", "bmc"]))["info"]["power"] == "on"


def test_ipmi_reset(ipmi, monkeypatch):
    for name, seconds in (("DOUBTFUL", 3), ("_POLL_STAYING", 0.2), ("_POLL_AWAY", 0.5)):
        monkeypatch.setattr(bmc_reset, name, seconds)

    def open_it():
        return open_driver("ipmi", ipmi.connections[0])

    assert bmc_reset.reset_bmc(open_it, open_it, "forced", 90)["proof"] == "away"
    assert ipmi.counters()["manager_resets"] == 1


MODULES = [
    {"rackwright.baremetal.bmc_info": {"gather": list(bmc_info.PARTS)}}, {"rackwright.baremetal.sensors_info": {}},
    {"rackwright.baremetal.event_log": {}}, {"rackwright.baremetal.event_log": {"cleared": True}},
    {"rackwright.baremetal.console_info": {}},
    {"rackwright.baremetal.indicator_led": {"state": "on"}}, {"rackwright.baremetal.inject_nmi": {}},
    {"rackwright.baremetal.bmc_reset": {}},
]


@pytest.fixture
def hosts(sim):
    return {
        "node1": {"baremetal_bmc": {**sim.connections[0], "driver": "redfish"}},
        "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }


def changes(run):
    return re.findall(r"^(ok|changed|fatal): \[node1", run.stdout, re.M)


@pytest.mark.parametrize("door", [{}, {"delegate_to": "gateway"}], ids=["action", "module"])
def test_doors(playbook, hosts, sim, door):
    tasks = [{**task, **door} for task in MODULES[:-1]]
    run = playbook(hosts, tasks, "-vvvv", "--diff")
    assert PASSWORD not in run.stdout and "Traceback" not in run.stdout
    assert changes(run) == ["ok", "ok", "ok", "changed", "ok", "changed", "changed"], run.stdout


def test_check_mode_changes_nothing(playbook, hosts, sim):
    run = playbook(hosts, MODULES, "--check", "--diff")
    assert changes(run) == ["ok", "ok", "ok", "changed", "ok", "changed", "changed", "changed"], run.stdout
    assert not [request for request in sim.requests() if request["method"] not in ("GET", "HEAD")]


def test_console_is_not_captured_over_redfish(playbook, hosts):
    run = playbook(hosts, [{"rackwright.baremetal.console_capture": {}}])
    assert "Redfish carries no serial console" in run.stdout and "use the driver ipmi" in run.stdout


def test_fleet_form(playbook, hosts):
    hosts["node2"] = {"baremetal_bmc": {**hosts["node1"]["baremetal_bmc"], "address": "127.66.99.99"}}
    task = {"rackwright.baremetal.bmc_info": {"nodes": ["node1", "node2"], "fail_on": "all"}, "run_once": True, "register": "told"}
    show = {"ansible.builtin.debug": {"msg": "{{ told.nodes.node1.bmc_info.power }} and {{ told.failed_nodes }}"}, "run_once": True}
    run = playbook(hosts, [task, show])
    assert "on and ['node2']" in run.stdout, run.stdout


@pytest.mark.parametrize("fault", ["html", "truncated", "bad_json", "huge_length", "initialising", "expired_certificate", "reset",
                                   "other_machine"])
def test_bad_input_is_one_paragraph_and_changes_nothing(playbook, hosts, sim, fault):
    hosts["node1"]["baremetal_bmc"]["serial"] = sim.state()["/redfish/v1/Systems/1"]["SerialNumber"]
    sim.faults(fault)
    sim.reset_counters()
    tasks = [{**task, "ignore_errors": True} for task in MODULES]
    run = playbook(hosts, tasks, "-vvvv")
    assert PASSWORD not in run.stdout and "Traceback" not in run.stdout
    messages = re.findall(r'"msg": "(node1: .*)"', run.stdout)
    assert len(messages) == len(MODULES), run.stdout
    assert all("To do: " in message and "\\n" not in message for message in messages), messages
    assert not [request for request in sim.requests() if request["method"] not in ("GET", "HEAD")]
