# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring about a power state, and wait until it is so.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import time

from .._errors import BaremetalError
from .boot import ensure_boot_device
from .connection import BmcBusy, BmcLost, BmcUnreachable, NotNow, Unreadable

STAGE = "power"
POLL_INTERVAL = 1.0  # seconds
# A machine that is between two states is left alone so long (seconds) before it is told what to do.
SETTLE_GRACE = 30.0
# Seconds after which a BMC that refused a change for the moment, or was lost over it, is asked again.
RETRY_INTERVAL = 10.0

METHODS = ("hard", "soft", "reset")

# What ``set_power`` is asked for on the way to a state, by method.
TARGETS = {
    "on": {method: ("on",) for method in METHODS},
    "off": {"hard": ("off",), "soft": ("soft off", "off"), "reset": ("off",)},
    "rebooted": {"hard": ("off", "on"), "soft": ("soft off", "off", "on"), "reset": ("reset", "on")},
}


def check_method(state, method):
    """Refuse what contradicts itself, before anything is sent.

    :raises BaremetalError: for a state that is not reached by a reset.
    """
    if method == "reset" and state != "rebooted":
        raise BaremetalError(f"a reset does not bring a machine into the power state {state}", stage=STAGE,
                             cure="use the method reset with the state rebooted only")


class _Deadline:
    """The time that an operation may take, from now on."""

    def __init__(self, seconds, clock):
        self.seconds = seconds
        self._clock = clock
        self._begin = clock()

    def elapsed(self):
        return self._clock() - self._begin

    @contextlib.contextmanager
    def stands_still(self):
        """Lengthen it by what is done within, which has time-outs of its own."""
        began = self.elapsed()
        try:
            yield
        finally:
            self.seconds += self.elapsed() - began


def _wait_for(driver, states, deadline, limit, sleep):
    """Poll until the power state is one of ``states``.

    :param limit: seconds from the deadline's beginning after which to stop.
    :returns: ``(state or None, last fact seen)``. A BMC that is not there for a moment is
        remembered as the last fact and asked again.
    """
    while True:
        try:
            seen = driver.get_power()
            fact = f"power state {seen}"
        except (BmcLost, Unreadable) as error:
            seen, fact = None, error.what
        if seen in states:
            return seen, fact
        if deadline.elapsed() + POLL_INTERVAL > limit:
            return None, fact
        sleep(POLL_INTERVAL)


@contextlib.contextmanager
def _told(note):
    """Have an error tell what became of the machine before it.

    :param note: as part of a sentence, or None.
    """
    try:
        yield
    except BaremetalError as error:
        # What was seen may be an exception.
        error.seen = "; ".join(str(part) for part in (error.seen, note) if part)
        raise


def _bring(driver, target, deadline, sleep):
    """Power the machine on or off and wait until it is.

    What the BMC answers is no proof: a request that was lost, or refused for the moment, may have been heard all the
    same or is made again, and the power state decides.
    """
    limit, said = deadline.seconds, None
    while True:
        try:
            driver.set_power(target)
            patience = limit
        except (BmcLost, NotNow) as error:
            said = error.seen or error.what
            patience = min(limit, deadline.elapsed() + RETRY_INTERVAL)
        with _told(f"the machine was told to power {target}"):
            state, fact = _wait_for(driver, (target,), deadline, patience, sleep)
        if state is not None:
            return
        if deadline.elapsed() + POLL_INTERVAL > limit:
            break
    raise BaremetalError(
        f"the machine was told to power {target} and did not do so", stage=STAGE,
        seen=f"{fact} after {deadline.elapsed():.0f} s (time-out {limit:.0f} s)" + (f"; the BMC said: {said}" if said else ""),
        cure="look at the machine's console and at the BMC's event log; a larger timeout helps if the machine is merely slow",
    )


