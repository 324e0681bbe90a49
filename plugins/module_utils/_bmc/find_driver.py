# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver auto: which protocol a BMC answers to, found out without credentials.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from .._errors import BaremetalError
from .connection import BmcLost, BmcUnreachable, looked_up, refused, required
from .redfish_errors import explained
from .redfish_service import ROOT
from .redfish_transport import Connector, PinMismatch, base_url
from .tls_policy import refuse_without_tls

# Get Channel Authentication Capabilities (IPMI 2.0, 22.13) outside a session: RMCP header of class IPMI, an empty session
# header (13.6), and the request: channel 0Eh with the bit for IPMI 2.0, administrator. Every BMC answers it before a login.
_QUESTION = bytes.fromhex("0600ff07 00 00000000 00000000 09 2018c8 8100388e04b5")
_ANSWER_FUNCTION, _COMMAND = 0x07, 0x38  # at bytes 15 (upper six bits) and 19 of the answer
_IPMI_PORT = 623
_TRIES, _TIMEOUT = 3, 1.0  # seconds

_known = {}  # where no run's facts are at hand


def find_driver(connection, log=lambda text: None, facts=None):
    """Find out whether a BMC speaks Redfish or IPMI; Redfish first, which can do more.

    :param connection: the ``bmc`` dict. A ``port`` in it is the port of both.
    :param log: called with lines for a person who looks closer.
    :param facts: the run's facts about this BMC, or None to remember for this process.
    :returns: ``redfish`` or ``ipmi``.
    :raises BaremetalError: when it answers to neither, or its certificate is not to be trusted and Redfish is behind it,
        or it is to be known by its certificate and its address begins with http.
    """
    required(connection, "auto", "address")
    refuse_without_tls(str(connection["address"]), connection)
    facts = _known if facts is None else facts
    key = _key(connection)
    known = facts.get(key)
    if known not in ("redfish", "ipmi"):
        known, may_change = _find(connection, log)
        if not may_change:
            facts[key] = known
    return known


def forget_driver(connection, facts=None):
    """Have the next ``find_driver`` find out anew: what was found does not work.

    :param connection: the ``bmc`` dict.
    :param facts: as for ``find_driver``.
    """
    (_known if facts is None else facts).pop(_key(connection), None)


def _key(connection):
    return "driver", str(connection.get("address")), str(connection.get("port"))


def _find(connection, log):
    """The driver, and whether the answer may be another one soon: for a BMC that still starts, or is slow."""
    without_redfish, may_pass = _redfish_problem(connection)
    if without_redfish is None:
        log("the BMC has a Redfish service root: driver redfish")
        return "redfish", False
    if isinstance(without_redfish.__cause__, PinMismatch):
        raise without_redfish
    if isinstance(without_redfish.__cause__, ssl.SSLCertVerificationError):
        # Where a certificate is all that stands before Redfish, IPMI in its place would be what somebody in between may want. An old board with
        # a certificate of its own making and no Redfish is driven by IPMI; to tell it from others, the root is read without believing anybody.
        # It holds no secret, and none is sent.
        behind, may_pass = _redfish_problem({**connection, "verify": False})
        if behind is None:
            raise without_redfish
    log(f"no Redfish: {without_redfish}")
    host = str(connection["address"])
    if "://" not in host and _answers_ipmi(host.strip("[]"), int(connection.get("port") or _IPMI_PORT)):
        log("the BMC answers IPMI packets: driver ipmi")
        return "ipmi", may_pass
    error = f"the BMC at {host} answers neither to Redfish nor to IPMI"
    seen = f"Redfish: {without_redfish.what}{f' ({without_redfish.seen})' if without_redfish.seen else ''}; IPMI: no reply to packets (UDP)"
    cure = ("check the address, that Redfish or IPMI over LAN is switched on in the BMC, and that no firewall is in between; "
            "or name the driver")
    if isinstance(without_redfish, BmcLost):
        raise type(without_redfish)(error, seen=seen, cure=cure)
    raise refused(error, seen=seen, cure=cure)


def _redfish_problem(connection):
    """None, or the error that reading the service root ends in; and whether it may pass.

    The root is readable without credentials (DSP0266). Only where there is no such page, or nobody takes the connection, it is sure to stay:
    a BMC that starts answers 5xx or with a web page, refuses, resets, ends within TLS or is silent. An old board that does so for ever is asked
    with each task, which costs a connection; one that takes it and is silent costs the time-out.
    """
    try:
        url = base_url(connection)
        with contextlib.closing(Connector(url, connection)) as connector, explained(url):
            answer = connector.request("GET", ROOT, timeout=30)
            # A board that guards its root all the same has one.
            if answer.status == 401:
                return None, False
            # Before its body, for a proxy tells of its 503 in HTML.
            body = answer.json() if answer.status == 200 else None
            if isinstance(body, dict) and (body.get("RedfishVersion") or "Systems" in body):
                return None, False
    except BaremetalError as error:
        return error, not (isinstance(error, BmcUnreachable) and isinstance(error.__cause__, TimeoutError))
    missing = refused(f"what answers at {url} has no Redfish service root", seen=f"GET {ROOT}: HTTP status {answer.status}")
    return missing, answer.status != 404


def _answers_ipmi(host, port):
    try:
        with looked_up():
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except OSError:
        return False
    for family, kind, protocol, _name, address in found:
        with contextlib.suppress(OSError), socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            probe.settimeout(_TIMEOUT)
            for _unused in range(_TRIES):
                with contextlib.suppress(TimeoutError):
                    probe.send(_QUESTION)
                    answer = probe.recv(64)
                    if len(answer) > 19 and answer[:4] == _QUESTION[:4] and answer[15] >> 2 == _ANSWER_FUNCTION and answer[19] == _COMMAND:
                        return True
    return False
