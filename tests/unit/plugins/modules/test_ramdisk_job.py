# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of ramdisk_job; how work is stopped is tested beside the job."""

from __future__ import annotations

import time
from functools import partial

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.job import Job
from ansible_collections.rackwright.baremetal.plugins.modules import ramdisk_job
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

ARGUMENTS = {"interlock": {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}, "reason": "ended by request of bob"}


@pytest.fixture(name="job")
def _job(monkeypatch, tmp_path):
    monkeypatch.setattr(ramdisk_job, "verify", lambda interlock: None)
    monkeypatch.setattr(ramdisk_job, "Job", partial(Job, str(tmp_path / "run")))
    return Job(str(tmp_path / "run"))


def test_the_wrong_machine_is_left_alone(capsys):
    assert start(ramdisk_job, capsys, **ARGUMENTS)["msg"].startswith("interlock: ")


def test_a_reason_is_needed(capsys):
    assert "reason" in start(ramdisk_job, capsys, interlock=ARGUMENTS["interlock"])["msg"]


def test_nothing_is_under_way(capsys, job):
    def said(**more):
        result = start(ramdisk_job, capsys, **ARGUMENTS, **more)
        return result["changed"], result["stopped"], result["lasting"], result["job"]

    assert said(abortable=False) == (False, False, [], None)
    assert said(_ansible_check_mode=True) == said() == (True, False, [], None)
    assert said() == (False, False, [], None)


def test_an_erase_is_stopped(capsys, job, tmp_path):
    def work(report):
        report(0, 9, ["nvme_format (crypto) of /dev/nvme0n1"])
        (tmp_path / "begun").touch()
        time.sleep(60)

    job.start({"work": "erase"}, work)
    deadline = time.monotonic() + 30
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    result = start(ramdisk_job, capsys, **ARGUMENTS)
    assert (result["changed"], result["stopped"], result["job"]["state"]) == (True, True, "failed")
    assert result["lasting"] == ["nvme_format (crypto) of /dev/nvme0n1"]
