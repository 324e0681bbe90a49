# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Power states: what is done, in which order, and when it counts as done."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import (
    BmcBusy, BmcLost, BmcUnreachable, NotNow, SessionsFull, Unreadable)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.power import check_method, ensure_power
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Board, Clock
from hypothesis import given
from hypothesis import strategies as st


def make(**options):
    clock = Clock()
    return Board(clock, **options)


def ensure(board, state, **options):
    return ensure_power(board, state, sleep=board.clock.sleep, clock=board.clock, **options)


@pytest.mark.parametrize(("was", "state", "done"), [
    ("off", "on", ["on"]), ("on", "on", []), ("on", "off", ["off"]), ("off", "off", []),
    ("on", "rebooted", ["off", "on"]), ("off", "rebooted", ["on"]),
])
def test_sends_what_is_needed_and_nothing_else(was, state, done):
    board = make(power=was)
    result = ensure(board, state)
    assert [target for kind, target in board.done] == done
    assert result["changed"] is bool(done)
    assert board.get_power() == result["power_state"]
    assert result["before"]["power_state"] == was


@given(was=st.sampled_from(["on", "off"]), state=st.sampled_from(["on", "off", "rebooted"]),
       delay=st.floats(0, 50), boot=st.sampled_from([None, {"device": "pxe"}]))
def test_ends_settled_and_then_changes_nothing(was, state, delay, boot):
    board = make(power=was, delay=delay)
    reached = ensure(board, state, boot=boot)["power_state"]
    assert board.get_power() == reached
    board.done.clear()
    again = ensure(board, reached, boot=boot)
    assert not again["changed"] and not board.done


@given(was=st.sampled_from(["on", "off"]), state=st.sampled_from(["on", "off", "rebooted"]),
       boot=st.sampled_from([None, {"device": "pxe"}, {"device": "disk", "persistent": True}]))
def test_check_mode_predicts_the_change_and_does_nothing(was, state, boot):
    prediction = ensure(checked := make(power=was), state, boot=boot, check_mode=True)
    assert not checked.done
    assert prediction == ensure(make(power=was), state, boot=boot)


def test_rebooted_prepares_while_off_and_before_the_boot_device():
    board = make(power="on", delay=5)
    seen = []
    ensure(board, "rebooted", boot={"device": "cdrom"}, prepare=lambda check_mode: seen.append((check_mode, board.get_power(), len(board.done))))
    assert seen == [(True, "on", 0), (False, "off", 1)] and board.done[1][0] != "power"
    ensure(board, "rebooted", check_mode=True, prepare=seen.append)
    assert seen[2:] == [True]


def test_what_a_medium_takes_is_no_time_of_the_power_on():
    board, seen = make(power="on", delay=5), []

    def prepare(check_mode):
        seen.append(check_mode)
        board.clock.sleep(100)

    assert ensure(board, "rebooted", timeout=20, prepare=prepare)["power_state"] == "on" and seen == [True, False]
    # And it is not given to the power states.
    board.delay = 30
    with pytest.raises(BaremetalError, match=r"told to power off and did not do so. Seen: .* after 12\d s .time-out 120 s"):
        ensure(board, "rebooted", timeout=20, prepare=prepare)


@pytest.mark.parametrize("is_foreseen", [True, False])
def test_a_medium_that_is_refused_leaves_the_machine_off_only_where_nobody_could_know(is_foreseen):
    def refuse(check_mode):
        if check_mode == is_foreseen:
            raise BaremetalError("no slot", stage="virtual media", seen="slots: none")

    board = make(power="on")
    with pytest.raises(BaremetalError, match="no slot") as caught:
        ensure(board, "rebooted", prepare=refuse)
    assert (board.power, "the machine was powered off before that" in caught.value.seen) == (("on", False) if is_foreseen else ("off", True))


@pytest.mark.parametrize("state", ["on", "off"])
def test_check_mode_waits_for_a_machine_between_two_states(state):
    boards = [make(power=state, delay=10) for _unused in range(2)]
    for board in boards:
        board.set_power(state)
        board.done.clear()
    predicted, done = (ensure(board, state, check_mode=check_mode) for board, check_mode in zip(boards, (True, False)))
    assert predicted == done and not done["changed"] and not boards[0].done


def test_rebooted_sets_the_boot_device_while_off():
    board = make(power="on", delay=5)
    ensure(board, "rebooted", boot={"device": "pxe", "mode": "bios"})
    assert board.done == [("power", "off"), ("boot", "pxe", False, "bios", "off"), ("power", "on")]


