# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a task has done what it can and waits for a reset of the machine.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re

from .tolerant import objects, text

# By the name of the message (DSP2065: Base and Update registries).
_IDS = ("ResetRequired", "AwaitToActivate")
_RESET = r"\b(?:reboot|reset|restart)(?:ed|ing)?\b"
_TEXT = re.compile(rf"{_RESET}.*\b(?:pending|required|needed|necessary)\b|\b(?:pending|next|after|requires?|awaiting)\b.*{_RESET}", re.I)
# A task that is only scheduled may start by itself; when it has not after so many looks, it waits for a reset (Dell: JCP001).
_SCHEDULED = re.compile(r"\bscheduled\b", re.I)
_NOT_STARTED = ("Starting", "Pending", "New")
_LOOKS, _LOOKS_WHEN_EXPECTED = 15, 3


class ResetWatch:
    """Looks at a task each time it is read; ``because`` is what the BMC said of the reset, None while there is no sign of one.

    :param expected: whether it was asked for that the work is done at the next reset.
    """

    def __init__(self, expected=False):
        self.because = None
        self._expected = expected
        self._looks = 0

    def __call__(self, task):
        """Whether the task waits for a reset.

        :param task: JSON object of the task, or the body of an answer.
        """
        messages = [message for key in ("Messages", "@Message.ExtendedInfo") for message in objects(task.get(key))]
        is_scheduled = False
        for message in messages:
            said = text(message.get("Message")) or ""
            name = (text(message.get("MessageId")) or "").rpartition(".")[2]
            if name in _IDS or _TEXT.search(said):
                self.because = said or name
                return True
            is_scheduled = is_scheduled or bool(_SCHEDULED.search(said))
        state = task.get("TaskState")
        # Pending is said of what waits for something else (DSP2046, Task).
        is_idle = state in _NOT_STARTED and (is_scheduled or self._expected or state == "Pending")
        self._looks = self._looks + 1 if is_idle else 0
        if self._looks >= (_LOOKS_WHEN_EXPECTED if self._expected else _LOOKS):
            self.because = f"the task has the state {state} and does not start"
        return self.because is not None
