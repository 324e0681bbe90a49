# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of a BMC: whatever the board does with a password, somebody can log in afterwards."""

from __future__ import annotations

import base64
import contextlib
import ssl
import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_accounts, redfish_service
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.accounts import change_expired, ensure_account
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.breaker import Breaker
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import (
    BmcLost,
    BmcUnreachable,
    NotLetIn,
    NotPrivileged,
    PasswordChangeRequired,
    SessionsFull,
)
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.identity import OtherMachine
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi_session import PRIVILEGES, SessionError
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_accounts import RedfishAccounts, account_of, expired_account
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.run_facts import HandedOver
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import bmc_account
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import trees
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.service_double import (
    CONNECTION,
    Tree,
    error_body,
    merge,
    service_on,
)
from hypothesis import given
from hypothesis import strategies as st

SERVICE = "/redfish/v1/AccountService"
ACCOUNTS = f"{SERVICE}/Accounts"
SESSIONS = "/redfish/v1/SessionService/Sessions"
OWN, OLD, NEW = CONNECTION["username"], CONNECTION["password"], "canary-n3w-s3cr3t"


def link(path):
    return {"@odata.id": path}


class Board(Tree):
    """A board with accounts that really logs in.

    :param keeps: what it makes of a password that it is given; None for the old one.
    :param slots: accounts that are there without a name; a POST is refused.
    :param sessions_end: a session ends when the password of its account changes.
    :param maker: manufacturer of the system and model of the manager.
    :param read_only: name of the role ReadOnly.
    """

    def __init__(self, keeps=lambda password: password, slots=0, sessions_end=False, sessions=True, maker="anyone", read_only="ReadOnly"):
        accounts = {"1": {"UserName": "" if slots else "factory", "RoleId": "Administrator", "Enabled": True},
                    "2": {"UserName": OWN, "RoleId": "Administrator", "Enabled": True}}
        accounts.update({str(number): {"UserName": "", "RoleId": "None", "Enabled": False} for number in range(3, 3 + slots)})
        super().__init__({
            "/redfish/v1/": {"AccountService": link(SERVICE), "Links": {"Sessions": link(SESSIONS)}},
            "/redfish/v1/Systems": {"Members": [link("/redfish/v1/Systems/1")]},
            "/redfish/v1/Systems/1": {"Manufacturer": maker, "Links": {"ManagedBy": [link("/redfish/v1/Managers/1")]}},
            "/redfish/v1/Managers/1": {"Model": maker},
            SERVICE: {"Accounts": link(ACCOUNTS), "Roles": link(f"{SERVICE}/Roles"), "MinPasswordLength": 8, "MaxPasswordLength": "20"},
            f"{SERVICE}/Roles": {"Members": [link(f"{SERVICE}/Roles/{role}") for role in ("Administrator", "Operator", read_only)]},
            ACCOUNTS: {"Members": [link(f"{ACCOUNTS}/{number}") for number in accounts]},
            **{f"{ACCOUNTS}/{number}": {"Id": number, **account} for number, account in accounts.items()},
        })
        self.passwords = {f"{ACCOUNTS}/1": "factory-password", f"{ACCOUNTS}/2": OLD}
        self.keeps = keeps
        self.slots = slots
        self.sessions_end = sessions_end
        self.sessions = {} if sessions else None
        self.failed_logins = self.wrong_passwords = 0

    def _who(self, headers):
        token = (headers or {}).get("X-Auth-Token")
        if token:
            return (self.sessions or {}).get(token)
        return self._place(*base64.b64decode(headers["Authorization"].split()[1]).decode().split(":", 1))

    def _place(self, name, password):
        for path, right in self.passwords.items():
            account = self.resources.get(path, {})
            if account.get("UserName") == name and right == password and account.get("Enabled") and not account.get("Locked"):
                return path
        return None

    def request(self, method, path, body=None, headers=None, timeout=None):
        known = self._place(body["UserName"], body["Password"]) if path == SESSIONS else path == "/redfish/v1/" or self._who(headers)
        if not known:
            self.failed_logins += 1
            self.wrong_passwords += "X-Auth-Token" not in (headers or {})
            self.on("NONE", "", lambda tree, body: 401)
            return super().request("NONE", "", None, headers)
        return super().request(method, path, body, headers)

    def _usual(self, method, path, body):
        if method == "POST" and path == SESSIONS:
            if self.sessions is None:
                return 503, error_body("Base.1.0.SessionLimitExceeded")
            token = f"token{len(self.sessions)}"
            self.sessions[token] = self._place(body["UserName"], body["Password"])
            self.resources[f"{SESSIONS}/{token}"] = {}
            return 201, {}, {"X-Auth-Token": token, "Location": f"{SESSIONS}/{token}"}
        if method == "DELETE" and path.startswith(SESSIONS):
            self.sessions.pop(path.rpartition("/")[2], None)
        if method == "POST" and path == ACCOUNTS:
            if self.slots:
                return 405, error_body("Base.1.0.MethodNotAllowed")
            place = f"{ACCOUNTS}/9"
            self.resources[ACCOUNTS]["Members"].append(link(place))
            self.resources[place] = {"Id": "9"}
            self._put(place, body)
            return 201, {}
        if method == "DELETE" and path.startswith(ACCOUNTS) and self.slots:
            return 405, error_body("Base.1.0.MethodNotAllowed")
        if method == "PATCH" and path in self.resources:
            if self.slots and body.get("RoleId") not in (None, "None") and "Password" not in body:
                return 400, error_body("IDRAC.2.8.SYS430", "The Password property must be given")
            self._put(path, body)
            return 200, {}
        return super()._usual(method, path, body)

    def _put(self, path, body):
        if "Password" in body:
            kept = self.keeps(body["Password"])
            if kept is not None:
                self.passwords[path] = kept
            if self.sessions_end:
                self.sessions = {token: place for token, place in self.sessions.items() if place != path}
        self.resources[path] = merge(self.resources[path], {key: value for key, value in body.items() if key != "Password"})

    def ensure(self, name, own=OLD, **options):
        """``ensure_account`` as somebody who logs in with the password ``own``."""
        def log_in(user, secret):
            return service_on(self, username=user, password=secret)

        accounts = RedfishAccounts(log_in(OWN, own), log_in)
        try:
            return ensure_account(accounts, (OWN, own), name, sleep=lambda seconds: None, **options)
        finally:
            accounts.close()

    def lets_in(self, name, password):
        return service_on(self, username=name, password=password).find("/redfish/v1/Systems") is not None


