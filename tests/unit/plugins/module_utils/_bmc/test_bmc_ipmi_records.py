# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sensor records and event logs end, whatever a BMC tells of the next record."""

from __future__ import annotations

import itertools
import struct

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_records
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.event_log_ipmi import EventLog
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi_session import OnSession
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.sensors import read_sensors
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import IpmiAnswers
from hypothesis import given
from hypothesis import strategies as st
from pyghmi.exceptions import PyghmiException

DEVICE, RECORDS_INFO, RESERVE, RECORD, READING = (6, 0x01), (0x0A, 0x20), (0x0A, 0x22), (0x0A, 0x23), (4, 0x2D)
EVENT_INFO, EVENT, EVENT_TIME = (0x0A, 0x40), (0x0A, 0x43), (0x0A, 0x48)
numbers = itertools.count(1)


class Driver:
    """An open driver whose BMC gives prepared answers, as IpmiAnswers has them; pyghmi itself reads them."""

    NAME = "ipmi"

    def __init__(self, answers, manufacturer=0):
        # pyghmi remembers the sensor records of a firmware for all BMCs that have it: each is of another product here.
        device = bytes((0x20, 1, 9, 8, 2, 0x02)) + struct.pack("<I", manufacturer)[:3] + struct.pack("<H", next(numbers))
        self.bmc = IpmiAnswers({DEVICE: device, RECORDS_INFO: bytes((0x51, *bytes(13))), RECORD: record(1, b"\xc4FAN1"),
                                READING: bytes((100, 0xC0, 0)), EVENT_TIME: struct.pack("<I", 0x60000000), **answers})
        self._command = OnSession(self.bmc)

    def command(self):
        return self

    def __enter__(self):
        return self._command

    def __exit__(self, *error):
        return False


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(ipmi_records, "_PAUSE", 0)


def record(number, name, after=0xFFFF):
    """The answer to Get SDR: a full sensor record of a fan, and what comes after it."""
    body = bytes((0x20, 0, number, 7, 1, 0x7F, 0, 4, 1)) + bytes(6) + bytes((0, 18, 0, 0, 1, 0, 0, 0, 0, 0)) + bytes(17)
    body = body[:42].ljust(42, b"\0") + name
    return struct.pack("<H", after) + struct.pack("<HBBB", number, 0x51, 1, len(body)) + body


def event(number, after):
    """The answer to Get SEL Entry."""
    return struct.pack("<HHBIHB", after, number, 2, 0x5F000000, 0x20, 4) + bytes((1, 7, 1, 0, 0xFF, 0xFF))


@pytest.mark.parametrize(("name", "told"), [
    # "IPMI" and "IPMI1" in packed ASCII, as 43.15 draws the first.
    (b"\x83" + bytes((0x29, 0xDC, 0xA6)), "IPMI"), (b"\x84" + bytes((0x29, 0xDC, 0xA6, 0x11)), "IPMI1"), (b"\xc4FAN1", "FAN1")])
def test_name_of_a_sensor(name, told):
    found = read_sensors(Driver({RECORD: record(1, name)}))["sensors"]
    assert [(item["name"], item["kind"], item["reading"]) for item in found] == [(told, "fan", 100)]


@pytest.mark.parametrize("manufacturer", [7154, 19046, 20301])
def test_board_of_a_maker_for_whom_pyghmi_has_a_handler(manufacturer):
    """It would want the password, and open web sessions."""
    driver = Driver({EVENT: lambda data: event(1, 0xFFFF)}, manufacturer)
    assert [item["name"] for item in read_sensors(driver)["sensors"]] == ["FAN1"]
    assert len(EventLog(driver, None).entries(None, None)) == 1


def two_fans(answer):
    """A board with two fans, and what it answers when the second one is to be read."""
    return Driver({RECORD: lambda data: record(2, b"\xc4FAN2") if data[2] else record(1, b"\xc4FAN1", 2), (*READING, (2,)): answer})


