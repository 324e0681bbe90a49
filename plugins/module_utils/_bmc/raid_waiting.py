# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was asked of a RAID controller and is not done yet: volumes to be made or deleted, mostly at the next boot.

Tasks tell the request that they do (waiting_tasks.py); makers' job queues tell no more than a name.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import typing as t

from .raid_plan import LEVELS, capacity
from .raid_storage import volume_of
from .redfish_service import path_of
from .waiting_tasks import NOT_BEGUN, is_untold, open_tasks, request_of, shown

# A job of a queue that tells no request; "Configure: RAID.Integrated.1-1" and the type RAIDConfiguration are Dell's.
_OF_RAID = re.compile(r"\braid|virtual disk|\bvolume", re.I)


class Waiting(t.NamedTuple):
    """What is not done yet.

    ``made``: volumes as ``volume_of`` has them, with the controller; ``deleted``: paths of volumes; ``texts``: all of it for a
    person; ``is_boot_needed``: whether any of it has not begun.
    """

    made: list
    deleted: set
    texts: list
    is_boot_needed: bool


def read_waiting(service, storage):
    """What the BMC's tasks and jobs are going to do to the volumes.

    A job that does not tell its request counts as waiting when it has not begun and its name speaks of RAID.

    :param storage: what ``read_storage`` returned.
    :returns: a Waiting.
    """
    made, deleted, texts, states = [], set(), [], []
    for volume in storage["volumes"]:
        if volume["waits"]:
            texts.append(f"volume {volume['id']}: {volume['waits']}")
            states.append("Pending")
            if "delet" in volume["waits"].lower():
                deleted.add(volume["path"])
    for path, state, task in open_tasks(service):
        wanted = request_of(task)
        if wanted is None:
            if not is_untold(state, task, _OF_RAID):
                continue
        elif not _is_of_volumes(*wanted, storage, path, made, deleted):
            continue
        texts.append(shown(path, state, task))
        states.append(state)
    return Waiting(made, deleted, texts, any(state in NOT_BEGUN for state in states))


def _is_of_volumes(method, target, body, storage, path, made, deleted):
    """Whether a request makes or deletes a volume, which is put into ``made`` or ``deleted``."""
    if method == "DELETE":
        known = next((volume["path"] for volume in storage["volumes"] if volume["path"].rstrip("/") == target), None)
        deleted |= {known} if known else set()
        return known is not None
    controller = next((name for name, collection in storage["collections"].items() if (path_of(collection) or "").rstrip("/") == target), None)
    if method != "POST" or controller is None:
        return False
    volume = {**volume_of(path, body), "controller": controller,
              "controller_names": next((drive["controller_names"] for drive in storage["drives"] if drive["controller"] == controller), [])}
    sizes = [drive["bytes"] for drive in storage["drives"] if drive["path"] in volume["drives"]]
    level = LEVELS.get(volume["raid_level"])
    if volume["bytes"] is None and level and level.takes(len(sizes)):
        # Without a size it is asked for all that its drives hold.
        volume["bytes"] = capacity(volume["raid_level"], sizes)
    made.append(volume)
    return True
