# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""hardware_info on the machine that runs the tests."""

from __future__ import annotations

import platform
import shutil

import pytest
from ansible_collections.rackwright.baremetal.plugins.modules import hardware_info
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

pytestmark = pytest.mark.skipif(shutil.which("lsblk") is None, reason="lsblk is not installed")
INTERLOCK = {"nonce": "n1", "system_uuid": "4c4c4544-0042-4810-8054-b4c04f4b3532", "macs": ["52:54:00:12:34:56"]}
DISK = {"name": "/dev/vda", "size": 10 ** 10, "serial": "S1", "model": None}


def test_everything_documented_is_there(capsys):
    result = start(hardware_info, capsys)
    assert result["changed"] is False
    keys = {"hostname", "nonce", "system", "bios", "boot", "cpu", "memory", "disks", "interfaces"}
    assert set(result["hardware"]) == keys
    assert result["hardware"]["hostname"] == platform.node()
    assert result["hardware"]["cpu"]["count"] > 0
    assert "interlock" not in result and "root_disk" not in result


def test_another_machine_is_refused(capsys):
    result = start(hardware_info, capsys, interlock=INTERLOCK)
    assert result["failed"] is True
    assert result["msg"].startswith("interlock: this is not the machine")
    assert "hardware" not in result


def test_the_root_disk_is_chosen(capsys, monkeypatch):
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    monkeypatch.setattr(hardware_info, "verify", lambda interlock: {"nonce": interlock["nonce"]})
    result = start(hardware_info, capsys, interlock=INTERLOCK, root_device={"serial": "s1"}, _ansible_check_mode=True)
    assert result["root_disk"] == DISK
    assert result["interlock"] == {"nonce": "n1"}


@pytest.mark.parametrize("hints, text", [({}, "no root device hints"), ({"name": "/dev/vda"}, "refused"), ({"serial": "x"}, "Seen: /dev/vda")])
def test_bad_hints_are_one_paragraph(capsys, monkeypatch, hints, text):
    monkeypatch.setattr(hardware_info, "list_disks", lambda: [DISK])
    result = start(hardware_info, capsys, root_device=hints)
    assert result["failed"] is True and text in result["msg"]


def test_an_interlock_needs_uuid_or_serial(capsys):
    result = start(hardware_info, capsys, interlock={"nonce": "n", "macs": []})
    assert "one of the following is required: system_uuid, serial" in result["msg"]
