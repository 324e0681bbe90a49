# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Eight controllers fight for a few nodes; benchmarks/lifecycle.py lets them do so for longer."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.tests import contention


def test_no_node_has_two_owners_and_no_transition_is_lost(url):
    names = contention.enrol(url, 6)
    done = contention.fight(url, 8, names, rounds=25)
    assert done["transitions"] > 30
    assert done["refused"] > 0


def entry(run_id, event, from_state, to_state, begin, end):
    return {"node": "node00000", "run_id": run_id, "event": event, "from_state": from_state, "to_state": to_state, "begin": begin, "end": end}


def test_check_finds_what_must_not_be(engine, url, run):
    names = contention.enrol(url, 1)
    transitions.begin(engine, names[0], "manage", run)
    transitions.advance(engine, names[0], "done", run)
    log = [entry("own", "manage", "enroll", "verifying", 1, 2), entry("own", "done", "verifying", "manageable", 3, 4)]
    contention.check(engine, names, log)
    for wrong in (log[:1], [*log, entry("other", "provide", "manageable", "cleaning", 5, 6)], [log[1], log[0]]):
        with pytest.raises(AssertionError, match="run"):
            contention.check(engine, names, wrong)


def test_holds_that_overlap_are_found():
    apart = [entry("a", "manage", "enroll", "verifying", 1, 2), entry("a", "done", "verifying", "manageable", 3, 4),
             entry("b", "provide", "manageable", "cleaning", 3.5, 4.5), entry("b", "done", "cleaning", "available", 5, 6)]
    assert contention._holds(apart) == [(2, 3), (4.5, 5)]
