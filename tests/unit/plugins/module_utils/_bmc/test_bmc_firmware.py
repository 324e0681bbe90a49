# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Firmware: sent when needed, in the form that the board takes, believed when the version is read back."""

from __future__ import annotations

import contextlib
import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import firmware, upload
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcUnreachable
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.reset_watch import HostWatch, ResetWatch, whose_reset
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on
from hypothesis import given, settings
from hypothesis import strategies as st

UPDATE = "/redfish/v1/UpdateService"
SIMPLE = f"{UPDATE}/Actions/UpdateService.SimpleUpdate"
PUSH = f"{UPDATE}/upload"
INVENTORY = f"{UPDATE}/FirmwareInventory"
MANAGER = "/redfish/v1/Managers/1"
SYSTEM = "/redfish/v1/Systems/1"
TASK = "/redfish/v1/TaskService/Tasks/1"
IMAGE = "https://192.0.2.9/image.bin"


def link(path):
    return {"@odata.id": path}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tree():
    names = ["NIC", "Installed-1-1.0", "Previous-1-0.9", "PSU1", "PSU2"]
    return Tree({
        "/redfish/v1/": {"UpdateService": link(UPDATE)},
        "/redfish/v1/Systems": {"Members": [link(SYSTEM)]},
        SYSTEM: {"BiosVersion": "U30 v1.0 (07/14/2022)", "Links": {"ManagedBy": [link(MANAGER)]}},
        MANAGER: {"FirmwareVersion": "1.0", "Name": "Manager"},
        UPDATE: {"FirmwareInventory": link(INVENTORY), "Actions": {"#UpdateService.SimpleUpdate": {"target": SIMPLE}},
                 "MultipartHttpPushUri": PUSH, "HttpPushUri": f"{UPDATE}/push"},
        INVENTORY: {"Members": [link(f"{INVENTORY}/{name}") for name in names]},
        f"{INVENTORY}/NIC": {"Id": "NIC", "Name": "Adapter", "Version": "1.0"},
        f"{INVENTORY}/Installed-1-1.0": {"Id": "Installed-1-1.0", "Name": "Lifecycle Controller", "Version": "1.0"},
        f"{INVENTORY}/Previous-1-0.9": {"Id": "Previous-1-0.9", "Name": "Lifecycle Controller", "Version": "0.9"},
        f"{INVENTORY}/PSU1": {"Id": "PSU1", "Name": "Power supply", "Version": "7.1", "Updateable": False},
        f"{INVENTORY}/PSU2": {"Id": "PSU2", "Name": "Power supply", "Version": "7.1"},
    })


def ensure(tree, clock, name, version="2.0", **options):
    service = service_on(tree, clock=clock)
    if not {"image", "src"} & set(options):
        options["image"] = IMAGE
    return firmware.ensure_firmware(service, name, version, clock=clock, sleep=clock.sleep, **options)


def accepts(path, key, task=None):
    """A board whose component gets version 2.0 as soon as the image is there, or with a task."""
    def answer(tree, body):
        tree.resources[path][key] = "2.0"
        if task:
            tree.resources[TASK] = task
            return 202, {}, {"Location": TASK}
        return 204
    return answer


@pytest.mark.parametrize(("name", "path", "key"), [
    ("bmc", MANAGER, "FirmwareVersion"), ("bios", SYSTEM, "BiosVersion"), ("nic", f"{INVENTORY}/NIC", "Version"),
    ("Adapter", f"{INVENTORY}/NIC", "Version"), ("lifecycle controller", f"{INVENTORY}/Installed-1-1.0", "Version")])
def test_component_comes_to_its_version_and_the_second_time_nothing_is_sent(tree, clock, name, path, key):
    tree.on("POST", SIMPLE, accepts(path, key))
    assert ensure(tree, clock, name, check_mode=True)["changed"] and not tree.changes
    result = ensure(tree, clock, name)
    assert result["changed"] and result["after"]["version"] == "2.0" and not result["reboot_required"]
    assert len(tree.changes) == 1
    assert not ensure(tree, clock, name)["changed"] and len(tree.changes) == 1
    method, target, body = tree.changes[0]
    assert body["ImageURI"] == IMAGE and body["TransferProtocol"] == "HTTPS"
    # No entity tag goes along with an action (quirk R21).
    assert "If-Match" not in tree.sent("POST")[0][2]


@pytest.mark.parametrize(("told", "wanted", "same"), [
    ("2.72 Sep 04 2022", "2.72", True), ("iLO 5 v2.72", "2.72", True), ("iLO 5 v2.72", "v2.72", True), ("iLO 5 v2.72", "5", False),
    ("U30 v2.68 (07/14/2022)", "2.68", True), ("2.7.2", "2.7", False), (None, "2.7", False), ("x", "", False), (27, "27", True)])
