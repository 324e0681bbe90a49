# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The security feature set of ATA drives, through hdparm: what a drive can, and its secure erase."""

from __future__ import annotations

import re
import time

from .._errors import BaremetalError
from .commands import CommandTimeout, run

STAGE = "erase"
# hdparm's word for the empty password. It is no secret, and the same that the ironic-python-agent sets, so that whoever finds a
# drive locked by an erase that was cut off can open it.
PASSWORD = "NULL"
FROZEN = ("the firmware froze the drive's security. Sleep and wake the machine (rtcwake -m mem -s 5), or power the drive itself off and "
          "on (hot plug), or switch the freeze lock off in the BIOS settings")
_FLAG = re.compile(r"^\s*(not)?\s*(enabled|locked|frozen|expired: security count|supported: enhanced erase|supported)\s*$")
_TIME = re.compile(r"(more than )?(\d+)\s*min for (ENHANCED )?SECURITY ERASE UNIT")


def parse_security(text):
    """Return the security state that "hdparm -I" shows.

    text: its output. Returns {supported, enabled, locked, frozen, expired, enhanced (bool), minutes, enhanced_minutes (int or None)};
    a drive without a section Security supports nothing. Source: hdparm(8), identify.c prints one flag a line, "not" before those
    that are off, and the times of words 89 and 90.
    """
    found = {"supported": False, "enabled": False, "locked": False, "frozen": False, "expired": False, "enhanced": False,
             "minutes": None, "enhanced_minutes": None}
    names = {"expired: security count": "expired", "supported: enhanced erase": "enhanced"}
    _head, section, rest = text.partition("\nSecurity:")
    for line in rest.splitlines()[1:] if section else []:
        if line and not line[0].isspace():
            # The next section.
            break
        flag = _FLAG.match(line)
        if flag:
            name = names.get(flag.group(2), flag.group(2))
            found[name] = flag.group(1) is None
        for _more, minutes, enhanced in _TIME.findall(line):
            found["enhanced_minutes" if enhanced else "minutes"] = int(minutes)
    return found


def security(device, *, runner=run):
    """Return parse_security's dict of a drive. Raises BaremetalError when hdparm is missing or the drive does not answer."""
    return parse_security(runner(["hdparm", "-I", device], stage=STAGE).decode("utf-8", "replace"))


def unlock(device, *, runner=run):
    """Unlock a drive that an erase left locked when it was cut off.

    Tried once only: a drive takes few wrong passwords before it refuses even the right one.
    Raises BaremetalError when the password is not the one that erasing sets.
    """
    try:
        runner(["hdparm", "--user-master", "u", "--security-unlock", PASSWORD, device], stage=STAGE)
    except BaremetalError as error:
        problem = error
    else:
        problem = None
    # hdparm ends with success also where the drive refused.
    if security(device, runner=runner)["locked"]:
        raise BaremetalError(
            "%s is locked with a password that no erase of ours or of the ironic-python-agent has set" % device, stage=STAGE,
            seen=problem.seen if problem else "it still is locked",
            cure="Unlock it with the owner's password (hdparm --security-unlock), or with the PSID or master password of its maker; "
                 "otherwise destroy the drive. Power it off and on before another try.") from None


def secure_erase(device, *, enhanced, timeout, report, estimate=None, runner=run, clock=time.monotonic):
    """Have a drive erase itself: set the password, erase, and see that the password is gone.

    enhanced: the erase that also meets sectors that were replaced. timeout: seconds. report: takes the progress, 0 to 1; a drive tells
    none while it erases. estimate: seconds that it is expected to take.
    A drive that is locked with our password is unlocked and erased again. Whatever happens, it is not left locked if the drive can be
    spoken to. Raises BaremetalError.
    """
    begun = clock()
    report(0.0)
    state = security(device, runner=runner)
    if state["frozen"]:
        raise BaremetalError("%s cannot be erased by its security commands" % device, stage=STAGE, seen="frozen", cure=FROZEN)
    if state["locked"]:
        unlock(device, runner=runner)
    if not state["enabled"]:
        runner(["hdparm", "--user-master", "u", "--security-set-pass", PASSWORD, device], stage=STAGE)
        # hdparm ends with success also where the drive refused; a drive that has no password then would seem to have lost it by the erase.
        try:
            is_set = security(device, runner=runner)["enabled"]
        except BaremetalError:
            _open(device, runner)
            raise
        if not is_set:
            _open(device, runner)
            raise BaremetalError("%s took no password, without which it does not erase itself" % device, stage=STAGE, seen="not enabled",
                                 cure="Look at the kernel log (dmesg), and at whether a controller in between passes ATA commands on; try another method.")
    command = "--security-erase-enhanced" if enhanced else "--security-erase"
    try:
        runner(["hdparm", "--user-master", "u", command, PASSWORD, device], stage=STAGE, timeout=timeout)
    except CommandTimeout:
        raise BaremetalError(
            "%s did not erase itself within %d seconds" % (device, timeout), stage=STAGE,
            seen="it estimated %s" % ("%d s" % estimate if estimate else "no time"),
            cure="The drive may still be at it. Give a larger time-out (timeout; in the role clean_timeout) and run the same "
                 "command again: it unlocks the drive and erases again.",
        ) from None
    except BaremetalError as error:
        _open(device, runner)
        raise error.at(stage=STAGE)
    state = security(device, runner=runner)
    if state["enabled"]:
        # An erase that succeeds takes the password away (ACS-3, SECURITY ERASE UNIT).
        _open(device, runner)
        raise BaremetalError("%s still has its password after the erase, so it has not erased itself" % device, stage=STAGE,
                             seen="after %.0f s: %s" % (clock() - begun, ", ".join(name for name in ("enabled", "locked") if state[name])),
                             cure="Look at the kernel log (dmesg); try another method, or destroy the drive.")


def _open(device, runner):
    """Take the password away again, as far as the drive lets."""
    for command in ("--security-unlock", "--security-disable"):
        try:
            runner(["hdparm", "--user-master", "u", command, PASSWORD, device], stage=STAGE)
        except BaremetalError:
            # The failure that led here is what the operator must see; it says what to do about the drive.
            pass
