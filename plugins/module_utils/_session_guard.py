# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No session outlives the process that opened it, whatever signal ends that.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_POLL = 0.05  # seconds
_TIMEOUT = 30  # seconds for logging off before the process ends
_open = {}  # what ends each session that this process has open
_opening = {}  # the thread of each session that is being opened
_inside = []  # an entry for each that is inside ended_by_signals
_found = {}  # the handlers that were found there
_is_over = threading.Event()  # a signal has come: nothing is opened any more


class SessionGuard:
    """Looks after one session, from ``opening`` to ``closing``.

    In between, a signal that ends the process ends the session first, provided that this is the main thread, or that
    the main thread is inside ``ended_by_signals``.

    :param log_off: function that ends the session while the main thread stands still, in a thread of its own.
    """

    def __init__(self, log_off):
        self._log_off = log_off
        self._handlers = contextlib.ExitStack()

    @contextlib.contextmanager
    def opening(self):
        """Around the opening: nothing ends the process between the BMC's opening of a session and our knowing of it."""
        if threading.current_thread() is threading.main_thread():
            self._handlers.enter_context(ended_by_signals())
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self._announce()
            yield
            _open[id(self)] = self._log_off
        except BaseException:
            self._handlers.close()
            raise
        finally:
            _opening.pop(id(self), None)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _announce(self):
        """Have signals wait for the session that is about to be opened; after a signal, open none."""
        while True:
            _opening[id(self)] = thread = threading.current_thread()
            if thread is threading.main_thread() or not _is_over.is_set():
                return
            del _opening[id(self)]
            time.sleep(_POLL)

    @contextlib.contextmanager
    def closing(self):
        """Around the end: a signal in the middle of it ends the session all the same.

        :returns: a context manager that gives whether the session is still open.
        """
        try:
            yield id(self) in _open
        finally:
            _open.pop(id(self), None)
            self._handlers.close()


def _wait_for_openings():
    """What a BMC has opened and another thread does not know of yet could not be ended."""
    deadline = time.monotonic() + _TIMEOUT
    while any(thread is not threading.main_thread() for thread in list(_opening.values())) and time.monotonic() < deadline:
        time.sleep(_POLL)


def end_all(seconds=_TIMEOUT):
    """End all sessions that this process has open. For the main thread, inside ``ended_by_signals`` or while no other thread works.

    :param seconds: how long each may take.
    """
    threads = [threading.Thread(target=_quietly, args=(log_off,), daemon=True) for log_off in list(_open.values())]
    _open.clear()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)


def _quietly(log_off):
    with contextlib.suppress(Exception):
        log_off()


@contextlib.contextmanager
def ended_by_signals():
    """Inside, a signal that ends the process ends this process's sessions first. For the main thread.

    ansible-core ends a worker by SIGTERM or SIGINT, to which the worker kills itself: no ``finally`` runs
    (executor/process/worker.py). The handler found here is put back and gets the signal afterwards.
    """
    # Counted, because who is inside does not leave in the order of coming: a session that nobody ended leaves when it is forgotten.
    _inside.append(True)
    try:
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            # An ignored signal ends nothing; None is a handler that Python did not set and cannot put back.
            if handler not in (None, signal.SIG_IGN, _end_and_pass_on):
                _found[number] = handler
                signal.signal(number, _end_and_pass_on)
        yield
    finally:
        _inside.pop()
        if not _inside:
            _put_back()
            _found.clear()


def _put_back():
    for number, handler in _found.items():
        signal.signal(number, handler)


def _end_and_pass_on(number, frame):
    # After Ctrl-C ansible-playbook sends its workers a SIGTERM as well, which must not cut this short.
    for other in _found:
        signal.signal(other, signal.SIG_IGN)
    _is_over.set()
    _wait_for_openings()
    end_all()
    _put_back()
    try:
        os.kill(os.getpid(), number)
    finally:
        # Whoever took the signal lives on.
        _is_over.clear()
