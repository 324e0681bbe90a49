# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a preflight makes of a BMC: each check by itself, and what an error proves about the others."""

from __future__ import annotations

import contextlib
from unittest import mock

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import preflight, redfish
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import (
    BmcLost, BmcUnreachable, NotLetIn, NotPrivileged, PasswordChangeRequired, SessionsFull)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_errors import RedfishRefusal
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import MANAGER, SYSTEM, collection, link
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, service_on
from hypothesis import given, settings

ACCOUNTS, ROLES = "/redfish/v1/AccountService/Accounts", "/redfish/v1/AccountService/Roles"
NOW = 1_790_000_000


def board(**more):
    """The documents of a board without a fault."""
    return {
        "/redfish/v1/": {"AccountService": link("/redfish/v1/AccountService"), "SessionService": link("/redfish/v1/SessionService")},
        "/redfish/v1/SessionService": {"Sessions": link("/redfish/v1/SessionService/Sessions"), "SessionTimeout": 600},
        "/redfish/v1/AccountService": {"Accounts": link(ACCOUNTS)},
        SYSTEM: {"PowerState": "On", "Manufacturer": "Dell Inc.", "Model": "PowerEdge R650", "SKU": "TAG1234", "SerialNumber": "CN12",
                 "Bios": link(f"{SYSTEM}/Bios"), "Links": {"ManagedBy": [link(MANAGER)]}},
        f"{SYSTEM}/Bios": {"Attributes": {"BootMode": "Uefi"}},
        MANAGER: {"Model": "15G Monolithic", "FirmwareVersion": "7.10.30.00", "DateTime": "2026-09-21T14:13:20+00:00"},
        **collection(ACCOUNTS, ("1", {"UserName": "root", "RoleId": "Administrator"}), ("2", {"UserName": "operator", "RoleId": "Operator"})),
        **collection("/redfish/v1/SessionService/Sessions", ("1", {"UserName": "somebody"})),
        **more,
    }


@contextlib.contextmanager
def opened(documents):
    """A real driver over documents; a number in place of one is the status of the answer."""
    tree = Tree({path: document for path, document in documents.items() if isinstance(document, dict)})
    for path, answer in documents.items():
        if not isinstance(answer, dict):
            tree.on("GET", path, lambda tree, body, answer=answer: answer)
    with mock.patch.object(redfish, "RedfishService", lambda connection, log, facts=None: service_on(tree, system_id="1")):
        driver = redfish.RedfishDriver({}, lambda text: None)
    yield driver
    assert {method for method, *_rest in tree.requests} <= {"GET"}


def look(documents, machine=None, **options):
    checks, told = preflight.examine(opened(documents), machine, now=lambda: NOW, **options)
    assert [item["check"] for item in checks] == list(preflight.CHECKS)
    return {item["check"]: item for item in checks}, told


def statuses(documents, machine=None, **options):
    return {name: item["status"] for name, item in look(documents, machine, **options)[0].items() if item["status"] != "ok"}


def test_a_board_without_a_fault():
    checks, told = look(board(), {"system_uuid": None, "serial": "TAG1234"})
    assert {item["status"] for item in checks.values()} == {"ok"}
    assert (checks["privilege"]["seen"], checks["clock"]["seen"], checks["sessions"]["seen"]) == ("Operator", "+0 s", "1 open")
    assert (told["serial"], told["model"], told["firmware_version"]) == ("TAG1234", "PowerEdge R650", "7.10.30.00")


@pytest.mark.parametrize(("documents", "machine", "found", "said"), [
    (board(), {"serial": "OTHER"}, {"identity": "fail"}, "SKU TAG1234, expected OTHER"),
    (board(**{MANAGER: {"DateTime": "2026-09-21T14:15:20+00:00", "FirmwareVersion": "7"}}), None, {"clock": "warn"}, "120 s ahead"),
    (board(**{MANAGER: {"DateTime": "1970-01-01T00:00:00+00:00", "FirmwareVersion": "7"}}), None, {"clock": "warn"}, "s behind"),
    (board(**{f"{ACCOUNTS}/2": {"UserName": "operator", "RoleId": "ReadOnly"}}), None, {"privilege": "fail"}, "ReadOnly"),
    (board(**{f"{ACCOUNTS}/2": {"UserName": "operator", "RoleId": "Guest", "Links": {"Role": link(f"{ROLES}/Guest")}},
              f"{ROLES}/Guest": {"AssignedPrivileges": ["Login"]}}), None, {"privilege": "fail"}, "Guest"),
    (board(**{f"{ACCOUNTS}/2": {"UserName": "operator", "RoleId": "Odd"}}), None, {"privilege": "skipped"}, "does not tell"),
    (board(**{f"{ACCOUNTS}/1": 403, f"{ACCOUNTS}/2": {"UserName": "operator", "RoleId": "Operator"}}), None, {}, ""),
    (board(**{ACCOUNTS: 403}), None, {"privilege": "skipped"}, "refused"),
    (board(**{MANAGER: {}}), None, {"clock": "skipped", "firmware": "skipped"}, "no time"),
    (board(**{f"{SYSTEM}/Bios": {"Attributes": {"BootMode": "Uefi", "AdminPassword": "a"}, "@Redfish.Settings": {"SettingsObject": link(f"{SYSTEM}/Bios/S")}},
              f"{SYSTEM}/Bios/S": {"Attributes": {"BootMode": "Bios", "AdminPassword": "b"}}}), None, {"pending": "warn"}, "changes: BootMode."),
    (board(**{f"{SYSTEM}/Bios": 404}), None, {"pending": "skipped"}, "no BIOS settings"),
], ids=range(11))
def test_what_is_found(documents, machine, found, said):
    checks, dummy = look(documents, machine)
    assert statuses(documents, machine) == found
    told = " ".join(f"{item['seen']}. {item['cure']}" for name, item in checks.items() if name in found)
    assert said in told


