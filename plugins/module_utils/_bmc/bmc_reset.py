# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restart a BMC, and believe that it is back when it answers like one.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .connection import BmcLost, NotLetIn, Patience
from .ipmi_answers import ask
from .tolerant import moment, number, utc

CAPABILITY = "BMC reset"
STAGE = CAPABILITY

KINDS = ("graceful", "forced")
# Manager.Reset (DSP0268), and Warm Reset and Cold Reset (IPMI 2.0, 20.3 and 20.2).
_RESET_TYPES = {"graceful": "GracefulRestart", "forced": "ForceRestart"}
_IPMI_RESETS = {"graceful": 0x03, "forced": 0x02}
_OTHER = {"graceful": "forced", "forced": "graceful"}

# A BMC may answer for a while before it goes away, and again before it is all there.
DOUBTFUL = 30  # seconds
_LONGEST_STAY = 180  # seconds after which a BMC that has not gone away will not
_POLL_STAYING, _POLL_AWAY, _POLL_STRANGE = 2, 5, 15  # seconds
_GOOD_LOOKS = 2
# OpenBMC computes its start from clock and uptime, some releases at every look: it comes out a second earlier or later, and moves as the clock is set.
_CLOCK_SLACK = 10  # seconds


def reset_bmc(open_bmc, open_again, kind, timeout, *, check_mode=False, warn=lambda text: None, log=lambda text: None,
              clock=time.monotonic, sleep=time.sleep):
    """Restart the BMC and wait until it is really back.

    :param open_bmc: function that gives a context manager with an open driver, see driver.py.
    :param open_again: the same for every look while the BMC may be away.
    :param kind: ``graceful`` or ``forced``.
    :param timeout: seconds until it must be back.
    :param check_mode: only make sure that it can be done.
    :param warn: called when another kind has to do, and when a warm reset cannot be seen.
    :returns: ``{"kind", "seconds", "proof"}``: how it was restarted, how long that took, and how it was seen: ``away``, ``uptime`` or None.
    :raises BaremetalError: when the BMC does not offer it, does not restart, or does not come back.
    """
    with open_bmc() as driver:
        is_ipmi = driver.NAME == "ipmi"
        kind, send = (_plan_ipmi if is_ipmi else _plan_redfish)(driver, kind, warn)
        if check_mode:
            return {"kind": kind, "seconds": 0, "proof": None}
        before = None if is_ipmi else _last_start(driver)[0]
        begin = clock()
        try:
            send()
        except BmcLost as error:
            # It may be gone before it has answered.
            log(f"the answer to the reset is missing: {error}")
        proof = _session_lost(driver, begin, clock, sleep) if is_ipmi else None
    proof = _wait(open_again, before, proof, begin, timeout, warn if is_ipmi and kind == "graceful" else None, clock, sleep)
    if proof == "away" and before is not None:
        with open_again() as driver:
            start, age = _look(driver)
            is_same = start is not None and abs(start - before).total_seconds() <= _CLOCK_SLACK
            if is_same and not _is_young(age, clock() - begin):
                warn(f"the BMC was away and is back, and tells that it last started at {utc(before)}, as before: see whether it did restart")
    return {"kind": kind, "seconds": round(clock() - begin), "proof": proof}


def _plan_redfish(driver, kind, warn):
    service = driver.service
    manager = service.manager(driver.system())
    if manager is None or service.target(manager, "Manager.Reset") is None:
        raise BaremetalError("the BMC does not offer to restart itself", stage=STAGE,
                             cure="use the driver ipmi if the BMC has IPMI, or its web interface")
    offered = service.allowed(manager, "Manager.Reset", "ResetType")
    if offered is None:
        # An iLO takes no reset type and knows one kind only.
        return kind, lambda: service.action(manager, "Manager.Reset", {}, stage=STAGE)
    if _RESET_TYPES[kind] not in offered:
        if _RESET_TYPES[_OTHER[kind]] not in offered:
            raise BaremetalError("the BMC offers no restart of itself", stage=STAGE,
                                 seen=f"reset types offered: {', '.join(sorted(offered)) or 'none'}",
                                 cure="use the driver ipmi if the BMC has IPMI, or its web interface")
        warn(f"the BMC does not offer a {kind} restart of itself; it is {_OTHER[kind]}")
        kind = _OTHER[kind]
    return kind, lambda: service.action(manager, "Manager.Reset", {"ResetType": _RESET_TYPES[kind]}, stage=STAGE)


