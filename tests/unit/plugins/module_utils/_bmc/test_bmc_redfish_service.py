# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RedfishService on boards that answer oddly. R and a number: row of docs/bmc-quirks.md."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost, NotLetIn, SessionsFull
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_errors import message_list
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_service import Answer, RedfishRefusal, path_of
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_transport import TransportError
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import Tree, error_body, service_on
from hypothesis import given
from hypothesis import strategies as st

SYSTEM = "/redfish/v1/Systems/1"
TASK = "/redfish/v1/TaskService/Tasks/7"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


def board(**more):
    return Tree({
        "/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM}]},
        SYSTEM: {"Boot": {}, "Actions": {"#ComputerSystem.Reset": {"target": RESET}}},
        **more,
    })


def tags(tree):
    """What If-Match the PATCHes carried."""
    return [headers.get("If-Match") for path, body, headers in tree.sent("PATCH")]


def picky(*taken, status=412):
    """A board whose PATCH needs one of these entity tags (None: no tag)."""
    tree = board()
    tree.on("GET", SYSTEM, lambda tree, body: (200, {"@odata.id": SYSTEM, "@odata.etag": '"body"'}, {"ETag": 'W/"head"'}))
    tree.on("PATCH", SYSTEM, lambda tree, body: (200 if tree.requests[-1][3].get("If-Match") in taken else status, {}))
    return tree


@pytest.mark.parametrize(("taken", "tried"), [
    ('W/"head"', ['W/"head"']),
    ('"body"', ['W/"head"', '"body"']),
    ('"head"', ['W/"head"', '"body"', '"head"']),  # R55, R58
    ("head", ['W/"head"', '"body"', '"head"', "head"]),
    ("*", ['W/"head"', '"body"', '"head"', "head", "body", "*"]),
    (None, ['W/"head"', '"body"', '"head"', "head", "body", "*", None]),
])
@pytest.mark.parametrize("status", [412, 428])
def test_entity_tag_ladder_r06_r54_r55_r58(taken, tried, status):
    tree = picky(taken, status=status)
    service = service_on(tree)
    service.system()
    assert service.patch(SYSTEM, {"AssetTag": "x"}).status == 200
    assert tags(tree) == tried


def test_resource_that_was_never_read_is_patched_without_a_tag_first():
    tree = picky('W/"head"', status=428)
    service_on(tree).patch(SYSTEM, {})
    assert tags(tree) == [None, 'W/"head"']


def test_tag_that_is_stale_is_read_anew_once():
    tree = board()
    count = iter(range(9))
    tree.on("GET", SYSTEM, lambda tree, body: (200, {"@odata.id": SYSTEM}, {"ETag": f'"{next(count)}"'}))
    tree.answer("PATCH", SYSTEM, 412)
    service = service_on(tree)
    service.system()
    service.patch(SYSTEM, {})
    assert tags(tree) == ['"0"', '"1"']


@pytest.mark.parametrize("empty", ["", '""', 'W/""'])
def test_empty_entity_tag_is_none_r58(empty):
    tree = board()
    tree.on("GET", SYSTEM, lambda tree, body: (200, {"@odata.id": SYSTEM, "@odata.etag": empty}, {"ETag": empty}))
    service = service_on(tree)
    service.system()
    service.patch(SYSTEM, {})
    assert tags(tree) == [None]


def test_first_patch_refused_and_the_second_taken_r07():
    tree = board()
    tree.answer("PATCH", SYSTEM, 412)
    assert service_on(tree).patch(SYSTEM, {"Boot": {"x": 1}}).status == 200
    assert tree.resources[SYSTEM]["Boot"] == {"x": 1}


def test_ladder_ends_with_the_refusal():
    tree = picky("nothing")
    with pytest.raises(RedfishRefusal) as caught:
        service_on(tree).patch(SYSTEM, {})
    assert caught.value.status == 412 and caught.value.cure


