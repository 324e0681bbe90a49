# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks of a simulated Redfish BMC (DSP0266, 14: asynchronous operations)."""

from __future__ import annotations

import json
import time

from .http_server import Reply
from .redfish_board import ROOT, Refuse


class Task:
    """A task and its monitor.

    :param work: function that does the work at the end; it may raise Refuse, and then the task fails.
    :param seconds: how long it takes; None when it waits for a reset of the machine.
    :param request: ``(method, path, body)`` that began it, which boards with ``task_payload`` show.
    """

    def __init__(self, board, name, work, seconds, request=None):
        self.board = board
        self.work = work
        self.seconds = seconds
        self.begun = time.monotonic()
        self._hidden = board.behaviour["task_404_first"]
        number = board.number("task")
        tasks = board.path(f"{ROOT}/TaskService/Tasks")
        prefix = board.behaviour["task_name_prefix"]
        self.path = f"{tasks}/{prefix}{number}"
        self.monitor = f"{tasks.rsplit('/', 1)[0]}/TaskMonitors/{prefix}{number}"
        state = board.behaviour["task_first_state"] if seconds is not None else board.behaviour["task_waiting_state"]
        board.put(self.path, {
            "@odata.id": self.path, "@odata.type": "#Task.v1_7_1.Task", "Id": f"{prefix}{number}", "Name": name, "TaskState": state, "TaskStatus": "OK",
            "StartTime": board.machine.now(), "PercentComplete": 0, "Messages": [], "TaskMonitor": self.monitor})
        if request and board.behaviour["task_payload"]:
            method, path, body = request
            board.own(self.path)["Payload"] = {"HttpOperation": method, "TargetUri": path, "JsonBody": json.dumps(body), "HttpHeaders": []}
        board.dynamic[self.path] = self._looked_at
        board.dynamic[self.monitor] = self._monitored
        if seconds is None:
            board.pending.append(self.finish)
        else:
            board.later(seconds, self.finish)

    def reply(self):
        """The answer to the request that began the task."""
        location = self.monitor if self.board.behaviour["task_location"] == "monitor" else self.path
        return Reply(202, self.board.read(self.path), {"Location": location, "Retry-After": "1"})

    @property
    def _alive(self):
        return self.path in self.board.dynamic and self.board.exists(self.path)

    def _looked_at(self):
        self._hidden -= 1
        if self._hidden >= 0 or self.board.faults.hit("task_404_first"):
            raise Refuse(404, "ResourceMissingAtURI", "The task does not exist.")
        if self.seconds and self._alive and self.board.peek(self.path)["TaskState"] in ("New", "Running", "Starting"):
            passed = time.monotonic() - self.begun
            task = self.board.own(self.path)
            task["PercentComplete"] = min(99, int(100 * passed / self.seconds))
            if task["TaskState"] == "New" and passed > self.seconds / 3:
                task["TaskState"] = "Running"

    def _monitored(self):
        if not self._alive:
            raise Refuse(404, "ResourceMissingAtURI", "The task does not exist.")
        if self.seconds:
            self._looked_at()
        task = self.board.read(self.path)
        if task["TaskState"] not in ("Completed", "Exception"):
            return Reply(202, task, {"Location": self.monitor})
        if self.board.behaviour["task_monitor_deletes"]:
            self._forget()
        return Reply(200, task)

    def _forget(self):
        self.board.remove(self.path)
        self.board.dynamic.pop(self.path, None)
        self.board.dynamic.pop(self.monitor, None)

    def finish(self):
        """Do the work, unless a fault has it otherwise."""
        faults = self.board.faults
        if not self._alive or faults.hit("task_stuck"):
            return
        state, text = "Completed", "The task has completed."
        if faults.hit("task_fails"):
            state, text = "Exception", "The task has failed: simulated failure."
        else:
            try:
                self.work()
            except Refuse as refusal:
                state, text = "Exception", refusal.text
        if self.board.behaviour["sys518_after_task"]:
            faults.change({"sys518": self.board.behaviour["sys518_after_task"]})
        if faults.hit("task_vanishes"):
            self._forget()
            return
        task = self.board.own(self.path)
        task.update(TaskState=state, TaskStatus="OK" if state == "Completed" else "Critical", PercentComplete=100, EndTime=self.board.machine.now(),
                    Messages=[{"MessageId": "Base.1.0.Success" if state == "Completed" else "Base.1.0.GeneralError", "Message": text}])
        self.board.later(self.board.behaviour["task_kept"], self._forget)


def start(board, name, work, *, seconds=None, on_reset=False, request=None):
    """Begin a task.

    :param seconds: None for as long as this board's tasks take.
    :param on_reset: the work waits for the next reset of the machine.
    :param request: as for Task.
    :returns: Reply with status 202.
    """
    return Task(board, name, work, None if on_reset else board.task_seconds if seconds is None else seconds, request).reply()
