# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secure boot: what holds now, what holds after the next boot, and what a BMC does not tell."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.secure_boot import ensure_secure_boot
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on, wait_in_task
from hypothesis import given, settings
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
SECURE = f"{SYSTEM}/SecureBoot"
RESET = f"{SECURE}/Actions/SecureBoot.ResetKeys"
TASK = "/redfish/v1/TaskService/Tasks/1"
KEYLESS = {"ResetAllKeysToDefault": "UserMode", "DeleteAllKeys": "SetupMode", "DeletePK": "SetupMode"}


class Board:
    """A board with secure boot.

    :param databases: number of certificates by database; None where it shows no databases.
    """

    def __init__(self, enabled=False, mode="UserMode", databases=None):
        self.tree = Tree({
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"SecureBoot": {"@odata.id": SECURE}},
            SECURE: {
                "SecureBootEnable": enabled, "SecureBootCurrentBoot": "Enabled" if enabled else "Disabled", "SecureBootMode": mode,
                "Actions": {"#SecureBoot.ResetKeys": {"target": RESET, "ResetKeysType@Redfish.AllowableValues": list(KEYLESS)}}},
        })
        if databases is not None:
            base = f"{SECURE}/SecureBootDatabases"
            self.tree.resources[SECURE]["SecureBootDatabases"] = {"@odata.id": base}
            self.tree.resources[base] = {"Members": [{"@odata.id": f"{base}/{name}"} for name in databases]}
            for name, count in databases.items():
                self.tree.resources[f"{base}/{name}"] = {"DatabaseId": name, "Certificates": {"@odata.id": f"{base}/{name}/Certificates"}}
                self.tree.resources[f"{base}/{name}/Certificates"] = {"Members": [{"@odata.id": f"{base}/{name}/Certificates/{n}"} for n in range(count)]}
        self.tree.on("POST", RESET, self._reset)
        self.service = service_on(self.tree)

    def _reset(self, tree, body):
        tree.resources[SECURE]["SecureBootMode"] = KEYLESS[body["ResetKeysType"]]
        for path in tree.resources:
            if path.endswith("/Certificates") and body["ResetKeysType"] == "DeleteAllKeys":
                tree.resources[path] = {"Members": []}
        return 204, None

    def ensure(self, enabled=None, keys=None, **options):
        return ensure_secure_boot(self.service, enabled, keys, sleep=lambda seconds: None, **options)


def test_switched_on_after_the_next_boot_and_never_sent_again():
    board = Board()
    foreseen = board.ensure(True, check_mode=True)
    assert not board.tree.changes
    result = board.ensure(True)
    assert result == foreseen == {
        "changed": True, "secure_boot": {"enabled": True, "current": False, "mode": "user"}, "reboot_required": True,
        "before": {"enabled": False, "current": False, "mode": "user"}, "after": {"enabled": True, "current": False, "mode": "user"}}
    again = board.ensure(True)
    assert not again["changed"] and again["reboot_required"]
    board.tree.resources[SECURE]["SecureBootCurrentBoot"] = "Enabled"
    assert not board.ensure(True)["reboot_required"]
    assert board.tree.changes == [("PATCH", SECURE, {"SecureBootEnable": True})]


def test_pending_value_of_the_settings_resource_counts():
    board = Board()
    board.tree.resources[SECURE]["@Redfish.Settings"] = {"SettingsObject": {"@odata.id": f"{SECURE}/Settings"}}
    board.tree.resources[f"{SECURE}/Settings"] = {}
    assert board.ensure(True)["changed"]
    assert board.tree.changes[0][1] == f"{SECURE}/Settings"
    assert not board.ensure(True)["changed"] and board.ensure(False)["changed"]