def test_version_is_the_whole_or_the_word_with_a_dot(told, wanted, same):
    assert firmware.is_version(told, wanted) is same


def test_name_of_several_components_and_of_none_is_refused_with_the_ids(tree, clock):
    with pytest.raises(BaremetalError, match="several components power supply. Seen: the inventory has PSU1, PSU2"):
        ensure(tree, clock, "power supply")
    with pytest.raises(BaremetalError, match="no component GPU. Seen: the inventory has NIC, "):
        ensure(tree, clock, "GPU")


def test_what_cannot_work_is_refused_before_anything_is_sent(tree, clock, tmp_path):
    with pytest.raises(BaremetalError, match="cannot update PSU1"):
        ensure(tree, clock, "PSU1")
    with pytest.raises(BaremetalError, match="no URI"):
        ensure(tree, clock, "bmc", image="bmc.bin")
    with pytest.raises(BaremetalError, match="carries credentials") as caught:
        ensure(tree, clock, "bmc", image="https://a:canary@192.0.2.9/i")
    assert "canary" not in str(caught.value)
    with pytest.raises(BaremetalError, match="cannot be read"):
        ensure(tree, clock, "bmc", src=str(tmp_path / "missing"))
    with pytest.raises(BaremetalError, match="it is empty"):
        (tmp_path / "empty").touch()
        ensure(tree, clock, "bmc", src=str(tmp_path / "empty"))
    tree.resources[UPDATE]["Actions"]["#UpdateService.SimpleUpdate"]["TransferProtocol@Redfish.AllowableValues"] = ["NFS"]
    with pytest.raises(BaremetalError, match="does not fetch images over https. Seen: it offers NFS"):
        ensure(tree, clock, "bmc")
    tree.resources[UPDATE]["MaxImageSizeBytes"] = 3
    (tmp_path / "image").write_bytes(b"1234")
    with pytest.raises(BaremetalError, match="larger than the BMC takes"):
        ensure(tree, clock, "bmc", src=str(tmp_path / "image"))
    tree.resources[UPDATE] = {"ServiceEnabled": False}
    with pytest.raises(BaremetalError, match="switched off"):
        ensure(tree, clock, "bmc")
    assert not tree.changes


def parts_of(content):
    kind, length, file = content
    body = file.read()
    rest = b""
    while chunk := file.read():
        rest += chunk
    return kind, length, body + rest


def test_time_that_a_push_cannot_carry_is_refused_before_anything_is_sent(tree, clock, tmp_path):
    path = tmp_path / "image.bin"
    path.write_bytes(b"firmware")
    del tree.resources[UPDATE]["MultipartHttpPushUri"]
    tree.on("POST", f"{UPDATE}/push", lambda tree, body: pytest.fail("sent"))
    with pytest.raises(BaremetalError, match="does not let the time of a pushed update be chosen"):
        ensure(tree, clock, "bmc", src=str(path), apply_time="OnReset")


@pytest.mark.parametrize("form", [True, False])
def test_file_is_pushed_with_its_length(tree, clock, tmp_path, form):
    path = tmp_path / 'im"age.bin'
    path.write_bytes(b"firmware" * 10000)
    if not form:
        del tree.resources[UPDATE]["MultipartHttpPushUri"]
    uri, seen = f"{UPDATE}/{'upload' if form else 'push'}", []

    def answer(tree, body):
        seen.append(parts_of(body))
        return accepts(MANAGER, "FirmwareVersion")(tree, body)

    tree.on("POST", uri, answer)
    assert ensure(tree, clock, "bmc", src=str(path), apply_time="Immediate" if form else None)["changed"]
    kind, length, body = seen[0]
    assert length == len(body)
    assert b"firmware" * 10000 in body
    if form:
        assert kind.startswith("multipart/form-data; boundary=")
        assert b'name="UpdateParameters"\r\nContent-Type: application/json\r\n\r\n{"@Redfish.OperationApplyTime": "Immediate"}\r\n' in body
        assert b'name="UpdateFile"; filename="im_age.bin"' in body
        assert body.endswith(b"--" + kind.partition("=")[2].encode() + b"--\r\n")
    else:
        assert kind == "application/octet-stream" and body == path.read_bytes()


@given(data=st.binary(min_size=1, max_size=200), size=st.integers(1, 70))
def test_form_is_read_in_pieces_of_any_size(tmp_path_factory, data, size):
    path = tmp_path_factory.mktemp("image") / "i"
    path.write_bytes(data)
    with upload.form(str(path), {"UpdateParameters": {"Targets": []}}) as (kind, length, file):
        pieces = []
        while piece := file.read(size):
            assert len(piece) <= size
            pieces.append(piece)
    assert length == sum(map(len, pieces))
    assert data in b"".join(pieces)