@pytest.mark.parametrize("answer", [0x80, 0xC1, 0xCB, 0xCD, 0xD5, b"", b"\x64"])
def test_sensor_that_cannot_be_read_costs_itself_alone(answer):
    assert [item["name"] for item in read_sensors(two_fans(answer))["sensors"]] == ["FAN1"]


def test_sensor_that_tells_no_states_is_read():
    assert [(item["name"], item["reading"]) for item in read_sensors(two_fans(b"\x32\xC0"))["sensors"]] == [("FAN1", 100), ("FAN2", 50)]


def test_bmc_that_stays_busy_is_an_error():
    with pytest.raises(PyghmiException):
        read_sensors(two_fans(0xC0))


@pytest.mark.parametrize("circle", [(2, 1), (2, 3, 2), (0,)], ids=["all", "the last ones", "the first"])
def test_sensor_records_in_a_circle_are_an_error(circle):
    after = dict(zip((0, *circle), circle))

    def told(data):
        number = data[2] | data[3] << 8
        return record(number, b"\xc4FAN1", after.get(number, circle[0]))

    with pytest.raises((BaremetalError, PyghmiException), match="have no end|Incorrect SDR record id"):
        read_sensors(Driver({RECORD: told}))


@pytest.mark.parametrize("answers", [{RECORD: 0xCA, RESERVE: b"\x01\x00"}, {RECORD: 0xC5, RESERVE: b"\x01\x00"}], ids=["too long", "reservation lost"])
def test_sensor_records_that_are_refused_for_ever_are_an_error(answers):
    with pytest.raises(BaremetalError, match="have no end.*To do: reset the BMC"):
        read_sensors(Driver(answers))


def test_reservation_that_is_lost_once_is_made_again():
    refusals = iter((0xC5,))
    driver = Driver({RECORD: lambda data: next(refusals, record(1, b"\xc4FAN1")), RESERVE: b"\x01\x00"})
    assert len(read_sensors(driver)["sensors"]) == 1


@pytest.mark.parametrize("clear", [False, True])
@pytest.mark.parametrize("circle", [(1, 2, 1), (1, 2, 0), (1, 2, 2)], ids=["to the first", "to none", "to itself"])
def test_event_log_in_a_circle_is_an_error_and_is_not_cleared(circle, clear):
    after = dict(zip(circle, circle[1:])) | {0: 1}
    driver = Driver({EVENT: lambda data: event(data[2], after[data[2]]), (0x0A, 0x42): b"\x01\x00", (0x0A, 0x47): b"\x01"})
    log = EventLog(driver, None)
    with pytest.raises(BaremetalError, match="have no end"):
        log.clear() if clear else log.entries(None, None)
    assert not [question for question in driver.bmc.asked if question[:2] == (0x0A, 0x47)]


def test_event_log_is_read_to_its_end_and_after_an_erasure():
    busy = iter((0x81, 0x81))
    driver = Driver({EVENT: lambda data: event(max(1, data[2]), 2 if data[2] < 2 else 0xFFFF),
                     EVENT_TIME: lambda data: next(busy, struct.pack("<I", 0x60000000))})
    assert len(EventLog(driver, None).entries(None, None)) == 2


@given(chain=st.dictionaries(st.integers(0, 4), st.sampled_from([0, 1, 2, 3, 4, 0xFFFF]), max_size=5), tail=st.binary(max_size=20),
       record_code=st.sampled_from([0, 0xC5, 0xCA, 0xCB]))
def test_whatever_comes_next_there_is_an_end(chain, tail, record_code):
    def records(data):
        return record_code or record(data[2], b"\xc4FAN1", chain.get(data[2], 0xFFFF))[:-4] + tail

    driver = Driver({RECORD: records, RESERVE: b"\x01\x00", EVENT: lambda data: event(data[2], chain.get(data[2], 0xFFFF))[:8] + tail})
    for read in (lambda: read_sensors(driver), lambda: EventLog(driver, None).entries(None, None)):
        try:
            read()
        except (BaremetalError, PyghmiException):
            pass
    assert len(driver.bmc.asked) < 500
