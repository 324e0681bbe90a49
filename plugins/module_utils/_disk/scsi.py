# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SANITIZE of SCSI and SAS drives, through sg3_utils."""

from __future__ import annotations

import re
import time

from .._errors import BaremetalError
from .commands import run

STAGE = "erase"
# Service actions of SANITIZE (SBC-4, 5.30), the cheapest first.
SANITIZE = {"crypto": 3, "block": 2, "overwrite": 1}
_OPTIONS = {"crypto": ["--crypto"], "block": ["--block"], "overwrite": ["--overwrite", "--zero"]}
_PROGRESS = re.compile(r"([\d.]+)\s*%\s*done")
_POLL = 5.0
# What a drive has to tell of a reset comes before how far it is, an answer each (unit attentions, SAM-5, 5.14).
_ANSWERS = 5


def parse_supported(data):
    """Return whether a drive supports the command that REPORT SUPPORTED OPERATION CODES was asked about.

    data: the response in the form for one command. Source: SPC-5, 6.34.3: SUPPORT (byte 1, bits 0 to 2) is 3 for commands of the
    standard, 5 for those of the maker's own.
    """
    return len(data) > 1 and data[1] & 7 in (3, 5)


def parse_progress(text):
    """Return the progress, 0 to 1, that "sg_requests --progress" shows; None when the drive reports none (any more)."""
    found = _PROGRESS.search(text)
    return min(float(found.group(1)) / 100, 1.0) if found else None


def abilities(device, *, runner=run):
    """Return the sanitize actions of a drive, the cheapest first; a drive that answers no such question has none."""
    found = []
    for action, code in SANITIZE.items():
        argv = ["sg_opcodes", "--no-inquiry", "--raw", "--opcode=0x48", "--sa=%d" % code, device]
        try:
            if parse_supported(runner(argv, stage=STAGE)):
                found.append(action)
        except BaremetalError:
            # Drives before SPC-3, bridges and virtual disks know no such question, and no SANITIZE either.
            return []
    return found


def sanitize(device, action, *, timeout, report, runner=run, sleep=time.sleep, clock=time.monotonic):
    """Sanitize a drive.

    action: one of SANITIZE. timeout: seconds. report: takes the progress, 0 to 1. Raises BaremetalError when it fails or does not end.
    """
    begun = clock()
    runner(["sg_sanitize", "--quick", "--early", *_OPTIONS[action], device], stage=STAGE)
    while True:
        for dummy in range(_ANSWERS):
            progress = _progress(device, runner)
            problem = _problem(device, runner) if progress is None else None
            if not problem:
                break
        if progress is None:
            break
        report(progress)
        if clock() - begun > timeout:
            raise BaremetalError(
                "the sanitize of %s did not end within %d seconds" % (device, timeout), stage=STAGE, seen="%.0f %% are done" % (progress * 100),
                cure="It goes on, also over a power cycle. Wait until it has ended (sg_requests --progress), then give a larger time-out (timeout; in the "
                     "role clean_timeout) and run the same command again, which sanitizes the drive anew.")
        sleep(_POLL)
    if problem:
        raise BaremetalError("the drive %s is not ready after its sanitize, which so has failed" % device, stage=STAGE, seen=problem.seen,
                             cure="Run the same command again; if it fails again, destroy the drive.")


def _progress(device, runner):
    return parse_progress(runner(["sg_requests", "--progress", device], stage=STAGE).decode("utf-8", "replace"))


def _problem(device, runner):
    """What TEST UNIT READY says against a drive, or None: one whose sanitize failed, or runs, refuses media access (SBC-4, 4.11)."""
    try:
        runner(["sg_turs", device], stage=STAGE)
    except BaremetalError as error:
        return error
    return None
