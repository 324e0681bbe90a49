# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The indicator LED and the NMI."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.indicator_led import ensure_indicator_led
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.nmi import inject_nmi
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import (
    CHASSIS, SYSTEM, IpmiAnswers, link, redfish_driver)
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from hypothesis import given


def board(system=None, chassis=None):
    return redfish_driver({SYSTEM: {"Links": {"Chassis": [link(CHASSIS)]}, **(system or {})}, CHASSIS: chassis or {}})


def ensure(driver, state, **options):
    return ensure_indicator_led(driver, state, sleep=lambda seconds: None, **options)


@pytest.mark.parametrize(("system", "chassis", "state", "change"), [
    ({"IndicatorLED": "Off"}, {}, "on", (SYSTEM, {"IndicatorLED": "Lit"})),
    ({"IndicatorLED": "Lit"}, {}, "blinking", (SYSTEM, {"IndicatorLED": "Blinking"})),
    ({"IndicatorLED": "Off", "LocationIndicatorActive": False}, {}, "on", (SYSTEM, {"LocationIndicatorActive": True})),
    ({"LocationIndicatorActive": True}, {}, "off", (SYSTEM, {"LocationIndicatorActive": False})),
    ({"IndicatorLED": None}, {"LocationIndicatorActive": False}, "on", (CHASSIS, {"LocationIndicatorActive": True})),
])
def test_led_is_set_where_it_is_and_read_back(system, chassis, state, change):
    driver = board(system, chassis)
    prediction = ensure(driver, state, check_mode=True)
    assert driver.tree.changes == []
    assert ensure(driver, state) == prediction | {"changed": True}
    assert driver.tree.changes == [("PATCH", *change)]
    assert not ensure(driver, state)["changed"]


def test_board_that_blinks_when_it_is_on_is_on():
    driver = board({"LocationIndicatorActive": True, "IndicatorLED": "Blinking"})
    assert not ensure(driver, "on")["changed"]
    assert not ensure(driver, "blinking")["changed"]


def test_board_that_takes_only_the_older_property():
    driver = board({"LocationIndicatorActive": False, "IndicatorLED": "Off"})
    driver.tree.answer("PATCH", SYSTEM, 400)
    with pytest.raises(BaremetalError, match="did not take the indicator LED on. Seen: the BMC kept off"):
        ensure(driver, "on")
    assert driver.tree.resources[SYSTEM]["IndicatorLED"] == "Lit"


@pytest.mark.parametrize(("driver", "options", "message"), [
    (board(), {"state": "on"}, "shows no indicator LED"),
    (board({"LocationIndicatorActive": True}), {"state": "blinking"}, "does not blink"),
    (board({"IndicatorLED": "Off"}), {"state": "on", "duration": 5}, "no duration"),
    (IpmiAnswers({}), {"state": "blinking"}, "only knows an indicator LED that is on or off"),
    (IpmiAnswers({}), {"state": "on"}, "refused the indicator LED"),
])
def test_what_a_board_cannot_is_said(driver, options, message):
    with pytest.raises(BaremetalError, match=message):
        ensure(driver, **options)


@given(system=trees("IndicatorLED", "LocationIndicatorActive", "Links", "Chassis"),
       chassis=trees("IndicatorLED", "LocationIndicatorActive"))
def test_any_tree(system, chassis):
    driver = redfish_driver({SYSTEM: system, CHASSIS: chassis})
    try:
        ensure(driver, "on")
    except BaremetalError:
        pass


class Lamp(IpmiAnswers):
    def __init__(self, tells=True):
        self.lit = 0
        super().__init__({(0, 1): lambda data: bytes([1, 0, (0x40 if tells else 0) | self.lit]), (0, 4): self.identify})

    def identify(self, data):
        # Temporary, or until it is put out (IPMI 2.0, 28.2).
        self.lit = 0x20 if data[1:] == (1,) else 0x10 if data[0] else 0
        return b""


def test_ipmi():
    driver = Lamp()
    assert ensure(driver, "on", check_mode=True)["changed"] and not driver.lit
    assert [ensure(driver, state)["changed"] for state in ("on", "on", "off", "off")] == [True, False, True, False]
    assert [ensure(driver, "on", duration=60)["changed"] for _unused in range(2)] == [True, True]
    assert (0, 4, (60,)) in driver.asked
    # What goes out by itself is not what is asked for.
    assert [ensure(driver, "on")["changed"] for _unused in range(2)] == [True, False] and driver.lit == 0x20


def test_bmc_that_says_yes_and_keeps_the_led():
    lamp = Lamp()
    lamp.answers[(0, 4)] = lambda data: b""
    driver = board({"IndicatorLED": "Off"})
    driver.tree.on("PATCH", SYSTEM, lambda tree, body: 200)
    for each in (lamp, driver):
        with pytest.raises(BaremetalError, match="did not take the indicator LED on. Seen: the BMC kept off"):
            ensure(each, "on")


def test_ipmi_bmc_that_does_not_tell():
    warnings = []
    assert ensure(Lamp(tells=False), "on", warn=warnings.append)["changed"]
    assert len(warnings) == 1


def nmi_board(offered, power="On"):
    action = {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": offered}
    driver = board({"PowerState": power, "Actions": {"#ComputerSystem.Reset": action}})
    driver.get_power = power.lower
    return driver


def test_nmi():
    driver = nmi_board(["On", "Nmi"])
    inject_nmi(driver, check_mode=True)
    assert driver.tree.changes == []
    inject_nmi(driver)
    assert driver.tree.changes == [("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset", {"ResetType": "Nmi"})]


@pytest.mark.parametrize(("driver", "message"), [(nmi_board(["On"]), "does not offer an NMI"),
                                                 (nmi_board(["Nmi"], "Off"), "needs a machine that runs")])
def test_nmi_that_is_refused_sends_nothing(driver, message):
    with pytest.raises(BaremetalError, match=message):
        inject_nmi(driver)
    assert driver.tree.changes == []


def test_nmi_over_ipmi():
    driver = IpmiAnswers({(0, 2, (4,)): b""})
    driver.get_power = lambda: "on"
    inject_nmi(driver, check_mode=True)
    assert driver.asked == []
    inject_nmi(driver)
    driver.answers.clear()
    with pytest.raises(BaremetalError, match="does not offer an NMI"):
        inject_nmi(driver)
