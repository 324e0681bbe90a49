# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bring about the volumes of a target configuration, and believe them when the BMC shows them.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

from .._errors import BaremetalError
from .connection import BmcLost
from .raid_plan import GIB, LEVELS, STAGE, checked_target, matched, plan
from .raid_storage import read_storage, root_device
from .raid_waiting import read_waiting
from .redfish_errors import RedfishRefusal, TaskFailed
from .redfish_service import last_part, path_of
from .reset_watch import ResetWatch
from .tolerant import dig, texts

_APPLY = "@Redfish.OperationApplyTime"
_POLL = 5.0  # seconds between two looks
_SETTLE = 60.0  # seconds in which a volume appears or is gone after its task has ended


def ensure_raid(service, target, *, delete_existing=False, timeout=900, check_mode=False, warn=lambda text: None,
                clock=time.monotonic, sleep=time.sleep):
    """Bring about the volumes of a target configuration.

    Volumes that are there as they are wanted stay. Other ones are in the way: they are deleted with ``delete_existing``
    alone, and then before anything is made of their drives. While an earlier request waits, as a rule for the next boot, nothing is
    sent. Where the controller works at the next boot, one boot may do several requests, and what it does not take yet is left.

    :param service: the RedfishService.
    :param target: dict with ``logical_disks`` as in Ironic's target_raid_config.
    :param delete_existing: delete the volumes that are not in the target, and what is on them; and choose drives that are passed through
        as if they were free.
    :param timeout: seconds for each volume.
    :param warn: called with what deviates and does no harm.
    :returns: dict with changed, volumes (see ``_shown``; in check mode as they would be), before (likewise),
        reboot_required and pending (texts: what waits for the reset, and what can be asked for only after that).
    :raises BaremetalError: also when the BMC does not show in the end what it was asked for.
    """
    disks = checked_target(target)
    storage = read_storage(service)
    kept = matched(disks, storage["volumes"], storage["drives"])
    extra = [volume for volume in storage["volumes"] if volume["path"] not in {one["path"] for one in kept.values()}]
    before = [_shown(volume, storage) for volume in storage["volumes"]]
    if not extra and len(kept) == len(disks) and not any(volume["waits"] for volume in kept.values()):
        return _result(False, before, _all_shown(disks, kept, storage))
    waiting = read_waiting(service, storage)
    extra = [volume for volume in extra if volume["path"] not in waiting.deleted]
    if extra and not delete_existing:
        raise BaremetalError(
            "there are volumes that are not in the target configuration, and nothing was changed", stage=STAGE,
            seen="; ".join(describe(volume, storage) for volume in extra),
            cure="set delete_existing to true to delete them with everything that is on them, or put them into the target configuration")
    if waiting.texts:
        return {**_result(False, before, _all_shown(disks, kept, storage)), "reboot_required": waiting.is_boot_needed,
                "pending": _still_pending(disks, storage, waiting, extra)}
    wanted = [number for number in range(len(disks)) if number not in kept]
    plans = dict(zip(wanted, plan([disks[number] for number in wanted], _free(storage, kept, delete_existing))))
    if check_mode:
        return _result(True, before, _all_shown(disks, {**kept, **{
            number: _predicted(disks[number], made) for number, made in plans.items()}}, storage))
    work = _Work(service, storage, timeout, clock, sleep)
    for volume in extra:
        work.delete(volume)
    for number, made in plans.items():
        work.create(number, disks[number], made)
    if work.pending:
        storage = read_storage(service)
        kept = matched(disks, storage["volumes"], storage["drives"])
        return {**_result(True, before, _all_shown(disks, kept, storage)), "reboot_required": True, "pending": work.pending + work.left}
    storage, kept = work.settled(disks, {volume["path"] for volume in extra})
    for number, volume in kept.items():
        name = disks[number].get("volume_name")
        if name and volume["name"] != name:
            warn(f"the BMC calls the volume {volume['name']} although it was to be called {name}")
    waits = [f"volume {volume['id']}: {volume['waits']}" for volume in kept.values() if volume["waits"]]
    return {**_result(True, before, _all_shown(disks, kept, storage)), "reboot_required": bool(waits), "pending": waits}


def _still_pending(disks, storage, waiting, extra):
    """What an earlier request has yet to do, and what can be asked for only after that; as long nothing is sent."""
    stay = [volume for volume in storage["volumes"] if volume["path"] not in waiting.deleted]
    coming = matched(disks, stay + waiting.made, storage["drives"])
    paths = {volume["path"] for volume in coming.values()}
    strange = [volume for volume in waiting.made if volume["path"] not in paths]
    if strange:
        raise BaremetalError(
            "a volume waits to be made that is not in the target configuration, and nothing was changed", stage=STAGE,
            seen="; ".join(f"{volume['path']}: {describe(volume, storage)}" for volume in strange),
            cure="delete the task in the BMC, or reboot the machine so that it is done; then run the same command again")
    return [*waiting.texts, *(f"to be deleted: {describe(volume, storage)}" for volume in extra),
            *(f"to be made: {describe_wanted(number, disk)}" for number, disk in enumerate(disks) if number not in coming)]


