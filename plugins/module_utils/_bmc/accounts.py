# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts of a BMC: there or not, with a role, switched on or off, with a password that is proved by logging in.

How access is never lost. The account that we log in with is neither deleted nor switched off nor given another role.
Its password is changed like this: a way back is opened first (Redfish: a session; IPMI: the session that is open
anyway), which stays good although the password has changed, and without which nothing is sent; a login with the old password
shows that the BMC has room for the one that is to prove the new one; the new password is sent; a second connection logs in with it;
where that fails, the old password is set again over the way back and proved in its turn. Only after the proof is the way back closed.
Where the BMC is lost over the change, one login with the new password and one with the old one tell which of them is good; there are no more, because BMCs lock
accounts after wrong passwords. An answer to a login after the change that tells nothing of the password, whatever it is, counts as a BMC that is
lost. One that is lost whenever the new password is to be proved gets the old one set again too, over the way back. A password that the BMC
cannot keep whole is refused before anything is sent. A BMC that wants its password changed
before it tells whose it is, is asked that after the proof; another machine's gets the old password back.
What tells the password to others is not touched here: the result says that it is outdated, and the door has the registry
follow. Whoever rotates has both until then, so that a run that is killed in the middle loses nothing; the next one tries the
old password, then the new.

``accounts`` below is a RedfishAccounts or an IpmiAccounts, with these methods; an account is a dict with ``id``,
``name``, ``role``, ``enabled`` (None when the BMC does not tell) and ``locked``:

``find(name)``
    the account, read anew, or None.
``refuse(name, password)``
    raises BaremetalError for values that this BMC cannot keep; None for what is not given.
``own_role(role)``
    what this BMC calls a role of Redfish, or one of its own, in any case of letters; raises BaremetalError for one that it does not offer.
``create(name, password, role, enabled)``, ``change(account, changes, password)``, ``remove(account)``
    ask for a change. ``changes`` holds some of password, role and enabled; with a password a locked account is unlocked, where the
    BMC lets us. ``password`` is the one that the account has or is to have, for BMCs that want it along with any change; None when it is
    not known, and then nothing is sent that could become its password.
``accepts(account, password)``
    whether that is the account's password; raises BaremetalError where the answer does not tell.
``lets_in(account, password)``
    whether the account can log in, with a password that it was seen to accept.
``way_back(account, password)``
    context manager for a change of the own password; ``change`` inside it does not log in anew with the old one.
``move_on(password)``
    goes on with the account's new password.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .connection import BmcLost, NotLetIn, SessionsFull
from .identity import OtherMachine

STAGE = "BMC account"

_PROOFS = 2  # more would lock the account on a BMC that counts wrong passwords
_PROOF_PAUSE = 10.0  # seconds; some BMCs take a moment until a new password is good
_LOOKS = 6  # logins that a BMC may leave without an answer


