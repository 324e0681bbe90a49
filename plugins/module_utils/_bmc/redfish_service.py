# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Redfish service as documents: read, change, run an action, follow a task; nothing is believed unread.

sushy's connector carries the requests (redfish_transport.py); what it carries is plain JSON, because what
boards send is not always what sushy's resource classes insist on. Specification: DSP0266.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import time
import urllib.parse

try:
    from sushy import exceptions as sushy_errors
except ImportError as error:
    sushy_errors = None
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

from .._errors import BaremetalError, missing_library
from .connection import STAGE, BmcLost, refused, required
from .redfish_errors import explained, not_redfish
from .redfish_transport import base_url, connector, tls_context

ROOT = "/redfish/v1/"
SYSTEMS = "/redfish/v1/Systems"

# A refusal for the moment, by the name of its message (DSP2046 and the makers' registries): the same request
# is sent again. Only what says that nothing was done is in here.
_TRANSIENT = (
    "SYS518",  # Dell: data sources are unavailable after a job
    "InvalidOperationForSystemState",  # HPE: just after a power change
    "DuringSystemPOST",  # HPE: UnableToModifyDuringSystemPOST
)
_TRANSIENT_TRIES = 6
_TRANSIENT_PAUSE = 10.0  # seconds

# TaskState (DSP2046, Task); everything else, and what no standard knows ("New" of Dell), still runs.
_TASK_GOOD = ("Completed",)
_TASK_BAD = ("Exception", "Killed", "Cancelled", "Suspended", "Interrupted")
_TASK_POLL = 2.0  # seconds


class RedfishRefusal(BaremetalError):
    """The BMC understood a request and said no.

    :param status: HTTP status.
    :param messages: what the BMC said, as ``message_list`` returns it.
    """

    def __init__(self, what, *, status, messages, **context):
        super().__init__(what, **{"stage": STAGE, **context})
        self.status = status
        self.messages = messages

    def says(self, *names):
        """Whether one of the BMC's messages has one of these names in its MessageId or text."""
        texts = [f"{message['id']} {message['text']}" for message in self.messages]
        return any(name in text for text in texts for name in names)


def message_list(body):
    """The messages of an error body, whatever form a maker gave them.

    :param body: the parsed JSON, or None.
    :returns: list of dicts with ``id`` and ``text``, both strings.
    """
    error = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return [{"id": "", "text": str(error)}]
    found = error.get("@Message.ExtendedInfo") or []
    # Dell sends a single object where a list belongs.
    found = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    messages = [{"id": str(item.get("MessageId") or ""), "text": str(item.get("Message") or "")} for item in found if isinstance(item, dict)]
    if not messages and (error.get("code") or error.get("message")):
        messages = [{"id": str(error.get("code") or ""), "text": str(error.get("message") or "")}]
    return messages


def path_of(link):
    """The path behind ``{"@odata.id": path}``, or None for everything else."""
    path = link.get("@odata.id") if isinstance(link, dict) else None
    return path if isinstance(path, str) and path.startswith("/") else None


class Answer:
    """What a BMC answered to a change.

    ``body`` is the parsed JSON or {}; ``task`` is the path of the task that does the work, or None.
    """

    def __init__(self, status, body, task):
        self.status = status
        self.body = body
        self.task = task