@pytest.mark.parametrize("state", ["off", "rebooted"])
@pytest.mark.parametrize("method", ["hard", "soft"])
def test_boot_device_that_is_not_offered_leaves_the_machine_on(state, method):
    def boot_offer(device, persistent):
        raise BaremetalError(f"the BMC does not offer the boot device {device}")

    board = make(power="on")
    board.boot_offer = boot_offer
    with pytest.raises(BaremetalError, match="does not offer the boot device usb") as caught:
        ensure(board, state, method=method, boot={"device": "usb"})
    assert not board.done and not caught.value.seen


def test_machine_that_would_boot_from_elsewhere_stays_off():
    board = make(power="on", keeps=lambda boot: {**boot, "device": "disk"})
    with pytest.raises(BaremetalError, match="did not take the boot device pxe. Seen: the BMC kept disk.*; the machine was powered off before that and is off"):
        ensure(board, "rebooted", boot={"device": "pxe"})
    assert board.done[-1][0] == "boot" and board.power == "off"
    with pytest.raises(BaremetalError) as caught:
        ensure(board, "on", boot={"device": "pxe"})
    assert "powered off" not in caught.value.seen


def test_transition_under_way_is_waited_for():
    board = make(power="off", delay=10)
    board.set_power("on")
    board.done.clear()
    assert not ensure(board, "on")["changed"]
    assert not board.done


def test_machine_that_never_settles_is_told_all_the_same():
    board = make(power="off", delay=1000)
    board.set_power("on")
    board.delay = 0
    assert ensure(board, "off")["changed"]
    assert board.power == "off" and board.clock() < 60


def test_deadline_covers_the_whole_and_tells_what_was_seen():
    board = make(power="on", delay=30)
    with pytest.raises(BaremetalError) as caught:
        ensure(board, "rebooted", timeout=40)
    assert "told to power on and did not" in str(caught.value)
    assert "power state unknown after" in caught.value.seen and "time-out 40 s" in caught.value.seen
    assert board.clock() <= 40


def test_bmc_that_is_gone_for_a_moment_is_asked_again():
    board = make(power="off", faults=[None, BmcLost("busy"), BmcLost("busy")])
    assert ensure(board, "on")["power_state"] == "on"
    assert board.clock() == 2


def test_bmc_that_stays_away_is_named_when_the_time_is_over():
    board = make(power="off", faults=[None] + [BmcLost("the BMC does not answer")] * 20)
    with pytest.raises(BaremetalError, match="Seen: the BMC does not answer after"):
        ensure(board, "on", timeout=10)


def test_answer_that_cannot_be_read_is_asked_for_again():
    board = make(power="on", faults=[None, Unreadable("no JSON"), None, Unreadable("no JSON")])
    assert ensure(board, "rebooted")["power_state"] == "on"
    assert board.done == [("power", "off"), ("power", "on")]


def test_error_on_the_way_tells_what_became_of_the_machine():
    lets_nobody_in = make(power="on", faults=[None, BaremetalError("wrong password", seen="HTTP status 401")])
    with pytest.raises(BaremetalError, match="Seen: HTTP status 401; the machine was told to power off"):
        ensure(lets_nobody_in, "rebooted")
    stays_off = make(power="on", refuses={"on": [BaremetalError("refused", seen="HTTP status 400")]})
    with pytest.raises(BaremetalError, match="Seen: HTTP status 400; the machine was powered off before that"):
        ensure(stays_off, "rebooted")
    # What a driver has seen may be an exception.
    for faults, said in (([None, BaremetalError("lost", seen=OSError("no answer"))], "Seen: no answer; the machine was told to power off"),
                         ([BaremetalError("lost", seen=OSError("no answer"))], "Seen: no answer")):
        with pytest.raises(BaremetalError, match=said):
            ensure(make(power="on", faults=faults), "rebooted")


def test_bmc_that_refuses_is_not_asked_again():
    board = make(power="off", faults=[None, BaremetalError("wrong password")])
    with pytest.raises(BaremetalError, match="wrong password"):
        ensure(board, "on")


@pytest.mark.parametrize(("was", "state", "method", "done"), [
    ("on", "off", "soft", ["soft off"]), ("off", "off", "soft", []), ("on", "rebooted", "soft", ["soft off", "on"]),
    ("on", "rebooted", "reset", ["reset"]), ("off", "rebooted", "reset", ["on"]), ("on", "on", "soft", []),
])
def test_methods(was, state, method, done):
    board = make(power=was, delay=3)
    warnings = []
    result = ensure(board, state, method=method, warn=warnings.append)
    assert [target for kind, target in board.done] == done
    assert result["changed"] is bool(done) and board.get_power() == result["power_state"] and not warnings


