# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of a Redfish service; see accounts.py for what each method does.

Redfish: AccountService, ManagerAccount, Role (DSP0268).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import re

from .._errors import BaremetalError
from .accounts import STAGE
from .connection import BmcLost, NotLetIn, PasswordChangeRequired
from .redfish_errors import NotRedfish, RedfishRefusal
from .redfish_service import SYSTEMS, last_part, path_of
from .tolerant import flag, number, text

_ROLES = ("Administrator", "Operator", "ReadOnly")


class RedfishAccounts:
    """The accounts behind an open RedfishService.

    :param service: the RedfishService that we are logged in with.
    :param log_in: function of a user name and a password that gives another RedfishService of the same BMC.
    """

    def __init__(self, service, log_in):
        self._service = service
        self._log_in = log_in
        self._opened = []
        self._entries = []
        self._root = None

    def close(self):
        """Close the connections that were opened along the way."""
        for service in self._opened:
            service.close()

    def _account_service(self):
        if self._root is None:
            self._root = self._service.find(path_of(self._service.root().get("AccountService")) or "/redfish/v1/AccountService")
            if self._root is None:
                raise BaremetalError("the BMC has no AccountService", stage=STAGE, cure="manage its accounts in its web interface")
        return self._root

    def find(self, name):
        """See accounts.py."""
        paths = self._service.members(path_of(self._account_service().get("Accounts")))
        self._entries = [(path, entry) for path, entry in ((path, self._service.find(path)) for path in paths) if entry is not None]
        for path, entry in self._entries:
            if text(entry.get("UserName")) == name:
                return account_of(path, entry)
        return None

    def refuse(self, name, password):
        """See accounts.py."""
        service = self._account_service()
        if password is not None:
            least, most = number(service.get("MinPasswordLength")) or 0, number(service.get("MaxPasswordLength")) or 0
            if len(password) < least or 0 < most < len(password):
                raise BaremetalError("the BMC takes no password of this length", stage=STAGE,
                                     seen=f"{len(password)} characters, at least {least} and at most {most or 'any number'} are taken",
                                     cure="give another password")

    def own_role(self, role):
        """See accounts.py; a BMC that does not list its roles is taken to have those of DSP0266, and maybe more."""
        offered = [last_part(path) for path in self._service.members(path_of(self._account_service().get("Roles")))]
        known = {name.casefold(): name for name in offered or _ROLES}
        if role.casefold() in known:
            return known[role.casefold()]
        if not offered:
            return role
        makers = {name.casefold(): own.casefold() for name, own in (self._service.quirk("account_roles") or {}).items()}
        found = known.get(makers.get(role.casefold()))
        if found is None:
            raise BaremetalError(f"the BMC has no role {role}", stage=STAGE, seen=f"roles: {', '.join(offered)}", cure="choose one of these")
        return found

    def _slots(self):
        """Accounts that are there without a name, to be filled (Dell); the first is the BMC's own."""
        return [path for path, entry in self._entries if "UserName" in entry and not text(entry["UserName"])]

    def create(self, name, password, role, enabled):
        """See accounts.py."""
        body = {"UserName": name, "Password": password, "RoleId": role, "Enabled": enabled}
        slots = self._slots()
        free = [path for path in slots if last_part(path) not in ("0", "1")]
        with _told("make", name):
            if free:
                self._service.patch(free[0], body)
                return
            if slots:
                raise BaremetalError(f"the BMC has no room for the account {name}", stage=STAGE,
                                     seen=f"all {len(self._entries)} accounts are taken", cure="delete one of them")
            path = path_of(self._account_service().get("Accounts"))
            try:
                self._service.post(path, body)
            except RedfishRefusal as error:
                if error.status != 400 or not error.says("Enabled"):
                    raise
                self._service.post(path, {key: value for key, value in body.items() if key != "Enabled"})

    def change(self, account, changes, password):
        """See accounts.py."""
        names = {"password": "Password", "role": "RoleId", "enabled": "Enabled"}
        body = {names[key]: value for key, value in changes.items()}
        if account["locked"] and "password" in changes:
            body["Locked"] = False
        with _told("change", account["name"]):
            try:
                self._service.patch(account["path"], body)
            except RedfishRefusal as error:
                self._service.patch(account["path"], _other_way(account["name"], body, password, error))

    def remove(self, account):
        """See accounts.py."""
        with _told("delete", account["name"]):
            if not self._slots():
                try:
                    self._service.delete(account["path"])
                    return
                except RedfishRefusal as error:
                    if error.status not in (405, 501):
                        raise
            # A slot is emptied; no property may say anything of the password.
            try:
                self._service.patch(account["path"], {"Enabled": False, "RoleId": "None"})
            except RedfishRefusal:
                self._service.patch(account["path"], {"Enabled": False})
            self._service.patch(account["path"], {"UserName": ""})

    def accepts(self, account, password):
        """See accounts.py; by a login over a connection of its own."""
        probe = self._log_in(account["name"], password)
        try:
            # Every role may read this collection (DSP0266, privilege registry: Login).
            probe.get(SYSTEMS)
        except NotLetIn:
            return False
        except PasswordChangeRequired:
            return True
        except NotRedfish as error:
            # It answered as one a moment ago.
            raise BmcLost(error.what, seen=error.seen, cure="try again in a minute; if it stays so, reset the BMC") from error
        except RedfishRefusal as error:
            # Somebody without the right to read it was let in all the same. Any other 403 or 404 may come from a web server in front of a
            # service that starts, before anybody has looked at the password.
            if error.status != 403 or not error.says("InsufficientPrivilege"):
                raise
        finally:
            probe.close()
        return True

    def lets_in(self, account, password):
        """See accounts.py; ``accepts`` has logged in already."""
        return True

    @contextlib.contextmanager
    def way_back(self, account, password):
        """See accounts.py; a session, which is good until it is deleted, whatever becomes of the password."""
        with self._service.session(stage=STAGE):
            yield

    def move_on(self, password):
        """See accounts.py."""
        self._service = self._log_in(self._service.username, password)
        self._opened.append(self._service)


