# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: run_report
type: aggregate
short_description: What a run did to each node, as a table and as a file
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - After the recap it prints one line per node with its provision state, image, address and the seconds that each stage took.
  - Runs that touch no node print nothing.
  - In check mode the state is the one that the node is in, followed by the one that it would enter and a mark.
options:
  report_file:
    description:
      - File to which the same facts are written as JSON, with the keys C(check_mode) and C(nodes). Nothing is written when not given.
      - C(provision_state) of a node is always the true one; what check mode foresees is C(predicted_provision_state).
    type: path
    env:
      - name: RACKWRIGHT_REPORT_FILE
    ini:
      - section: rackwright
        key: report_file
requirements:
  - enabled with C(callbacks_enabled)
"""

import json
import os
import pathlib
import time

from ansible.plugins.callback import CallbackBase

from ..plugin_utils._report import new_entry, note_result, table


class CallbackModule(CallbackBase):
    """Collects what the modules of this collection return."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "rackwright.baremetal.run_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._started = {}
        self._entries = {}

    def v2_runner_on_start(self, host, task):
        """Remember when a task began on a host."""
        self._started[(host.get_name(), task._uuid)] = time.monotonic()

    def v2_runner_on_ok(self, result):
        """Take in a result."""
        self._note(result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        """Take in a failure: the stage took time all the same."""
        self._note(result)

    def _note(self, result):
        host, task = result.host.get_name(), result.task
        seconds = time.monotonic() - self._started.pop((host, task._uuid), time.monotonic())
        collection, dot, module = task.action.rpartition(".")
        if collection in ("", "rackwright.baremetal"):
            entry = self._entries.get(host) or new_entry(host)
            if note_result(entry, module, result.result, seconds, check_mode=bool(result.task_fields.get("check_mode"))):
                self._entries[host] = entry

    def v2_playbook_on_stats(self, stats):
        """Print the table and write the file."""
        nodes = [entry for entry in self._entries.values() if entry["provision_state"]]
        if not nodes:
            return
        self._display.display("\n" + table(nodes))
        path = self.get_option("report_file")
        if path:
            target = pathlib.Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            new = target.with_name(f".{target.name}.new")
            report = {"check_mode": any(entry["check_mode"] for entry in nodes), "nodes": nodes}
            new.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
            os.replace(new, target)
