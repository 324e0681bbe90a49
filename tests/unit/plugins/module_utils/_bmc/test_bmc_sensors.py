# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sensors, from whichever of the resources a board has."""

from __future__ import annotations

import json
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import sensors
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    CHASSIS, SYSTEM, IpmiAnswers, collection, link, read_paths, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from hypothesis import given
from hypothesis import strategies as st

THERMAL = {
    "Temperatures": [
        {"Name": "Inlet", "ReadingCelsius": "23", "UpperThresholdCritical": 42, "Status": {"Health": "OK"}},
        {"Name": "CPU 2", "ReadingCelsius": None, "Status": {"State": "Absent"}}],
    "Fans": [{"FanName": "Fan 1", "Reading": 30, "ReadingUnits": "Percent", "Status": {"Health": "Critical"}}]}
POWER = {
    "PowerControl": {"Name": "System", "PowerConsumedWatts": "184"},
    "Voltages": [{"Name": "12V", "ReadingVolts": 11.9, "LowerThresholdCritical": 11.95}],
    "PowerSupplies": [{"Name": "PSU 1", "LastPowerOutputWatts": 90, "Status": {"Health": "Warning"}}]}


def board(chassis, documents=None):
    return redfish_driver({SYSTEM: {"Links": {"Chassis": [link(CHASSIS)]}}, CHASSIS: chassis, **(documents or {})})


def older(**changes):
    documents = {f"{CHASSIS}/Thermal": THERMAL, f"{CHASSIS}/Power": POWER} | changes.pop("documents", {})
    return board({"Thermal": link(f"{CHASSIS}/Thermal"), "Power": link(f"{CHASSIS}/Power"), **changes}, documents)


def test_older_resources():
    driver = older()
    found = sensors.read_sensors(driver)
    assert [(item["name"], item["kind"], item["reading"], item["unit"], item["status"]) for item in found["sensors"]] == [
        ("Inlet", "temperature", 23, "Cel", "ok"), ("Fan 1", "fan", 30, "%", "critical"), ("12V", "voltage", 11.9, "V", "critical"),
        ("PSU 1", "power", 90, "W", "warning"), ("System", "power", 184, "W", "unknown")]
    assert found["sensors"][0]["thresholds"] == {"upper_critical": 42}
    assert (found["health"], found["power_watts"]) == ("critical", 184)
    assert len(read_paths(driver)) == 4


def test_sensors_collection_and_what_it_lacks():
    path = f"{CHASSIS}/Sensors"
    members = collection(path, ("1", {"Name": "Outlet", "Reading": 40, "ReadingUnits": "C", "ReadingType": "Temperature", "Thresholds": {
        "UpperCaution": {"Reading": 39}, "UpperCritical": {"Reading": 50}}}), ("2", {"Name": "Fan A", "Reading": 50, "ReadingUnits": "%"}))
    whole = {path: {"Members": [{"@odata.id": at, **resource} for at, resource in members.items() if at != path]}}
    driver = older(Sensors=link(path), documents=whole)
    assert [(item["name"], item["status"]) for item in sensors.read_sensors(driver)["sensors"]] == [
        ("Outlet", "warning"), ("Fan A", "unknown"), ("12V", "critical"), ("PSU 1", "warning"), ("System", "unknown")]


def test_sensors_one_by_one_only_for_what_is_nowhere_else():
    path = f"{CHASSIS}/Sensors"
    members = collection(path, *((str(number), {"Name": f"V{number}", "Reading": number, "ReadingUnits": "V"}) for number in range(5)))
    driver = older(Sensors=link(path), documents=members)
    assert not [item for item in sensors.read_sensors(driver)["sensors"] if item["name"] == "V1"]
    assert f"{path}/1" not in read_paths(driver)
    driver = older(Sensors=link(path), documents={**members, f"{CHASSIS}/Power": {}})
    assert [item["name"] for item in sensors.read_sensors(driver)["sensors"]] == ["Inlet", "Fan 1", "V0", "V1", "V2", "V3", "V4"]


def test_refused_collection_is_not_the_end():
    path = f"{CHASSIS}/Sensors"
    assert sensors.read_sensors(older(Sensors=link(path), documents={path: 403}))["power_watts"] == 184


