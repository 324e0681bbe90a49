# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one session of a BMC that refuses basic authentication: opened late, ended always.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import re
import urllib.parse

from .._session_guard import SessionGuard
from .connection import BmcLost
from .redfish_errors import SESSION_TABLE_FULL, TRANSIENT, message_list, not_let_in, not_redfish, says, table_full

# DSP0266, "Session login": where the service root does not name them.
SESSIONS = "/redfish/v1/SessionService/Sessions"
_TIMEOUT = 30  # seconds for logging on or off
_PAUSES = (1.0, 3.0)  # seconds until a BMC that cannot log off now is asked again

# An answer to basic authentication that asks for a token, by the names of its message (Base registry, DSP2065).
_TOKEN_WANTED = ("AuthenticationTokenRequired", "NoValidSession")


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

    Until ``end`` a signal that ends the process ends the session first, see _session_guard.py.
    """

    def __init__(self, connector, url, path, username, password):
        self._connector = connector
        self._guard = SessionGuard(self._log_off)
        with self._guard.opening():
            self.token, self._path = _log_on(connector, url, path or SESSIONS, username, password)

    @property
    def headers(self):
        return {"X-Auth-Token": self.token}

    def _log_off(self):
        # Whatever the connection was in the middle of, this needs a new one.
        self._connector.close()
        self._delete()
        self._connector.close()

    def _delete(self):
        """The status of the answer to a request for the end."""

        def delete():
            return self._connector.request("DELETE", self._path, headers=self.headers, timeout=_TIMEOUT).status

        try:
            return delete()
        except (ConnectionResetError, BrokenPipeError):
            # Now the connection is a new one; and where the BMC did read the first request, the session is merely over already.
            return delete()

    def end(self, sleep):
        """Log off; the caller deals with what goes wrong on the way.

        :param sleep: function of seconds.
        :returns: what the BMC answered where the session may still be open, else None.
        """
        with self._guard.closing() as is_open:
            if not is_open:
                return None
            for pause in (*_PAUSES, None):
                status = self._delete()
                if status < 500 or pause is None:
                    break
                sleep(pause)
        # It may be over already, as that of an account whose password has changed.
        return None if status < 300 or status in (401, 404) else f"DELETE {self._path}: HTTP status {status}"

    def forget(self):
        """The BMC has ended the session itself."""
        with self._guard.closing():
            pass


def _log_on(connector, url, path, username, password):
    response = connector.request("POST", path, {"UserName": username, "Password": password}, {}, _TIMEOUT)
    messages = messages_of(response)
    said = "; ".join(dict.fromkeys(message["text"] or message["id"] for message in messages))
    seen = f"POST {path}: HTTP status {response.status}" + (f", {said}" if said else "")
    if response.status >= 400:
        raise _refusal(url, response.status, messages, seen)
    try:
        body = response.json()
    except ValueError:
        body = {}
    token = response.headers.get("X-Auth-Token")
    location = urllib.parse.urlsplit(response.headers.get("Location") or "").path
    location = location or (body.get("@odata.id") if isinstance(body, dict) else None)
    if not token or not isinstance(location, str) or not location.startswith("/"):
        # What has no path cannot be ended.
        raise not_redfish(url, f"{seen}, without {'a path, so that the session stays open until its time is over' if token else 'X-Auth-Token'}")
    return token, location


def _refusal(url, status, messages, seen):
    """The error for a BMC that opened no session."""
    # A 503 without a word is taken for a full table.
    if says(messages, *SESSION_TABLE_FULL) or (status == 503 and not messages):
        return table_full(url, seen)
    if status in (400, 401, 403) and not says(messages, *TRANSIENT):
        return not_let_in(url, seen)
    return BmcLost(f"the BMC at {url} opened no session", seen=seen, cure="try again in a minute; if it stays so, reset the BMC or update its firmware")