@pytest.mark.parametrize("board", [Board(), Board(slots=2)])
def test_account_comes_changes_and_goes(board):
    wanted = {"password": "monitor-password", "role": "ReadOnly"}
    assert board.ensure("monitor", **wanted, check_mode=True)["after"] == {
        "id": None, "name": "monitor", "role": "ReadOnly", "enabled": True, "locked": False}
    assert not board.changes
    assert board.ensure("monitor", **wanted)["password_changed"]
    if board.slots:
        # The first slot is the BMC's own, although it looks empty (quirk R36).
        assert board.changes[-1][:2] == ("PATCH", f"{ACCOUNTS}/3")
    assert board.lets_in("monitor", "monitor-password")
    sent = len(board.changes)
    assert not board.ensure("monitor", **wanted)["changed"] and len(board.changes) == sent
    assert board.ensure("monitor", **{**wanted, "role": "Operator"})["after"]["role"] == "Operator"
    assert board.ensure("monitor", password="other-password")["password_changed"]
    assert board.lets_in("monitor", "other-password")
    assert board.ensure("monitor", enabled=False)["after"]["enabled"] is False
    assert board.ensure("monitor", state="absent")["after"] is None
    assert not board.ensure("monitor", state="absent")["changed"]
    assert all("Password" not in body for method, path, body in board.changes if method == "PATCH" and body.get("UserName") == "")


def test_password_is_left_alone_on_create_only():
    board = Board()
    assert not board.ensure("factory", password="other-password", update_password="on_create")["changed"]
    assert board.failed_logins == 0


def test_password_that_is_to_be_left_alone_does_not_go_along_with_a_role():
    board = Board(slots=2)
    board.ensure("monitor", password="monitor-password", role="ReadOnly")
    wanted = {"password": "other-password", "role": "Operator"}
    with pytest.raises(BaremetalError, match="changes the account monitor only along with its password, which is not known.*update_password always"):
        board.ensure("monitor", **wanted, update_password="on_create")
    assert board.lets_in("monitor", "monitor-password")
    assert not board.ensure("monitor", **{**wanted, "password": "monitor-password"})["password_changed"]
    assert board.ensure("monitor", role="Operator")["changed"] is False
    assert board.lets_in("monitor", "monitor-password")


def lock(board):
    """Lock the account of the factory."""
    board.resources[f"{ACCOUNTS}/1"]["Locked"] = True


def test_locked_account_is_unlocked_with_its_password():
    board = Board()
    lock(board)
    assert not board.ensure("factory", password=NEW, update_password="on_create")["changed"]
    assert board.ensure("factory", password=NEW, check_mode=True)["after"]["locked"] is False and not board.changes
    assert board.ensure("factory", password=NEW)["after"]["locked"] is False
    assert board.failed_logins == 0 and board.lets_in("factory", NEW)
    assert not board.ensure("factory", password=NEW)["changed"]


@pytest.mark.parametrize("answer", [(400, error_body("Base.1.8.PropertyNotWritable", "The property Locked is a read only property.")), None])
def test_account_that_stays_locked_is_told_and_costs_no_login(answer):
    board = Board()
    lock(board)

    def keep_locked(tree, body):
        if answer and "Locked" in body:
            return answer
        tree._put(f"{ACCOUNTS}/1", {**body, "Locked": True})
        return 200

    board.on("PATCH", f"{ACCOUNTS}/1", keep_locked)
    with pytest.raises(BaremetalError, match="took the new password of the account factory and keeps the account locked.*wait until the BMC unlocks it"):
        board.ensure("factory", password=NEW)
    assert board.failed_logins == 0 and board.passwords[f"{ACCOUNTS}/1"] == NEW


