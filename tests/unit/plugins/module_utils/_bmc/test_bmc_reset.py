# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A BMC that restarts: away, then really back, and nothing believed too early."""

from __future__ import annotations

import contextlib
import datetime
import math

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.bmc_reset import reset_bmc
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost, NotLetIn
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    MANAGER, SYSTEM, IpmiAnswers, link, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from hypothesis import given, settings
from hypothesis import strategies as st

TARGET = f"{MANAGER}/Actions/Manager.Reset"
OFFERED = ["GracefulRestart", "ForceRestart"]


def manager(offered=None, **more):
    told = {} if offered is None else {"ResetType@Redfish.AllowableValues": offered}
    return {"Actions": {"#Manager.Reset": {"target": TARGET, **told}}, **more}


class Bmc:
    """Opens a driver, and does not for a while after a reset.

    :param away: seconds after the reset at which it goes and comes, or None when it never goes.
    :param error: what opening it raises meanwhile.
    """

    def __init__(self, driver, away=(5, 60), error=BmcLost("no answer")):
        self.clock = Clock()
        self.driver, self.away, self.error = driver, away, error
        self.reset_at = None
        self.opened = []

    @contextlib.contextmanager
    def __call__(self):
        since = None if self.reset_at is None else self.clock() - self.reset_at
        self.opened.append(since)
        if since is not None and self.away and self.away[0] <= since < self.away[1]:
            raise self.error
        yield self.driver

    def reset(self, kind="graceful", timeout=600, **options):
        return reset_bmc(self, self, kind, timeout, clock=self.clock, sleep=self.clock.sleep, **options)


def board(document, **options):
    driver = redfish_driver({SYSTEM: {"Links": {"ManagedBy": [link(MANAGER)]}}, MANAGER: document, "/redfish/v1/": {}})
    bmc = Bmc(driver, **options)

    def reset(tree, body):
        bmc.reset_at = bmc.clock()

    driver.tree.on("POST", TARGET, reset)
    return bmc


@pytest.mark.parametrize(("offered", "kind", "sent", "done", "warnings"), [
    (OFFERED, "graceful", {"ResetType": "GracefulRestart"}, "graceful", 0),
    (OFFERED, "forced", {"ResetType": "ForceRestart"}, "forced", 0),
    (["ForceRestart"], "graceful", {"ResetType": "ForceRestart"}, "forced", 1),
    (None, "graceful", {}, "graceful", 0),
])
def test_waits_until_it_was_away_and_is_back(offered, kind, sent, done, warnings):
    bmc, told = board(manager(offered)), []
    result = bmc.reset(kind, warn=told.append)
    assert bmc.driver.tree.changes == [("POST", TARGET, sent)]
    assert (result["kind"], result["proof"], len(told)) == (done, "away", warnings)
    assert 60 <= result["seconds"] < 80


def test_short_absence_is_not_believed_for_thirty_seconds():
    assert 30 <= board(manager(OFFERED), away=(2, 6)).reset()["seconds"] < 45


def test_later_start_is_proof_enough():
    bmc = board(manager(OFFERED, LastResetTime="2026-01-31T12:00:00Z"), away=None)
    bmc.driver.tree.on("POST", TARGET, lambda tree, body: tree.resources[MANAGER].update(LastResetTime="2026-01-31T13:00:00Z"))
    result = bmc.reset()
    assert result["proof"] == "uptime" and result["seconds"] >= 30


class OpenBmc:
    """A manager that computes its last start at each look, as floor(now) - floor(uptime), and looks at another fraction of a second each time.

    :param clock: what its two clocks run by.
    :param tells_clock: whether it tells its DateTime.
    """

    def __init__(self, clock, tells_clock=True):
        self.clock, self.tells_clock = clock, tells_clock
        self.now = datetime.datetime(2026, 1, 31, 12, tzinfo=datetime.timezone.utc).timestamp() - clock()
        self.started = clock() - 5000.5
        self.looks = 0

    def __call__(self, tree, body):
        self.looks += 1
        seconds = self.clock() + self.looks % 4 / 4
        now = math.floor(self.now + seconds)
        told = {"LastResetTime": now - math.floor(seconds - self.started), **({"DateTime": now} if self.tells_clock else {})}
        tree.resources[MANAGER].update({name: f"{datetime.datetime.fromtimestamp(value, datetime.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
                                        for name, value in told.items()})