def test_no_tag_on_an_action_and_always_a_body_r21_r39_r42():
    tree = board()
    service = service_on(tree)
    service.action(service.system(), "ComputerSystem.Reset", stage="power")
    assert tree.changes == [("POST", RESET, {})]
    assert "If-Match" not in tree.sent("POST")[0][2]


@pytest.mark.parametrize(("message", "status"), [
    ("IDRAC.2.8.SYS518", 503),  # R25
    ("iLO.2.14.InvalidOperationForSystemState", 400),  # R41
    ("iLO.2.14.UnableToModifyDuringSystemPOST", 400),  # R40
])
@pytest.mark.parametrize("method", ["GET", "PATCH", "POST"])
def test_refusal_for_the_moment_is_sent_again_r25_r40_r41(message, status, method):
    tree, clock = board(), Clock()
    service = service_on(tree, clock=clock)
    tree.answer(method, SYSTEM, *[(status, error_body(message))] * 3)
    {"GET": lambda: service.get(SYSTEM), "PATCH": lambda: service.patch(SYSTEM, {}), "POST": lambda: service.post(SYSTEM)}[method]()
    assert len(tree.sent(method)) == 4 and clock() == 30


def test_refusal_for_the_moment_that_stays():
    tree, clock = board(), Clock()
    tree.answer("PATCH", SYSTEM, *[(503, error_body("IDRAC.2.8.SYS518", "Data sources are unavailable"))] * 99)
    with pytest.raises(RedfishRefusal, match="Data sources are unavailable"):
        service_on(tree, clock=clock).patch(SYSTEM, {})
    assert clock() == 60


def test_power_on_refused_just_after_off_r20():
    tree = board()
    service = service_on(tree)
    tree.answer("POST", RESET, *[(409, error_body("Base.1.12.ActionParameterValueConflict"))] * 2)
    service.action(service.system(), "ComputerSystem.Reset", {"ResetType": "On"}, stage="power")
    assert len(tree.changes) == 3
    tree.answer("POST", SYSTEM, (409, error_body("Base.1.12.ActionParameterValueConflict")))
    with pytest.raises(RedfishRefusal):
        service.post(SYSTEM, {"Other": 1})


@pytest.mark.parametrize("status", [409, 429, 500, 502, 503, 504])
def test_reading_that_fails_for_now_is_worth_a_later_try(status):
    tree = board()
    tree.answer("GET", SYSTEM, (status, b"<html>busy</html>"))
    with pytest.raises(BmcLost, match=f"HTTP status {status}"):
        service_on(tree).system()


def test_a_change_is_never_sent_twice():
    tree = board()
    tree.answer("POST", RESET, TimeoutError())
    with pytest.raises(BmcLost, match="does not answer"):
        service_on(tree).post(RESET, {"ResetType": "ForceRestart"})
    assert len(tree.changes) == 1


@pytest.mark.parametrize("message", ["IDRAC.2.8.RAC0218", "Base.1.12.SessionLimitExceeded"])
@pytest.mark.parametrize("status", [400, 503])
def test_full_session_table_is_told(message, status):
    tree = board()
    tree.answer("GET", SYSTEM, (status, error_body(message, "The maximum number of user sessions is reached.")))
    with pytest.raises(BmcLost, match="no session left.*end forgotten sessions"):
        service_on(tree, system_id="1").system()


# Collections

def test_members_over_pages_whatever_form_the_link_has():
    tree = Tree({
        "/c": {"Members": [{"@odata.id": "/c/1"}, {"@odata.id": "/c/2"}], "Members@odata.nextLink": "/c?skip=2"},
        "/c?skip=2": {"Members": [{"@odata.id": "/c/3"}, {"@odata.id": "/c/1"}], "Members@odata.nextLink": {"@odata.id": "/c?skip=3"}},
        "/c?skip=3": {"Members": [{"@odata.id": "/c/4"}, None, {}], "Members@odata.nextLink": "https://bmc.example.com/c?skip=4"},
        "/c?skip=4": {"Members": None, "Members@odata.nextLink": "https://["},
    })
    assert service_on(tree).members("/c") == ["/c/1", "/c/2", "/c/3", "/c/4"]


