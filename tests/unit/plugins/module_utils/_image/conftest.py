# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A published image, and an HTTP server with ranges and faults on the loopback."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import threading
from urllib.parse import unquote, urlsplit

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._image import publish, stream
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._image.image_builders import MIB, make_raw, sha256


@pytest.fixture
def raw(tmp_path):
    """A 21 MiB image: data at both ends, a small and a large hole, an unaligned extent, a frame without data."""
    extents = [(MIB, 300_000), (3 * MIB, 8192), (3 * MIB + 40960, 4096), (13 * MIB + 100, 5 * MIB), (21 * MIB - 5000, 5000)]
    return make_raw(tmp_path / "some.raw", 21 * MIB, extents)


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "http"
    path.mkdir()
    return path


@pytest.fixture
def published(raw, root):
    """The record of the image ``raw``, published below ``root``."""
    changed, record = publish.publish("some", str(raw), sha256(raw), str(root))
    assert changed
    return record


class Server(http.server.ThreadingHTTPServer):
    """Serves a directory, with ranges.

    ``requests`` collects (path, Range). Faults: each number in ``cut`` ends one longer answer after
    so many bytes, each of ``statuses`` is the answer to one request, ``ranges`` may be switched off.
    """

    daemon_threads = True

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.requests = []
        self.cut = []
        self.statuses = []
        self.ranges = True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        # A client that gives up in the middle is what some tests are about.
        with contextlib.suppress(ConnectionError):
            self.serve()

    def serve(self):
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append((self.path, wanted))
        if server.statuses:
            return self.answer(server.statuses.pop(0), b"fault")
        path = server.root / unquote(urlsplit(self.path).path).lstrip("/")
        if not path.is_file():
            return self.answer(404, b"<html>no such file</html>")
        data = path.read_bytes()
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "")
        if not match or not server.ranges:
            return self.answer(200, data)
        start = int(match[1])
        if start >= len(data):
            return self.answer(416, b"")
        end = min(len(data), int(match[2] or len(data)) + 1)
        return self.answer(206, data[start:end], {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})

    def answer(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.server.cut and status in (200, 206) and len(body) > self.server.cut[0]:
            # Fewer bytes than announced, and the connection gone.
            self.wfile.write(body[:self.server.cut.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)


@pytest.fixture
def impatient(monkeypatch):
    """A server that is away is not waited for very long."""
    monkeypatch.setattr(stream, "PATIENCE", 0.2)
    monkeypatch.setattr(stream, "PAUSE", 0.01)


@pytest.fixture
def server(root, monkeypatch):
    monkeypatch.setattr(stream, "PAUSE", 0.01)
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    running = Server(root)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()
