# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A board in memory with the shape of a driver, slow and forgetful on demand."""

from __future__ import annotations


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self):
        self.time = 0.0

    def __call__(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


class Board:
    """A driver for ``ensure_power`` and ``ensure_boot_device``.

    :param power: the power state at the beginning.
    :param delay: seconds for a power change, in which the state is ``unknown``.
    :param keeps: function of the boot settings asked for that gives those that the board keeps.
    :param faults: exceptions that the next calls of ``get_power`` raise; None for an answer.
    :param refuses: for a target of ``set_power``, what its next calls raise; None for an answer.
    :param heeds: whether the operating system shuts down when it is asked to.
    """

    MODE_IS_FIRM = True
    reset_hangs = False
    forgets_boot = False
    last_system = None

    def __init__(self, clock, power="off", delay=0, keeps=lambda boot: boot, faults=(), refuses=None, heeds=True):
        self.clock = clock
        self.power = power
        self.delay = delay
        self.keeps = keeps
        self.faults = list(faults)
        self.refuses = {target: list(errors) for target, errors in (refuses or {}).items()}
        self.heeds = heeds
        self.boot = {"device": "disk", "persistent": True, "mode": "uefi"}
        self.done = []
        self._settled = 0.0

    def get_power(self):
        fault = self.faults.pop(0) if self.faults else None
        if fault:
            raise fault
        return self.power if self.clock() >= self._settled else "unknown"

    def set_power(self, target):
        self.done.append(("power", target))
        refusal = self.refuses[target].pop(0) if self.refuses.get(target) else None
        if refusal:
            raise refusal
        if target == "soft off" and not self.heeds:
            return
        self.power = {"soft off": "off", "reset": "on"}.get(target, target)
        self._settled = self.clock() + self.delay

    def get_boot(self):
        return dict(self.boot)

    def boot_offer(self, device, persistent):
        return persistent

    def set_boot(self, device, persistent, mode, uri=None):
        self.done.append(("boot", device, persistent, mode, self.power))
        wanted = {"device": device, "persistent": persistent, "mode": mode or self.boot["mode"]}
        self.boot = self.keeps({**wanted, "uri": uri} if device == "http" else wanted)