def test_resource_that_the_firmware_breaks_is_left_out():
    found = sensors.read_sensors(older(documents={f"{CHASSIS}/Power": 500}))
    assert [item["name"] for item in found["sensors"]] == ["Inlet", "Fan 1"]


def test_thermal_metrics_where_there_is_nothing_else():
    driver = board({"ThermalSubsystem": link(f"{CHASSIS}/TS"), "EnvironmentMetrics": link(f"{CHASSIS}/EM")}, {
        f"{CHASSIS}/TS": {"ThermalMetrics": link(f"{CHASSIS}/TM")}, f"{CHASSIS}/EM": {"PowerWatts": {"Reading": 77}},
        f"{CHASSIS}/TM": {"TemperatureReadingsCelsius": [{"DataSourceUri": f"{CHASSIS}/Sensors/Inlet", "Reading": 20.5}]}})
    found = sensors.read_sensors(driver)
    assert found["sensors"][0]["name"] == "Inlet" and found["power_watts"] == 77


def test_kinds_and_none():
    assert {item["kind"] for item in sensors.read_sensors(older(), ["fan"])["sensors"]} == {"fan"}
    with pytest.raises(BaremetalError, match="shows no sensors"):
        sensors.read_sensors(board({}))


NAMES = ("Temperatures", "Fans", "PowerControl", "Voltages", "PowerSupplies", "Reading", "ReadingCelsius", "ReadingUnits", "ReadingType",
         "Thresholds", "UpperCritical", "UpperThresholdCritical", "PowerConsumedWatts", "State", "Sensors", "Thermal", "Power",
         "ThermalSubsystem", "PowerWatts",
         "TemperatureReadingsCelsius", "DataSourceUri", "PhysicalContext")


@given(document=trees(*NAMES))
def test_any_resource(document):
    json.dumps([sensors.sensor_resource(document), sensors.thermal(document), sensors.power(document),
                sensors.thermal_metrics(document)]).encode()


@given(documents=st.fixed_dictionaries({path: trees(*NAMES, "Links", "Chassis", "EnvironmentMetrics") for path in (SYSTEM, CHASSIS)}))
def test_any_tree(documents):
    try:
        json.dumps(sensors.read_sensors(redfish_driver(documents))).encode()
    except BaremetalError:
        pass


class Readings(IpmiAnswers):
    """A BMC whose records are read: what pyghmi makes of the reading of each sensor, or ends in."""

    def __init__(self, readings, answers=None):
        super().__init__({(4, 0x2D): bytes((0, 0xC0, 0)), **(answers or {})})
        self.sensors = {number: types.SimpleNamespace(sensor_number=number, sensor_lun=0, decode_sensor_reading=self._decoded(reading))
                        for number, reading in enumerate(readings)}

    def _decoded(self, reading):
        def decoded(command, told):
            if isinstance(reading, Exception):
                raise reading
            return types.SimpleNamespace(**reading)

        return decoded

    def init_sdr(self):
        return self

    def get_sensor_numbers(self):
        return list(self.sensors)


def test_ipmi():
    driver = Readings([
        {"name": "CPU Temp", "type": "Temperature", "value": 45.00001, "units": "°C", "health": 0},
        {"name": "FAN1", "type": "Fan", "value": 300, "units": "RPM", "health": 2},
        {"name": "Chassis Intru", "type": "Physical Security", "value": None, "units": "", "health": 0}],
        {(0x2C, 2): bytes([0xDC, 200, 0] + [0] * 14 + [0x40])})
    found = sensors.read_sensors(driver)
    assert [(item["name"], item["reading"], item["unit"], item["status"]) for item in found["sensors"]] == [
        ("CPU Temp", 45, "Cel", "ok"), ("FAN1", 300, "RPM", "critical")]
    assert (found["health"], found["power_watts"]) == ("critical", 200)


def test_ipmi_records_that_cannot_be_understood():
    with pytest.raises(BaremetalError, match="what the BMC sends for the sensors cannot be understood"):
        sensors.read_sensors(Readings([IndexError("list index out of range")]))


@given(told=st.binary(max_size=30))
def test_ipmi_any_bytes(told):
    assert sensors.dcmi_watts(told) is None or sensors.dcmi_watts(told) >= 0