def test_pages_that_never_end():
    tree = Tree({"/c": {"Members": [{"@odata.id": "/c/1"}], "Members@odata.nextLink": "/c"}})
    assert service_on(tree).members("/c") == ["/c/1"]
    assert len(tree.requests) <= 101


def test_expand_is_not_asked_for_and_expanded_members_are_read_themselves():
    """Generic rule (h): what an expanded collection holds is not believed."""
    tree = Tree({"/redfish/v1/Systems": {"Members": [{"@odata.id": SYSTEM, "PowerState": "On"}]}, SYSTEM: {"PowerState": "Off"}})
    assert service_on(tree).system()["PowerState"] == "Off"
    assert not any("expand" in path for method, path, body, headers in tree.requests)


def test_ids_are_discovered():
    """Generic rule (a); the manager that nothing links to is the only one there is (R58, Huawei 1288H)."""
    tree = Tree({
        "/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/437XR1138R2"}]},
        "/redfish/v1/Systems/437XR1138R2": {"Links": {"Chassis": [{"@odata.id": "/redfish/v1/Chassis/U33"}]}},
        "/redfish/v1/Managers": {"Members": [{"@odata.id": "/redfish/v1/Managers/BMC7"}]},
        "/redfish/v1/Managers/BMC7": {"Id": "BMC7"},
        "/redfish/v1/Chassis/U33": {"Id": "U33"},
    })
    service = service_on(tree)
    assert service.manager()["Id"] == "BMC7"
    assert service.chassis()["Id"] == "U33"


@pytest.mark.parametrize("members", [[], [SYSTEM, "/redfish/v1/Systems/2"]])
def test_not_one_system(members):
    tree = Tree({"/redfish/v1/Systems": {"Members": [{"@odata.id": path} for path in members]}})
    with pytest.raises(BaremetalError, match=f"serves {len(members)} systems.*set system_id"):
        service_on(tree).system()


@pytest.mark.parametrize("system_id", ["9", "/redfish/v1/Systems/9"])
def test_system_that_is_not_there(system_id):
    with pytest.raises(BaremetalError, match="has no system"):
        service_on(board(), system_id=system_id).system()


def test_allowed_values_from_the_annotation_and_from_action_info():
    tree = board(**{"/info": {"Parameters": [None, {"Name": "ResetType", "AllowableValues": ["On", 1]}]}})
    service = service_on(tree)
    annotated = {"Actions": {"#A": {"X@Redfish.AllowableValues": ["a"]}}}
    told = {"Actions": {"#A": {"@Redfish.ActionInfo": "/info"}}}
    assert service.allowed(annotated, "A", "X") == ["a"]
    assert service.allowed(told, "A", "ResetType") == ["On", "1"]
    assert service.allowed(told, "A", "X") is None
    assert service.allowed({}, "A", "X") is None


def test_action_that_is_not_offered_sends_nothing():
    tree = board()
    with pytest.raises(BaremetalError, match="does not offer Manager.Reset.*offered: ComputerSystem.Reset"):
        service_on(tree).action(tree.resources[SYSTEM], "Manager.Reset", stage="reset")
    assert not tree.requests


# Tasks

def wait(tree, answer=None, timeout=60, clock=None):
    return service_on(tree, clock=clock).wait_task(answer or Answer(202, {}, TASK), timeout=timeout, stage="firmware", what="the update")


def states(*found):
    tree = board(**{TASK: {"TaskState": found[-1]}})
    tree.answer("GET", TASK, *[(200, {"@odata.id": TASK, "@odata.type": "#Task.v1_4_3.Task", "TaskState": state}) for state in found])
    return tree


