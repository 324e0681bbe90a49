# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the exceptions of a connection, and a BMC's refusals, mean for a person.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl

from .._errors import BaremetalError
from .connection import STAGE, BmcLost, NotLetIn, SessionsFull, Unreadable, refused
from .redfish_messages import standard_text
from .redfish_transport import PinMismatch, RedirectError, TransportError

# What a BMC says when its table of sessions is full. Dell: RAC0218 (Integrated Dell Remote Access Controller message
# reference). SessionLimitExceeded: Base registry (DSP2065) and HPE. On Dell a request with basic authentication takes a
# place in that table as well.
SESSION_TABLE_FULL = ("RAC0218", "SessionLimitExceeded", "MaxSessions", "maximum number of user sessions")

# A refusal for the moment, by the name of its message (DSP2046 and the makers' registries): the same request
# is sent again. Only what says that nothing was done is in here.
TRANSIENT = (
    "SYS518",  # Dell: data sources are unavailable after a job
    "InvalidOperationForSystemState",  # HPE: just after a power change
    "DuringSystemPOST",  # HPE: UnableToModifyDuringSystemPOST
)


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
        return says(self.messages, *names)

    @property
    def is_busy(self):
        """Whether the service said that it can do nothing now: status 429, or the message with that meaning (DSP2065, Base)."""
        return self.status == 429 or self.says("ServiceTemporarilyUnavailable")


class TaskFailed(BaremetalError):
    """The BMC took a request, and its task failed."""


class NotRedfish(BaremetalError):
    """What answers is no Redfish service, as far as was seen."""

    def __init__(self, what, **context):
        super().__init__(what, **{"stage": STAGE, **context})


def says(messages, *names):
    """Whether one of the messages has one of these names in its MessageId or text."""
    return any(name in f"{message['id']} {message['text']}" for message in messages for name in names)


def message_list(body):
    """The messages of an error body, whatever form a maker gave them.

    :param body: the parsed JSON, or None.
    :returns: list of dicts with ``id``, ``text`` and ``resolution`` (what the maker advises), all strings.
    """
    error = body.get("error", body) if isinstance(body, dict) else {}
    if not isinstance(error, dict):
        return [{"id": "", "text": str(error), "resolution": ""}]
    found = error.get("@Message.ExtendedInfo") or []
    # Dell sends a single object where a list belongs (quirk R34).
    found = [found] if isinstance(found, dict) else found if isinstance(found, list) else []
    messages = [_message(item) for item in found if isinstance(item, dict)]
    # What only the frame says is told where the board put no text of its own into the list.
    if not any(item.get("Message") for item in found if isinstance(item, dict)) and (error.get("message") or (error.get("code") and not messages)):
        messages.append({"id": "" if messages else str(error.get("code") or ""), "text": str(error.get("message") or ""), "resolution": ""})
    return messages


def _message(item):
    name, text, resolution = (str(item.get(key) or "").strip() for key in ("MessageId", "Message", "Resolution"))
    arguments = item.get("MessageArgs")
    text = text or standard_text(name, arguments if isinstance(arguments, list) else ())
    # What the standard's own messages advise is meant for whoever wrote the request.
    is_advice = resolution.rstrip(".") != "None" and not name.startswith("Base.")
    return {"id": name, "text": text, "resolution": resolution if is_advice else ""}


def not_redfish(url, seen):
    """The error for something that answers and is no Redfish service.

    :param url: base URL of the BMC.
    :param seen: what it answered.
    """
    return NotRedfish(
        f"what answers at {url} is not a Redfish service", seen=seen,
        cure="check address and port; if the BMC is too old for Redfish, use the driver ipmi",
    )


def unreadable(url, method, path, error):
    """The error for an answer that is no Redfish, from a service that was seen to be one.

    :param method: HTTP method of the request.
    :param error: the NotRedfish.
    :returns: an Unreadable; BmcLost where a change was asked for, which may have been made.
    """
    is_lost = method.upper() != "GET" and not isinstance(error.__cause__, RedirectError)
    return (BmcLost if is_lost else Unreadable)(
        f"the BMC at {url} gave an answer that cannot be read", seen=f"{method.upper()} {path}: {error.seen}",
        cure="run the same command again in a minute; if it stays so, reset the BMC or update its firmware")