def test_targets_are_tried_as_boards_want_them(tree, clock):
    """iDRAC takes none (dell/iDRAC-Redfish-Scripting#247), bmcweb insists on one for a push."""
    nic = f"{INVENTORY}/NIC"
    tree.answer("POST", SIMPLE, (400, error_body("Base.1.12.PropertyUnknown", "The property Targets is unknown")))
    tree.on("POST", SIMPLE, accepts(nic, "Version"))
    assert ensure(tree, clock, "NIC")["changed"]
    assert [body.get("Targets") for path, body, headers in tree.sent("POST")] == [[nic], None]
    tree.requests.clear()
    tree.answer("POST", SIMPLE, *[(400, error_body("Base.1.12.PropertyMissing", "Targets is required"))] * 2)
    tree.on("POST", SIMPLE, accepts(MANAGER, "FirmwareVersion"))
    assert ensure(tree, clock, "bmc")["changed"]
    assert [body.get("Targets") for path, body, headers in tree.sent("POST")] == [None, [], [MANAGER]]


def test_type_of_the_image_goes_along_where_the_board_asks_for_it(tree, clock, tmp_path):
    (tmp_path / "image").write_bytes(b"1")
    bodies = []

    def answer(tree, body):
        bodies.append(parts_of(body)[2])
        if len(bodies) == 1:
            return 400, error_body("Ami.1.0.PropertyMissing", "OemParameters must be given")
        return accepts(SYSTEM, "BiosVersion")(tree, body)

    tree.on("POST", f"{UPDATE}/upload", answer)
    assert ensure(tree, clock, "bios", src=str(tmp_path / "image"))["changed"]
    assert b"OemParameters" not in bodies[0] and b'{"ImageType": "BIOS"}' in bodies[1]


def test_refusal_names_what_the_board_said(tree, clock):
    tree.answer("POST", SIMPLE, (400, error_body("Base.1.0.ActionParameterValueFormatError", "no such image")))
    with pytest.raises(BaremetalError, match="refused the firmware image.*no such image"):
        ensure(tree, clock, "bmc")
    assert len(tree.changes) == 1


@pytest.mark.parametrize("task", [
    {"TaskState": "New"}, {"TaskState": "Running", "PercentComplete": "7"}, {"TaskState": "Starting"}])
def test_task_is_followed_whatever_its_state_is_called(tree, clock, task):
    states = [task, task, {"TaskState": "Completed"}]
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))

    def poll(tree, body):
        state = states.pop(0)
        if not states:
            tree.resources[MANAGER]["FirmwareVersion"] = "2.0"
        return 200, {"@odata.id": TASK, "@odata.type": "#Task.v1_0_0.Task", **state}

    tree.on("GET", TASK, poll)
    assert ensure(tree, clock, "bmc")["after"]["version"] == "2.0"


def test_board_that_goes_away_and_answers_nonsense_is_waited_for(tree, clock):
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    gone = BmcUnreachable("the BMC does not answer")
    tree.answer("GET", TASK, (200, {"TaskState": "Running", "@odata.id": TASK}), gone, gone, 404)
    starting = [gone, 503, (401, None), (200, b"<html>starting</html>"), 404]

    def system(tree, body):
        if not tree.changes:
            return None
        if starting:
            return starting.pop(0)
        tree.resources[MANAGER]["FirmwareVersion"] = "2.0"
        return None

    tree.on("GET", SYSTEM, system)
    assert ensure(tree, clock, "bmc")["changed"]
    assert not starting


def test_password_that_is_refused_for_good_ends_the_wait(tree, clock):
    tree.on("POST", SIMPLE, lambda tree, body: 204)
    tree.on("GET", SYSTEM, lambda tree, body: 401 if tree.changes else None)
    with pytest.raises(BaremetalError, match="does not accept the user name and password"):
        ensure(tree, clock, "bmc")
    assert clock() < 300 and refusals(tree, SYSTEM) == 2


def refusals(tree, path):
    """How often a resource was asked for after the update had begun."""
    begun = next(number for number, request in enumerate(tree.requests) if request[0] == "POST")
    return len([request for request in tree.requests[begun:] if request[:2] == ("GET", path)])


def test_password_that_is_refused_while_a_task_is_followed_is_tried_once_more(tree, clock):
    """Also by what else looks at the BMC meanwhile."""
    completed(tree)
    rebooted = []
    tree.on("GET", TASK, lambda tree, body: 401 if rebooted else (200, {"@odata.id": TASK, "TaskState": "Scheduled", "Messages": [
        {"Message": "A server reboot is required"}]}))
    tree.on("GET", SYSTEM, lambda tree, body: 401 if rebooted else None)
    with pytest.raises(BaremetalError, match="does not accept the user name and password"):
        ensure(tree, clock, "bios", reboot=lambda: rebooted.append(len(tree.requests)))
    assert len(tree.requests) - rebooted[0] == 2


