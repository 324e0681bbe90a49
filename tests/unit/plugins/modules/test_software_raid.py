# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of software_raid; what it does to disks is tested beside its function."""

from __future__ import annotations

from ansible_collections.rackwright.baremetal.plugins.modules import software_raid
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

INTERLOCK = {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}
TARGET = {"logical_disks": []}


def test_the_wrong_machine_is_refused(capsys):
    for arguments in ({"target_raid_config": TARGET}, {"state": "absent"}):
        result = start(software_raid, capsys, interlock=INTERLOCK, **arguments)
        assert result["failed"] is True
        assert result["msg"].startswith("interlock: ")


def test_what_is_required(capsys):
    assert "missing required arguments: interlock" in start(software_raid, capsys, target_raid_config=TARGET)["msg"]
    assert "state is present but all of the following are missing: target_raid_config" in start(software_raid, capsys, interlock=INTERLOCK)["msg"]


def test_diff_only_when_asked_for(capsys, monkeypatch):
    seen = []

    def answer(name):
        def call(options, check_mode):
            seen.append((name, options["delete_existing"], check_mode))
            return {"changed": False, "diff": {"before": {}, "after": {}}}
        return call

    for name in ("present", "absent"):
        monkeypatch.setattr(software_raid, name, answer(name))
    assert "diff" not in start(software_raid, capsys, interlock=INTERLOCK, target_raid_config=TARGET, delete_existing=True)
    assert "diff" in start(software_raid, capsys, interlock=INTERLOCK, state="absent", _ansible_diff=True, _ansible_check_mode=True)
    assert seen == [("present", True, False), ("absent", False, True)]
