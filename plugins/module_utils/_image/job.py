# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A job that outlives the connection which started it: one at a time on a machine.

The job holds a lock for as long as it lives, and writes what it does to a status file. Whoever
asks for the same job again, over a new connection too, joins it instead of starting a second one.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
import traceback
import typing as t

from .._errors import BaremetalError
from .._process import in_background

DIRECTORY = "/run/rackwright"

_INTERVAL = 0.2
_NEXT = "run the command that is wanted next"
# Seconds that a job gets to end after SIGTERM, and again after SIGKILL; a disk that still works needs less.
_GRACE = 15


class Words(t.NamedTuple):
    """What the messages of a job say of its work."""

    stage: str
    failed: str  # "the image was not written"
    untouched: str  # what is seen when it has not begun
    cure: str


IMAGE = Words(
    stage="write the image", failed="the image was not written", untouched="no byte of the image is on the disk",
    cure="if network and disk are merely slow, give a larger time-out (write in deploy_timeouts); otherwise look at the boot server, at the "
         "network and at the machine's kernel log. Then run the same command again")


class _Stopped(BaseException):
    """Raised in a job that is told to end."""


def _stop(*dummy):
    # Whoever says it once more must not interrupt what is done in the meantime, which is to clear what must not boot.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stopped


class Job:
    """The one job of a machine: whatever it does to disks, nothing else does anything to them meanwhile.

    :param directory: where its status file and its lock are.
    :param words: the :class:`Words` for its work.
    """

    def __init__(self, directory=DIRECTORY, words=IMAGE):
        self._words = words
        self._status = os.path.join(directory, "disk_image.json")
        self._lock = os.path.join(directory, "disk_image.lock")
        self._stopped = os.path.join(directory, "stopped")

    def status(self):
        """What the status file tells of the last job, as a dict; None when there was none."""
        try:
            with open(self._status, encoding="utf-8") as file:
                return json.load(file)
        except (FileNotFoundError, ValueError):
            return None

    def _save(self, status):
        _write(self._status, json.dumps(status))

    @contextlib.contextmanager
    def _locked(self):
        """Hold the lock for a moment; yields its descriptor, or None when a job lives."""
        os.makedirs(os.path.dirname(self._lock), mode=0o700, exist_ok=True)
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)

    def start(self, identity, work):
        """Start a job, or find the one that was started before.

        :param identity: dict that names the job; a job of the same identity is the same job.
        :param work: function that takes a function ``report(done, total, lasting=(), parts=())`` and returns a dict. It
            runs in a process of its own, so everything that it needs must be imported already. lasting: texts; what would go on now
            if the job were stopped, because a drive does it by itself. parts: of what it will return, as much as there is; the status keeps
            it where the job fails.
        :returns: True when a job was started; False when one of the same identity is running,
            has finished, or has failed, if only in part ("failures" in its result), and nobody was told yet.
        :raises BaremetalError: when another job is running, or work on this machine was stopped.
        """
        with self._locked() as descriptor:
            status = self.status()
            same = status is not None and status["identity"] == identity
            if descriptor is None:
                if same:
                    return False
                raise BaremetalError(
                    "other work is being done on the disks of this machine", stage=self._words.stage,
                    seen=f"process {status['pid']}, {status['identity']}" if status else "a locked " + self._lock,
                    cure="wait until it ends, or boot the machine anew")
            if same and not status["told"]:
                return False
            reason = self._reason()
            if reason is not None:
                raise BaremetalError(f"{self._words.failed}: {reason}", stage=self._words.stage, seen=self._words.untouched, cure=_NEXT)
            status = {"identity": identity, "lasting": [], "state": "running", "pid": None, "done": 0, "total": None, "parts": [],
                      "result": None, "error": None, "told": False}
            self._save(status)
            in_background(lambda: self._become_job(status, work), keep=(descriptor,))
        return True

    def _become_job(self, status, work):
        status["pid"] = os.getpid()

        def report(done, total, lasting=(), parts=()):
            status.update(done=done, total=total, lasting=list(lasting), parts=list(parts))
            self._save(status)

        self._save(status)
        # Not the signal's own way, which would leave no time to clear what must not boot.
        signal.signal(signal.SIGTERM, _stop)
        try:
            status.update(state="finished", result=work(report))
        except BaremetalError as error:
            status.update(state="failed", error={"what": error.what, "stage": error.stage, "seen": error.seen, "cure": error.cure})
        except _Stopped:
            # Whoever told it to end says why.
            status.update(state="failed")
        except BaseException as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            status.update(state="failed", error={
                "what": f"unexpected error: {type(error).__name__}: {error}", "stage": self._words.stage, "seen": f"{place.filename}, line {place.lineno}",
                "cure": "run the same command again; if it fails again, report it as a fault of the collection"})
        self._save(status)

    def join(self, timeout=None):
        """Wait for the job to end.

        :param timeout: seconds after which the job is stopped; None for no limit.
        :returns: what its work returned.
        :raises BaremetalError: when the job failed, died without a word, or took too long.
        """
        status = self._wait(timeout)
        late = status is None
        if late:
            status, ended = self._end()
        if status["state"] == "finished":
            if status["result"].get("failures"):
                # Part of the work has failed, which makes room as well.
                self._save(dict(status, told=True))
            return status["result"]
        if late:
            # What the job said of its end is that it was told to.
            error = _late(self._words, status, timeout, ended)
        else:
            error = status["error"] or self._unfinished(status)
        # Told once, a failed job makes room: the same command again is a new try.
        self._save(dict(status, state="failed", told=True))
        raise BaremetalError(error["what"], stage=error["stage"], seen=error["seen"], cure=error["cure"])

    def _unfinished(self, status):
        """The error of a job that ended before its work and said nothing."""
        reason = self._reason()
        if reason is not None:
            seen = ["its process has been stopped", *([_done(status)] if status["total"] else []), *(f"{one} goes on" for one in status["lasting"])]
            return {"what": f"{self._words.failed}: {reason}", "stage": self._words.stage, "seen": "; ".join(seen), "cure": _NEXT}
        return {"what": f"{self._words.failed}: its process was killed before it had finished", "stage": self._words.stage,
                "seen": f"no process {status['pid']} after {status['done']} bytes",
                "cure": "look at the kernel log (out of memory?), then run the same command again"}

    def stop(self, reason, *, steps=True, check_mode=False):
        """End the job, and let none begin until the machine is booted anew. Whoever waits for it is told why.

        The way to write an image is made for that: until its last moment nothing boots from the disk. It is ended always.

        :param reason: why, as "it was ended by request of alice@controller".
        :param steps: whether also other work is ended, which belongs to a step.
        :returns: dict with changed; job, the last status or None; stopped, whether a job was ended.
        :raises BaremetalError: when it does not end.
        """
        with self._locked() as descriptor:
            lives = descriptor is None
        status = self.status()
        if not steps and not (lives and status and "work" not in status["identity"]):
            return {"changed": False, "job": status, "stopped": False}
        result = {"changed": lives or self._reason() is None, "job": status, "stopped": lives}
        if check_mode:
            return result
        if self._reason() is None:
            _write(self._stopped, reason)
        # Looked at again: one that began before the mark was there ends as well.
        with self._locked() as descriptor:
            lives = descriptor is None
        if not lives:
            return dict(result, stopped=False)
        status, ended = self._end()
        if not ended:
            raise BaremetalError("the work in the ramdisk does not end", stage="stop", seen=_hangs(status),
                                 cure="switch the machine off; a drive that erases itself goes on when it has power again")
        # One that was killed has not written that it failed.
        state = "finished" if status["state"] == "finished" else "failed"
        return dict(result, changed=True, job=dict(status, state=state), stopped=state == "failed")

    def _reason(self):
        """Why no job begins any more on this machine; None where one may."""
        try:
            with open(self._stopped, encoding="utf-8") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def _wait(self, seconds):
        """The status of the job when it has ended; None when it has not within so many seconds (None: for ever)."""
        begun = time.monotonic()
        while True:
            with self._locked() as descriptor:
                if descriptor is not None:
                    return self.status()
            if seconds is not None and time.monotonic() - begun >= seconds:
                return None
            time.sleep(_INTERVAL)

    def _end(self):
        """End the job, if need be by force.

        :returns: its last status, and whether it has ended.
        """
        session = None
        for number in (signal.SIGTERM, signal.SIGKILL):
            pid = self.status()["pid"]
            # None in the moment of its start: then it is met by the second signal.
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    session = os.getsid(pid)
                    os.kill(pid, number)
            status = self._wait(_GRACE)
            if status is not None:
                _end_session(session)
                return status, True
        return self.status(), False


def _write(path, text):
    """Write a file, whole or not at all."""
    temporary = f"{path}.{os.getpid()}"
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(temporary, path)


def _end_session(session):
    """End what a job that has ended left behind: the workers of stress-ng go on without the one that began them."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything (proc(5)).
            with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[3]) == session:
                os.kill(int(process), signal.SIGKILL)


def _done(status):
    return f"{status['done']} of {status['total']} bytes are done"


def _hangs(status):
    return f"its process, {status['pid']}, hangs in the kernel and does not end"


def _late(words, status, timeout, ended):
    seen = f"{_done(status) if status['total'] else words.untouched}; " + ("its process has been stopped" if ended else _hangs(status))
    return {"what": f"{words.failed} within {timeout} s", "stage": words.stage, "seen": seen, "cure": words.cure}