def test_task_that_ends_well_and_changes_nothing_is_an_error(tree, clock):
    tree.resources[TASK] = {"TaskState": "Completed", "@odata.type": "#Task.v1_0_0.Task"}
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    with pytest.raises(BaremetalError, match="NIC has not become version 2.0. Seen: the BMC tells version 1.0"):
        ensure(tree, clock, "NIC")
    assert clock() < 120


def test_task_that_failed_is_an_error_also_when_it_is_called_completed(tree, clock):
    tree.resources[TASK] = {"TaskState": "Completed", "TaskStatus": "Critical", "@odata.type": "#Task.v1_0_0.Task",
                            "Messages": {"Message": "made no progress", "MessageId": "IDRAC.2.8.JCP052"}}
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    with pytest.raises(BaremetalError, match="the update of bios failed.*made no progress"):
        ensure(tree, clock, "bios")


@pytest.mark.parametrize("task", [
    {"TaskState": "Starting", "Messages": [{"MessageId": "IDRAC.2.9.JCP001", "Message": "Task successfully scheduled."}]},
    {"TaskState": "Completed", "Messages": [{"Message": "Completed, server reboot pending"}]},
    {"TaskState": "Running", "Messages": [{"MessageId": "Update.1.0.AwaitToActivate", "Message": "waits"}]},
    {"TaskState": "Completed", "Messages": [{"MessageId": "Base.1.13.ResetRequired"}]}])
def test_update_that_waits_for_a_reboot_says_so(tree, clock, task):
    tree.resources[TASK] = {**task, "@odata.type": "#Task.v1_0_0.Task"}
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    result = ensure(tree, clock, "NIC")
    assert result["changed"] and result["reboot_required"]
    assert result["pending"]["version"] == "2.0" and result["after"]["version"] == "1.0"
    assert clock() < 120


PAUSED = {"Messages": [{"MessageId": "TaskEvent.1.0.3.TaskStarted"}, {"MessageId": "TaskEvent.1.0.3.TaskPaused"},
                       {"MessageId": "TaskEvent.1.0.3.TaskProgressChanged"}]}


@pytest.mark.parametrize("earlier", [True, False])
def test_update_that_is_paused_waits_for_a_reboot_r60(tree, clock, earlier):
    under_way(tree, "Stopping", {"ImageURI": IMAGE} if earlier else None, **PAUSED)
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    result = ensure(tree, clock, "NIC")
    assert result["changed"] is not earlier and result["pending"]["seen"] == "the task has the state Stopping and does not go on" and clock() < 120
    assert not earlier or ensure(tree, clock, "NIC", check_mode=True)["pending"] and not ensure(tree, clock, "NIC", check_mode=True)["changed"]

    def reboot():
        tree.resources[TASK]["TaskState"] = "Completed"
        tree.resources[f"{INVENTORY}/NIC"]["Version"] = "2.0"

    assert ensure(tree, clock, "NIC", reboot=reboot)["after"]["version"] == "2.0"


@pytest.mark.parametrize(("state", "said"), [("Stopping", {}), ("Suspended", PAUSED), ("Interrupted", PAUSED)])
def test_machine_is_not_rebooted_into_an_update_that_stopped_for_another_reason(tree, clock, state, said):
    under_way(tree, state, **said)
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))
    with pytest.raises(BaremetalError, match=f"did not end within 1800 s. Seen: task state {state}"):
        ensure(tree, clock, "NIC", reboot=lambda: pytest.fail("rebooted"))


def test_apply_time_on_reset_is_not_waited_for(tree, clock):
    tree.on("POST", SIMPLE, lambda tree, body: 204)
    result = ensure(tree, clock, "NIC", apply_time="OnReset")
    assert result["reboot_required"] and tree.changes[0][2]["@Redfish.OperationApplyTime"] == "OnReset"
    assert clock() == 0
    offered = tree.resources[UPDATE]["Actions"]["#UpdateService.SimpleUpdate"]
    offered["@Redfish.OperationApplyTimeSupport"] = {"SupportedValues": ["Immediate"]}
    with pytest.raises(BaremetalError, match="does not take the apply time OnReset. Seen: it offers Immediate"):
        ensure(tree, clock, "NIC", apply_time="OnReset")


def under_way(tree, state, body=None, **task):
    """A board with a task of an earlier request."""
    payload = {"Payload": {"HttpOperation": "POST", "TargetUri": SIMPLE, "JsonBody": json.dumps(body)}} if body else {}
    tree.resources["/redfish/v1/"]["Tasks"] = link("/redfish/v1/TaskService")
    tree.resources["/redfish/v1/TaskService"] = {"Tasks": link("/redfish/v1/TaskService/Tasks")}
    tree.resources["/redfish/v1/TaskService/Tasks"] = {"Members": [link(TASK)]}
    tree.resources[TASK] = {"@odata.id": TASK, "@odata.type": "#Task.v1_4_0.Task", "TaskState": state, **payload, **task}