def ensure_account(accounts, own, name, *, state="present", password=None, role=None, enabled=None, update_password="always",
                   check_mode=False, sleep=time.sleep):
    """Bring about an account, or its absence.

    :param accounts: see above.
    :param own: ``(user name, password)`` that we are logged in with.
    :param name: user name of the account.
    :param password: the password that it must have, or None.
    :param role: ``Administrator``, ``Operator``, ``ReadOnly`` or a role of the BMC, in any case of letters; None leaves it alone.
    :param enabled: True, False, or None to leave it alone; a new account is enabled.
    :param update_password: ``always``, or ``on_create`` to leave the password of an account alone that is there already.
    :param check_mode: change nothing; whether the password is the wanted one is still found out by logging in.
    :returns: dict with changed, before and after (accounts, None where there is none), password_changed, and
        outdated_credential: True when the password that we logged in with is good no more.
    """
    before = accounts.find(name)
    # Some BMCs do not tell upper from lower case when somebody logs in.
    is_own = name.casefold() == own[0].casefold()
    if state == "absent":
        return _absent(accounts, before, name, is_own, check_mode)
    if before is None:
        return _new(accounts, name, password, role, enabled, check_mode, sleep)
    is_asked = password is not None and update_password == "always"
    changes = {}
    if role is not None and not _is_same(before["role"], role):
        role = accounts.own_role(role)
        if not _is_same(before["role"], role):
            changes["role"] = role
    is_right = is_asked and _has_password(accounts, before, password, own, is_own)
    if enabled is not None and not _is_reached(accounts, before, enabled, is_own, password if is_right else None):
        changes["enabled"] = enabled
    if is_own and changes:
        raise BaremetalError(
            f"the account {name} is the one that we log in with, and its {' and '.join(sorted(changes))} would change", stage=STAGE,
            seen=f"role {before['role']}, {'enabled' if before['enabled'] is not False else 'disabled'}",
            cure="do it with another administrator's account, given as username and password of the BMC")
    if is_asked and not is_right:
        changes["password"] = password
    if not changes:
        return _result(False, before, before)
    accounts.refuse(None, changes.get("password"))
    if check_mode:
        predicted = {key: value for key, value in changes.items() if key != "password"}
        if "password" in changes:
            predicted["locked"] = False
        return _result(True, before, {**before, **predicted}, "password" in changes, is_own)
    if is_own:
        _rotate_own(accounts, before, own[1], password, sleep)
        return _result(True, before, _seen_again(accounts, name, before), True, True)
    accounts.change(before, changes, password if is_asked else None)
    after = _read_back(accounts, name, changes)
    if "password" in changes:
        _prove(accounts, after, password, sleep)
    return _result(True, before, after, "password" in changes)


def change_expired(accounts, own, account, password, *, confirm, check_mode=False, sleep=time.sleep):
    """Change the own password on a BMC that lets us do nothing else before: a factory password, or one that has run out.

    :param account: our account as far as it is known; the BMC need not let us read it.
    :param confirm: function without arguments that raises OtherMachine; called when the new password is good, because such a BMC
        does not tell before whose it is.
    :returns: as ``ensure_account``.
    :raises OtherMachine: after the old password was set again, or with the word that it was not.
    """
    if check_mode:
        return _result(True, account, account, True, True)
    _rotate_own(accounts, account, own[1], password, sleep, confirm)
    return _result(True, account, _seen_again(accounts, own[0], account), True, True)


def _is_same(role, other):
    return (role or "").casefold() == other.casefold()


def _seen_again(accounts, name, known):
    """The account as the BMC tells it now, else as it is known: that its new password was proved must be told, whatever comes after."""
    try:
        return accounts.find(name) or known
    except BaremetalError:
        return known


def _result(changed, before, after, password_changed=False, is_own=False):
    return {"changed": changed, "before": before, "after": after, "password_changed": password_changed,
            "outdated_credential": password_changed and is_own}


def _has_password(accounts, account, password, own, is_own):
    if is_own:
        return password == own[1]
    # Nobody can log in to find out; what cannot be proved is set.
    if account["enabled"] is False or account["locked"]:
        return False
    return accounts.accepts(account, password)


def _is_reached(accounts, account, enabled, is_own, password):
    """Whether an account is enabled, or disabled, as wanted.

    :param password: its password, or None where that is not known.
    """
    if account["enabled"] is None and enabled:
        # The BMC does not tell; but who logs in is enabled. What cannot be proved is set.
        return is_own or password is not None and accounts.lets_in(account, password)
    return account["enabled"] is enabled


def _absent(accounts, account, name, is_own, check_mode):
    if account is None:
        return _result(False, None, None)
    if is_own:
        raise BaremetalError(f"the account {name} is the one that we log in with", stage=STAGE,
                             cure="delete it with another administrator's account, given as username and password of the BMC")
    if check_mode:
        return _result(True, account, None)
    accounts.remove(account)
    if accounts.find(name) is not None:
        raise BaremetalError(f"the BMC did not delete the account {name}", stage=STAGE, seen="it is still there",
                             cure="look whether the account is one that the BMC's maker has fixed; then disable it instead")
    return _result(True, account, None)


