# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A client of TFTP against servers that are slow, small or wrong. dnsmasq's is asked in tests/boot_server."""

from __future__ import annotations

import socket
import struct
import threading

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import tftp
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

CONTENT = bytes(range(256)) * 20
ERROR = struct.pack(">HH", 5, 1) + b"file not found\0"


@pytest.fixture(name="serve")
def _serve(monkeypatch):
    """Have a function answer packets: it gets each one, and returns a list of those that go back."""
    monkeypatch.setattr(tftp, "_WAIT", 0.2)
    monkeypatch.setattr(tftp, "_TRIES", 20)
    wires, threads = [], []

    def serve(answers, address="127.0.0.1"):
        wire = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        wire.bind((address, 0))
        wires.append(wire)

        def work():
            while True:
                packet, client = wire.recvfrom(2000)
                if packet == b"end":
                    return
                for answer in answers(packet):
                    wire.sendto(answer, client)
        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return wire.getsockname()[1]

    yield serve
    for wire, thread in zip(wires, threads):
        wire.sendto(b"end", wire.getsockname())
        thread.join()
        wire.close()


def block(number, size=512):
    return struct.pack(">HH", 3, number) + CONTENT[(number - 1) * size:number * size]


def fetch(port, limit=len(CONTENT)):
    return tftp.fetch("127.0.0.1", "snponly.efi", limit=limit, port=port)


def test_a_server_without_options_that_says_things_twice_and_loses_some(serve):
    seen = set()

    def answers(packet):
        code, number = struct.unpack_from(">HH", packet)
        if packet not in seen:
            # Each is lost once.
            seen.add(packet)
            return []
        return [block(1)] if code == 1 else [block(number), block(number + 1)]

    assert fetch(serve(answers)) == CONTENT


@pytest.mark.parametrize(("bound", "asked"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::1", "0:0::1")])
def test_larger_blocks(serve, bound, asked):
    def answers(packet):
        code, number = struct.unpack_from(">HH", packet)
        if code == 1:
            assert packet[2:].split(b"\0")[:4] == [b"snponly.efi", b"octet", b"blksize", b"1428"]
            return [b"\0\6blksize\x001428\0"]
        return [block(number + 1, 1428)]

    assert tftp.fetch(asked, "snponly.efi", limit=len(CONTENT), port=serve(answers, bound)) == CONTENT


def test_what_is_no_address():
    with pytest.raises(BaremetalError, match="'boot1.example.com' does not appear to be an IPv4 or IPv6 address"):
        tftp.fetch("boot1.example.com", "snponly.efi", limit=1)


@pytest.mark.parametrize(("answers", "said"), [
    (lambda packet: [], "no answer within .*firewall"),
    (lambda packet: [ERROR], "error 1: file not found"),
    (lambda packet: [block(1)], "no answer within"),
    (lambda packet: [b"\0\6blksize\x001428\0"], "no end after 0 bytes"),
    (lambda packet: [struct.pack(">HH", 3, struct.unpack_from(">HH", packet)[1] + 1 if packet[1] == 4 else 1) + bytes(512)], "no end after 5632 bytes"),
])
def test_what_is_no_file(serve, answers, said):
    with pytest.raises(BaremetalError, match=said):
        fetch(serve(answers))
