# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sensor readings: temperatures, fans, voltages, power.

Units are Redfish's, which are UCUM codes: Cel, RPM, %, V, A, W, J.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .connection import ResourceBroken
from .ipmi_answers import ask, decoded
from .redfish_members import resources, resources_at_once
from .redfish_service import RedfishRefusal, last_part, path_of
from .tolerant import dig, health, number, objects, text

CAPABILITY = "sensors"
STAGE = CAPABILITY

KINDS = ("temperature", "fan", "voltage", "power", "current", "other")
# What a board is expected to tell; where one of them is missing, the older resources are asked as well.
_EXPECTED = frozenset(KINDS[:4])
_STATUSES = ("unknown", "ok", "warning", "critical")

# ReadingType of Sensor (DSP0268).
_TYPES = {"temperature": "temperature", "rotational": "fan", "voltage": "voltage", "power": "power", "current": "current"}
_UNIT_KINDS = {"Cel": "temperature", "RPM": "fan", "V": "voltage", "W": "power", "A": "current"}
# Units as boards and pyghmi spell them.
_UNITS = {"C": "Cel", "°C": "Cel", "Celsius": "Cel", "Degrees C": "Cel", "Percent": "%", "Rpm": "RPM", "Volts": "V", "Watts": "W",
          "Amps": "A"}
_THRESHOLDS = {
    "lower_critical": ("LowerCritical", "LowerThresholdCritical"), "lower_warning": ("LowerCaution", "LowerThresholdNonCritical"),
    "upper_warning": ("UpperCaution", "UpperThresholdNonCritical"), "upper_critical": ("UpperCritical", "UpperThresholdCritical"),
}


def read_sensors(driver, kinds=KINDS):
    """Read the sensors.

    :param driver: an open driver, see driver.py.
    :param kinds: names out of KINDS.
    :returns: ``{"sensors", "health", "power_watts"}``: the readings by kind and name, the worst status, and what the machine
        consumes, or None.
    :raises BaremetalError: when the BMC tells of no sensor at all.
    """
    found, consumed = _read_ipmi(driver) if driver.NAME == "ipmi" else _read_redfish(driver)
    if not found:
        raise BaremetalError("the BMC shows no sensors", stage=STAGE,
                             cure="power the node on, for some BMCs tell nothing of a machine that is off; "
                             "otherwise update the firmware of the BMC")
    found = sorted((sensor for sensor in found if sensor["kind"] in kinds),
                   key=lambda sensor: (KINDS.index(sensor["kind"]), sensor["name"]))
    return {"sensors": found, "health": worst(sensor["status"] for sensor in found), "power_watts": consumed}


def worst(statuses):
    """The worst of some statuses."""
    return max(statuses, key=_STATUSES.index, default="unknown")


def sensor(name, kind, reading, unit, status, thresholds=None):
    """One reading; a status that the board leaves out follows from the thresholds.

    :param thresholds: dict with the keys of _THRESHOLDS, None for one that the board does not tell.
    """
    thresholds = {key: value for key, value in (thresholds or {}).items() if value is not None}
    if status == "unknown" and reading is not None and thresholds:
        status = judged(reading, thresholds)
    return {"name": name, "kind": kind, "reading": reading, "unit": unit, "status": status, "thresholds": thresholds}


def judged(reading, thresholds):
    """The status of a reading by its thresholds."""
    for status in ("critical", "warning"):
        lower, upper = thresholds.get(f"lower_{status}"), thresholds.get(f"upper_{status}")
        if (lower is not None and reading <= lower) or (upper is not None and reading >= upper):
            return status
    return "ok"


# Redfish


def _read_redfish(driver):
    service = driver.service
    found, consumed = [], None
    for path in chassis_paths(service, driver.system()):
        chassis = service.find(path) or {}
        path = path_of(chassis.get("Sensors"))
        newer = _optional(resources_at_once, service, path)
        told = sensor_resources(newer or [])
        if _lacks(told):
            older = thermal(_optional(_document, service, path_of(chassis.get("Thermal"))))
            more, watts = power(_optional(_document, service, path_of(chassis.get("Power"))))
            consumed = watts if consumed is None else consumed
            told = merged(told, older + more)
        if _lacks(told) and newer is None:
            # One request for each sensor, only where nothing cheaper tells of all kinds.
            told = merged(sensor_resources(_optional(resources, service, path)), told)
        told = told or thermal_metrics(_metrics(service, chassis))
        if consumed is None:
            consumed = number(dig(_optional(_document, service, path_of(chassis.get("EnvironmentMetrics"))), "PowerWatts", "Reading"))
        found = merged(found, told, by_name=True)
    return found, consumed


def _lacks(told):
    return not _EXPECTED <= {item["kind"] for item in told}


def sensor_resources(items):
    """The readings of Sensor resources."""
    return [item for item in map(sensor_resource, items) if item is not None]


def chassis_paths(service, system):
    """The paths of all chassis of a system; all that there are where it names none."""
    links = dig(system, "Links", "Chassis")
    paths = [path for path in map(path_of, links if isinstance(links, list) else [links]) if path]
    return list(dict.fromkeys(paths)) or service.members("/redfish/v1/Chassis")


def _document(service, path):
    return service.find(path) or {}


def _optional(read, service, path):
    """What ``read`` gives, and nothing when the board refuses it or fails over it."""
    try:
        return read(service, path)
    except (RedfishRefusal, ResourceBroken) as error:
        service.log(f"{path} is left out: {error}")
        return {}


def _metrics(service, chassis):
    subsystem = _optional(_document, service, path_of(chassis.get("ThermalSubsystem")))
    return _optional(_document, service, path_of(subsystem.get("ThermalMetrics")))


