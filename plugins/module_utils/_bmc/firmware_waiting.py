# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An update that was asked for before and is not done yet, so that its image is not sent a second time.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import typing as t

from .redfish_service import RedfishRefusal
from .reset_watch import is_paused
from .tolerant import text, texts
from .waiting_tasks import NOT_BEGUN, is_untold, open_tasks, request_of, shown

# A job that tells no request, but what it is for: "Firmware Update: BIOS" is Dell's.
_OF_UPDATE = re.compile(r"\b(?:firmware|software).?update", re.I)


class Earlier(t.NamedTuple):
    """The task of an earlier request: its path, its JSON object, whether it waits for a reset, and it for a person.

    ``is_same``: whether it tells that it brings the image that is wanted now; otherwise only the component is known to be the same.
    """

    path: str
    task: dict
    is_waiting: bool
    is_same: bool
    shown: str


def earlier_update(service, target, push, component, image):
    """What an earlier run, or somebody else, has asked for and the BMC has yet to do.

    :param service: the RedfishService.
    :param target: path of the action SimpleUpdate, or None.
    :param push: path to which an image is pushed, or None.
    :param component: as ``find_component`` describes it.
    :param image: URI of the image; None for one that is pushed, which no task tells from another one.
    :returns: an Earlier; None where there is none, or the BMC does not tell.
    """
    try:
        tasks = open_tasks(service)
    except RedfishRefusal as error:
        service.log(f"the tasks of the BMC are left out: {error}")
        return None
    for path, state, task in tasks:
        request, is_waiting = request_of(task), state in NOT_BEGUN or is_paused(task)
        is_same = image is not None and target is not None and _brings(request, target, component, image)
        is_other = is_waiting and push is not None and _is_pushed(request, push, component)
        if is_same or is_other or (is_untold(state, task, _OF_UPDATE) and _names(task, component)):
            return Earlier(path, task, is_waiting, is_same, shown(path, state, task))
    return None


def _brings(request, target, component, image):
    """Whether a request brings an image to a component."""
    if request is None:
        return False
    method, path, body = request
    targets = texts(body.get("Targets"))
    return (method == "POST" and path == target.rstrip("/") and text(body.get("ImageURI")) == image
            and (not targets or component["path"] in targets))


def _is_pushed(request, push, component):
    """Whether a request brings some image that was pushed to a component, and names it."""
    return request is not None and request[:2] == ("POST", push.rstrip("/")) and component["path"] in texts(request[2].get("Targets"))


def _names(task, component):
    """Whether the name of a task says that it is for a component. What is for the BMC itself waits for no boot."""
    words = {component["id"], component["name"]} - {"bmc"}
    name = text(task.get("Name")) or ""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name, re.I) for word in words if word)
