# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What sushy's and requests' exceptions mean, for a person.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

try:
    import requests.exceptions
    from sushy import exceptions as sushy_errors
except ImportError:
    sushy_errors = None

from .._errors import BaremetalError
from .connection import STAGE, BmcLost, refused

# 409: busy with another change. 429: too many requests. The 5xx: the BMC itself is not well.
_LATER = (409, 429)


def _causes(error):
    """The error and everything it came from, wrapped arguments included."""
    seen = []
    queue = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return seen


def _first(causes, *kinds):
    return next((cause for cause in causes if isinstance(cause, kinds)), None)


def _connection_error(url, error):
    causes = _causes(error)
    bad_certificate = _first(causes, ssl.SSLCertVerificationError)
    if bad_certificate:
        return refused(
            f"the certificate of the BMC at {url} is not to be trusted",
            seen=bad_certificate.verify_message or bad_certificate,
            cure="set ca_file of the BMC to the authority that signed the certificate, and check that the address "
                 "is one of the names in it; only for a BMC that cannot have a proper certificate, set verify to false",
        )
    tls = _first(causes, ssl.SSLError)
    if tls:
        return refused(
            f"no TLS connection with the BMC at {url} came about", seen=tls.reason or tls,
            cure="check that the port is the one that serves HTTPS and that the BMC speaks TLS 1.2 or newer",
        )
    if _first(causes, ConnectionRefusedError):
        return BmcLost(
            f"the BMC at {url} refused the connection", seen="nothing listens on that port",
            cure="check address and port, and that the BMC's Redfish or HTTPS service is switched on",
        )
    if _first(causes, socket.gaierror):
        return refused(
            f"the name of the BMC at {url} cannot be resolved", seen=_first(causes, socket.gaierror).strerror,
            cure="correct the address of the BMC, or the name service of the controller",
        )
    if _first(causes, requests.exceptions.ConnectTimeout, requests.exceptions.ReadTimeout, TimeoutError):
        return BmcLost(
            f"the BMC at {url} does not answer", seen="the connection timed out",
            cure="check that the address is right, that the BMC has power and network, and that no firewall is in between",
        )
    cause = next((item for item in causes if isinstance(item, OSError) and item.strerror), causes[-1])
    return BmcLost(
        f"the connection with the BMC at {url} failed", seen=getattr(cause, "strerror", None) or cause,
        cure="check address and port, and that they belong to a BMC with Redfish",
    )


def not_redfish(url, seen):
    """The error for something that answers and is no Redfish service.

    :param url: base URL of the BMC.
    :param seen: what it answered.
    """
    return refused(
        f"what answers at {url} is not a Redfish service", seen=seen,
        cure="check address and port; if the BMC is too old for Redfish, use the driver ipmi",
    )


def explain(url, error):
    """The BaremetalError for an exception of sushy or of the HTTP library below it.

    :param url: base URL of the BMC.
    :param error: the exception.
    :returns: a BaremetalError; BmcLost when a later try may succeed.
    """
    if isinstance(error, sushy_errors.ConnectionError):
        return _connection_error(url, error)
    if isinstance(error, sushy_errors.AccessError):
        return refused(
            f"the BMC at {url} does not accept the user name and password", seen=f"HTTP status {error.status_code}",
            cure="correct the credentials of the BMC; wait before the next try if the BMC locks accounts after wrong passwords",
        )
    if isinstance(error, sushy_errors.ResourceNotFoundError):
        return not_redfish(url, error)
    if isinstance(error, sushy_errors.HTTPError):
        status = error.status_code
        seen = f"HTTP status {status}" + (f", {error.detail}" if error.detail else "")
        if status in _LATER or status >= 500:
            return BmcLost(f"the BMC at {url} cannot answer now", seen=seen,
                           cure="try again in a minute; if it stays so, reset the BMC")
        return BaremetalError(f"the BMC at {url} refused the request", stage=STAGE, seen=seen,
                              cure="look up in the BMC's own log why; a firmware update of the BMC may be due")
    if isinstance(error, sushy_errors.SushyError):
        return not_redfish(url, error)
    return not_redfish(url, f"an answer that is no Redfish resource ({type(error).__name__})")


@contextlib.contextmanager
def explained(url, *passed):
    """Turn every exception that sushy lets out of the block into a BaremetalError.

    :param url: base URL of the BMC.
    :param passed: exception classes that the caller deals with.

    sushy hands out what its parsers stumble over as it is: bodies that are not JSON are ValueErrors,
    JSON that is not Redfish gives attribute, key and type errors.
    """
    try:
        yield
    except passed:
        raise
    except (sushy_errors.SushyError, requests.exceptions.RequestException,
            ValueError, AttributeError, KeyError, TypeError) as error:
        raise explain(url, error) from error
