# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring about a boot device, and believe it only when the BMC says it too.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError

STAGE = "boot device"


def reached(seen, device, persistent, mode):
    """Whether what a BMC says is what is wanted.

    :param seen: what ``get_boot`` returned.
    :param device: wanted device.
    :param persistent: for all boots, or for the next one only; without meaning for the device none.
    :param mode: ``uefi``, ``bios``, or None for whichever it is.
    """
    if device == "none":
        return seen["device"] == "none"
    return seen["device"] == device and seen["persistent"] == persistent and mode in (None, seen["mode"])


def ensure_boot_device(driver, device, persistent=False, mode=None, *, check_mode=False, warn=lambda text: None):
    """Set the device to boot from and read it back.

    :param driver: an open driver, see driver.py.
    :param device: ``pxe``, ``disk``, ``cdrom``, ``bios``, or ``none`` for no override.
    :param persistent: for all boots instead of the next one only.
    :param mode: ``uefi``, ``bios``, or None to leave it alone. It is sent only where it differs:
        some BMCs refuse it while the machine runs.
    :param check_mode: read only, and predict.
    :param warn: called with what deviates and does no harm: a BMC that tells another persistence,
        or (where the mode is a mere request) another mode.
    :returns: ``{"changed", "before", "after"}``, both like ``get_boot``; ``changed`` tells what the
        BMC says, so a setting that a BMC does not keep is no change.
    :raises BaremetalError: when the BMC kept another device, or another mode where that matters.
    """
    before = driver.get_boot()
    if reached(before, device, persistent, mode):
        return {"changed": False, "before": before, "after": before}
    wanted = {"device": device, "persistent": persistent, "mode": mode or before["mode"]}
    if check_mode:
        return {"changed": True, "before": before, "after": wanted}
    sent_mode = None if driver.MODE_IS_FIRM and mode == before["mode"] else mode
    driver.set_boot(device, persistent, sent_mode)
    after = driver.get_boot()
    if after["device"] != device:
        raise BaremetalError(
            f"the BMC did not take the boot device {device}", stage=STAGE, seen=f"the BMC kept {after['device']}",
            cure="a BMC that takes boot devices only while the machine is off gets them with the power state rebooted "
                 "and its boot_device; otherwise set the boot order in the firmware setup, or update the BMC's firmware",
        )
    if device != "none" and mode and after["mode"] != mode:
        if driver.MODE_IS_FIRM:
            raise BaremetalError(
                f"the BMC did not take the boot mode {mode}", stage=STAGE, seen=f"the BMC kept {after['mode'] or 'no mode'}",
                cure="power the machine off first, or set the boot mode in the firmware setup of the machine",
            )
        warn(f"the BMC tells the boot mode {after['mode']} although {mode} was asked for; over IPMI that is a request only")
    if device != "none" and after["persistent"] != persistent:
        asked, told = ("all boots", "the next boot only") if persistent else ("the next boot only", "all boots")
        warn(f"the BMC tells that the boot device {device} is for {told}, although {asked} was asked for")
    return {"changed": after != before, "before": before, "after": after}