def _result(changed, before, volumes):
    return {"changed": changed, "before": before, "volumes": volumes, "reboot_required": False, "pending": []}


def _free(storage, kept, delete_existing):
    """The drives, those of volumes that stay with the reason why they are not free.

    :param delete_existing: whether those that are passed through are free as well.
    """
    stays = {path: volume["id"] for volume in kept.values() for path in volume["drives"]}
    known = {volume["path"] for volume in storage["volumes"]}
    return [{**drive, "passed_through": None if delete_existing else drive["passed_through"], "why_not": drive["why_not"] or (
        f"belongs to the volume {stays[drive['path']]}" if drive["path"] in stays else
        f"belongs to {drive['volume']}" if drive["volume"] and drive["volume"] not in known else None)} for drive in storage["drives"]]


def describe(volume, storage):
    """A volume for a person."""
    names = {drive["path"]: drive["id"] for drive in storage["drives"]}
    drives = ", ".join(names.get(path, last_part(path)) for path in volume["drives"])
    size = f"{volume['bytes'] // GIB} GiB" if volume["bytes"] is not None else "unknown size"
    return (f"{volume['id']} on {volume['controller']} ({volume['name'] or 'no name'}, RAID {volume['raid_level'] or 'unknown'}, {size}, "
            f"drives {drives or 'unknown'})")


def describe_wanted(number, disk):
    """A logical disk for a person."""
    return f"logical disk {number} (RAID {disk['raid_level']}, size_gb {disk['size_gb']})"


def _predicted(disk, made):
    first = made["drives"][0]
    return {"id": None, "name": disk.get("volume_name"), "controller": first["controller"], "raid_level": disk["raid_level"],
            "bytes": made["bytes"],
            "drives": [drive["path"] for drive in made["drives"]], "wwn": None}


def _shown(volume, storage, disk=None):
    names = {drive["path"]: drive["id"] for drive in storage["drives"]}
    return {
        "id": volume["id"], "name": volume["name"], "controller": volume["controller"], "raid_level": volume["raid_level"],
        "size_gb": None if volume["bytes"] is None else volume["bytes"] // GIB,
        "physical_disks": [names.get(path, last_part(path)) for path in volume["drives"]],
        "is_root_volume": bool(disk and disk.get("is_root_volume")), "root_device": root_device(volume),
    }


def _all_shown(disks, kept, storage):
    return [_shown(kept[number], storage, disks[number]) for number in sorted(kept)]


def apply_time(collection):
    """When the BMC can make a volume: ``Immediate`` rather than ``OnReset``, None where it offers no choice."""
    offered = texts(dig(collection, "@Redfish.OperationApplyTimeSupport", "SupportedValues"))
    return next((value for value in ("Immediate", "OnReset") if value in offered), None)


def volume_body(disk, made, when):
    """What a volume is asked for with.

    For MAX no capacity goes along: what a controller keeps for itself, only it knows.
    """
    body = {"RAIDType": LEVELS[disk["raid_level"]].raid_type,
            "Links": {"Drives": [{"@odata.id": drive["path"]} for drive in made["drives"]]}}
    if not made["is_max"]:
        body["CapacityBytes"] = made["bytes"]
    if disk.get("volume_name"):
        body["Name"] = disk["volume_name"]
    return {**body, _APPLY: when} if when else body


def adapted(body, error, disk, made):
    """The body as a board wants it that has refused another one, or None when there is nothing to be tried.

    :param error: the RedfishRefusal; what it names is changed.
    """
    level = LEVELS[disk["raid_level"]]
    without = {key: value for key, value in body.items() if key not in ("Name", "DisplayName")}
    if error.says("CapacityBytes", "capacity") and "CapacityBytes" not in body:
        return {**body, "CapacityBytes": made["bytes"]}
    if error.says("DisplayName") and "DisplayName" in body:
        return without
    if error.says("Name") and not error.says("VolumeName") and "Name" in body:
        return {**without, "DisplayName": body["Name"]}
    if error.says("RAIDType", "VolumeType") and "VolumeType" not in body:
        # Boards before RAIDType came; for both levels of parity they have one word, which would make a RAID 5 of a 6.
        if disk["raid_level"] in ("6", "6+0"):
            return None
        return {**{key: value for key, value in body.items() if key != "RAIDType"}, "VolumeType": level.volume_type}
    if error.says("Links") and "Links" in body:
        return {**{key: value for key, value in body.items() if key != "Links"}, "Drives": body["Links"]["Drives"]}
    if error.says("OperationApplyTime") and _APPLY in body:
        return {key: value for key, value in body.items() if key != _APPLY}
    return None


class _Refused(BaremetalError):
    """The BMC does not take a request."""