@pytest.mark.parametrize("state", ["Running", "Suspended", "Interrupted"])
@pytest.mark.parametrize("targets", [{}, {"Targets": []}, {"Targets": [f"{INVENTORY}/NIC"]}])
def test_update_that_an_earlier_run_began_is_followed_and_not_asked_for_again(tree, clock, targets, state):
    under_way(tree, state, {"ImageURI": IMAGE, **targets})
    states = [state, "Running", "Completed"]

    def poll(tree, body):
        found = tree.resources[TASK]
        if len(states) > 1:
            found = {**found, "TaskState": states.pop(0)}
        else:
            tree.resources[f"{INVENTORY}/NIC"]["Version"] = "2.0"
            found = {**found, "TaskState": "Completed"}
        return 200, found

    tree.on("GET", TASK, poll)
    result = ensure(tree, clock, "NIC")
    assert result["changed"] and result["after"]["version"] == "2.0" and not tree.changes


@pytest.mark.parametrize("task", [
    {"body": {"ImageURI": IMAGE, "Targets": [f"{INVENTORY}/PSU2"]}}, {"body": {"ImageURI": "https://192.0.2.9/other.bin"}},
    {"Name": "Firmware Update: BIOS"}, {"Name": "Config: Adapter"}, {}], ids=["other target", "other image", "other component", "no update", "untold"])
def test_task_of_something_else_is_no_reason_not_to_send(tree, clock, task):
    under_way(tree, "Pending", **task)
    tree.on("POST", SIMPLE, accepts(f"{INVENTORY}/NIC", "Version"))
    assert ensure(tree, clock, "NIC")["after"]["version"] == "2.0" and len(tree.changes) == 1


@pytest.mark.parametrize("told", [True, False])
def test_update_that_waits_for_a_reboot_is_rebooted_and_judged(tree, clock, told):
    under_way(tree, "Pending", {"ImageURI": IMAGE} if told else None, Name="Firmware Update: Adapter")
    warnings = []
    waits = ensure(tree, clock, "NIC", warn=warnings.append)
    assert not waits["changed"] and waits["reboot_required"] and waits["pending"]["version"] == "2.0" and bool(warnings) is not told
    assert ensure(tree, clock, "NIC", check_mode=True)["pending"]["seen"] == f"Firmware Update: Adapter ({TASK}) is Pending"

    def reboot():
        tree.resources[TASK]["TaskState"] = "Completed"
        tree.resources[f"{INVENTORY}/NIC"]["Version"] = "2.0"

    assert ensure(tree, clock, "NIC", check_mode=True, reboot=reboot)["after"]["version"] == "2.0"
    assert ensure(tree, clock, "NIC", reboot=reboot)["after"]["version"] == "2.0" and not tree.changes


@pytest.mark.parametrize(("targets", "sent"), [(["NIC"], 0), (["PSU2"], 1), ([], 1)])
def test_image_that_was_pushed_and_waits_is_not_pushed_again(tree, clock, tmp_path, targets, sent):
    """Whoever names no component in the request may have meant any."""
    source = tmp_path / "nic.bin"
    source.write_bytes(b"new")
    tree.on("POST", PUSH, accepts(f"{INVENTORY}/NIC", "Version"))
    payload = {"HttpOperation": "POST", "TargetUri": PUSH, "JsonBody": json.dumps({"Targets": [f"{INVENTORY}/{name}" for name in targets]})}
    under_way(tree, "Pending", Payload=payload)
    warnings = []
    result = ensure(tree, clock, "NIC", image=None, src=str(source), warn=warnings.append)
    assert (len(tree.changes), result["changed"], bool(result["pending"]), len(warnings)) == (sent, bool(sent), not sent, not sent)


@settings(max_examples=40)
@given(trees("TaskState", "Name", "Payload", "HttpOperation", "TargetUri", "JsonBody", "ImageURI", "Targets"))
def test_random_tasks_end_in_a_result_or_an_error(task):
    clock = Clock()
    tree = Tree({"/redfish/v1/": {"UpdateService": link(UPDATE), "Tasks": link("/redfish/v1/TaskService")}, UPDATE: {"FirmwareInventory": link(INVENTORY)},
                 "/redfish/v1/TaskService": {"Tasks": link("/redfish/v1/TaskService/Tasks")}, "/redfish/v1/TaskService/Tasks": {"Members": [link(TASK)]},
                 "/redfish/v1/Systems": {"Members": [link(SYSTEM)]}, SYSTEM: {"Links": {"ManagedBy": [link(MANAGER)]}}, MANAGER: {},
                 TASK: task, INVENTORY: {"Members": [link(f"{INVENTORY}/NIC")]}, f"{INVENTORY}/NIC": {"Id": "NIC", "Version": "1.0"}})
    service = service_on(tree, sleep=clock.sleep)
    component = firmware.find_component(service, "NIC")
    found = firmware.earlier_update(service, SIMPLE, PUSH, component, IMAGE)
    assert found is None or found.path == TASK


