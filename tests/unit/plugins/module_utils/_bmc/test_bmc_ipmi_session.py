# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A session with a BMC whose packets are lost, late, twice, spoiled or forged: the truth or an error, after a bounded number of packets."""

from __future__ import annotations

import contextlib
import errno
import types
from unittest import mock

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import find_driver, ipmi_session
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcUnreachable
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi import IpmiDriver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi_packets import before_session, of_login
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi_session import Session, SessionError, log_on
from ansible_collections.rackwright.baremetal.plugins.module_utils._session_guard import SessionGuard
from ansible_collections.rackwright.baremetal.tests.simulators.ipmi_board import Board
from ansible_collections.rackwright.baremetal.tests.simulators.machine import Machine
from ansible_collections.rackwright.baremetal.tests.simulators.personalities import Personality
from hypothesis import given
from hypothesis import strategies as st

PASSWORD = "simulated-1"
# A login begins with at most two privilege levels and two suites each of the three times; five packets each and one before.
MOST_PACKETS = 70


@pytest.fixture(scope="module", autouse=True)
def _unguarded():
    """Nobody ends the sessions of these tests, so nothing looks after them."""
    with mock.patch.object(SessionGuard, "opening", contextlib.nullcontext):
        yield


class Wire:
    """What passes for the socket, with a clock that only its waiting moves.

    :param answer: function of a packet that was sent, which gives the packets that come back.
    """

    def __init__(self, answer):
        self.answer = answer
        self.sent = []
        self.coming = []
        self.now = 0.0
        self._timeout = 0.0

    def send(self, packet):
        self.sent.append(packet)
        self.coming += self.answer(packet)

    def settimeout(self, seconds):
        self._timeout = seconds

    def recv(self, most):
        self.now += 0.01
        if not self.coming:
            self.now += self._timeout
            raise TimeoutError
        return self.coming.pop(0)[:most]

    def close(self):
        pass

    def session(self, **options):
        clock = types.SimpleNamespace(monotonic=lambda: self.now, sleep=lambda seconds: None)
        with mock.patch.object(ipmi_session, "_connected", lambda address, port: self):
            with mock.patch.object(ipmi_session, "time", clock):
                return Session("192.0.2.1", 623, b"operator", PASSWORD.encode(), suites=[17, 3], **options)

    def log_on(self, facts):
        """A login as the driver makes it, which asks again while the BMC has no room."""
        clock = types.SimpleNamespace(monotonic=lambda: self.now, sleep=lambda seconds: None)
        with mock.patch.object(ipmi_session, "_connected", lambda address, port: self):
            with mock.patch.object(ipmi_session, "time", clock):
                return log_on("192.0.2.1", 623, "operator", PASSWORD, facts=facts).ipmi_session

    def ask(self, session):
        """The power state, as the session tells it."""
        clock = types.SimpleNamespace(monotonic=lambda: self.now, sleep=lambda seconds: None)
        with mock.patch.object(ipmi_session, "time", clock):
            return session.raw_command(netfn=0, command=1)["data"][0] & 1


class Bmc:
    """A simulated BMC without a network."""

    def __init__(self):
        self.machine = Machine(0)
        self._answers = []
        self._board = Board(self.machine, Personality("generic", {}), "operator", PASSWORD, "192.0.2.1")
        self._board.listener = types.SimpleNamespace(send=lambda packet, peer: self._answers.append(packet))

    def answer(self, packet):
        self._answers = []
        self._board.received(packet, ("192.0.2.2", 1))
        return self._answers


def test_session_opens_and_asks_over_the_wire():
    bmc = Bmc()
    wire = Wire(bmc.answer)
    session = wire.session()
    bmc.machine.power = "On"
    assert session.suite.number == 17 and wire.ask(session) == 1


class Crowded(Bmc):
    """A BMC that has no room for somebody who asks with suite 17.

    :param full: how many times it has none.
    :param other: what it says to suite 3: a status, None for nothing, or 0 for a session.
    :param silent: whether it is silent to a user name.
    """

    def __init__(self, full, other, silent=False):
        super().__init__()
        self.full, self.other, self.silent = full, other, silent
        self.asked = []

    def answer(self, packet):
        if packet[4:6] == b"\x06\x12" and self.silent:
            return []
        if packet[4:6] != b"\x06\x10":
            return super().answer(packet)
        suite = {1: 3, 3: 17}[packet[28]]
        self.asked.append(suite)
        if suite == 17:
            status = 0x01 if self.asked.count(17) <= self.full else 0
        else:
            status = self.other
        if status is None:
            return []
        return [of_login(0x11, packet[16:17] + bytes((status, 0, 0)) + packet[20:24])] if status else super().answer(packet)


