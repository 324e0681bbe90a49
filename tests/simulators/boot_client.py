# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What firmware and iPXE say on the wire: DHCP (RFC 2131, 4578), TFTP (RFC 1350, 2348) and HTTP, from any address of a network namespace."""

from __future__ import annotations

import ctypes
import os
import random
import socket
import struct
import threading
import time
from concurrent.futures import Future

_CLONE_NEWNET = 0x40000000
_COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5


def inside(space, work):
    """Run a function in a thread that is in a network namespace, and give what it returns. Sockets stay where they were made."""
    result = Future()

    def enter():
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            handle = os.open(f"/run/netns/{space}", os.O_RDONLY)
            try:
                if libc.setns(handle, _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {space}")
            finally:
                os.close(handle)
            result.set_result(work())
        except BaseException as error:  # pylint: disable=broad-except
            result.set_exception(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return result.result()


def udp(space, address=("0.0.0.0", 0), card=None, timeout=3):
    """A UDP socket in a namespace; with a card it hears and sends broadcasts there."""
    def make():
        made = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if card:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
            made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.bind(address)
        made.settimeout(timeout)
        return made
    return inside(space, make)


def tcp(space, server, port, source="", timeout=20):
    """A TCP connection from an address of a namespace."""
    return inside(space, lambda: socket.create_connection((server, port), timeout=timeout, source_address=(source, 0) if source else None))


def http(space, server, target, *, port=8080, source="", method="GET", headers=(), body=b""):
    """(status, body) of an HTTP request."""
    with tcp(space, server, port, source) as connection:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {server}", "Connection: close", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return answer(connection)


def answer(connection):
    """(status, body) of what a connection answers until it ends; (0, b"") for nothing."""
    parts = []
    try:
        while part := connection.recv(1 << 16):
            parts.append(part)
    except ConnectionResetError:
        pass
    head, _blank, body = b"".join(parts).partition(b"\r\n\r\n")
    return (int(head.split(b" ", 2)[1]), body) if head else (0, b"")


def dhcp(kind, mac, options=(), *, number=None, relay="0.0.0.0", client="0.0.0.0"):
    """A DHCP message of a client.

    :param options: (code, bytes) after the type of the message.
    :param number: transaction id.
    :param relay: address of the relay that passes it on (giaddr).
    """
    number = random.getrandbits(32) if number is None else number
    head = struct.pack("!BBBBIHH4s4s4s4s16s64s128s", 1, 1, 6, 1 if relay != "0.0.0.0" else 0, number, 0, 0x8000, socket.inet_aton(client), bytes(4),
                       bytes(4), socket.inet_aton(relay), bytes.fromhex(mac.replace(":", "")), b"", b"")
    fields = [(53, bytes([kind])), (55, bytes([1, 3, 6, 12, 43, 60, 66, 67])), *options]
    return head + _COOKIE + b"".join(bytes([code, len(value)]) + value for code, value in fields) + b"\xff"


def firmware(architecture, *, ipxe=False, vendor="PXEClient"):
    """DHCP options of firmware of an architecture (RFC 4578, 5970), or of the iPXE that it has loaded."""
    found = [(93, struct.pack("!H", architecture)), (94, b"\x01\x03\x10"), (97, bytes(17)),
             (60, f"{vendor}:Arch:{architecture:05d}:UNDI:003016".encode())]
    return [*found, (77, b"iPXE"), (175, b"\xb1\x05\x01\x10\xec\x81\x39")] if ipxe else found


def read_dhcp(data):
    """A DHCP answer as a dict: number, address, server (siaddr), file, type and options by their codes."""
    number, = struct.unpack_from("!I", data, 4)
    found = {"number": number, "address": socket.inet_ntoa(data[16:20]), "server": socket.inet_ntoa(data[20:24]),
             "file": data[108:236].split(b"\0")[0].decode(), "options": {}}
    rest = data[240:]
    while rest and rest[0] != 255:
        if rest[0]:
            found["options"][rest[0]] = rest[2:2 + rest[1]]
        rest = rest[2 + rest[1]:] if rest[0] else rest[1:]
    found["type"] = found["options"].get(53, b"\0")[0]
    # In the option where there was room for it, else in the header.
    found["file"] = found["options"].get(67, found["file"].encode()).rstrip(b"\0").decode() or None
    return found


def ask(wire, message, to, timeout=1.5, settle=None):
    """Send a DHCP message and give all answers that come in time, as :func:`read_dhcp` makes them.

    :param wire: a socket of :func:`udp`.
    :param settle: seconds that others have to answer once somebody has; default: all the time.
    """
    wire.sendto(message, to)
    found, end = [], time.monotonic() + timeout
    while (left := end - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            data, server = wire.recvfrom(4096)
        except TimeoutError:
            break
        if data[4:8] == message[4:8] and data[0] == 2:
            found.append({**read_dhcp(data), "from": server[0]})
            if settle is not None:
                end = min(end, time.monotonic() + settle)
    return found


def tftp(space, server, name, source="0.0.0.0", block=1428):
    """A file by TFTP.

    :raises FileNotFoundError: with what the server says.
    """
    with udp(space, (source, 0), timeout=30) as wire:
        wire.sendto(b"\0\1" + name.encode() + b"\0octet\0blksize\0" + str(block).encode() + b"\0", (server, 69))
        found, next_block = [], 1
        while True:
            data, peer = wire.recvfrom(4 + block)
            code, number = struct.unpack_from("!HH", data)
            if code == 5:
                raise FileNotFoundError(data[4:].rstrip(b"\0").decode(errors="replace"))
            if code == 6:
                wire.sendto(struct.pack("!HH", 4, 0), peer)
            elif code == 3:
                wire.sendto(struct.pack("!HH", 4, number), peer)
                if number == next_block & 0xffff:
                    found.append(data[4:])
                    next_block += 1
                    if len(data) < 4 + block:
                        return b"".join(found)