def test_board_that_does_not_tell_whether_an_account_is_enabled():
    board = Board()
    for number in ("1", "2"):
        path = f"{ACCOUNTS}/{number}"
        board.on("GET", path, lambda tree, body, path=path: (200, {
            "@odata.id": path, **{key: value for key, value in tree.resources[path].items() if key != "Enabled"}}))
    assert not board.ensure(OWN, enabled=True)["changed"]
    with pytest.raises(BaremetalError, match="its enabled would change"):
        board.ensure(OWN, enabled=False)
    assert not board.ensure("factory", enabled=True, password="factory-password")["changed"]
    assert not board.changes
    for _unused in range(2):
        # Without a password nothing proves it.
        assert board.ensure("factory", enabled=True)["changed"] and board.ensure("factory", enabled=False)["changed"]
    # Who is disabled is not let in.
    assert board.ensure("factory", enabled=True, password="factory-password")["changed"]
    assert board.lets_in("factory", "factory-password")


@pytest.mark.parametrize("sessions_end", [False, True])
def test_own_password_is_rotated_and_no_session_stays(sessions_end):
    board = Board(sessions_end=sessions_end)
    assert board.ensure(OWN, password=NEW, check_mode=True)["outdated_credential"] and not board.changes
    result = board.ensure(OWN, password=NEW)
    assert result["changed"] and result["outdated_credential"] and result["password_changed"]
    assert not board.sessions and board.lets_in(OWN, NEW)
    # With the new one at hand there is nothing left to do.
    board.requests.clear()
    assert not board.ensure(OWN, own=NEW, password=NEW)["changed"]
    assert not board.changes


@pytest.mark.parametrize("keeps", [lambda password: password[:10], lambda password: password.lower() + "x", lambda password: None])
def test_own_password_that_the_board_spoils_is_taken_back(keeps):
    board = Board()
    spoils = [keeps]
    board.keeps = lambda password: spoils.pop()(password) if spoils else password
    with pytest.raises(BaremetalError, match="did not let us in with it; the old one is good again") as caught:
        board.ensure(OWN, password=NEW)
    assert board.lets_in(OWN, OLD) and not board.sessions
    assert OLD not in str(caught.value) and NEW not in str(caught.value)


def test_without_a_way_back_nothing_is_sent():
    board = Board(sessions=False)
    with pytest.raises(BaremetalError, match="the BMC opened no session"):
        board.ensure(OWN, password=NEW)
    assert [path for method, path, body in board.changes] == [SESSIONS]
    assert board.lets_in(OWN, OLD)


def test_without_room_for_the_proof_nothing_is_sent():
    board = Board()
    board.on("GET", "/redfish/v1/Systems", lambda tree, body: (503, error_body("Base.1.0.SessionLimitExceeded")) if tree.sessions else None)
    with pytest.raises(SessionsFull, match=f"no session left for the login that is to prove the new password of {OWN}. Seen: .*; the password is as it was"):
        board.ensure(OWN, password=NEW)
    assert board.lets_in(OWN, OLD) and not board.sessions
    assert not [path for method, path, body in board.changes if method == "PATCH"]


@pytest.mark.parametrize("done", [True, False])
def test_answer_that_is_lost_is_found_out_by_logging_in(done):
    board = Board()

    def lose(tree, body):
        if done:
            tree._put(f"{ACCOUNTS}/2", body)
        tree.on("PATCH", f"{ACCOUNTS}/2", lambda tree, body: None)
        return BmcUnreachable("the BMC does not answer")

    board.on("PATCH", f"{ACCOUNTS}/2", lose)
    if done:
        assert board.ensure(OWN, password=NEW)["changed"] and board.lets_in(OWN, NEW)
    else:
        with pytest.raises(BaremetalError, match="the old one is still good"):
            board.ensure(OWN, password=NEW)
        assert board.lets_in(OWN, OLD)
    assert not board.sessions


@pytest.mark.parametrize("sessions_end", [False, True])
@pytest.mark.parametrize("answer", [BmcUnreachable("the BMC does not answer"), (500, {}), 401])
@pytest.mark.parametrize("kept", [NEW, OLD, "something else"])
def test_change_whose_answer_is_lost_costs_one_login_with_each_password(answer, sessions_end, kept):
    board = Board(sessions_end=sessions_end, keeps=lambda password: kept)

    def lose(tree, body):
        tree._put(f"{ACCOUNTS}/2", body)
        return answer

    board.on("PATCH", f"{ACCOUNTS}/2", lose)
    attempts = []
    accounts = RedfishAccounts(service_on(board, username=OWN, password=OLD), lambda user, secret: service_on(board, username=user, password=secret))
    accepts = accounts.accepts
    accounts.accepts = lambda account, password: attempts.append(password) or accepts(account, password)
    with contextlib.closing(accounts):
        if kept == NEW:
            result = ensure_account(accounts, (OWN, OLD), OWN, password=NEW, sleep=lambda seconds: None)
            assert result["changed"] and result["outdated_credential"]
        else:
            with pytest.raises(BaremetalError, match="the old one is still good" if kept == OLD else "neither with the new nor with the old password"):
                ensure_account(accounts, (OWN, OLD), OWN, password=NEW, sleep=lambda seconds: None)
    # The first one, before the change, shows that there is room.
    assert attempts == ([OLD, NEW] if kept == NEW else [OLD, NEW, OLD])
    assert board.wrong_passwords == {NEW: 0, OLD: 1}.get(kept, 2)


