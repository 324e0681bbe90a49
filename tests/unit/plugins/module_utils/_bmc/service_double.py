# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real RedfishService on a BMC that is a dict.

    tree = Tree({"/redfish/v1/Systems": {"Members": [{"@odata.id": "/redfish/v1/Systems/1"}]},
                 "/redfish/v1/Systems/1": {"PowerState": "Off"}})
    service = service_on(tree)
    tree.answer("PATCH", "/redfish/v1/Systems/1", 412)             # the next PATCH, then as ever
    tree.on("POST", target, lambda tree, body: (202, {}, {"Location": "/redfish/v1/TaskService/Tasks/1"}))
    assert tree.changes == [("PATCH", "/redfish/v1/Systems/1", {...})]

GET gives what is at the path (with ``@odata.id`` added) or 404; PATCH merges into it and answers 200; POST answers
204; DELETE takes it away.
"""

from __future__ import annotations

import email.message
import json

from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_service import RedfishService
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_transport import HttpAnswer
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock

CONNECTION = {"address": "192.0.2.1", "username": "operator", "password": "canary-5up3r-s3cr3t"}


def error_body(message_id, text=""):
    """The body of a refusal as DSP0266 has it."""
    return {"error": {"code": "Base.1.0.GeneralError", "message": "See ExtendedInfo",
                      "@Message.ExtendedInfo": [{"MessageId": message_id, "Message": text}]}}


def merge(old, new):
    """What is at a path after a PATCH."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}


def wait_in_task(tree, method, path, body):
    """The answer of a board that makes a task of a request, which waits for the next boot and shows nowhere else."""
    service, tasks, task = (f"/redfish/v1/TaskService{rest}" for rest in ("", "/Tasks", "/Tasks/1"))
    tree.resources.setdefault("/redfish/v1/", {})["Tasks"] = {"@odata.id": service}
    tree.resources[service] = {"Tasks": {"@odata.id": tasks}}
    tree.resources[tasks] = {"Members": [{"@odata.id": task}]}
    tree.resources[task] = {"@odata.type": "#Task.v1_7_1.Task", "Name": "Task", "TaskState": "Pending",
                            "Payload": {"HttpOperation": method, "TargetUri": path, "JsonBody": json.dumps(body)}}
    return 202, None, {"Location": task}


class Tree:
    """The BMC: its resources by path, and the requests that it got."""

    def __init__(self, resources=None):
        self.resources = dict(resources or {})
        self.requests = []  # (method, path, body, headers)
        self._once = {}
        self._always = {}
        self.closed = 0

    @property
    def changes(self):
        """The requests but the reading ones: list of (method, path, body)."""
        return [request[:3] for request in self.requests if request[0] != "GET"]

    def sent(self, method):
        """The requests of a method: list of (path, body, headers)."""
        return [request[1:] for request in self.requests if request[0] == method]

    def answer(self, method, path, *answers):
        """Script the next answers; each is a status, ``(status, body)``, ``(status, body, headers)`` or an exception.

        Body may be JSON or bytes.
        """
        self._once.setdefault((method, path), []).extend(answers)

    def on(self, method, path, function):
        """Answer always what ``function(tree, body)`` returns, in the forms of ``answer``; None for the usual."""
        self._always[(method, path)] = function

    # What redfish_transport.Connector offers

    def request(self, method, path, body=None, headers=None, timeout=None):
        self.requests.append((method, path, json.loads(json.dumps(body)) if not isinstance(body, tuple) else body, headers))
        scripted = self._once.get((method, path))
        answer = scripted.pop(0) if scripted else None
        if answer is None and (method, path) in self._always:
            answer = self._always[(method, path)](self, body)
        if isinstance(answer, BaseException):
            raise answer
        return _http_answer(*(answer if isinstance(answer, tuple) else (answer,) if answer is not None else self._usual(method, path, body)))

    def _usual(self, method, path, body):
        if method == "POST":
            return 204, None
        if path not in self.resources:
            return 404, error_body("Base.1.0.ResourceMissingAtURI")
        if method == "PATCH":
            self.resources[path] = merge(self.resources[path], body)
        if method == "DELETE":
            del self.resources[path]
            return 204, None
        resource = self.resources[path]
        return 200, {"@odata.id": path, **resource} if isinstance(resource, dict) else resource

    def close(self):
        self.closed += 1


def _http_answer(status, body=None, headers=None):
    message = email.message.Message()
    for name, value in (headers or {}).items():
        message[name] = value
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return HttpAnswer(status, message, content)


def service_on(tree, log=lambda text: None, clock=None, **connection):
    """A RedfishService whose requests go to a Tree, and whose time passes only while it sleeps.

    :param clock: a Clock of board.py, for tests that want to know how long was slept.
    :param connection: further keys of the ``bmc`` dict, for example ``system_id``.
    """
    clock = clock or Clock()
    return RedfishService({**CONNECTION, **connection}, log, sleep=clock.sleep, clock=clock, connector=tree)
