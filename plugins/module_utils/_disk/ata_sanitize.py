# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SANITIZE DEVICE of ATA drives, through hdparm: what a drive can, and making it do so.

Other than the secure erase it needs no password, meets what no sector shows, and goes on over a power cycle. Firmware that freezes the security
commands seldom freezes these. Rules: ACS-4, 7.36 and 4.17; hdparm 9.65 (its texts).
"""

from __future__ import annotations

import re
import time

from .._errors import BaremetalError
from .commands import run

STAGE = "erase"
# What hdparm calls the actions in the features of a drive (IDENTIFY DEVICE, word 59), the cheapest first.
SANITIZE = {"crypto": "CRYPTO_SCRAMBLE_EXT", "block": "BLOCK_ERASE_EXT", "overwrite": "OVERWRITE_EXT"}
_OPTIONS = {"crypto": ["--sanitize-crypto-scramble"], "block": ["--sanitize-block-erase"],
            "overwrite": ["--sanitize-overwrite-passes", "1", "--sanitize-overwrite", "hex:00000000"]}
FROZEN = "its sanitize commands are frozen until it loses power: power the drive, or the whole machine with its standby power, off and on"
_FEATURE = re.compile(r"^\s*\*\s+(\S+) (?:command|feature set)\s*$", re.MULTILINE)
_STATES = {"SD0": "idle", "SD1": "frozen", "SD2": "running", "SD3": "failed", "SD4": "idle"}
_STATE = re.compile(r"^\s*State:\s+(SD[0-4])\b", re.MULTILINE)
_PROGRESS = re.compile(r"^\s*Progress: 0x([0-9a-f]{1,4})\b", re.MULTILINE)
_POLL = 5.0
# What hdparm says before it ends with success, where nobody knows what the drive made of the command: the kernel tells of one that the drive refused
# in a form that hdparm does not read, and what hdparm goes on to show is made of zeros.
UNKNOWN = "bad/missing sense data"
# Among that, a command that the drive aborted (SPC-5, 4.4.3: fixed format, sense key 0Bh).
_ABORTED = re.compile(r"sb\[\]:\s+[7f]0 00 0b\b")


def parse_features(text):
    """Return what "hdparm -I" shows of the sanitize commands: {actions: [of SANITIZE, the cheapest first], antifreeze: bool}."""
    # In the flags of features that the drive supports, not in those that are listed without a star.
    found = set(_FEATURE.findall(text))
    actions = [action for action, name in SANITIZE.items() if name in found] if "SANITIZE" in found else []
    return {"actions": actions, "antifreeze": "SANITIZE_ANTIFREEZE_LOCK_EXT" in found}


def parse_status(text):
    """Return what "hdparm --sanitize-status" shows: {state: idle, frozen, running or failed, progress (0 to 1), succeeded (the last one, bool)}.

    Raises BaremetalError for a text that shows no state.
    """
    state, progress = _STATE.search(text), _PROGRESS.search(text)
    if not state:
        raise BaremetalError("hdparm tells no state of the sanitize", stage=STAGE, seen=" ".join(text.split())[-200:] or "no output",
                             cure="Look at the kernel log (dmesg); choose another method.")
    return {"state": _STATES[state.group(1)], "progress": int(progress.group(1), 16) / 65536 if progress else 1.0,
            "succeeded": "Last Sanitize Operation Completed Without Error" in text}


def abilities(device, *, runner=run):
    """Return parse_features' dict of a drive with the state of parse_status (idle for one that cannot sanitize itself).

    Raises BaremetalError when hdparm is missing or the drive does not answer.
    """
    found = parse_features(runner(["hdparm", "-I", device], stage=STAGE).decode("utf-8", "replace"))
    return dict(found, state=_status(device, runner)["state"] if found["actions"] else "idle")


def sanitize(device, action, *, timeout, report, runner=run, sleep=time.sleep, clock=time.monotonic):
    """Sanitize a drive.

    action: one of SANITIZE. timeout: seconds, for each sanitize that is waited for. report: takes the progress, 0 to 1.
    A sanitize that is running already, of an attempt that was cut off, is waited for first: no other command is taken meanwhile. It does not
    count: the drive does not tell which action it was.
    Raises BaremetalError when it fails or does not end.
    """
    def wait():
        begun = clock()
        while True:
            status = _status(device, runner)
            if status["state"] != "running":
                return status
            report(status["progress"])
            if clock() - begun > timeout:
                raise BaremetalError(
                    "the sanitize of %s did not end within %d seconds" % (device, timeout), stage=STAGE, seen="%.0f %% are done" % (status["progress"] * 100),
                    cure="It goes on, also over a power cycle. Give a larger time-out (timeout; in the role clean_timeout) and run the "
                         "same command again, which waits for it, then sanitizes the drive anew.")
            sleep(_POLL)

    if wait()["state"] == "frozen":
        raise BaremetalError("%s cannot be sanitized" % device, stage=STAGE, seen="frozen", cure="Note that " + FROZEN + ".")
    if parse_features(runner(["hdparm", "-I", device], stage=STAGE).decode("utf-8", "replace"))["antifreeze"]:
        _keep_open(device, runner)
    try:
        runner(["hdparm", "--yes-i-know-what-i-am-doing", *_OPTIONS[action], device], stage=STAGE, failing=UNKNOWN)
    except BaremetalError:
        # Without this look, a drive that refused would be judged by the sanitize before.
        if not _runs(device, runner):
            raise
    status = wait()
    if not status["succeeded"]:
        raise BaremetalError(
            "the drive %s reports that its sanitize failed" % device, stage=STAGE, seen="sanitize status: " + status["state"],
            cure="It gives no data until a sanitize succeeds: run the same command again; if it fails again, destroy the drive.")


def _keep_open(device, runner):
    """Have the drive refuse a freeze lock: firmware that sets one at a reset in the middle would leave nobody able to try again."""
    try:
        runner(["hdparm", "--sanitize-antifreeze-lock", device], stage=STAGE)
    except BaremetalError:
        # The sanitize works without it; the drive only can be frozen as before.
        pass


def _runs(device, runner):
    try:
        return _status(device, runner)["state"] == "running"
    except BaremetalError:
        return False


def _status(device, runner):
    try:
        return parse_status(runner(["hdparm", "--sanitize-status", device], stage=STAGE, failing=UNKNOWN).decode("utf-8", "replace"))
    except BaremetalError as error:
        # In the state after a failure the drive aborts even this command, and says why, where hdparm can read it.
        if "Last Sanitize Command completed unsuccessfully" in (error.seen or "") or _ABORTED.search(error.seen or ""):
            return {"state": "failed", "progress": 1.0, "succeeded": False}
        raise