def test_which_password_is_good_is_not_known_of_a_board_that_is_gone():
    board = Board()

    def vanish(tree, body):
        for method, path in (("GET", "/redfish/v1/"), ("GET", "/redfish/v1/Systems")):
            board.on(method, path, lambda tree, body: BmcUnreachable("the BMC does not answer"))
        return BmcUnreachable("the BMC does not answer")

    board.on("PATCH", f"{ACCOUNTS}/2", vanish)
    with pytest.raises(BaremetalError, match="which one is good now, the old or the new, is not known.*keep both"):
        board.ensure(OWN, password=NEW)


SYSTEMS = "/redfish/v1/Systems"
# What a board that starts may answer before anybody has looked at a password, or at a request.
NO_PROOF = [(404, b"<html>Not Found</html>"), (403, b"<html>Forbidden</html>"), (404, error_body("Base.1.0.ResourceMissingAtURI")),
            (403, error_body("Base.1.0.GeneralError")), (400, error_body("Base.1.0.GeneralError")), ssl.SSLError(1, "internal error")]


def answers_after_a_change(board, number, answer, lasts=1000):
    """Have a board answer so whoever reads its systems once it was given a password, so many times."""
    left = []

    def request(method, path, body=None, headers=None, timeout=None):
        if (method, path) == ("PATCH", f"{ACCOUNTS}/{number}") and not left:
            left.append(lasts)
        if (method, path) == ("GET", SYSTEMS) and left and left[0]:
            left[0] -= 1
            board.answer(method, path, answer)
            return Tree.request(board, method, path, body, headers)
        return Board.request(board, method, path, body, headers)

    board.request = request


@pytest.mark.parametrize("answer", NO_PROOF)
@pytest.mark.parametrize("keeps", [str, lambda password: password[:10]])
def test_answer_that_is_no_proof_is_asked_for_again(answer, keeps):
    board = Board(keeps=lambda password: keeps(password) if password == NEW else password)
    answers_after_a_change(board, 2, answer)
    with pytest.raises(BaremetalError, match="which one is good now, the old or the new, is not known.*keep both"):
        board.ensure(OWN, password=NEW)
    # The old one was set again over the way back, which there is no later.
    assert board.passwords[f"{ACCOUNTS}/2"] == OLD and not board.sessions
    answers_after_a_change(board, 2, answer, lasts=3)
    with pytest.raises(BaremetalError, match="keeps the new password of .* could not be found out; the old one is good"):
        board.ensure(OWN, password=NEW)
    assert board.lets_in(OWN, OLD) and not board.sessions
    board.keeps = str
    answers_after_a_change(board, 2, answer, lasts=1)
    assert board.ensure(OWN, password=NEW)["password_changed"] and board.lets_in(OWN, NEW)


@pytest.mark.parametrize("answer", NO_PROOF)
def test_answer_that_is_no_proof_before_the_change_has_nothing_sent(answer):
    board = Board()
    board.on("GET", SYSTEMS, lambda tree, body: answer)
    with pytest.raises(BaremetalError):
        board.ensure(OWN, password=NEW)
    assert board.passwords[f"{ACCOUNTS}/2"] == OLD and "PATCH" not in [method for method, path, body in board.changes]


@pytest.mark.parametrize("answer", NO_PROOF)
def test_password_of_another_account_is_told_where_it_cannot_be_proved(answer):
    board = Board(keeps=lambda password: password[:8])
    answers_after_a_change(board, 1, answer)
    with pytest.raises(BaremetalError, match="took the new password of the account factory, and whether it lets it in could not be found out"):
        board.ensure("factory", password="long-password")


def test_account_without_the_right_to_read_has_its_password_all_the_same():
    board = Board()
    board.on("GET", SYSTEMS, lambda tree, body: (403, error_body("Base.1.8.InsufficientPrivilege", "There are insufficient privileges.")))
    assert board.ensure("factory", password="other-password")["password_changed"]
    assert not board.ensure("factory", password="other-password")["changed"]
    assert board.ensure(OWN, password=NEW)["password_changed"] and board.passwords[f"{ACCOUNTS}/2"] == NEW


def test_rotation_that_was_proved_is_told_although_the_account_cannot_be_read_again():
    board = Board()

    def change(tree, body):
        tree._put(f"{ACCOUNTS}/2", body)
        tree.on("GET", ACCOUNTS, lambda tree, body: BmcUnreachable("the BMC does not answer"))
        return 200

    board.on("PATCH", f"{ACCOUNTS}/2", change)
    result = board.ensure(OWN, password=NEW)
    assert result["outdated_credential"] and result["after"]["name"] == OWN


