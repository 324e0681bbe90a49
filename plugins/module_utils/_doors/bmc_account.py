# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_account module."""

from __future__ import annotations

from .._bmc.accounts import change_expired, ensure_account
from .._bmc.connection import NotLetIn, PasswordChangeRequired
from .._bmc.driver import open_driver, refuse_unsupported
from .._bmc.ipmi import IpmiDriver
from .._bmc.ipmi_accounts import IpmiAccounts
from .._bmc.redfish_accounts import RedfishAccounts, expired_account
from .._bmc.redfish_service import RedfishService
from .._door import Door
from ._bmc_access import OPTIONS, fill_connection_for_change, settled_driver

_OUTDATED = ("the password that we log in with is good no more: put the new one where the node's BMC is told, "
             "the option bmc, the host variable baremetal_bmc or what the registry's reference names")


def run(call):
    """Bring about an account; check mode changes nothing."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="accounts")
    bmc, password = params["bmc"], params["password"]
    own = str(bmc.get("username"))
    gives_own_password = params["username"] == own and params["state"] == "present" and password not in (None, str(bmc.get("password")))
    try:
        result = _ensure(call, bmc)
    except PasswordChangeRequired as error:
        account = expired_account(own, error.seen)
        if not gives_own_password or account is None:
            raise
        result = _change_expired(call, bmc, account)
    except NotLetIn:
        # The password may be the new one already: a rotation whose end was lost, or whose result was not written down.
        if not gives_own_password:
            raise
        try:
            result = {**_ensure(call, {**bmc, "password": password}), "outdated_credential": True}
        except NotLetIn as error:
            error.seen = f"{error.seen}; neither the password of the BMC's connection nor the new one is accepted"
            raise
    if result["outdated_credential"]:
        call.warn(_OUTDATED)
    before, after = _shown(result["before"]), _shown(result["after"])
    return {
        "changed": result["changed"],
        "account": after,
        "password_changed": result["password_changed"],
        "outdated_credential": result["outdated_credential"],
        "diff": {"before": before or {}, "after": {**(after or {}), **({"password": "(changed)"} if result["password_changed"] else {})}},
    }


def _ensure(call, bmc):
    params = call.params
    username, password = str(bmc.get("username")), str(bmc.get("password"))
    with open_driver(params["driver"], bmc, call.log) as driver:
        accounts = _accounts(driver, bmc, username, call.log)
        try:
            return ensure_account(
                accounts, (username, password), params["username"], state=params["state"], password=params["password"], role=params["role"],
                enabled=params["enabled"], update_password=params["update_password"], check_mode=call.check_mode)
        finally:
            accounts.close()


def _change_expired(call, bmc, account):
    """The driver cannot be opened before the password is changed, so that the service is used alone."""
    service = RedfishService(bmc, call.log)
    accounts = RedfishAccounts(service, lambda name, password: RedfishService({**bmc, "username": name, "password": password}, call.log))
    try:
        return change_expired(accounts, (account["name"], str(bmc["password"])), account, call.params["password"],
                              check_mode=call.check_mode)
    finally:
        accounts.close()
        service.close()


def _accounts(driver, bmc, own, log):
    if isinstance(driver, IpmiDriver):
        return IpmiAccounts(driver, own, lambda name, password: IpmiDriver({**bmc, "username": name, "password": password}, log))
    return RedfishAccounts(driver.service, lambda name, password: RedfishService({**bmc, "username": name, "password": password}, log))


def _shown(account):
    return account and {key: account[key] for key in ("id", "name", "role", "enabled", "locked")}


DOOR = Door(
    argument_spec={
        "username": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "password": {"type": "str", "no_log": True},
        "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
        "role": {"type": "str"},
        "enabled": {"type": "bool"},
        **OPTIONS,
    },
    run=run,
    before=fill_connection_for_change,
)