ALWAYS = 99
# What boards say to a suite that they do not speak.
NOT_SPOKEN = [0x04, 0x11, None]


@pytest.mark.parametrize("other", NOT_SPOKEN)
def test_full_table_is_not_told_as_a_suite_or_as_silence(other):
    bmc, facts = Crowded(ALWAYS, other), {}
    with pytest.raises(SessionError, match="insufficient resources to create a session") as caught:
        Wire(bmc.answer).log_on(facts)
    assert caught.value.kind == "resources" and not facts
    assert bmc.asked == [17, 3] * 4


@pytest.mark.parametrize("other", [*NOT_SPOKEN, 0x01])
def test_room_is_waited_for_whatever_the_other_suite_gives(other):
    bmc, facts = Crowded(2, other), {}
    assert Wire(bmc.answer).log_on(facts).suite.number == 17
    assert bmc.asked == [17, 3, 17, 3, 17] and not facts


def test_suite_that_was_taken_for_want_of_room_is_not_remembered():
    bmc, facts = Crowded(1, 0), {}
    assert [Wire(bmc.answer).log_on(facts).suite.number for _unused in range(2)] == [3, 17]
    assert bmc.asked == [17, 3, 17] and not facts


def test_full_table_does_not_hide_that_a_user_is_unknown():
    """Suite 3 was taken, so that there is room; what says no room means suite 17."""
    bmc = Crowded(ALWAYS, 0, silent=True)
    with pytest.raises(SessionError) as caught:
        Wire(bmc.answer).log_on({})
    assert caught.value.kind == "silent name" and bmc.asked == [17, 3, 3, 3]


class Choosy(Bmc):
    """A BMC to which the answers to some requests for a session get lost, and which may not speak suite 17.

    :param lost: how many answers to suite 17 get lost.
    :param status: what it says to suite 17 afterwards; 0 for a session.
    """

    def __init__(self, lost, status=0):
        super().__init__()
        self.lost, self.status = lost, status
        self.asked = []

    def answer(self, packet):
        if packet[4:6] != b"\x06\x10":
            return super().answer(packet)
        suite = {1: 3, 3: 17}[packet[28]]
        self.asked.append(suite)
        if suite == 17 and self.lost:
            self.lost -= 1
            return []
        if suite == 17 and self.status:
            return [of_login(0x11, packet[16:17] + bytes((self.status, 0, 0)) + packet[20:24])]
        return super().answer(packet)


def test_lost_packet_does_not_have_the_run_remember_the_lesser_suite():
    bmc, facts = Choosy(lost=1), {}
    assert [Wire(bmc.answer).log_on(facts).suite.number for _unused in range(2)] == [3, 17]
    assert bmc.asked == [17, 3, 17] and not facts


@pytest.mark.parametrize("status", [0x04, 0x05, 0x10, 0x11])
def test_suite_that_the_bmc_refuses_is_remembered(status):
    bmc, facts = Choosy(lost=0, status=status), {}
    assert [Wire(bmc.answer).log_on(facts).suite.number for _unused in range(2)] == [3, 3]
    assert bmc.asked == [17, 3, 3] and list(facts.values()) == [3]


def test_bmc_that_is_silent_to_a_suite_is_let_off_with_the_other_each_time():
    bmc, facts = Choosy(lost=ALWAYS), {}
    assert [Wire(bmc.answer).log_on(facts).suite.number for _unused in range(2)] == [3, 3]
    assert bmc.asked == [17, 3] * 2 and not facts


# What happens to an answer on the way.
SPOILED = st.one_of(
    st.just("lost"), st.just("twice"), st.just("late"), st.just("before"),
    st.tuples(st.just("flipped"), st.integers(0, 100), st.integers(1, 255)), st.tuples(st.just("cut"), st.integers(0, 100)),
    st.tuples(st.just("instead"), st.binary(max_size=80)))


def spoil(packets, how, past, late):
    """What arrives of some packets; ``past`` holds those that were sent before, ``late`` those that are on their way."""
    kind, *more = how if isinstance(how, tuple) else (how,)
    if kind == "lost":
        return []
    if kind == "late":
        late += packets
        return []
    if kind == "before":
        return past[-3:] + packets
    if kind == "twice":
        return packets * 2
    if kind == "instead":
        return [more[0]]
    if kind == "cut":
        return [packet[:more[0]] for packet in packets]
    return [packet[:more[0]] + bytes(byte ^ more[1] for byte in packet[more[0]:more[0] + 1]) + packet[more[0] + 1:] for packet in packets]