def test_keys_come_before_it_is_on_and_go_after_it_is_off():
    board = Board(mode="SetupMode")
    board.ensure(True, "default")
    assert [method for method, path, body in board.tree.changes] == ["POST", "PATCH"]
    board.tree.requests.clear()
    board.ensure(False, "none")
    assert [method for method, path, body in board.tree.changes] == ["PATCH", "POST"]
    assert board.tree.changes[1][2] == {"ResetKeysType": "DeleteAllKeys"}


@pytest.mark.parametrize(("keys", "mode"), [("default", "SetupMode"), ("none", "UserMode"), ("no_platform_key", "DeployedMode")])
def test_keys_once(keys, mode):
    board = Board(mode=mode)
    foreseen = board.ensure(keys=keys, check_mode=True)
    result = board.ensure(keys=keys)
    assert result == foreseen and result["changed"]
    assert not board.ensure(keys=keys)["changed"]


def test_databases_tell_whether_all_keys_are_gone():
    board = Board(mode="SetupMode", databases={"PK": 0, "KEK": 0, "db": 2, "dbDefault": 2})
    assert not board.ensure(keys="no_platform_key")["changed"]
    assert board.ensure(keys="none")["changed"]
    assert not board.ensure(keys="none")["changed"]


def test_on_without_a_platform_key_is_refused():
    for keys in ("none", "no_platform_key"):
        board = Board()
        with pytest.raises(BaremetalError, match="cannot be on without a platform key"):
            board.ensure(True, keys)
        assert not board.tree.requests


@pytest.mark.parametrize("check_mode", [False, True])
def test_reset_that_is_not_offered(check_mode):
    board = Board()
    board.tree.resources[SECURE]["Actions"]["#SecureBoot.ResetKeys"]["ResetKeysType@Redfish.AllowableValues"] = ["ResetAllKeysToDefault"]
    with pytest.raises(BaremetalError, match="does not offer DeletePK. Seen: offered: ResetAllKeysToDefault"):
        board.ensure(keys="no_platform_key", check_mode=check_mode)
    board.tree.resources[SECURE]["Actions"].clear()
    with pytest.raises(BaremetalError, match="does not offer SecureBoot.ResetKeys"):
        board.ensure(keys="no_platform_key", check_mode=check_mode)
    assert not board.tree.changes


def test_missing_licence_is_unknown_when_read_and_an_error_when_changed():
    board = Board()
    board.tree.on("GET", SECURE, lambda tree, body: (403, error_body("SMC.1.0.OemLicenseNotPassed", "Not licensed to perform this request")))
    warnings = []
    assert board.ensure(warn=warnings.append)["secure_boot"] == {"enabled": None, "current": None, "mode": None}
    assert "Not licensed" in warnings[0]
    with pytest.raises(BaremetalError, match="unknown and stays as it is.*Not licensed.*licence"):
        board.ensure(True)
    assert not board.tree.changes


def test_order_that_does_not_show_is_an_error_and_a_job_a_warning():
    board = Board()
    board.tree.on("PATCH", SECURE, lambda tree, body: (200, None))
    with pytest.raises(BaremetalError, match="took the order to switch secure boot on and does not show it. Seen: SecureBootEnable is False"):
        board.ensure(True)
    board.tree.on("PATCH", SECURE, lambda tree, body: (202, None, {"Location": TASK}))
    warnings = []
    result = board.ensure(True, warn=warnings.append)
    assert result["changed"] and result["reboot_required"] and TASK in warnings[0]


def test_what_waits_in_a_job_is_asked_for_once():
    board = Board()
    board.tree.on("PATCH", SECURE, lambda tree, body: wait_in_task(tree, "PATCH", SECURE, body))
    assert board.ensure(True)["changed"]
    for options in ({}, {"check_mode": True}):
        again = board.ensure(True, **options)
        assert not again["changed"] and again["reboot_required"] and len(board.tree.changes) == 1
    # It is off now and will not be after the next boot.
    assert board.ensure(False, check_mode=True)["changed"]
    board.tree.on("PATCH", SECURE, lambda tree, body: 200)
    with pytest.raises(BaremetalError, match="a job of the BMC is going to switch secure boot on at the next boot"):
        board.ensure(False)
    board = Board(mode="SetupMode")
    board.tree.on("POST", RESET, lambda tree, body: wait_in_task(tree, "POST", RESET, body))
    assert board.ensure(keys="default")["changed"]
    again = board.ensure(keys="default")
    assert not again["changed"] and again["reboot_required"] and len(board.tree.changes) == 1