def _plan_ipmi(driver, kind, warn):
    def send():
        with driver.command() as command:
            # Once only: a second one would hit the BMC while it starts.
            answer = command.raw_command(netfn=0x06, command=_IPMI_RESETS[kind], retry=False) or {}
        if number(answer.get("code")) and answer["code"] < 0x100:
            raise BaremetalError(f"the BMC refused a {kind} reset", stage=STAGE,
                                 seen=answer.get("error") or f"completion code {answer['code']:#x}",
                                 cure=f"use the kind {_OTHER[kind]}")

    return kind, send


def _session_lost(driver, begin, clock, sleep):
    """``away`` when the session over which the reset was sent does not live any more, None when it outlives all patience.

    A BMC that is away for a moment only is not missed by a new login, which has patience; but it has forgotten its sessions.
    """
    while clock() - begin <= _LONGEST_STAY:
        sleep(_POLL_STAYING)
        try:
            _look(driver)
        except BmcLost:
            return "away"
    return None


def _last_start(driver):
    """When the BMC last started, as it tells it itself, and how many seconds ago that is by its own clock; each may be None."""
    manager = driver.service.manager(driver.system()) or {}
    start, now = moment(manager.get("LastResetTime")), moment(manager.get("DateTime"))
    return start, None if None in (start, now) else (now - start).total_seconds()


def _is_young(age, elapsed):
    return age is not None and -_CLOCK_SLACK <= age <= elapsed + _CLOCK_SLACK


def _is_restarted(before, start, age, elapsed):
    """Whether what a BMC tells of its last start proves a restart within the last ``elapsed`` seconds."""
    if None in (before, start):
        return False
    later = (start - before).total_seconds()
    # By its own clock alone, for one without a battery may have gone back to 1970.
    return later > _CLOCK_SLACK if age is None else abs(later) > _CLOCK_SLACK and _is_young(age, elapsed)


def _look(driver):
    """Look at a BMC that lets us in.

    :returns: what ``_last_start`` returns.
    :raises BmcLost: when it is not all there.
    """
    if driver.NAME == "ipmi":
        with driver.command() as command:
            told = ask(command, 0x06, 0x01, shortest=3)
        # Get Device ID (20.1): the BMC initialises itself.
        if told is None or told[2] & 0x80:
            raise BmcLost("the BMC answers and is not ready")
        driver.get_power()
        return None, None
    driver.service.root()
    return _last_start(driver)


def _wait(open_again, before, proof, begin, timeout, warn_unseen, clock, sleep):
    good, seen, pause, patience = 0, "it answered all the time", _POLL_STAYING, Patience()
    while True:
        sleep(pause)
        elapsed = clock() - begin
        if elapsed > timeout and proof is None:
            raise BaremetalError(f"the BMC was not seen to restart within {timeout} s", stage=STAGE, seen=seen,
                                 cure=f"give a larger timeout, for some go away only after a while (up to {_LONGEST_STAY} s are waited), or use the other kind")
        if elapsed > timeout:
            raise BaremetalError(f"the BMC did not come back within {timeout} s", stage=STAGE, seen=seen,
                                 cure="look whether the BMC has power and network; a larger timeout helps if it merely is slow")
        try:
            with open_again() as driver:
                start, age = _look(driver)
        except BmcLost as error:
            proof, good, seen, pause = proof or "away", 0, error.what, _POLL_AWAY
            continue
        except NotLetIn as error:
            # The credentials were good a moment ago: a BMC that does not take them is still starting.
            proof, good, seen, pause = proof or "away", 0, error.what, patience.bear(error)
            continue
        except BaremetalError as error:
            proof, good, seen, pause = proof or "away", 0, error.what, _POLL_STRANGE
            continue
        if proof is None and _is_restarted(before, start, age, clock() - begin):
            proof = "uptime"
        if proof is None:
            if elapsed > _LONGEST_STAY:
                if warn_unseen is None:
                    raise BaremetalError("the BMC did not restart", stage=STAGE, seen=f"{seen}, for {round(elapsed)} s",
                                         cure="use the other kind, or cut the power of the BMC")
                warn_unseen("the BMC answered all the time, so that nobody can tell whether it did the warm reset")
                return None
            continue
        pause = _POLL_AWAY
        good += elapsed >= DOUBTFUL
        if good >= _GOOD_LOOKS:
            return proof
