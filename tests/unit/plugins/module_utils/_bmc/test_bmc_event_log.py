# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Event logs: whole, the oldest first, and empty only when they are seen to be."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import event_log, event_log_ipmi, event_log_redfish
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    MANAGER, SYSTEM, IpmiAnswers, collection, link, read_paths, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import anything, trees
from hypothesis import given
from hypothesis import strategies as st

SEL = f"{MANAGER}/LogServices/Sel"
CLEAR = f"{SEL}/Actions/LogService.ClearLog"


def record(number, **changes):
    return {"@odata.id": f"{SEL}/Entries/{number}", "Id": str(number), "Created": f"2026-01-31T12:{number:02d}:00+00:00", "Severity": "OK",
            "Message": f"event\n {number}", **changes}


def board(records, page=50, clears=True, own_record=False, linked=str):
    """A board whose SEL has these records, in pages.

    :param linked: makes of a path the link to the next page.
    """
    pages = [records[start:start + page] for start in range(0, len(records), page)] or [[]]
    documents = {
        SYSTEM: {"Links": {"ManagedBy": [link(MANAGER)]}}, MANAGER: {"LogServices": link(f"{MANAGER}/LogServices")},
        **collection(f"{MANAGER}/LogServices", ("Lclog", {"Entries": link(f"{MANAGER}/LogServices/Lclog/Entries")}), ("Sel", {
            "Entries": link(f"{SEL}/Entries"), "Actions": {"#LogService.ClearLog": {"target": CLEAR}}})),
    }
    for number, members in enumerate(pages):
        path = f"{SEL}/Entries" + (f"?$skip={number}" if number else "")
        documents[path] = {"Members": members}
        if number + 1 < len(pages):
            documents[path]["Members@odata.nextLink"] = linked(f"{SEL}/Entries?$skip={number + 1}")
    driver = redfish_driver(documents)

    def clear(tree, body):
        if clears:
            left = [record(99, Message="The system event log was cleared.")] if own_record else []
            tree.resources[f"{SEL}/Entries"] = {"Members": left}

    driver.tree.on("POST", CLEAR, clear)
    return driver


def read(driver, since=None, limit=100, name=None):
    since = event_log.beginning(since)
    log = event_log.open_log(driver, name)
    return [int(item["id"]) for item in event_log.selected(log.entries(since, limit), since, limit)]


@pytest.mark.parametrize("order", [1, -1])
def test_oldest_first_over_all_pages(order):
    records = [record(number) for number in range(25)][::order]
    assert read(board(records, page=10)) == list(range(25))
    assert read(board(records, page=10), limit=3) == [22, 23, 24]
    assert read(board(records, page=10), limit=0) == []
    assert read(board(records, page=10), since="2026-01-31T12:20:00Z") == [20, 21, 22, 23, 24]


@pytest.mark.parametrize("linked", [link, lambda path: f"https://bmc.example.com{path}"])
def test_pages_whatever_form_the_link_has(linked):
    driver = board([record(number) for number in range(25)], page=10, linked=linked)
    assert read(driver) == list(range(25))
    assert len(ensure(driver)["entries"]) == 25


def test_pages_that_nobody_asked_for_are_not_read():
    driver = board([record(number) for number in range(25)][::-1], page=10)
    assert read(driver, limit=5) == [20, 21, 22, 23, 24]
    assert not [path for path in read_paths(driver) if "skip" in path]


def test_order_without_times_is_by_number():
    assert read(board([record(number, Created=None) for number in (3, 2, 1)])) == [1, 2, 3]


def test_entries_that_are_only_linked_are_read():
    driver = board([record(1)])
    driver.tree.resources[f"{SEL}/Entries"] = {"Members": [link(f"{SEL}/Entries/1"), link(f"{SEL}/Entries/2")]}
    driver.tree.resources[f"{SEL}/Entries/1"] = record(1)
    assert read(driver) == [1]


def test_entry():
    told = record(1, Severity="Critical", MessageId="MEM0701", SensorType="Memory", EventTimestamp="2026-01-31T13:00:00+01:00")
    assert event_log_redfish.entry(told) == {
        "id": "1", "time": "2026-01-31T12:00:00Z", "severity": "critical", "message": "event 1", "message_id": "MEM0701",
        "component": "Memory"}


def test_log_is_the_hardware_s_or_the_one_named():
    driver = board([])
    assert event_log.open_log(driver).name == "Sel"
    assert event_log.open_log(driver).offered == ["Lclog", "Sel"]
    assert event_log.open_log(driver, "Lclog").name == "Lclog"
    with pytest.raises(BaremetalError, match="has no log Xyz. Seen: logs offered: Lclog, Sel"):
        event_log.open_log(driver, "Xyz")
    with pytest.raises(BaremetalError, match="shows no log"):
        event_log.open_log(redfish_driver({SYSTEM: {}}))


def ensure(driver, **options):
    clock = Clock()
    return event_log.ensure_cleared(event_log.open_log(driver), clock.sleep, **options)


@pytest.mark.parametrize("own_record", [False, True])
def test_cleared_once(own_record):
    driver = board([record(1), record(2)], own_record=own_record)
    prediction = ensure(driver, check_mode=True)
    assert driver.tree.changes == []
    done = ensure(driver)
    assert prediction["changed"] and done["changed"] and [item["id"] for item in done["entries"]] == ["1", "2"]
    assert driver.tree.changes == [("POST", CLEAR, {})]
    assert not ensure(driver)["changed"]


