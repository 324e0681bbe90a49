# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BIOS settings: checked against the attribute registry, sent once, told apart into applied and pending.

Nothing here reboots the machine. Schema: DSP0268, Bios and AttributeRegistry.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace

from .._errors import BaremetalError
from .bios_registry import check, read_registry, same, unalterable
from .pending import patch_pending, settings_path, settled
from .redfish_service import RedfishRefusal, path_of
from .tolerant import dig, flag
from .waiting_tasks import is_called, is_untold, open_tasks, request_of, shown, tasks_not_ended, waiting_bodies

STAGE = "BIOS settings"

# A job of a queue that tells no request; "Configure: BIOS.Setup.1-1" and the type BIOSConfiguration are Dell's, for all of the setup.
OF_SETUP = re.compile(r"bios\.setup|bios ?(configuration|settings)", re.I)


@dataclass
class Bios:
    """The BIOS as the BMC tells it: the documents, what is in effect, and what will be after the next boot.

    ``pending`` holds only what differs from ``current``: some boards list only changes there, others everything.
    """

    path: str
    document: dict
    settings: dict
    current: dict
    pending: dict

    def effective(self, name):
        """The value after the next boot."""
        return self.pending.get(name, self.current.get(name))


def read_bios(service):
    """The BIOS of the system.

    :returns: a Bios.
    :raises BaremetalError: when the BMC shows none.
    """
    system = service.system()
    path = path_of(system.get("Bios"))
    document = _readable(service, path)
    if document is None:
        raise BaremetalError("the BMC shows no BIOS settings", stage=STAGE,
                             cure="some BMCs show them only after the machine was booted once with the present firmware; "
                                  "otherwise update the firmware of the BMC")
    settings = _readable(service, settings_path(document)) or {}
    current = _attributes(document)
    # A board that lists everything as pending also lists what it never shows as current, passwords for instance.
    pending = {name: value for name, value in _attributes(settings).items() if name in current and not same(value, current[name])}
    return Bios(path, document, settings, current, pending)


def _readable(service, path):
    try:
        return service.find(path)
    except RedfishRefusal as error:
        if error.status != 403:
            raise
        raise BaremetalError("the BMC does not let its BIOS settings be read", stage=STAGE, seen=error.seen,
                             cure="see whether the account may, and whether the BMC needs a licence for it") from error


def _attributes(document):
    found = dig(document, "Attributes")
    return {name: value for name, value in found.items() if "@" not in name} if isinstance(found, dict) else {}


def _with_tasks(service, bios):
    """The BIOS with what only the BMC's tasks tell to be pending."""
    waiting = {}
    for body in waiting_bodies(open_tasks(service), bios.path, settings_path(bios.document)):
        waiting.update(_attributes(body))
    waiting = {name: value for name, value in waiting.items() if name in bios.current and not same(value, bios.current[name])}
    return replace(bios, pending={**waiting, **bios.pending})


def _read_with_tasks(service):
    """The BIOS; where the BMC lists nothing as pending, a job may nevertheless hold values."""
    bios = read_bios(service)
    return bios if "Attributes" in bios.settings else _with_tasks(service, bios)


def _is_told(task, bios):
    """Whether a task tells that its request is one to the BIOS or its settings."""
    places = {path.rstrip("/") for path in (bios.path, settings_path(bios.document)) if path}
    return (request_of(task) or ("", ""))[1] in places


def _refuse_held(service, bios):
    """:raises BaremetalError: on a board that leaves its BIOS settings alone while a job with some waits, when one does."""
    if not service.quirk("bios_job_holds"):
        return
    jobs = [shown(*found) for found in open_tasks(service) if is_untold(*found[1:], OF_SETUP) or _is_told(found[2], bios)]
    if jobs:
        raise BaremetalError("a job with BIOS settings waits for a reboot, and this BMC takes no others and takes none back until then", stage=STAGE,
                             seen="; ".join([*jobs, *([f"pending: {', '.join(sorted(_shown(bios.pending)))}"] if _shown(bios.pending) else [])]),
                             cure="reboot and run the same command again, or delete the job in the BMC's job queue and have nothing_pending")


def _has_no_job(service, bios):
    """Whether the board applies pending BIOS settings only by a job, and has none that has not ended: then no reboot applies them."""
    if not (service.quirk("bios_apply_time") and service.quirk("bios_job_holds")):
        return False
    return not any(is_called(task, OF_SETUP) or _is_told(task, bios) for _path, _state, task in tasks_not_ended(service))


