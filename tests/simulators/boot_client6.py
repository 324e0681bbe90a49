# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firmware and iPXE say by DHCPv6 (RFC 8415, 5970) and to routers, from a card of a network namespace."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
import typing as t

from .boot_client import inside

SOLICIT, ADVERTISE, REQUEST, REPLY, INFORMATION_REQUEST = 1, 2, 3, 7, 11
_CLIENT, _SERVER, _IA_NA, _ADDRESS, _WANTED, _ELAPSED, _USER_CLASS, _VENDOR_CLASS, _NAMES = 1, 2, 3, 5, 6, 8, 15, 16, 23
BOOT_FILE, _ARCHITECTURE = 59, 61
_ROUTER_SOLICITATION, _ROUTER_ADVERTISEMENT = 133, 134


class Answer(t.NamedTuple):
    """``kind`` of the message, ``address`` for the client or None, ``file`` (a URL) or None, and all options by code."""

    kind: int
    address: t.Optional[str]
    file: t.Optional[str]
    options: dict


def _option(code, data=b""):
    return struct.pack("!HH", code, len(data)) + data


def _options(data):
    found = {}
    while len(data) >= 4:
        code, size = struct.unpack_from("!HH", data)
        found[code], data = data[4:4 + size], data[4 + size:]
    return found


class Client:
    """One program of a machine: its firmware, its iPXE, or a system. Each of them has a DUID and an IAID of its own.

    :param space: network namespace.
    :param architecture: number of RFC 4578, or None for a system.
    :param ipxe: whether it is iPXE.
    :param vendor: what firmware calls itself: PXEClient or HTTPClient.
    """

    def __init__(self, space, architecture=None, *, ipxe=False, vendor="PXEClient", card="eth0"):
        self.space, self.card = space, card
        self._identity = _option(_CLIENT, b"\0\4" + os.urandom(16))
        self._association = os.urandom(4)
        self._more = _option(_ELAPSED, b"\0\0") + _option(_WANTED, struct.pack("!4H", BOOT_FILE, 60, _VENDOR_CLASS, _NAMES))
        if architecture is not None:
            told = f"{vendor}:Arch:{architecture:05d}:UNDI:003016".encode()
            self._more += _option(_ARCHITECTURE, struct.pack("!H", architecture)) + _option(_VENDOR_CLASS, struct.pack("!IH", 343, len(told)) + told)
        if ipxe:
            self._more += _option(_USER_CLASS, b"\0\4iPXE")

    def address(self, timeout=20):
        """Solicit and request; gives the server's Answer to the request, or None where nobody advertises anything."""
        offer = self._ask(SOLICIT, self._ia(), timeout)
        if offer is None or offer.address is None:
            return offer
        taken = self._ia(_option(_ADDRESS, offer.options[_ADDRESS]))
        return self._ask(REQUEST, taken + _option(_SERVER, offer.options[_SERVER]), timeout)

    def information(self, timeout=20):
        """Ask for everything but an address."""
        return self._ask(INFORMATION_REQUEST, b"", timeout)

    def _ia(self, inner=b""):
        return _option(_IA_NA, self._association + bytes(8) + inner)

    def _ask(self, kind, own, timeout):
        """Ask again and again, as RFC 8415 (15) wants it, for so many seconds."""
        number = os.urandom(3)
        message = bytes([kind]) + number + self._identity + own + self._more

        def talk():
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.card.encode())
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.bind(("::", 546))
                deadline = time.monotonic() + timeout
                while time.monotonic() < deadline:
                    try:
                        client.sendto(message, ("ff02::1:2", 547, 0, socket.if_nametoindex(self.card)))
                    except OSError:
                        # The card has no link-local address yet.
                        time.sleep(0.1)
                        continue
                    client.settimeout(1)
                    try:
                        data = client.recv(4096)
                    except TimeoutError:
                        continue
                    if data[1:4] == number:
                        return _read(data)
            return None

        return inside(self.space, talk)


def advertisement(space, timeout, card="eth0"):
    """Ask for a router again and again (RFC 4861, 4.1), for so many seconds; gives the advertisement, or None where nobody advertises."""
    def talk():
        with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
            client.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            deadline, next_one = time.monotonic() + timeout, 0
            while (now := time.monotonic()) < deadline:
                if now >= next_one:
                    next_one = now + 1
                    with contextlib.suppress(OSError):  # the card has no link-local address yet
                        client.sendto(struct.pack("!BBHI", _ROUTER_SOLICITATION, 0, 0, 0), ("ff02::2", 0, 0, socket.if_nametoindex(card)))
                client.settimeout(0.2)
                with contextlib.suppress(TimeoutError):
                    data = client.recv(4096)
                    if data[0] == _ROUTER_ADVERTISEMENT:
                        return data
        return None

    return inside(space, talk)


def _read(data):
    found = _options(data[4:])
    association = _options(found[_IA_NA][12:]) if _IA_NA in found else {}
    found.update({code: value for code, value in association.items() if code == _ADDRESS})
    address = socket.inet_ntop(socket.AF_INET6, found[_ADDRESS][:16]) if _ADDRESS in found else None
    return Answer(data[0], address, found[BOOT_FILE].decode() if BOOT_FILE in found else None, found)
