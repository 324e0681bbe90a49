# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The head of an HTTP answer, read as HTTP and not as mail.

http.client hands the headers to the parser of the package email, which takes a quarter of the processor time of a request.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import http.client

_SPACE = " \t\r\n"


class Headers:
    """The headers of an answer: the names do not look at the case.

    :param lines: list of bytes, one for each line, the end of the line with it.

    A folded line (RFC 9112, 5.2) belongs to the one before; a line that is no header is left out, and the others count.
    """

    def __init__(self, lines):
        self._values = {}
        values = []
        for line in lines:
            text = line.decode("iso-8859-1")
            if text[:1] in " \t":
                if values:
                    values[-1] = f"{values[-1]} {text.strip(_SPACE)}".strip(_SPACE)
                continue
            name, colon, value = text.partition(":")
            name = name.strip(_SPACE).lower()
            values = self._values.setdefault(name, []) if colon and name else []
            # A bare CR ends no line, and in a value it counts as a space (RFC 9112, 2.2).
            values.append(value.strip(_SPACE).replace("\r", " "))

    def get(self, name, default=None):
        """The value of a header, the first one of several."""
        values = self._values.get(name.lower())
        return values[0] if values else default

    def get_all(self, name, default=None):
        """All values of a header, in their order."""
        return self._values.get(name.lower(), default)


class Response(http.client.HTTPResponse):
    """An answer whose ``headers`` are Headers.

    As many headers, and as long ones, as http.client takes; what is more is an http.client.HTTPException as there.
    """

    def begin(self):
        """Read up to the body, and find out how long that is (RFC 9112, 6.3)."""
        status = http.client.CONTINUE
        while status == http.client.CONTINUE:
            version, status, reason = self._read_status()
            headers = Headers(http.client._read_headers(self.fp))
        if not version.startswith(("HTTP/1.", "HTTP/0.9")):
            raise http.client.UnknownProtocol(version)
        self.version = 10 if version in ("HTTP/1.0", "HTTP/0.9") else 11
        self.code = self.status = status
        self.reason = reason.strip()
        self.headers = self.msg = headers
        self.chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
        self.chunk_left = None
        self.will_close = self._check_close()
        self.length = None if self.chunked else _length(headers)
        if status in (http.client.NO_CONTENT, http.client.NOT_MODIFIED) or status < 200 or self._method == "HEAD":
            self.length = 0
        elif not self.chunked and self.length is None:
            self.will_close = True


def _length(headers):
    try:
        length = int(headers.get("Content-Length", ""))
    except ValueError:
        return None
    return length if length >= 0 else None
