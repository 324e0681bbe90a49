# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import job as job_module
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job

ONE, OTHER = {"nonce": "1", "digest": "a"}, {"nonce": "2", "digest": "a"}


@pytest.fixture
def job(tmp_path):
    return Job(str(tmp_path / "run"))


@pytest.fixture
def gate(tmp_path):
    """Work that waits for a file, so that a test decides when the job ends."""
    def work(report):
        report(1, 2)
        while not (tmp_path / "gate").exists():
            time.sleep(0.01)
        return {"pid": os.getpid()}

    work.open = (tmp_path / "gate").touch
    yield work
    work.open()


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_job_runs_apart_and_is_joined(job, gate):
    assert job.start(ONE, gate) is True
    until(lambda: job.status()["done"] == 1)
    status = job.status()
    assert (status["state"], status["total"]) == ("running", 2)
    assert os.getsid(status["pid"]) != os.getsid(0)
    assert job.start(ONE, gate) is False
    threading.Timer(0.1, gate.open).start()
    assert job.join() == {"pid": status["pid"]}
    assert job.status()["state"] == "finished"


def test_finished_job_is_not_run_again(job, tmp_path):
    ran = tmp_path / "ran"

    def work(report):
        return {"size": ran.open("a").write("x")}

    assert job.start(ONE, work) is True
    assert job.join() == {"size": 1}
    assert job.start(ONE, work) is False
    assert job.join() == {"size": 1}
    assert ran.read_text() == "x"
    assert job.start(OTHER, work) is True
    job.join()
    assert ran.read_text() == "xx"


def test_failure_is_told_once_then_tried_anew(job):
    def work(report):
        raise BaremetalError("it broke", stage="a stage", seen="smoke", cure="repair it")

    assert job.start(ONE, work) is True
    until(lambda: job.status()["state"] == "failed")
    assert job.start(ONE, work) is False
    with pytest.raises(BaremetalError) as raised:
        job.join()
    assert str(raised.value) == "a stage: it broke. Seen: smoke. To do: repair it."
    assert job.start(ONE, lambda report: {"well": True}) is True
    assert job.join() == {"well": True}


def test_unexpected_error_has_its_place(job):
    job.start(ONE, lambda report: {}["missing"])
    with pytest.raises(BaremetalError, match="KeyError: 'missing'.*test_image_job.py, line"):
        job.join()


def test_killed_job_is_noticed(job, gate):
    job.start(ONE, gate)
    until(lambda: job.status()["done"] == 1)
    os.kill(job.status()["pid"], signal.SIGKILL)
    with pytest.raises(BaremetalError, match="was killed before it had finished"):
        job.join()
    gate.open()
    assert job.start(ONE, gate) is True
    job.join()


def test_another_job_is_refused(job, gate):
    job.start(ONE, gate)
    with pytest.raises(BaremetalError, match="other work is being done on the disks"):
        job.start(OTHER, gate)
    gate.open()
    job.join()
    assert job.start(OTHER, gate) is True
    job.join()


