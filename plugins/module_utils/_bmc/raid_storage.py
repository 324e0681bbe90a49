# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The storage of a system: controllers, drives and volumes as plain dicts.

Redfish: Storage, Drive, Volume (DSP0268).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re

from .._errors import BaremetalError
from .raid_plan import LEVELS, STAGE
from .redfish_service import last_part, path_of
from .tolerant import dig, health, number, objects, text, texts

_LEVELS = {level.raid_type: name for name, level in LEVELS.items()}
# Volume before v1_3; RAID 6 was told as 5.
_OLD_LEVELS = {"NonRedundant": "0", "Mirrored": "1", "StripedWithParity": "5", "SpannedMirrors": "1+0", "SpannedStripesWithParity": "5+0"}
_MEDIA = {"hdd": "hdd", "smr": "hdd", "ssd": "ssd"}
_NOT_THERE = ("Absent", "Disabled", "UnavailableOffline", "Deferring")
# Of a volume that is told of and not made yet.
_NOT_MADE = ("StandbyOffline", "Starting", "Deferring")


def read_storage(service):
    """Everything behind the RAID controllers of the system.

    :param service: the RedfishService.
    :returns: ``{"drives": [...], "volumes": [...], "collections": {controller: JSON object of its volumes}}``; see
        ``drive_of`` and ``volume_of``. Volumes that a controller shows for single drives that are in no array are left out;
        their drives have the Id of them in ``passed_through``.
    :raises BaremetalError: when the BMC shows no RAID controller.
    """
    paths = service.members(path_of(service.system().get("Storage")))
    found = {"drives": [], "volumes": [], "collections": {}}
    raw, seen = [], []
    for storage in (service.find(path) for path in paths):
        if storage is None:
            continue
        name = text(storage.get("Id")) or last_part(text(storage.get("@odata.id")) or "")
        collection = service.find(path_of(storage.get("Volumes")))
        controllers = objects(storage.get("StorageControllers")) or [
            item for item in (service.find(path) for path in service.members(path_of(storage.get("Controllers")))) if item]
        types = raid_types(controllers)
        seen.append(f"{name} ({'no volumes' if collection is None else 'no RAID' if types == [] else 'RAID'})")
        if collection is None or types == []:
            continue
        names = [text(item[key]) for item in (storage, *controllers) for key in ("Name", "Model", "Id") if text(item.get(key))]
        context = {"controller": name, "controller_names": names, "raid_types": types}
        volumes = [(path, service.find(path)) for path in service.members(collection)]
        volumes = [{**volume_of(path, volume), **context} for path, volume in volumes if volume is not None]
        found["collections"][name] = collection
        found["volumes"] += [volume for volume in volumes if not volume["is_raw"]]
        raw += [volume for volume in volumes if volume["is_raw"]]
        for path in [path for path in map(path_of, objects(storage.get("Drives"))) if path]:
            drive = service.find(path)
            if drive is not None and path not in (known["path"] for known in found["drives"]):
                found["drives"].append({**drive_of(path, drive), **context})
    if not found["collections"]:
        raise BaremetalError("the BMC shows no RAID controller", stage=STAGE, seen=f"storage: {', '.join(seen) or 'none'}",
                             cure="power the machine on, because some BMCs know its storage only then; else use software RAID")
    _claim(found, raw)
    return found


def _claim(found, raw):
    """Drives of volumes are not free, whichever side tells of it.

    :param raw: volumes of single drives that are in no array.
    """
    for volume in [*found["volumes"], *raw]:
        for drive in found["drives"]:
            if volume["path"] in drive["in_volumes"] and drive["path"] not in volume["drives"]:
                volume["drives"].append(drive["path"])
    owners = {path: volume["path"] for volume in found["volumes"] for path in volume["drives"]}
    passed = {path: volume["id"] for volume in raw for path in volume["drives"]}
    # Where neither side tells which drive it is, it may be any.
    unknown = {volume["controller"]: volume["id"] for volume in raw if not volume["drives"]}
    known = {volume["path"] for volume in [*found["volumes"], *raw]}
    for drive in found["drives"]:
        others = [path for path in drive["in_volumes"] if path not in known]
        drive["volume"] = owners.get(drive["path"]) or (others[0] if others else None)
        drive["passed_through"] = passed.get(drive["path"]) or unknown.get(drive["controller"])


