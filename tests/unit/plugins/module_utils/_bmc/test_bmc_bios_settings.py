# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BIOS settings: what is refused before it is sent, where they go, and what is pending afterwards."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import bios_registry, bios_settings
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.bios_settings import (
    ensure_bios_settings,
    ensure_defaults,
    ensure_nothing_pending,
)
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import anything, trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on, wait_in_task
from hypothesis import given, settings
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
BIOS = f"{SYSTEM}/Bios"
SETTINGS = f"{BIOS}/Settings"
RESET = f"{BIOS}/Actions/Bios.ResetBios"
TASK = "/redfish/v1/TaskService/Tasks/1"

CURRENT = {"BootMode": "Uefi", "QuietBoot": True, "Cores": 16, "AssetTag": "", "Version": "1.2", "SetupPassword": None}
REGISTRY = [
    {"AttributeName": "BootMode", "Type": "Enumeration", "Value": [{"ValueName": "Uefi"}, {"ValueName": "Bios"}], "DefaultValue": "Bios"},
    {"AttributeName": "QuietBoot", "Type": "Boolean", "DefaultValue": True},
    {"AttributeName": "Cores", "Type": "Integer", "LowerBound": "1", "UpperBound": 32, "DefaultValue": "16"},
    {"AttributeName": "AssetTag", "Type": "String", "MinLength": 0, "MaxLength": 8, "DefaultValue": "none", "IsSystemUniqueProperty": True},
    {"AttributeName": "Version", "Type": "String", "Readonly": True, "DefaultValue": "1.0"},
    {"AttributeName": "SetupPassword", "Type": "Password", "DefaultValue": ""},
]


class Board:
    """A board with BIOS settings.

    :param lists: what it lists as pending: ``changes``, ``everything`` or ``nothing``.
    :param apply_times: what it supports.
    """

    def __init__(self, lists="changes", apply_times=("OnReset",), registry=None, current=None):
        registry = REGISTRY if registry is None else registry
        self.lists = lists
        self.changes = {}
        self.tree = Tree({
            "/redfish/v1/": {"Registries": {"@odata.id": "/redfish/v1/Registries"}},
            "/redfish/v1/Registries": {"Members": [
                {"@odata.id": "/redfish/v1/Registries/Base.1.0.0"}, {"@odata.id": "/redfish/v1/Registries/ManagerAttributeRegistry.v1_0_0"},
                {"@odata.id": "/redfish/v1/Registries/BiosAttributeRegistry.v1_0_0"}]},
            "/redfish/v1/Registries/ManagerAttributeRegistry.v1_0_0": {"Location": [{"Language": "en", "Uri": "/redfish/v1/manager.json"}]},
            "/redfish/v1/Registries/BiosAttributeRegistry.v1_0_0": {"Location": [
                {"Language": "ja", "Uri": "/redfish/v1/ja.json"}, {"Language": "en-US", "Uri": {"extref": "/redfish/v1/bios.json"}}]},
            "/redfish/v1/manager.json": {"RegistryEntries": {"Attributes": [{"AttributeName": "Other"}]}},
            "/redfish/v1/bios.json": {"RegistryEntries": {"Attributes": registry}},
            "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
            SYSTEM: {"Bios": {"@odata.id": BIOS}},
            BIOS: {
                "AttributeRegistry": "BiosAttributeRegistryU30.v1_2_3",
                "Attributes": dict(CURRENT if current is None else current), "@odata.etag": '"1"',
                "@Redfish.Settings": {"SettingsObject": {"@odata.id": SETTINGS}, "SupportedApplyTimes": list(apply_times)},
                "Actions": {"#Bios.ResetBios": {"target": RESET}}},
        })
        self.service = service_on(self.tree)
        self.tree.on("PATCH", SETTINGS, self._patch)
        self._list()

    def _list(self):
        current = self.tree.resources[BIOS]["Attributes"]
        changes = {name: value for name, value in self.changes.items() if value != current[name]}
        listed = {"changes": {"Attributes": changes} if changes else {}, "everything": {"Attributes": {**current, "SetupPassword": "", **changes}},
                  "nothing": {}}[self.lists]
        self.tree.resources[SETTINGS] = {"@odata.id": SETTINGS, **listed}

    def _patch(self, tree, body):
        self.changes.update(body["Attributes"])
        self._list()
        return 200, None

    def reboot(self):
        self.tree.resources[BIOS]["Attributes"].update(self.changes)
        self.changes = {}
        self._list()

    def ensure(self, **options):
        return ensure_bios_settings(self.service, options.pop("wanted"), sleep=lambda seconds: None, **options)


