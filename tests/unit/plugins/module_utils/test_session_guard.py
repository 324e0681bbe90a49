# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Handlers of signals while sessions are open: who has them, who gets the signal afterwards, and that they are put back."""

from __future__ import annotations

import os
import signal

import pytest

from ansible_collections.rackwright.baremetal.plugins.module_utils._session_guard import SessionGuard, ended_by_signals


class Told(Exception):
    """What the handler of these tests raises."""


@pytest.fixture(name="own")
def _own():
    def handler(number, frame):
        raise Told(number)

    before = signal.signal(signal.SIGTERM, handler)
    yield handler
    signal.signal(signal.SIGTERM, before)


def guarded(ended, name):
    guard = SessionGuard(lambda: ended.append(name))
    with guard.opening():
        pass
    return guard


def test_handlers_are_put_back_whoever_leaves_first(own):
    first, second = guarded([], "first"), guarded([], "second")
    with first.closing():
        pass
    assert signal.getsignal(signal.SIGTERM) is not own
    with second.closing():
        pass
    assert signal.getsignal(signal.SIGTERM) is own


def test_a_signal_ends_every_session_once_and_is_passed_on(own):
    ended = []
    guards = [guarded(ended, name) for name in ("first", "second")]
    with pytest.raises(Told), ended_by_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert sorted(ended) == ["first", "second"]
    # Whoever took the signal opens one more before the others have left.
    guards.append(guarded(ended, "third"))
    with pytest.raises(Told):
        os.kill(os.getpid(), signal.SIGTERM)
    assert sorted(ended) == ["first", "second", "third"]
    for guard in guards:
        with guard.closing() as is_open:
            assert not is_open
    assert signal.getsignal(signal.SIGTERM) is own
