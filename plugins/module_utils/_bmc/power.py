# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring about a power state, and wait until it is so.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .boot import ensure_boot_device
from .connection import BmcLost

STAGE = "power"
POLL_INTERVAL = 1.0  # seconds
# A machine that is between two states is left alone so long (seconds) before it is told what to do.
SETTLE_GRACE = 30.0

# What ``set_power`` is asked for on the way to a state.
TARGETS = {"on": ("on",), "off": ("off",), "rebooted": ("off", "on")}


class _Deadline:
    """The time that an operation may take, from now on."""

    def __init__(self, seconds, clock):
        self._clock = clock
        self._begin = clock()
        self._seconds = seconds

    def elapsed(self):
        return self._clock() - self._begin

    def left(self):
        return self._seconds - self.elapsed()


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
        except BmcLost as error:
            seen, fact = None, error.what
        if seen in states:
            return seen, fact
        if deadline.elapsed() + POLL_INTERVAL > limit:
            return None, fact
        sleep(POLL_INTERVAL)


def _bring(driver, target, deadline, sleep, timeout):
    driver.set_power(target)
    state, fact = _wait_for(driver, (target,), deadline, timeout, sleep)
    if state is None:
        raise BaremetalError(
            f"the machine was told to power {target} and did not do so", stage=STAGE,
            seen=f"{fact} after {deadline.elapsed():.0f} s (time-out {timeout} s)",
            cure="look at the machine's console and at the BMC's event log; a larger timeout helps if the machine is merely slow",
        )


def ensure_power(driver, state, *, timeout=120, boot=None, check_mode=False, warn=lambda text: None,
                 sleep=time.sleep, clock=time.monotonic):
    """Bring a machine into a power state and wait until the BMC says that it is there.

    :param driver: an open driver, see driver.py.
    :param state: ``on``, ``off``, or ``rebooted``: off until settled, then on; a machine that was
        off is powered on.
    :param timeout: seconds for all of it.
    :param boot: dict with ``device``, ``persistent`` and ``mode`` for ``ensure_boot_device``, or
        None. It is set and read back before the machine is powered on, for ``rebooted`` while the
        machine is off, for ``off`` afterwards.
    :param check_mode: read only, and predict.
    :param warn: called with what deviates and does no harm.
    :param sleep: for tests.
    :param clock: for tests.
    :returns: ``{"changed", "power_state", "boot_device", "before", "after"}``; ``before`` and
        ``after`` hold power_state, and boot_device if one was asked for.
    :raises BaremetalError: when the state is not reached in time, or the boot device is not taken.
    """
    deadline = _Deadline(timeout, clock)
    was = driver.get_power()
    if was == "unknown" and not check_mode:
        was = _wait_for(driver, ("on", "off"), deadline, min(SETTLE_GRACE, timeout), sleep)[0] or "unknown"
    if not check_mode and "off" in TARGETS[state] and was != "off":
        _bring(driver, "off", deadline, sleep, timeout)
    boot_result = ensure_boot_device(driver, **boot, check_mode=check_mode, warn=warn) if boot else None
    is_off = was == "off" or "off" in TARGETS[state]
    if not check_mode and "on" in TARGETS[state] and (is_off or was == "unknown"):
        _bring(driver, "on", deadline, sleep, timeout)
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