class RedfishService:
    """One TCP connection with a Redfish service.

    The user name and password go along with every request (HTTP basic authentication): no session is opened,
    so none can be left behind, and a wrong password costs one failed login.

    :param connection: the ``bmc`` dict with a clear password.
    :param log: called with lines for a person who looks closer.
    :param sleep: for tests.
    :raises BaremetalError: when the address or the TLS settings cannot be used. Nothing is sent yet.
    """

    def __init__(self, connection, log, sleep=time.sleep):
        if sushy_errors is None:
            raise missing_library("sushy", IMPORT_ERROR)
        required(connection, "redfish", "address", "username", "password")
        self.url = base_url(connection)
        self.log = log
        self._sleep = sleep
        self._system_id = connection.get("system_id")
        self._system_path = None
        verify = connection.get("verify")
        self._connector = connector(self.url, tls_context(connection.get("ca_file"), True if verify is None else verify))
        self._connector.set_http_basic_auth(str(connection["username"]), str(connection["password"]))
        self._etags = {}

    def close(self):
        """Close the TCP connection; there is no session to end."""
        self._connector.close()

    # Reading

    def get(self, path):
        """Read a resource.

        :returns: the JSON object.
        :raises BaremetalError: when it cannot be read; RedfishRefusal with status 404 when it does not exist.
        """
        response = self._request("get", path)
        body = self._json(response, path)
        if "@odata.id" not in body and "@odata.type" not in body:
            raise not_redfish(self.url, "JSON without an @odata.id")
        self._etags[path] = response.headers.get("ETag") or body.get("@odata.etag") or None
        return body

    def find(self, path):
        """Read a resource that need not exist.

        :param path: path, or None.
        :returns: the JSON object, or None.
        """
        if not path:
            return None
        try:
            return self.get(path)
        except RedfishRefusal as error:
            if error.status in (404, 405, 501):
                return None
            raise

    def linked(self, resource, *names):
        """Read what a resource links to.

        :param resource: JSON object of the resource.
        :param names: property names from the resource down to the link, for example ``"Links", "ManagedBy"``.
        :returns: the JSON object, or None where there is no such link; of a list of links, the first one.
        """
        for name in names:
            resource = resource.get(name) if isinstance(resource, dict) else None
        if isinstance(resource, list):
            resource = resource[0] if resource else None
        return self.find(path_of(resource))

    def members(self, collection):
        """The paths of a collection's members, over all of its pages.

        :param collection: path of the collection, its JSON object, or None.
        :returns: list of paths.
        """
        page = self.find(collection) if isinstance(collection, str) else collection
        paths = []
        for _unused in range(100):
            if not isinstance(page, dict):
                break
            paths += [path for path in map(path_of, page.get("Members") or []) if path]
            page = self.find(page.get("Members@odata.nextLink"))
        return list(dict.fromkeys(paths))

    def root(self):
        """The service root."""
        return self.get(ROOT)

    def system(self):
        """The system that is the node, read anew.

        :raises BaremetalError: when the BMC serves none or several and it is not said which.
        """
        if self._system_path is None:
            self._system_path = self._named_system() if self._system_id else self._only_system()
        try:
            return self.get(self._system_path)
        except RedfishRefusal as error:
            if error.status != 404 or not self._system_id:
                raise
            raise refused(
                f"the BMC at {self.url} has no system {self._system_id}", seen=f"{self._system_path}: HTTP status 404",
                cure="correct system_id of the BMC, or leave it out where the BMC serves one system only") from error

    def _named_system(self):
        name = str(self._system_id)
        return name if name.startswith("/") else f"{SYSTEMS}/{name}"

    def _only_system(self):
        try:
            found = self.members(self.get(SYSTEMS))
        except RedfishRefusal as error:
            if error.status != 404:
                raise
            raise not_redfish(self.url, error.seen) from error
        if len(found) == 1:
            return found[0]
        shown = ", ".join(path.rstrip("/").rpartition("/")[2] for path in found) or "none"
        raise refused(
            f"the BMC at {self.url} serves {len(found)} systems, and it is not said which one is the node",
            seen=f"systems: {shown}", cure="set system_id of the BMC to the system that is this node")

    def manager(self, system=None):
        """The manager (BMC) of the system, or None where the service shows none.

        :param system: JSON object of the system, when it was read already.
        """
        found = self.linked(system or self.system(), "Links", "ManagedBy")
        if found is not None:
            return found
        paths = self.members("/redfish/v1/Managers")
        return self.find(paths[0]) if paths else None

    def chassis(self, system=None):
        """The chassis of the system, or None where the service shows none."""
        found = self.linked(system or self.system(), "Links", "Chassis")
        if found is not None:
            return found
        paths = self.members("/redfish/v1/Chassis")
        return self.find(paths[0]) if paths else None

    # Changing

    def patch(self, path, body):
        """Change properties of a resource. Whether they were taken, only reading it again tells.

        Tried with the entity tag that was last read, a fresh one, that one made strong, ``*`` and none, in this
        order, as long as the BMC answers 412 or 428 (DSP0266, 7.3: boards disagree on what they compare).

        :returns: an Answer.
        :raises RedfishRefusal: when the BMC says no.
        """
        tried = []
        for tag in self._entity_tags(path):
            if tag in tried:
                continue
            tried.append(tag)
            try:
                return self._change("patch", path, body, {"If-Match": tag} if tag else None)
            except RedfishRefusal as error:
                last = error
                if error.status not in (412, 428):
                    raise
        raise last

    def _entity_tags(self, path):
        known = self._etags.get(path)
        yield known
        # The resource may have changed since, or was never read.
        self.get(path)
        fresh = self._etags.get(path)
        yield fresh
        if fresh and fresh.startswith("W/"):
            yield fresh[2:]
        yield "*"
        yield None

    def post(self, path, body=None):
        """Send a POST once. Only a refusal that says that nothing was done is sent again.

        :returns: an Answer.
        """
        # Several boards refuse a POST without a body.
        return self._change("post", path, body or {}, None)

    def delete(self, path):
        """Delete a resource.

        :returns: an Answer.
        """
        return self._change("delete", path, None, None)

    def target(self, resource, action):
        """The path to which an action of a resource is posted, or None when it is not offered.

        :param resource: JSON object.
        :param action: for example ``ComputerSystem.Reset``; OEM actions are found as well.
        """
        actions = resource.get("Actions") if isinstance(resource.get("Actions"), dict) else {}
        oem = actions.get("Oem") if isinstance(actions.get("Oem"), dict) else {}
        for offered in (actions, oem):
            entry = offered.get(f"#{action}")
            if isinstance(entry, dict) and isinstance(entry.get("target"), str):
                return entry["target"]
        return None

    def allowed(self, resource, action, parameter):
        """The values that an action takes for a parameter.

        Read from the annotation, else from the ActionInfo resource (DSP0266, 8.4).

        :returns: list of strings; None when the BMC does not tell.
        """
        actions = resource.get("Actions") if isinstance(resource.get("Actions"), dict) else {}
        entry = actions.get(f"#{action}")
        if not isinstance(entry, dict):
            return None
        values = entry.get(f"{parameter}@Redfish.AllowableValues")
        if values is None and entry.get("@Redfish.ActionInfo"):
            info = self.find(entry["@Redfish.ActionInfo"]) or {}
            for candidate in info.get("Parameters") or []:
                if isinstance(candidate, dict) and candidate.get("Name") == parameter:
                    values = candidate.get("AllowableValues")
        return [str(value) for value in values] if isinstance(values, list) else None

    def action(self, resource, name, body=None, *, stage):
        """Run an action of a resource.

        :param stage: stage for the error.
        :returns: an Answer.
        :raises BaremetalError: when the BMC does not offer the action; nothing was sent.
        """
        target = self.target(resource, name)
        if target is None:
            offered = sorted(key.lstrip("#") for key in (resource.get("Actions") or {}) if key.startswith("#"))
            raise BaremetalError(f"the BMC does not offer {name}", stage=stage, seen=f"offered: {', '.join(offered) or 'no action'}",
                                 cure="update the firmware of the BMC, or do it by hand in its web interface")
        return self.post(target, body)

    # Tasks

    def wait_task(self, answer, *, timeout, stage, what):
        """Wait for the task that an Answer named.

        A task that has vanished is not judged: whoever asked for the work reads the outcome back.

        :param timeout: seconds.
        :param what: the work, for messages, for example ``the firmware update``.
        :returns: ``completed``, ``vanished``, or ``none`` when there was no task.
        :raises BaremetalError: when the task failed or did not end in time.
        """
        if not answer.task:
            return "none"
        waited = 0.0
        seen = "nothing yet"
        while True:
            try:
                task = self.find(answer.task)
            except BmcLost as error:
                # A BMC that updates itself goes away in between.
                task, seen = {}, error.what
            if task is None:
                return "vanished"
            state = str(task.get("TaskState") or "")
            if state:
                seen = f"task state {state}" + (f", {task['PercentComplete']} %" if task.get("PercentComplete") is not None else "")
            if state in _TASK_GOOD:
                return "completed"
            if state in _TASK_BAD:
                messages = "; ".join(message["text"] or message["id"] for message in message_list({"@Message.ExtendedInfo": task.get("Messages")}))
                raise BaremetalError(f"{what} failed", stage=stage, seen=f"{seen}{': ' + messages if messages else ''}",
                                     cure="look at the event log of the BMC for the cause")
            if waited >= timeout:
                raise BaremetalError(f"{what} did not end within {timeout} s", stage=stage, seen=seen,
                                     cure="look at the task in the BMC's web interface; a larger timeout helps if it merely is slow")
            self._sleep(_TASK_POLL)
            waited += _TASK_POLL

    # Requests

    def _change(self, method, path, body, headers):
        for attempt in range(1, _TRANSIENT_TRIES + 1):
            try:
                response = self._request(method, path, body, headers)
                break
            except RedfishRefusal as error:
                if attempt == _TRANSIENT_TRIES or not error.says(*_TRANSIENT):
                    raise
                self.log(f"{method} {path}: {error.seen}; again in {_TRANSIENT_PAUSE:.0f} s")
                self._sleep(_TRANSIENT_PAUSE)
        self._etags.pop(path, None)
        answer = self._json(response, path, empty=True)
        task = None
        if response.status_code == 202:
            task = path_of(answer) if str(answer.get("@odata.type", "")).startswith("#Task.") else None
            task = task or urllib.parse.urlsplit(response.headers.get("Location") or "").path or None
        return Answer(response.status_code, answer, task)

    def _request(self, method, path, body=None, headers=None):
        self.log(f"{method.upper()} {path}")
        arguments = {} if body is None else {"data": body}
        if headers:
            arguments["headers"] = headers
        with explained(self.url, sushy_errors.HTTPError):
            try:
                return getattr(self._connector, method)(path, **arguments)
            except sushy_errors.AccessError as error:
                if error.status_code == 401:
                    raise self._not_let_in(error) from error
                raise self._refusal(method, path, error) from error
            except sushy_errors.HTTPError as error:
                raise self._refusal(method, path, error) from error

    def _not_let_in(self, error):
        return refused(
            f"the BMC at {self.url} does not accept the user name and password", seen=f"HTTP status {error.status_code}",
            cure="correct the credentials of the BMC; wait before the next try if the BMC locks accounts after wrong passwords")

    def _refusal(self, method, path, error):
        status = error.status_code
        messages = message_list({"error": getattr(error, "body", None) or {}})
        said = "; ".join(dict.fromkeys(message["text"] or message["id"] for message in messages))
        seen = f"{method.upper()} {path}: HTTP status {status}" + (f", {said}" if said else "")
        refusal = RedfishRefusal(
            f"the BMC at {self.url} refused the request", status=status, messages=messages, seen=seen,
            cure="look up in the BMC's own log why; a firmware update of the BMC may be due")
        if method == "get" and (status in (409, 429) or status >= 500) and status != 501 and not refusal.says(*_TRANSIENT):
            return BmcLost(f"the BMC at {self.url} cannot answer now", seen=seen, cure="try again in a minute; if it stays so, reset the BMC")
        return refusal

    def _json(self, response, path, empty=False):
        if empty and not response.content.strip():
            return {}
        with explained(self.url):
            try:
                body = response.json()
            except ValueError:
                if empty:
                    return {}
                raise
            if not isinstance(body, dict):
                if empty:
                    return {}
                raise TypeError(path)
        return body