def merged(first, second, by_name=False):
    """Readings with those of a second source added.

    :param by_name: whether only readings of the same kind and name are the same; otherwise the second source adds only kinds that the
        first one does not have, because boards name one sensor differently in both.
    """
    if by_name:
        known = {(item["kind"], item["name"]) for item in first}
        return first + [item for item in second if (item["kind"], item["name"]) not in known]
    known = {item["kind"] for item in first}
    return first + [item for item in second if item["kind"] not in known]


def _present(item):
    return text(dig(item, "Status", "State")) != "Absent"


def _unit(value):
    unit = text(value)
    return _UNITS.get(unit, unit)


def _limits(place, index):
    """The thresholds at ``place``, by the newer (0) or older (1) names."""
    told = {key: dig(place, names[index]) for key, names in _THRESHOLDS.items()}
    return {key: number(dig(value, "Reading") if index == 0 else value) for key, value in told.items()}


def sensor_resource(item):
    """A Sensor resource as a reading, or None when it is absent or no sensor."""
    name = text(item.get("Name")) or text(item.get("Id"))
    if name is None or not _present(item):
        return None
    unit = _unit(item.get("ReadingUnits"))
    kind = _TYPES.get((text(item.get("ReadingType")) or "").lower()) or _UNIT_KINDS.get(unit, "other")
    if kind == "other" and unit == "%" and "fan" in f"{text(item.get('PhysicalContext'))} {name}".lower():
        kind = "fan"
    return sensor(name, kind, number(item.get("Reading")), unit, health(item.get("Status")), _limits(item.get("Thresholds"), 0))


def _older(item, kind, reading, unit, names=("Name",)):
    name = next((found for found in (text(item.get(key)) for key in (*names, "MemberId")) if found), None)
    if name is None or not _present(item):
        return []
    return [sensor(name, kind, reading, unit, health(item.get("Status")), _limits(item, 1))]


def thermal(document):
    """The readings of a Thermal resource."""
    found = []
    for item in objects(document.get("Temperatures")):
        found += _older(item, "temperature", number(item.get("ReadingCelsius")), "Cel")
    for item in objects(document.get("Fans")):
        reading = number(item.get("Reading"))
        if reading is None:
            reading = number(item.get("ReadingRPM"))
        found += _older(item, "fan", reading, _unit(item.get("ReadingUnits")) or "RPM", ("Name", "FanName"))
    return found


def power(document):
    """The readings of a Power resource, and the watts that the machine consumes, or None."""
    found, consumed = [], None
    for item in objects(document.get("PowerControl")):
        watts = number(item.get("PowerConsumedWatts"))
        consumed = watts if consumed is None else consumed
        if watts is not None:
            found += _older(item, "power", watts, "W")
    for item in objects(document.get("Voltages")):
        found += _older(item, "voltage", number(item.get("ReadingVolts")), "V")
    for item in objects(document.get("PowerSupplies")):
        readings = [number(item.get(key)) for key in ("PowerInputWatts", "LastPowerOutputWatts", "PowerOutputWatts")]
        found += _older(item, "power", next((reading for reading in readings if reading is not None), None), "W")
    return found, consumed


def thermal_metrics(document):
    """The temperatures of a ThermalMetrics resource, whose entries are excerpts without thresholds."""
    found = []
    for item in objects(document.get("TemperatureReadingsCelsius")):
        name = text(item.get("DeviceName")) or last_part(text(item.get("DataSourceUri")) or "")
        if name:
            found.append(sensor(name, "temperature", number(item.get("Reading")), "Cel", "unknown"))
    return found


# IPMI

# Get Power Reading of DCMI (DCMI 1.5, 6.6.1); the group extension DCh comes first.
_DCMI_POWER = (0x2C, 0x02, (0xDC, 0x01, 0x00, 0x00))
_SENSOR_READING = (0x04, 0x2D)  # Get Sensor Reading (IPMI 2.0, 35.14)
_IPMI_KINDS = {"Temperature": "temperature", "Fan": "fan", "Voltage": "voltage", "Current": "current"}
# Health of pyghmi: 0 is good, then one bit for warning, critical and failed.
_HEALTH = {0: "ok", 1: "warning"}


def _read_ipmi(driver):
    with driver.command() as command:
        with decoded("the sensors"):
            found = [item for item in map(ipmi_sensor, _ipmi_readings(command)) if item is not None]
        consumed = dcmi_watts(ask(command, *_DCMI_POWER, shortest=18))
    return found, consumed


def _ipmi_readings(command):
    """The readings as pyghmi decodes them. Asked here, for pyghmi gives up all sensors for one that the BMC refuses to read at the moment."""
    records = command.init_sdr()
    for record in map(records.sensors.get, records.get_sensor_numbers()):
        told = ask(command, *_SENSOR_READING, (record.sensor_number,), shortest=2, lun=record.sensor_lun)
        if told is not None:
            # pyghmi wants the states too, which may be missing.
            yield record.decode_sensor_reading(command, told.ljust(3, b"\0"))


def ipmi_sensor(reading):
    """A reading of pyghmi, or None for a sensor that only tells states, or nothing at the moment."""
    value = number(getattr(reading, "value", None))
    name = text(reading.name)
    if value is None or name is None:
        return None
    unit = _unit(reading.units)
    kind = _UNIT_KINDS.get(unit) or _IPMI_KINDS.get(reading.type, "other")
    return sensor(name, kind, round(value, 3), unit, _HEALTH.get(reading.health, "critical"))


def dcmi_watts(told):
    """The watts that the machine consumes from the answer to Get Power Reading, or None; bit 6 of the last byte says that it measures."""
    if told is None or len(told) < 18 or told[0] != 0xDC or not told[17] & 0x40:
        return None
    return told[1] | told[2] << 8