@pytest.mark.parametrize("lists", ["changes", "everything"])
def test_pending_then_applied_and_no_change_in_between(lists):
    board = Board(lists)
    wanted = {"BootMode": "Bios", "Cores": "8", "QuietBoot": "true"}
    foreseen = board.ensure(wanted=wanted, check_mode=True)
    assert not board.tree.changes
    result = board.ensure(wanted=wanted)
    assert result == foreseen == {
        "changed": True, "bios_settings": {"BootMode": "Uefi", "Cores": 16, "QuietBoot": True},
        "pending": {"BootMode": "Bios", "Cores": 8}, "reboot_required": True,
        "before": {"BootMode": "Uefi", "Cores": 16, "QuietBoot": True}, "after": {"BootMode": "Bios", "Cores": 8, "QuietBoot": True}}
    assert board.tree.changes == [
        ("PATCH", SETTINGS, {"Attributes": {"BootMode": "Bios", "Cores": 8}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}})]
    again = board.ensure(wanted=wanted)
    assert not again["changed"] and again["reboot_required"]
    board.reboot()
    applied = board.ensure(wanted=wanted)
    assert not applied["changed"] and not applied["reboot_required"] and applied["bios_settings"]["Cores"] == 8
    assert len(board.tree.changes) == 1


def test_what_is_pending_is_taken_back_by_the_value_in_effect():
    board = Board("everything")
    board.ensure(wanted={"BootMode": "Bios"})
    result = board.ensure(wanted={"BootMode": "Uefi"})
    assert result["changed"] and not result["reboot_required"] and not board.changes.get("BootMode") == "Bios"


def test_everything_wrong_is_told_at_once_and_nothing_sent():
    board = Board()
    with pytest.raises(BaremetalError) as caught:
        board.ensure(wanted={"BootMod": "Bios", "BootMode": "Legacy", "QuietBoot": "perhaps", "Cores": 33, "AssetTag": "x" * 9,
                             "Version": "2.0", "SetupPassword": "x"})
    message = str(caught.value)
    for part in ("7 of 7", "BootMod: there is no such attribute, but BootMode", "Legacy is none of Uefi, Bios", "perhaps is neither true nor false",
                 "33 is not between 1 and 32", "9 characters, where 0 to 8 are taken", "Version: it cannot be set; it is 1.2",
                 "SetupPassword: passwords of the BIOS are not set here"):
        assert part in message
    assert not board.tree.changes


def test_boolean_for_an_enumeration_gets_the_hint_about_yaml():
    with pytest.raises(BaremetalError, match="false is none of Uefi, Bios; yes, no, on and off need quotes in YAML"):
        Board().ensure(wanted={"BootMode": False})


def test_read_only_with_the_value_that_it_has_is_fine():
    assert not Board().ensure(wanted={"Version": "1.2"})["changed"]


def test_without_a_registry_names_and_types_of_the_bios_count():
    board = Board(registry=[])
    with pytest.raises(BaremetalError, match="QuietBoot: maybe is neither.*Cores: many is no integer.*Frequency: there is no such attribute"):
        board.ensure(wanted={"QuietBoot": "maybe", "Cores": "many", "Frequency": 1})
    assert board.ensure(wanted={"Cores": 99})["pending"] == {"Cores": 99}


def test_apply_time_is_left_out_where_it_is_not_offered_or_refused():
    board = Board(apply_times=())
    board.ensure(wanted={"Cores": 8})
    assert board.tree.changes == [("PATCH", SETTINGS, {"Attributes": {"Cores": 8}})]
    board = Board()
    board.tree.answer("PATCH", SETTINGS, (400, error_body("Base.1.0.PropertyUnknown", "The property @Redfish.SettingsApplyTime is unknown")))
    assert board.ensure(wanted={"Cores": 8})["changed"]


