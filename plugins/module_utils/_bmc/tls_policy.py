# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whom a BMC's certificate must convince, and how old its TLS may be.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import functools
import re
import ssl

from .connection import refused

VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
DEFAULT_VERSION = "1.2"
# OpenSSL 3 signs nothing with SHA-1 at security level 1, and TLS before 1.2 knows nothing better.
_OLD = ("1.0", "1.1")
_OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"


def fingerprint_of(text):
    """A sha256 fingerprint as 64 lower-case hex digits, from that with or without colons.

    :param text: what the user gave, or None.
    :returns: the digits, or None for nothing.
    :raises BaremetalError: when it is no sha256 fingerprint.
    """
    if text in (None, ""):
        return None
    digits = re.sub(r"^sha-?256[:=]|[:\s]", "", str(text).strip().lower())
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise refused("the fingerprint of the BMC's certificate is no sha256 fingerprint", seen=text,
                      cure="give 64 hex digits, with or without colons, as "
                           "`openssl x509 -noout -fingerprint -sha256` prints them")
    return digits


@functools.lru_cache(maxsize=None)
def _context(socket_class, ca_file, verify, version):
    try:
        # Loading the authorities takes 25 ms, and is left out where nobody asks them.
        context = ssl.create_default_context(cafile=ca_file) if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    except OSError as error:
        raise refused(
            f"the file with the certificate authorities {ca_file} cannot be used",
            seen=error, cure="set ca_file of the BMC to a readable file with PEM certificates",
        ) from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if version in _OLD:
        context.set_ciphers(_OLD_CIPHERS)
    context.minimum_version = VERSIONS[version]
    context.sslsocket_class = socket_class
    return context


def refuse_without_tls(url, policy):
    """Refuse an address without TLS where it is said how to know the BMC's certificate: nobody would look at one.

    :param url: the URL of a BMC, or its address.
    :param policy: the ``bmc`` dict.
    :raises BaremetalError: naming what is given.
    """
    given = [name for name in ("fingerprint", "ca_file") if policy.get(name)]
    if given and url.lower().startswith("http://"):
        # The address is not shown: a password may be in it.
        raise refused("the BMC's address begins with http://, where there is no certificate to look at", seen=f"{' and '.join(given)} of the BMC given",
                      cure=f"give the address with https://, or without a scheme; without {' and '.join(given)} the password goes over the network in clear")


def tls_context(policy, socket_class=ssl.SSLSocket):
    """The TLS context for a BMC; one per policy and process, because making one is slow.

    :param policy: the ``bmc`` dict. ``ca_file`` is a PEM file with the only authorities to trust (None for the
        system's), ``verify`` False accepts any certificate, ``fingerprint`` accepts this one certificate and no other,
        ``tls_min_version`` is a key of VERSIONS.
    :param socket_class: the class of its sockets.
    :returns: ``(context, fingerprint)``; whoever connects compares the certificate with the fingerprint, unless None.
    :raises BaremetalError: when the policy cannot be used.
    """
    version = str(policy.get("tls_min_version") or DEFAULT_VERSION)
    if version not in VERSIONS:
        raise refused(f"there is no TLS version {version}", cure=f"set tls_min_version of the BMC to one of {', '.join(VERSIONS)}")
    fingerprint = fingerprint_of(policy.get("fingerprint"))
    verify = policy.get("verify") is not False and fingerprint is None
    return _context(socket_class, policy.get("ca_file") if verify else None, verify, version), fingerprint