@pytest.mark.parametrize(("name", "kind", "is_ours"), [
    ("Secure boot", None, True), ("Configure: BIOS.Setup.1-1", "BIOSConfiguration", True), ("Firmware Update: BIOS", "FirmwareUpdate", False)])
@pytest.mark.parametrize("options", [{}, {"check_mode": True}])
def test_job_that_does_not_tell_what_it_does(name, kind, is_ours, options):
    board = Board()
    wait_in_task(board.tree, "PATCH", SECURE, {})
    board.tree.resources[TASK].update(Name=name, JobType=kind, TaskState="Scheduled")
    del board.tree.resources[TASK]["Payload"]
    warnings = []
    result = board.ensure(True, warn=warnings.append, **options)
    if not is_ours:
        assert result["changed"] and not warnings
        return
    assert not result["changed"] and result["reboot_required"] and not board.tree.changes
    assert result["secure_boot"]["enabled"] is False and name in warnings[0] and "nothing was sent" in warnings[0]
    # It may be about to undo what holds now.
    assert board.ensure(False, **options)["reboot_required"]


def test_job_of_pending_bios_settings_is_theirs():
    board = Board()
    wait_in_task(board.tree, "PATCH", SECURE, {})
    board.tree.resources[TASK].update(Name="Configure: BIOS.Setup.1-1", Payload=None)
    board.tree.resources[SYSTEM]["Bios"] = {"@odata.id": f"{SYSTEM}/Bios"}
    board.tree.resources[f"{SYSTEM}/Bios"] = {
        "Attributes": {"NumLock": "On"}, "@Redfish.Settings": {"SettingsObject": {"@odata.id": f"{SYSTEM}/Bios/Settings"}}}
    board.tree.resources[f"{SYSTEM}/Bios/Settings"] = {"Attributes": {"NumLock": "Off"}}
    assert board.ensure(True)["changed"]


def test_keys_that_show_only_after_a_reboot_are_a_warning():
    board = Board(mode="SetupMode")
    board.tree.on("POST", RESET, lambda tree, body: (204, None))
    warnings = []
    result = board.ensure(keys="default", warn=warnings.append)
    assert result["changed"] and result["reboot_required"] and "only after a reboot" in warnings[0]


def test_refusal_and_board_without_secure_boot():
    board = Board()
    board.tree.on("PATCH", SECURE, lambda tree, body: (400, error_body("Base.1.0.GeneralError", "Not in legacy boot mode")))
    with pytest.raises(BaremetalError, match="refused to switch secure boot on. Seen: .*Not in legacy boot mode"):
        board.ensure(True)
    del board.tree.resources[SYSTEM]["SecureBoot"]
    with pytest.raises(BaremetalError, match="shows no secure boot"):
        board.ensure(True)


@settings(max_examples=60)
@given(trees("SecureBootEnable", "SecureBootCurrentBoot", "SecureBootMode", "@Redfish.Settings", "SettingsObject", "Actions", "SecureBootDatabases"),
       trees("SecureBootEnable"), st.sampled_from([True, False, None]), st.sampled_from(["default", "none", "no_platform_key", None]))
def test_random_boards_end_in_a_result_or_a_paragraph(document, other, enabled, keys):
    board = Board(databases={"PK": 1})
    board.tree.resources[SECURE].update({name: value for name, value in document.items() if name != "@odata.id"})
    board.tree.resources[f"{SECURE}/SecureBootDatabases/PK"] = other
    try:
        board.ensure(enabled, keys)
    except BaremetalError as error:
        assert error.what
