# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the power module."""

from __future__ import annotations

import functools

from .._bmc.boot import check_request
from .._bmc.driver import refuse_unsupported
from .._bmc.power import METHODS, TARGETS, check_method, ensure_power
from .._bmc.virtual_media import check_image, ensure_inserted
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_power, hide_password, open_bmc, record_power_state, record_power_states, settled_driver
from ._options import BOOT_DEVICE


def run(call):
    """Bring the node into the power state; check mode only reads."""
    params = call.params
    state, method, boot = params["state"], params["method"], params["boot_device"]
    check_method(state, method)
    stays_on = bool((params["bmc"] or {}).get("disable_power_off"))
    if stays_on and state == "rebooted":
        if method == "soft":
            call.warn("the machine must not be powered off (disable_power_off): it is reset, without asking its operating system")
        method = "reset"
    refuse_unsupported(settled_driver(call), power=TARGETS[state][method], device=boot["device"] if boot else None)
    if boot:
        hide_password(call, boot["uri"])
        check_request(**boot)
    image = params["virtual_media"]
    if image is not None:
        hide_password(call, image)
        refuse_unsupported(settled_driver(call), capability="virtual media")
        check_image(image)

    def insert(driver, check_mode):
        # Here, because most tasks insert nothing.
        from .._boot.boot_interface import is_earlier_medium, is_medium

        # A run that could not eject its medium has left it in a drive, which may be the only one. What somebody else inserts is nobody's but theirs.
        replaces = (lambda path: is_earlier_medium(path, image)) if is_medium(image) else None
        ensure_inserted(driver.service, image, replaces=replaces, check_mode=check_mode, warn=call.warn)

    with open_bmc(call) as driver:
        result = ensure_power(
            driver, state, method=method, timeout=params["timeout"], soft_timeout=params["soft_timeout"], boot=boot,
            prepare=image and functools.partial(insert, driver),
            stays_on=stays_on, check_mode=call.check_mode, warn=call.warn)
    result["diff"] = {"before": result.pop("before"), "after": result.pop("after")}
    return result


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "required": True, "choices": ["on", "off", "rebooted"]},
        "method": {"type": "str", "choices": list(METHODS), "default": "hard"},
        "timeout": {"type": "int", "default": 120},
        "soft_timeout": {"type": "int", "default": 60},
        "boot_device": {"type": "dict", "options": BOOT_DEVICE},
        "virtual_media": {"type": "str"},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_power,
    after=record_power_state,
    fleet=True,
    after_fleet=record_power_states,
)
