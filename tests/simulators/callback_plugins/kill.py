# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kills ansible-playbook where the environment says: RACKWRIGHT_KILL_AT=N is the N-th boundary between tasks, counted from 1.

RACKWRIGHT_KILL_WITH names another signal than SIGKILL.

For tests of what a dead run leaves behind.
"""

from __future__ import annotations

DOCUMENTATION = """
name: kill
type: aggregate
short_description: Kill ansible-playbook at a boundary between tasks
description: For tests.
author: rackwright.baremetal contributors (@rackwright)
"""

import os
import signal

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Counts boundaries: the begin of each task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "kill"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._seen = 0
        self._at = int(os.environ.get("RACKWRIGHT_KILL_AT", "0"))
        self._signal = signal.Signals[os.environ.get("RACKWRIGHT_KILL_WITH", "SIGKILL")]
        if self._signal == signal.SIGINT:
            # As at a terminal: what a shell started in the background ignores it.
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def v2_playbook_on_task_start(self, task, is_conditional):
        """Before a task."""
        self._seen += 1
        if self._seen == self._at:
            print(f"killed at the begin of {task.get_name()}", flush=True)
            os.kill(os.getpid(), self._signal)

    def v2_playbook_on_stats(self, stats):
        """The number of boundaries, for whoever counts them."""
        print(f"boundaries: {self._seen}", flush=True)
