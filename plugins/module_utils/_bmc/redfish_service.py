# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Redfish service as documents: read, change, run an action, follow a task; nothing is believed unread.

What boards send is not always what a class for each resource would insist on, so a resource is plain JSON here.
redfish_transport.py carries the requests. Specification: DSP0266.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import base64
import contextlib
import time
import urllib.parse

from .._errors import BaremetalError
from .connection import BmcLost, PasswordChangeRequired, Patience, ResourceBroken, Unreadable, refused, required
from .quirks import Quirks
from .redfish_errors import (
    SESSION_TABLE_FULL,
    TRANSIENT,
    NotRedfish,
    RedfishRefusal,
    TaskFailed,
    explained,
    message_list,
    not_let_in,
    not_redfish,
    says,
    table_full,
    unreadable,
)
from .redfish_session import Session, basic_is_off, messages_of
from .redfish_transport import TOTAL_TIMEOUT, Connector, base_url

ROOT = "/redfish/v1/"
SYSTEMS = "/redfish/v1/Systems"

# Dell iDRAC10 refuses On so for up to 60 s after the machine went off (quirk R20).
_TRANSIENT_CONFLICT = "ActionParameterValueConflict"
_TRANSIENT_TRIES = 7
# Base registry; factory passwords (DSP0266, "Password change required handling").
_PASSWORD_CHANGE = ("PasswordChangeRequired",)
_TRANSIENT_PAUSE = 10.0  # seconds

# TaskState (DSP2046, Task) and Dell's JobState; everything else, and what no standard knows ("New" of Dell), still runs.
# So do Suspended and Interrupted: such a task is to be restarted, and is not complete.
_TASK_GOOD = ("Completed",)
_TASK_BAD = ("Exception", "Killed", "Cancelled", "Failed", "CompletedWithErrors")
_TASK_POLL = 2.0  # seconds
_FRESH_TASK_TRIES = 3


def path_of(link):
    """The path behind ``{"@odata.id": path}``, or None for everything else."""
    path = link.get("@odata.id") if isinstance(link, dict) else None
    return path if isinstance(path, str) and path.startswith("/") else None


def last_part(path):
    """The last part of a path or URL, which stands in for the Id where a board leaves that out."""
    return path.rstrip("/").rpartition("/")[2]


class Answer:
    """What a BMC answered to a change.

    ``body`` is the parsed JSON or {}; ``task`` is the path of the task that does the work, or None; ``location`` is
    the path in the Location header, which names what a POST has made, or None.
    """

    def __init__(self, status, body, task, location=None):
        self.status = status
        self.body = body
        self.task = task
        self.location = location


