# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""UEFI Secure Boot: on or off, and whose keys; what holds now is told apart from what holds after the next boot.

Schema: DSP0268, SecureBoot. Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass

from .._errors import BaremetalError
from .bios_settings import OF_SETUP, read_bios
from .pending import patch_pending, settings_path, settled
from .redfish_service import RedfishRefusal, last_part, path_of
from .tolerant import flag, text
from .waiting_tasks import is_untold, open_tasks, shown, waiting_bodies

STAGE = "secure boot"

# What is wanted of the keys, and Redfish's ResetKeysType.
_RESETS = {"default": "ResetAllKeysToDefault", "none": "DeleteAllKeys", "no_platform_key": "DeletePK"}
# SecureBootMode, in the words of the UEFI specification (32.3).
_MODES = {"SetupMode": "setup", "UserMode": "user", "AuditMode": "audit", "DeployedMode": "deployed"}
# In these there is no platform key.
_KEYLESS = ("setup", "audit")

# A job of a queue that tells no request.
_OF_SECURE_BOOT = re.compile(r"secure ?boot", re.I)

_UNKNOWN = {"enabled": None, "current": None, "mode": None}


@dataclass
class SecureBoot:
    """Secure boot as the BMC tells it; ``state`` is what is shown, None for what the BMC does not tell."""

    path: str
    document: dict
    settings: dict
    state: dict


def read_secure_boot(service):
    """Secure boot of the system.

    :returns: a SecureBoot; its ``state`` has ``enabled`` (after the next boot), ``current`` (of this boot) and ``mode``.
    :raises BaremetalError: when the BMC shows none.
    :raises RedfishRefusal: when the BMC does not let it be read; some want a licence first.
    """
    path = path_of(service.system().get("SecureBoot"))
    document = service.find(path)
    if document is None:
        raise BaremetalError("the BMC shows no secure boot", stage=STAGE,
                             cure="see whether the machine boots in UEFI mode and was booted once with the present firmware; "
                                  "some boards have it among the BIOS settings")
    settings = service.find(settings_path(document)) or {}
    pending = flag(settings.get("SecureBootEnable"))
    enabled = flag(document.get("SecureBootEnable"))
    return SecureBoot(path, document, settings, {
        "enabled": enabled if pending is None else pending,
        "current": {"Enabled": True, "Disabled": False}.get(text(document.get("SecureBootCurrentBoot"))),
        "mode": _MODES.get(text(document.get("SecureBootMode"))),
    })


def _has_keys(service, found):
    """Whether any signature database holds a certificate or a signature; None where the BMC does not tell."""
    collection = service.linked(found.document, "SecureBootDatabases")
    counts = []
    for path in service.members(collection):
        database = service.find(path) or {}
        name = text(database.get("DatabaseId")) or last_part(path)
        # The default databases hold what a reset would bring.
        if name.lower() in ("pk", "kek", "db", "dbx"):
            lists = filter(None, (path_of(database.get(kind)) for kind in ("Certificates", "Signatures")))
            counts += [len(service.members(path)) for path in lists]
    return any(counts) if counts else None


def keys_reached(service, found, keys):
    """Whether the keys are as wanted, as far as the BMC tells.

    Redfish does not tell whose keys there are: with a platform key in place the default ones count as reached.
    """
    mode = found.state["mode"]
    if mode is None:
        return False
    if keys == "default":
        return mode not in _KEYLESS
    return mode in _KEYLESS and (keys == "no_platform_key" or not _has_keys(service, found))


