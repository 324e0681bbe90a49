# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring about a boot device, and believe it only when the BMC says it too.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import time

from .._errors import BaremetalError

STAGE = "boot device"

# Seconds between looks at a BMC that does not tell at once what it took.
_LOOK_AGAIN = (0.5, 1.0, 1.5)


def reached(seen, device, persistent, mode, uri=None):
    """Whether what a BMC says is what is wanted.

    :param seen: what ``get_boot`` returned.
    :param device: wanted device.
    :param persistent: for all boots, or for the next one only; without meaning for the device none.
    :param mode: ``uefi``, ``bios``, or None for whichever it is.
    :param uri: for the device http, or None for what DHCP tells the firmware.
    """
    if device == "none":
        return seen["device"] == "none"
    return seen["device"] == device and seen["persistent"] == persistent and mode in (None, seen["mode"]) and seen.get("uri") == uri


def _shown(boot):
    uri = f" from {boot['uri']}" if boot.get("uri") else ""
    return f"{boot['device']}{uri}" + (f" in the boot mode {boot['mode']}" if boot["mode"] else "")


def check_request(device, mode=None, uri=None, **_persistence):
    """Refuse what contradicts itself, before anything is sent.

    :param device: device name.
    :param mode: boot mode, or None; the device none leaves it alone.
    :param uri: where the firmware loads from, or None.
    :raises BaremetalError: when they do not go together.
    """
    if uri is not None and device != "http":
        raise BaremetalError(f"the boot device {device} has no URI", stage=STAGE, cure="give the URI with the device http only")
    if uri is not None and not re.match(r"https?://[^/\s]", uri):
        raise BaremetalError("the URI to boot from is no http or https URL", stage=STAGE, seen=f"'{uri}'",
                             cure="give something like http://192.0.2.1/boot.efi, or leave it out for what DHCP tells")
    if device == "none" and mode is not None:
        raise BaremetalError("the boot device none has no boot mode", stage=STAGE,
                             cure="leave the mode out; it is set together with a device to boot from")
    if device == "http" and mode == "bios":
        raise BaremetalError("there is no HTTP boot in the boot mode bios", stage=STAGE, cure="leave the mode out, or set it to uefi")


def ensure_boot_device(driver, device, persistent=False, mode=None, uri=None, *, check_mode=False, warn=lambda text: None,
                       again=False, sleep=time.sleep):
    """Set the device to boot from and read it back.

    :param driver: an open driver, see driver.py.
    :param device: ``pxe``, ``http``, ``disk``, ``cdrom``, ``usb``, ``bios``, or ``none`` for no override.
    :param persistent: for all boots instead of the next one only.
    :param mode: ``uefi``, ``bios``, or None to leave it alone. It is sent only where it differs:
        some BMCs refuse it while the machine runs.
    :param uri: for the device http, what the firmware loads; None for what DHCP tells it.
    :param check_mode: read only, and predict.
    :param warn: called with what deviates and does no harm: a BMC that tells another persistence,
        or (where the mode is a mere request, or the BMC tells none) another mode.
    :param again: set it even where the BMC tells it already.
    :param sleep: for tests.
    :returns: ``{"changed", "before", "after"}``, both like ``get_boot``; ``changed`` tells what the
        BMC says, so a setting that a BMC does not keep is no change.
    :raises BaremetalError: when the BMC kept another device or URI, or another mode where that matters.
    """
    check_request(device, mode, uri)
    before = driver.get_boot()
    if device == "http" and before["mode"] == "bios":
        mode = "uefi"
    # A BMC that has it all already need not offer it.
    kept = persistent if reached(before, device, persistent, mode, uri) else driver.boot_offer(device, persistent)
    foreseen = before if reached(before, device, kept, mode, uri) else _foreseen(before, device, kept, mode, uri)
    if check_mode or foreseen == before:
        if again and not check_mode:
            driver.set_boot(device, persistent, mode, uri)
        if kept != persistent:
            _tell(foreseen, device, persistent, mode, warn)
        return {"changed": foreseen != before, "before": before, "after": foreseen}
    sent_mode = None if driver.MODE_IS_FIRM and mode == before["mode"] else mode
    driver.set_boot(device, persistent, sent_mode, uri)
    firm_mode = mode if driver.MODE_IS_FIRM else None
    after = driver.get_boot()
    for pause in _LOOK_AGAIN:
        if reached({**after, "persistent": persistent}, device, persistent, after["mode"] and firm_mode, uri):
            break
        sleep(pause)
        after = driver.get_boot()
    _judge(driver, after, device, mode, uri)
    if device != "none":
        _tell(after, device, persistent, mode, warn)
    return {"changed": after != before, "before": before, "after": after}


def _foreseen(before, device, persistent, mode, uri):
    if device == "none":
        return {**before, "device": "none", "persistent": False}
    foreseen = {"device": device, "persistent": persistent, "mode": mode or before["mode"]}
    return {**foreseen, "uri": uri} if device == "http" else foreseen


def _judge(driver, after, device, mode, uri):
    if after["device"] != device or after.get("uri") != uri:
        wanted = _shown({"device": device, "uri": uri, "mode": None})
        raise BaremetalError(
            f"the BMC did not take the boot device {wanted}", stage=STAGE, seen=f"the BMC kept {_shown(after)}",
            cure="a BMC that takes boot devices only while the machine is off gets them with the power state rebooted "
                 "and its boot_device; otherwise set the boot order in the firmware setup, or update the BMC's firmware",
        )
    if driver.MODE_IS_FIRM and mode and after["mode"] not in (None, mode):
        raise BaremetalError(
            f"the BMC did not take the boot mode {mode}", stage=STAGE, seen=f"the BMC kept {after['mode']}",
            cure="power the machine off first, or set the boot mode in the firmware setup of the machine; "
                 "a mode that is switched off there (CSM, secure boot) is refused like this; on a board that changes the mode only while it boots, "
                 "reboot once and run the same command again",
        )


def _tell(after, device, persistent, mode, warn):
    if mode and after["mode"] is None:
        warn(f"the BMC tells no boot mode, so that nothing proves that {mode} was taken")
    elif mode and after["mode"] != mode:
        warn(f"the BMC tells the boot mode {after['mode']} although {mode} was asked for; over IPMI that is a request only")
    if after["persistent"] != persistent:
        asked, told = ("all boots", "the next boot only") if persistent else ("the next boot only", "all boots")
        warn(f"the BMC tells that the boot device {device} is for {told}, although {asked} was asked for")