@given(faults=st.dictionaries(st.integers(0, 40), SPOILED, max_size=12), powers=st.lists(st.booleans(), min_size=1, max_size=4))
def test_what_a_session_tells_is_the_truth_whatever_the_network_does(faults, powers):
    bmc, past, late = Bmc(), [], []

    def answer(packet):
        waiting, late[:] = list(late), []
        packets = bmc.answer(packet)
        how = faults.get(len(wire.sent) - 1)
        arriving = spoil(packets, how, past, late) if how else packets
        past.extend(packets)
        return waiting + arriving

    wire = Wire(answer)
    try:
        session = wire.session()
        for power in powers:
            bmc.machine.power = "On" if power else "Off"
            assert wire.ask(session) == power
    except SessionError as error:
        assert str(error) and "\n" not in str(error)
    assert len(wire.sent) < MOST_PACKETS


KINDS = st.sampled_from([0x00, 0x11, 0x13, 0x15, 0x20])


@given(data=st.data())
def test_any_peer_ends_in_an_error(data):
    """A peer that knows the forms and echoes what it heard, but not the password."""
    def answer(packet):
        payload, noise = packet[16:], data.draw(st.binary(max_size=60))
        own_id = payload[4:8] if len(payload) > 8 else bytes(4)
        status = data.draw(st.sampled_from([0, 0, 0, 1, 2, 9, 13, 15, 17, 255]))
        algorithms = b"".join(bytes((number, 0, 0, 8, data.draw(st.integers(0, 4)), 0, 0, 0)) for number in range(3))
        return [data.draw(st.sampled_from([
            noise, of_login(data.draw(KINDS), noise), of_login(data.draw(KINDS), payload[:1] + bytes((status, 0, 0)) + own_id + noise),
            of_login(0x11, payload[:1] + bytes((status, 4, 0)) + own_id + b"\x01\x02\x03\x04" + algorithms),
            of_login(0x13, payload[:1] + bytes((status, 0, 0)) + own_id + bytes(32) + noise[:32]),
            before_session(bytes((0x81, 0x1C, 0, 0x20, 0, 0x38, 0)) + noise[:40])])) for _unused in range(data.draw(st.integers(0, 3)))]

    wire = Wire(answer)
    with pytest.raises(SessionError) as caught:
        wire.session()
    assert str(caught.value) and len(wire.sent) < MOST_PACKETS


def test_peer_that_floods_does_not_hold_anybody():
    class Flood(Wire):
        def recv(self, most):
            self.now += 0.01
            return b"\xff" * most

    wire = Flood(lambda packet: [])
    with pytest.raises(SessionError, match=r"no reply to IPMI packets \(UDP\); what came answered nothing"):
        wire.session()
    assert wire.now < 6


def test_peer_that_floods_within_the_session_does_not_hold_anybody():
    bmc = Bmc()
    wire = Wire(bmc.answer)
    session = wire.session()
    flood = b"\xff" * 4096
    wire.coming = [flood] * 100000
    wire.answer = lambda packet: []
    with pytest.raises(SessionError, match="no reply to a command within the session; what came answered nothing"):
        wire.ask(session)
    assert len(wire.sent) < 20


@pytest.mark.parametrize("number", [errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EPERM])
def test_no_route_trips_the_breaker(number):
    """What a router or a firewall says comes with the next call of the socket."""
    def answer(packet):
        raise OSError(number, "No route to host")

    with mock.patch.object(ipmi_session, "_connected", lambda address, port: Wire(answer)):
        with pytest.raises(BmcUnreachable, match="the BMC at 192.0.2.1 port 623 cannot be reached. Seen: No route to host. To do: ") as caught:
            IpmiDriver({"address": "192.0.2.1", "username": "operator", "password": PASSWORD}, lambda text: None, {})
    assert PASSWORD not in str(caught.value)


@given(answers=st.lists(st.binary(max_size=70) | st.binary(max_size=60).map(lambda noise: b"\x06\x00\xff\x07" + noise), max_size=3))
def test_any_answer_to_the_question_for_a_driver(answers):
    wire = types.SimpleNamespace(connect=lambda address: None, settimeout=lambda seconds: None, send=lambda packet: None)
    left = list(answers)

    def recv(most):
        if not left:
            raise TimeoutError
        return left.pop(0)[:most]

    wire.recv = recv
    opened = mock.MagicMock()
    opened.return_value.__enter__.return_value = wire
    with mock.patch.object(find_driver.socket, "socket", opened):
        assert find_driver._answers_ipmi("192.0.2.1", 623) in (True, False)
