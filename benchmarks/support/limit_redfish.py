# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The limit: one asyncio process that sends given requests to all BMCs over one TLS connection each, and nothing else.

Reads JSON from its standard input: ``connections`` (list of ``bmc`` dicts), ``requests`` (list of dicts with method, path, body) and
``at_once``. Standard library only, and nothing of the collection: no check, no message, no read back beyond the requests themselves.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys


async def replay(connection, requests, context, room):
    """Send the requests to one BMC; every answer must be a success."""
    token = base64.b64encode(f"{connection['username']}:{connection['password']}".encode()).decode()
    async with room:
        reader, writer = await asyncio.open_connection(connection["address"], connection["port"], ssl=context)
        try:
            for request in requests:
                body = b"" if request["body"] is None else json.dumps(request["body"]).encode()
                writer.write(
                    f"{request['method']} {request['path']} HTTP/1.1\r\nHost: {connection['address']}\r\nAuthorization: Basic {token}\r\n"
                    f"Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                head = await reader.readuntil(b"\r\n\r\n")
                status = int(head.split(None, 2)[1])
                length = next((int(line.partition(b":")[2]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
                content = await reader.readexactly(length)
                if status >= 300:
                    raise RuntimeError(f"{request['method']} {request['path']}: HTTP status {status}")
                if content:
                    json.loads(content)
        finally:
            writer.close()


async def main(order):
    context = ssl.create_default_context(cafile=order["connections"][0]["ca_file"])
    room = asyncio.Semaphore(order["at_once"])
    await asyncio.gather(*(replay(connection, order["requests"], context, room) for connection in order["connections"]))


if __name__ == "__main__":
    asyncio.run(main(json.load(sys.stdin)))
