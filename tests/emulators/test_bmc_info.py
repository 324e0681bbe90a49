# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a BMC tells and prints, against sushy-emulator, virtualbmc and pyghmi's BMC."""

from __future__ import annotations

import re

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import (
    bmc_info, console, event_log, indicator_led, nmi, sensors, serial_over_lan)
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.emulators import peers
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD, SIM_PASSWORD


def sensor_record(number, name, kind, unit):
    """A full sensor record (IPMI 2.0, 43.1) of a threshold sensor whose readings are their own value."""
    body = bytes([0x20, 0, number, 7, 1, 0x7F, 0x68, kind, 1]) + bytes(7) + bytes([unit, 0, 0, 1]) + bytes(9)
    body += bytes([0xFF, 0, 250, 90, 80]) + bytes(8)
    body += bytes([0xC0 | len(name)]) + name.encode()
    return number.to_bytes(2, "little") + bytes([0x51, 1, len(body)]) + body


def fru():
    """A FRU that only has a product area."""
    fields = (b"ACME", b"Rocket", b"", b"", b"SER1", b"", b"")
    area = bytes([1, 4, 25]) + b"".join(bytes([0xC0 | len(field)]) + field for field in fields) + b"\xc1"
    area += bytes(31 - len(area))
    head = bytes([1, 0, 0, 0, 1, 0, 0])
    return head + bytes([-sum(head) & 0xFF]) + area + bytes([-sum(area) & 0xFF])


@pytest.fixture(scope="module")
def full_ipmi(workplace):
    """ipmi_sim with two sensors, two events and a FRU."""
    def shown(data):
        return " ".join(f"{byte:#04x}" for byte in data)

    commands = f"""
main_sdr_add 0x20 {shown(sensor_record(1, "CPU Temp", 1, 1))}
main_sdr_add 0x20 {shown(sensor_record(2, "FAN1", 4, 18))}
sensor_add 0x20 0 1 1 1
sensor_set_value 0x20 0 1 45 0
sensor_add 0x20 0 2 4 1
sensor_set_value 0x20 0 2 120 0
mc_add_fru_data 0x20 0 {len(fru())} data {shown(fru())}
sel_add 0x20 2 0x00 0x00 0x00 0x00 0x20 0x00 0x04 0x01 0x01 0x01 0x59 0x5f 0x5a
sel_add 0x20 2 0x00 0x00 0x00 0x00 0x20 0x00 0x04 0x10 0x09 0x6f 0x02 0xff 0xff
"""
    with peers.ipmi_sim(workplace, SIM_PASSWORD, commands=commands) as bmc:
        yield bmc


def test_ipmi_sensors_events_and_fru(opened, full_ipmi):
    found = opened("ipmi", full_ipmi, lambda driver: bmc_info.gather(driver, bmc_info.PARTS))
    assert {key: found["info"]["identity"][key] for key in ("manufacturer", "model", "serial")} == {
        "manufacturer": "ACME", "model": "Rocket", "serial": "SER1"}
    assert found["info"]["identity"]["system_uuid"] and found["info"]["sessions"]["open"] >= 1
    read = opened("ipmi", full_ipmi, sensors.read_sensors)
    assert [(item["name"], item["kind"], item["reading"], item["unit"]) for item in read["sensors"]] == [
        ("CPU Temp", "temperature", 45, "Cel"), ("FAN1", "fan", 120, "RPM")]

    def clear(driver):
        return event_log.ensure_cleared(event_log.open_log(driver), lambda seconds: None)

    entries = opened("ipmi", full_ipmi, lambda driver: event_log.open_log(driver).entries(None, None))
    assert [(item["id"], item["severity"], item["message"]) for item in entries] == [
        ("1", "critical", "CPU Temp: Upper critical"), ("2", "ok", "Event Log Disabled: Log clear")]
    assert [opened("ipmi", full_ipmi, clear)["changed"] for _unused in range(2)] == [True, False]


