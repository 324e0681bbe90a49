# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Evidence of a failure: whatever a BMC does, what there is comes back in time."""

from __future__ import annotations

import contextlib
import threading

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import event_log, failure_evidence, serial_over_lan
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

HEARD = {"text": "Kernel panic", "bytes": 12, "truncated": False}
ENTRY = {"id": "1", "time": None, "severity": "critical", "message": "CPU 0: IERR", "message_id": None, "component": None}


class Driver:
    NAME = "ipmi"

    def get_power(self):
        return "on"

    def get_boot(self):
        return {"device": "pxe", "persistent": False, "mode": "uefi"}


class Log:
    name = "SEL"

    def entries(self, since, limit):
        return [{**ENTRY, "id": str(number), "message": f"event {number}"} for number in range(200)]


@pytest.fixture(name="bmc")
def _bmc(monkeypatch):
    """A BMC that gives both; gives a function that replaces what it does."""
    def replace(capture=lambda driver, seconds, most: HEARD, open_log=lambda driver: Log()):
        monkeypatch.setattr(serial_over_lan, "capture", capture)
        monkeypatch.setattr(event_log, "open_log", open_log)
    replace()
    return replace


def opened(log):
    return contextlib.nullcontext(Driver())


def raising(error):
    def fail(*arguments):
        raise error
    return fail


def test_both_come_and_the_log_is_cut_to_its_newest_entries(bmc):
    found = failure_evidence.gather(opened, 15)
    assert found["console"] == HEARD and not found["unavailable"]
    assert found["machine"] == {"power_state": "on", "boot": {"device": "pxe", "persistent": False, "mode": "uefi"}}
    assert [entry["id"] for entry in found["event_log"]["entries"]] == [str(number) for number in range(150, 200)]


def test_half_of_the_time_goes_to_the_console(bmc):
    listened = []
    bmc(capture=lambda driver, seconds, most: listened.append(seconds) or HEARD)
    failure_evidence.gather(opened, 20)
    assert listened == [10]


@pytest.mark.parametrize("error", [BaremetalError("it is switched off"), ValueError("it is switched off")])
def test_one_that_fails_leaves_the_other(bmc, error):
    lines = []
    bmc(capture=raising(error))
    found = failure_evidence.gather(opened, 15, lines.append)
    assert found["event_log"] and list(found["unavailable"]) == ["console"] and "it is switched off" in found["unavailable"]["console"]
    assert len(lines) == 1


def test_bmc_that_cannot_be_opened(bmc):
    found = failure_evidence.gather(raising(BaremetalError("no route")), 15)
    assert found == {**dict.fromkeys(failure_evidence.PARTS), "unavailable": dict.fromkeys(failure_evidence.PARTS, "no route.")}


def test_what_came_in_time_is_kept_when_the_rest_takes_too_long(bmc):
    for_ever = threading.Event()
    bmc(open_log=lambda driver: for_ever.wait())
    found = failure_evidence.gather(opened, 4)
    for_ever.set()
    assert found["console"] == HEARD and found["unavailable"] == {"event_log": "the BMC was not done with it within 4 s"}


def test_nothing_is_begun_any_more_when_the_time_is_over(bmc):
    asked, for_ever = [], threading.Event()
    bmc(capture=lambda driver, seconds, most: for_ever.wait(60), open_log=asked.append)
    found = failure_evidence.gather(opened, 2.1)
    for_ever.set()
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(5)
    assert found["console"] is None and asked == []


NOTHING = dict.fromkeys(failure_evidence.PARTS)


@pytest.mark.parametrize(("gathered", "texts"), [
    ({"console": HEARD, "event_log": {"log": "SEL", "entries": [ENTRY]}},
     {"console.txt": "(12 bytes were printed while it was listened to)\nKernel panic",
      "event_log.txt": "SEL, the newest entries, oldest first\ntime unknown  critical  CPU 0: IERR\n"}),
    ({"console": {**HEARD, "truncated": True}, "machine": {"power_state": "off"}},
     {"console.txt": "(12 bytes were printed while it was listened to, the newest of them are here)\nKernel panic", "machine.json": {"power_state": "off"}}),
    ({"event_log": {"log": "SEL", "entries": []}}, {"event_log.txt": "SEL, the newest entries, oldest first\n(empty)\n"}),
    ({}, {}),
])
def test_texts(gathered, texts):
    assert failure_evidence.as_texts({**NOTHING, **gathered}) == texts