def _without_job(service, bios, names, sleep):
    """The BIOS, and the names of those settings that are pending there without a job that will apply them.

    A job may have ended between two requests, and the board tell of its values a little longer: what counts is what stays pending.
    """
    if not any(name in bios.pending for name in names) or not _has_no_job(service, bios):
        return bios, []
    bios = settled(lambda: _read_with_tasks(service), lambda seen: not any(name in seen.pending for name in names), sleep)
    staged = [name for name in names if name in bios.pending]
    # Whoever has staged them may have made the job meanwhile.
    return bios, staged if staged and _has_no_job(service, bios) else []


def _shown(values):
    """Values without those of passwords, which some boards tell as hashes."""
    return {name: value for name, value in values.items() if "password" not in name.lower()}


def _send(service, bios, attributes):
    """Send values to where they belong.

    :returns: an Answer.
    """
    try:
        return patch_pending(service, bios.path, bios.document, bios.settings, {"Attributes": attributes},
                             service.quirk("bios_apply_time"))
    except RedfishRefusal as error:
        raise BaremetalError(
            f"the BMC refused the BIOS settings {', '.join(sorted(attributes))}", stage=STAGE, seen=error.seen,
            cure="where a job with other settings waits for a reboot, reboot first, or delete the job and use the state nothing_pending; "
                 "some settings depend on others or need the machine off") from error


def _result(changed, before, bios, names):
    pending = _shown({name: bios.pending[name] for name in names if name in bios.pending})
    return {
        "changed": changed,
        "bios_settings": _shown({name: bios.current.get(name) for name in names}),
        "pending": pending,
        "reboot_required": bool(pending),
        "before": _shown({name: before.effective(name) for name in names}),
        "after": _shown({name: bios.effective(name) for name in names}),
    }