def completed(tree, task=None):
    """A board whose task ends well and that changes nothing."""
    tree.resources[TASK] = {"TaskState": "Completed", "@odata.type": "#Task.v1_0_0.Task", **(task or {})}
    tree.on("POST", SIMPLE, lambda tree, body: (202, {}, {"Location": TASK}))


@pytest.mark.parametrize("timeout", [1, 30, 59, 60, 61])
def test_short_timeout_is_no_reason_not_to_reboot(tree, clock, timeout):
    completed(tree)
    begin = clock()
    result = ensure(tree, clock, "bios", timeout=timeout, reboot=lambda: tree.resources[SYSTEM].update(BiosVersion="2.0"))
    assert result["after"]["version"] == "2.0" and not result["reboot_required"]
    assert clock() - begin <= timeout + 1


def test_update_whose_end_nobody_saw_is_not_cut_off_by_a_reboot(tree, clock):
    tree.on("POST", SIMPLE, lambda tree, body: 204)
    rebooted = []
    with pytest.raises(BaremetalError, match="timeout is over before it could be told whether bios.*nothing was rebooted.*longer timeout: 300 s"):
        ensure(tree, clock, "bios", timeout=40, reboot=lambda: rebooted.append(True))
    assert not rebooted


def test_bios_update_that_nothing_is_told_of_is_never_called_waiting(tree, clock):
    completed(tree)
    tree.resources[SYSTEM]["PowerState"] = "On"
    with pytest.raises(BaremetalError, match="it cannot be told whether bios becomes version 2.0.*the machine is on.*set reboot to true"):
        ensure(tree, clock, "bios")
    assert clock() < 120


def test_bios_update_waits_where_the_board_says_so(tree, clock):
    completed(tree)
    staged = f"{INVENTORY}/BIOS_staged"
    tree.resources[INVENTORY]["Members"].append(link(staged))
    tree.resources[staged] = {"Id": "BIOS_staged", "Version": "2.0", "Status": {"State": "StandbyOffline"}, "RelatedItem": [link(SYSTEM)]}
    result = ensure(tree, clock, "bios")
    assert result["reboot_required"] and result["pending"]["seen"] == "the firmware inventory has it as BIOS_staged, state StandbyOffline"
    # What lies in store for another component, or runs, says nothing.
    for told in ({"Id": "X", "RelatedItem": [link(MANAGER)]}, {"Status": {"State": "Enabled"}}, {"Version": "1.9"}):
        resource = tree.resources[staged]
        tree.resources[staged] = {**resource, **told}
        with pytest.raises(BaremetalError, match="cannot be told"):
            ensure(tree, clock, "bios")
        tree.resources[staged] = resource


def test_apply_time_of_a_reset_as_the_only_one_tells_that_the_update_waits(tree, clock):
    completed(tree)
    tree.resources[UPDATE]["Actions"]["#UpdateService.SimpleUpdate"]["@Redfish.OperationApplyTimeSupport"] = {"SupportedValues": ["OnReset"]}
    assert ensure(tree, clock, "bios")["pending"]["seen"] == "the BMC offers no other apply time than OnReset"


@pytest.mark.parametrize("task", [{}, {"Messages": [{"Message": "A server reboot is required"}]}])
def test_reboot_that_is_allowed_brings_the_judgement(tree, clock, task):
    completed(tree, task)
    reboots = []

    def reboot():
        reboots.append(clock())
        tree.resources[SYSTEM]["BiosVersion"] = "2.0"

    result = ensure(tree, clock, "bios", reboot=reboot)
    assert result["after"]["version"] == "2.0" and not result["reboot_required"] and result["pending"] is None and len(reboots) == 1
    tree.resources[SYSTEM]["BiosVersion"] = "1.0"
    with pytest.raises(BaremetalError, match="bios has not become version 2.0. Seen: the BMC tells version 1.0, and the machine has been reset"):
        tree.resources[SYSTEM]["LastResetTime"] = "2026-01-01T00:00:00Z"
        ensure(tree, clock, "bios", reboot=lambda: tree.resources[SYSTEM].update(LastResetTime="2026-01-01T01:00:00Z"))