@pytest.mark.parametrize("running", ["New", "Starting", "Running", "Pending", "Suspended", "Interrupted", "Service", "Downloading", None])
def test_task_that_runs_and_ends_r29(running):
    assert wait(states(running, running, "Completed")) == "completed"


@pytest.mark.parametrize("state", ["Exception", "Killed", "Cancelled"])
def test_task_that_fails(state):
    tree = states("Running")
    tree.answer("GET", TASK, (200, {"@odata.id": TASK, "TaskState": state, "Messages": [{"MessageId": "SYS.1", "Message": "No room."}]}))
    with pytest.raises(BaremetalError, match=f"the update failed.*task state {state}: No room."):
        wait(tree)


def test_task_that_vanished_is_not_judged_r29_r30():
    tree = board()
    tree.answer("GET", TASK, (200, {"@odata.id": TASK, "TaskState": "Running"}), (404, {}))
    assert wait(tree) == "vanished"


def test_job_that_is_not_shown_yet_r26():
    tree = states("Completed")
    tree._once[("GET", TASK)][:0] = [404, 404]
    assert wait(tree) == "completed"
    tree, clock = board(), Clock()
    assert wait(tree, clock=clock) == "vanished"
    assert clock() == 30


def test_task_of_a_bmc_that_restarts():
    tree = states("Running", "Completed")
    tree._once[("GET", TASK)][1:1] = [ConnectionResetError(), 503, TimeoutError()]
    assert wait(tree) == "completed"


def test_task_of_a_bmc_that_starts():
    """It lets nobody in yet, speaks no TLS, answers with an empty error, half a document."""
    tree = states("Running", "Running", "Completed")
    tree._once[("GET", TASK)][1:1] = [401, ssl.SSLError(1, "internal error"), 403, TransportError("cut off")]
    assert wait(tree, timeout=600) == "completed"


def test_task_of_a_bmc_that_lets_nobody_in_any_more():
    tree, clock = states("Running"), Clock()
    tree.on("GET", TASK, lambda tree, body: 401)
    with pytest.raises(NotLetIn):
        wait(tree, timeout=3600, clock=clock)
    # Once more, when it has had the time to start: a third login could lock the account.
    assert 120 <= clock() <= 180
    assert [path for path, body, headers in tree.sent("GET")].count(TASK) == 3


def test_task_monitor():
    tree = board()
    tree.answer("GET", TASK, (202, None), (202, b"soon"), (204, None))
    assert wait(tree) == "completed"


def test_dell_job_in_place_of_a_task():
    tree = board()
    tree.answer("GET", TASK, (200, {"@odata.id": TASK, "JobState": "Scheduled"}),
                (200, {"@odata.id": TASK, "JobState": "Failed", "Message": "PR10"}))
    with pytest.raises(BaremetalError, match="JobState|task state Failed: PR10"):
        wait(tree)


def test_task_that_takes_too_long():
    with pytest.raises(BaremetalError, match="did not end within 60 s.*task state Running"):
        wait(states("Running"))


@pytest.mark.parametrize("state", ["Suspended", "Interrupted"])
def test_task_that_never_goes_on_is_told_with_its_state_and_the_last_that_was_said(state):
    tree = board(**{TASK: {"TaskState": state, "Messages": [{"Message": "Begun."}, {"Message": "No power."}]}})
    with pytest.raises(BaremetalError, match=f"did not end within 60 s. Seen: task state {state}: No power.*delete it there if it does not go on"):
        wait(tree)


def test_no_task():
    assert wait(board(), Answer(200, {}, None)) == "none"


@pytest.mark.parametrize(("body", "headers"), [
    ({"@odata.id": TASK, "@odata.type": "#Task.v1_4_3.Task"}, {"Location": "/redfish/v1/TaskService/TaskMonitors/7"}),  # R51: not the monitor
    (None, {"Location": TASK}), (None, {"Location": f"https://192.0.2.1{TASK}"})])