def ensure_bios_settings(service, settings, *, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have BIOS settings in effect, now or after the next boot.

    :param service: RedfishService.
    :param settings: values by attribute name.
    :returns: ``{"changed", "bios_settings", "pending", "reboot_required", "before", "after"}`` for these attributes.
    :raises BaremetalError: for settings that cannot be (nothing was sent), that the BMC does not show in the end, or of which a board that
        applies them only by a job makes none.
    """
    bios = _read_with_tasks(service)
    registry = read_registry(service, bios.document, bios.current)
    wanted = check(settings, registry, bios.current, bios.effective)

    def missing_in(seen):
        return {name: value for name, value in wanted.items() if not same(seen.effective(name), value)}

    if missing_in(bios) and "Attributes" in bios.settings:
        # It may list nothing but what is in effect.
        bios = _with_tasks(service, bios)
    missing = missing_in(bios)
    if not missing:
        bios, staged = _without_job(service, bios, wanted, sleep)
        # Another tool has staged them. Sent again, with the time at which they are to be applied, they get their job.
        missing = {**missing_in(bios), **{name: wanted[name] for name in staged}}
        if not missing:
            return _result(False, bios, bios, wanted)
    _refuse_held(service, bios)
    if check_mode:
        foreseen = Bios(bios.path, bios.document, bios.settings, bios.current, {
            **{name: value for name, value in bios.pending.items() if name not in missing},
            **{name: value for name, value in missing.items() if not same(value, bios.current.get(name))}})
        return _result(True, bios, foreseen, wanted)
    answer = _send(service, bios, missing)

    def lacking(seen):
        return sorted(name for name, value in missing.items() if not same(seen.effective(name), value))

    after = settled(lambda: _read_with_tasks(service), lambda seen: not lacking(seen), sleep, is_job=bool(answer.task))
    if answer.task and lacking(after):
        after = _with_tasks(service, after)
    lost = lacking(after)
    result = _result(True, bios, after, wanted)
    if result["reboot_required"] and not answer.task and settled(
            lambda: _has_no_job(service, after), lambda has_none: not has_none, sleep, is_job=True):
        raise BaremetalError(
            f"the BMC shows the BIOS settings {', '.join(sorted(result['pending']))} as pending and has made no job of them, so that no reboot applies them",
            stage=STAGE, seen=f"HTTP status {answer.status}, and no open job with BIOS settings",
            cure="take them back with the state nothing_pending and run the same command again, or have a job made in the BMC's web interface")
    if lost and not answer.task:
        raise BaremetalError(
            f"the BMC took the BIOS settings and does not show {', '.join(lost)}, neither as current nor as pending", stage=STAGE,
            seen="; ".join(f"{name} is {after.effective(name)}" for name in lost),
            cure="see whether these settings depend on others that must be set first, and whether a job with other settings waits")
    if lost:
        warn(f"the BMC made a job ({answer.task}) of the BIOS settings {', '.join(lost)} and shows no pending values; "
             "only after the reboot can they be judged")
        result["reboot_required"] = True
    return result


def ensure_nothing_pending(service, *, check_mode=False, sleep=time.sleep):
    """Take back what would change at the next boot.

    :returns: as ``ensure_bios_settings``, for the attributes that were pending.
    :raises BaremetalError: when the BMC still shows something pending.
    """
    bios = _read_with_tasks(service)
    names = sorted(bios.pending)
    if not names:
        return _result(False, bios, bios, names)
    clear = _clear_action(bios.settings)
    if not clear and service.quirk("bios_pending_clear") is False:
        raise BaremetalError("this BMC cannot take back pending BIOS settings", stage=STAGE, seen=f"pending: {', '.join(names)}",
                             cure="set other values, or reboot and set the settings anew")
    _refuse_held(service, bios)
    if check_mode:
        return _result(True, bios, Bios(bios.path, bios.document, bios.settings, bios.current, {}), names)
    try:
        if clear:
            service.action(bios.settings, clear, {}, stage=STAGE)
        else:
            _send(service, bios, {name: bios.current[name] for name in names})
    except RedfishRefusal as error:
        raise BaremetalError("the BMC refused to take back its pending BIOS settings", stage=STAGE, seen=error.seen,
                             cure="a job may hold them: delete it in the BMC's job queue, or reboot") from error
    after = settled(lambda: _read_with_tasks(service), lambda seen: not seen.pending, sleep)
    if after.pending:
        raise BaremetalError("the BMC still shows pending BIOS settings", stage=STAGE, seen=", ".join(sorted(after.pending)),
                             cure="a job may hold them: delete it in the BMC's job queue, or reboot")
    return _result(True, bios, after, names)


def _clear_action(settings):
    """The name of the maker's action that takes back pending values, or None; it is in no standard."""
    for actions in (dig(settings, "Actions"), dig(settings, "Actions", "Oem")):
        for name in actions if isinstance(actions, dict) else ():
            if name.endswith("ClearPending"):
                return name.lstrip("#")
    return None


def ensure_defaults(service, *, check_mode=False, warn=lambda text: None, sleep=time.sleep):
    """Have all BIOS settings at their defaults, now or after the next boot.

    :returns: as ``ensure_bios_settings``, for the attributes that were not at their defaults, as far as the registry tells
        what these are. Where it does not tell, a reset is asked for every time.
    :raises BaremetalError: when the BMC refuses.
    """
    bios = read_bios(service)
    defaults = {
        name: entry["DefaultValue"] for name, entry in read_registry(service, bios.document, bios.current).items()
        if entry.get("DefaultValue") is not None and name in bios.current and not unalterable(entry)
        and not flag(entry.get("IsSystemUniqueProperty")) and entry.get("Type") != "Password"}
    names = sorted(name for name, value in defaults.items() if not same(bios.current[name], value))
    announced = _reset_is_pending(bios)
    are_coming = defaults and all(same(bios.effective(name), value) for name, value in defaults.items())
    if are_coming and not announced:
        bios, staged = _without_job(service, bios, names, sleep)
        are_coming = not staged and all(same(bios.effective(name), value) for name, value in defaults.items())
    if announced or are_coming:
        result = _result(False, bios, bios, names)
        result["reboot_required"] = result["reboot_required"] or announced
        return result
    service.offered_target(bios.document, "Bios.ResetBios", stage=STAGE)
    if check_mode:
        result = _result(True, bios, bios, names)
        return {**result, "after": _shown({name: defaults[name] for name in names}), "reboot_required": True}
    try:
        # Boards refuse the action without a body.
        service.action(bios.document, "Bios.ResetBios", {}, stage=STAGE)
    except RedfishRefusal as error:
        raise BaremetalError("the BMC refused to reset the BIOS settings", stage=STAGE, seen=error.seen,
                             cure="where a job with other settings waits for a reboot, reboot first or delete the job") from error

    def shows(seen):
        return _reset_is_pending(seen) or seen.current != bios.current or seen.pending != bios.pending

    after = settled(lambda: read_bios(service), shows, sleep)
    if not shows(after):
        warn("the BMC took the reset of the BIOS settings and shows nothing of it; only after the reboot can it be judged")
    result = _result(True, bios, after, names)
    result["reboot_required"] = any(not same(after.current.get(name), defaults[name]) for name in names) or after.current == bios.current
    return result


def _reset_is_pending(bios):
    return bool(flag(bios.document.get("ResetBiosToDefaultsPending")) or flag(bios.settings.get("ResetBiosToDefaultsPending")))
