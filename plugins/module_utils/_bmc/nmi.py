# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A non-maskable interrupt, on which an operating system writes its crash dump.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .connection import BmcLost
from .ipmi_answers import ask

CAPABILITY = "NMI"
STAGE = CAPABILITY

# Chassis Control (IPMI 2.0, 28.3), pulse diagnostic interrupt.
_CHASSIS_CONTROL = (0x00, 0x02)
_DIAGNOSTIC_INTERRUPT = 4


def inject_nmi(driver, *, check_mode=False):
    """Inject a non-maskable interrupt into the running machine.

    What the operating system makes of it, no BMC can tell.

    :param driver: an open driver, see driver.py.
    :param check_mode: only make sure that it can be done.
    :raises BaremetalError: when the machine is off, or the BMC does not offer it; nothing was sent then.
    """
    power = driver.get_power()
    if power != "on":
        raise BaremetalError("an NMI needs a machine that runs", stage=STAGE, seen=f"power state {power}", cure="power the node on first")
    if driver.NAME == "ipmi":
        if not check_mode:
            _pulse(driver)
        return
    system = driver.system()
    offered = driver.service.allowed(system, "ComputerSystem.Reset", "ResetType")
    # A BMC that does not tell what it takes is asked.
    if offered is not None and "Nmi" not in offered:
        raise BaremetalError("the BMC does not offer an NMI", stage=STAGE,
                             seen=f"reset types offered: {', '.join(sorted(offered)) or 'none'}",
                             cure="use the driver ipmi if the BMC has IPMI, or the NMI button of the machine")
    if not check_mode:
        with _once():
            driver.service.action(system, "ComputerSystem.Reset", {"ResetType": "Nmi"}, stage=STAGE)


@contextlib.contextmanager
def _once():
    """Whoever lost the answer must not simply try again."""
    try:
        yield
    except BmcLost as error:
        raise BmcLost("the BMC was lost over the NMI, and whether the machine got it is not known", stage=STAGE, seen=error.seen or error.what,
                      cure="look at the console of the machine before it gets another one, which would end a crash dump that the first one began") from error


def _pulse(driver):
    # Never twice: a second one would end the crash dump that the first one began.
    with _once(), driver.command() as command:
        if ask(command, *_CHASSIS_CONTROL, (_DIAGNOSTIC_INTERRUPT,), retry=False) is None:
            raise BaremetalError("the BMC does not offer an NMI", stage=STAGE,
                                 seen="a completion code to the diagnostic interrupt of Chassis Control",
                                 cure="use the NMI button of the machine, or the driver redfish if the BMC has it")