def test_board_that_keeps_neither_password_is_told_plainly():
    board = Board(keeps=lambda password: "something else", sessions_end=True)
    with pytest.raises(BaremetalError, match="neither with the new nor with the old password"):
        board.ensure(OWN, password=NEW)


@given(keeps=st.sampled_from([str, str.upper, lambda password: password[:16], lambda password: None]), sessions_end=st.booleans(),
       new=st.text("abCD12-_", min_size=8, max_size=20))
def test_access_is_never_lost_while_the_way_back_lasts(keeps, sessions_end, new):
    """Somebody with the old or the new password gets in, unless the board ends the session and spoils the password as well."""
    board = Board(keeps=keeps, sessions_end=sessions_end)
    board.passwords[f"{ACCOUNTS}/2"] = "oldpass1"
    board.keeps = lambda password: keeps(password) if password != "oldpass1" else password
    with contextlib.suppress(BaremetalError):
        board.ensure(OWN, own="oldpass1", password=new)
    kept = board.passwords[f"{ACCOUNTS}/2"]
    assert kept in ("oldpass1", new) or sessions_end
    assert not board.sessions


def expire(board):
    """Have a board let us do nothing before the old password is changed."""
    path = f"{ACCOUNTS}/2"
    refusal = error_body("Base.1.13.PasswordChangeRequired",
                         f"PATCH the Password property for this account located at the target URI '{path}' to complete.")

    def refuse(tree, body):
        return (403, refusal) if board.passwords[path] == OLD else None

    for place in ("/redfish/v1/Systems", "/redfish/v1/Systems/1", SERVICE, ACCOUNTS):
        board.on("GET", place, refuse)


def test_password_that_must_be_changed_first_is_changed():
    board = Board()
    expire(board)
    with pytest.raises(PasswordChangeRequired) as caught:
        board.ensure(OWN, password=NEW)
    account = expired_account(OWN, caught.value.seen)
    accounts = RedfishAccounts(service_on(board), lambda user, secret: service_on(board, username=user, password=secret))
    options = {"confirm": lambda: None}
    assert change_expired(accounts, (OWN, OLD), account, NEW, check_mode=True, **options)["changed"] and not board.changes
    result = change_expired(accounts, (OWN, OLD), account, NEW, **options)
    assert result["outdated_credential"] and result["after"]["role"] == "Administrator"
    assert board.lets_in(OWN, NEW) and not board.sessions
    assert expired_account(OWN, "change it") is None


UUID, OTHER_UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10", "00000000-1111-4222-8333-444444444444"


@pytest.fixture
def through_door(monkeypatch):
    """``through_door(board, breaker, **connection)``: the result of a rotation of the own password, and the warnings."""
    def run(board, breaker=None, **connection):
        monkeypatch.setattr(redfish_service, "Connector", lambda url, connection: board)
        params = {name: option.get("default") for name, option in bmc_account.DOOR.argument_spec.items()}
        params.update(driver="redfish", bmc={**CONNECTION, **connection}, username=OWN, password=NEW)
        warnings = []
        return bmc_account.DOOR.run(Call(params=params, node="node1", breaker=breaker, warn=warnings.append)), warnings

    return run


@pytest.mark.parametrize("identity", [{}, {"system_uuid": UUID}])
def test_factory_password_of_the_machine_that_is_meant_is_changed(through_door, identity):
    board = Board()
    board.resources["/redfish/v1/Systems/1"]["UUID"] = UUID
    expire(board)
    result, warnings = through_door(board, **identity)
    assert result["password_changed"] and result["outdated_credential"] and not warnings
    assert board.lets_in(OWN, NEW) and not board.sessions


@pytest.mark.parametrize("sessions_end", [False, True])
def test_factory_password_of_another_machine_is_set_again(through_door, sessions_end):
    board = Board(sessions_end=sessions_end)
    board.resources["/redfish/v1/Systems/1"]["UUID"] = OTHER_UUID
    expire(board)
    with pytest.raises(OtherMachine, match=f"that of {OWN} is the old one again. Seen: UUID {OTHER_UUID}, expected {UUID}") as caught:
        through_door(board, system_uuid=UUID)
    assert board.passwords[f"{ACCOUNTS}/2"] == OLD and not board.sessions
    assert OLD not in str(caught.value) and NEW not in str(caught.value)


def test_factory_password_that_another_machine_does_not_take_again_is_told(through_door):
    board = Board()
    board.resources["/redfish/v1/Systems/1"]["UUID"] = OTHER_UUID
    expire(board)
    board.on("PATCH", f"{ACCOUNTS}/2", lambda tree, body: (400, error_body("", "too simple")) if body["Password"] == OLD else None)
    said = "could not be set back and is the new one.*setting the old one again: the BMC refused.*keep the new password"
    with pytest.raises(OtherMachine, match=f"that of {OWN} {said}"):
        through_door(board, system_uuid=UUID)
    assert board.lets_in(OWN, NEW)