def test_board_that_says_yes_and_clears_nothing():
    with pytest.raises(BaremetalError, match="did not clear its log Sel. Seen: 2 of 2 entries are still there"):
        ensure(board([record(1), record(2)], clears=False))


@pytest.mark.parametrize(("failures", "after"), [(2, 0), (99, None)])
def test_log_that_cannot_be_read_for_a_while_after_it_was_cleared(failures, after):
    class Erasing(Sel):
        left = failures

        def get_event_log(self, clear=False):
            if not self.events and self.left:
                self.left -= 1
                raise BaremetalError("the BMC refused the command")
            return super().get_event_log(clear=clear)

    warnings = []
    done = ensure(Erasing([LOW]), warn=warnings.append)
    assert (done["changed"], [item["id"] for item in done["entries"]], done["after"]) == (True, ["1"], after)
    assert len(warnings) == (after is None)


def test_what_is_no_time_is_refused():
    with pytest.raises(BaremetalError, match="yesterday is no time"):
        event_log.beginning("yesterday")


NAMES = ("LogServices", "Entries", "Created", "Severity", "Message", "MessageId", "LogEntryType", "Links", "ManagedBy",
         "Members@odata.nextLink", "Actions")


@given(document=trees(*NAMES))
def test_any_entry(document):
    json.dumps([event_log_redfish.entry(document), event_log_redfish.rank(document)]).encode()


PATHS = (SYSTEM, MANAGER, f"{MANAGER}/LogServices", SEL, f"{SEL}/Entries")


@given(documents=st.fixed_dictionaries({path: trees(*NAMES) for path in PATHS}), links=st.booleans())
def test_any_tree(documents, links):
    if links:
        documents[MANAGER]["LogServices"] = link(f"{MANAGER}/LogServices")
        documents[SYSTEM]["Links"] = {"ManagedBy": [link(MANAGER)]}
        documents[f"{MANAGER}/LogServices"]["Members"] = [link(SEL)]
        documents[SEL]["Entries"] = link(f"{SEL}/Entries")
    try:
        json.dumps(ensure(redfish_driver(documents))).encode()
        read_entries = event_log.open_log(redfish_driver(documents)).entries(event_log.beginning("2026-01-01T00:00:00Z"), 5)
        event_log.selected(read_entries, event_log.beginning("2026-01-01T00:00:00Z"), 5)
    except BaremetalError:
        pass


class Sel(IpmiAnswers):
    def __init__(self, events):
        super().__init__({})
        self.events = events

    def get_event_log(self, clear=False):
        told = list(self.events)
        if clear:
            self.events = []
        return told


def test_ipmi():
    driver = Sel([{"record_id": 1, "timestamp": "2026-01-31T12:00:00", "component": "FAN1", "event": "Lower critical", "severity": 2,
                   "event_id": "1.2",
                   "deassertion": True, "event_data": None}, {"record_id": 2, "oemdata": bytearray(b"\x01\x02")}])
    entries = event_log.open_log(driver).entries(None, None)
    assert [(item["id"], item["severity"], item["message"]) for item in entries] == [
        ("1", "critical", "FAN1: Lower critical (deasserted)"), ("2", "ok", "OEM record 0102")]
    assert ensure(driver)["changed"] and not ensure(driver)["changed"]
    with pytest.raises(BaremetalError, match="has no log Lclog"):
        event_log.open_log(driver, "Lclog")


LOW = {"record_id": 1, "timecode": 1769860800, "timestamp": "2026-01-31T12:00:00", "event": "Lower critical"}


def test_ipmi_bmc_that_says_yes_and_clears_nothing():
    seconds = iter(range(60))

    def told(clear=False):
        """The times of the records move from one reading to the next, as pyghmi puts them right."""
        moved = f"2026-01-31T12:00:{next(seconds):02d}"
        return [{**event, "timestamp": moved} for event in driver.events]

    driver = Sel([LOW, {"record_id": 2, "timecode": 1769860800, "event": "Upper critical"}])
    driver.get_event_log = told
    with pytest.raises(BaremetalError, match="did not clear its log SEL. Seen: 2 of 2 entries are still there"):
        ensure(driver)


def test_ipmi_event_that_comes_in_before_the_clearing_is_returned():
    class Busy(Sel):
        def get_event_log(self, clear=False):
            if not clear:
                return super().get_event_log()
            self.events.append({**LOW, "record_id": 2, "event": "Upper critical"})
            cleared = super().get_event_log(clear=True)
            # And one that comes in afterwards, in the place of the first.
            self.events.append({**LOW, "timecode": LOW["timecode"] + 60, "timestamp": "2026-01-31T12:01:00"})
            return cleared

    done = ensure(Busy([LOW]))
    assert [(item["id"], item["message"]) for item in done["entries"]] == [("1", "Lower critical"), ("2", "Upper critical")]
    assert (done["changed"], done["before"], done["after"]) == (True, 2, 1)


def test_ipmi_log_that_somebody_else_cleared_meanwhile():
    class Emptied(Sel):
        def get_event_log(self, clear=False):
            self.events = [] if clear else self.events
            return super().get_event_log(clear=clear)

    done = ensure(Emptied([LOW]))
    assert (done["changed"], done["entries"], done["before"]) == (False, [], 0)


@given(event=st.fixed_dictionaries({}, optional={name: anything for name in (
    "record_id", "timestamp", "component", "component_type", "event", "event_data", "deassertion", "event_id")}))
def test_ipmi_any_event(event):
    json.dumps(event_log_ipmi.entry(event)).encode()
