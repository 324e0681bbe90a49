# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which consoles there are, and what is heard on the serial one."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import console, serial_over_lan
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    MANAGER, SYSTEM, IpmiAnswers, link, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from hypothesis import given
from hypothesis import strategies as st


def test_redfish():
    driver = redfish_driver({
        SYSTEM: {"Links": {"ManagedBy": [link(MANAGER)]},
                 "SerialConsole": {"MaxConcurrentSessions": "1", "SSH": {"ServiceEnabled": True, "Port": 2200},
                                   "IPMI": {"ServiceEnabled": False}},
                 "GraphicalConsole": {"ServiceEnabled": False, "Port": 5900, "ConnectTypesSupported": ["KVMIP"]}},
        MANAGER: {"CommandShell": {"ServiceEnabled": True, "MaxConcurrentSessions": 5, "ConnectTypesSupported": ["SSH", "Oem"]},
                  "NetworkProtocol": link(f"{MANAGER}/NetworkProtocol")},
        f"{MANAGER}/NetworkProtocol": {"SSH": {"ProtocolEnabled": True, "Port": 22}, "IPMI": {"Port": 623}}})
    shown = ("type", "owner", "enabled", "max_sessions", "connect")
    assert [tuple(item[key] for key in shown) for item in console.read_consoles(driver)] == [
        ("serial", "system", True, 1, [{"protocol": "SSH", "enabled": True, "port": 2200},
                                       {"protocol": "IPMI", "enabled": False, "port": 623}]),
        ("graphical", "system", False, None, [{"protocol": "KVMIP", "enabled": False, "port": 5900}]),
        ("shell", "bmc", True, 5, [{"protocol": "SSH", "enabled": True, "port": 22}, {"protocol": "Oem", "enabled": None, "port": None}])]


def test_board_that_tells_nothing():
    assert console.read_consoles(redfish_driver({SYSTEM: {}})) == []
    assert console.read_consoles(IpmiAnswers({})) == []


def test_ipmi():
    driver = IpmiAnswers({(0x0C, 0x22, (14, 1, 0, 0)): bytes([0x11, 1]), (0x0C, 0x22, (14, 6, 0, 0)): bytes([0x11, 10]),
                          (0x0C, 0x22, (14, 8, 0, 0)): bytes([0x11, 0x6F, 2]), (6, 0x4A): bytes([1, 1, 0])})
    assert console.read_consoles(driver) == [{
        "type": "serial", "owner": "bmc", "enabled": True, "max_sessions": 1, "sessions": 1, "bit_rate": 115200,
        "connect": [{"protocol": "IPMI", "enabled": True, "port": 623}]}]


@given(system=trees("SerialConsole", "GraphicalConsole", "SSH", "ServiceEnabled", "Port", "ConnectTypesSupported"),
       manager=trees("CommandShell", "SerialConsole", "ConnectTypesSupported", "MaxConcurrentSessions"),
       protocols=trees("SSH", "IPMI", "Port", "ProtocolEnabled"))
def test_any_resource(system, manager, protocols):
    json.dumps([console.system_consoles(system, protocols), console.manager_consoles(manager, protocols)]).encode()


@given(enable=st.binary(min_size=2), port=st.binary(min_size=2), status=st.binary(min_size=3))
def test_ipmi_any_bytes(enable, port, status):
    json.dumps(console.sol({1: enable, 6: None, 8: port}, status))


def packet(number, text, status=0):
    return bytes((number, 0, 0, status)) + text


class Line(IpmiAnswers):
    """A BMC with a serial line, on which these packets come in, one a second; an exception is raised."""

    def __init__(self, packets=(), code=0):
        self.closed = False
        self.clock = Clock()
        self.packets = list(packets)
        self.acknowledged = []
        self.ipmi_session = self
        super().__init__({(6, 0x48): code or bytes(12), (6, 0x49): self.deactivate, (6, 1): bytes(15)})

    def deactivate(self, data):
        self.closed = True
        return b""

    def receive_payload(self, kind, seconds):
        self.clock.sleep(seconds)
        found = self.packets.pop(0) if self.packets else None
        if isinstance(found, Exception):
            raise found  # pylint: disable=raising-bad-type
        return found

    def send_payload(self, kind, payload):
        self.acknowledged.append(tuple(payload))

    def heard(self, seconds=10, most=1000):
        return serial_over_lan.capture(self, seconds, most, clock=self.clock)


def test_what_is_printed_is_heard_once():
    line = Line([packet(1, b"Linux "), packet(0, b""), packet(2, b"ver"), packet(2, b"version"), packet(2, b"ver"), packet(3, b"\r\n")])
    assert line.heard() == {"text": "Linux version\n", "bytes": 15, "truncated": False}
    assert line.acknowledged == [(0, 1, 6, 0), (0, 2, 3, 0), (0, 2, 7, 0), (0, 2, 3, 0), (0, 3, 2, 0)]
    assert line.closed


def test_time_and_size_are_bounded():
    line = Line([packet(1 + number % 15, b"%04d\n" % number) for number in range(500)])
    heard = line.heard(seconds=30, most=20)
    assert heard == {"text": "0026\n0027\n0028\n0029\n", "bytes": 150, "truncated": True}
    assert line.clock() == 30
    assert (6, 1, ()) in line.asked


@pytest.mark.parametrize(("code", "message"), [(0x80, "somebody else"), (0x81, "switched off"), (0xC1, "does not give")])
def test_console_that_is_not_given(code, message):
    line = Line(code=code)
    with pytest.raises(BaremetalError, match=message):
        line.heard()
    assert not line.closed


def test_console_that_is_taken_away():
    assert Line([packet(1, b"text"), packet(0, b"", 0x10)]).heard()["text"] == "text"
    with pytest.raises(BaremetalError, match="closed the serial console at once"):
        Line([packet(0, b"", 0x10)]).heard()


@pytest.mark.parametrize("error", [OSError("gone"), KeyboardInterrupt()])
def test_console_is_closed_after_a_failure_too(error):
    def fails(kind, seconds):
        raise error

    line = Line()
    line.receive_payload = fails
    with pytest.raises(type(error)):
        line.heard()
    assert line.closed


@pytest.mark.parametrize(("sent", "shown"), [
    (b"\x1b[2J\x1b[1;31mred\x1b[0m\r\n", "red\n"), (b"a\r\r\nb\rc\n\rd", "a\nb\nc\nd"), (b"\x07\x08x\x00\x7fy\tz", "xy\tz"),
    (b"\x1b]0;title\x07text", "text"), (b"\xff\xc3\xa9", "\ufffd\u00e9"), (b"\x1b(Bplain\x1b", "plain"),
    ("\u009b".encode() + b"31m", "31m")])
def test_plain_text(sent, shown):
    assert serial_over_lan.plain(sent) == shown


@given(packets=st.lists(st.binary(max_size=40), max_size=20))
def test_any_packets(packets):
    heard = serial_over_lan.Heard(50)
    for payload in packets:
        heard.take(payload)
    text = heard.text()
    assert not [character for character in text if ord(character) < 32 and character not in "\n\t"]
    text.encode()