def test_what_the_account_may_do_is_told():
    assert look(board())[1]["privileges"] == ["ConfigureComponents"]
    role = {"AssignedPrivileges": ["Login", "ConfigureComponents"], "OemPrivileges": ["AccessVirtualMedia"]}
    documents = board(**{f"{ACCOUNTS}/2": {"UserName": "operator", "RoleId": "Ours", "Links": {"Role": link(f"{ROLES}/Ours")}}, f"{ROLES}/Ours": role})
    assert look(documents)[1]["privileges"] == ["AccessVirtualMedia", "ConfigureComponents", "Login"]
    assert look(board(**{ACCOUNTS: 403}))[1]["privileges"] is None


def with_tasks(*states):
    tasks = [(f"JID_{number}", {"Name": "Configure: BIOS.Setup.1-1", "TaskState": state}) for number, state in enumerate(states)]
    return board(**{"/redfish/v1/": {"Tasks": link("/redfish/v1/TaskService")}, "/redfish/v1/TaskService": {"Tasks": link("/redfish/v1/TaskService/Tasks")},
                    **collection("/redfish/v1/TaskService/Tasks", *tasks)})


@pytest.mark.parametrize(("states", "status"), [(["Completed"], "ok"), (["New"], "warn"), (["Completed", "Running"], "fail"), (["Running", "New"], "fail")])
def test_jobs(states, status):
    pending = look(with_tasks(*states))[0]["pending"]
    assert pending["status"] == status and (status == "ok" or "BIOS.Setup.1-1" in pending["seen"])


def test_update_that_is_paused_until_a_reset_is_no_work_that_a_deploy_waits_for_r60():
    documents = with_tasks("Stopping")
    documents["/redfish/v1/TaskService/Tasks/JID_0"]["Messages"] = [{"MessageId": "TaskEvent.1.0.TaskPaused"}]
    assert look(documents)[0]["pending"]["status"] == "warn"


def test_firmware_that_is_known_to_be_bad(monkeypatch, tmp_path):
    documents = board(**{MANAGER: {"Model": "15G Monolithic", "FirmwareVersion": "5.10.10.05"}})
    firmware = look(documents)[0]["firmware"]
    assert firmware["status"] == "warn" and "5.10.10.05" in firmware["seen"] and "jetlag issue 245" in firmware["seen"] and "5.10.30.00" in firmware["cure"]
    # What a site adds is told beside it, and may be worse.
    site = tmp_path / "quirks.yml"
    site.write_text("""
- name: ours
  match: {driver: redfish, vendor: ^Dell, firmware: "<6"}
  behaviours: {firmware_known_bad: {status: fail, problem: it loses its network, cure: update it}}
  why: It does.
  source: our ticket 4711
""")
    monkeypatch.setenv("RACKWRIGHT_QUIRKS", str(site))
    firmware = look(documents)[0]["firmware"]
    assert firmware["status"] == "fail" and "jetlag issue 245" in firmware["seen"] and "our ticket 4711" in firmware["seen"]
    assert look(board())[0]["firmware"]["status"] == "ok"


def test_full_table_of_sessions():
    documents = board(**collection("/redfish/v1/SessionService/Sessions", *((str(number), {}) for number in range(16))))
    assert statuses(documents) == {}
    documents[SYSTEM] = {**documents[SYSTEM], "Manufacturer": "Lenovo", "SerialNumber": "L1"}
    assert statuses(documents) == {"sessions": "warn"}


REFUSED = RedfishRefusal("refused", status=403, messages=[])


@pytest.mark.parametrize(("error", "failed", "passed"), [
    (BmcUnreachable("does not answer"), "bmc", []), (BmcLost("lost"), "bmc", []), (NotLetIn("no"), "credentials", ["bmc"]),
    (PasswordChangeRequired("change"), "credentials", ["bmc"]), (NotPrivileged("no"), "privilege", ["bmc", "credentials"]),
    (REFUSED, "privilege", ["bmc", "credentials"]), (SessionsFull("full"), "sessions", ["bmc"]),
], ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "")
def test_what_an_error_at_the_door_proves(error, failed, passed):
    error.cure = "do something"
    shut = mock.MagicMock()
    shut.__enter__.side_effect = error
    checks, told = preflight.examine(shut)
    assert told == {}
    assert {item["check"]: item["status"] for item in checks} == {
        **dict.fromkeys(preflight.CHECKS, "skipped"), **dict.fromkeys(passed, "ok"), failed: "fail"}
    assert next(item["cure"] for item in checks if item["check"] == failed) == "do something"


def test_a_bmc_that_is_lost_in_the_middle_keeps_what_was_found():
    assert statuses(board(**{f"{SYSTEM}/Bios": 500, "/redfish/v1/AccountService": {}})) == {"privilege": "skipped", "pending": "fail", "sessions": "skipped"}


@settings(max_examples=25)
@given(trees("UserName", "RoleId", "Links", "Role", "AssignedPrivileges", "DateTime", "FirmwareVersion", "Attributes", "Sessions", "Accounts"))
def test_whatever_a_board_sends(tree):
    paths = (MANAGER, f"{SYSTEM}/Bios", f"{ACCOUNTS}/2", "/redfish/v1/SessionService", "/redfish/v1/AccountService")
    assert look(board(**dict.fromkeys(paths, tree)))[0]["bmc"]["status"] == "ok"