def test_nothing_of_the_caller_is_kept_open(job, gate):
    """A caller that reads the output of the starting process to its end must not wait for the job."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    job.start(ONE, gate)
    os.close(writer)
    until(lambda: job.status()["done"] == 1)
    os.set_blocking(reader, False)
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_status_file_is_private_and_whole(job, tmp_path):
    job.start(ONE, lambda report: {})
    job.join()
    path = tmp_path / "run" / "disk_image.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["identity"] == ONE


def test_a_job_that_takes_too_long_is_stopped(job, tmp_path):
    """It gets to end by itself, so that no disk is left with one end of an image."""
    def work(report):
        try:
            report(3, 9)
            time.sleep(60)
        finally:
            (tmp_path / "ended").touch()

    job.start(ONE, work)
    until(lambda: job.status()["done"] == 3)
    with pytest.raises(BaremetalError, match="not written within 0 s.*3 of 9 bytes.*has been stopped.*time-out"):
        job.join(timeout=0)
    assert (tmp_path / "ended").exists()
    # That was told: the same command again is a new try.
    assert job.start(ONE, lambda report: {"well": True}) is True
    assert job.join(timeout=60) == {"well": True}


def test_what_was_done_in_part_is_known_after_the_end(job):
    def work(report):
        report(1, 2, [], [{"disk": 1}])
        time.sleep(60)

    job.start(ONE, work)
    until(lambda: job.status()["done"] == 1)
    with pytest.raises(BaremetalError, match="not written within 0 s"):
        job.join(timeout=0)
    assert job.status()["parts"] == [{"disk": 1}]
    # A new try begins with nothing.
    job.start(ONE, lambda report: {})
    job.join()
    assert job.status()["parts"] == []


def test_a_job_that_is_told_twice_to_end_clears_up_all_the_same(job, tmp_path):
    """Two aborts, or one that meets the time-out."""
    def work(report):
        try:
            report(3, 9)
            time.sleep(60)
        except BaseException:
            (tmp_path / "begun").touch()
            until((tmp_path / "second").exists)
            (tmp_path / "ended").touch()
            raise

    job.start(ONE, work)
    until(lambda: job.status()["done"] == 3)
    first = threading.Thread(target=job.stop, args=["enough"])
    first.start()
    until((tmp_path / "begun").exists)
    # What a second stop begins with; here it is known to be sent while the first clears up.
    os.kill(job.status()["pid"], signal.SIGTERM)
    (tmp_path / "second").touch()
    first.join()
    assert (tmp_path / "ended").exists() and job.status()["state"] == "failed"


def test_a_job_that_does_not_stop_is_killed(job, gate, monkeypatch):
    monkeypatch.setattr(job_module, "_GRACE", 0.2)

    def work(report):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return gate(report)

    job.start(ONE, work)
    until(lambda: job.status()["done"] == 1)
    with pytest.raises(BaremetalError, match="1 of 2 bytes.*has been stopped"):
        job.join(timeout=0)
    gate.open()
    assert job.start(OTHER, gate) is True
    job.join()


def test_a_job_that_ends_in_time_is_not_stopped(job, gate):
    job.start(ONE, gate)
    threading.Timer(0.3, gate.open).start()
    assert job.join(timeout=30)["pid"] == job.status()["pid"]


def test_whoever_waits_is_told_why_a_job_was_stopped(job, gate, tmp_path):
    job.start(ONE, gate)
    until(lambda: job.status()["done"] == 1)
    foreseen = job.stop("ended by request of bob", check_mode=True)
    assert (foreseen["changed"], foreseen["stopped"], job.status()["state"]) == (True, True, "running")
    found = Job(str(tmp_path / "run")).stop("ended by request of bob", steps=False)
    assert (found["changed"], found["stopped"], found["job"]["done"]) == (True, True, 1)
    with pytest.raises(BaremetalError, match="not written: ended by request of bob. Seen: its process has been stopped; 1 of 2 bytes are done. To do:"):
        job.join()
    # Until the machine is booted anew nothing else begins.
    for identity in (ONE, OTHER):
        with pytest.raises(BaremetalError, match="not written: ended by request of bob. Seen: no byte of the image"):
            job.start(identity, gate)
    again = job.stop("ended by request of eve")
    assert (again["changed"], again["stopped"]) == (False, False)


def test_a_step_that_is_not_abortable_goes_on(job, gate):
    def work(report):
        return gate(lambda done, total: report(done, total, ["nvme_format (crypto) of /dev/nvme0n1"]))

    identity = {"work": "erase", "nonce": "1"}
    assert job.stop("x", steps=False) == {"changed": False, "stopped": False, "job": None}
    job.start(identity, work)
    until(lambda: job.status()["done"] == 1)
    assert job.stop("x", steps=False)["stopped"] is False
    assert job.status()["state"] == "running" and job.start(identity, work) is False
    assert job.stop("enough")["job"]["lasting"] == ["nvme_format (crypto) of /dev/nvme0n1"]
    with pytest.raises(BaremetalError, match=r"stopped; 1 of 2 bytes are done; nvme_format \(crypto\) of /dev/nvme0n1 goes on"):
        job.join()


def test_a_job_that_has_ended_is_not_made_undone(job):
    job.start(ONE, lambda report: {"well": True})
    until(lambda: job.status()["state"] == "finished")
    assert job.stop("too late")["stopped"] is False
    assert job.start(ONE, lambda report: {}) is False and job.join() == {"well": True}


def test_what_a_stopped_job_runs_ends_with_it(job, tmp_path):
    """A program that it waits for, and what that began: the workers of stress-ng, which have a process group of their own."""
    pids = [tmp_path / "pid", tmp_path / "worker"]

    def work(report):
        script = 'python3 -c "import os, time; os.setpgid(0, 0); open(\'$2\', \'w\').write(str(os.getpid())); time.sleep(60)" & echo $$ >"$1"; wait'
        subprocess.run(["sh", "-c", script, "sh", *map(str, pids)], check=True)
        return {}

    job.start(ONE, work)
    until(lambda: all(path.exists() and path.read_text().strip() for path in pids))
    assert job.stop("enough")["stopped"]
    until(lambda: not any(os.path.exists(f"/proc/{path.read_text().strip()}") for path in pids))