def expired_account(name, seen):
    """The account whose password must be changed first; the BMC names its path in the refusal (Base registry: PasswordChangeRequired).

    :param name: its user name.
    :param seen: the text of the refusal.
    :returns: as much of the account as is known, or None where the text names no path.
    """
    path = re.search(r"/redfish/v1/[^\s'\"]*/Accounts/[^\s'\",]+", text(seen) or "")
    return path and {"id": last_part(path[0]), "name": name, "path": path[0], "role": None, "enabled": True, "locked": False}


def account_of(path, entry):
    """An account as accounts.py describes it, and the path of it.

    :param path: path of the ManagerAccount.
    :param entry: its JSON object.
    """
    return {
        "id": text(entry.get("Id")) or last_part(path), "name": text(entry.get("UserName")), "path": path,
        "role": text(entry.get("RoleId")), "enabled": flag(entry.get("Enabled")), "locked": flag(entry.get("Locked")) is True,
    }


def _other_way(name, body, password, error):
    """What to send after a refusal of a change.

    :param password: the account's password, or None when it is not known.
    :raises BaremetalError: when there is nothing else to send.
    """
    if error.status in (400, 422) and "Locked" in body and error.says("Locked"):
        # On some BMCs time alone unlocks.
        return {key: value for key, value in body.items() if key != "Locked"}
    if error.status not in (400, 422) or "Password" in body or not error.says("assword"):
        raise error
    # Dell takes another role only along with the password.
    if password is None:
        raise BaremetalError(f"the BMC changes the account {name} only along with its password, which is not known", stage=STAGE, seen=error.seen,
                             cure="give the password that the account has or is to have, with update_password always") from error
    return {**body, "Password": password}


@contextlib.contextmanager
def _told(what, name):
    try:
        yield
    except RedfishRefusal as error:
        if error.status >= 500 and error.status != 501:
            # That does not say that nothing was done.
            raise BmcLost(f"the BMC failed to {what} the account {name}", stage=STAGE, seen=error.seen,
                          cure="try again in a minute; if it stays so, reset the BMC") from error
        raise BaremetalError(f"the BMC refused to {what} the account {name}", stage=STAGE, seen=error.seen,
                             cure="look whether the password meets the BMC's rules, and whether we log in as an administrator") from error
