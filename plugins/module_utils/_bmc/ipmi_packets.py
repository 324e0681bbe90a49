# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The packets of IPMI over LAN: bytes in, bytes out, nothing is sent here.

Source: IPMI 2.0 (revision 1.1) sections 13 (formats), 13.28 to 13.33 (algorithms) and 22.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import hmac
import os
import struct
from typing import NamedTuple

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
except ImportError:
    Cipher = algorithms = modes = None

# Payload types (table 13-16).
IPMI, OPEN_SESSION, OPEN_SESSION_ANSWER, RAKP1, RAKP2, RAKP3, RAKP4 = 0x00, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15

BMC_ADDRESS = 0x20
CONSOLE_ADDRESS = 0x81

# RMCP: version 1.0, no acknowledge, class IPMI (section 13.1.3).
_RMCP = b"\x06\x00\xff\x07"
_RMCP_PLUS = 0x06  # authentication type of every IPMI 2.0 packet
_ENCRYPTED, _AUTHENTICATED = 0x80, 0x40
_BLOCK = 16
_HALF = 1 << 31  # of the numbers that a session has for its packets


class Suite(NamedTuple):
    """A cipher suite (table 22-20): its number, the numbers of its algorithms, its digest and the length of a code."""

    number: int
    authentication: int
    integrity: int
    digest: str
    code_length: int
    confidentiality: int = 1  # AES-CBC-128 in both


# Best first.
SUITES = {17: Suite(17, 3, 4, "sha256", 16), 3: Suite(3, 1, 1, "sha1", 12)}


def warm_up():
    """Make a cipher: OpenSSL takes 4 ms for the first one of a process, and a process forked from this one takes over what it found out."""
    if Cipher is not None:
        Cipher(algorithms.AES(bytes(_BLOCK)), modes.CBC(bytes(_BLOCK))).encryptor()


def checksum(data):
    """Two's complement of the sum (section 13.8)."""
    return -sum(data) & 0xFF


def message(netfn, command, data, sequence, *, address=BMC_ADDRESS, source=CONSOLE_ADDRESS, lun=0):
    """An IPMI request.

    :param netfn: network function, even.
    :param command: number of the command.
    :param data: its bytes.
    :param sequence: number of the request, below 64.
    :param address: whom it is for.
    :param source: whose it is.
    :param lun: logical unit of ``address``.
    """
    head = bytes((address, netfn << 2 | lun))
    body = bytes((source, sequence << 2, command)) + bytes(data)
    return head + bytes((checksum(head),)) + body + bytes((checksum(body),))


class Reply(NamedTuple):
    """An IPMI response."""

    netfn: int
    sequence: int
    command: int
    code: int
    data: bytearray


def reply(payload):
    """The IPMI response in a payload, or None when it is none."""
    if len(payload) < 8:
        return None
    return Reply(payload[1] >> 2, payload[4] >> 2, payload[5], payload[6], bytearray(payload[7:-1]))


def before_session(payload):
    """A packet for an IPMI request outside of any session, in the format of IPMI 1.5 (section 13.6)."""
    return _RMCP + bytes(9) + bytes((len(payload),)) + payload


def of_login(kind, payload):
    """A packet of the login: neither encrypted nor authenticated, in no session."""
    return _RMCP + struct.pack("<BBIIH", _RMCP_PLUS, kind, 0, 0, len(payload)) + payload


def unwrapped(packet):
    """What a packet outside of any session carries.

    :returns: ``(payload type, payload)``, or None for what is no such packet.
    """
    if len(packet) < 14 or packet[3:4] != b"\x07":
        return None
    if packet[4] == 0:
        payload = packet[14:14 + packet[13]]
        return (IPMI, payload) if packet[9:13] == bytes(4) else None
    if packet[4] != _RMCP_PLUS or len(packet) < 16 or packet[5] & (_ENCRYPTED | _AUTHENTICATED):
        return None
    length = struct.unpack_from("<H", packet, 14)[0]
    return packet[5] & 0x3F, packet[16:16 + length]


def code(suite, key, *parts):
    """HMAC over parts with the suite's digest, in full length."""
    return hmac.digest(key, b"".join(parts), suite.digest)


class Seal:
    """What protects the packets of one session in both directions.

    :param suite: the Suite.
    :param session_key: the session integrity key, SIK (section 13.31).
    :param own_id: the console's session id.
    :param bmc_id: the BMC's session id.
    """

    def __init__(self, suite, session_key, own_id, bmc_id):
        self._suite = suite
        self._integrity_key = code(suite, session_key, b"\x01" * 20)
        self._algorithm = algorithms.AES(code(suite, session_key, b"\x02" * 20)[:_BLOCK])
        self._own_id = own_id
        self._bmc_id = bmc_id
        self._number = 0
        self._last = None

    def _code(self, data):
        return code(self._suite, self._integrity_key, data)[:self._suite.code_length]

    def wrapped(self, kind, payload):
        """The packet that carries a payload, encrypted and authenticated, with the next number of the session."""
        self._number += 1
        pad = -(len(payload) + 1) % _BLOCK
        vector = os.urandom(_BLOCK)
        encryptor = Cipher(self._algorithm, modes.CBC(vector)).encryptor()
        secret = vector + encryptor.update(payload + bytes(range(1, pad + 1)) + bytes((pad,))) + encryptor.finalize()
        packet = struct.pack("<BB4sIH", _RMCP_PLUS, kind | _ENCRYPTED | _AUTHENTICATED, self._bmc_id, self._number, len(secret)) + secret
        pad = -(len(packet) + 2) % 4
        packet += b"\xff" * pad + bytes((pad, 0x07))
        return _RMCP + packet + self._code(packet)

    def unwrapped(self, packet):
        """What a packet of this session carries.

        :returns: ``(payload type, payload)``; None for what is not of this session, was tampered with, or is older than what came before.
        """
        length = self._suite.code_length
        if len(packet) < 16 + length or packet[4] != _RMCP_PLUS or packet[6:10] != self._own_id or not packet[5] & _AUTHENTICATED:
            return None
        if not hmac.compare_digest(self._code(packet[4:-length]), packet[-length:]):
            return None
        # A number from before is a packet that somebody sends again (6.12.13). The same one is let pass: some BMCs do not count.
        number, length = struct.unpack_from("<IH", packet, 10)
        if self._last is not None and number - self._last & 0xFFFFFFFF >= _HALF:
            return None
        self._last = number
        payload = packet[16:16 + length]
        if packet[5] & _ENCRYPTED:
            if len(payload) < 2 * _BLOCK or len(payload) % _BLOCK:
                return None
            decryptor = Cipher(self._algorithm, modes.CBC(payload[:_BLOCK])).decryptor()
            payload = decryptor.update(payload[_BLOCK:]) + decryptor.finalize()
            if payload[-1] >= len(payload):
                return None
            payload = payload[:-1 - payload[-1]]
        return packet[5] & 0x3F, payload
