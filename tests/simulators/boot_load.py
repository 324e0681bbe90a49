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


class _Download(asyncio.DatagramProtocol):
    """A file by TFTP (RFC 1350, 2348). What comes is acknowledged at once: a task for each block would be most of the load.

    :ivar done: a future that ends with the file.
    :ivar moved: whether something came since it was last set to False.
    """

    def __init__(self, name, server, block=1428):
        self.done = asyncio.get_running_loop().create_future()
        self.moved = False
        self._last = (b"\0\1" + name.encode() + b"\0octet\0blksize\0" + str(block).encode() + b"\0", (server, 69))
        self._whole = 4 + block
        self._transport = None

    def connection_made(self, transport):
        """asyncio's."""
        self._transport = transport
        self.again()

    def again(self):
        """Say once more what was said last."""
        self._transport.sendto(*self._last)

    def datagram_received(self, data, addr):
        """asyncio's."""
        self.moved = True
        code, number = struct.unpack_from("!HH", data)
        if code == 5 and not self.done.done():
            self.done.set_exception(ValueError(f"TFTP refused: {data[4:]!r}"))
            return
        self._last = (struct.pack("!HH", 4, number if code == 3 else 0), addr)
        self.again()
        if code == 3 and len(data) < self._whole and not self.done.done():
            self.done.set_result(None)


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

    async def _load(self, machine, name):
        transport, download = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Download(name, self._server), local_addr=(machine.address, 0))
        try:
            waited = 0
            while waited < len(self._patience):
                download.moved = False
                if (await asyncio.wait([download.done], timeout=self._patience[waited]))[0]:
                    download.done.result()
                    return
                if not download.moved:
                    waited += 1
                    machine.repeated += 1
                    download.again()
            raise asyncio.TimeoutError("no answer to TFTP")
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
