# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated Redfish BMC: its resources, its logins and what it answers.

A thousand boards share the templates of their personality; a board keeps for itself only what was changed on it.
What the resources do is in redfish_actions.py and its siblings.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import copy
import gzip
import hmac
import json
import re
import secrets
import time
import zlib

from . import faults
from .certificates import validity
from .http_server import Reply
from .personalities import kind

ROOT = "/redfish/v1"
_PLACE = re.compile(rb"%([A-Z_]+[0-9]?)%")
_OPEN_PATHS = (ROOT, f"{ROOT}/", "/redfish", "/redfish/", f"{ROOT}/$metadata", f"{ROOT}/odata")

# Filled by the decorators below: what to call for a method and a schema name, or for an action.
PATCHES, POSTS, DELETES, ACTIONS, UPLOADS = {}, {}, {}, {}, {}
# Functions of a board that say what else a boot takes into account: dicts or None.
BOOTS = []
_UPLOAD_URIS = ("MultipartHttpPushUri", "HttpPushUri")


def on_patch(*kinds):
    """Register ``function(board, path, body)`` for a PATCH of resources of these schemas."""
    return _registrar(PATCHES, kinds)


def on_post(*kinds):
    """Register ``function(board, path, body)`` for a POST to resources of these schemas."""
    return _registrar(POSTS, kinds)


def on_delete(*kinds):
    """Register ``function(board, path, body)`` for a DELETE of resources of these schemas."""
    return _registrar(DELETES, kinds)


def on_action(*names):
    """Register ``function(board, path of the resource, body)`` for actions such as ``ComputerSystem.Reset``."""
    return _registrar(ACTIONS, names)


def on_upload(*names):
    """Register ``function(board, request)`` for a POST to the URI that the update service gives under one of these names."""
    return _registrar(UPLOADS, names)


def _registrar(table, names):
    def register(function):
        table.update(dict.fromkeys(names, function))
        return function

    return register


class Refuse(Exception):
    """A request is refused.

    :param status: HTTP status.
    :param message: name in a message registry, ``Base.1.0`` unless it holds a dot.
    """

    def __init__(self, status, message, text="", *, related=(), headers=None):
        super().__init__(message)
        self.status = status
        self.message = message if "." in message else f"Base.1.0.{message}"
        self.text = text or message
        self.related = list(related)
        self.headers = headers


