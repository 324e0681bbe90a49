# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a task has done what it can and waits for a reset of the machine, and whether the machine was reset.

What a message says of a reset may mean the machine's or the BMC's own. Only the former is waited for by somebody else; where a
message leaves it open, what happens decides: a BMC that restarts is away and comes back, a machine shows it in its System.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re

from .tolerant import dig, moment, objects, text, texts

# By the name of the message (DSP2065: Base and Update registries).
_IDS = ("ResetRequired", "AwaitToActivate")
_RESET = r"\b(?:reboot|reset|restart)(?:s|ed|ing)?\b"
_TEXT = re.compile(rf"{_RESET}.*\b(?:pending|required|needed|necessary)\b|\b(?:pending|next|after|requires?|awaiting)\b.*{_RESET}", re.I)
_BMC = r"\b(?:BMC|iDRAC|iLO|XCC|IMM|CIMC|iRMC|management controller|manager|service processor)\b"
_HOST = r"\b(?:host|server|system|machine|node|computer|BIOS)\b"


def _near(word):
    """What is said of a word and a reset within a few words."""
    return re.compile(rf"{word}(?:\W+\w+){{0,4}}\W+{_RESET}|{_RESET}(?:\W+(?:of|the|for|by)){{0,3}}\W+{word}", re.I)


_OF_BMC, _OF_HOST = _near(_BMC), _near(_HOST)
# A task that is only scheduled may start by itself; when it has not after so many looks, it waits for a reset (Dell: JCP001).
_SCHEDULED = re.compile(r"\bscheduled\b", re.I)
_NOT_STARTED = ("Starting", "Pending", "New")
_LOOKS, _LOOKS_WHEN_EXPECTED = 15, 3


def is_paused(task):
    """Whether a task has done what it can before a reset of the machine, as bmcweb shows it: stopping, after it was paused (quirk R60).

    Neither alone says so: a task that is being cancelled stops too, and one that is merely paused may be in the midst of writing.

    :param task: JSON object of the task.
    """
    return task.get("TaskState") == "Stopping" and any(_name(message) == "TaskPaused" for message in objects(task.get("Messages")))


def _name(message):
    """The name of a message without its registry."""
    return (text(message.get("MessageId")) or "").rpartition(".")[2]


def whose_reset(message, is_bmc=False):
    """Whose reset a message asks for or announces.

    :param message: JSON object of a message.
    :param is_bmc: whether the work concerns the BMC itself, so that a mere "reset" may be its own.
    :returns: ``host``, ``bmc``, ``either`` where it leaves that open, None where it speaks of no reset to come.
    """
    said = text(message.get("Message")) or ""
    if _name(message) not in _IDS and not _TEXT.search(said):
        return None
    # ResetRequired names the action to be run (DSP2065, Base).
    action = " ".join(texts(message.get("MessageArgs")))
    of_bmc, of_host = "/Managers/" in action or "Manager.Reset" in action, "/Systems/" in action or "ComputerSystem.Reset" in action
    if not of_bmc and not of_host:
        of_bmc, of_host = bool(_OF_BMC.search(said)), bool(_OF_HOST.search(said))
    if of_bmc != of_host:
        return "bmc" if of_bmc else "host"
    return "either" if of_bmc or is_bmc else "host"


class ResetWatch:
    """Looks at a task each time it is read.

    ``because`` is what the BMC said of the machine's reset, ``of_bmc`` what it said of its own, and ``open`` what may mean either;
    each is None while there is no sign of one.

    :param expected: whether it was asked for that the work is done at the next reset.
    :param queued: whether it may stand behind other work that waits for it.
    :param is_bmc: whether the work concerns the BMC itself.
    """

    def __init__(self, expected=False, queued=False, is_bmc=False):
        self.because = self.of_bmc = self.open = None
        self._expected = expected
        self._queued = queued
        self._is_bmc = is_bmc
        self._looks = 0

    def __call__(self, task):
        """Whether the task waits for a reset of the machine.

        :param task: JSON object of the task, or the body of an answer.
        """
        messages = [message for key in ("Messages", "@Message.ExtendedInfo") for message in objects(task.get(key))]
        is_scheduled = False
        for message in messages:
            said = text(message.get("Message")) or text(message.get("MessageId")) or ""
            whose = whose_reset(message, self._is_bmc)
            if whose == "host":
                self.because = said
                return True
            if whose == "bmc":
                self.of_bmc = said
            elif whose == "either":
                self.open = said
            is_scheduled = is_scheduled or bool(_SCHEDULED.search(said))
        state = task.get("TaskState")
        # Pending is said of what waits for something else (DSP2046, Task), which may be the BMC's own reset.
        is_waiting = state in _NOT_STARTED and (is_scheduled or self._expected or self._queued or state == "Pending")
        is_idle = (is_waiting or is_paused(task)) and not self.of_bmc
        self._looks = self._looks + 1 if is_idle else 0
        if self._looks >= (_LOOKS_WHEN_EXPECTED if self._expected else _LOOKS):
            self.because = f"the task has the state {state} and does not {'start' if is_waiting else 'go on'}"
        return self.because is not None


class HostWatch:
    """Whether the machine was reset since the first look, as its System tells it; ``is_reset``.

    By LastResetTime (ComputerSystem v1_12), or by a power state that is another one in between.
    """

    def __init__(self, system):
        self.is_reset = False
        self.power = text(system.get("PowerState"))
        self._mark = moment(system.get("LastResetTime"))

    @property
    def tells_time(self):
        """Whether the machine tells when it was last reset."""
        return self._mark is not None

    def look(self, system):
        """Look at the System again.

        :param system: its JSON object.
        """
        now, power = moment(system.get("LastResetTime")), text(system.get("PowerState"))
        self.is_reset = self.is_reset or None not in (now, self._mark) and now != self._mark or None not in (power, self.power) and power != self.power

    @staticmethod
    def is_starting(system):
        """Whether the firmware is at work and has not handed over to an operating system (BootProgress, ComputerSystem v1_13)."""
        state = text(dig(system, "BootProgress", "LastState"))
        return text(system.get("PowerState")) == "PoweringOn" or state not in (None, "None", "OSBootStarted", "OSRunning", "OEM")