class _Work:
    """Deletes and makes volumes; ``pending`` holds what waits for a reset, ``left`` what can be asked for only after that."""

    def __init__(self, service, storage, timeout, clock, sleep):
        self._service = service
        self._storage = storage
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self.pending = []
        self.left = []
        # Controllers of what waits for a reset, and paths of the drives whose volumes are not gone yet.
        self._waiting = set()
        self._leaving = set()

    def _ask(self, request, controller, description):
        """Ask for something.

        While one request to it waits for a reset, a controller may take no other (Ironic sends each but one). What it refuses then is
        left; if that was not the reason, it is refused again after the reset.

        :param request: function that sends the request, and returns whether it waits for a reset.
        :param description: what is left, for a person.
        :returns: whether it is done.
        :raises BaremetalError: when the BMC refuses it and nothing waits, or is not to be reached.
        """
        try:
            if not request():
                return True
        except (_Refused, TaskFailed) as error:
            if controller not in self._waiting:
                raise
            self.left.append(f"{description}, which the BMC does not take now: {error.seen}")
            return False
        self._waiting.add(controller)
        return False

    def _waits(self, answer, what, controller, on_reset=False):
        """Follow a request until it is done, or waits for a reset.

        :returns: whether it waits.
        """
        # A controller may put it behind what waits already, without a word.
        watch = ResetWatch(expected=on_reset, queued=controller in self._waiting)
        if not watch(answer.body):
            end = self._service.wait_task(answer, timeout=self._timeout, stage=STAGE, what=what, until=watch)
            if end != "stopped" and not watch.because:
                return False
        self.pending.append(f"{what}: {watch.because}")
        return True

    def delete(self, volume):
        """Delete a volume."""
        if not self._ask(lambda: self._deleting(volume), volume["controller"], f"to be deleted: {describe(volume, self._storage)}"):
            # Of a volume whose drives the BMC does not tell, any drive of the controller may be one.
            self._leaving |= set(volume["drives"]) or {
                drive["path"] for drive in self._storage["drives"] if drive["controller"] == volume["controller"]}

    def _deleting(self, volume):
        """The request carries no apply time: boards refuse one here that take it elsewhere (quirk R33)."""
        try:
            answer = self._service.delete(volume["path"])
        except RedfishRefusal as error:
            if error.status == 404:
                return False
            raise _Refused(f"the BMC refused to delete the volume {describe(volume, self._storage)}", stage=STAGE, seen=error.seen,
                           cure="look whether the volume is in use, and whether another job of the controller runs") from error
        return self._waits(answer, f"deleting the volume {volume['id']}", volume["controller"])

    def create(self, number, disk, made):
        """Ask for a volume, unless one of its drives still belongs to another."""
        description = f"to be made: {describe_wanted(number, disk)}"
        if self._leaving.isdisjoint(drive["path"] for drive in made["drives"]):
            self._ask(lambda: self._creating(number, disk, made), made["drives"][0]["controller"], description)
        else:
            self.left.append(description)

    def _creating(self, number, disk, made):
        """The request goes in the form that the board takes."""
        controller = made["drives"][0]["controller"]
        collection = self._storage["collections"][controller]
        body = volume_body(disk, made, apply_time(collection))
        sent = []
        while True:
            sent.append(body)
            try:
                answer = self._service.post(path_of(collection), body)
                break
            except RedfishRefusal as error:
                body = adapted(body, error, disk, made) if error.status in (400, 422) else None
                if body is None or body in sent:
                    raise _Refused(f"the BMC refused to make a volume with RAID {disk['raid_level']}", stage=STAGE, seen=error.seen,
                                   cure="look whether the controller can do that with these drives, and whether "
                                        "another job of it runs") from error
        return self._waits(answer, f"making {describe_wanted(number, disk)}", controller, on_reset=body.get(_APPLY) == "OnReset")

    def settled(self, disks, gone):
        """Read back until every logical disk has its volume and what was deleted is gone; for volumes that wait not without end.

        :param gone: paths of the volumes that were deleted.
        :returns: ``(storage, kept)``.
        """
        end = self._clock() + min(self._timeout, _SETTLE)
        while True:
            seen = None
            try:
                storage = read_storage(self._service)
                kept = matched(disks, storage["volumes"], storage["drives"])
                # A board may give the path of a deleted volume to a new one.
                stay = {volume["path"] for volume in storage["volumes"]} & gone - {volume["path"] for volume in kept.values()}
                is_there = len(kept) == len(disks) and not stay
                if is_there and (self._clock() >= end or not any(volume["waits"] for volume in kept.values())):
                    return storage, kept
                seen = "; ".join(describe(volume, storage) for volume in storage["volumes"]) or "no volume"
            except BmcLost as error:
                seen = error.what
            if self._clock() >= end:
                raise BaremetalError("the BMC does not show the volumes that it was asked for", stage=STAGE, seen=seen,
                                     cure="look at the event log of the BMC; where the controller works at the next boot, reboot the "
                                          "machine and run the same command again")
            self._sleep(_POLL)
