# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the Redfish driver speaks HTTP: one TLS context, one connection, one try.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import functools
import ipaddress
import re
import ssl
import urllib.parse

try:
    import requests.adapters
    from sushy.connector import Connector
except ImportError as error:
    Connector = None
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

from .connection import refused

CONNECT_TIMEOUT = 5  # seconds until a BMC that does not answer counts as unreachable
READ_TIMEOUT = 60  # seconds; some BMCs take half a minute for their first answer after an idle time
# sushy takes the number for tries, and would repeat a POST (a reset!) that was answered too late.
ONE_TRY = 1

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")


@functools.lru_cache(maxsize=None)
def tls_context(ca_file, verify):
    """The TLS context for a BMC, made once per process because loading authorities is slow.

    :param ca_file: path of a PEM file with the only authorities to trust; None for the system's.
    :param verify: False accepts any certificate.
    :raises BaremetalError: when the file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise refused(
            f"the file with the certificate authorities {ca_file} cannot be used",
            seen=error, cure="set ca_file of the BMC to a readable file with PEM certificates",
        ) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


# Made while the parent process imports this file, so that the forked workers find it ready.
tls_context(None, True)


def base_url(connection):
    """The URL of a BMC from its ``address`` and ``port``; without a scheme it is https.

    :param connection: the ``bmc`` dict; ``address`` is a host name, an IP address or a URL.
    :raises BaremetalError: for an address that makes no URL.
    """
    address = str(connection["address"])
    if "://" not in address:
        is_bare_ipv6 = address.count(":") > 1 and not address.startswith("[")
        address = f"https://[{address}]" if is_bare_ipv6 else f"https://{address}"
    try:
        parts = urllib.parse.urlsplit(address)
        port, host = parts.port, parts.hostname or ""
        extra = parts.path.rstrip("/") or parts.query or parts.fragment or "@" in parts.netloc
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or extra or not (_is_ipv6(host) or _HOST.fullmatch(host)):
        raise refused(
            # Not shown with a user name in it, for a password may follow.
            "the BMC's address makes no URL", seen=None if "@" in address else address,
            cure="give a host name, an IP address, or https://host:port without a path and without credentials",
        )
    port = connection.get("port") or port
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def _is_ipv6(host):
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def connector(url, context):
    """sushy's connector with the given TLS context, keep-alive and one try per request.

    :param url: base URL of the BMC.
    :param context: what ``tls_context`` returned.
    """
    result = Connector(
        url, verify=context.verify_mode != ssl.CERT_NONE, server_side_retries=ONE_TRY, server_side_retries_delay=1,
        default_request_timeout=READ_TIMEOUT, connect_timeout=CONNECT_TIMEOUT)
    session = result._session
    # Neither a proxy nor authorities nor a .netrc of the environment has a say in who the BMC is.
    session.trust_env = False
    session.mount("https://", _adapter(context))
    # sushy asks for a new TCP connection, with a new handshake, for every request.
    session.headers.pop("Connection", None)
    return result


def _adapter(context):
    class Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args, **kwargs):
            super().init_poolmanager(*args, ssl_context=context, **kwargs)

        def cert_verify(self, conn, url, verify, cert):
            """The context decides; the inherited method would load certifi's authorities into it."""

    return Adapter()