def ensure_secure_boot(service, enabled=None, keys=None, *, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have secure boot on or off, and its keys, now or after the next boot.

    :param service: RedfishService.
    :param enabled: True, False, or None to leave it alone.
    :param keys: ``default``, ``none``, ``no_platform_key``, or None to leave them alone.
    :returns: ``{"changed", "secure_boot", "reboot_required", "before", "after"}``; the last two like ``secure_boot``.
        With neither ``enabled`` nor ``keys`` a BMC that does not let it be read has all of it unknown. While a job waits for the
        reboot that does not tell what it does, nothing is sent and nothing has changed: one more would do the same again, or is refused.
    :raises BaremetalError: when the BMC does not show what was asked for.
    """
    if enabled and keys in ("none", "no_platform_key"):
        raise BaremetalError("secure boot cannot be on without a platform key", stage=STAGE, cure="choose one of the two")
    try:
        before = read_secure_boot(service)
    except RedfishRefusal as error:
        if error.status != 403:
            raise
        if enabled is None and keys is None:
            warn(f"the BMC does not let secure boot be read, so it is unknown ({error.seen})")
            return {"changed": False, "secure_boot": _UNKNOWN, "reboot_required": False, "before": _UNKNOWN, "after": _UNKNOWN}
        raise BaremetalError("the BMC does not let secure boot be read, so it is unknown and stays as it is", stage=STAGE, seen=error.seen,
                             cure="see whether the account may, and whether the BMC needs a licence for it") from error
    steps = [("keys", keys)] if keys and not keys_reached(service, before, keys) else []
    tasks = [] if enabled is None and keys is None else open_tasks(service)
    switch = _waiting_switch(tasks, before, enabled)
    if enabled is not None and enabled != (before.state["enabled"] if switch is None else switch):
        # Boards refuse to switch it on without keys, and to take the keys away while it is on.
        steps.insert(len(steps) if enabled else 0, ("enabled", enabled))
    # What was asked for before and waits in a job needs the reboot as well.
    waits = switch is not None and switch == enabled != before.state["enabled"]
    if ("keys", keys) in steps and _is_reset_waiting(service, tasks, before, keys):
        steps.remove(("keys", keys))
        waits = True
    if ("keys", keys) in steps:
        _refuse_reset_not_offered(service, before, keys)
    untold = _untold(service, tasks) if steps or "SecureBootEnable" not in before.settings else []
    if untold:
        warn(f"{', '.join(untold)}, waits for a reboot and does not tell what it does, so nothing was sent; "
             "reboot, and run the same command again, which then sees what secure boot has become")
        return {**_result(False, before.state, before.state), "reboot_required": True}
    if check_mode:
        result = _result(bool(steps), before.state, _foreseen(before.state, dict(steps)))
        return {**result, "reboot_required": result["reboot_required"] or waits}
    after = before
    for kind, wanted in steps:
        work = _reset_keys if kind == "keys" else _switch
        after, is_pending = work(service, after, wanted, warn, sleep)
        waits = waits or is_pending
    if switch not in (None, enabled) and _waiting_switch(open_tasks(service), after, enabled) not in (None, enabled):
        raise BaremetalError(f"a job of the BMC is going to switch secure boot {'on' if switch else 'off'} at the next boot", stage=STAGE,
                             cure="delete the job in the BMC's job queue, or reboot and run the same command again")
    result = _result(bool(steps), before.state, after.state)
    result["reboot_required"] = result["reboot_required"] or waits
    return result


def _untold(service, tasks):
    """Jobs for the next boot that do not tell what they do and may be about to change secure boot, as texts."""
    found = [task for task in tasks if is_untold(*task[1:], _OF_SECURE_BOOT)]
    of_setup = [task for task in tasks if task not in found and is_untold(*task[1:], OF_SETUP)]
    if of_setup:
        # Where BIOS settings are shown as pending, the job is theirs.
        with contextlib.suppress(BaremetalError):
            of_setup = [] if read_bios(service).pending else of_setup
    return [shown(*task) for task in found + of_setup]


def _waiting_switch(tasks, found, enabled):
    """What a job of the BMC, which shows nowhere else, is going to switch it to, or None.

    :param tasks: what ``open_tasks`` returned.
    :param enabled: what is wanted; None asks for nothing.
    """
    if enabled is None or "SecureBootEnable" in found.settings:
        return None
    told = [flag(body.get("SecureBootEnable")) for body in waiting_bodies(tasks, found.path, settings_path(found.document))]
    return next((value for value in reversed(told) if value is not None), None)


def _is_reset_waiting(service, tasks, found, keys):
    """Whether a job of the BMC is going to reset the keys like that."""
    told = [body.get("ResetKeysType") for body in waiting_bodies(tasks, service.target(found.document, "SecureBoot.ResetKeys"))]
    return told[-1:] == [_RESETS[keys]]


def _result(changed, before, after):
    return {"changed": changed, "secure_boot": after, "before": before, "after": after,
            "reboot_required": None not in (after["enabled"], after["current"]) and after["enabled"] != after["current"]
            and not (after["enabled"] and after["mode"] in _KEYLESS)}


def _foreseen(state, steps):
    mode = state["mode"] if "keys" not in steps else "user" if steps["keys"] == "default" else "setup"
    return {**state, "enabled": steps.get("enabled", state["enabled"]), "mode": mode}


def _switch(service, found, enabled, warn, sleep):
    """Switch it on or off; gives what was read last and whether it waits for a reboot unseen."""
    try:
        answer = patch_pending(service, found.path, found.document, found.settings, {"SecureBootEnable": enabled})
    except RedfishRefusal as error:
        raise BaremetalError(f"the BMC refused to switch secure boot {'on' if enabled else 'off'}", stage=STAGE, seen=error.seen,
                             cure="the machine must boot in UEFI mode and have a platform key; "
                                  "some BMCs need a licence, or the machine off") from error
    after = settled(lambda: read_secure_boot(service), lambda seen: seen.state["enabled"] == enabled, sleep, is_job=bool(answer.task))
    if after.state["enabled"] == enabled:
        return after, False
    if not answer.task:
        raise BaremetalError(f"the BMC took the order to switch secure boot {'on' if enabled else 'off'} and does not show it", stage=STAGE,
                             seen=f"SecureBootEnable is {after.state['enabled']}",
                             cure="see in the firmware setup whether something fixes it, such as the boot mode or a missing platform key")
    _told_by_job(answer, warn)
    return after, True


def _refuse_reset_not_offered(service, found, keys):
    """:raises BaremetalError: when the BMC tells that it does not reset the keys like that; nothing was sent."""
    service.offered_target(found.document, "SecureBoot.ResetKeys", stage=STAGE)
    allowed = service.allowed(found.document, "SecureBoot.ResetKeys", "ResetKeysType")
    if allowed is not None and _RESETS[keys] not in allowed:
        raise BaremetalError(f"the BMC does not offer {_RESETS[keys]}", stage=STAGE, seen=f"offered: {', '.join(allowed) or 'nothing'}",
                             cure="do it in the firmware setup of the machine")


def _reset_keys(service, found, keys, warn, sleep):
    """Reset the keys; as ``_switch``."""
    reset = _RESETS[keys]
    try:
        answer = service.action(found.document, "SecureBoot.ResetKeys", {"ResetKeysType": reset}, stage=STAGE)
    except RedfishRefusal as error:
        raise BaremetalError(f"the BMC refused {reset}", stage=STAGE, seen=error.seen,
                             cure="see whether the account may, and whether the machine must be off for it") from error
    after = settled(lambda: read_secure_boot(service), lambda seen: keys_reached(service, seen, keys), sleep, is_job=bool(answer.task))
    if keys_reached(service, after, keys):
        return after, False
    if answer.task:
        _told_by_job(answer, warn)
    else:
        # Many boards reset their keys while they boot, and the schema has no place where that would show.
        warn(f"the BMC took {reset} and does not show it yet; only after a reboot can it be judged")
    return after, True


def _told_by_job(answer, warn):
    warn(f"the BMC made a job of it ({answer.task}) and does not show it yet; only after the reboot can it be judged")
