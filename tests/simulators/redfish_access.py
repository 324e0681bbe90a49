# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts and certificates of a simulated Redfish BMC."""

from __future__ import annotations

from .certificates import signing_request
from .http_server import Reply
from .redfish_board import ROOT, Refuse, on_action, on_delete, on_patch, on_post
from .redfish_system import must_have, one_of, only, simple_patch

_ACCOUNT = ("UserName", "Password", "RoleId", "Enabled", "Locked", "AccountTypes", "PasswordChangeRequired", "Oem")


def _checked(board, body):
    only(body, _ACCOUNT)
    if "Password" in body and len(str(body["Password"])) < board.behaviour["password_min"]:
        raise Refuse(400, "PropertyValueFormatError", f"The password must have {board.behaviour['password_min']} characters or more.",
                     related=["#/Password"])
    if "RoleId" in body:
        roles = [path.rsplit("/", 1)[1] for path in board.of_kind("Role")]
        one_of("RoleId", body["RoleId"], [*roles, "None"] if board.behaviour["account_slots"] else roles)


@on_post("ManagerAccountCollection")
def create(board, path, body):
    if board.behaviour["account_slots"]:
        raise Refuse(405, "OperationNotAllowed", "POST is not allowed here.")
    must_have(body, "UserName", "Password", "RoleId")
    _checked(board, body)
    taken = [board.read(account).get("UserName") for account in board.of_kind("ManagerAccount")]
    if body["UserName"] in taken:
        raise Refuse(409, "ResourceAlreadyExists", f"The account {body['UserName']} exists already.", related=["#/UserName"])
    if len(taken) >= 16:
        raise Refuse(400, "CreateLimitReachedForResource", "There are 16 accounts already.")
    number = board.number("account") + 1
    while board.exists(f"{path}/{number}"):
        number = board.number("account") + 1
    account = f"{path}/{number}"
    board.passwords[account] = str(body["Password"])
    board.put(account, {
        "@odata.id": account, "@odata.type": "#ManagerAccount.v1_11_0.ManagerAccount", "Id": str(number), "Name": "Account", "UserName": body["UserName"],
        "Password": None, "RoleId": body["RoleId"], "Enabled": body.get("Enabled", True), "Locked": False, "AccountTypes": ["Redfish"],
        "Links": {"Role": {"@odata.id": f"{board.path(f'{ROOT}/AccountService/Roles')}/{body['RoleId']}"}}})
    board.accounts_changed()
    return Reply(201, board.read(account), {"Location": account})


@on_patch("ManagerAccount")
def change(board, path, body):
    _checked(board, body)
    current = board.read(path)
    if board.behaviour["account_slots"]:
        if path.endswith("/1"):
            raise Refuse(400, "PropertyNotWritable", "This account cannot be changed.")
        if not current.get("UserName") and body.get("UserName") and "Password" not in body:
            raise Refuse(400, "PropertyMissing", "A new account needs a password.", related=["#/Password"])
        if body.get("UserName") == "" and "Password" in body:
            raise Refuse(400, "PropertyValueConflict", "Deleting an account takes no password.", related=["#/Password"])
    if board.behaviour["account_role_needs_password"] and body.get("RoleId") not in (None, "None", current.get("RoleId")) and "Password" not in body:
        raise Refuse(400, "PropertyMissing", "Changing RoleId needs the password.", related=["#/Password"])
    if body.get("UserName") and any(board.read(other).get("UserName") == body["UserName"] for other in board.of_kind("ManagerAccount") if other != path):
        raise Refuse(409, "ResourceAlreadyExists", f"The account {body['UserName']} exists already.", related=["#/UserName"])
    if "Password" in body and not board.faults.hit("password_ignored"):
        board.passwords[path] = str(body["Password"])
    account = board.own(path)
    account.update({name: value for name, value in body.items() if name != "Password"})
    if body.get("UserName") == "":
        account.update(Enabled=False, RoleId="None")
    if body.get("Locked") is False:
        board.unlock(account["UserName"])
    board.accounts_changed()


@on_delete("ManagerAccount")
def delete(board, path, body):
    if board.behaviour["account_slots"]:
        raise Refuse(405, "OperationNotAllowed", "DELETE is not allowed here.")
    board.passwords.pop(path, None)
    board.remove(path)
    board.accounts_changed()


@on_patch("AccountService")
def change_service(board, path, body):
    simple_patch(board, path, body, ("AccountLockoutThreshold", "AccountLockoutDuration", "MinPasswordLength", "ServiceEnabled"))


@on_action("CertificateService.GenerateCSR")
def generate(board, path, body):
    must_have(body, "CommonName", "CertificateCollection")
    return Reply(200, {"CSRString": signing_request(str(body["CommonName"])), "CertificateCollection": body["CertificateCollection"]})


@on_action("CertificateService.ReplaceCertificate")
def replace(board, path, body):
    must_have(body, "CertificateString", "CertificateType", "CertificateUri")
    link = body["CertificateUri"]
    target = link.get("@odata.id") if isinstance(link, dict) else None
    if not target or not board.exists(target):
        raise Refuse(400, "ResourceNotFound", "CertificateUri names no certificate.")
    board.own(target)["CertificateString"] = body["CertificateString"]


@on_post("CertificateCollection")
def add(board, path, body):
    must_have(body, "CertificateString", "CertificateType")
    number = len(board.peek(path)["Members"]) + 1
    board.put(f"{path}/{number}", {"@odata.id": f"{path}/{number}", "@odata.type": "#Certificate.v1_7_0.Certificate", "Id": str(number), "Name": "Certificate",
                                   "CertificateString": body["CertificateString"], "CertificateType": body["CertificateType"]})
    return Reply(201, board.read(f"{path}/{number}"), {"Location": f"{path}/{number}"})