def test_reset_sets_the_boot_device_before():
    board = make(power="on")
    ensure(board, "rebooted", method="reset", boot={"device": "pxe"})
    assert board.done == [("boot", "pxe", False, None, "on"), ("power", "reset")]


def test_machine_whose_reset_hangs_goes_through_off():
    board = make(power="on")
    board.reset_hangs = True
    ensure(board, "rebooted", method="reset")
    assert board.done == [("power", "off"), ("power", "on")]


def test_boot_device_that_the_bmc_forgets_is_set_again():
    board = make(power="on")
    boot = {"device": "disk", "persistent": True}
    ensure(board, "rebooted", boot=boot)
    assert [kind for kind, *rest in board.done] == ["power", "power"]
    board.forgets_boot = True
    ensure(board, "rebooted", boot=boot)
    assert [kind for kind, *rest in board.done[2:]] == ["power", "boot", "power"]


def test_operating_system_that_does_not_heed_is_switched_off_and_told():
    board = make(power="on", heeds=False)
    warnings = []
    assert ensure(board, "off", method="soft", soft_timeout=20, timeout=10, warn=warnings.append)["power_state"] == "off"
    assert [target for kind, target in board.done] == ["soft off", "off"]
    assert warnings == ["the operating system did not shut down within 20 s (power state on); the machine is powered off without it"]
    assert 19 <= board.clock() <= 21


def test_bmc_that_cannot_ask_the_operating_system():
    board = make(power="on", refuses={"soft off": [BaremetalError("the BMC does not offer power soft off")]})
    warnings = []
    ensure(board, "off", method="soft", warn=warnings.append)
    assert board.power == "off" and board.clock() < 2
    assert len(warnings) == 1 and "takes no soft off" in warnings[0]


@pytest.mark.parametrize(("state", "method", "target"), [("off", "soft", "soft off"), ("rebooted", "reset", "reset")])
def test_asking_softly_and_reset_wait_over_a_refusal_for_the_moment(state, method, target):
    board = make(power="on", refuses={target: [NotNow("not now", seen="HTTP status 409")] * 2})
    warnings = []
    ensure(board, state, method=method, warn=warnings.append)
    assert [told for kind, told in board.done] == [target] * 3 and not warnings


def test_reset_whose_answer_is_lost_is_not_sent_again():
    board = make(power="on", refuses={"reset": [BmcLost("no answer")]})
    ensure(board, "rebooted", method="reset")
    assert [told for kind, told in board.done] == ["reset"]


@pytest.mark.parametrize("error", [BmcUnreachable("no connection"), SessionsFull("no session left"), BmcBusy("busy")])
@pytest.mark.parametrize(("state", "method", "target"), [("off", "soft", "soft off"), ("rebooted", "reset", "reset")])
def test_what_was_certainly_not_sent_is_sent_again(state, method, target, error):
    board, warnings = make(power="on", refuses={target: [error] * 2}), []
    ensure(board, state, method=method, warn=warnings.append)
    assert [told for kind, told in board.done] == [target] * 3 and not warnings


def test_reset_that_could_not_be_sent_is_no_reboot():
    board = make(power="on", refuses={"reset": [BmcUnreachable("no connection")] * 99})
    with pytest.raises(BmcUnreachable, match="no connection"):
        ensure(board, "rebooted", method="reset", timeout=30)
    assert board.clock() <= 30


def test_operating_system_that_could_not_be_asked_is_switched_off_and_told():
    board, warnings = make(power="on", refuses={"soft off": [BmcUnreachable("no connection")] * 99}), []
    ensure(board, "off", method="soft", soft_timeout=20, warn=warnings.append)
    assert board.power == "off" and len(warnings) == 1 and "within 20 s (no connection)" in warnings[0]


TIMED = {"PowerState": "On", "LastResetTime": "2026-01-01T00:00:00Z"}
BOOTED, BOOTING = ({"PowerState": "On", "BootProgress": {"LastState": state}} for state in ("OSRunning", "MemoryInitializationStarted"))


