# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the virtual_media module."""

from __future__ import annotations

from .._bmc.driver import refuse_unsupported
from .._bmc.virtual_media import check_image, ensure_ejected, ensure_inserted
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, hide_password, open_bmc, settled_driver


def run(call):
    """Have the medium in or out, and read the slots back; check mode only reads."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="virtual media")
    if params["image"] is not None:
        hide_password(call, params["image"])
        check_image(params["image"])
    with open_bmc(call) as driver:
        if params["state"] == "inserted":
            result = ensure_inserted(
                driver.service, params["image"], media_type=params["media_type"] or "cd", slot=params["slot"],
                write_protected=params["write_protected"], username=params["image_username"], password=params["image_password"],
                check_mode=call.check_mode, warn=call.warn)
        else:
            result = ensure_ejected(driver.service, image=params["image"], media_type=params["media_type"], slot=params["slot"],
                                    check_mode=call.check_mode, warn=call.warn)
    return {
        "changed": result["changed"],
        "slot": result["slot"],
        "virtual_media": result["after"],
        "diff": {"before": {"virtual_media": result["before"]}, "after": {"virtual_media": result["after"]}},
    }


DOOR = Door(
    argument_spec={
        "state": {"type": "str", "default": "inserted", "choices": ["inserted", "ejected"]},
        "image": {"type": "str"},
        "media_type": {"type": "str", "choices": ["cd", "dvd", "floppy", "usb"]},
        "slot": {"type": "str"},
        "write_protected": {"type": "bool", "default": True},
        "image_username": {"type": "str"},
        "image_password": {"type": "str", "no_log": True},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
    constraints={
        "required_if": [("state", "inserted", ["image"])],
        "required_by": {"image_password": ["image_username"]},
    },
    fleet=True,
)
