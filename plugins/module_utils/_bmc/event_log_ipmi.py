# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The system event log of IPMI (IPMI 2.0, 31).

Private to the collection; may change at any time.
"""

from __future__ import annotations

import datetime
import re

from .._errors import BaremetalError
from .ipmi_answers import decoded
from .tolerant import text, utc

STAGE = "event log"
NAME = "SEL"

# Health of pyghmi: 0 is good, then one bit for warning, critical and failed.
_SEVERITY = {0: "ok", 1: "warning"}
# What pyghmi calls a sensor that has no record.
_NAMELESS = re.compile(r"Sensor [\d.]+")


class EventLog:
    """The SEL.

    :param driver: an open IpmiDriver.
    :param name: ``SEL`` or None.
    :raises BaremetalError: for another name.
    """

    name = NAME
    offered = [NAME]

    def __init__(self, driver, name):
        if name not in (None, NAME):
            raise BaremetalError(f"the BMC has no log {name}", stage=STAGE, seen=f"logs offered: {NAME}", cure="choose this one")
        self._driver = driver
        # What time was told first of each record.
        self._times = {}

    def entries(self, since, limit):
        """The entries, the oldest first; the SEL is always read as a whole."""
        return self._read(clear=False)

    def clear(self):
        """Ask for an empty log; an entry that came in since it was read stays, because the BMC refuses the reservation then.

        :returns: the entries that are gone: the log is read once more for it.
        """
        return self._read(clear=True)

    def _read(self, clear):
        with self._driver.command() as command, decoded("the system event log"):
            items = command.get_event_log(clear=clear)
            found = [entry(item) for item in items]
        for told, item in zip(found, items):
            # pyghmi puts the time right at each reading, by clocks that tell whole seconds, so that the same record would come out a second later.
            told["time"] = self._times.setdefault((told["id"], text(item.get("timecode"))), told["time"])
        return found


def entry(item):
    """An event of pyghmi as an entry."""
    component = text(item.get("component"))
    if component is None or _NAMELESS.fullmatch(component):
        component = text(item.get("component_type")) or component
    told = [component, text(item.get("event"))]
    if item.get("oemdata") is not None:
        told.append("OEM record " + bytes(item["oemdata"]).hex())
    details = text(item.get("event_data"))
    message = ": ".join(part for part in told if part) + (f" ({details})" if details else "")
    return {
        "id": text(item.get("record_id")),
        "time": utc(_when(item.get("timestamp"))),
        "severity": _SEVERITY.get(item.get("severity", 0), "critical"),
        "message": message + (" (deasserted)" if item.get("deassertion") and message else ""),
        "message_id": text(item.get("event_id")),
        "component": component,
    }


def _when(stamp):
    """pyghmi tells the controller's local time, put right by the difference of the two clocks."""
    if not isinstance(stamp, str):
        return None
    try:
        return datetime.datetime.fromisoformat(stamp).astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return None