def test_factory_password_of_a_machine_that_cannot_be_told_is_changed_with_a_warning(through_door):
    board = Board()
    board.resources["/redfish/v1/Systems"]["Members"].append(link("/redfish/v1/Systems/2"))
    expire(board)
    result, warnings = through_door(board, system_uuid=UUID)
    assert result["password_changed"] and board.lets_in(OWN, NEW)
    assert ["could not be found out" in text and "serves 2 systems" in text for text in warnings] == [True]


def test_run_remembers_what_a_task_found_out(through_door):
    """A BMC that cannot be reached is not tried again, and the path of its system is not asked for again."""
    breaker, board = Breaker(HandedOver({})), Board()
    through_door(board, breaker)
    board.requests.clear()
    result, _unused = through_door(board, breaker, password=NEW)
    assert not result["changed"] and ("GET", "/redfish/v1/Systems") not in [request[:2] for request in board.requests]
    for path in ("/redfish/v1/", "/redfish/v1/Systems", "/redfish/v1/Systems/1"):
        board.on("GET", path, lambda tree, body: BmcUnreachable("the BMC does not answer"))
    for said in ("does not answer", "is not tried again"):
        board.requests.clear()
        with pytest.raises(BmcUnreachable, match=said):
            through_door(board, breaker, password=NEW)
    assert not board.requests


@pytest.mark.parametrize("options", [{"state": "absent"}, {"enabled": False}, {"role": "ReadOnly"}])
def test_own_account_is_neither_deleted_nor_weakened(options):
    board = Board()
    with pytest.raises(BaremetalError, match="is the one that we log in with"):
        board.ensure(OWN, **options)
    assert not board.changes


@pytest.mark.parametrize(("options", "seen"), [
    ({"password": "short", "role": "ReadOnly"}, "takes no password of this length"),
    ({"password": "x" * 21, "role": "ReadOnly"}, "21 characters, at least 8 and at most 20"),
    ({"password": "long-enough", "role": "Emperor"}, "no role Emperor. Seen: roles: Administrator, Operator, ReadOnly"),
    ({"password": "long-enough"}, "role must be given"), ({}, "password and role must be given")])
def test_what_the_board_cannot_keep_is_refused_before_anything_is_sent(options, seen):
    board = Board()
    with pytest.raises(BaremetalError, match=seen):
        board.ensure("monitor", **options)
    assert not board.changes


def test_full_table_is_told():
    board = Board(slots=1)
    board.resources[f"{ACCOUNTS}/3"]["UserName"] = "somebody"
    with pytest.raises(BaremetalError, match="no room for the account monitor"):
        board.ensure("monitor", password="long-enough", role="ReadOnly")


def test_password_of_another_account_that_the_board_spoils_is_an_error_and_leaves_us_in():
    board = Board(keeps=lambda password: password[:8])
    with pytest.raises(BaremetalError, match="does not let it in"):
        board.ensure("factory", password="long-password")
    assert board.lets_in(OWN, OLD)


def test_role_that_is_not_taken_is_an_error():
    board = Board()
    board.on("PATCH", f"{ACCOUNTS}/1", lambda tree, body: 200)
    with pytest.raises(BaremetalError, match="did not take role ReadOnly.*Seen: it tells role Administrator"):
        board.ensure("factory", role="ReadOnly")


@pytest.mark.parametrize(("maker", "offered", "asked"), [
    ("anyone", "ReadOnly", "readonly"), ("anyone", "READONLY", "ReadOnly"), ("Huawei", "Commonuser", "ReadOnly"), ("Huawei", "Commonuser", "commonUser"),
    ("OpenBmc", "User", "ReadOnly"), ("OpenBmc", "ReadOnly", "ReadOnly")])
def test_role_is_sent_as_the_board_calls_it_r59(maker, offered, asked):
    board = Board(maker=maker, read_only=offered)
    wanted = {"password": "monitor-password", "role": asked}
    assert board.ensure("monitor", **wanted)["after"]["role"] == offered
    assert not board.ensure("monitor", **wanted)["changed"]
    assert board.ensure("factory", role="OPERATOR")["after"]["role"] == "Operator"
    assert board.ensure("factory", role=asked, check_mode=True)["after"]["role"] == offered
    board.ensure("factory", role=asked)
    assert [body["RoleId"] for method, path, body in board.changes if body and "RoleId" in body] == [offered, "Operator", offered]


def test_role_that_another_maker_offers_is_refused_with_what_there_is():
    board = Board(read_only="Commonuser")
    with pytest.raises(BaremetalError, match="no role ReadOnly. Seen: roles: Administrator, Operator, Commonuser"):
        board.ensure("factory", role="ReadOnly")
    assert not board.changes


def test_board_that_lists_no_roles_gets_the_standard_s_name_or_what_was_asked_for():
    board = Board()
    del board.resources[SERVICE]["Roles"]
    assert board.ensure("factory", role="operator")["after"]["role"] == "Operator"
    assert board.ensure("factory", role="CustomRole1")["after"]["role"] == "CustomRole1"


@given(trees("UserName", "RoleId", "Enabled", "Locked"))
def test_random_accounts_are_read_without_an_error(entry):
    found = account_of("/redfish/v1/AccountService/Accounts/1", entry)
    assert found["enabled"] in (True, False, None) and found["locked"] in (True, False)