def test_settings_that_cannot_be_changed_there_go_to_the_bios_itself():
    board = Board(apply_times=())
    board.tree.on("PATCH", SETTINGS, lambda tree, body: (405, error_body("Base.1.0.OperationNotAllowed")))
    result = board.ensure(wanted={"Cores": 8})
    assert result["changed"] and not result["reboot_required"] and result["bios_settings"] == {"Cores": 8}


def test_waiting_job_is_an_error_that_says_what_to_do():
    board = Board()
    board.tree.on("PATCH", SETTINGS, lambda tree, body: (400, error_body("IDRAC.2.8.SYS428", "A job with settings waits")))
    with pytest.raises(BaremetalError, match="refused the BIOS settings Cores.*A job with settings waits.*delete the job"):
        board.ensure(wanted={"Cores": 8})


def test_board_that_drops_settings_is_an_error_and_one_with_a_job_a_warning():
    board = Board("nothing")
    with pytest.raises(BaremetalError, match="does not show Cores, neither as current nor as pending. Seen: Cores is 16"):
        board.ensure(wanted={"Cores": 8})
    board.tree.on("PATCH", SETTINGS, lambda tree, body: (202, None, {"Location": TASK}))
    warnings = []
    result = board.ensure(wanted={"Cores": 8}, warn=warnings.append)
    assert result["changed"] and result["reboot_required"] and TASK in warnings[0]


def test_values_that_only_a_job_holds_are_pending_and_sent_once():
    board = Board("nothing")
    board.tree.on("PATCH", SETTINGS, lambda tree, body: wait_in_task(tree, "PATCH", SETTINGS, body))
    warnings = []
    first = board.ensure(wanted={"Cores": 8}, warn=warnings.append)
    assert first["changed"] and first["reboot_required"] and first["pending"] == {"Cores": 8} and not warnings
    again = board.ensure(wanted={"Cores": 8})
    assert not again["changed"] and again["reboot_required"] and len(board.tree.changes) == 1
    # What is in effect now will not be after the next boot.
    assert board.ensure(wanted={"Cores": 16}, check_mode=True)["changed"]
    board.tree.on("PATCH", SETTINGS, lambda tree, body: 200)
    with pytest.raises(BaremetalError, match="does not show Cores.*Seen: Cores is 8"):
        board.ensure(wanted={"Cores": 16})
    with pytest.raises(BaremetalError, match="still shows pending BIOS settings. Seen: Cores"):
        ensure_nothing_pending(board.service, sleep=lambda seconds: None)
    board.tree.resources[TASK]["TaskState"] = "Completed"
    assert not board.ensure(wanted={"Cores": 16})["changed"]


def staged_board(monkeypatch, staged, makes_job=True):
    """A board that applies pending settings only by a job, which comes of an apply time (Dell), after another tool has sent some without."""
    board = Board()
    monkeypatch.setattr(board.service, "quirk", lambda name, default=None: {"bios_apply_time": "OnReset", "bios_job_holds": True}.get(name, default))

    def patch(tree, body):
        board._patch(tree, body)
        return wait_in_task(tree, "PATCH", SETTINGS, body) if makes_job and "@Redfish.SettingsApplyTime" in body else 200

    board.tree.on("PATCH", SETTINGS, patch)
    board.service.patch(SETTINGS, {"Attributes": staged})
    return board


