# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a BMC tells of the machine and of itself, in parts, each at its price in requests.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from . import bmc_info_ipmi, bmc_info_redfish
from .._errors import BaremetalError
from .connection import BmcLost, ResourceBroken

CAPABILITY = "BMC information"

# The parts, in the order in which they are read. The first nine cost two requests with Redfish, all of them together.
PARTS = ("identity", "power", "health", "indicator_led", "bmc", "clock", "bmc_ports", "nics", "firmware", "licences", "sessions", "boot", "hardware")
DEFAULT = ("identity", "power", "bmc")

_READERS = {"redfish": bmc_info_redfish.Reader, "ipmi": bmc_info_ipmi.Reader}


def gather(driver, parts=DEFAULT, now=time.time):
    """Read parts of what the BMC tells.

    :param driver: an open driver, see driver.py.
    :param parts: names out of PARTS.
    :param now: function for the controller's time in seconds since 1970.
    :returns: ``{"info", "unavailable"}``: what each part holds, None where it could not be read, and the reason for that.
    :raises BmcLost: when the BMC does not answer any more.
    """
    reader = _READERS[driver.NAME](driver, now)
    info, unavailable = {}, {}
    for part in (part for part in PARTS if part in parts):
        info[part] = None
        read = getattr(reader, part, None)
        if read is None:
            unavailable[part] = f"the driver {driver.NAME} does not have it"
            continue
        try:
            info[part] = read()
        except BaremetalError as error:
            if isinstance(error, BmcLost) and not isinstance(error, ResourceBroken):
                raise
            # A part that needs a licence, or that this firmware breaks, must not cost the others.
            unavailable[part] = f"{error.what}: {error.seen}" if error.seen else str(error.what)
    return {"info": info, "unavailable": unavailable}