def _new(accounts, name, password, role, enabled, check_mode, sleep):
    missing = [key for key, value in (("password", password), ("role", role)) if value is None]
    if missing:
        raise BaremetalError(f"there is no account {name}, and to make it {' and '.join(missing)} must be given", stage=STAGE,
                             cure=f"give {' and '.join(missing)}, or correct the user name")
    accounts.refuse(name, password)
    role = accounts.own_role(role)
    enabled = enabled is not False
    if check_mode:
        return _result(True, None, {"id": None, "name": name, "role": role, "enabled": enabled, "locked": False}, True)
    accounts.create(name, password, role, enabled)
    after = _read_back(accounts, name, {"role": role, "enabled": enabled})
    if enabled:
        _prove(accounts, after, password, sleep)
    return _result(True, None, after, True)


def _read_back(accounts, name, changes):
    after = accounts.find(name)
    if after is None:
        raise BaremetalError(f"the BMC did not make the account {name}", stage=STAGE, seen="it is not among the accounts of the BMC",
                             cure="look whether the BMC has room for another account, and whether it takes such a name")
    for key in ("role", "enabled"):
        wanted = changes.get(key)
        if wanted is not None and (key == "role" or after[key] is not None) and str(after[key]).lower() != str(wanted).lower():
            raise BaremetalError(f"the BMC did not take {key} {wanted} for the account {name}", stage=STAGE,
                                 seen=f"it tells {key} {after[key]}",
                                 cure="choose another value, or set it in the BMC's web interface")
    return after


def _prove(accounts, account, password, sleep):
    if account["enabled"] is False:
        return
    if account["locked"]:
        raise BaremetalError(
            f"the BMC took the new password of the account {account['name']} and keeps the account locked", stage=STAGE,
            seen="it tells so, and no login was tried",
            cure="wait until the BMC unlocks it, or unlock it in the web interface, and run the same command again; "
                 "find out what logs in with a wrong password")
    try:
        is_proved = _proved(accounts, account, password, sleep)
    except BaremetalError as error:
        raise BaremetalError(
            f"the BMC took the new password of the account {account['name']}, and whether it lets it in could not be found out", stage=STAGE,
            seen=error.what, cure="run the same command again when the BMC answers as ever, which tries the new password first") from error
    if not is_proved:
        raise BaremetalError(
            f"the BMC took the new password of the account {account['name']} and does not let it in", stage=STAGE,
            seen="the login with it failed",
            cure="give a password that this BMC can keep: shorter, and without unusual characters; "
                 "the account that we log in with is untouched")


def _proved(accounts, account, password, sleep):
    for attempt in range(1, _PROOFS + 1):
        try:
            if _accepts(accounts, account, password):
                return True
        except BmcLost:
            if attempt == _PROOFS:
                raise
        if attempt < _PROOFS:
            sleep(_PROOF_PAUSE)
    return False