def test_answer_names_its_task(body, headers):
    tree = board()
    tree.answer("POST", RESET, (202, body, headers))
    assert service_on(tree).post(RESET).task == TASK


# Whatever comes

@pytest.mark.parametrize(("body", "found"), [
    ({"error": {"@Message.ExtendedInfo": [{"MessageId": "A.1", "Message": "a"}]}}, [{"id": "A.1", "text": "a"}]),
    ({"error": {"@Message.ExtendedInfo": {"MessageId": "A.1", "Message": "a"}}}, [{"id": "A.1", "text": "a"}]),  # R34
    ({"@Message.ExtendedInfo": [{"Message": "a"}]}, [{"id": "", "text": "a"}]),
    ({"error": {"code": "iLO.0.10", "message": "See"}}, [{"id": "iLO.0.10", "text": "See"}]),
    ({"error": {"message": "a", "@Message.ExtendedInfo": [{"MessageId": "A.1"}]}}, [{"id": "A.1", "text": ""}, {"id": "", "text": "a"}]),
    ({"error": "no"}, [{"id": "", "text": "no"}]), (None, []), ([], []), ({}, [])])
def test_messages_in_every_form_r34_r56(body, found):
    assert [{"id": message["id"], "text": message["text"]} for message in message_list(body)] == found


@given(JSON)
def test_any_json_is_read_or_refused(document):
    message_list(document)
    path_of(document)
    for method in ("system", "manager", "chassis"):
        tree = Tree({"/redfish/v1/Systems": document, SYSTEM: document, "/redfish/v1/Managers": document, "/redfish/v1/Chassis": document})
        try:
            getattr(service_on(tree, system_id="1"), method)()
        except BaremetalError:
            pass


@given(st.dictionaries(st.sampled_from(["Actions", "Members", "Members@odata.nextLink", "Links", "TaskState", "Messages", "PercentComplete"]),
                       JSON | st.dictionaries(st.sampled_from(["#A", "Oem", "@odata.id"]), JSON | st.dictionaries(
                           st.sampled_from(["target", "@Redfish.ActionInfo", "X@Redfish.AllowableValues"]), JSON))))
def test_any_resource_is_read_or_refused(resource):
    tree = Tree({"/redfish/v1/Systems": resource, SYSTEM: resource, TASK: resource})
    service = service_on(tree)
    calls = (
        lambda: service.members("/redfish/v1/Systems"), service.system, lambda: service.allowed(resource, "A", "X"),
        lambda: service.action(resource, "A", stage="x"), lambda: service.linked(resource, "Links", "Chassis"),
        lambda: service.wait_task(Answer(202, {}, TASK), timeout=10, stage="x", what="it"))
    for call in calls:
        try:
            call()
        except BaremetalError:
            pass


@given(st.integers(200, 599), st.binary(max_size=40) | JSON,
       st.dictionaries(st.sampled_from(["ETag", "Location"]), st.text("aA:/[]\"W?", max_size=9)))
def test_any_answer_is_taken_or_refused(status, body, headers):
    tree = board()
    service = service_on(tree)
    calls = {"GET": service.get, "PATCH": lambda path: service.patch(path, {}), "POST": service.post, "DELETE": service.delete}
    for method, call in calls.items():
        tree.answer(method, SYSTEM, (status, body, headers))
        try:
            call(SYSTEM)
        except BaremetalError as error:
            assert "canary" not in str(error)


# Sessions

SESSIONS = "/redfish/v1/SessionService/Sessions"
ONE = f"{SESSIONS}/1"


