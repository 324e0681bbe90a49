# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Config drives that are ready, from a server of the test, from files and from text."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import threading

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import config_drive, iso9660, ready_drive
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given, settings
from hypothesis import strategies as st

UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
DATA = {"hostname": "node1", "uuid": UUID, "user_data": "canary", "meta": {"rackwright_image_digest": "sha256:0"}}
ISO = config_drive.build(DATA)
FORMS = {
    "plain": ISO,
    "gzip": gzip.compress(ISO),
    "base64": base64.encodebytes(ISO),
    "base64 of gzip": base64.b64encode(gzip.compress(ISO)),
}


@pytest.fixture
def server():
    """Return a function that serves one body below a URL: (body, Content-Length or None) -> URL."""
    started = []

    def serve(body, length=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *arguments):
                pass

            def do_GET(self):
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"") if length is None else length))
                self.end_headers()
                try:
                    self.wfile.write(body or b"")
                except ConnectionError:
                    pass

        one = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        started.append(one)
        return "http://127.0.0.1:%d/drive.iso?token=canary" % one.server_port

    yield serve
    for one in started:
        one.shutdown()
        one.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("form", FORMS)
def test_each_form_from_each_place(form, server, tmp_path):
    (tmp_path / "drive").write_bytes(FORMS[form])
    digest = hashlib.sha256(FORMS[form]).hexdigest()
    url = server(FORMS[form])
    assert ready_drive.load(url, sha256="sha256:" + digest.upper()) == ISO
    assert ready_drive.load(str(tmp_path / "drive"), sha256=digest) == ISO
    if form.startswith("base64"):
        assert ready_drive.load(FORMS[form].decode()) == ISO


@pytest.mark.parametrize("layout, label", [("configdrive", "config-2"), ("nocloud", "cidata")])
def test_what_a_drive_says_of_itself(layout, label):
    image = config_drive.build(dict(DATA, layout=layout))
    assert ready_drive.marks(image) == {
        "label": label, "hostname": "node1", "instance_uuid": UUID, "image_digest": "sha256:0"}


def test_a_drive_that_says_nothing_of_itself():
    image = iso9660.write({"meta-data": b"instance-id: i-1\n", "user-data": b""}, "CIDATA")
    found = ready_drive.marks(image)
    assert (found["label"], found["hostname"], found["instance_uuid"], found["image_digest"]) == ("cidata", None, None, None)


def test_a_drive_on_the_disk_stays_there():
    assert ready_drive.load("preserve") is None
    with pytest.raises(BaremetalError, match="not compared"):
        ready_drive.load("preserve", sha256="0" * 64)


@pytest.mark.parametrize("source, text", [
    ("", "iso is empty"),
    (None, "iso is empty"),
    ("/nowhere/drive.iso", "/nowhere/drive.iso cannot be read. Seen: no such file"),
    ("/dev/zero", "/dev/zero cannot be read"),
    ("canary!", "the text of iso is no config drive. Seen: 7 bytes"),
    (base64.b64encode(b"<html>canary").decode(), "no config drive. Seen: 12 bytes, a web page"),
    (base64.b64encode(gzip.compress(ISO)[:-20]).decode(), "is cut short"),
    (base64.b64encode(b"\x1f\x8b canary").decode(), "is damaged"),
    (base64.b64encode(iso9660.write({"a": b"canary"}, "cdrom")).decode(), "no config drive. Seen: label cdrom"),
    (base64.b64encode(gzip.compress(b"\0" * (ready_drive.LIMIT + 1))).decode(), "are the limit"),
])
def test_what_is_no_config_drive(source, text):
    with pytest.raises(BaremetalError, match=text) as caught:
        ready_drive.load(source)
    assert str(caught.value).startswith("config drive: ") and "canary" not in str(caught.value).replace("canary!", "")


@pytest.mark.parametrize("sha256, text", [("0" * 64, "has another content"), ("abc", "no SHA-256 digest")])
def test_another_digest(sha256, text, server):
    with pytest.raises(BaremetalError, match=text):
        ready_drive.load(base64.b64encode(ISO).decode(), sha256=sha256)


def test_servers_that_fail(server, monkeypatch):
    with pytest.raises(BaremetalError, match="cannot be fetched from http://127.0.0.1.*Not Found") as caught:
        ready_drive.load(server(None))
    assert "canary" not in str(caught.value)
    with pytest.raises(BaremetalError, match="broke off|cannot be fetched"):
        ready_drive.load(server(FORMS["gzip"], 10 ** 6))
    monkeypatch.setattr(ready_drive, "_FETCH_LIMIT", 1000)
    with pytest.raises(BaremetalError, match="are the limit"):
        ready_drive.load(server(ISO))
    # Nobody listens on port 1.
    with pytest.raises(BaremetalError, match="cannot be fetched from http://127.0.0.1:1/x. Seen: .*refused"):
        ready_drive.load("http://127.0.0.1:1/x?token=canary")


@settings(max_examples=60, deadline=None)
@given(place=st.integers(32768, len(ISO) - 1), value=st.integers(0, 255), cut=st.integers(1, len(ISO)))
def test_a_damaged_drive_is_taken_or_refused_and_never_a_traceback(place, value, cut):
    for image in (ISO[:place] + bytes([value]) + ISO[place + 1:], ISO[:cut]):
        try:
            found = ready_drive.marks(image)
        except BaremetalError as error:
            assert error.stage == "config drive"
        else:
            assert found["label"] in ("config-2", "cidata")