class RedfishService:
    """One TCP connection with a Redfish service.

    The user name and password go along with every request (HTTP basic authentication): no session is opened,
    so none can be left behind, and a wrong password costs one failed login. Only a board that says that it wants no
    basic authentication (see ``basic_is_off``) gets one session, which ``close`` ends.

    :param connection: the ``bmc`` dict with a clear password.
    :param log: called with lines for a person who looks closer.
    :param sleep: for tests.
    :param clock: for tests.
    :param connector: for tests, what sends the requests.
    :param facts: the run's facts about this BMC, which keep the path of the BMC's only system, or None.
    :raises BaremetalError: when the address or the TLS settings cannot be used. Nothing is sent yet.
    """

    def __init__(self, connection, log, sleep=time.sleep, clock=time.monotonic, connector=None, facts=None):
        required(connection, "redfish", "address", "username", "password")
        self.url = base_url(connection)
        self.log = log
        self._sleep = sleep
        self._clock = clock
        self.username = str(connection["username"])
        self._password = str(connection["password"])
        self._system_id = connection.get("system_id")
        self._system_path = None
        self._facts, self._fact_key = {} if facts is None else facts, ("system", self.url)
        self._connector = connector or Connector(self.url, connection)
        account = f"{self.username}:{self._password}".encode()
        self._basic = {"Authorization": f"Basic {base64.b64encode(account).decode()}"}
        self._session, self._session_works, self._keeps_session = None, False, False
        self._system = self._manager = None
        self._is_known = False
        self._quirks = Quirks("redfish", self._fact)
        self._etags = {}

    def close(self):
        """End the session, where there is one, and close the TCP connection. Never raises."""
        try:
            self._end_session()
        finally:
            self._connector.close()

    # Quirks

    def quirk(self, name, default=None):
        """What is known about this board's behaviour.

        :param name: a name of quirks.BEHAVIOURS.
        :param default: for boards without a rule.

        Costs no request where the System was read already and no rule asks for the manager.
        """
        return self._quirks.get(name, default)

    def quirk_report(self):
        """Which rules hold for this board; see Quirks.report."""
        return self._quirks.report()

    def _fact(self, key):
        system = self._system or self.system()
        if key in ("manager", "firmware"):
            if self._manager is None:
                self._manager = self.manager(system) or {}
            return self._manager.get("Model" if key == "manager" else "FirmwareVersion")
        return system.get({"vendor": "Manufacturer", "model": "Model", "system_type": "@odata.type"}[key])

    # Reading

    def get(self, path):
        """Read a resource.

        :returns: the JSON object.
        :raises BaremetalError: when it cannot be read; RedfishRefusal with status 404 when it does not exist.
        """
        response = self._request("get", path)
        with self._explained("get", path):
            body = self._json(response, path)
            if "@odata.id" not in body and "@odata.type" not in body:
                raise not_redfish(self.url, "JSON without an @odata.id")
        self._is_known = True
        if path_of(body) is None:
            # What does not say where it is, is where it was read.
            body["@odata.id"] = path
        # An empty one, quoted or not, is none (quirk R58).
        tags = [str(tag) for tag in (response.headers.get("ETag"), body.get("@odata.etag")) if tag and str(tag).strip('W/"')]
        self._etags[path] = list(dict.fromkeys(tags))
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
            found = page.get("Members")
            paths += [path for path in map(path_of, found if isinstance(found, list) else ()) if path]
            page = self.find(next_page(page))
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
            is_first, self._system = self._system is None, self._read_system()
            if is_first:
                self._connector.keep_alive = not self.quirk("connection_close", False)
            return self._system
        except RedfishRefusal as error:
            if error.status != 404 or not self._system_id:
                raise
            raise refused(
                f"the BMC at {self.url} has no system {self._system_id}", seen=f"{self._system_path}: HTTP status 404",
                cure="correct system_id of the BMC, or leave it out where the BMC serves one system only") from error

    def _named_system(self):
        name = str(self._system_id)
        return name if name.startswith("/") else f"{SYSTEMS}/{name}"

    def _read_system(self):
        try:
            return self.get(self._system_path)
        except RedfishRefusal as error:
            # What the run knew may be true no more, for example after an update of the BMC.
            if error.status != 404 or self._facts.get(self._fact_key) != self._system_path or self._system_id:
                raise
            self._facts.pop(self._fact_key, None)
            self._system_path = self._only_system()
            return self.get(self._system_path)

    def _only_system(self):
        known = self._facts.get(self._fact_key)
        if isinstance(known, str) and known.startswith("/"):
            return known
        found = self._facts[self._fact_key] = self._find_system()
        return found

    def _find_system(self):
        try:
            found = self.members(self.get(SYSTEMS))
        except RedfishRefusal as error:
            if error.status != 404:
                raise
            raise not_redfish(self.url, error.seen) from error
        if len(found) == 1:
            return found[0]
        shown = ", ".join(last_part(path) for path in found) or "none"
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

        Tried with the entity tag that was last read, a fresh one (that of the header, then that of the body), made
        strong, without quotes, ``*`` and none, in this order, as long as the BMC answers 412 or 428 (DSP0266,
        "Protecting against mid-air collisions": boards disagree on what they compare).

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
        yield next(iter(self._etags.get(path) or ()), None)
        # The resource may have changed since, or was never read.
        self.get(path)
        fresh = self._etags[path]
        yield from fresh
        for tag in fresh:
            yield tag.removeprefix("W/")
            yield tag.removeprefix("W/").strip('"')
        yield "*"
        yield None

    def post(self, path, body=None):
        """Send a POST once. Only a refusal that says that nothing was done is sent again.

        :returns: an Answer.
        """
        # Several boards refuse a POST without a body.
        return self._change("post", path, body or {}, None)

    def upload(self, path, content, *, timeout):
        """POST a file, once.

        :param content: ``(content type, length in bytes, file object)``, see upload.py.
        :param timeout: seconds for the file and the answer to it.
        :returns: an Answer.
        """
        return self._change("post", path, content, None, timeout)

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
        for offered in _actions(resource):
            entry = offered.get(f"#{action}")
            if isinstance(entry, dict) and isinstance(entry.get("target"), str) and entry["target"].startswith("/"):
                return entry["target"]
        return None

    def allowed(self, resource, action, parameter):
        """The values that an action takes for a parameter.

        Read from the annotation, else from the ActionInfo resource (DSP0266, 8.4).

        :returns: list of strings; None when the BMC does not tell.
        """
        entry = _actions(resource)[0].get(f"#{action}")
        if not isinstance(entry, dict):
            return None
        values = entry.get(f"{parameter}@Redfish.AllowableValues")
        if values is None and isinstance(entry.get("@Redfish.ActionInfo"), str):
            parameters = (self.find(entry["@Redfish.ActionInfo"]) or {}).get("Parameters")
            for candidate in parameters if isinstance(parameters, list) else ():
                if isinstance(candidate, dict) and candidate.get("Name") == parameter:
                    values = candidate.get("AllowableValues")
        return [str(value) for value in values] if isinstance(values, list) else None

    def action(self, resource, name, body=None, *, stage):
        """Run an action of a resource.

        :param stage: stage for the error.
        :returns: an Answer.
        :raises BaremetalError: when the BMC does not offer the action; nothing was sent.
        """
        return self.post(self.offered_target(resource, name, stage=stage), body)

    def offered_target(self, resource, name, *, stage):
        """As ``target``, for what cannot be done without.

        :param stage: stage for the error.
        :raises BaremetalError: when the BMC does not offer the action.
        """
        target = self.target(resource, name)
        if target is None:
            offered = sorted(key.lstrip("#") for key in _actions(resource)[0] if key.startswith("#"))
            raise BaremetalError(f"the BMC does not offer {name}", stage=stage, seen=f"offered: {', '.join(offered) or 'no action'}",
                                 cure="update the firmware of the BMC, or do it by hand in its web interface")
        return target

    # Tasks

    def wait_task(self, answer, *, timeout, stage, what, until=None):
        """Wait for the task that an Answer named.

        A task that has vanished is not judged: whoever asked for the work reads the outcome back.

        :param timeout: seconds.
        :param what: the work, for messages, for example ``the firmware update``.
        :param until: function of the task's JSON object that says whether waiting is over although the task runs, or None.
        :returns: ``completed``, ``vanished``, ``stopped`` by ``until``, or ``none`` when there was no task.
        :raises TaskFailed: when the task failed.
        :raises BaremetalError: when it did not end in time.
        """
        if not answer.task:
            return "none"
        begin = self._clock()
        seen, missed, patience = None, 0, Patience()
        while True:
            pause = _TASK_POLL
            try:
                task, patience, is_known = self._task(answer.task), Patience(), True
            except (BmcLost, Unreadable) as error:
                # A BMC that updates itself goes away in between.
                task, seen, is_known = {}, error.what, True
            except BaremetalError as error:
                # What else would be asked of it now would log in too.
                task, seen, pause, is_known = {}, error.what, patience.bear(error), False
            if task is None:
                # A job that was just made may not be shown yet (quirk R26).
                if seen or missed == _FRESH_TASK_TRIES:
                    return "vanished"
                task, pause = {}, _TRANSIENT_PAUSE
                missed += 1
            state = str(task.get("TaskState") or task.get("JobState") or "")
            if state:
                seen = f"task state {state}" + (f", {task['PercentComplete']} %" if task.get("PercentComplete") is not None else "")
            is_over = is_known and until is not None and until(task)
            # A job that has failed may be called completed, with the status telling it (Dell).
            if state in _TASK_GOOD and task.get("TaskStatus") != "Critical":
                return "completed"
            if state in _TASK_GOOD + _TASK_BAD:
                said = "; ".join(_said(task))
                raise TaskFailed(f"{what} failed", stage=stage, seen=f"{seen}{': ' + said if said else ''}",
                                 cure="look at the event log of the BMC for the cause")
            if is_over:
                return "stopped"
            if self._clock() - begin >= timeout:
                last = ": ".join([*filter(None, [seen]), *_said(task)[-1:]])
                raise BaremetalError(f"{what} did not end within {timeout:.0f} s", stage=stage, seen=last or "nothing yet",
                                     cure="look at the task in the BMC's web interface, and delete it there if it does not go on any more; "
                                          "a larger timeout helps if it merely is slow")
            self._sleep(min(pause, max(timeout - (self._clock() - begin), 0)))

    def _task(self, path):
        """A task, or the task monitor that a Location header named (DSP0266, "Asynchronous operations").

        A monitor answers 202 as long as the work runs, and then what the request itself would have been answered.

        :returns: dict with ``TaskState`` as far as it is known; None when there is no such thing (any more).
        """
        try:
            response = self._request("get", path)
        except RedfishRefusal as error:
            if error.status in (404, 410):
                return None
            raise
        with self._explained("get", path):
            body = self._json(response, path, empty=True)
        if response.status == 202:
            return {"TaskState": "Running", **body}
        is_task = "TaskState" in body or "JobState" in body or str(body.get("@odata.type", "")).startswith(("#Task.", "#Job."))
        return body if is_task else {"TaskState": "Completed"}

    @contextlib.contextmanager
    def session(self, *, stage):
        """Send the requests of the block with the token of a session, which is good although the password changes.

        The session is deleted at the end of the block, whatever happens in it. One that the BMC ends before is not replaced: that would
        take the password, which may be a wrong one by then.

        :param stage: stage for the error.
        :raises BaremetalError: when the BMC opens no session; nothing else was sent.
        """
        is_extra = self._session is None
        if is_extra:
            try:
                self._open_session()
            except BaremetalError as error:
                raise BaremetalError("the BMC opened no session", stage=stage, seen=error.seen, cure=error.cure) from error
        self._keeps_session = True
        try:
            yield
        finally:
            self._keeps_session = False
            if is_extra:
                self._end_session()

    def _open_session(self):
        # The root is readable without credentials (DSP0266, "Authentication"), and tells where sessions are.
        with explained(self.url):
            root = self._connector.request("GET", ROOT, None, {})
            body = self._json(root, ROOT, empty=True) if root.status == 200 else {}
            links = body.get("Links")
            path = path_of(links.get("Sessions") if isinstance(links, dict) else None)
            self._session = Session(self._connector, self.url, path, self.username, self._password)
            self._session_works = False

    def _end_session(self):
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with explained(self.url):
                problem = session.end(self._sleep)
        except BaremetalError as error:
            problem = error.seen or error.what
        if problem:
            self.log(f"the session at {self.url} was not ended: {problem}")

    def _headers(self, more):
        return {**(self._basic if self._session is None else self._session.headers), **(more or {})}

    # Requests

    def _change(self, method, path, body, headers, timeout=None):
        response = self._request(method, path, body, headers, timeout)
        self._etags.pop(path, None)
        answer = self._json(response, path, empty=True)
        location = _location(response)
        task = None
        if response.status == 202:
            task = path_of(answer) if str(answer.get("@odata.type", "")).startswith("#Task.") else None
            task = task or location
        return Answer(response.status, answer, task, location)

    def _request(self, method, path, body=None, headers=None, timeout=None):
        """Send a request; one that is refused for the moment is sent again."""
        for attempt in range(1, _TRANSIENT_TRIES + 1):
            response = self._send(method, path, body, headers, timeout)
            if response.status < 400:
                return response
            refusal = self._refusal(method, path, response)
            # What was sent of a file is gone.
            is_last = attempt == _TRANSIENT_TRIES or isinstance(body, tuple)
            if is_last or not isinstance(refusal, RedfishRefusal) or not _is_for_the_moment(refusal, method, body):
                raise refusal
            # Not asked for before the System was read, which may be what is refused.
            pause = self.quirk("transient_pause", _TRANSIENT_PAUSE) if self._system else _TRANSIENT_PAUSE
            self.log(f"{refusal.seen}; again in {pause:.0f} s")
            self._sleep(pause)
        return None

    def _send(self, method, path, body, headers, timeout):
        self.log(f"{method.upper()} {path}")
        arguments, timeout = (method.upper(), path, body), timeout or TOTAL_TIMEOUT
        with self._explained(method, path):
            response = self._connector.request(*arguments, self._headers(headers), timeout)
            # An upload is not sent twice: its file was read.
            if response.status == 401 and not isinstance(body, tuple) and self._new_session(response):
                response = self._connector.request(*arguments, self._headers(headers), timeout)
            if self._session is not None and response.status != 401:
                self._session_works = True
            return response

    @contextlib.contextmanager
    def _explained(self, method, path):
        """As ``explained``; a service that was seen to be Redfish is not called something else for one answer."""
        try:
            with explained(self.url):
                yield
        except NotRedfish as error:
            if not self._is_known:
                raise
            raise unreadable(self.url, method, path, error) from error

    def _new_session(self, response):
        """Open a session where a 401 asks for one, or where the BMC has ended one that worked.

        :returns: whether there is a new session.
        """
        if self._keeps_session or self._session is None and not basic_is_off(response):
            return False
        if self._session is not None:
            if not self._session_works:
                return False
            self._session.forget()
            self._session = None
        self.log(f"the BMC at {self.url} wants a session and no basic authentication")
        self._open_session()
        return True

    def _refusal(self, method, path, response):
        status = response.status
        messages = messages_of(response)
        said = "; ".join(dict.fromkeys(message["text"] or message["id"] for message in messages))
        seen = f"{method.upper()} {path}: HTTP status {status}" + (f", {said}" if said else "")
        if status == 401:
            return not_let_in(self.url, seen)
        if status == 403 and says(messages, *_PASSWORD_CHANGE):
            return PasswordChangeRequired(
                f"the BMC at {self.url} wants the password of the account changed first", seen=seen,
                cure="set a new password in the BMC's web interface or with the module bmc_account")
        advice = next((message["resolution"] for message in messages if message["resolution"]), None)
        refusal = RedfishRefusal(
            f"the BMC at {self.url} refused the request", status=status, messages=messages, seen=seen,
            cure=advice or "look up in the BMC's own log why; a firmware update of the BMC may be due")
        if refusal.says(*SESSION_TABLE_FULL):
            return table_full(self.url, seen)
        if method == "get" and (status in (409, 429) or status >= 500) and status != 501 and not refusal.says(*TRANSIENT):
            make = ResourceBroken if status == 500 else BmcLost
            return make(f"the BMC at {self.url} cannot answer now", seen=seen,
                        cure="try again in a minute; if it stays so, reset the BMC")
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