class Tokens:
    """A board that wants sessions: how it refuses basic authentication, and what it opens."""

    def __init__(self, challenge=None, message="Base.1.12.NoValidSession", password="canary-5up3r-s3cr3t", root=200):
        self.tree = board(**{"/redfish/v1/": {"Links": {"Sessions": {"@odata.id": SESSIONS}}}, ONE: {}})
        self.refusal = (401, error_body(message), {"WWW-Authenticate": challenge} if challenge else {})
        self.password = password
        self.opened = 0
        self.valid = None
        self.tree.on("GET", "/redfish/v1/", lambda tree, body: None if root == 200 else root)
        self.tree.on("GET", SYSTEM, self.read)
        self.tree.on("POST", SESSIONS, self.log_on)
        self.tree.on("DELETE", ONE, self.log_off)

    def read(self, tree, body):
        return None if self.valid and tree.requests[-1][3].get("X-Auth-Token") == self.valid else self.refusal

    def log_on(self, tree, body):
        assert "Authorization" not in tree.requests[-1][3]
        if body["Password"] != self.password:
            return 401, error_body("Base.1.12.ResourceAtUriUnauthorized")
        self.opened += 1
        self.valid = f"token-{self.opened}"
        return 201, {"@odata.id": ONE}, {"X-Auth-Token": self.valid, "Location": ONE}

    def log_off(self, tree, body):
        assert tree.requests[-1][3]["X-Auth-Token"] == self.valid
        self.valid = None
        return 204

    def service(self, log=lambda text: None):
        return service_on(self.tree, log, system_id="1")


@pytest.mark.parametrize(("challenge", "message"), [
    ("Session realm=\"BMC\"", "Base.1.12.AccessDenied"), (None, "Base.1.12.NoValidSession"), (None, "Base.1.19.AuthenticationTokenRequired")])
def test_a_board_without_basic_authentication_gets_one_session(challenge, message):
    bmc = Tokens(challenge, message)
    service = bmc.service()
    for _unused in range(3):
        service.system()
    assert bmc.opened == 1 and bmc.valid
    service.close()
    service.close()
    service.close()
    assert bmc.valid is None
    assert [path for path, body, headers in bmc.tree.sent("DELETE")] == [ONE]


@pytest.mark.parametrize(("challenge", "message"), [
    ('Basic realm="BMC"', "Base.1.12.NoValidSession"), ('Session, basic realm="x"', "Base.1.12.NoValidSession"),
    (None, "Base.1.12.ResourceAtUriUnauthorized"), (None, "iLO.2.14.UnauthorizedLoginAttempt"), (None, "")])
def test_a_wrong_password_costs_one_failed_login(challenge, message):
    bmc = Tokens(challenge, message)
    with pytest.raises(BaremetalError, match="does not accept the user name and password"):
        bmc.service().system()
    assert len(bmc.tree.requests) == 1


def test_a_wrong_password_of_a_board_without_basic_authentication():
    bmc = Tokens(password="another")
    service = bmc.service()
    with pytest.raises(BaremetalError, match="does not accept the user name and password"):
        service.system()
    service.close()
    assert len(bmc.tree.sent("POST")) == 1 and not bmc.tree.sent("DELETE")


@pytest.mark.parametrize("root", [401, 404, 503, (200, b"<html>")])
def test_sessions_are_where_they_usually_are_when_the_root_does_not_tell(root):
    bmc = Tokens(root=root)
    with contextlib.closing(bmc.service()) as service:
        assert service.system()["@odata.id"] == SYSTEM


def test_a_session_that_the_board_has_ended_is_opened_again_once():
    bmc = Tokens()
    service = bmc.service()
    service.system()
    bmc.valid = None
    service.system()
    assert bmc.opened == 2
    bmc.tree.on("GET", SYSTEM, lambda tree, body: bmc.refusal)
    with pytest.raises(BaremetalError, match="does not accept"):
        service.system()
    service.close()


@pytest.mark.parametrize("answer", [(503, error_body("IDRAC.2.8.RAC0218", "The maximum number of user sessions is reached.")),
                                    (400, error_body("Base.1.12.SessionLimitExceeded")), 503])
def test_no_session_left(answer):
    bmc = Tokens()
    bmc.tree.answer("POST", SESSIONS, answer)
    service = bmc.service()
    with pytest.raises(BmcLost, match="has no session left"):
        service.system()
    service.close()


