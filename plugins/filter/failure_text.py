# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Mapping

DOCUMENTATION = r"""
name: failure_text
short_description: What a task that failed says, as one text
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - For the C(rescue) of a block. C(ansible_failed_result) holds no C(msg) after some failures, and after that of a loop one that tells nothing.
  - Returns the message of the task, after a loop those of the items that failed, each once. A command's return code and last line of C(stderr) are
    added to its message.
  - What C(no_log) hides is not returned, though the result of the task still holds it.
options:
  _input:
    description: The result, as C(ansible_failed_result) holds it. An empty one stands for a failure of which Ansible leaves no result.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Work on the node
  block:
    - name: Run a tool that may fail
      ansible.builtin.command: /usr/local/bin/burn-in
      changed_when: true
  rescue:
    - name: Record the failure and release the node
      rackwright.baremetal.provision_state:
        event: fail
        error: "{{ ansible_failed_result | default({}) | rackwright.baremetal.failure_text }}"
"""

RETURN = r"""
_value:
  description: The text.
  type: str
"""

_NO_RESULT = ("Ansible left no result, as where it could not load a role, or where the failure of another node ends the work on all; "
              "its message is in the output of the run.")

# The variable ansible_failed_result holds what no_log hides from callbacks.
_HIDDEN = "The task that failed hides its output (no_log)."

# Items of a loop whose messages are told.
_MOST = 5


def failure_text(result):
    """Return what a failed task's result says; see DOCUMENTATION."""
    if not isinstance(result, Mapping):
        return _NO_RESULT
    results = result.get("results")
    items = [item for item in (results if isinstance(results, list) else ())
             if isinstance(item, Mapping) and (item.get("failed") or item.get("unreachable"))]
    if items:
        texts = list(dict.fromkeys(_of_task({**item, "_ansible_no_log": item.get("_ansible_no_log") or result.get("_ansible_no_log")}) for item in items))
        return "; ".join(texts[:_MOST] + ([f"and {len(texts) - _MOST} more"] if len(texts) > _MOST else []))
    return _of_task(result)


def _of_task(result):
    if result.get("_ansible_no_log") or result.get("censored"):
        return _HIDDEN
    # An include has a reason.
    text = next((str(result[key]) for key in ("msg", "reason") if result.get(key)), "")
    stderr = [line.strip() for line in str(result.get("stderr") or result.get("module_stderr") or "").splitlines() if line.strip()]
    if result.get("rc") and text:
        text = f"{text} ({result['rc']})"
    if stderr and stderr[-1] not in text:
        text = f"{text}: {stderr[-1]}" if text else stderr[-1]
    return text or _NO_RESULT


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"failure_text": failure_text}
