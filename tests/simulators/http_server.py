# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""HTTP/1.1 for a thousand servers in one process: keep-alive, and answers that can go wrong on purpose.

Callbacks instead of coroutines and a parser of some lines, for the processor time of a request counts where
a benchmark runs beside the simulator. Specification: RFC 9112; of it, what Redfish clients use.
"""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import http
import json
import socket
import struct
import urllib.parse

# asyncio reserves 256 KiB for each TLS connection; with a thousand of them that would be the most of the memory.
asyncio.sslproto.SSLProtocol.max_size = 20 * 1024

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 512 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in http.HTTPStatus}


class Request:
    """A request: ``method``, ``path`` without the query, ``query``, ``headers`` in lower case, ``body`` as bytes, ``number`` on its connection."""

    __slots__ = ("method", "path", "query", "headers", "body", "close", "number")

    def __init__(self, method, target, headers, close, number):
        target, found, query = target.partition("?")
        self.method = method
        self.path = urllib.parse.unquote(target)
        self.query = urllib.parse.parse_qs(query, keep_blank_values=True) if found else {}
        self.headers = headers
        self.body = b""
        self.close = close
        self.number = number

    def json(self):
        """The body as JSON; None when it is no JSON. An empty body is {}."""
        if not self.body.strip():
            return {}
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class Reply:
    """An answer: ``status``, ``body`` as a JSON object, bytes or None, and ``headers``.

    ``damage`` names what goes wrong on the way: drip_headers, drip_body, reset, truncate, endless, hang, hang_body, close, delay, with its settings.
    """

    __slots__ = ("status", "body", "headers", "damage")

    def __init__(self, status, body=None, headers=None, damage=None):
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.damage = damage


class Connection(asyncio.Protocol):
    """One connection of a client.

    :param server: has ``latency``, ``handle(request)`` that returns a Reply, the set ``connections`` and ``connected()``.
    """

    def __init__(self, server):
        self.server = server
        self.transport = None
        self._buffer = bytearray()
        self._request = None
        self._length = 0
        self._count = 0
        self._timer = None

    def connection_made(self, transport):
        self.transport = transport
        self.server.connections.add(self)
        self.server.connected()

    def connection_lost(self, exc):
        self.server.connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def data_received(self, data):
        self._buffer += data
        if self._timer is None:
            self._read()

    def _read(self):
        try:
            complete = self._parse()
        except ValueError:
            self._write(Reply(400, {"error": {"code": "Base.1.0.GeneralError", "message": "bad request"}}), close=True)
            return
        if complete:
            # Requests that follow at once wait in the buffer.
            self._timer = asyncio.get_running_loop().call_later(self.server.latency, self._answer)

    def _parse(self):
        if self._request is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > _HEAD_LIMIT:
                    raise ValueError
                return False
            head = self._buffer[:end].decode("latin-1").split("\r\n")
            del self._buffer[:end + 4]
            self._head(head)
        if self._length < 0:
            return self._parse_chunks()
        if len(self._buffer) < self._length:
            return False
        self._request.body = bytes(self._buffer[:self._length])
        del self._buffer[:self._length]
        return True

    def _head(self, lines):
        method, target, version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon:
                raise ValueError
            headers[name.lower()] = value.strip()
        wish = headers.get("connection", "").lower()
        close = wish == "close" or (version != "HTTP/1.1" and wish != "keep-alive")
        self._count += 1
        self._request = Request(method, target, headers, close, self._count)
        self._length = -1 if "chunked" in headers.get("transfer-encoding", "") else int(headers.get("content-length") or 0)
        if self._length > _BODY_LIMIT:
            raise ValueError
        if "100-continue" in headers.get("expect", ""):
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _parse_chunks(self):
        position, body = 0, bytearray()
        while True:
            end = self._buffer.find(b"\r\n", position)
            if end < 0:
                return False
            size = int(bytes(self._buffer[position:end]).split(b";")[0], 16)
            position = end + 2
            if len(self._buffer) < position + size + 2:
                return False
            body += self._buffer[position:position + size]
            position += size + 2
            if size == 0:
                self._request.body = bytes(body)
                del self._buffer[:position]
                return True

    def _answer(self):
        request, self._request = self._request, None
        reply = self.server.handle(request)
        if self.transport.is_closing():
            return
        self._timer = None
        self._write(reply, close=request.close, head_only=request.method == "HEAD")
        if not self.transport.is_closing() and self._buffer and self._timer is None:
            self._read()

    def _write(self, reply, close, head_only=False):
        body = reply.body
        if body is None:
            body = b""
        elif not isinstance(body, bytes):
            body = json.dumps(body).encode()
        lines = [f"HTTP/1.1 {reply.status} {_REASONS.get(reply.status, 'Unknown')}"]
        headers = reply.headers
        if body and "Content-Type" not in headers:
            lines.append("Content-Type: application/json")
        damage = reply.damage or {}
        length = damage.get("length", len(body))
        if reply.status != 204:
            lines.append(f"Content-Length: {length}")
        lines.append("OData-Version: 4.0")
        if close:
            lines.append("Connection: close")
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if head_only:
            body = b""
        if damage:
            self._write_damaged(head, body, damage)
            return
        self.transport.write(head + body)
        if close:
            self.transport.close()

    def _write_damaged(self, head, body, damage):
        kind = damage["kind"]
        if kind == "hang":
            self._timer = asyncio.get_running_loop().call_later(3600, self.transport.abort)
        elif kind == "reset":
            self.transport.write((head + body)[:damage.get("after", 0)])
            self.reset()
        elif kind == "truncate":
            self.transport.write(head + body[:len(body) // 2])
            self.transport.close()
        elif kind == "drip_headers":
            self._drip(head + body, damage["pause"])
        elif kind == "drip_body":
            self.transport.write(head)
            self._drip(body, damage["pause"])
        elif kind == "endless":
            self.transport.write(head)
            self._flood(damage["size"])
        elif kind == "hang_body":
            self.transport.write(head)
            self._timer = asyncio.get_running_loop().call_later(3600, self.transport.abort)
        elif kind == "close":
            self.transport.write(head + body)
            self.transport.close()
        elif kind == "delay":
            self._timer = asyncio.get_running_loop().call_later(damage["seconds"], self._late, head + body)

    def _late(self, content):
        self._timer = None
        self.transport.write(content)
        if self._buffer:
            self._read()

    def _drip(self, rest, pause):
        """One byte at a time."""
        if self.transport.is_closing():
            return
        self._timer = None
        self.transport.write(rest[:1])
        if len(rest) > 1:
            self._timer = asyncio.get_running_loop().call_later(pause, self._drip, rest[1:], pause)
        else:
            self.transport.close()

    def _flood(self, left):
        if self.transport.is_closing():
            return
        self._timer = None
        if left <= 0:
            self.transport.close()
            return
        pause = 0.0
        if self.transport.get_write_buffer_size() < 256 * 1024:
            self.transport.write(b" " * min(left, 65536))
            left -= 65536
        else:
            pause = 0.01
        self._timer = asyncio.get_running_loop().call_later(pause, self._flood, left)

    def reset(self):
        """End the connection with a TCP reset."""
        end = self.transport.get_extra_info("socket")
        if end is not None:
            # With no time to linger, closing a socket sends RST.
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Listener:
    """A listening socket that hands its connections to a server object.

    :param server: as for Connection; ``tls()`` gives a TLS context or None, ``accepts()`` says whether anybody is at home.
    :param address: IPv4 address.
    :param port: port; 0 for any.
    """

    def __init__(self, server, address, port):
        self.server = server
        self.address = address
        self.port = port
        self._socket = None
        self._fillers = []
        self.open()

    def open(self, backlog=128):
        """Listen, when nobody does."""
        if self._socket is not None:
            return
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        try:
            self._socket.bind((self.address, self.port))
        except OSError:
            self._socket.close()
            raise
        self._socket.listen(backlog)
        self.port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def close(self):
        """Listen no longer: connections are refused."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        self._socket = None
        for filler in self._fillers:
            filler.close()
        self._fillers = []

    def swallow(self):
        """Connections are neither taken nor refused, as with a BMC that has lost its network."""
        self.close()
        self.open(backlog=0)
        asyncio.get_running_loop().remove_reader(self._socket)
        # Linux drops further attempts once the queue of the listening socket is full.
        for _unused in range(2):
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            filler.setblocking(False)
            filler.connect_ex((self.address, self.port))
            self._fillers.append(filler)

    def _accept(self):
        loop = asyncio.get_running_loop()
        for _unused in range(32):
            try:
                end, _peer = self._socket.accept()
            except OSError:
                return
            if not self.server.accepts():
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.close()
                continue
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(self._serve(loop, end))
            self.server.handshakes.add(task)
            task.add_done_callback(self.server.handshakes.discard)

    async def _serve(self, loop, end):
        try:
            context = self.server.tls()
            await loop.connect_accepted_socket(
                lambda: Connection(self.server), end, ssl=context, ssl_handshake_timeout=30 if context else None)
        except (OSError, asyncio.TimeoutError):
            # A client that does not like the certificate, or went away.
            self.server.handshake_failed()
            end.close()
