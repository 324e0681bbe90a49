# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The light by which a machine is found in the rack.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .ipmi_answers import ask
from .redfish_service import RedfishRefusal, path_of
from .tolerant import flag, text

CAPABILITY = "indicator LED"
STAGE = CAPABILITY

# Get Chassis Status (IPMI 2.0, 28.2) and Chassis Identify (28.5): network function and command.
GET_CHASSIS_STATUS = (0x00, 0x01)
_CHASSIS_IDENTIFY = (0x00, 0x04)

LONGEST = 255  # seconds; Chassis Identify has one byte for them
_LED = {"on": "Lit", "blinking": "Blinking", "off": "Off"}
_STATES = {value: state for state, value in _LED.items()}
_SETTLE = 10  # seconds in which a board may still tell the old state


def told(resource):
    """``on``, ``off`` or ``blinking`` as a system or chassis tells it, or None when it does not.

    LocationIndicatorActive took the place of IndicatorLED, which many boards still have beside it and alone tells of blinking.
    """
    led = _STATES.get(text(resource.get("IndicatorLED")))
    active = flag(resource.get("LocationIndicatorActive"))
    if active is None:
        return led
    if active:
        return "blinking" if led == "blinking" else "on"
    return "off"


def identify_state(status):
    """The same from the answer to Get Chassis Status, or None: bit 6 of the third byte says whether bits 5 and 4 tell it."""
    if status is None or len(status) < 3 or not status[2] & 0x40:
        return None
    return "on" if status[2] & 0x30 else "off"


def _goes_out(status):
    """Whether the LED is on for a time only, which the same bits tell as 01."""
    return status is not None and len(status) > 2 and status[2] & 0x30 == 0x10


def ensure_indicator_led(driver, state, duration=None, *, check_mode=False, warn=lambda message: None, sleep=time.sleep):
    """Light the indicator or put it out, and read it back.

    :param driver: an open driver, see driver.py.
    :param state: ``on``, ``off`` or ``blinking``.
    :param duration: seconds after which it goes out by itself, IPMI only; None for until it is put out.
    :param warn: called when the BMC does not tell the state, so that nothing can be read back.
    :returns: ``{"changed", "before", "after"}``; the states are None when the BMC does not tell.
    :raises BaremetalError: when the BMC does not offer it, or kept another state.
    """
    if driver.NAME == "ipmi":
        return _ensure_ipmi(driver, state, duration, check_mode, warn)
    if duration is not None:
        raise BaremetalError("Redfish has no duration for the indicator LED", stage=STAGE,
                             cure="leave duration out, and put the LED out later")
    return _ensure_redfish(driver, state, check_mode, sleep)


def _ensure_redfish(driver, state, check_mode, sleep):
    service = driver.service
    resource = driver.system()
    if told(resource) is None:
        resource = service.chassis(resource) or {}
    before = told(resource)
    if before is None:
        raise BaremetalError("the BMC shows no indicator LED", stage=STAGE,
                             seen="neither LocationIndicatorActive nor IndicatorLED in system and chassis",
                             cure="update the firmware of the BMC, or use the driver ipmi")
    if _reached(resource, state):
        return {"changed": False, "before": before, "after": before}
    tries = _settings(resource, state)
    if not tries:
        raise BaremetalError("the indicator LED of this BMC does not blink", stage=STAGE,
                             seen="LocationIndicatorActive without IndicatorLED",
                             cure="use the state on")
    if check_mode:
        return {"changed": True, "before": before, "after": state}
    path = path_of(resource)
    if path is None:
        raise BaremetalError("the BMC shows an indicator LED in a resource without @odata.id", stage=STAGE,
                             cure="update the firmware of the BMC, or use the driver ipmi")
    for number, settings in enumerate(tries, start=1):
        try:
            service.patch(path, settings)
            break
        except RedfishRefusal as error:
            if number == len(tries):
                raise BaremetalError(f"the BMC refused the indicator LED {state}", stage=STAGE, seen=error.seen,
                                     cure="check that the account may configure components") from error
    resource = service.get(path)
    waited = 0
    while not _reached(resource, state) and waited < _SETTLE:
        sleep(1)
        waited += 1
        resource = service.get(path)
    after = told(resource)
    if not _reached(resource, state):
        raise BaremetalError(f"the BMC did not take the indicator LED {state}", stage=STAGE, seen=f"the BMC kept {after}",
                             cure="update the firmware of the BMC, or use another state")
    return {"changed": after != before, "before": before, "after": after}


def _reached(resource, state):
    """Whether the LED is as wanted; a board that only ever blinks (Dell) is on by LocationIndicatorActive."""
    return told(resource) == state or (state == "on" and flag(resource.get("LocationIndicatorActive")) is True)


def _settings(resource, state):
    """The settings to try, the best first."""
    tries = []
    if "LocationIndicatorActive" in resource and state != "blinking":
        tries.append({"LocationIndicatorActive": state == "on"})
    if "IndicatorLED" in resource:
        tries.append({"IndicatorLED": _LED[state]})
    return tries


def _ensure_ipmi(driver, state, duration, check_mode, warn):
    if state == "blinking":
        raise BaremetalError("IPMI only knows an indicator LED that is on or off", stage=STAGE, cure="use the state on")
    with driver.command() as command:
        status = ask(command, *GET_CHASSIS_STATUS, shortest=3)
        before = identify_state(status)
        if before == state and not (state == "on" and (duration or _goes_out(status))):
            return {"changed": False, "before": before, "after": before}
        if check_mode:
            return {"changed": True, "before": before, "after": state}
        # The second byte forces the LED on; 0 seconds put it out. Old BMCs take one byte only, and 15 seconds are their default.
        data = (0, 1) if state == "on" and not duration else (duration if state == "on" else 0,)
        if ask(command, *_CHASSIS_IDENTIFY, data) is None:
            raise BaremetalError(f"the BMC refused the indicator LED {state}", stage=STAGE, seen="a completion code to Chassis Identify",
                                 cure="give a duration, which older BMCs insist on" if state == "on" and not duration else
                                 "update the firmware of the BMC")
        after = identify_state(ask(command, *GET_CHASSIS_STATUS, shortest=3))
    if after is None:
        warn("the BMC does not tell whether the indicator LED is lit, so that it cannot be read back")
        return {"changed": True, "before": before, "after": None}
    if after != state:
        raise BaremetalError(f"the BMC did not take the indicator LED {state}", stage=STAGE, seen=f"the BMC kept {after}",
                             cure="update the firmware of the BMC")
    return {"changed": True, "before": before, "after": after}
