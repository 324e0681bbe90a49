# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets of IPMI over LAN as a BMC sees them: RMCP, IPMI 1.5 without a session, RMCP+ with cipher suites 3 and 17.

Specification: IPMI 2.0 revision 1.1, sections 13.6, 13.28 to 13.33 and 22.27.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RMCP = b"\x06\x00\xff\x07"
RMCP_PLUS = 6  # authentication type

IPMI, SOL, OPEN_SESSION, OPEN_SESSION_REPLY, RAKP1, RAKP2, RAKP3, RAKP4 = 0x00, 0x01, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15


class Suite:
    """A cipher suite (table 22-20): its algorithm numbers, its digest and the lengths of its codes."""

    def __init__(self, number, authentication, integrity, digest, length):
        self.number = number
        self.algorithms = (authentication, integrity, 1)  # AES-CBC-128 in all of them
        self.digest = digest
        self.length = length

    def code(self, key, data):
        return hmac.digest(key, data, self.digest)


SUITES = {3: Suite(3, 1, 1, "sha1", 12), 17: Suite(17, 3, 4, "sha256", 16)}
assert hashlib.algorithms_guaranteed >= {"sha1", "sha256"}


def checksum(data):
    """Two's complement checksum."""
    return -sum(data) & 0xFF


class Message:
    """A command: ``netfn``, ``command``, ``data``, and what an answer needs to repeat."""

    __slots__ = ("target", "netfn", "lun", "source", "sequence", "command", "data")

    def __init__(self, raw):
        """:raises ValueError: when the bytes are no message."""
        if len(raw) < 7 or checksum(raw[:3]) or checksum(raw[3:]):
            raise ValueError("no IPMI message")
        self.target, self.netfn, self.lun = raw[0], raw[1] >> 2, raw[1] & 3
        self.source, self.sequence, self.command = raw[3], raw[4], raw[5]
        self.data = bytes(raw[6:-1])

    def answer(self, code, data=b""):
        """The answer to it, as bytes."""
        head = bytes([self.source, (self.netfn + 1) << 2 | self.sequence & 3])
        body = bytes([self.target, self.sequence & 0xFC | self.lun, self.command, code]) + data
        return head + bytes([checksum(head)]) + body + bytes([checksum(body)])


def plain(payload):
    """An IPMI 1.5 packet outside of a session."""
    return RMCP + bytes(9) + bytes([len(payload)]) + payload


def open_plus(kind, payload):
    """An RMCP+ packet outside of a session."""
    return RMCP + struct.pack("<BBIIH", RMCP_PLUS, kind, 0, 0, len(payload)) + payload


def sealed(kind, payload, suite, session, sequence, k1, k2):
    """An RMCP+ packet in a session, encrypted and signed."""
    iv = os.urandom(16)
    pad = -(len(payload) + 1) % 16
    text = payload + bytes(range(1, pad + 1)) + bytes([pad])
    cipher = Cipher(algorithms.AES(k2[:16]), modes.CBC(iv)).encryptor()
    body = iv + cipher.update(text) + cipher.finalize()
    signed = struct.pack("<BBIIH", RMCP_PLUS, kind | 0xC0, session, sequence, len(body)) + body
    # Pad length and next header belong to the multiple of four.
    fill = -(len(signed) + 2) % 4
    signed += b"\xff" * fill + bytes([fill, 7])
    return RMCP + signed + suite.code(k1, signed)[:suite.length]


def unsealed(packet, suite, k1, k2):
    """The payload of a packet in a session.

    :raises ValueError: when it is not signed or not encrypted as it must be.
    """
    signed, code = packet[4:-suite.length], packet[-suite.length:]
    if not packet[5] & 0xC0 == 0xC0 or not hmac.compare_digest(suite.code(k1, signed)[:suite.length], code):
        raise ValueError("wrong integrity check value")
    length = struct.unpack_from("<H", packet, 14)[0]
    body = packet[16:16 + length]
    if len(body) < 32 or len(body) % 16:
        raise ValueError("not encrypted")
    cipher = Cipher(algorithms.AES(k2[:16]), modes.CBC(body[:16])).decryptor()
    text = cipher.update(body[16:]) + cipher.finalize()
    return text[:-1 - text[-1]]
