# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sender of the journal, with a boot server that answers what the test wants."""

from __future__ import annotations

import http.server
import importlib.machinery
import importlib.util
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

SCRIPT = Path(__file__).resolve().parents[4] / "roles/ramdisk/files/rackwright-journal"


def _load():
    loader = importlib.machinery.SourceFileLoader("rackwright_journal", str(SCRIPT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sender = _load()


@pytest.fixture
def server():
    """A boot server; ``answers`` are its first status codes (0: it hangs up), then 204. ``parts`` is what it has in the end."""
    class Handler(http.server.BaseHTTPRequestHandler):
        answers: list[int] = []
        parts: dict[str, bytes] = {}
        order: list[str] = []

        def do_PUT(self):
            status = self.answers.pop(0) if self.answers else 204
            if not status:
                self.close_connection = True
                return
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert len(body) <= sender.MOST
            if status < 300:
                self.parts[self.path.rpartition("/")[2]] = body
                self.order.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        Handler.prefix = f"http://127.0.0.1:{made.server_port}/journal/52-54-00-00-02-11/nonce-0001/"
        yield Handler
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(sender, "PAUSE", 0.02)


def send(server, text):
    """Let it follow a text that ends."""
    reading, writing = os.pipe()
    thread = threading.Thread(target=_write, args=(writing, text))
    thread.start()
    try:
        sender.follow(reading, server.prefix)
    finally:
        os.close(reading)
        thread.join()


def _write(descriptor, text):
    while text:
        text = text[os.write(descriptor, text[:65536]):]
    os.close(descriptor)


def test_all_arrives_in_parts_of_whole_lines(server):
    text = b"".join(b"[%9d] line\n" % number for number in range(5000))
    send(server, text)
    assert b"".join(server.parts[name] for name in sorted(server.parts)) == text
    assert all(part.endswith(b"\n") for part in server.parts.values()) and len(server.parts) > 3


def test_what_comes_later_joins_the_last_part(server):
    reading, writing = os.pipe()
    thread = threading.Thread(target=sender.follow, args=(reading, server.prefix))
    thread.start()
    os.write(writing, b"first\n")
    arrived = threading.Event()
    while not server.parts:
        arrived.wait(0.01)
    os.write(writing, b"second\n")
    os.close(writing)
    thread.join()
    os.close(reading)
    assert server.parts == {"00": b"first\nsecond\n"} and len(server.order) > 1


@pytest.mark.parametrize("answers", [[500, 503], [0, 0, 502]])
def test_boot_server_that_is_away_is_tried_again(server, answers):
    server.answers = answers
    send(server, b"one line\n")
    assert server.parts == {"00": b"one line\n"} and answers == []


@pytest.mark.parametrize("status", [403, 404, 405, 409])
def test_path_that_was_withdrawn_ends_it(server, status):
    server.answers = [status]
    with pytest.raises(sender.Withdrawn, match=str(status)):
        send(server, b"one line\n")
    assert server.parts == {}


def test_parts_are_bounded_and_the_beginning_stays():
    names = [sender.slot(number) for number in range(2000)]
    assert len(set(names)) == sender.PARTS and all(len(name) == 2 for name in names)
    beginning = names[:sender.KEPT]
    assert not set(beginning) & set(names[sender.KEPT:])


@given(st.binary(max_size=3 * 16 * 1024))
def test_splitting_loses_nothing(text):
    parts, rest = [], text
    while rest:
        part, rest = sender.split(rest)
        assert 0 < len(part) <= sender.MOST
        parts.append(part)
    assert b"".join(parts) == text


@pytest.mark.parametrize(("cmdline", "value"), [
    ("quiet rackwright.journal=http://192.0.2.1:8080/journal/a/b/", "http://192.0.2.1:8080/journal/a/b/"),
    ("rackwright.journal=old rackwright.journal=new", "new"), ("xrackwright.journal=a", ""), ("", "")])
def test_argument_of_the_kernel(tmp_path, cmdline, value):
    (tmp_path / "cmdline").write_text(f"{cmdline}\n", encoding="ascii")
    assert sender.argument("rackwright.journal", tmp_path / "cmdline") == value