@pytest.mark.parametrize("is_told", [False, True])
def test_settings_that_wait_for_a_job_that_nobody_made_get_it(monkeypatch, is_told):
    board = staged_board(monkeypatch, {"Cores": 8, "BootMode": "Bios"})
    foreseen = board.ensure(wanted={"Cores": 8}, check_mode=True)
    assert len(board.tree.changes) == 1
    result = board.ensure(wanted={"Cores": 8})
    assert result == foreseen and result["changed"] and result["reboot_required"]
    assert board.tree.changes[1:] == [("PATCH", SETTINGS, {"Attributes": {"Cores": 8}, "@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}})]
    if not is_told:
        board.tree.resources[TASK].update(Name="Configure: BIOS.Setup.1-1", Payload=None)
    for state in ("Pending", "Running", "ReadyForExecution"):
        board.tree.resources[TASK]["TaskState"] = state
        again = board.ensure(wanted={"Cores": 8})
        assert not again["changed"] and again["reboot_required"] and len(board.tree.changes) == 2


def test_a_job_that_ends_between_two_requests_was_one(monkeypatch):
    board = staged_board(monkeypatch, {"Cores": 8})

    def looked_late(service, bios):
        board.tree.resources[BIOS]["Attributes"]["Cores"] = 8
        board.changes = {}
        board._list()
        return True

    monkeypatch.setattr(bios_settings, "_has_no_job", looked_late)
    result = board.ensure(wanted={"Cores": 8})
    assert not result["changed"] and not result["reboot_required"] and len(board.tree.changes) == 1


@pytest.mark.parametrize("wanted", [{"Cores": 8}, {"Cores": 4}])
def test_settings_of_which_the_board_makes_no_job_are_an_error(monkeypatch, wanted):
    board = staged_board(monkeypatch, {"Cores": 8}, makes_job=False)
    with pytest.raises(BaremetalError, match="shows the BIOS settings Cores as pending and has made no job of them.*nothing_pending"):
        board.ensure(wanted=wanted)


def test_defaults_that_wait_for_a_job_that_nobody_made_are_reset_to(monkeypatch):
    board = staged_board(monkeypatch, {"BootMode": "Bios"})
    board.tree.on("POST", RESET, lambda tree, body: tree.resources[BIOS].update(ResetBiosToDefaultsPending=True))
    assert reset(board, check_mode=True)["changed"] and reset(board)["changed"] and board.tree.changes[-1][:2] == ("POST", RESET)
    assert not reset(board)["changed"]


@pytest.mark.parametrize("action", [None, "#DellManager.ClearPending"])
def test_nothing_pending(action):
    board = Board()

    def ensure(**options):
        return ensure_nothing_pending(board.service, sleep=lambda seconds: None, **options)

    def clear(tree, body):
        board.changes = {}
        board._list()

    assert not ensure()["changed"]
    board.ensure(wanted={"Cores": 8, "BootMode": "Bios"})
    if action:
        board.tree.resources[SETTINGS]["Actions"] = {"Oem": {action: {"target": f"{SETTINGS}/clear"}}}
        board.tree.on("POST", f"{SETTINGS}/clear", clear)
    foreseen = ensure(check_mode=True)
    result = ensure()
    assert result["changed"] and result == foreseen and result["after"] == {"Cores": 16, "BootMode": "Uefi"}
    assert board.tree.changes[-1][0] == ("POST" if action else "PATCH")
    assert not ensure()["changed"]


def test_nothing_pending_where_the_board_keeps_it():
    board = Board()
    board.ensure(wanted={"Cores": 8})
    board.tree.on("PATCH", SETTINGS, lambda tree, body: (200, None))
    with pytest.raises(BaremetalError, match="still shows pending BIOS settings. Seen: Cores"):
        ensure_nothing_pending(board.service, sleep=lambda seconds: None)


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_pending_where_the_board_is_known_to_keep_it(monkeypatch, check_mode):
    board = Board()
    board.ensure(wanted={"Cores": 8})
    sent = len(board.tree.changes)
    monkeypatch.setattr(board.service, "quirk", lambda name, default=None: False if name == "bios_pending_clear" else default)
    with pytest.raises(BaremetalError, match="cannot take back pending BIOS settings. Seen: pending: Cores"):
        ensure_nothing_pending(board.service, check_mode=check_mode, sleep=lambda seconds: None)
    assert len(board.tree.changes) == sent


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("is_told", [False, True])
def test_job_that_holds_the_settings_is_told_before_anything_is_sent(monkeypatch, is_told, check_mode):
    board = Board()
    board.ensure(wanted={"Cores": 8})
    wait_in_task(board.tree, "PATCH", SETTINGS, {"Attributes": {"Cores": 8}})
    if not is_told:
        board.tree.resources[TASK].update(Name="Configure: BIOS.Setup.1-1", Payload=None)
    sent = len(board.tree.changes)
    # Boards that are not known to do so are asked.
    assert board.ensure(wanted={"Cores": 16}, check_mode=True)["changed"]
    monkeypatch.setattr(board.service, "quirk", lambda name, default=None: True if name == "bios_job_holds" else default)
    with pytest.raises(BaremetalError, match="takes none back until then. Seen: .*Tasks/1.* is Pending; pending: Cores"):
        ensure_nothing_pending(board.service, check_mode=check_mode, sleep=lambda seconds: None)
    with pytest.raises(BaremetalError, match="takes no others"):
        board.ensure(wanted={"Cores": 16}, check_mode=check_mode)
    assert not board.ensure(wanted={"Cores": 8}, check_mode=check_mode)["changed"] and len(board.tree.changes) == sent
    board.tree.resources[TASK]["TaskState"] = "Completed"
    assert ensure_nothing_pending(board.service, check_mode=check_mode, sleep=lambda seconds: None)["changed"]


def reset(board, **options):
    return ensure_defaults(board.service, sleep=lambda seconds: None, **options)


def test_defaults_by_the_registry_and_passwords_and_tags_do_not_count():
    board = Board()
    board.tree.on("POST", RESET, lambda tree, body: tree.resources[BIOS].update(ResetBiosToDefaultsPending=True))
    foreseen = reset(board, check_mode=True)
    assert foreseen["changed"] and foreseen["after"] == {"BootMode": "Bios"}
    result = reset(board)
    assert result["changed"] and result["reboot_required"]
    # A reset without a body is refused by several boards.
    assert board.tree.changes == [("POST", RESET, {})]
    again = reset(board)
    assert not again["changed"] and again["reboot_required"]
    board.tree.resources[BIOS].update(ResetBiosToDefaultsPending=False)
    board.tree.resources[BIOS]["Attributes"]["BootMode"] = "Bios"
    at_last = reset(board)
    assert not at_last["changed"] and not at_last["reboot_required"]
    assert len(board.tree.changes) == 1


def test_defaults_that_show_nowhere_are_a_warning():
    warnings = []
    result = reset(Board(), warn=warnings.append)
    assert result["changed"] and result["reboot_required"] and "only after the reboot" in warnings[0]


def test_board_without_bios_and_board_without_a_licence():
    board = Board()
    board.tree.answer("GET", BIOS, (403, error_body("SMC.1.0.OemLicenseNotPassed", "Not licensed")))
    with pytest.raises(BaremetalError, match="does not let its BIOS settings be read.*Not licensed.*licence"):
        board.ensure(wanted={"Cores": 8})
    del board.tree.resources[SYSTEM]["Bios"]
    with pytest.raises(BaremetalError, match="shows no BIOS settings"):
        board.ensure(wanted={"Cores": 8})


@given(anything, anything)
def test_sameness_of_anything(one, other):
    forth, back = bios_registry.same(one, other), bios_registry.same(*reversed([one, other]))
    assert forth == back


@settings(max_examples=60)
@given(trees("Attributes", "AttributeName", "Value", "ValueName"),
       st.lists(trees("AttributeName", "Type", "Value", "ValueName", "LowerBound", "UpperBound", "MaxLength", "ReadOnly", "DefaultValue"), max_size=3),
       trees("Attributes", "@Redfish.Settings", "SettingsObject", "SupportedApplyTimes", "Actions", "AttributeRegistry", "Location", "Uri"), anything,
       st.sampled_from(["present", "defaults", "nothing_pending"]))
def test_random_boards_end_in_a_result_or_a_paragraph(current, entries, document, value, state):
    board = Board(registry=[{"AttributeName": "Name", **entry} for entry in entries])
    board.tree.resources[BIOS].update({key: item for key, item in document.items() if key != "@odata.id"})
    board.tree.resources[BIOS]["Attributes"] = current
    board.tree.resources[SETTINGS].update(document)
    try:
        if state == "present":
            board.ensure(wanted={"Name": value, "Id": 1})
        elif state == "defaults":
            reset(board)
        else:
            ensure_nothing_pending(board.service, sleep=lambda seconds: None)
    except BaremetalError as error:
        assert error.what
