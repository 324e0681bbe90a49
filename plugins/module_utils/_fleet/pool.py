# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on many nodes at once, in a bounded number of threads. Private to the collection; may change at any time."""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import resource
import threading

THREADS = 100  # more of them only wait for each other: one processor does some hundred TLS handshakes per second
_SIGNALS_SEEN = 0.2  # seconds
_RESERVED_FILES = 100  # what else the process has open, or will have


def thread_limit():
    """How many BMCs may be talked to at once: one open file each, far below the process's limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return THREADS
    return max(1, min(THREADS, (soft - _RESERVED_FILES) // 4))


def run_all(names, work, take):
    """Do the work of many nodes at once.

    :param names: names of the nodes.
    :param work: function of a name that returns a result and raises nothing; called in threads.
    :param take: called with a name and its result as soon as it is there, always in the calling thread.
    """
    todo = collections.deque(names)
    done = queue.SimpleQueue()

    def serve():
        while True:
            try:
                name = todo.popleft()
            except IndexError:
                return
            done.put((name, work(name)))

    with _on_one_processor():
        for _unused in range(min(len(names), thread_limit())):
            # Daemons: when the task is interrupted, nobody waits for a BMC that is silent.
            threading.Thread(target=serve, daemon=True).start()
        for _unused in names:
            take(*_next(done))


@contextlib.contextmanager
def _on_one_processor():
    """Inside, this thread and those that it starts share one processor.

    Only one of them runs at a time anyway, and handing Python's lock to a thread on another processor costs as much as the work itself.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = sorted(os.sched_getaffinity(0))
    # Not the same for every fleet that is at work.
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {allowed[os.getpid() % len(allowed)]})
    try:
        yield
    finally:
        # Somebody may have taken processors away meanwhile.
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, allowed)


def _next(done):
    """What is put into a queue next; signals are handled meanwhile."""
    while True:
        # A signal that the kernel gives to another thread does not wake this one, which alone runs Python's handlers.
        with contextlib.suppress(queue.Empty):
            return done.get(timeout=_SIGNALS_SEEN)
