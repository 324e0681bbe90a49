# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The head of an answer: read as http.client reads it, within its limits, and never anything but an answer or an error that is told."""

from __future__ import annotations

import http.client
import io
import string

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.http_headers import Headers, Response
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_errors import explained
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.redfish_transport import HttpAnswer, _content
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.one_of(
    st.sampled_from(["Content-Length", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "ETag", "LOCATION", "Set-Cookie"]),
    st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=20))
# Printable characters of ISO 8859-1; spaces at the ends belong to the line and not to the value.
VALUES = st.one_of(
    st.sampled_from(["chunked", "close", "keep-alive", "0", "5", "-1", "12 ", "none"]),
    st.text([chr(code) for code in [*range(0x20, 0x7F), *range(0xA1, 0x100)]], max_size=40)).map(lambda text: text.strip(" "))
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=12)
STATUS_LINES = st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 204 No Content", "HTTP/1.1 304", "HTTP/1.1 401 Unauthorized"])


class Wire:
    """A socket that gives some bytes and then ends."""

    def __init__(self, received):
        self._received = received

    def makefile(self, mode):
        return io.BytesIO(self._received)


def begun(kind, received, method="GET"):
    response = kind(Wire(received), method=method)
    response.begin()
    return response


def lines_of(headers):
    return [f"{name}: {value}\r\n".encode("iso-8859-1") for name, value in headers]


def told(response):
    return response.version, response.status, response.reason, response.chunked, response.length, response.will_close


@given(status_line=STATUS_LINES, headers=HEADERS, method=st.sampled_from(["GET", "HEAD", "PATCH"]), content=st.binary(max_size=20))
def test_a_well_formed_head_says_what_it_says_to_http_client(status_line, headers, method, content):
    received = status_line.encode() + b"\r\n" + b"".join(lines_of(headers)) + b"\r\n" + content
    ours, theirs = (begun(kind, received, method) for kind in (Response, http.client.HTTPResponse))
    assert told(ours) == told(theirs)
    for name, _value in headers:
        assert ours.headers.get(name.swapcase()) == theirs.headers.get(name)
        assert ours.headers.get_all(name.swapcase()) == theirs.headers.get_all(name)
    assert (ours.headers.get("Missing"), ours.headers.get("Missing", "x"), ours.headers.get_all("Missing")) == (None, "x", None)


BEGINNINGS = st.sampled_from([b"", b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n"])


@given(received=st.binary(max_size=300), after=BEGINNINGS)
def test_noise_is_an_answer_or_an_error_that_is_told(received, after):
    try:
        with explained("https://192.0.2.1"):
            response = begun(Response, after + received)
            answer = HttpAnswer(response.status, response.headers, _content(response))
    except BaremetalError as error:
        assert error.seen
    else:
        assert isinstance(answer.status, int) and isinstance(answer.content, bytes)


@given(lines=st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"") + b"\n"), max_size=10))
def test_a_line_that_is_no_header_takes_no_other_with_it(lines):
    headers = Headers([*lines, b"Content-Length: 5\r\n", b"X Y\r\n", b": z\r\n", b"ETag : W/\"1\"\r\n"])
    assert headers.get_all("content-length")[-1] == "5" and headers.get_all("etag")[-1] == 'W/"1"'


def test_what_is_folded_is_one_value_on_one_line():
    headers = Headers([b" early: 1\r\n", b"Location: /a\r\n", b"\t/b \r\n", b"  /c\n", b"ETag:\r\n", b' "x"\r\n', b"Odd: a\rb\r\n"])
    assert (headers.get("location"), headers.get("etag"), headers.get("odd"), headers.get("early")) == ("/a /b /c", '"x"', "a b", None)


@pytest.mark.parametrize(("received", "said"), [
    (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n", "HTTPException"),
    (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70000 + b"\r\n\r\n", "LineTooLong"),
    (b"HTTP/1.1 " + b"9" * 70000, "LineTooLong"),
    (b"HTTP/2 200\r\n\r\n", "UnknownProtocol"),
    (b"SSH-2.0-OpenSSH\r\n", "BadStatusLine"),
    (b"HTTP/1.1 abc\r\n\r\n", "BadStatusLine"),
])
def test_what_is_beyond_the_limits_is_refused_as_no_http(received, said):
    with pytest.raises(BaremetalError, match=rf"an answer that is no HTTP \({said}\)"):
        with explained("https://192.0.2.1"):
            begun(Response, received)


def test_an_interim_answer_is_read_over():
    response = begun(Response, b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    assert (response.status, response.headers.get("A"), response.read()) == (200, None, b"{}")