def openbmc(options=None, **away):
    bmc = board(manager(OFFERED), **away)
    told = OpenBmc(bmc.clock, **(options or {}))
    bmc.driver.tree.on("GET", MANAGER, told)
    return bmc, told


@pytest.mark.parametrize("options", [{}, {"tells_clock": False}])
def test_start_that_is_a_second_off_at_each_look_is_no_proof(options):
    bmc, told = openbmc(options, away=None)
    with pytest.raises(BaremetalError, match="the BMC did not restart. Seen: it answered all the time"):
        bmc.reset()
    bmc, told = openbmc(options, away=(35, 80))
    assert bmc.reset()["proof"] == "away" and bmc.clock() >= 80


def test_bmc_that_was_away_and_whose_start_is_a_second_off_is_doubted():
    bmc, _told = openbmc()
    warnings = []
    assert bmc.reset(warn=warnings.append)["proof"] == "away"
    assert len(warnings) == 1 and "last started at 2026-01-31T10:36:" in warnings[0]


@pytest.mark.parametrize("step", [3600, -3600, -56 * 365 * 86400])
def test_clock_that_is_set_is_no_restart(step):
    bmc, told = openbmc(away=None)

    def reset(tree, body):
        told.now += step

    bmc.driver.tree.on("POST", TARGET, reset)
    with pytest.raises(BaremetalError, match="did not restart"):
        bmc.reset()


@pytest.mark.parametrize("step", [0, -56 * 365 * 86400])
def test_restart_is_seen_by_the_clock_of_the_bmc_whatever_that_tells(step):
    bmc, told = openbmc(away=None)

    def reset(tree, body):
        told.now += step
        told.started = bmc.clock() + 1

    bmc.driver.tree.on("POST", TARGET, reset)
    assert bmc.reset()["proof"] == "uptime"


def test_clock_that_begins_anew_with_each_start_raises_no_doubt():
    bmc, warnings = board(manager(OFFERED, LastResetTime="1970-01-01T00:00:07Z", DateTime="1970-01-04T00:00:00Z")), []

    def reset(tree, body):
        bmc.reset_at = bmc.clock()
        tree.resources[MANAGER]["DateTime"] = "1970-01-01T00:00:50Z"

    bmc.driver.tree.on("POST", TARGET, reset)
    assert bmc.reset(warn=warnings.append)["proof"] == "away" and warnings == []


def test_bmc_that_was_away_and_started_no_later_than_before_is_doubted():
    bmc, told = board(manager(OFFERED, LastResetTime="2026-01-31T12:00:00Z")), []
    assert bmc.reset(warn=told.append)["proof"] == "away"
    assert len(told) == 1 and "last started at 2026-01-31T12:00:00Z, as before" in told[0]


def test_check_mode_sends_nothing():
    bmc = board(manager(OFFERED))
    assert bmc.reset(check_mode=True) == {"kind": "graceful", "seconds": 0, "proof": None}
    assert bmc.driver.tree.changes == []


def test_lost_answer_is_no_failure():
    bmc = board(manager(OFFERED))

    def reset(tree, body):
        bmc.reset_at = bmc.clock()
        return ConnectionResetError("gone")

    bmc.driver.tree.on("POST", TARGET, reset)
    assert bmc.reset()["proof"] == "away"


