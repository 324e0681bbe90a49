# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Log services of Redfish (DSP0268: LogService, LogEntry).

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .redfish_members import is_whole, resources
from .redfish_service import next_page, path_of
from .tolerant import dig, health, moment, number, objects, text, utc

STAGE = "event log"

_MOST_PAGES = 400  # of 50 entries, which is Dell's page
_LONGEST = 2000  # characters of a message
_TASK_TIMEOUT = 120  # seconds that a BMC may take to clear a log
# What makers call the log of the hardware, the best first: system event log, integrated management log, event log.
_HARDWARE_LOGS = ("sel", "iml", "eventlog", "event", "log1", "standardlog")


class EventLog:
    """One log service of the system or its manager.

    :param driver: an open RedfishDriver.
    :param name: Id or path of the log service; None for the one that is the hardware's.
    :raises BaremetalError: when there is none, or none of that name.
    """

    def __init__(self, driver, name):
        self._service = driver.service
        system = driver.system()
        owners = [system, self._service.manager(system) or {}]
        services = [item for owner in owners for item in resources(self._service, path_of(dig(owner, "LogServices")))]
        services = [item for item in services if path_of(item.get("Entries")) and path_of(item)]
        self.offered = [text(item.get("Id")) or path_of(item) for item in services]
        if name is None:
            found = min(services, key=rank, default=None)
        else:
            found = next((item for item in services if name in (text(item.get("Id")), path_of(item))), None)
        if found is None:
            raise BaremetalError(f"the BMC has no log {name}" if name else "the BMC shows no log", stage=STAGE,
                                 seen=f"logs offered: {', '.join(self.offered) or 'none'}", cure="choose one of these" if self.offered else
                                 "update the firmware of the BMC, or use the driver ipmi")
        self.name = text(found.get("Id")) or path_of(found)
        self._log = found

    def entries(self, since, limit):
        """The entries, the oldest first.

        :param since: datetime before which entries need not be read, or None.
        :param limit: how many of the newest are of interest, or None for all.
        """
        found, seen, newest_first = [], set(), False
        path = path_of(self._log.get("Entries"))
        # A board may link a page to itself.
        while path and path not in seen and len(seen) < _MOST_PAGES:
            seen.add(path)
            page = self._service.find(path) or {}
            found += [entry(item) for item in self._whole(page)]
            newest_first = is_newest_first(found)
            if newest_first and _is_enough(found, since, limit):
                break
            path = next_page(page)
        return found[::-1] if newest_first else found

    def _whole(self, page):
        """The entries of a page: the specification has them in it, some boards only link them."""
        for item in objects(page.get("Members")):
            item = item if is_whole(item) else self._service.find(path_of(item))
            if item is not None:
                yield item

    def clear(self):
        """Ask for an empty log."""
        answer = self._service.action(self._log, "LogService.ClearLog", {}, stage=STAGE)
        self._service.wait_task(answer, timeout=_TASK_TIMEOUT, stage=STAGE, what=f"clearing the log {self.name}")


def rank(service):
    """Where a log service stands among those that may be the hardware's event log; smaller is better."""
    if text(service.get("LogEntryType")) == "SEL":
        return 0
    names = [(text(service.get(key)) or "").lower().replace(" ", "").replace("_", "") for key in ("Id", "Name")]
    return next((place for place, name in enumerate(_HARDWARE_LOGS, start=1) if name in names), len(_HARDWARE_LOGS) + 1)


def entry(item):
    """A LogEntry resource as an entry."""
    return {
        "id": text(item.get("Id")),
        "time": utc(moment(item.get("EventTimestamp")) or moment(item.get("Created"))),
        "severity": health(item.get("Severity")),
        "message": (text(item.get("Message")) or text(item.get("Description")) or "")[:_LONGEST],
        "message_id": text(item.get("MessageId")),
        "component": text(item.get("SensorType")) or text(dig(item, "Links", "OriginOfCondition", "@odata.id")),
    }


def is_newest_first(entries):
    """Whether a board tells the newest entry first, by the first and the last one's times, else by their numbers."""
    if len(entries) < 2:
        return False
    first, last = entries[0], entries[-1]
    if first["time"] and last["time"] and first["time"] != last["time"]:
        return first["time"] > last["time"]
    first, last = number(first["id"]), number(last["id"])
    return first is not None and last is not None and first > last


def _is_enough(entries, since, limit):
    if limit is not None and len(entries) >= limit:
        return True
    return since is not None and entries[-1]["time"] is not None and moment(entries[-1]["time"]) < since
