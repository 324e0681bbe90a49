# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of disk_erase; what it does to disks is tested beside its function."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.modules import disk_erase
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

INTERLOCK = {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}


def test_the_wrong_machine_is_refused(capsys):
    result = start(disk_erase, capsys, interlock=INTERLOCK, root_device={"serial": "S1"})
    assert result["failed"] is True
    assert result["msg"].startswith("interlock: ")


@pytest.mark.parametrize("missing", ["interlock", "root_device"])
def test_what_is_required(capsys, missing):
    arguments = {"interlock": INTERLOCK, "root_device": {"serial": "S1"}}
    del arguments[missing]
    assert "missing required arguments: %s" % missing in start(disk_erase, capsys, **arguments)["msg"]


def test_diff_only_when_asked_for(capsys, monkeypatch):
    seen = []

    def erase(interlock, root_device, check_mode):
        seen.append(check_mode)
        return {"changed": False, "erased": [], "diff": {"before": {}, "after": {}}}

    monkeypatch.setattr(disk_erase, "erase", erase)
    arguments = {"interlock": INTERLOCK, "root_device": {"serial": "S1"}}
    assert "diff" not in start(disk_erase, capsys, **arguments)
    assert "diff" in start(disk_erase, capsys, _ansible_diff=True, _ansible_check_mode=True, **arguments)
    assert seen == [False, True]