def next_page(page):
    """The path of a collection's next page, which some give as a link object or with their host name in it."""
    link = page.get("Members@odata.nextLink")
    link = link.get("@odata.id") if isinstance(link, dict) else link
    try:
        parts = urllib.parse.urlsplit(link) if isinstance(link, str) else None
    except ValueError:
        return None
    return urllib.parse.urlunsplit(("", "", parts.path, parts.query, "")) if parts and parts.path.startswith("/") else None


def _said(task):
    """What a BMC says of a task, as a list of texts."""
    said = message_list({"@Message.ExtendedInfo": task.get("Messages")}) or [{"id": "", "text": str(task.get("Message") or "")}]
    return list(filter(None, (message["text"] or message["id"] for message in said)))


def _actions(resource):
    """The actions of a resource by name with their ``#``: (standard, of the maker)."""
    actions = resource.get("Actions") if isinstance(resource.get("Actions"), dict) else {}
    return actions, actions.get("Oem") if isinstance(actions.get("Oem"), dict) else {}


def _is_for_the_moment(refusal, method, body):
    is_reset = isinstance(body, dict) and bool(body.get("ResetType"))
    if refusal.status == 409 and is_reset:
        return refusal.says(_TRANSIENT_CONFLICT)
    # Who reads has patience of his own, and so has who resets: power.py knows how long a machine may take.
    return refusal.says(*TRANSIENT) or refusal.is_busy and method != "get" and not is_reset


def _location(response):
    """The path in the Location header of an answer, or None."""
    try:
        return urllib.parse.urlsplit(response.headers.get("Location") or "").path or None
    except ValueError:
        return None