@given(trees("Accounts", "Roles", "MinPasswordLength", "MaxPasswordLength"))
def test_random_services_end_in_a_result_or_an_error(resource):
    board = Board()
    board.resources[SERVICE] = resource
    with contextlib.suppress(BaremetalError):
        board.ensure("monitor", password="long-enough", role="ReadOnly")


# IPMI


class Users:
    """The user table of a BMC behind a driver and pyghmi's Command in one.

    :param keeps: what it makes of a password.
    :param channel: number of the LAN channel, None for a board that has none by that name.
    :param tells: whether it tells if a user is enabled.
    """

    def __init__(self, keeps=lambda password: password, slots=4, channel=1, tells=True):
        self.table = {number: {"name": "", "password": None, "privilege": 0x0F, "enabled": False} for number in range(1, slots + 1)}
        self.table[2] = {"name": OWN, "password": OLD, "privilege": 4, "enabled": True}
        self.keeps = keeps
        self.channel, self.tells = channel, tells
        self.done = []
        self.is_open = True
        # The next errors, by what is asked for.
        self.fails = {}

    def _do(self, step):
        self.done.append(step)
        if self.fails.get(step):
            raise self.fails[step].pop(0)

    def change_password(self, password):
        self.done.append("moved on")

    @contextlib.contextmanager
    def command(self):
        try:
            yield self
        except SessionError as error:
            raise BmcLost("the BMC does not answer any more") from error

    def get_network_channel(self):
        return self.channel

    def raw_command(self, netfn, command, data):
        user = self.table[bytes(data)[-1]]
        if command == 0x46:
            return {"data": bytearray(user["name"].encode().ljust(16, b"\0"))}
        assert command == 0x44
        assert data[0] == (self.channel or 0x0E)
        return {"data": bytearray([len(self.table), (0x40 if user["enabled"] else 0x80) if self.tells else 0, 0, user["privilege"]])}

    def set_user_name(self, uid, name):
        self._do("name")
        self.table[uid]["name"] = name

    def set_user_access(self, uid, channel, link_auth, ipmi_msg, privilege_level):
        assert channel == (self.channel or 0x0E)
        self._do(f"access {privilege_level} {ipmi_msg}")
        self.table[uid]["privilege"] = {"user": 2, "operator": 3, "administrator": 4, "no_access": 0x0F}[privilege_level]

    def set_user_password(self, uid, mode="set_password", password=None):
        user = self.table[uid]
        if mode == "test_password":
            return user["password"] == password
        self._do(mode)
        if mode == "set_password":
            user["password"] = self.keeps(password)
        else:
            user["enabled"] = mode == "enable"
        return True

    def ensure(self, name, own=OLD, **options):
        def log_in(user, password, privilege="administrator"):
            found = [entry for entry in self.table.values() if entry["name"] == user and entry["password"] == password and entry["enabled"]]
            if not found:
                raise NotLetIn("the BMC does not accept the password")
            if found[0]["privilege"] < PRIVILEGES[privilege]:
                raise NotPrivileged("the BMC does not let the user in with that privilege level")
            return types.SimpleNamespace(close=lambda: None)

        accounts = ipmi_accounts.IpmiAccounts(self, OWN, log_in)
        return ensure_account(accounts, (OWN, own), name, sleep=lambda seconds: None, **options)


def test_ipmi_user_comes_changes_and_goes():
    users = Users()
    wanted = {"password": "monitor-password", "role": "ReadOnly"}
    assert users.ensure("monitor", **wanted, check_mode=True)["changed"] and not users.done
    assert users.ensure("monitor", **wanted)["after"] == {"id": "3", "name": "monitor", "role": "ReadOnly", "enabled": True,
                                                          "locked": False}
    # Name and password before the user is enabled, the privilege before the messages (quirk I15).
    assert users.done == ["name", "set_password", "access user False", "access user True", "enable"]
    assert not users.ensure("monitor", **wanted)["changed"]
    assert users.ensure("monitor", role="OPERATOR")["after"]["role"] == "Operator"
    assert users.ensure("monitor", role="user")["after"]["role"] == "ReadOnly"
    assert not users.ensure("monitor", role="readonly")["changed"]
    assert users.ensure("monitor", enabled=False)["after"]["enabled"] is False
    assert users.ensure("monitor", state="absent")["changed"]
    assert users.table[3]["name"] == "" and users.table[3]["privilege"] == 0x0F
    assert not users.ensure("monitor", state="absent")["changed"]


MONITOR = {"password": "monitor-password", "role": "ReadOnly"}


def test_ipmi_board_without_a_channel_that_calls_itself_a_lan():
    users = Users(channel=None)
    assert users.ensure("monitor", **MONITOR)["after"]["enabled"]