def _send(driver, target, deadline, limit, sleep):
    """Send what must not be sent twice: again only where it certainly was not sent, or the BMC says that it cannot do so now.

    :param limit: seconds from the deadline's beginning after which to stop.
    :returns: what went wrong on the way, when the answer was lost and the machine has to tell; else None.
    :raises BmcUnreachable, BmcBusy, NotNow: when it stays so until the end; nothing was done.
    """
    while True:
        try:
            driver.set_power(target)
            return None
        except (BmcUnreachable, BmcBusy, NotNow):
            if deadline.elapsed() + RETRY_INTERVAL > limit:
                raise
        except BmcLost as error:
            return error.seen or error.what
        sleep(RETRY_INTERVAL)


def _ask_softly(driver, deadline, soft_timeout, sleep, warn):
    """Ask the operating system to shut down; tell when it does not.

    :returns: whether the machine is off.
    """
    limit = deadline.elapsed() + soft_timeout
    try:
        seen = _send(driver, "soft off", deadline, limit, sleep)
    except (BmcLost, NotNow) as error:
        seen = error.seen or error.what
    except BaremetalError as error:
        warn("the machine is powered off without asking its operating system, because the BMC takes no soft off: "
             f"{error.seen or error.what}")
        return False
    state, fact = _wait_for(driver, ("off",), deadline, limit, sleep)
    if state is None:
        warn(f"the operating system did not shut down within {soft_timeout} s ({seen or fact}); the machine is powered off without it")
    return state is not None


def _switch_off(driver, method, deadline, soft_timeout, sleep, warn):
    if method != "soft" or not _ask_softly(driver, deadline, soft_timeout, sleep, warn):
        _bring(driver, "off", deadline, sleep)


def _reset(driver, deadline, sleep, warn):
    """Reset the machine, and see that it is on afterwards."""
    before = driver.last_system
    lost = _send(driver, "reset", deadline, deadline.seconds, sleep)
    if lost:
        _see_reset(driver, before, lost, deadline, sleep, warn)
    with _told("the machine was told to reset"):
        state, fact = _wait_for(driver, ("on",), deadline, deadline.seconds, sleep)
    if state is None:
        raise BaremetalError(
            f"the machine was {'told to reset' if lost else 'reset'} and is not on", stage=STAGE,
            seen=f"{fact} after {deadline.elapsed():.0f} s (time-out {deadline.seconds:.0f} s)",
            cure="look at the machine's console; a machine whose reset hangs is rebooted with the method hard")


def _see_reset(driver, before, lost, deadline, sleep, warn):
    """Make out whether the machine was reset when the answer to that was lost: the power state is on all the time.

    :param before: System of the machine before the reset, or None where the driver reads none.
    :param lost: what went wrong on the way.
    :param warn: called when nothing tells.
    :raises BaremetalError: when the machine tells when it was last reset, and tells the same until the end.
    """
    # Here, because an answer is seldom lost and each task would pay for it.
    from .reset_watch import HostWatch

    watch = HostWatch(before or {})
    limit = deadline.seconds if watch.tells_time else min(deadline.seconds, deadline.elapsed() + RETRY_INTERVAL)
    while before is not None:
        # Whether the machine is on is asked by whoever waits for that.
        with contextlib.suppress(BmcLost, Unreadable), _told("the machine was told to reset"):
            driver.get_power()
        watch.look(driver.last_system)
        if watch.is_reset or (watch.is_starting(driver.last_system) and not watch.is_starting(before)):
            return
        if deadline.elapsed() + POLL_INTERVAL > limit:
            break
        sleep(POLL_INTERVAL)
    if watch.tells_time and driver.last_system is not before:
        raise BaremetalError(
            "the BMC was lost over the reset, and nothing shows that the machine was reset", stage=STAGE,
            seen=f"{lost}; the machine tells the same time of its last reset as before, after {deadline.elapsed():.0f} s",
            cure="look at the machine's console, and run the same command again")
    warn(f"the BMC was lost over the reset, and whether the machine was reset is not known ({lost}); look at its console")