def lost_over_the_reset(before, after):
    """A board that does not answer to a reset; its System before that, and after it."""
    board = make(power="on", refuses={"reset": [BmcLost("no answer", seen="the answer did not come")]})
    board.last_system = before

    def get_power():
        if board.done and after is not None:
            board.last_system = dict(after)
        return "on"

    board.get_power = get_power
    return board


@pytest.mark.parametrize(("before", "after"), [
    (TIMED, {**TIMED, "LastResetTime": "2026-01-01T00:05:00Z"}), (BOOTED, BOOTING), ({"PowerState": "On"}, {"PowerState": "PoweringOn"})])
def test_reset_whose_answer_is_lost_shows_in_the_system(before, after):
    board, warnings = lost_over_the_reset(before, after), []
    assert ensure(board, "rebooted", method="reset", warn=warnings.append)["changed"]
    assert board.done == [("power", "reset")] and not warnings and board.clock() < 2


def test_machine_that_tells_that_it_was_not_reset():
    board = lost_over_the_reset(TIMED, TIMED)
    with pytest.raises(BaremetalError, match="nothing shows that the machine was reset. Seen: the answer did not come; .*same time of its last reset"):
        ensure(board, "rebooted", method="reset", timeout=30)
    assert board.done == [("power", "reset")] and board.clock() <= 30


@pytest.mark.parametrize(("before", "after"), [(None, None), (BOOTED, BOOTED), (BOOTING, BOOTING), ({}, {}), (TIMED, None)])
def test_reset_that_nothing_tells_of_is_warned_of(before, after):
    board, warnings = lost_over_the_reset(before, after), []
    ensure(board, "rebooted", method="reset", timeout=30, warn=warnings.append)
    assert board.done == [("power", "reset")] and board.clock() <= 30
    assert warnings == ["the BMC was lost over the reset, and whether the machine was reset is not known (the answer did not come); look at its console"]


def test_refusal_for_the_moment_is_tried_again():
    """Dell iDRAC10 answers 409 to On for up to 60 s after off."""
    board = make(power="off", refuses={"on": [NotNow("not now", seen="HTTP status 409")] * 4})
    assert ensure(board, "on")["power_state"] == "on"
    assert [target for kind, target in board.done] == ["on"] * 5
    assert 30 <= board.clock() <= 50


def test_refusal_that_stays_is_told_when_the_time_is_over():
    board = make(power="off", refuses={"on": [NotNow("not now", seen="HTTP status 409")] * 99})
    with pytest.raises(BaremetalError, match="time-out 60 s.; the BMC said: HTTP status 409"):
        ensure(board, "on", timeout=60)
    assert board.clock() <= 60


def test_request_that_was_lost_but_heard_is_not_sent_twice():
    board = make(power="off", refuses={"on": [BmcLost("no answer in time")]})
    original = board.set_power

    def heard(target):
        try:
            original(target)
        finally:
            board.power = target

    board.set_power = heard
    assert ensure(board, "on")["changed"]
    assert [target for kind, target in board.done] == ["on"]


@pytest.mark.parametrize("state", ["on", "off"])
def test_reset_is_no_way_to_a_power_state(state):
    with pytest.raises(BaremetalError, match=f"does not bring a machine into the power state {state}"):
        check_method(state, "reset")
    assert check_method("rebooted", "reset") is None


def test_reset_that_leaves_the_machine_off_is_an_error():
    board = make(power="on", faults=[None] + [BmcLost("gone")] * 200)
    with pytest.raises(BaremetalError, match="was reset and is not on. Seen: gone after"):
        ensure(board, "rebooted", method="reset", timeout=30)


@pytest.mark.parametrize("method", ["hard", "soft", "reset"])
@pytest.mark.parametrize("boot", [None, {"device": "pxe"}])
def test_machine_that_must_stay_on_is_reset(method, boot):
    board = make(power="on", delay=3)
    board.reset_hangs = True
    assert ensure(board, "rebooted", method=method, boot=boot, stays_on=True)["changed"]
    assert [entry for entry in board.done if entry[0] == "power"] == [("power", "reset")]


def test_machine_that_must_stay_on_is_not_powered_off():
    for check_mode in (True, False):
        board = make(power="on")
        with pytest.raises(BaremetalError, match=r"must not be powered off \(disable_power_off\). Seen: power state on. To do: reboot it"):
            ensure(board, "off", stays_on=True, check_mode=check_mode)
        assert not board.done
    assert not ensure(make(power="off"), "off", stays_on=True)["changed"]
    assert ensure(make(power="off"), "rebooted", stays_on=True)["power_state"] == "on"
