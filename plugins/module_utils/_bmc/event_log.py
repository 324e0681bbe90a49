# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event log of a machine: read it, or have it empty.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re

from . import event_log_ipmi, event_log_redfish
from .._errors import BaremetalError
from .connection import NotLetIn
from .tolerant import moment

CAPABILITY = "event log"
STAGE = CAPABILITY

_LOGS = {"redfish": event_log_redfish.EventLog, "ipmi": event_log_ipmi.EventLog}
_SETTLE = 30  # seconds in which a BMC may still be erasing
_POLL = 2
_CLEARED = re.compile(r"(log|sel|record)s?\b.*clear|clear.*(log|sel\b|record)|logcleared", re.I)


def open_log(driver, name=None):
    """The log of a BMC: an object with ``name``, ``offered`` (names), ``entries(since, limit)`` and ``clear()``.

    ``clear`` returns the entries that it cleared, or None where they are those that were read before, as far as is known.

    :param driver: an open driver, see driver.py.
    :param name: which log, where the BMC has several; None for the hardware's event log.
    """
    return _LOGS[driver.NAME](driver, name)


def beginning(since):
    """The option since as a datetime.

    :param since: ISO 8601, or None.
    :raises BaremetalError: for what is no time.
    """
    found = moment(since) if since is not None else None
    if since is not None and found is None:
        raise BaremetalError(f"{since} is no time", stage=STAGE, cure="give since like 2026-01-31T12:00:00Z")
    return found


def selected(entries, since, limit):
    """The newest of some entries.

    :param entries: entries, the oldest first.
    :param since: datetime from which on, or None; an entry without a time stays.
    :param limit: how many at most.
    """
    if since is not None:
        entries = [entry for entry in entries if entry["time"] is None or moment(entry["time"]) >= since]
    return entries[-limit:] if limit else []


def is_cleared(entries):
    """Whether a log is empty but for the record that it was cleared, which many BMCs write into it."""
    return not entries or (len(entries) == 1 and bool(_CLEARED.search(f"{entries[0]['message']} {entries[0]['message_id']}")))


def ensure_cleared(log, sleep, *, check_mode=False, warn=lambda text: None):
    """Have a log empty.

    :param log: what ``open_log`` returned.
    :param sleep: function that waits for seconds.
    :param warn: called with a text when the log cannot be read again afterwards; ``after`` is None then.
    :returns: ``{"changed", "entries", "before", "after"}``: the entries that were cleared, or else are there, and their number before and after.
    :raises BaremetalError: when entries that were there before are still there.
    """
    before = log.entries(None, None)
    if is_cleared(before):
        return {"changed": False, "entries": before, "before": len(before), "after": len(before)}
    if check_mode:
        return {"changed": True, "entries": before, "before": len(before), "after": 0}
    cleared = log.clear()
    if cleared is None:
        cleared = before
    old = {_mark(entry) for entry in cleared}
    waited = 0
    while True:
        try:
            after = log.entries(None, None)
        except BaremetalError as error:
            # The entries exist only here by now. A password is not tried again and again, for that locks accounts.
            if waited >= _SETTLE or isinstance(error, NotLetIn):
                warn(f"the log {log.name} was told to be empty, and whether it is cannot be read. {error}")
                return {"changed": bool(cleared), "entries": cleared, "before": len(cleared), "after": None}
            sleep(_POLL)
            waited += _POLL
            continue
        left = [entry for entry in after if _mark(entry) in old]
        if not left:
            # Where somebody else was faster, nothing was cleared.
            return {"changed": bool(cleared), "entries": cleared, "before": len(cleared), "after": len(after)}
        if waited >= _SETTLE:
            raise BaremetalError(f"the BMC did not clear its log {log.name}", stage=STAGE,
                                 seen=f"{len(left)} of {len(cleared)} entries are still there",
                                 cure="check that the account may configure the BMC; otherwise reset the BMC and try again")
        sleep(_POLL)
        waited += _POLL


def _mark(entry):
    return entry["id"], entry["time"], entry["message"]