def not_let_in(url, seen):
    """The error for credentials that the BMC does not take."""
    return NotLetIn(
        f"the BMC at {url} does not accept the user name and password", seen=seen,
        cure="correct the credentials of the BMC; wait before the next try if the BMC locks accounts after wrong passwords")


def table_full(url, seen):
    """The error for a BMC whose table of sessions is full."""
    return SessionsFull(
        f"the BMC at {url} has no session left", seen=seen,
        cure="end forgotten sessions in the BMC's web interface, or wait until they time out (often 30 minutes); "
             "find out which program leaves them open")


def explain(url, error):
    """The BaremetalError for an exception of redfish_transport.py.

    :param url: base URL of the BMC.
    :param error: the exception.
    :returns: a BaremetalError; BmcLost when a later try may succeed.
    """
    if isinstance(error, PinMismatch):
        return refused(
            f"the certificate of the BMC at {url} is not the one that is pinned", seen=f"sha256 fingerprint {error.seen}",
            cure="find out whether the BMC was exchanged, reset or given a new certificate, or whether somebody sits in between; "
                 "then correct fingerprint of the BMC")
    if isinstance(error, TransportError):
        return not_redfish(url, error.reason)
    if isinstance(error, ssl.SSLCertVerificationError):
        return refused(
            f"the certificate of the BMC at {url} is not to be trusted", seen=getattr(error, "verify_message", None) or error,
            cure="set ca_file of the BMC to the authority that signed the certificate, and check that the address "
                 "is one of the names in it; for a BMC that cannot have a proper certificate, set fingerprint to its sha256 fingerprint")
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return BmcLost(
            f"the connection with the BMC at {url} failed", seen=f"it ended within TLS ({getattr(error, 'reason', None) or error})",
            cure="try again in a minute, for a BMC that starts does so; if it stays so, check that the port is the one that serves HTTPS and that "
                 "the BMC speaks TLS 1.2 or newer; for a BMC that only knows older TLS, set tls_min_version of the BMC to 1.0")
    if isinstance(error, ssl.SSLError):
        return refused(
            f"no TLS connection with the BMC at {url} came about", seen=getattr(error, "reason", None) or error,
            cure="check that the port is the one that serves HTTPS and that the BMC speaks TLS 1.2 or newer; for a BMC that "
                 "only knows older TLS, set tls_min_version of the BMC to 1.0")
    if isinstance(error, socket.gaierror):
        return refused(
            f"the name of the BMC at {url} cannot be resolved", seen=error.strerror,
            cure="correct the address of the BMC, or the name service of the controller")
    if isinstance(error, TimeoutError):
        return BmcLost(
            f"the BMC at {url} does not answer", seen="the answer did not come, or not whole, in time",
            cure="try again; if it stays so, reset the BMC")
    if isinstance(error, OSError):
        return BmcLost(
            f"the connection with the BMC at {url} failed", seen=error.strerror or error,
            cure="try again in a minute; if it stays so, check that address and port belong to a BMC with Redfish")
    if isinstance(error, http.client.HTTPException):
        return not_redfish(url, f"an answer that is no HTTP ({type(error).__name__})")
    return not_redfish(url, f"an answer that is no Redfish resource ({type(error).__name__})")


@contextlib.contextmanager
def explained(url):
    """Turn every exception that a BMC can cause in the block into a BaremetalError.

    :param url: base URL of the BMC.

    Bodies that are not JSON are ValueErrors, JSON that is not Redfish gives attribute, key and type errors.
    """
    try:
        yield
    except BaremetalError:
        raise
    except (OSError, http.client.HTTPException, PinMismatch, TransportError,
            ValueError, AttributeError, KeyError, TypeError) as error:
        raise explain(url, error) from error
