# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes and drives of a simulated Redfish BMC."""

from __future__ import annotations

from . import redfish_tasks
from .http_server import Reply
from .redfish_board import Refuse, on_action, on_delete, on_patch, on_post
from .redfish_system import must_have, one_of, simple_patch

# Fewest drives, and how many drives' worth of space is left of n.
_LEVELS = {
    "RAID0": (1, lambda n: n), "RAID1": (2, lambda n: 1), "RAID5": (3, lambda n: n - 1), "RAID6": (4, lambda n: n - 2), "RAID10": (4, lambda n: n // 2),
}
# The older property (Volume before v1_3).
_VOLUME_TYPES = {"NonRedundant": "RAID0", "Mirrored": "RAID1", "StripedWithParity": "RAID5", "SpannedMirrors": "RAID10", "RawDevice": "RAID0"}
_APPLY = "@Redfish.OperationApplyTime"


@on_post("VolumeCollection")
def create(board, path, body):
    level = body.get("RAIDType") or _VOLUME_TYPES.get(body.get("VolumeType"))
    if level is None:
        must_have(body, "RAIDType")
    one_of("RAIDType", level, list(_LEVELS))
    links = body.get("Links") if isinstance(body.get("Links"), dict) else {}
    drives = [drive.get("@odata.id") for drive in links.get("Drives") or body.get("Drives") or [] if isinstance(drive, dict)]
    fewest, space = _LEVELS[level]
    if len(drives) < fewest or len(set(drives)) != len(drives):
        raise Refuse(400, "PropertyValueConflict", f"{level} needs {fewest} drives or more.", related=["#/Links/Drives"])
    for drive in drives:
        if not board.exists(drive):
            raise Refuse(400, "ResourceNotFound", f"The drive {drive} does not exist.", related=["#/Links/Drives"])
        if board.peek(drive)["Links"].get("Volumes"):
            raise Refuse(409, "ResourceInUse", f"The drive {drive} belongs to a volume.", related=["#/Links/Drives"])
    most = space(len(drives)) * min(board.peek(drive)["CapacityBytes"] for drive in drives)
    size = body.get("CapacityBytes") or most
    if not isinstance(size, int) or size > most:
        raise Refuse(400, "PropertyValueOutOfRange", f"The volume can have {most} bytes at most.", related=["#/CapacityBytes"])
    volume = f"{path}/{board.number('volume')}"
    name = body.get("Name") or body.get("DisplayName") or volume.rsplit("/", 1)[1]

    def work():
        board.put(volume, {
            "@odata.id": volume, "@odata.type": "#Volume.v1_9_0.Volume", "Id": volume.rsplit("/", 1)[1], "Name": name, "RAIDType": level,
            "CapacityBytes": size, "BlockSizeBytes": 512, "Identifiers": [{"DurableName": f"6{board.machine.index:015x}{board.number('wwn'):016x}",
                                                                           "DurableNameFormat": "NAA"}],
            "Encrypted": False, "ReadCachePolicy": body.get("ReadCachePolicy", "Off"), "WriteCachePolicy": body.get("WriteCachePolicy", "WriteThrough"),
            "Status": {"State": "Enabled", "Health": "OK"}, "Operations": [],
            "Links": {"Drives": [{"@odata.id": drive} for drive in drives], "DedicatedSpareDrives": []},
            "Actions": {"#Volume.Initialize": {"target": f"{volume}/Actions/Volume.Initialize",
                                               "InitializeType@Redfish.AllowableValues": ["Fast", "Slow"]}}})
        for drive in drives:
            board.own(drive)["Links"]["Volumes"] = [{"@odata.id": volume}]

    reply = _when(board, path, ("POST", path, body), "Create volume", work)
    return reply or Reply(201, board.read(volume), {"Location": volume})


def _when(board, collection, request, name, work):
    """Do the work at once, or as a task, or at the next reset.

    :param request: ``(method, path, body)``.
    """
    wanted = request[2].get(_APPLY)
    if wanted is not None:
        one_of(_APPLY, wanted, board.peek(collection).get("@Redfish.OperationApplyTimeSupport", {}).get("SupportedValues", []))
    default = board.behaviour["volume_apply_default"]
    if (wanted or default) == "OnReset":
        if board.behaviour["volume_one_waits"] and board.pending:
            raise Refuse(409, "ResourceInUse", "A job of the controller waits for the reset.")
        return redfish_tasks.start(board, name, work, on_reset=True, request=request)
    if board.behaviour["volume_task"]:
        return redfish_tasks.start(board, name, work, request=request)
    work()
    return None


@on_delete("Volume")
def delete(board, path, body):
    if board.behaviour["volume_apply_time_delete_refused"] and _APPLY in body:
        raise Refuse(400, "PropertyUnknown", f"The property {_APPLY} is not in the list of valid properties.", related=[f"#/{_APPLY}"])

    def work():
        if board.exists(path):
            for drive in board.peek(path)["Links"]["Drives"]:
                board.own(drive["@odata.id"])["Links"]["Volumes"] = []
            board.remove(path)

    return _when(board, path.rsplit("/", 1)[0], ("DELETE", path, body), "Delete volume", work)


@on_patch("Volume")
def change(board, path, body):
    simple_patch(board, path, body, ("Name", "DisplayName", "ReadCachePolicy", "WriteCachePolicy"))


@on_action("Volume.Initialize")
def initialise(board, path, body):
    one_of("InitializeType", body.get("InitializeType", "Fast"), ("Fast", "Slow"))
    return redfish_tasks.start(board, "Initialize volume", lambda: None)


@on_action("Drive.SecureErase")
def erase(board, path, body):
    if board.peek(path)["Links"].get("Volumes"):
        raise Refuse(409, "ResourceInUse", "The drive belongs to a volume.")

    def work():
        board.own(path)["Operations"] = []
        board.counters["drives_erased"] += 1

    return redfish_tasks.start(board, "Secure erase", work)
