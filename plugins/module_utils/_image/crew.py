# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Threads that work on one disk together; the first failure ends the work of all.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from . import seekable
from .._errors import BaremetalError
from .target import aligned


# What is submitted while all threads are busy.
_AHEAD = 2


class Crew:
    """A context: what is submitted in it is done when it is left, or the first failure is raised.

    :param target: the :class:`~.target.Target` that is worked on.
    :param total: bytes to do.
    :param report: function that takes bytes done and bytes to do, called about once a second.
    """

    def __init__(self, target, total, report):
        self._target = target
        self._total = total
        self._report = report
        # More threads than cores, because each waits for the disk while others compute. Not many more: they push each other's frames
        # out of the caches, and frames in flight must stay below 100 MiB.
        workers = min(8, 2 * (os.cpu_count() or 1))
        self._pool = ThreadPoolExecutor(workers)
        self._aside = ThreadPoolExecutor(1)
        self._slots = threading.BoundedSemaphore(workers + _AHEAD)
        self._lock = threading.Lock()
        self._local = threading.local()
        self._failed = threading.Event()
        self._failure = None
        self._reported = time.monotonic()
        self.done = 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            if error is None:
                # Waited for in here, where being told to stop reaches the threads.
                self._pool.shutdown()
                self._aside.shutdown()
        except BaseException as stopped:
            error = stopped
        if error is not None:
            self._fail(error)
        # The threads end when they see the failure.
        self._pool.shutdown()
        self._aside.shutdown()
        if self._failure is not None:
            raise self._failure
        self._report(self.done, self.done)

    @property
    def failed(self):
        """Whether there is no sense in going on."""
        return self._failed.is_set()

    def wait(self, seconds):
        """Wait so long, or until there is no sense in going on.

        :returns: whether there is none.
        """
        return self._failed.wait(seconds)

    def submit(self, function, *arguments):
        """Have something done by the next thread that is free; waits while too much is under way."""
        self._slots.acquire()
        self._pool.submit(self._guarded, function, *arguments).add_done_callback(lambda dummy: self._slots.release())
        self._tell()

    def submit_aside(self, function, *arguments):
        """Have something done beside all that."""
        self._aside.submit(self._guarded, function, *arguments)

    def buffer(self, name):
        """Page-aligned memory of a frame's size, one for each thread and name."""
        if not hasattr(self._local, name):
            setattr(self._local, name, aligned(seekable.FRAME_SIZE))
        return getattr(self._local, name)

    def add(self, count):
        """Count bytes as done."""
        with self._lock:
            self.done += count

    def _guarded(self, function, *arguments):
        try:
            if not self.failed:
                function(*arguments)
        except BaremetalError as error:
            self._fail(error)
        except OSError as error:
            self._fail(self._target.explained(error).at(stage="write the image"))
        except BaseException as error:
            self._fail(error)

    def _fail(self, error):
        with self._lock:
            if self._failure is None:
                self._failure = error
        self._failed.set()

    def _tell(self):
        now = time.monotonic()
        if now - self._reported >= 1:
            self._reported = now
            self._report(self.done, self._total)