class Board:
    """A BMC.

    :param machine: Machine under it.
    :param personality: Personality.
    :param username, password: the first account.
    :ivar logins: dict of user name to (password, role, path of the account).
    :ivar passwords: dict of path of an account to its password.
    :ivar dynamic: dict of path to a function that is called before the resource is read; it returns a Reply or None.
    :ivar pending: functions that wait for the next reset of the machine.
    :ivar waiting, scheduled: what a domain such as ``bios`` has pending, and whether it will be applied.
    :ivar log: the last requests, as dicts with method, path, status, body and if_match.
    """

    def __init__(self, machine, personality, username, password, address, switched=()):
        self.machine = machine
        self.username = username
        self.password = password
        self.address = address
        self.port = 0
        self.latency = 0.0
        self.authority = None
        self.listener = None
        self.connections = set()
        self.handshakes = set()
        self._context = None
        self._kind = None
        self._pem = None
        machine.on_boot.append(self._boots)
        self.become(personality)
        self.faults.change(switched)

    def become(self, personality):
        """Take on a personality, in the state of the first day."""
        self.personality = personality
        self.behaviour = personality.behaviour
        self.faults = faults.Faults(faults.REDFISH, personality.faults)
        self.reset_state()

    def reset_state(self):
        """As on the first day, but for the faults."""
        self.machine.forget()
        self.machine.power = "Off"
        self.machine.boots.clear()
        self.machine.last_reset = self.machine.FIRST_RESET
        self._own = {}
        self._gone = set()
        self._cache = {}
        self.sessions = {}
        self.logins = {}
        accounts = self.personality.by_type.get("ManagerAccount", ())
        self.passwords = {path: self.password for path in accounts if self.personality.templates[path][0].get("UserName") == "%USERNAME%"}
        self.dynamic = dict.fromkeys(self.personality.by_type.get("SecureBoot", ()), self._secure_boot_licence)
        self.waiting = {}
        self.scheduled = {}
        self._good_login = None
        self._wrong = {}
        self._locked = {}
        self.pending = []
        self.away_until = 0.0
        self.busy_until = 0.0
        self.last_power_change = self.last_off = float("-inf")
        self._numbers = collections.Counter()
        self.reset_counters()
        self.accounts_changed()

    def reset_counters(self):
        self.counters = collections.Counter()
        self.log = collections.deque(maxlen=200)

    # Resources

    def path(self, generic):
        """The path on this board of a path of the generic tree."""
        return self.personality.path(generic)

    def exists(self, path):
        return path in self._own or (path in self.personality.templates and path not in self._gone)

    def read(self, path):
        """A resource as a client sees it, or None."""
        content = self._bytes(path)
        return None if content is None else json.loads(content.replace(b'"%NULL%"', b"null"))

    def peek(self, path):
        """A resource as it is kept, with its placeholders; not to be changed."""
        return self._own.get(path) or self.personality.templates[path][0]

    def own(self, path):
        """A resource to be changed."""
        if path not in self._own:
            self._own[path] = copy.deepcopy(self.personality.templates[path][0])
        self._cache.pop(path, None)
        return self._own[path]

    def put(self, path, resource):
        """Set a resource, and list it in its collection."""
        self._gone.discard(path)
        self._own[path] = resource
        self._cache.pop(path, None)
        parent = path.rsplit("/", 1)[0]
        if self.exists(parent) and "Members" in self.peek(parent):
            members = self.own(parent)["Members"]
            if {"@odata.id": path} not in members:
                members.append({"@odata.id": path})
            self.own(parent)["Members@odata.count"] = len(members)

    def remove(self, path):
        """Remove a resource, also from its collection."""
        self._own.pop(path, None)
        self._cache.pop(path, None)
        self._gone.add(path)
        parent = path.rsplit("/", 1)[0]
        if self.exists(parent) and "Members" in self.peek(parent):
            collection = self.own(parent)
            collection["Members"] = [member for member in collection["Members"] if member["@odata.id"] != path]
            collection["Members@odata.count"] = len(collection["Members"])

    def paths(self):
        """The paths of all resources."""
        return sorted({path for path in self.personality.templates if path not in self._gone} | set(self._own))

    def of_kind(self, name):
        """The paths of the resources of a schema."""
        found = [path for path in self.personality.by_type.get(name, ()) if path not in self._gone]
        return found + [path for path, resource in self._own.items() if path not in found and kind(resource) == name]

    def number(self, what):
        """A new number, from 1."""
        self._numbers[what] += 1
        return self._numbers[what]

    def _bytes(self, path):
        content = self._cache.get(path)
        if content is None:
            if path in self._own:
                content = json.dumps(self._own[path]).encode()
            elif path in self.personality.templates and path not in self._gone:
                content = self.personality.templates[path][1]
            else:
                return None
            # Only what was changed is kept; the templates are there anyway.
            if path in self._own:
                self._cache[path] = content
        return _PLACE.sub(self._fill, content) if b"%" in content else content

    def _fill(self, match):
        name = match[1]
        if name == b"POWER":
            return self._power().encode()
        values = {
            b"SERIAL": lambda: self.machine.serial if "other_machine" not in self.faults.on else "OTHER99",
            b"UUID": lambda: self.machine.uuid if "other_machine" not in self.faults.on else "99999999-9999-4999-8999-999999999999",
            b"INDEX": lambda: str(self.machine.index), b"ADDRESS": lambda: self.address, b"PORT": lambda: str(self.port),
            b"USERNAME": lambda: self.username, b"NOW": self._now, b"RESET_TIME": lambda: self.machine.last_reset,
            b"PROGRESS": lambda: "OSRunning" if self.machine.power == "On" else "None", b"CERTIFICATE": lambda: self._certificate() if self.authority else "",
            b"VALID_FROM": lambda: validity(self._certificate())[0] if self.authority else "",
            b"VALID_TO": lambda: validity(self._certificate())[1] if self.authority else "",
            b"MAC0": lambda: self.machine.mac(0), b"MAC1": lambda: self.machine.mac(1), b"MAC2": lambda: self.machine.mac(2),
        }
        found = values.get(name)
        return json.dumps(found())[1:-1].encode() if found else match[0]

    def _power(self):
        fault = self.faults.on.get("power_state")
        if fault is not None:
            shown = fault.get("value")
            return "%NULL%" if shown is None else str(shown)
        power = self.machine.power
        shown = self.behaviour["transition_states"]
        if isinstance(shown, str) and power in ("PoweringOn", "PoweringOff"):
            return shown
        if not shown:
            # What it was, until it is what it will be.
            power = {"PoweringOn": "Off", "PoweringOff": "On"}.get(power, power)
        return power

    def _now(self):
        fault = self.faults.on.get("clock")
        self.machine.clock_offset = 0.0 if fault is None else float(fault.get("seconds", 86400))
        return self.machine.now()

    def _secure_boot_licence(self):
        if self.behaviour["secure_boot_licence"]:
            raise Refuse(403, "OemLicenseNotPassed", self.behaviour["secure_boot_licence"])

    # Connections

    def _certificate_kind(self):
        for name in ("expired_certificate", "self_signed", "other_name"):
            if name in self.faults.on:
                return name.removesuffix("_certificate")
        return "valid"

    def _certificate(self):
        """The certificate that is shown to clients, as PEM text."""
        wanted = self._certificate_kind()
        if self._pem is None or wanted != self._kind:
            self._pem, self._kind, self._context = self.authority.certificate(self.address, wanted), wanted, None
        return self._pem

    def tls(self):
        """The TLS context for a new connection, None for plain HTTP."""
        if self.authority is None:
            return None
        certificate = self._certificate()
        if self._context is None:
            self._context = self.authority.context(self.address, certificate)
        return self._context

    def accepts(self):
        return time.monotonic() >= self.away_until

    def connected(self):
        self.counters["connections"] += 1
        self.counters["connections_peak"] = max(self.counters["connections_peak"], len(self.connections))

    def handshake_failed(self):
        self.counters["handshakes_failed"] += 1

    def go_away(self, seconds, warm_up=0.0):
        """The BMC restarts: no connection, no session, and then some time of 503."""
        self.away_until = time.monotonic() + seconds
        self.busy_until = self.away_until + warm_up
        self.sessions.clear()
        for connection in list(self.connections):
            connection.reset()

    def later(self, seconds, function, *arguments):
        """Call a function later on, unless the board begins anew (``reset_state``) before."""
        own = self._own
        return asyncio.get_running_loop().call_later(max(seconds, 0), lambda: self._own is own and function(*arguments))

    def background(self, work):
        """Run a coroutine beside the requests."""
        task = asyncio.get_running_loop().create_task(work)
        self.handshakes.add(task)
        task.add_done_callback(self.handshakes.discard)

    # Requests

    def handle(self, request):
        """Answer a request.

        :returns: Reply.
        """
        self.counters[request.method] += 1
        self.counters["requests"] += 1
        reply = self._damaged_first(request) if self.faults.on else None
        if reply is None:
            try:
                reply = self._dispatch(request)
            except Refuse as refusal:
                reply = self._refused(refusal)
            if self.faults.on:
                reply = self._damaged(request, reply)
        if reply.status >= 400:
            self.counters["refused"] += 1
        body = None if request.method == "GET" else request.json() if len(request.body) < 65536 else f"{len(request.body)} bytes"
        self.log.append({"method": request.method, "path": request.path, "status": reply.status, "body": body,
                         "if_match": request.headers.get("if-match"), "session": "x-auth-token" in request.headers, "at": time.time()})
        return reply

    def _dispatch(self, request):
        path, method = request.path, request.method
        if time.monotonic() < self.busy_until:
            raise Refuse(503, "ServiceTemporarilyUnavailable", "The service is initialising.", headers={"Retry-After": "1"})
        if len(path) > len(ROOT) + 1 and path.endswith("/"):
            path = path.rstrip("/")
        if path == "/redfish" or path == "/redfish/":
            return Reply(200, {"v1": f"{ROOT}/"})
        if path == ROOT:
            path = f"{ROOT}/"
        if not path.startswith(f"{ROOT}/"):
            return Reply(404, b"<html><body>Not Found</body></html>", {"Content-Type": "text/html"})
        sessions = self.path(f"{ROOT}/SessionService/Sessions")
        role = "Administrator"
        if path not in _OPEN_PATHS and not (method == "POST" and path in (sessions, f"{sessions}/Members")):
            role = self._let_in(request)
        if method in ("GET", "HEAD"):
            return self._get(request, path)
        if role == "ReadOnly" and not (method == "DELETE" and path.startswith(sessions)):
            raise Refuse(403, "InsufficientPrivilege", "The account may not do this.")
        return self._change(request, path, method)

    def _change(self, request, path, method):
        if "no_chunks" in self.faults.on and "transfer-encoding" in request.headers:
            raise Refuse(411, "GeneralError", "Content-Length is required.")
        if method == "POST" and (upload := self._upload(path)):
            return upload(self, request) or Reply(204)
        if method == "POST" and "/Actions/" in path:
            return self._act(request, path)
        if not self.exists(path):
            raise Refuse(404, "ResourceMissingAtURI", f"The resource {path} does not exist.")
        if method in ("PATCH", "DELETE", "PUT"):
            self._match(request, path)
        table = {"PATCH": PATCHES, "POST": POSTS, "DELETE": DELETES}.get(method, {})
        work = table.get(kind(self.peek(path)))
        if work is None:
            raise Refuse(405, "OperationNotAllowed", f"{method} is not allowed here.")
        body = self._body(request)
        self._refuse_by_state(path, body)
        reply = work(self, path, body)
        if reply is not None:
            return reply
        if method == "PATCH" and self.behaviour["patch_status"] == 200 and self.exists(path):
            return self._get(request, path)
        return Reply(204)

    def _upload(self, path):
        path_of_service = self.path(f"{ROOT}/UpdateService")
        service = self.peek(path_of_service) if self.exists(path_of_service) else {}
        return next((UPLOADS[name] for name in _UPLOAD_URIS if service.get(name) == path), None)

    def _act(self, request, path):
        owner, _slash, name = path.partition("/Actions/")
        name = name.removeprefix("Oem/").rstrip("/")
        work = ACTIONS.get(name)
        if work is None or not self.exists(owner) or f'{path}"'.encode() not in self._bytes(owner) + b'"':
            raise Refuse(404, "ResourceMissingAtURI", f"The action {path} does not exist.")
        self._match(request, owner, is_action=True)
        if not request.body.strip() and self.behaviour["body_needed"]:
            raise Refuse(415, "GeneralError", "A body is required.")
        body = self._body(request)
        if name != "ComputerSystem.Reset":
            self._refuse_by_state(path, body)
        return work(self, owner, body) or Reply(204)

    def _body(self, request):
        body = request.json()
        if not isinstance(body, dict):
            raise Refuse(400, "MalformedJSON", "The body is no JSON object.")
        return body

    def _refuse_by_state(self, path, body):
        since = time.monotonic() - self.last_power_change
        fault = self.faults.on.get("state_refused")
        seconds = self.behaviour["state_refused"] if fault is None else fault.get("seconds", 5)
        if since < seconds:
            raise Refuse(400, "iLO.2.14.InvalidOperationForSystemState", "The operation is not possible in the current state of the system.")
        in_post = since < self.behaviour["post"] and self.machine.power == "On"
        if "Boot" in body and (in_post or self.faults.hit("post_refused")):
            raise Refuse(400, "iLO.2.14.UnableToModifyDuringSystemPOST", "The property cannot be changed during POST.")

    def _get(self, request, path):
        reply = self.dynamic[path]() if path in self.dynamic else None
        if reply is not None:
            return reply
        content = self._bytes(path)
        if content is None:
            raise Refuse(404, "ResourceMissingAtURI", f"The resource {path} does not exist.")
        content = content.replace(b'"%NULL%"', b"null")
        if self.behaviour["page_size"] and b'"Members"' in content:
            content = self._page(request, path, content)
        if "$expand" in request.query and self.behaviour["expand"]:
            content = self._expanded(content)
        headers = {}
        if self.behaviour["etag_on_collections"] or b'"Members"' not in content:
            content = self._tagged(path, content, headers)
        return Reply(200, content, headers)

    def _page(self, request, path, content):
        collection = json.loads(content)
        skip, size = int((request.query.get("$skip") or ["0"])[0]), self.behaviour["page_size"]
        members = collection["Members"]
        if len(members) > skip + size:
            collection["Members@odata.nextLink"] = f"{path}?$skip={skip + size}"
        collection["Members"] = members[skip:skip + size]
        return json.dumps(collection).encode()

    def _expanded(self, content):
        collection = json.loads(content)
        if "Members" in collection:
            collection["Members"] = [self.read(member["@odata.id"]) or member for member in collection["Members"]]
        return json.dumps(collection).encode()

    # Entity tags

    def _tag(self, path):
        """The opaque part of a resource's entity tag."""
        if path in self._own:
            content = self._cache.get(path) or json.dumps(self._own[path]).encode()
        else:
            content = self.personality.templates[path][1]
        return f"{zlib.crc32(content + self._power().encode()):08x}"

    def _tagged(self, path, content, headers):
        on = self.faults.on
        if "etag_absent" in on:
            return content
        if "etag_empty" in on:
            headers["ETag"] = ""
            return content
        tag = self._tag(path)
        style = "unquoted" if "etag_unquoted" in on else "weak" if "etag_strong_only" in on else self.behaviour["etag_style"]
        shown = {"weak": f'W/"{tag}"', "strong": f'"{tag}"', "unquoted": tag}[style]
        if "etag_none" not in on:
            headers["ETag"] = shown
        return b'{"@odata.etag": ' + json.dumps(shown).encode() + b", " + content[1:]

    def _match(self, request, path, is_action=False):
        on = self.faults.on
        sent = request.headers.get("if-match")
        method = "POST" if is_action else request.method
        failed = Refuse(412, "PreconditionFailed", "The ETag supplied did not match the ETag of the resource.")
        if sent is None:
            if method == "PATCH" and "etag_required" in on:
                raise Refuse(428, "PreconditionRequired", "If-Match is required.")
            if method == "PATCH" and "etag_required_412" in on:
                raise failed
            return
        refused = ("etag_refused" in on or (is_action and "etag_refused_on_actions" in on) or (method == "PATCH" and "etag_refused_on_patch" in on)
                   or (sent.strip('"') == "") or self.faults.hit("etag_first_412"))
        if refused:
            raise failed
        if "etag_star_only" in on and sent != "*":
            raise failed
        if sent == "*":
            return
        tag = self._tag(path)
        good = {f'W/"{tag}"', f'"{tag}"'}
        if "etag_strong_only" in on:
            good = {f'"{tag}"'}
        elif "etag_weak_only" in on:
            good = {f'W/"{tag}"'}
        elif "etag_unquoted" in on:
            good = {tag}
        if sent not in good:
            raise failed

    # Logins

    def _let_in(self, request):
        """The role of who sends the request.

        :raises Refuse: 401 when nobody knows them.
        """
        token = request.headers.get("x-auth-token")
        if token is not None:
            session = self.sessions.get(token)
            if session is not None and time.monotonic() - session["used"] > self._session_timeout():
                self.close_session(token)
                session = None
            if session is not None and self.faults.hit("session_lost", request.method, request.path):
                self.close_session(token)
                session = None
            if session is None:
                raise Refuse(401, "NoValidSession", "There is no valid session.")
            session["used"] = time.monotonic()
            return session["role"]
        header = request.headers.get("authorization", "")
        if header == self._good_login and header and not self.faults.on:
            return self._good_role
        kind_of, _space, coded = header.partition(" ")
        if kind_of.lower() != "basic" or "basic_auth_off" in self.faults.on:
            raise Refuse(401, "NoValidSession", "There is no valid session.", headers=(
                {} if "basic_auth_off" in self.faults.on else {"WWW-Authenticate": 'Basic realm="redfish"'}))
        try:
            username, _colon, password = base64.b64decode(coded).decode().partition(":")
        except ValueError:
            raise Refuse(401, "NoValidSession", "The login cannot be read.") from None
        role = self.login(username, password)
        self._good_login, self._good_role = header, role
        return role

    def login(self, username, password):
        """The role of a user.

        :raises Refuse: 401 for a wrong name or password, or a locked account.
        """
        wrong = Refuse(401, "ResourceAtUriUnauthorized", "The user name or password is wrong.")
        lockout = self.faults.on.get("lockout")
        if lockout is not None and time.monotonic() < self._locked.get(username, 0):
            self.counters["logins_failed"] += 1
            raise Refuse(401, "ResourceAtUriUnauthorized", "The account is locked.")
        known, role, path = self.logins.get(username, ("", None, None))
        if role is None or not hmac.compare_digest(known.encode(), password.encode()):
            self.counters["logins_failed"] += 1
            self._wrong[username] = self._wrong.get(username, 0) + 1
            if lockout is not None and self._wrong[username] >= lockout.get("after", 3):
                self._locked[username] = time.monotonic() + lockout.get("seconds", 600)
                self.counters["lockouts"] += 1
                if path:
                    self.own(path)["Locked"] = True
            raise wrong
        self._wrong.pop(username, None)
        if self._locked.pop(username, None) and path:
            self.own(path)["Locked"] = False
        return role

    def unlock(self, username):
        """Forget the wrong logins of a user."""
        self._wrong.pop(username, None)
        self._locked.pop(username, None)

    def accounts_changed(self):
        """Look at the accounts anew."""
        self._good_login = None
        self.logins = {}
        for path in self.of_kind("ManagerAccount"):
            account = self.read(path)
            if account.get("UserName") and account.get("Enabled"):
                self.logins[account["UserName"]] = (self.passwords.get(path, ""), account.get("RoleId"), path)

    def _session_timeout(self):
        return float(self.peek(self.path(f"{ROOT}/SessionService"))["SessionTimeout"])

    def open_session(self, username, role):
        """Open a session.

        :returns: its token and its path.
        :raises Refuse: 503 when the table is full.
        """
        timeout = self._session_timeout()
        for token in [token for token, session in self.sessions.items() if time.monotonic() - session["used"] > timeout]:
            self.close_session(token)
        if len(self.sessions) >= self.behaviour["max_sessions"] or self.faults.hit("session_table_full"):
            self.counters["sessions_refused"] += 1
            raise Refuse(503, "SessionLimitExceeded", "The session table is full.", headers={"Retry-After": "60"})
        collection = self.path(f"{ROOT}/SessionService/Sessions")
        path = f"{collection}/{self.number('session')}"
        token = secrets.token_hex(16)
        self.sessions[token] = {"path": path, "used": time.monotonic(), "role": role, "username": username}
        self.put(path, {"@odata.id": path, "@odata.type": "#Session.v1_7_0.Session", "Id": path.rsplit("/", 1)[1], "Name": "Session",
                        "UserName": username, "SessionType": "Redfish", "CreatedTime": self._now()})
        self.counters["sessions_opened"] += 1
        self.counters["sessions_peak"] = max(self.counters["sessions_peak"], len(self.sessions))
        return token, path

    def close_session(self, token):
        session = self.sessions.pop(token, None)
        if session:
            self.counters["sessions_closed"] += 1
            self.remove(session["path"])

    # Faults

    def _refused(self, refusal):
        body = {"error": {"code": refusal.message, "message": refusal.text}}
        info = {"@odata.type": "#Message.v1_1_2.Message", "MessageId": refusal.message, "Message": refusal.text, "Severity": "Critical",
                "Resolution": "None", "RelatedProperties": refusal.related}
        if "info_object" in self.faults.on:
            body["error"]["@Message.ExtendedInfo"] = info
        elif "info_missing" in self.faults.on:
            return Reply(refusal.status, refusal.text.encode(), {"Content-Type": "text/plain", **(refusal.headers or {})})
        else:
            body["error"]["@Message.ExtendedInfo"] = [info]
        return Reply(refusal.status, body, refusal.headers)

    def _damaged_first(self, request):
        """The Reply of a fault that comes instead of any work, or None."""
        def hit(name):
            return self.faults.hit(name, request.method, request.path)

        found = self.faults.on.get("initialising")
        if found is not None and "seconds" in found:
            found.setdefault("until", time.monotonic() + found["seconds"])
            found = found if time.monotonic() < found["until"] else None
        elif found is not None:
            found = hit("initialising")
        if found is not None:
            return self._refused(Refuse(503, "ServiceTemporarilyUnavailable", "The service is initialising.", headers={"Retry-After": "1"}))
        if hit("sys518") is not None:
            return self._refused(Refuse(503, "IDRAC.2.8.SYS518", "Unable to run the method because the requested data sources are unavailable."))
        found = hit("server_error")
        if found is not None:
            return self._refused(Refuse(found.get("status", 500), "InternalError", "An internal error has occurred."))
        if hit("html") is not None:
            return Reply(200, b"<!DOCTYPE html><html><head><title>Login</title></head><body>Welcome</body></html>", {"Content-Type": "text/html"})
        if hit("bad_json") is not None:
            return Reply(200, b'{"@odata.id": "/redfish/v1/", "Name": ')
        found = hit("redirect")
        if found is not None:
            other = request.path.rstrip("/") if request.path.endswith("/") else f"{request.path}/"
            return Reply(308, None, {"Location": found.get("to", other)})
        if hit("hang") is not None:
            return Reply(200, None, damage={"kind": "hang"})
        if hit("reset") is not None or (request.number > 1 and hit("reset_reused")):
            return Reply(200, None, damage={"kind": "reset"})
        for name in ("huge", "huge_length"):
            found = hit(name)
            if found is not None:
                size = int(found.get("megabytes", 200) * 1024 * 1024)
                return Reply(200, None, damage={"kind": "endless" if name == "huge" else "hang_body", "size": size, "length": size})
        if "gzip" in self.faults.on and request.headers.get("accept-encoding", "identity") == "identity":
            return self._refused(Refuse(406, "HeaderInvalid", "Accept-Encoding: identity is not accepted."))
        return None

    def _damaged(self, request, reply):
        """The Reply after the faults that change an answer."""
        def hit(name):
            return self.faults.hit(name, request.method, request.path)

        reply = self._reshaped(request, reply)
        if hit("reset_after") is not None:
            reply.damage = {"kind": "reset"}
        elif hit("truncated") is not None and reply.body:
            reply.damage = {"kind": "truncate"}
        else:
            for name in ("drip_headers", "drip_body"):
                found = hit(name)
                if found is not None:
                    reply.damage = {"kind": name, "pause": found.get("pause", 0.5)}
        if "close_after" in self.faults.on and not reply.damage:
            reply.damage = {"kind": "close"}
        found = hit("delay")
        if found is not None:
            reply.damage = {"kind": "delay", "seconds": found.get("seconds", 5)}
        if "gzip" in self.faults.on and reply.body:
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            reply.body = gzip.compress(content)
            reply.headers = {**reply.headers, "Content-Encoding": "gzip"}
        return reply

    def _reshaped(self, request, reply):
        shapes = [name for name in ("numbers_as_strings", "nulls", "missing", "lists") if self.faults.on.get(name) is not None]
        if not shapes or request.method != "GET" or reply.status != 200 or not isinstance(reply.body, bytes):
            return reply
        body = json.loads(reply.body)
        for name in shapes:
            settings = self.faults.hit(name, request.method, request.path)
            if settings is not None:
                body = _reshape(body, name, settings.get("names", ()))
        reply.body = json.dumps(body).encode()
        return reply

    # Booting

    def _boots(self):
        """What the machine makes of the boot override, and what waits for a reset."""
        waiting, self.pending = self.pending, []
        for work in waiting:
            work()
        path = self.path(f"{ROOT}/Systems/1")
        boot = self.peek(path).get("Boot", {})
        enabled, target = boot.get("BootSourceOverrideEnabled"), boot.get("BootSourceOverrideTarget")
        found = {"target": "Hdd", "mode": boot.get("BootSourceOverrideMode")}
        if enabled in ("Once", "Continuous") and target not in (None, "None") and "boot_override_ignored" not in self.faults.on:
            found["target"] = target
            if target == "UefiHttp":
                found["uri"] = boot.get("HttpBootUri")
            if target in ("Cd", "UsbCd", "Usb") and self.behaviour["boot_cd_needs_oem"]:
                found["target"] = "Hdd"
            elif target in ("Cd", "UsbCd", "Usb"):
                found["image"] = self.booted_image()
        for work in BOOTS:
            found.update(work(self) or {})
        if enabled == "Once":
            boot = self.own(path)["Boot"]
            boot["BootSourceOverrideEnabled"] = "Disabled"
            boot["BootSourceOverrideTarget"] = "None"
        return found

    def booted_image(self):
        """The image that a boot from virtual media takes, or None."""
        wanted = self.behaviour["media_boot_slot"]
        media = [self.peek(slot).get("Image") for slot in self.of_kind("VirtualMedia")
                 if self.peek(slot).get("Inserted") and (wanted is None or slot.endswith(f"/{wanted}"))]
        return media[0] if media else None


def _reshape(value, how, names):
    if isinstance(value, list):
        return [_reshape(item, how, names) for item in value]
    if not isinstance(value, dict):
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return str(value) if how == "numbers_as_strings" and is_number else value
    result = {}
    for name, item in value.items():
        item = _reshape(item, how, names)
        if name in names and how == "nulls":
            item = None
        elif name in names and how == "lists":
            item = [item]
        if not (name in names and how == "missing"):
            result[name] = item
    return result
