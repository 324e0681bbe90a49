# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for simulated BMCs: one authority, and one key that all boards share because keys take long to make."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority in a directory; its certificate is ``ca.pem`` there.

    :param directory: a Path. ``ca.pem`` and ``ca.key`` are made when they are missing or too old.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        self.file = self.directory / "ca.pem"
        key_file = self.directory / "ca.key"
        self._certificate = x509.load_pem_x509_certificate(self.file.read_bytes()) if self.file.exists() and key_file.exists() else None
        if self._certificate and validity_left(self._certificate) > 2 * DAY:
            self._key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        else:
            self._key = ec.generate_private_key(ec.SECP256R1())
            self._certificate = _sign(self._key, "Simulated rack authority", self._key, None, authority=True)
            _write_private(key_file, _pem_key(self._key))
            self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        self._board_key = ec.generate_private_key(ec.SECP256R1())
        self._pem_key = _pem_key(self._board_key)

    def certificate(self, address, kind="valid"):
        """A certificate for an address, as PEM text.

        :param kind: ``valid``, ``expired``, ``self_signed`` or ``other_name``.
        """
        name = "192.0.2.1" if kind == "other_name" else address
        issuer, issuer_key = (None, self._board_key) if kind == "self_signed" else (self._certificate.subject, self._key)
        made = _sign(issuer_key, f"bmc-{name}", self._board_key, issuer, address=name, expired=kind == "expired")
        return made.public_bytes(serialization.Encoding.PEM).decode()

    def context(self, address, certificate):
        """The TLS context of a server at this address.

        :param certificate: what ``certificate`` returned.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        file = self.directory / f"board-{address}.pem"
        # Python loads certificates from files only.
        _write_private(file, certificate.encode() + self._pem_key)
        try:
            context.load_cert_chain(file)
        finally:
            file.unlink()
        return context


def validity_left(certificate):
    """How long a certificate is still valid."""
    return certificate.not_valid_after_utc - datetime.datetime.now(datetime.timezone.utc)


def validity(certificate):
    """From when to when a certificate is valid, as Redfish writes it."""
    parsed = x509.load_pem_x509_certificate(certificate.encode())
    return tuple(moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (parsed.not_valid_before_utc, parsed.not_valid_after_utc))


def signing_request(name):
    """A certificate signing request for a host name, as PEM text."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def _sign(issuer_key, name, key, issuer, *, authority=False, address=None, expired=False):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer or subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - (400 * DAY if expired else DAY))
        .not_valid_after(now - DAY if expired else now + 30 * DAY)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(False, False, False, False, False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False)
        builder = builder.add_extension(usage, critical=True)
    if address:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _pem_key(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _write_private(path, content):
    path.touch(mode=0o600)
    path.write_bytes(content)
