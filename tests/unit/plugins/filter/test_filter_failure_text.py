# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a failed task says, whatever its result holds."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.filter.failure_text import FilterModule
from hypothesis import given, strategies

text_of = FilterModule().filters()["failure_text"]
HIDDEN = "The task that failed hides its output (no_log)."
NONE = ("Ansible left no result, as where it could not load a role, or where the failure of another node ends the work on all; "
        "its message is in the output of the run.")


@pytest.mark.parametrize(("result", "text"), [
    ({"failed": True, "msg": "disk on fire"}, "disk on fire"),
    ({}, NONE), (None, NONE), ("x", NONE), ({"failed": True}, NONE),
    ({"msg": "", "reason": "no such file"}, "no such file"),
    ({"censored": "the output has been hidden"}, HIDDEN),
    ({"_ansible_no_log": True, "msg": "canary", "stderr": "canary"}, HIDDEN),
    ({"_ansible_no_log": False, "msg": "no room"}, "no room"),
    ({"_ansible_no_log": True, "results": [{"failed": True, "msg": "canary", "_ansible_no_log": True}, {"failed": True, "stderr": "canary"}]}, HIDDEN),
    ({"msg": "non-zero return code", "rc": 2, "stderr": "reading\nno room\n\n"}, "non-zero return code (2): no room"),
    ({"msg": "no room", "rc": 0, "stderr": "no room"}, "no room"),
    ({"module_stderr": "killed\n"}, "killed"),
    # As ansible-core has the failure of a loop.
    ({"msg": "One or more items failed", "results": [{"failed": False, "msg": "done"}, {"failed": True, "msg": "no room"}, {"failed": True, "msg": "no room"},
                                                     {"unreachable": True, "msg": "gone"}]}, "no room; gone"),
    ({"msg": "All items completed", "results": []}, "All items completed"),
    ({"results": [{"failed": True, "msg": number} for number in range(1, 8)]}, "1; 2; 3; 4; 5; and 2 more"),
    ({"msg": "not found", "results": ["file1", "file2"]}, "not found"),
])
def test_text(result, text):
    assert text_of(result) == text


@given(strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.integers() | strategies.text(max_size=8),
    lambda inner: strategies.lists(inner, max_size=3) | strategies.dictionaries(
        strategies.sampled_from(["msg", "results", "failed", "stderr", "rc", "reason"]), inner, max_size=5), max_leaves=12))
def test_any_result_has_a_text(result):
    assert text_of(result) != ""
