# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serial over LAN: what the machine prints on its serial line, for some seconds.

Source: IPMI 2.0 (revision 1.1), sections 15.9 to 15.11 (packets) and 24.1, 24.2 (activation).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import re
import time

from .._errors import BaremetalError
from .ipmi_answers import ask

CAPABILITY = "serial console capture"
STAGE = CAPABILITY

_SOL = 0x01  # payload type
_ACTIVATE, _DEACTIVATE = (0x06, 0x48), (0x06, 0x49)
_INSTANCE = (_SOL, 1)
_ENCRYPTED_AND_AUTHENTICATED = 0xC0
_REFUSALS = {
    0x80: ("somebody else has the serial console open", "close that session, or wait until it has timed out"),
    0x81: ("serial over LAN is switched off in the BMC", "switch it on in the BMC, for this user too"),
    0x82: ("the BMC has no serial over LAN session left", "wait until a session has timed out, or reset the BMC"),
    0x83: ("the BMC refuses serial over LAN with encryption", "allow encryption for it in the BMC"),
}
_DEACTIVATING = 0x10  # bit in the status of a packet
# A BMC ends a session in which nothing happens for 60 s (6.12.15).
_KEEP_ALIVE = 20  # seconds
_LOOK = 1  # second

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def capture(driver, seconds, most, *, clock=time.monotonic):
    """Listen to the serial console; nothing is typed.

    :param driver: an open IpmiDriver.
    :param seconds: how long.
    :param most: bytes to keep, the newest ones.
    :returns: ``{"text", "bytes", "truncated"}``: what was printed, how many bytes came in, and whether some were dropped.
    :raises BaremetalError: when the BMC does not give the console, or takes it away before anything was heard.
    """
    heard = Heard(most)
    with driver.command() as command:
        _activate(command)
        try:
            ended = _listen(command, heard, seconds, clock)
        finally:
            # The console stays taken for everybody else otherwise. A BMC that is gone has forgotten it.
            with contextlib.suppress(Exception):
                ask(command, *_DEACTIVATE, (*_INSTANCE, 0, 0, 0, 0))
    if ended and not heard.total:
        raise BaremetalError("the BMC closed the serial console at once", stage=STAGE,
                             cure="look whether somebody else opened it, and whether serial over LAN is set up for the port of the machine")
    return {"text": heard.text(), "bytes": heard.total, "truncated": heard.total > most}


def _activate(command):
    answer = command.raw_command(netfn=_ACTIVATE[0], command=_ACTIVATE[1], data=(*_INSTANCE, _ENCRYPTED_AND_AUTHENTICATED, 0, 0, 0))
    if answer["code"]:
        what, cure = _REFUSALS.get(answer["code"], ("the BMC does not give the serial console", "look whether the BMC has serial over LAN"))
        raise BaremetalError(what, stage=STAGE, seen=answer.get("error"), cure=cure)


def _listen(command, heard, seconds, clock):
    """Listen until the time is over.

    :returns: whether the BMC ended it before.
    """
    session = command.ipmi_session
    now = begin = asked = clock()
    while now < begin + seconds:
        payload = session.receive_payload(_SOL, min(_LOOK, begin + seconds - now))
        if payload is not None:
            acknowledgement = heard.take(payload)
            if acknowledgement:
                session.send_payload(_SOL, acknowledgement)
            if heard.is_over:
                return True
        now = clock()
        if now >= asked + _KEEP_ALIVE:
            asked = now
            # What is printed meanwhile is not acknowledged, so that the BMC sends it again.
            ask(command, 0x06, 0x01)
    return False


class Heard:
    """What came in, packet by packet.

    :param most: bytes to keep.
    """

    def __init__(self, most):
        self.total = 0
        self.is_over = False
        self._most = most
        self._kept = bytearray()
        self._last, self._length = 0, 0

    def take(self, payload):
        """Take a packet (table 15-2).

        :returns: the packet that acknowledges it, or None when it needs none.
        """
        if len(payload) < 4:
            return None
        number, characters = payload[0] & 0x0F, bytes(payload[4:])
        self.is_over = self.is_over or bool(payload[3] & _DEACTIVATING)
        if not number:
            return None
        # A packet that is sent again has the same number, and may have grown.
        known = self._length if number == self._last else 0
        fresh = characters[known:]
        self._last, self._length = number, max(len(characters), known)
        self.total += len(fresh)
        self._kept += fresh
        del self._kept[:-self._most]
        return bytes((0, number, len(characters) & 0xFF, 0))

    def text(self):
        """What was printed, without what moves the cursor or colours the screen."""
        return plain(bytes(self._kept))


def plain(data):
    """Bytes of a terminal as text: escape sequences and control characters are gone, line ends are those of Unix.

    :param data: bytes in UTF-8 as far as they are; the first character may be cut.
    """
    shown = _ESCAPES.sub("", data.decode("utf-8", "replace"))
    shown = re.sub(r"\r+\n|\n\r+|\r", "\n", shown)
    return _CONTROLS.sub("", shown)
