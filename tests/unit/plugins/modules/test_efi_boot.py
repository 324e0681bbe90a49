# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of efi_boot; the firmware's part is tested beside its functions."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.modules import efi_boot, efi_boot_info
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

INTERLOCK = {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}


@pytest.fixture
def passed(monkeypatch):
    monkeypatch.setattr(efi_boot, "verify", lambda interlock: interlock)


@pytest.mark.parametrize("code, said", [(b"\x90" * 440, None), (b"\0" * 440, "no boot code in its first sector")])
def test_under_bios_the_disk_must_have_boot_code(capsys, monkeypatch, passed, tmp_path, code, said):
    (tmp_path / "vda").write_bytes(code + b"\0" * 70 + b"\x55\xaa" + b"\0" * 512)
    monkeypatch.setattr(efi_boot, "boot_mode", lambda: "bios")
    monkeypatch.setattr(efi_boot, "disks_for", lambda hints, skip: [{"name": str(tmp_path / "vda"), "size": 1, "serial": "S1"}])
    result = start(efi_boot, capsys, interlock=INTERLOCK, root_device={"serial": "S1"})
    if said:
        assert result["failed"] is True and said in result["msg"]
    else:
        assert (result["changed"], result["boot_mode"], result["entry"], result["boot_order"]) == (False, "bios", None, [])
    assert start(efi_boot, capsys, interlock=INTERLOCK, state="absent")["changed"] is False


def test_the_chosen_disk_gets_the_record(capsys, monkeypatch, passed):
    monkeypatch.setattr(efi_boot, "boot_mode", lambda: "uefi")
    disks = [{"name": "/dev/vda", "size": 1, "serial": "S1"}, {"name": "/dev/vdb", "size": 1, "serial": "S2"}]
    monkeypatch.setattr(efi_boot, "disks_for", lambda hints, skip: disks)
    calls = []

    def present(device, label, check_mode):
        calls.append((device, label, check_mode))
        return {"changed": True, "entry": {}, "boot_order": ["0001"], "removed": [], "diff": {}}

    monkeypatch.setattr(efi_boot.efi, "present", present)
    result = start(efi_boot, capsys, interlock=INTERLOCK, root_device={"serial": "S2"}, _ansible_check_mode=True)
    assert calls == [("/dev/vdb", "rackwright", True)]
    assert result["device"] == "/dev/vdb" and "diff" not in result


def test_absent_needs_no_disk(capsys, monkeypatch, passed):
    monkeypatch.setattr(efi_boot, "boot_mode", lambda: "uefi")
    monkeypatch.setattr(efi_boot.efi, "absent", lambda label, check_mode: {"changed": True, "removed": ["0001"], "diff": {}})
    assert start(efi_boot, capsys, interlock=INTERLOCK, state="absent", label="x")["removed"] == ["0001"]
    assert "root_device" in start(efi_boot, capsys, interlock=INTERLOCK)["msg"]


def test_info(capsys, monkeypatch):
    monkeypatch.setattr(efi_boot_info, "boot_mode", lambda: "uefi")
    monkeypatch.setattr(efi_boot_info.efi, "info", lambda: {"boot_current": "0001", "boot_next": None, "boot_order": ["0001"], "records": [{"label": "x"}]})
    result = start(efi_boot_info, capsys)
    assert (result["changed"], result["boot_mode"], result["boot_current"], result["records"]) == (False, "uefi", "0001", [{"label": "x"}])
    monkeypatch.setattr(efi_boot_info, "boot_mode", lambda: "bios")
    assert start(efi_boot_info, capsys)["records"] == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_interlock_comes_first(capsys, state):
    result = start(efi_boot, capsys, interlock=INTERLOCK, state=state, root_device={"serial": "S1"})
    assert result["failed"] is True and result["msg"].startswith("interlock: ")
