# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks and jobs of a BMC that are not done yet, and the requests that they do.

What waits for the next boot shows, on some boards, nowhere else. Schema: DSP0268, Task and Job (Payload).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import json
import urllib.parse

from .redfish_members import resources
from .redfish_service import ROOT, last_part, path_of
from .tolerant import dig, text

# TaskState and JobState of what is not begun (Scheduled is Dell's and DMTF's word), and of what is being done or will go on.
NOT_BEGUN = ("New", "Pending", "Starting", "Scheduled", "UserIntervention", "Validating")
_BEGUN = ("Running", "Continue", "Service", "Suspended", "Interrupted", "Cancelling", "Stopping", "Downloading")
# Of what has ended; makers have more words for what has not (Dell: Scheduling, ReadyForExecution, PendingActivation).
_ENDED = ("Completed", "CompletedWithErrors", "Failed", "Exception", "Killed", "Cancelled", "Invalid", "RebootCompleted", "RebootFailed")


def open_tasks(service):
    """Tasks and jobs that wait or work, as far as their states are known.

    :param service: the RedfishService.
    :returns: list of ``(path, state, JSON object)``; each once, for Dell shows its jobs as tasks as well.
    """
    return [found for found in _tasks(service) if found[1] in NOT_BEGUN + _BEGUN]


def tasks_not_ended(service):
    """As ``open_tasks``, with those whose state nobody knows: for where it matters that there is none."""
    return [found for found in _tasks(service) if found[1] not in _ENDED]


def _tasks(service):
    root = service.find(ROOT) or {}
    collections = [path_of(dig(service.linked(root, name), key)) for name, key in (("Tasks", "Tasks"), ("JobService", "Jobs"))]
    collections.append(path_of(dig(service.manager(), "Links", "Oem", "Dell", "Jobs")))
    found = {}
    for collection in dict.fromkeys(filter(None, collections)):
        for task in resources(service, collection):
            path, state = path_of(task) or collection, text(task.get("TaskState")) or text(task.get("JobState"))
            known = found.get(last_part(path))
            if known is None or _openness(state) > _openness(known[1]):
                found[last_part(path)] = (path, state, task)
    return list(found.values())


def _openness(state):
    """Of two entries for one job the one with the larger number counts."""
    return 2 if state in NOT_BEGUN + _BEGUN else 0 if state in _ENDED else 1


def request_of(task):
    """The request that a task does.

    :param task: JSON object of a Task or Job.
    :returns: ``(method, path without a slash at its end, JSON object)``, or None when it does not tell.
    """
    method, target = text(dig(task, "Payload", "HttpOperation")), text(dig(task, "Payload", "TargetUri"))
    if not method or not target:
        return None
    body = dig(task, "Payload", "JsonBody")
    try:
        path = urllib.parse.urlsplit(target).path.rstrip("/")
        body = json.loads(body) if isinstance(body, str) and body.strip() else body
    except (ValueError, RecursionError):
        return None
    return method.upper(), path, body if isinstance(body, dict) else {}


def waiting_bodies(tasks, *paths):
    """What was sent to resources and waits in a task.

    :param tasks: what ``open_tasks`` returned.
    :param paths: paths of the resources and actions, or None.
    :returns: list of the requests' JSON objects, in the order of the tasks.
    """
    wanted = {path.rstrip("/") for path in paths if path}
    requests = [request_of(task) for _unused, _unused, task in tasks]
    return [body for method, path, body in filter(None, requests) if method in ("PATCH", "POST", "PUT") and path in wanted]


def is_called(task, kind):
    """Whether a task is called something that may be what is looked for.

    :param task: JSON object of a Task or Job.
    :param kind: compiled pattern that is searched in its name and its type.
    """
    return bool(kind.search(" ".join(filter(None, map(text, (task.get("Name"), task.get("JobType")))))))


def is_untold(state, task, kind):
    """As ``is_called``, for a task that has not begun and does not tell its request.

    :param state: its state, as ``open_tasks`` gives it.
    """
    return state in NOT_BEGUN and request_of(task) is None and is_called(task, kind)


def shown(path, state, task):
    """A task for a person."""
    return f"{text(task.get('Name')) or 'a task'} ({path}) is {state}"
