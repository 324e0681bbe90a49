# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The doors of disk_erase; what it does to disks is tested beside its function."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.rackwright.baremetal.plugins.action.disk_erase import keep
from ansible_collections.rackwright.baremetal.plugins.modules import disk_erase
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

INTERLOCK = {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}
ARGUMENTS = {"interlock": INTERLOCK, "root_device": {"serial": "S1"}}


def test_the_wrong_machine_is_refused(capsys):
    result = start(disk_erase, capsys, **ARGUMENTS)
    assert result["failed"] is True
    assert result["msg"].startswith("interlock: ")


def test_what_is_required(capsys):
    assert "missing required arguments: interlock" in start(disk_erase, capsys, root_device={"serial": "S1"})["msg"]
    assert "disks is root but all of the following are missing: root_device" in start(disk_erase, capsys, interlock=INTERLOCK)["msg"]


def test_diff_only_when_asked_for(capsys, monkeypatch):
    seen = []

    def erase(options, job, check_mode):
        seen.append((options["grade"], options["methods"], check_mode))
        return {"changed": False, "erased": [], "failures": [], "diff": {"before": {}, "after": {}}}

    monkeypatch.setattr(disk_erase, "erase", erase)
    assert "diff" not in start(disk_erase, capsys, **ARGUMENTS)
    assert "diff" in start(disk_erase, capsys, _ansible_diff=True, _ansible_check_mode=True, grade="purge", methods=["nvme_format"], **ARGUMENTS)
    assert seen == [("metadata", [], False), ("purge", ["nvme_format"], True)]


def test_certificates_are_returned_also_when_one_disk_failed(capsys, monkeypatch):
    certificates = [{"device": "/dev/sda", "result": "erased", "error": None}, {"device": "/dev/sdb", "result": "failed", "error": "erase: broken"}]
    monkeypatch.setattr(disk_erase, "erase", lambda options, job, check_mode: {"changed": True, "erased": certificates, "failures": ["erase: broken"]})
    result = start(disk_erase, capsys, **ARGUMENTS)
    assert (result["failed"], result["erased"]) == (True, certificates)
    assert result["msg"] == "erase: broken. Disks that were erased all the same: 1."


def test_disks_that_were_done_when_the_work_was_ended_are_counted(capsys, monkeypatch):
    done = [{"device": "/dev/sda", "result": "erased", "error": None}]
    monkeypatch.setattr(disk_erase, "erase", lambda options, job, check_mode: {"changed": True, "erased": done, "failures": ["erase: it took too long"]})
    result = start(disk_erase, capsys, **ARGUMENTS)
    assert (result["erased"], result["msg"]) == (done, "erase: it took too long. Disks that were erased all the same: 1.")


def test_certificates_are_kept_for_their_owner(tmp_path):
    certificates = [{"device": "/dev/sda", "serial": "S1"}]
    first = keep(str(tmp_path / "new/folder"), "rack1/node", certificates)
    second = keep(str(tmp_path / "new/folder"), "rack1/node", certificates)
    assert first != second
    assert first.name.startswith("rack1_node-")
    assert json.loads(first.read_text())["certificates"] == certificates
    assert (os.stat(first).st_mode & 0o777, os.stat(first.parent).st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("options,word", [({"grade": "shred"}, "grade"), ({"methods": ["metadata"]}, "methods"), ({"fallback": "purge"}, "fallback")])
def test_values_that_are_none(capsys, options, word):
    assert "value of %s must be one" % word in start(disk_erase, capsys, **ARGUMENTS, **options)["msg"]