@pytest.mark.parametrize("answer", [(201, {}, {"X-Auth-Token": "t"}), (201, {}, {"Location": ONE}), 200, (201, [], {"X-Auth-Token": "t"})])
def test_a_session_that_is_none(answer):
    bmc = Tokens()
    bmc.tree.answer("POST", SESSIONS, answer)
    with pytest.raises(BaremetalError, match="without"):
        bmc.service().system()


@pytest.mark.parametrize("answer", [
    500, 404, 429, (503, error_body("IDRAC.2.8.SYS518")), (503, error_body("Base.1.12.ServiceTemporarilyUnavailable", "The service is initialising.")),
    (400, error_body("iLO.2.14.InvalidOperationForSystemState"))])
def test_board_that_opens_no_session_now_is_not_said_to_know_the_password_better(answer):
    bmc = Tokens()
    bmc.tree.answer("POST", SESSIONS, answer)
    service = bmc.service()
    with pytest.raises(BmcLost, match="opened no session.*POST") as caught:
        service.system()
    assert not isinstance(caught.value, SessionsFull)
    service.close()


@pytest.mark.parametrize("status", [400, 401, 403])
def test_credentials_that_open_no_session(status):
    bmc = Tokens()
    bmc.tree.answer("POST", SESSIONS, status)
    with pytest.raises(NotLetIn, match="does not accept the user name and password"):
        bmc.service().system()


@pytest.mark.parametrize(("answers", "sent", "is_told"), [
    ((503, 503), 3, False), ((503, 503, 503), 3, True), ((405,), 1, True), ((401,), 1, False), ((404,), 1, False)])
def test_session_that_the_board_does_not_end_at_once(answers, sent, is_told):
    bmc, lines = Tokens(), []
    service = bmc.service(lines.append)
    service.system()
    bmc.tree.answer("DELETE", ONE, *answers)
    service.close()
    assert len(bmc.tree.sent("DELETE")) == sent
    assert [line for line in lines if "was not ended" in line] == (
        [f"the session at https://192.0.2.1 was not ended: DELETE {ONE}: HTTP status {answers[-1]}"] if is_told else [])


@pytest.mark.parametrize(("answers", "is_told"), [
    ((ConnectionResetError(),), False), ((BrokenPipeError(), 404), False), ((ConnectionResetError(), ConnectionResetError()), True)])
def test_connection_that_the_board_drops_at_the_end_leaves_no_session_open(answers, is_told):
    bmc, lines = Tokens(), []
    service = bmc.service(lines.append)
    service.system()
    bmc.tree.answer("DELETE", ONE, *answers)
    service.close()
    assert len(bmc.tree.sent("DELETE")) == 2
    assert any("was not ended" in line for line in lines) is is_told


def test_a_session_is_ended_although_the_work_failed_and_no_secret_is_told():
    bmc, lines = Tokens(), []
    service = bmc.service(lines.append)
    bmc.tree.answer("DELETE", ONE, TimeoutError())
    service.system()
    service.close()
    assert any("was not ended" in line for line in lines)
    assert not any("canary" in line or "token-" in line for line in lines)
    assert bmc.tree.closed


@pytest.mark.parametrize("fault", [TimeoutError(), ConnectionResetError(), (201, {}, {"X-Auth-Token": "t", "Location": "http://["})])
def test_a_session_on_demand_that_does_not_come_about(fault):
    bmc = Tokens()
    bmc.tree.answer("POST", SESSIONS, fault)
    with pytest.raises(BaremetalError, match="opened no session"):
        with bmc.service().session(stage="account"):
            pass


def test_a_session_on_demand_is_the_one_that_is_open():
    bmc = Tokens()
    service = bmc.service()
    service.system()
    with service.session(stage="account"):
        service.system()
    assert bmc.opened == 1 and bmc.valid
    service.close()
