# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The users of a BMC over IPMI; see accounts.py for what each method does.

IPMI 2.0, 22.26 to 22.30. Of pyghmi the writing commands are used, which know what single makers want besides; the
reading ones, which stumble over a slot that a BMC does not show, are sent here.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from .accounts import STAGE
from .connection import BmcLost, NotLetIn
from .ipmi_session import PRIVILEGES, SessionError

LONGEST_NAME = 16  # bytes (22.28)
LONGEST_PASSWORD = 20  # bytes (22.30)

_APPLICATION = 6
_GET_USER_ACCESS, _GET_USER_NAME = 0x44, 0x46
# The roles of Redfish by privilege level (table 22-19), and the levels by what may be asked for.
_ROLE_NAMES = {2: "ReadOnly", 3: "Operator", 4: "Administrator"}
_LEVELS = {**{name.lower(): level for level, name in _ROLE_NAMES.items()}, **PRIVILEGES}
_LEVEL_NAMES = {level: name for name, level in PRIVILEGES.items()}
_NOT_PRESENT = 0xCB  # completion code: requested data not present
_THIS_CHANNEL = 0x0E  # the one that the request comes in on (22.26, 22.27)
# An empty password as it is sent (22.30): pyghmi sends none at all for an empty text.
_NO_PASSWORD = "\0" * 16


def user_access(data):
    """What Get User Access answered.

    :param data: the bytes after the completion code.
    :returns: dict with slots (how many there are), role (None for none) and enabled (None when the BMC does not tell).
    :raises BaremetalError: for an answer of another length.
    """
    data = bytes(data)
    if len(data) < 4:
        raise BaremetalError("the BMC answered a question for a user with too little", stage=STAGE, seen=data.hex(" ") or "no data",
                             cure="update the firmware of the BMC, or use the driver redfish")
    # Bits 7:6 of byte 2 came with IPMI 2.0, revision 1.1: 1 enabled, 2 disabled. No privilege at all is as good as disabled.
    status = {1: True, 2: False}.get(data[1] >> 6)
    privilege = data[3] & 0x0F
    return {"slots": data[0] & 0x3F, "role": _ROLE_NAMES.get(privilege), "enabled": False if privilege == 0x0F else status}


def user_name(data):
    """The name in an answer to Get User Name; empty for an empty slot."""
    return bytes(data).split(b"\0")[0].decode("utf-8", "replace").strip()


@contextlib.contextmanager
def _refusal_as(what, cure):
    """Inside, what the BMC refuses ends as this error; pyghmi has no class of its own for it everywhere."""
    try:
        yield
    except (BaremetalError, SessionError, OSError):
        raise
    except Exception as error:
        raise BaremetalError(what, stage=STAGE, seen=error, cure=cure) from error


