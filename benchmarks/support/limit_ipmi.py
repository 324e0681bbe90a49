# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limit for IPMI: one asyncio process that logs on to all BMCs, sends given commands and logs off, and nothing else.

Reads JSON from its standard input: ``connections`` (list of ``bmc`` dicts), ``requests`` (list of dicts with netfn, command and data in
hexadecimal) and ``at_once``. Cipher suite 17; answers are decrypted and their completion codes looked at, their seals are not.
Source: IPMI 2.0, 13.6 (packets), 13.17 to 13.24 (login), 13.28 and 13.29 (algorithms).
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RMCP = bytes.fromhex("0600ff07")
PRIVILEGE = 4
OPEN_SESSION, RAKP1, RAKP3, SEALED = 0x10, 0x12, 0x14, 0xC0


def checksum(data):
    return bytes([-sum(data) & 0xFF])


def message(netfn, command, data, sequence):
    """An IPMI message to the BMC (13.8)."""
    head, tail = bytes([0x20, netfn << 2]), bytes([0x81, sequence << 2, command]) + data
    return head + checksum(head) + tail + checksum(tail)


class Talk(asyncio.DatagramProtocol):
    """Packets with one BMC, one at a time."""

    def connection_made(self, transport):
        self.transport = transport
        self.waiting = None

    def datagram_received(self, data, addr):
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(data)

    async def ask(self, packet):
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.sendto(packet)
        async with asyncio.timeout(20):
            return await self.waiting

    async def plain(self, kind, payload):
        answer = await self.ask(RMCP + struct.pack("<BBIIH", 6, kind, 0, 0, len(payload)) + payload)
        if answer[17]:
            raise RuntimeError(f"payload {kind:#x}: status {answer[17]:#x}")
        return answer[16:]


def digest(key, data):
    return hmac.digest(key, data, "sha256")


async def session(talk, bmc, requests):
    """Log on, send the commands, log off."""
    name, key = bmc["username"].encode(), bmc["password"].encode()
    await talk.ask(RMCP + struct.pack("<BIIB", 0, 0, 0, 9) + message(6, 0x38, bytes([0x8E, PRIVILEGE]), 0))
    console, random = os.urandom(4), os.urandom(16)
    suite = b"".join(struct.pack("<BHBBHB", kind, 0, 8, algorithm, 0, 0) for kind, algorithm in enumerate((3, 4, 1)))
    own = (await talk.plain(OPEN_SESSION, bytes([1, 0, 0, 0]) + console + suite))[8:12]
    who = bytes([PRIVILEGE | 0x10, len(name)]) + name
    theirs = (await talk.plain(RAKP1, bytes([2, 0, 0, 0]) + own + random + who[:1] + b"\0\0" + who[1:]))[8:24]
    await talk.plain(RAKP3, bytes([3, 0, 0, 0]) + own + digest(key, theirs + console + who))
    root = digest(key, random + theirs + who)
    seal, cipher = digest(root, b"\x01" * 20), algorithms.AES(digest(root, b"\x02" * 20)[:16])
    raised = {"netfn": 6, "command": 0x3B, "data": bytes([PRIVILEGE]).hex()}
    closed = {"netfn": 6, "command": 0x3C, "data": own.hex()}
    for number, request in enumerate([raised, *requests, closed], start=1):
        plain = message(request["netfn"], request["command"], bytes.fromhex(request["data"]), number)
        fill = -(len(plain) + 1) % 16
        start = os.urandom(16)
        encryptor = Cipher(cipher, modes.CBC(start)).encryptor()
        payload = start + encryptor.update(plain + bytes(range(1, fill + 1)) + bytes([fill])) + encryptor.finalize()
        body = struct.pack("<BB4sIH", 6, SEALED, own, number, len(payload)) + payload
        pad = -(len(body) + 2) % 4
        body += b"\xff" * pad + bytes([pad, 7])
        answer = await talk.ask(RMCP + body + digest(seal, body)[:16])
        size = struct.unpack_from("<H", answer, 14)[0]
        decryptor = Cipher(cipher, modes.CBC(answer[16:32])).decryptor()
        if (decryptor.update(answer[32:16 + size]) + decryptor.finalize())[6]:
            raise RuntimeError(f"{request} was refused")


async def one(bmc, requests, room):
    async with room:
        transport, talk = await asyncio.get_running_loop().create_datagram_endpoint(Talk, remote_addr=(bmc["address"], bmc["port"]))
        try:
            await session(talk, bmc, requests)
        finally:
            transport.close()


async def main(order):
    room = asyncio.Semaphore(order["at_once"])
    await asyncio.gather(*(one(bmc, order["requests"], room) for bmc in order["connections"]))


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