def ensure_power(driver, state, *, method="hard", timeout=120, soft_timeout=60, boot=None, prepare=None, stays_on=False, check_mode=False,
                 warn=lambda text: None, sleep=time.sleep, clock=time.monotonic):
    """Bring a machine into a power state and wait until the BMC says that it is there.

    :param driver: an open driver, see driver.py.
    :param state: ``on``, ``off``, or ``rebooted``: off until settled, then on; a machine that was
        off is powered on.
    :param method: how a machine that is on is switched off: ``hard`` at once, ``soft`` by asking its operating system
        first. For ``rebooted`` also ``reset``, which does not go through off; a machine whose reset is known to
        hang goes through off nevertheless.
    :param timeout: seconds for the power states, all of them together.
    :param soft_timeout: seconds that the operating system has to shut down, on top of ``timeout``.
    :param boot: dict with ``device``, ``persistent``, ``mode`` and ``uri`` for ``ensure_boot_device``, or
        None. It is set and read back before the machine is powered on, for ``rebooted`` while the
        machine is off (with ``reset`` before it), for ``off`` afterwards. A BMC that is known to forget it over a
        power cycle gets it again each time.
    :param prepare: function of check_mode that is called right before the boot device is set, in check mode too; or None. It is called once
        more, to predict, before a machine that runs is switched off.
    :param stays_on: whether the machine must never be powered off (Ironic's disable_power_off): ``off`` is refused unless it is
        off, and a machine that is on is rebooted by a reset alone.
    :param check_mode: read only, and predict.
    :param warn: called with what deviates and does no harm.
    :param sleep: for tests.
    :param clock: for tests.
    :returns: ``{"changed", "power_state", "boot_device", "before", "after"}``; ``before`` and
        ``after`` hold power_state, and boot_device if one was asked for.
    :raises BaremetalError: when the state is not reached in time, the boot device is not taken, or the machine must stay on.
    """
    deadline = _Deadline(timeout + (soft_timeout if method == "soft" else 0), clock)
    was = driver.get_power()
    if was == "unknown":
        was = _wait_for(driver, ("on", "off"), deadline, min(SETTLE_GRACE, timeout), sleep)[0] or "unknown"
    if stays_on and state == "off" and was != "off":
        raise BaremetalError("the machine must not be powered off (disable_power_off)", stage=STAGE, seen=f"power state {was}",
                             cure="reboot it instead; to allow it, take disable_power_off out of the hardware file and enrol the node again")
    through_off = state == "off" or state == "rebooted" and not stays_on and (method != "reset" or was != "on" or driver.reset_hangs)
    is_switched_off = not check_mode and through_off and was != "off"
    if is_switched_off:
        # What the BMC does not offer is refused while the machine still runs.
        with deadline.stands_still():
            if prepare:
                prepare(True)
            if boot:
                ensure_boot_device(driver, **boot, check_mode=True)
        _switch_off(driver, method, deadline, soft_timeout, sleep, warn)
    boot_result = None
    if boot or prepare:
        with deadline.stands_still(), _told("the machine was powered off before that and is off now" if is_switched_off else None):
            if prepare:
                prepare(check_mode)
            if boot:
                boot_result = ensure_boot_device(driver, **boot, check_mode=check_mode, warn=warn, again=driver.forgets_boot, sleep=sleep)
    if not check_mode and state != "off":
        if through_off or was != "on":
            with _told("the machine was powered off before that" if is_switched_off else None):
                _bring(driver, "on", deadline, sleep)
        elif state == "rebooted":
            _reset(driver, deadline, sleep, warn)
    return _result(state, was, boot_result)


def _result(state, was, boot_result):
    reached = "off" if state == "off" else "on"
    before, after = {"power_state": was}, {"power_state": reached}
    if state == "rebooted":
        after["rebooted"] = was != "off"
    if boot_result:
        before["boot_device"], after["boot_device"] = boot_result["before"], boot_result["after"]
    return {
        "changed": state == "rebooted" or was != reached or bool(boot_result and boot_result["changed"]),
        "power_state": reached,
        "boot_device": boot_result["after"] if boot_result else None,
        "before": before,
        "after": after,
    }