def test_password_that_is_not_known_yet_is_waited_over_and_not_tried_often():
    bmc = board(manager(OFFERED), error=NotLetIn("the BMC does not accept the password"))
    assert bmc.reset()["proof"] == "away"
    assert len([since for since in bmc.opened if since is not None and 5 <= since < 60]) == 1


def test_password_that_is_refused_for_good_is_tried_twice():
    bmc = board(manager(OFFERED), error=NotLetIn("the BMC does not accept the password"), away=(5, 9999))
    with pytest.raises(NotLetIn):
        bmc.reset()
    assert len([since for since in bmc.opened if since is not None and since >= 5]) == 2


@pytest.mark.parametrize(("options", "message"), [
    ({"away": None}, "the BMC did not restart. Seen: it answered all the time, for 18"),
    ({"away": (5, 9999)}, "did not come back within 600 s. Seen: no answer"),
])
def test_what_does_not_happen_is_said(options, message):
    with pytest.raises(BaremetalError, match=message):
        board(manager(OFFERED), **options).reset()


def test_time_out_before_a_restart_was_seen():
    with pytest.raises(BaremetalError, match="was not seen to restart within 60 s. Seen: it answered all the time.*larger timeout"):
        board(manager(OFFERED), away=None).reset(timeout=60)


@pytest.mark.parametrize("document", [{}, manager(["On"])])
def test_bmc_that_offers_no_restart(document):
    bmc = board(document)
    with pytest.raises(BaremetalError, match="offer"):
        bmc.reset()
    assert bmc.driver.tree.changes == []


class Ipmi(IpmiAnswers):
    """One whose sessions end with the reset."""

    bmc = None

    def get_power(self):
        return "on"

    def __enter__(self):
        bmc = self.bmc
        is_over = bmc.away and bmc.reset_at is not None and bmc.clock() >= bmc.reset_at + bmc.away[0]
        if is_over and len(bmc.opened) == 1:
            raise BmcLost("no reply to a command within the session")
        return self


def ipmi(**options):
    driver = Ipmi({(6, 1): bytes([0x20, 1, 3])})
    driver.bmc = bmc = Bmc(driver, **options)

    def reset(data):
        bmc.reset_at = bmc.clock()
        return b""

    driver.answers.update({(6, 2): reset, (6, 3): 0xC1})
    return bmc


def test_ipmi():
    assert ipmi().reset("forced")["proof"] == "away"
    with pytest.raises(BaremetalError, match="refused a graceful reset.*To do: use the kind forced"):
        ipmi().reset("graceful")


def test_ipmi_that_is_away_for_a_moment_has_forgotten_the_session():
    assert ipmi(away=(1, 1.5)).reset("forced")["proof"] == "away"


def test_ipmi_that_initialises_itself_is_not_back():
    bmc = ipmi(away=None)
    bmc.driver.answers[(6, 1)] = lambda data: bytes([0x20, 1, 0x83 if 10 <= bmc.clock() < 90 else 3])
    assert bmc.reset("forced")["seconds"] >= 90


def test_warm_reset_that_cannot_be_seen_is_a_warning():
    bmc, warnings = ipmi(away=None), []
    bmc.driver.answers[(6, 3)] = b""
    assert bmc.reset("graceful", warn=warnings.append)["proof"] is None
    assert len(warnings) == 1
    bmc = ipmi(away=None)
    with pytest.raises(BaremetalError, match="did not restart"):
        bmc.reset("forced")


@settings(max_examples=50)
@given(documents=st.fixed_dictionaries({
    path: trees("Actions", "#Manager.Reset", "target", "Links", "ManagedBy", "LastResetTime", "DateTime") for path in (SYSTEM, MANAGER)}))
def test_any_tree(documents):
    documents[SYSTEM]["Links"] = {"ManagedBy": [link(MANAGER)]}
    bmc = Bmc(redfish_driver({"/redfish/v1/": {}, **documents}))
    bmc.reset_at = 0
    bmc.away = None
    with contextlib.suppress(BaremetalError):
        bmc.reset()