def _rotate_own(accounts, account, old, new, sleep, confirm=lambda: None):
    """Change the own password; see the top of this file.

    :param confirm: see ``change_expired``.
    :raises BaremetalError: when the new one is not good; the error says which one is, as far as a login could tell.
    """
    name = account["name"]
    with accounts.way_back(account, old):
        _see_room(accounts, account, old)
        try:
            lost = None
            try:
                accounts.change(account, {"password": new}, new)
            except (BmcLost, NotLetIn) as error:
                # A BMC that ends its sessions with a password may refuse the old one because it took the new one.
                lost = error
            try:
                if lost is None:
                    is_new = _proved(accounts, account, new, sleep)
                else:
                    sleep(_PROOF_PAUSE)
                    is_new = _accepts_once(accounts, account, new, sleep)
            except BmcLost as error:
                # What it made of the new password is not known, and later there is no way back.
                is_back, seen = _take_back(accounts, account, old, error.what, sleep)
                if not is_back:
                    raise
                raise BaremetalError(f"whether the BMC keeps the new password of {name} could not be found out; the old one is good", stage=STAGE,
                                     seen=seen, cure="run the same command again when the BMC answers as ever") from error
            if is_new:
                accounts.move_on(new)
                _leave_stranger(accounts, account, old, confirm, sleep)
                return
            if lost is not None and _accepts_once(accounts, account, old, sleep):
                raise BaremetalError(f"the BMC did not take the new password of {name}; the old one is still good", stage=STAGE,
                                     seen=lost.what, cure="run the same command again") from lost
            seen = "the login with the new password failed" if lost is None else f"{lost.what}; then the logins with both failed"
            is_back, seen = _take_back(accounts, account, old, seen, sleep, was_refused=lost is not None)
        except BmcLost as error:
            raise BaremetalError(
                f"the BMC was lost while the password of {name} was changed, and which one is good now, the old or the new, is not known",
                stage=STAGE, seen=error.what,
                cure="keep both; when the BMC answers again run the same command, which tries the old one and then the new one") from error
    if is_back:
        raise BaremetalError(f"the BMC took the new password of {name} and did not let us in with it; the old one is good again",
                             stage=STAGE,
                             seen=seen, cure="give a password that this BMC can keep: shorter, and without unusual characters")
    raise BaremetalError(f"the BMC lets us in neither with the new nor with the old password of {name}", stage=STAGE, seen=seen,
                         cure="wait until the BMC unlocks the account and try both; otherwise set the password with another account, "
                              "or inside the machine with ipmitool user set password")


def _see_room(accounts, account, old):
    """See that the BMC has room for the login that is to prove the new password, while the old one is still good.

    :raises SessionsFull: when it has none; nothing was changed.
    """
    try:
        accounts.accepts(account, old)
    except SessionsFull as error:
        raise SessionsFull(f"the BMC has no session left for the login that is to prove the new password of {account['name']}", stage=STAGE,
                           seen=f"{error.seen or error.what}; the password is as it was", cure=error.cure) from error


def _leave_stranger(accounts, account, old, confirm, sleep):
    """Set the old password again on the BMC of another machine."""
    try:
        confirm()
    except OtherMachine as error:
        is_back, seen = _take_back(accounts, account, old, error.seen, sleep)
        outcome = "is the old one again" if is_back else "could not be set back and is the new one, as far as is known"
        raise OtherMachine(
            f"the BMC belongs to another machine, and did not tell before its password was changed; that of {account['name']} {outcome}",
            stage=STAGE, seen=seen,
            cure="correct the address of the BMC or the identity of the node in the hardware file"
                 + ("" if is_back else "; keep the new password, for whoever has that machine")) from error


def _take_back(accounts, account, old, seen, sleep, was_refused=False):
    """Set the old password again over the way back.

    :param seen: why.
    :param was_refused: whether the BMC has refused the old password after the change.
    :returns: whether the old password is good, and what was seen on the way.
    """
    try:
        accounts.change(account, {"password": old}, old)
    except BaremetalError as error:
        # What was refused once is not offered again: that is how accounts get locked.
        return not was_refused and _accepts_once(accounts, account, old, sleep), f"{seen}; setting the old one again: {error.what}"
    return _accepts_once(accounts, account, old, sleep), seen


def _accepts_once(accounts, account, password, sleep):
    """Whether a password is good; offered again only to a BMC that did not answer, because it may be starting.

    :raises BmcLost: when it does not answer in the end.
    """
    for _unused in range(_LOOKS - 1):
        try:
            return _accepts(accounts, account, password)
        except BmcLost:
            sleep(_PROOF_PAUSE)
    return _accepts(accounts, account, password)


def _accepts(accounts, account, password):
    """Whether a password is good, after a change.

    :raises BmcLost: for whatever else the BMC answers: it was in order before the change, so that it may be starting.
    """
    try:
        return accounts.accepts(account, password)
    except (BmcLost, NotLetIn):
        raise
    except BaremetalError as error:
        raise BmcLost(f"{error.what} ({error.seen})" if error.seen else error.what) from error
