# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the bmc_account module."""

from __future__ import annotations

import contextlib

from .._bmc.accounts import change_expired, ensure_account
from .._bmc.connection import NotLetIn, PasswordChangeRequired
from .._bmc.driver import refuse_unsupported
from .._bmc.identity import refuse_other_machine
from .._bmc.ipmi import IpmiDriver
from .._bmc.ipmi_accounts import IpmiAccounts
from .._bmc.redfish import RedfishDriver
from .._bmc.redfish_accounts import RedfishAccounts, expired_account
from .._bmc.redfish_service import RedfishService
from .._door import Door
from .._errors import BaremetalError
from ._bmc_access import OPTIONS, fill_connection_for_change, is_told, open_bmc, run_facts, settled_driver, watched

_OUTDATED = ("the password that we log in with is good no more: put the new one where the node's BMC is told, "
             "the option bmc, the host variable baremetal_bmc or what the registry's reference names")
_OUTDATED_REGISTRY = "the registry's reference names a password of this account that is good no more: put the new one into {}"


def run(call):
    """Bring about an account; check mode changes nothing."""
    params = call.params
    refuse_unsupported(settled_driver(call), capability="accounts")
    bmc, password = params["bmc"], params["password"]
    own = str(bmc.get("username"))
    gives_own_password = params["username"] == own and params["state"] == "present" and password not in (None, str(bmc.get("password")))
    try:
        result = _ensure(call, bmc.get("password"))
    except PasswordChangeRequired as error:
        account = expired_account(own, error.seen)
        if not gives_own_password or account is None:
            raise
        result = _change_expired(call, account)
    except NotLetIn:
        # The password may be the new one already: a rotation whose end was lost, or whose result was not written down.
        if not gives_own_password:
            raise
        try:
            result = {**_ensure(call, password), "outdated_credential": True}
        except NotLetIn as error:
            error.seen = f"{error.seen}; neither the password of the BMC's connection nor the new one is accepted"
            raise
    before, after = _shown(result["before"]), _shown(result["after"])
    return {
        "changed": result["changed"],
        "account": after,
        "password_changed": result["password_changed"],
        "outdated_credential": result["outdated_credential"],
        "diff": {"before": before or {}, "after": {**(after or {}), **({"password": "(changed)"} if result["password_changed"] else {})}},
    }


def after(call, result):
    """Have the registry follow: the password that it keeps encrypted is replaced as soon as the new one is proved.

    A run that is killed in between leaves the old one there; the next run of the same task finds the new password in place and
    comes here again. A reference to a variable or a file is not ours to change; that it is outdated is told.

    :raises BaremetalError: for whatever is wrong with the registry; the error says that the BMC has the new password, where it has.
    """
    try:
        _follow(call, result)
    except BaremetalError as error:
        if _has_password(call, result) and not call.check_mode:
            error.what = f"the BMC has the new password of {call.params['username']}, and {error.what}"
        raise


def _has_password(call, result):
    """Whether the account has the password that was asked for; with on_create that of an account that is there already was not looked at."""
    return result["password_changed"] or call.params["update_password"] == "always"


def _follow(call, result):
    password = call.params["password"]
    if call.params["state"] != "present" or password is None or not call.registry_url:
        _tell(call, result)
        return
    from .._registry import credentials, nodes
    from .._registry.store import open_registry

    engine = open_registry(call.registry_url, create=False, migrate=not call.check_mode)
    known = nodes.bmcs(engine, [call.node]).get(call.node) if engine is not None else None
    stored, recorded, used = known and known["credential"], (known and known["bmc"]) or {}, call.params["bmc"] or {}
    is_its = recorded.get("username") == call.params["username"] and all(recorded.get(key) == used.get(key) for key in ("address", "port"))
    if not stored or not is_its:
        _tell(call, result)
        return
    try:
        is_good = credentials.resolve(stored, call) == password
    except BaremetalError:
        is_good = None
    if is_good is not False or not _has_password(call, result):
        _tell(call, result)
        return
    if "vault" not in stored or call.vault_encrypt is None:
        result["outdated_credential"] = True
        call.warn(_OUTDATED_REGISTRY.format(next((f"the {kind} {value}" for kind, value in stored.items() if kind != "vault"), "it by enrolment")))
        return
    if not call.check_mode and not nodes.set_credential(engine, call.node, stored, credentials.reference(password, call.vault_encrypt)):
        raise BaremetalError("somebody else changed the node's BMC password in the registry meanwhile", stage="BMC account",
                             cure="run the same command again")
    result["changed"] = True
    if "diff" in result:
        result["diff"]["after"]["registry_password"] = "(changed)"
    # What was given with the task, or as a host variable, goes before the registry and is not ours to change.
    result["outdated_credential"] = result["outdated_credential"] and is_told(call)
    _tell(call, result)


def _tell(call, result):
    if result["outdated_credential"]:
        call.warn(_OUTDATED)


def _ensure(call, own_password):
    params = call.params
    with open_bmc(call, password=own_password) as driver, contextlib.closing(_accounts(call, driver)) as accounts:
        return ensure_account(
            accounts, (str(params["bmc"].get("username")), str(own_password)), params["username"], state=params["state"],
            password=params["password"], role=params["role"], enabled=params["enabled"], update_password=params["update_password"],
            check_mode=call.check_mode)


def _change_expired(call, account):
    """The driver cannot be opened before the password is changed, so that the service is used alone, and whose BMC it is shows afterwards."""
    bmc, new = call.params["bmc"], call.params["password"]

    def evidence(names):
        try:
            with contextlib.closing(RedfishDriver({**bmc, "password": new}, call.log, run_facts(call))) as driver:
                return driver.evidence(names)
        except BaremetalError as error:
            call.warn(f"the new password is good, and whether the BMC is the node's could not be found out: {error}")
            return ()

    with watched(call), contextlib.closing(_redfish(call, bmc["username"], bmc["password"])) as service:
        with contextlib.closing(RedfishAccounts(service, lambda name, password: _redfish(call, name, password))) as accounts:
            return change_expired(accounts, (account["name"], str(bmc["password"])), account, new, check_mode=call.check_mode,
                                  confirm=lambda: refuse_other_machine(evidence, bmc.get("system_uuid"), bmc.get("serial")))


def _accounts(call, driver):
    bmc = call.params["bmc"]
    if not isinstance(driver, IpmiDriver):
        return RedfishAccounts(driver.service, lambda name, password: _redfish(call, name, password))

    def log_in(name, password, privilege=None):
        level = {"privilege_level": privilege} if privilege else {}
        return IpmiDriver({**bmc, "username": name, "password": password, **level}, call.log, run_facts(call))

    return IpmiAccounts(driver, str(bmc.get("username")), log_in)


def _redfish(call, name, password):
    return RedfishService({**call.params["bmc"], "username": name, "password": password}, call.log, facts=run_facts(call))


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
    after=after,
    fleet=True,
)