def test_machine_that_the_board_resets_by_itself_is_waited_for(tree, clock):
    completed(tree)
    tree.resources[SYSTEM].update(LastResetTime="2026-01-01T00:00:00Z", PowerState="On")
    looks = []

    def system(tree, body):
        if tree.changes:
            looks.append(clock())
            tree.resources[SYSTEM]["LastResetTime"] = "2026-01-01T01:00:00Z"
            if clock() > 300:
                tree.resources[SYSTEM]["BiosVersion"] = "2.0"

    tree.on("GET", SYSTEM, system)
    assert ensure(tree, clock, "bios")["after"]["version"] == "2.0" and len(looks) > 20


def test_machine_that_was_reset_and_tells_the_old_version_has_it(tree, clock):
    completed(tree)
    tree.resources[SYSTEM].update(PowerState="On")
    tree.on("GET", SYSTEM, lambda tree, body: tree.resources[SYSTEM].update(PowerState="Off") if 20 < clock() < 40 else
            tree.resources[SYSTEM].update(PowerState="On"))
    with pytest.raises(BaremetalError, match="bios has not become version 2.0. Seen: .*the machine has been reset since"):
        ensure(tree, clock, "bios")
    assert clock() < 1000


@pytest.mark.parametrize(("message", "is_bmc", "whose"), [
    ({"Message": "After the update the BMC will reset"}, False, "bmc"), ({"Message": "A BMC reset is required."}, True, "bmc"),
    ({"Message": "Reset of the iDRAC is pending"}, True, "bmc"), ({"Message": "A system reset is required"}, True, "host"),
    ({"Message": "Completed, server reboot pending"}, True, "host"), ({"Message": "Reset required"}, True, "either"),
    ({"Message": "Reset required"}, False, "host"), ({"Message": "A reset of the BMC and a host reboot are required"}, False, "either"),
    ({"MessageId": "Base.1.13.ResetRequired", "MessageArgs": ["/redfish/v1/Managers/1/Actions/Manager.Reset", "GracefulRestart"]}, False, "bmc"),
    ({"MessageId": "Base.1.13.ResetRequired", "MessageArgs": ["/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"]}, True, "host"),
    ({"Message": "The update was verified"}, True, None)])
def test_reset_of_the_bmc_is_told_from_that_of_the_machine(message, is_bmc, whose):
    assert whose_reset(message, is_bmc) == whose


@pytest.mark.parametrize("said", ["After the update the BMC will reset", "Reset required"])
def test_bmc_that_announces_its_own_reset_is_judged_when_it_is_back(tree, clock, said):
    completed(tree, {"Messages": [{"Message": said}]})
    gone = [BmcUnreachable("the BMC does not answer")] * 3

    def manager(tree, body):
        if tree.changes and gone:
            return gone.pop()
        if tree.changes:
            tree.resources[MANAGER]["FirmwareVersion"] = "2.0"
        return None

    tree.on("GET", MANAGER, manager)
    result = ensure(tree, clock, "bmc")
    assert result["after"]["version"] == "2.0" and not result["reboot_required"]


def test_bmc_that_wants_a_reset_of_its_own_says_which(tree, clock):
    completed(tree, {"Messages": [{"Message": "A BMC reset is required."}]})
    with pytest.raises(BaremetalError, match="it said: A BMC reset is required.*bmc_reset"):
        ensure(tree, clock, "bmc")
    completed(tree, {"Messages": [{"Message": "Reset required"}]})
    assert ensure(tree, clock, "bmc")["pending"]["seen"] == "Reset required"


def plain_push(tree, told="Immediate"):
    del tree.resources[UPDATE]["MultipartHttpPushUri"]
    tree.resources[UPDATE]["HttpPushUriOptions"] = {"HttpPushUriApplyTime": {"ApplyTime": told}}


def push_times(tree):
    return [body["HttpPushUriOptions"]["HttpPushUriApplyTime"]["ApplyTime"] for path, body, headers in tree.sent("PATCH")]


def test_apply_time_of_pushes_stays_where_the_password_is_refused(tree, clock, tmp_path):
    (tmp_path / "image").write_bytes(b"1")
    plain_push(tree)
    warnings = []
    tree.on("POST", f"{UPDATE}/push", lambda tree, body: 401)
    with pytest.raises(BaremetalError, match="does not accept the user name and password"):
        ensure(tree, clock, "NIC", src=str(tmp_path / "image"), apply_time="OnReset", warn=warnings.append)
    assert push_times(tree) == ["OnReset"] and "was Immediate and could not be put back" in warnings[0]


