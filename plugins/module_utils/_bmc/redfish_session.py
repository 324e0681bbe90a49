# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one session of a BMC that refuses basic authentication: opened late, ended always.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import threading
import urllib.parse

from .redfish_errors import SESSION_TABLE_FULL, message_list, not_let_in, not_redfish, says, table_full

# DSP0266, "Session login": where the service root does not name them.
SESSIONS = "/redfish/v1/SessionService/Sessions"
_TIMEOUT = 30  # seconds for logging on or off

# An answer to basic authentication that asks for a token, by the names of its message (Base registry, DSP2065).
_TOKEN_WANTED = ("AuthenticationTokenRequired", "NoValidSession")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_open = {}  # what ends each session that this process has open


def messages_of(response):
    """The messages in an answer; an empty list when its body is no JSON."""
    try:
        return message_list(response.json())
    except ValueError:
        return []


def basic_is_off(response):
    """Whether a 401 to basic authentication says that basic authentication itself is not wanted.

    So it does when it names other ways to authenticate and not Basic (RFC 9110, 11.6.1: a 401 carries a challenge for
    each way that would do), or when it names none and its message asks for a session. Anything else is a wrong
    password: a second login, to find out, could be the one that locks the account. A board that keeps Basic out of
    its challenge only (AccountService.HTTPBasicAuth: Unadvertised) and gets a wrong password costs a second login.
    """
    challenges = response.headers.get_all("WWW-Authenticate") or []
    if any(re.search(r"(^|,)\s*basic\b", challenge, re.IGNORECASE) for challenge in challenges):
        return False
    return bool(challenges) or says(messages_of(response), *_TOKEN_WANTED)


class Session:
    """An open session.

    :param connector: sends requests.
    :param url: base URL of the BMC, for messages.
    :param path: path of the collection of sessions, or None for the usual one.
    :raises BaremetalError: when the BMC opens none.

    Until ``end`` a signal that ends the process ends the session first, provided that this is the main thread, or
    that the main thread is inside ``ended_by_signals``.
    """

    def __init__(self, connector, url, path, username, password):
        self._connector = connector
        self._guard = contextlib.ExitStack()
        if threading.current_thread() is threading.main_thread():
            self._guard.enter_context(ended_by_signals())
        with _signals_held():
            self.token, self._path = _log_on(connector, url, path or SESSIONS, username, password)
            _open[id(self)] = self._log_off

    @property
    def headers(self):
        return {"X-Auth-Token": self.token}

    def _log_off(self):
        # Whatever the connection was in the middle of, this needs a new one.
        self._connector.close()
        self._connector.request("DELETE", self._path, headers=self.headers, timeout=_TIMEOUT)
        self._connector.close()

    def end(self):
        """Log off; the caller deals with what goes wrong on the way."""
        try:
            if _open.pop(id(self), None):
                self._connector.request("DELETE", self._path, headers=self.headers, timeout=_TIMEOUT)
        finally:
            self._guard.close()

    def forget(self):
        """The BMC has ended the session itself."""
        _open.pop(id(self), None)
        self._guard.close()


def _log_on(connector, url, path, username, password):
    response = connector.request("POST", path, {"UserName": username, "Password": password}, {}, _TIMEOUT)
    messages = messages_of(response)
    said = "; ".join(dict.fromkeys(message["text"] or message["id"] for message in messages))
    seen = f"POST {path}: HTTP status {response.status}" + (f", {said}" if said else "")
    if says(messages, *SESSION_TABLE_FULL) or response.status == 503:
        raise table_full(url, seen)
    if response.status >= 400:
        raise not_let_in(url, seen)
    try:
        body = response.json()
    except ValueError:
        body = {}
    token = response.headers.get("X-Auth-Token")
    location = urllib.parse.urlsplit(response.headers.get("Location") or "").path or (body.get("@odata.id") if isinstance(body, dict) else None)
    if not token or not isinstance(location, str) or not location.startswith("/"):
        raise not_redfish(url, f"{seen}, without {'a path' if token else 'X-Auth-Token'}")
    return token, location


@contextlib.contextmanager
def _signals_held():
    """Nothing ends the process between the BMC's opening of a session and our knowing of it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_all():
    threads = [threading.Thread(target=_quietly, args=(log_off,), daemon=True) for log_off in list(_open.values())]
    _open.clear()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_TIMEOUT)


def _quietly(log_off):
    with contextlib.suppress(Exception):
        log_off()


@contextlib.contextmanager
def ended_by_signals():
    """Inside, a signal that ends the process ends this process's sessions first. For the main thread.

    ansible-core ends a worker by SIGTERM or SIGINT, to which the worker kills itself: no ``finally`` runs
    (executor/process/worker.py). The handler found here is put back and gets the signal afterwards.
    """
    before = {}

    def handle(number, frame):
        _end_all()
        for other, handler in before.items():
            signal.signal(other, handler)
        os.kill(os.getpid(), number)

    for number in _SIGNALS:
        handler = signal.getsignal(number)
        # An ignored signal ends nothing; None is a handler that Python did not set and cannot put back.
        if handler not in (None, signal.SIG_IGN):
            before[number] = signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
