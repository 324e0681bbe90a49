# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many machines that boot from one boot server at a time, each from its own address: DHCP over a relay, TFTP, HTTP."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from dataclasses import dataclass, field

from . import boot_client as wire

# Seconds that firmware waits for an answer before it asks again or gives up (PXE 2.1, 2.2.3).
PATIENCE = (4, 8, 16, 32)


@dataclass
class Machine:
    """A machine that boots, and how it went: seconds by stage, requests that had to be repeated, and why it failed."""

    mac: str
    address: str
    seconds: dict = field(default_factory=dict)
    repeated: int = 0
    failure: str = ""


class _Answers(asyncio.DatagramProtocol):
    """A UDP socket whose datagrams are read one after the other."""

    def __init__(self):
        self.arrived = asyncio.Queue()

    def datagram_received(self, data, addr):
        """asyncio's."""
        self.arrived.put_nowait((data, addr))


class _Relay(asyncio.DatagramProtocol):
    """A DHCP relay: answers go to the machine with the number of the transaction."""

    def __init__(self):
        self.waiting = {}

    def datagram_received(self, data, addr):
        """asyncio's."""
        waits = self.waiting.get(data[4:8])
        if waits and not waits.done():
            waits.set_result(wire.read_dhcp(data))


class Load:
    """Machines behind a relay.

    :param server: address of the boot server.
    :param relay: address of the relay, in the network of the machines.
    :param patience: seconds that a machine waits for an answer, one after the other.
    """

    def __init__(self, server, relay, patience=PATIENCE):
        self._server = server
        self._relay_address = relay
        self._patience = patience
        self._relay = None

    async def run(self, machines, paths, over):
        """Boot all machines, evenly spread.

        :param machines: list of Machine.
        :param paths: function that gives the HTTP paths that a machine loads, one after the other.
        :param over: seconds from the first to the last start.
        :returns: seconds from the first start to the last end.
        """
        loop = asyncio.get_running_loop()
        transport, self._relay = await loop.create_datagram_endpoint(_Relay, local_addr=(self._relay_address, 67))
        started = time.monotonic()
        try:
            await asyncio.gather(*(self._boot(transport, machine, paths(machine), over * number / len(machines)) for number, machine in enumerate(machines)))
            return time.monotonic() - started
        finally:
            transport.close()

    async def _boot(self, transport, machine, paths, wait):
        await asyncio.sleep(wait)
        try:
            for stage, work in (("dhcp", lambda: self._lease(transport, machine)), ("tftp", lambda: self._load(machine, "snponly.efi")),
                                ("http", lambda: self._fetch(machine, paths))):
                started = time.monotonic()
                await work()
                machine.seconds[stage] = time.monotonic() - started
        except (OSError, asyncio.TimeoutError, ValueError) as error:
            machine.failure = f"{type(error).__name__}: {error}"

    async def _lease(self, transport, machine):
        for kind, wanted in ((wire.DISCOVER, wire.OFFER), (wire.REQUEST, wire.ACK)):
            options = wire.firmware(7)
            if kind == wire.REQUEST:
                options = [*options, (50, socket.inet_aton(machine.address)), (54, socket.inet_aton(self._server))]
            answer = await self._ask(transport, machine, wire.dhcp(kind, machine.mac, options, relay=self._relay_address))
            if answer["type"] != wanted or answer["address"] != machine.address:
                raise ValueError(f"DHCP answered {answer}")

    async def _ask(self, transport, machine, message):
        for attempt, seconds in enumerate(self._patience):
            waits = self._relay.waiting[message[4:8]] = asyncio.get_running_loop().create_future()
            machine.repeated += attempt > 0
            transport.sendto(message, (self._server, 67))
            try:
                return await asyncio.wait_for(waits, seconds)
            except asyncio.TimeoutError:
                continue
            finally:
                del self._relay.waiting[message[4:8]]
        raise asyncio.TimeoutError("no answer to DHCP")

    async def _load(self, machine, name, block=1428):
        """TFTP (RFC 1350, 2348)."""
        transport, wires = await asyncio.get_running_loop().create_datagram_endpoint(_Answers, local_addr=(machine.address, 0))
        try:
            message, peer, number, waited = b"\0\1" + name.encode() + b"\0octet\0blksize\0" + str(block).encode() + b"\0", (self._server, 69), 0, 0
            for dummy in range(100_000):
                transport.sendto(message, peer)
                try:
                    data, peer = await asyncio.wait_for(wires.arrived.get(), self._patience[waited])
                except asyncio.TimeoutError:
                    machine.repeated += 1
                    waited += 1
                    if waited == len(self._patience):
                        raise
                    continue
                code, got = struct.unpack_from("!HH", data)
                if code == 5:
                    raise ValueError(f"TFTP refused {name}: {data[4:]!r}")
                number = got if code == 3 else 0
                message = struct.pack("!HH", 4, number)
                if code == 3 and len(data) < 4 + block:
                    transport.sendto(message, peer)
                    return
            raise ValueError(f"TFTP of {name} has no end")
        finally:
            transport.close()

    async def _fetch(self, machine, paths):
        for path in paths:
            await fetch(self._server, machine.address, path)


async def fetch(server, source, path, port=8080):
    """Load a file by HTTP and give its size.

    :raises ValueError: for another status than 200, or less than all of it.
    """
    reader, writer = await asyncio.open_connection(server, port, local_addr=(source, 0), limit=1 << 20)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n".encode())
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)).decode()
        if not head.startswith("HTTP/1.1 200"):
            raise ValueError(f"{path}: {head.splitlines()[0]}")
        size = 0
        while part := await asyncio.wait_for(reader.read(1 << 18), 60):
            size += len(part)
        told = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:"))
        if size != told:
            raise ValueError(f"{path}: {size} bytes of {told}")
        return size
    finally:
        writer.close()