def raid_types(controllers):
    """The RAID types that controllers have.

    :param controllers: their JSON objects.
    :returns: list of RAIDType values, empty for no RAID at all; None when they do not tell.
    """
    told = [item["SupportedRAIDTypes"] for item in controllers if isinstance(item.get("SupportedRAIDTypes"), list)]
    return [value for values in told for value in texts(values) if value != "None"] if told else None


def drive_of(path, drive):
    """A drive.

    :param path: its path.
    :param drive: its JSON object.
    :returns: dict with path, id, name, serial, bytes, type (hdd, ssd, None), interface (sata, sas, nvme, None),
        in_volumes (paths), why_not (why it can be in no volume, or None).
    """
    size = number(drive.get("CapacityBytes"))
    state, spare = text(dig(drive, "Status", "State")), text(drive.get("HotspareType"))
    why = None
    if state in _NOT_THERE:
        why = f"state {state}"
    elif state == "StandbySpare" or spare not in (None, "None"):
        why = "a hot spare"
    elif health(drive.get("Status")) == "critical" or drive.get("FailurePredicted") is True:
        why = "not healthy"
    elif not size or size <= 0:
        why = "tells no capacity"
    protocol = (text(drive.get("Protocol")) or "").lower()
    return {
        "path": path, "id": text(drive.get("Id")) or last_part(path), "name": text(drive.get("Name")),
        "serial": text(drive.get("SerialNumber")), "bytes": int(size) if size and size > 0 else 0,
        "type": _MEDIA.get((text(drive.get("MediaType")) or "").lower()),
        "interface": {"pcie": "nvme"}.get(protocol, protocol) if protocol in ("sata", "sas", "nvme", "pcie") else None,
        "in_volumes": [link for link in map(path_of, objects(dig(drive, "Links", "Volumes"))) if link],
        "why_not": why,
    }


def volume_of(path, volume):
    """A volume.

    :returns: dict with path, id, name, raid_level (as in Ironic, None when unknown), bytes (None when unknown), drives
        (paths), wwn (digits without 0x, or None), waits (what the BMC says is yet to be done to it, or None) and is_raw:
        whether it is a single drive that is in no array.
    """
    kind, old = text(volume.get("RAIDType")), text(volume.get("VolumeType"))
    size = number(volume.get("CapacityBytes"))
    drives = [link for link in map(path_of, objects(dig(volume, "Links", "Drives")) or objects(volume.get("Drives"))) if link]
    return {
        "path": path, "id": text(volume.get("Id")) or last_part(path),
        "name": text(volume.get("DisplayName")) or text(volume.get("Name")),
        "raid_level": _LEVELS.get(kind) if kind and kind != "None" else _OLD_LEVELS.get(old),
        "bytes": int(size) if size is not None and size >= 0 else None,
        "drives": drives,
        "wwn": _wwn(volume), "waits": _waits(volume),
        # A volume whose level the BMC does not tell may hold somebody's data: it is in the way, and no raw drive.
        "is_raw": old == "RawDevice" or (kind == "None" and old is None and len(drives) <= 1),
    }


def _waits(volume):
    state = text(dig(volume, "Status", "State"))
    if state in _NOT_MADE:
        return f"state {state}"
    makers = dig(volume, "Oem")
    for maker in objects(list(makers.values()) if isinstance(makers, dict) else None):
        for told in objects(list(maker.values())):
            pending = text(told.get("PendingOperations"))
            if pending and pending != "None":
                return f"pending operation {pending}"
    return None


def _wwn(volume):
    for identifier in objects(volume.get("Identifiers")):
        digits = re.sub(r"[:\s-]", "", (text(identifier.get("DurableName")) or "").lower()).removeprefix("naa.").removeprefix("0x")
        if text(identifier.get("DurableNameFormat")) in ("NAA", "EUI", None) and re.fullmatch(r"[0-9a-f]{16}([0-9a-f]{16})?", digits):
            return digits
    return None


def root_device(volume):
    """Root device hints that mean a volume, as the operating system will see it, or None when the BMC tells no WWN."""
    if not volume["wwn"]:
        return None
    return {"wwn_with_extension" if len(volume["wwn"]) == 32 else "wwn": f"0x{volume['wwn']}"}