def test_redfish_information(opened, redfish, machine_off):
    found = opened("redfish", redfish, lambda driver: bmc_info.gather(driver, bmc_info.PARTS))
    assert found["info"]["power"] == "off" and found["info"]["identity"]["system_uuid"]
    assert found["info"]["bmc"]["firmware_version"] and found["info"]["nics"][0]["mac"]
    assert not found["unavailable"]


def test_redfish_sensors_and_consoles(opened, redfish):
    assert {item["kind"] for item in opened("redfish", redfish, sensors.read_sensors)["sensors"]} >= {"temperature", "fan"}
    assert isinstance(opened("redfish", redfish, console.read_consoles), list)


def test_redfish_indicator_led(opened, redfish):
    def work(driver):
        return [indicator_led.ensure_indicator_led(driver, state)["changed"] for state in ("on", "on", "off", "off")]

    assert opened("redfish", redfish, work)[1::2] == [False, False]


def test_what_an_emulator_does_not_have_is_said(opened, redfish, virtualbmc, machine_off):
    with pytest.raises(BaremetalError, match="log"):
        opened("redfish", redfish, event_log.open_log)
    with pytest.raises(BaremetalError):
        opened("ipmi", virtualbmc, sensors.read_sensors)
    with pytest.raises(BaremetalError):
        opened("ipmi", virtualbmc, lambda driver: event_log.open_log(driver).entries(None, None))
    with pytest.raises(BaremetalError, match="needs a machine that runs"):
        opened("ipmi", virtualbmc, nmi.inject_nmi)
    assert opened("ipmi", virtualbmc, console.read_consoles) == []


@pytest.mark.parametrize("peer", ["virtualbmc", "suite17"])
def test_ipmi_information(opened, peer, request):
    found = opened("ipmi", request.getfixturevalue(peer), lambda driver: bmc_info.gather(driver, bmc_info.PARTS))
    assert found["info"]["power"] in ("on", "off")
    assert found["info"]["bmc"]["firmware_version"]
    assert {"nics", "licences"} <= set(found["unavailable"])


def test_serial_console_is_captured_and_given_back(opened, serial_bmc):
    def work(driver):
        return serial_over_lan.capture(driver, 6, 100000)

    for _unused in range(2):
        heard = opened("ipmi", serial_bmc, work)
        lines = heard["text"].splitlines()
        assert len(lines) > 5 and not heard["truncated"]
        assert all(re.fullmatch(r"\[\d+\.\d\] line \d+", line) for line in lines), heard
        numbers = [int(line.rpartition(" ")[2]) for line in lines]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_second_listener_is_told_why(opened, serial_bmc):
    def inner(driver):
        with driver.command() as command:
            serial_over_lan._activate(command)
            try:
                with pytest.raises(BaremetalError, match="somebody else has the serial console open"):
                    opened("ipmi", serial_bmc, lambda other: serial_over_lan.capture(other, 1, 1000))
            finally:
                serial_over_lan.ask(command, *serial_over_lan._DEACTIVATE, (1, 1, 0, 0, 0, 0))

    opened("ipmi", serial_bmc, inner)


def test_bmc_without_a_serial_line(opened, virtualbmc):
    with pytest.raises(BaremetalError, match="serial"):
        opened("ipmi", virtualbmc, lambda driver: serial_over_lan.capture(driver, 1, 1000))


@pytest.mark.parametrize("door", [{}, {"delegate_to": "gateway"}], ids=["action", "module"])
def test_capture_doors(playbook, serial_bmc, door):
    hosts = {"node1": {"baremetal_bmc": {**serial_bmc, "driver": "ipmi"}},
             "gateway": {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}}
    tasks = [{"rackwright.baremetal.console_capture": {"seconds": 5, "max_bytes": 60}, **door},
             {"rackwright.baremetal.inject_nmi": {}, **door}]
    run = playbook(hosts, tasks, "-vvvv")
    assert PASSWORD not in run.stdout and "Traceback" not in run.stdout
    assert re.findall(r"^(ok|changed|fatal): \[node1", run.stdout, re.M) == ["ok", "changed"], run.stdout
    assert '"truncated": true' in run.stdout and re.search(r'"text": ".*line \d+', run.stdout)