@pytest.mark.parametrize("step", ["set_password", "access user False", "access user True", "enable"])
@pytest.mark.parametrize("error", [BaremetalError("the BMC refused the command"), SessionError("lost", "no reply")])
def test_ipmi_user_that_is_half_made_is_taken_away(step, error):
    users = Users()
    users.fails[step] = [error]
    with pytest.raises(BmcLost if isinstance(error, SessionError) else BaremetalError, match="refused the command|does not answer any more"):
        users.ensure("monitor", **MONITOR)
    assert users.table[3]["name"] == "" and not users.table[3]["enabled"]
    assert users.ensure("monitor", **MONITOR)["after"]["enabled"]


def test_ipmi_user_that_is_half_made_and_stays_is_told():
    users = Users()
    users.fails = {"set_password": [SessionError("lost", "no reply")], "disable": [SessionError("lost", "no reply")]}
    with pytest.raises(BmcLost, match="does not answer any more.*monitor may be there half made, so delete it first"):
        users.ensure("monitor", **MONITOR)


def test_ipmi_role_that_is_refused_is_told():
    users = Users()
    users.fails["access operator True"] = [Exception("parameter out of range")]
    users.ensure("monitor", **MONITOR)
    with pytest.raises(BaremetalError, match="refused the privilege level operator. Seen: parameter out of range"):
        users.ensure("monitor", role="Operator")


def test_ipmi_board_that_does_not_tell_whether_a_user_is_enabled():
    users = Users(tells=False)
    assert not users.ensure(OWN, enabled=True)["changed"]
    with pytest.raises(BaremetalError, match="its enabled would change"):
        users.ensure(OWN, enabled=False)
    assert users.ensure("monitor", **MONITOR, enabled=True)["changed"]
    assert not users.ensure("monitor", **MONITOR, enabled=True)["changed"]
    # The password is right and of no use.
    assert users.ensure("monitor", enabled=False)["changed"]
    assert users.ensure("monitor", **MONITOR, enabled=True)["changed"] and users.table[3]["enabled"]
    assert not users.ensure("monitor", **MONITOR, enabled=True)["changed"]


ROOT = {"name": "root", "password": "0penBmc", "privilege": 4, "enabled": True}


def test_ipmi_first_user_that_has_a_name():
    users = Users()
    users.table[1] = dict(ROOT)
    assert users.ensure("root", password="n3w-s3cr3t")["after"]["id"] == "1" and users.table[1]["password"] == "n3w-s3cr3t"
    assert users.ensure("root", state="absent")["changed"] and users.table[1]["name"] == "" and not users.table[1]["enabled"]
    # Its place is for nobody else.
    assert [users.ensure(name, **MONITOR)["after"]["id"] for name in ("monitor", "second")] == ["3", "4"]
    with pytest.raises(BaremetalError, match="no room for the account third"):
        users.ensure("third", **MONITOR)


def test_ipmi_user_whose_name_is_fixed_is_switched_off_and_told():
    users = Users()
    users.table[1] = dict(ROOT)
    users.fails["name"] = [Exception("parameter out of range")]
    with pytest.raises(BaremetalError, match="name of user 1, root, which is switched off now .* Seen: parameter out of range.*enabled false"):
        users.ensure("root", state="absent")
    assert not users.table[1]["enabled"] and not users.ensure("root", enabled=False)["changed"]


def test_ipmi_own_password_is_rotated_or_taken_back():
    users = Users()
    assert users.ensure(OWN, password="n3w-s3cr3t")["outdated_credential"]
    assert users.table[2]["password"] == "n3w-s3cr3t" and users.done[-1] == "moved on"
    users = Users()
    users.table[1], users.table[2] = users.table[2], users.table[1]
    assert users.ensure(OWN, password="n3w-s3cr3t")["outdated_credential"] and users.table[1]["password"] == "n3w-s3cr3t"
    spoils = [lambda password: password[:4]]
    users = Users(keeps=lambda password: spoils.pop()(password) if spoils else password)
    with pytest.raises(BaremetalError, match="the old one is good again"):
        users.ensure(OWN, password="n3w-s3cr3t")
    assert users.table[2]["password"] == OLD


@pytest.mark.parametrize(("name", "password", "role", "seen"), [
    ("monitor", "x" * 21, "ReadOnly", "no password of that length. Seen: 21 bytes, 20 are the most"),
    ("monitor", "\u00e9" * 11, "ReadOnly", "22 bytes"),
    ("x" * 17, "long-enough", "ReadOnly", "no user name of that length"),
    ("monitor", "long-enough", "Emperor", "no role Emperor")])
def test_ipmi_refuses_what_it_cannot_keep(name, password, role, seen):
    users = Users()
    with pytest.raises(BaremetalError, match=seen):
        users.ensure(name, password=password, role=role)
    assert not users.done


def test_ipmi_table_that_is_full_is_told():
    with pytest.raises(BaremetalError, match="no room for the account monitor"):
        Users(slots=2).ensure("monitor", password="long-enough", role="ReadOnly")


@given(st.binary(max_size=8))
def test_random_user_answers_end_in_a_result_or_an_error(data):
    assert isinstance(ipmi_accounts.user_name(data), str)
    with contextlib.suppress(BaremetalError):
        assert ipmi_accounts.user_access(data)["role"] in ("ReadOnly", "Operator", "Administrator", None)
