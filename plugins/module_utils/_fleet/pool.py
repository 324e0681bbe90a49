# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work on many nodes at once, in threads or in forked children, bounded in both.

A Redfish BMC is worked on in a thread. An IPMI BMC gets a process: pyghmi has state for the whole process, its
locks end in a deadlock with many threads, and it hangs in a child of a process that used it. So the children are
forked before the first thread starts, from a process that never opened an IPMI session.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import gc
import os
import pickle
import queue
import resource
import selectors
import signal
import socket
import struct
import threading
import time

THREADS = 100  # more of them only wait for each other: one processor does some hundred TLS handshakes per second
CHILDREN = 64
_RESERVED_FILES = 100  # what else the process has open, or will have

_LENGTH = struct.Struct("!I")
_PR_SET_PDEATHSIG = 1  # prctl(2)


def thread_limit():
    """How many BMCs may be talked to at once in threads: one open file each, far below the process's limit."""
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return THREADS
    return max(1, min(THREADS, (soft - _RESERVED_FILES) // 4))


def run_all(threaded, forked, work, take, lost, seconds):
    """Do the work of many nodes at once.

    :param threaded: names of the nodes whose work may share the process with others.
    :param forked: names of the nodes whose work needs a process that does one at a time.
    :param work: function of a name that returns a result that can be pickled; raises nothing.
    :param take: called with a name and its result as soon as it is there, always in the calling thread.
    :param lost: called with a name and a text, for a node whose process ended or had to be ended.
    :param seconds: after which a process that is at one node is ended.
    """
    children = _Children(forked, work, seconds) if forked else None
    done = queue.SimpleQueue()
    try:
        _start_threads(threaded, work, done)
        if children:
            children.serve(take, lost)
    finally:
        if children:
            children.end()
    for _unused in threaded:
        take(*done.get())


def _start_threads(names, work, done):
    todo = collections.deque(names)

    def serve():
        while True:
            try:
                name = todo.popleft()
            except IndexError:
                return
            done.put((name, work(name)))

    for _unused in range(min(len(todo), thread_limit())):
        # Daemons: when the task is interrupted, nobody waits for a BMC that is silent.
        threading.Thread(target=serve, daemon=True).start()


class _Children:
    """Forked processes that take one name after the other."""

    def __init__(self, names, work, seconds):
        self._todo = collections.deque(names)
        self._seconds = seconds
        self._busy = {}  # socket: (name, time by which it must be done)
        self._pids = {}  # socket: process id
        # Nothing that exists now is looked at by the collector again, so that the children keep sharing its pages.
        gc.freeze()
        try:
            for _unused in range(min(len(names), CHILDREN)):
                self._fork(work)
        except BaseException:
            self.end()
            raise
        finally:
            gc.unfreeze()

    def _fork(self, work):
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            if not self._pids:
                raise
            # The processes that there are do the work alone.
            return
        if pid == 0:
            _child(theirs, [ours, *self._pids], work, parent)
        theirs.close()
        self._pids[ours] = pid

    def serve(self, take, lost):
        """Hand out all names and take all results."""
        with selectors.DefaultSelector() as selector:
            for channel in list(self._pids):
                selector.register(channel, selectors.EVENT_READ)
                self._hand_out(selector, channel)
            while self._busy:
                nearest = min(limit for _name, limit in self._busy.values())
                ready = selector.select(max(0.0, nearest - time.monotonic()))
                for key, _events in ready:
                    name, _limit = self._busy.pop(key.fileobj)
                    answer = _receive(key.fileobj)
                    if answer is None:
                        lost(name, f"the process that worked on it ended ({self._bury(selector, key.fileobj)})")
                    else:
                        take(name, answer)
                        self._hand_out(selector, key.fileobj)
                for channel, (name, limit) in list(self._busy.items()):
                    if limit <= time.monotonic():
                        del self._busy[channel]
                        os.kill(self._pids[channel], signal.SIGKILL)
                        self._bury(selector, channel)
                        lost(name, f"the process that worked on it was not done after {self._seconds:.0f} s")
        while self._todo:
            lost(self._todo.popleft(), "all processes had ended before it was its turn")

    def _hand_out(self, selector, channel):
        if not self._todo:
            selector.unregister(channel)
            return
        name = self._todo.popleft()
        self._busy[channel] = (name, time.monotonic() + self._seconds)
        with contextlib.suppress(OSError):
            # A process that is gone shows as the end of its channel.
            _send(channel, name)

    def _bury(self, selector, channel):
        selector.unregister(channel)
        channel.close()
        return _ending(os.waitpid(self._pids.pop(channel), 0)[1])

    def end(self):
        """End the processes; one that is still at work closes its session first."""
        for channel, pid in self._pids.items():
            channel.close()
            if channel in self._busy:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        for pid in self._pids.values():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self._pids.clear()


def _ending(status):
    code = os.waitstatus_to_exitcode(status)
    return f"exit status {code}" if code >= 0 else f"signal {-code}"


def _child(channel, others, work, parent):
    """The life of a forked process; never returns."""
    status = 1
    try:
        # Ctrl-C takes Ansible's worker away without a word; its children must not stay. As an exception, so that
        # the session in the BMC is closed.
        signal.signal(signal.SIGTERM, _exit)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        for other in others:
            other.close()
        while os.getppid() == parent:
            name = _receive(channel)
            if name is None:
                break
            _send(channel, work(name))
        status = 0
    finally:
        # Not by an exception: the frames above belong to Ansible's worker.
        os._exit(status)


def _exit(signal_number, frame):
    raise SystemExit(1)


def _send(channel, value):
    content = pickle.dumps(value)
    channel.sendall(_LENGTH.pack(len(content)) + content)


def _receive(channel):
    """What was sent, or None at the end of the channel."""
    try:
        header = _exactly(channel, _LENGTH.size)
        content = header and _exactly(channel, *_LENGTH.unpack(header))
    except OSError:
        return None
    # Only from our own children, over a socket that nobody else has.
    return pickle.loads(content) if content else None


def _exactly(channel, size):
    content = bytearray()
    while len(content) < size:
        part = channel.recv(size - len(content))
        if not part:
            return None
        content += part
    return bytes(content)