@pytest.mark.parametrize("answer", [204, (400, error_body("Base.1.0.GeneralError", "bad image")), BmcUnreachable("gone")])
def test_apply_time_of_pushes_is_put_back_whatever_happens(tree, clock, tmp_path, answer):
    (tmp_path / "image").write_bytes(b"1")
    plain_push(tree)
    seen = []
    tree.on("POST", f"{UPDATE}/push", lambda tree, body: seen.extend(push_times(tree)) or answer)
    with contextlib.suppress(BaremetalError):
        ensure(tree, clock, "NIC", src=str(tmp_path / "image"), apply_time="OnReset")
    assert seen == ["OnReset"] and push_times(tree) == ["OnReset", "Immediate"]
    assert tree.resources[UPDATE]["HttpPushUriOptions"]["HttpPushUriApplyTime"]["ApplyTime"] == "Immediate"


def test_apply_time_that_the_board_does_not_keep_is_an_error_and_nothing_is_pushed(tree, clock, tmp_path):
    (tmp_path / "image").write_bytes(b"1")
    plain_push(tree)
    tree.on("PATCH", UPDATE, lambda tree, body: 200)
    with pytest.raises(BaremetalError, match="does not keep the apply time"):
        ensure(tree, clock, "NIC", src=str(tmp_path / "image"), apply_time="OnReset")
    assert not tree.sent("POST")


def test_apply_time_that_cannot_be_put_back_is_a_warning(tree, clock, tmp_path):
    (tmp_path / "image").write_bytes(b"1")
    plain_push(tree)
    warnings = []
    tree.on("PATCH", UPDATE, lambda tree, body: 403 if len(tree.sent("PATCH")) > 1 else None)
    assert ensure(tree, clock, "NIC", src=str(tmp_path / "image"), apply_time="OnReset", warn=warnings.append)["reboot_required"]
    assert len(warnings) == 1 and "was Immediate and could not be put back" in warnings[0]


@given(st.lists(st.tuples(st.just(f"{INVENTORY}/1"), trees("Id", "Name", "Version", "Updateable")), max_size=3), st.text(max_size=5))
def test_random_inventories_give_a_component_or_an_error(entries, name):
    try:
        found = firmware.choose_entry(entries, name)
    except BaremetalError as error:
        json.dumps(str(error))
    else:
        assert found["path"] and isinstance(found["id"], str)


@given(trees("Messages", "Message", "MessageId", "MessageArgs", "TaskState", "@Message.ExtendedInfo"))
def test_random_tasks_are_looked_at_without_an_error(task):
    assert ResetWatch()(task) in (True, False)


@given(trees("PowerState", "LastResetTime", "BootProgress", "LastState"), trees("PowerState", "LastResetTime", "BootProgress", "LastState"))
def test_random_systems_are_watched_without_an_error(first, second):
    watch = HostWatch(first)
    watch.look(second)
    assert watch.is_reset in (True, False) and HostWatch.is_starting(second) in (True, False)


@given(trees("Actions", "#UpdateService.SimpleUpdate", "MaxImageSizeBytes", "HttpPushUri", "FirmwareInventory", "MultipartHttpPushUri",
             "ServiceEnabled", "HttpPushUriOptions", "HttpPushUriApplyTime", "ApplyTime", "@Redfish.OperationApplyTimeSupport", "SupportedValues"))
def test_random_services_end_in_a_result_or_an_error(resource):
    clock = Clock()
    tree = Tree({
        "/redfish/v1/": {"UpdateService": link(UPDATE)}, "/redfish/v1/Systems": {"Members": [link(SYSTEM)]},
        SYSTEM: {"Links": {"ManagedBy": [link(MANAGER)]}}, MANAGER: {"FirmwareVersion": "1.0"}, UPDATE: resource})
    for name in ("bmc", "bios", "x"):
        try:
            ensure(tree, clock, name, timeout=30)
        except BaremetalError:
            pass


@given(trees("Version", "Status", "State", "RelatedItem", "SoftwareId"), st.sampled_from(["bios", "Adapter"]))
def test_random_inventory_entries_end_in_a_result_or_an_error(entry, name):
    clock = Clock()
    tree = Tree({
        "/redfish/v1/": {"UpdateService": link(UPDATE)}, "/redfish/v1/Systems": {"Members": [link(SYSTEM)]}, SYSTEM: {"BiosVersion": "1.0"},
        UPDATE: {"FirmwareInventory": link(INVENTORY), "Actions": {"#UpdateService.SimpleUpdate": {"target": SIMPLE}}},
        INVENTORY: {"Members": [link(f"{INVENTORY}/NIC"), link(f"{INVENTORY}/X")]}, f"{INVENTORY}/NIC": {"Name": "Adapter", "Version": "1.0"},
        f"{INVENTORY}/X": {**entry, "Version": "2.0"}})
    completed(tree)
    try:
        assert ensure(tree, clock, name, timeout=100)["reboot_required"]
    except BaremetalError as error:
        json.dumps(str(error))