class IpmiAccounts:
    """The users behind an open IpmiDriver.

    :param driver: the IpmiDriver that we are logged in with.
    :param own: our user name.
    :param log_in: function of a user name, a password and, where it is not to be the usual one, a privilege level that gives another open
        IpmiDriver of the same BMC.
    """

    def __init__(self, driver, own, log_in):
        self._driver = driver
        self._own = own
        self._log_in = log_in
        self._free = []
        self._channel = None
        self._holds_way_back = False

    def close(self):
        """There is nothing to close but the driver, which is not ours."""

    def _read(self, command, number, *data):
        answer = command.raw_command(netfn=_APPLICATION, command=number, data=data)
        return answer.get("code", 0) if "error" in answer else 0, answer.get("data") or b"", answer.get("error")

    def _access(self, command, slot):
        if self._channel is None:
            # None where no channel calls itself a LAN.
            self._channel = command.get_network_channel() or _THIS_CHANNEL
        code, data, error = self._read(command, _GET_USER_ACCESS, self._channel, slot)
        if error:
            raise BaremetalError("the BMC does not tell its users", stage=STAGE, seen=error,
                                 cure="log in as an administrator, or use the driver redfish")
        return user_access(data)

    def find(self, name):
        """See accounts.py."""
        self._free = []
        with self._driver.command() as command:
            slots = self._access(command, 1)["slots"] or 16
            for slot in range(1, slots + 1):
                code, data, error = self._read(command, _GET_USER_NAME, slot)
                if error and code != _NOT_PRESENT:
                    continue
                found = "" if error else user_name(data)
                if found == name:
                    access = self._access(command, slot)
                    return {"id": str(slot), "name": name, "role": access["role"], "enabled": access["enabled"], "locked": False}
                # The first one is the nameless user's by the specification, and with some makers root's; it is for nobody else.
                if not found and slot > 1:
                    self._free.append(slot)
        return None

    def refuse(self, name, password):
        """See accounts.py."""
        for what, value, most in (("user name", name, LONGEST_NAME), ("password", password, LONGEST_PASSWORD)):
            if value is not None and not 0 < len(value.encode()) <= most:
                raise BaremetalError(f"IPMI has no {what} of that length", stage=STAGE,
                                     seen=f"{len(value.encode())} bytes, {most} are the most",
                                     cure=f"give a shorter {what}" if value else f"give a {what}")

    def own_role(self, role):
        """See accounts.py; a role is a privilege level, which goes by its own name as well."""
        if role.lower() not in _LEVELS:
            raise BaremetalError(f"IPMI has no role {role}", stage=STAGE, seen=f"roles: {', '.join(_ROLE_NAMES.values())}",
                                 cure="choose one of these")
        return _ROLE_NAMES[_LEVELS[role.lower()]]

    def create(self, name, password, role, enabled):
        """See accounts.py.

        First name and password, which some BMCs want before the user is enabled; then the privilege, which others want
        before the user may send messages.
        """
        if not self._free:
            raise BaremetalError(f"the BMC has no room for the account {name}", stage=STAGE, cure="delete a user of the BMC")
        slot = self._free[0]
        try:
            with self._driver.command() as command:
                command.set_user_name(slot, name)
                command.set_user_password(slot, mode="set_password", password=password)
                self._set_access(command, slot, role, ipmi_msg=False)
                self._set_access(command, slot, role, ipmi_msg=True)
                command.set_user_password(slot, mode="enable" if enabled else "disable", password=password)
        except BaremetalError as error:
            # A user that is half made would pass for an account that is there, and is disabled.
            try:
                self.remove({"id": slot, "name": name})
            except BaremetalError:
                error.cure = f"{error.cure or 'look at the users of the BMC'}; the user {name} may be there half made, so delete it first"
            raise

    def _set_access(self, command, slot, role, ipmi_msg):
        level = _LEVEL_NAMES[_LEVELS[role.lower()]] if role else "no_access"
        with _refusal_as(f"the BMC refused the privilege level {level}", "choose another role"):
            command.set_user_access(slot, self._channel, link_auth=ipmi_msg, ipmi_msg=ipmi_msg, privilege_level=level)

    def change(self, account, changes, password):
        """See accounts.py."""
        slot = int(account["id"])
        if self._holds_way_back and not self._driver.is_open:
            raise BmcLost("the session that was the way back is over", stage=STAGE)
        with self._driver.command() as command:
            if "password" in changes:
                command.set_user_password(slot, mode="set_password", password=changes["password"] or _NO_PASSWORD)
            if "role" in changes:
                self._set_access(command, slot, changes["role"], ipmi_msg=True)
            if "enabled" in changes:
                command.set_user_password(slot, mode="enable" if changes["enabled"] else "disable", password=password)

    def remove(self, account):
        """See accounts.py; IPMI knows no deletion: the user is switched off, loses its privilege, and then its name, unless that is fixed (22.27)."""
        slot = int(account["id"])
        with self._driver.command() as command:
            command.set_user_password(slot, mode="disable")
            self._set_access(command, slot, None, ipmi_msg=False)
            with _refusal_as(f"the BMC does not delete the name of user {slot}, {account['name']}, which is switched off now and has no privilege",
                             "want it disabled (enabled false) instead of absent, if the BMC's maker has fixed the name"):
                command.set_user_name(slot, "")

    def accepts(self, account, password):
        """See accounts.py; for the own account by a login, otherwise the BMC is asked to compare.

        A login asks for the privilege level administrator, which another account need not have.
        """
        if len(password.encode()) > LONGEST_PASSWORD:
            return False
        if account["name"] != self._own:
            with self._driver.command() as command:
                return bool(command.set_user_password(int(account["id"]), mode="test_password", password=password))
        try:
            self._log_in(account["name"], password).close()
        except NotLetIn:
            return False
        return True

    def lets_in(self, account, password):
        """See accounts.py; by a login with the account's own privilege level, because ``accepts`` says nothing of that."""
        if account["role"] is None:
            return False
        try:
            self._log_in(account["name"], password, _LEVEL_NAMES[_LEVELS[account["role"].lower()]]).close()
        except BaremetalError:
            return False
        return True

    @contextlib.contextmanager
    def way_back(self, account, password):
        """See accounts.py; the keys of an open IPMI session come from the login and not from the password's table."""
        self._holds_way_back = True
        try:
            yield
        finally:
            self._holds_way_back = False

    def move_on(self, password):
        """See accounts.py; the open session stays good, unless the BMC ended it."""
        self._driver.change_password(password)
