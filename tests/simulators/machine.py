# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server that a simulated BMC controls: its power, its clock and who it is."""

from __future__ import annotations

import asyncio
import datetime
import uuid


class Machine:
    """One server.

    :param index: number of the server, from 0; serial number, UUID and MAC addresses follow from it.
    :param power: ``On`` or ``Off``.
    :ivar power_delay: seconds that switching on or off takes.
    :ivar soft_off: whether the operating system obeys a graceful shutdown.
    :ivar on_boot: functions called when the server starts to boot; each returns a dict of what it made of the
        boot override, or None.
    :ivar boots: what the server booted, oldest first.
    :ivar watch: function called with what the server booted, or with None when it lost its power.
    """

    FIRST_RESET = "2026-01-01T00:00:00Z"

    def __init__(self, index, power="Off"):
        self.index = index
        self.power = power
        self.power_delay = 0.0
        self.soft_off = True
        self.clock_offset = 0.0
        self.on_boot = []
        self.boots = []
        self.watch = lambda boot: None
        self.nmis = 0
        self.last_reset = self.FIRST_RESET
        self._step = None

    @property
    def serial(self):
        return f"SIM{self.index:06d}"

    @property
    def uuid(self):
        return str(uuid.UUID(int=0x52_41_43_4B_00_00_40_00_80_00_00_00_00_00_00_00 + self.index))

    def mac(self, port):
        """MAC address of an interface, locally administered."""
        return f"02:5a:{port:02x}:{self.index >> 16 & 255:02x}:{self.index >> 8 & 255:02x}:{self.index & 255:02x}"

    def now(self):
        """What the BMC's clock shows."""
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.clock_offset)
        return now.strftime("%Y-%m-%dT%H:%M:%S+00:00")

    @property
    def settled(self):
        return self._step is None

    def switch_on(self):
        self._change("PoweringOn", self._started)

    def switch_off(self):
        self._change("PoweringOff", self._stopped)

    def shut_down(self):
        """Ask the operating system to switch off; it may not listen."""
        if self.soft_off:
            self.switch_off()

    def restart(self):
        """Reset without a loss of power."""
        if self.power == "On":
            self._booted()

    def cycle(self):
        """Off and on again."""
        self._change("PoweringOff", self._stopped, self.switch_on)

    def forget(self):
        """Stop what is under way."""
        if self._step:
            self._step.cancel()
        self._step = None

    def _change(self, meanwhile, *then):
        self.forget()
        if self.power_delay <= 0:
            self._done(then)
            return
        self.power = meanwhile
        self._step = asyncio.get_running_loop().call_later(self.power_delay, self._done, then)

    def _done(self, then):
        self._step = None
        for work in then:
            work()

    def _stopped(self):
        self.power = "Off"
        self.watch(None)

    def _started(self):
        self.power = "On"
        self._booted()

    def _booted(self):
        self.last_reset = self.now()
        boot = {}
        for ask in self.on_boot:
            boot.update(ask() or {})
        self.boots.append(boot)
        self.watch(boot)
