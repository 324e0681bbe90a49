# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading over HTTP with the standard library alone; a broken connection is taken up where it broke, and a server that is away is waited for.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import http.client
import re
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit, urlunsplit

from .._errors import BaremetalError

# Seconds without a byte after which a connection counts as broken.
TIMEOUT = 30
# Seconds for which attempts may bring nothing: a boot server that boots is away for a minute, a switch port that learns its tree anew for 50 s.
PATIENCE = 100
# Seconds before the second attempt, and at most; the pause doubles each time.
PAUSE = 0.5
LONGEST_PAUSE = 10

_PIECE = 1024 * 1024


def agent(cmdline="/proc/cmdline"):
    """What a request says of the program that asks: on a node that booted the ramdisk also the node's name, for the log of the boot server.

    :param cmdline: file with the arguments of the kernel.
    """
    try:
        with open(cmdline, encoding="ascii", errors="replace") as file:
            found = re.findall(r"(?:^|\s)rackwright\.node=([A-Za-z0-9][A-Za-z0-9._-]*)(?=\s|$)", file.read())
    except OSError:
        found = []
    return " ".join(["rackwright.baremetal", *found[-1:]])


def _opener():
    # Not the default opener: that one follows redirects to FTP and opens local files.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler, urllib.request.HTTPHandler, urllib.request.HTTPSHandler, urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor, urllib.request.HTTPDefaultErrorHandler, urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener


def shown(url):
    """The URL as it may stand in messages and records: without a query, which may hold a token."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Stream:
    """The body of one URL, or a part of it, read across any number of connections.

    :param url: an http or https URL.
    :param stage: stage of the work, for messages.
    :param start: offset in bytes at which to begin.
    :param end: offset in bytes at which to end; None for the end of the body.
    :param wait: function that waits so many seconds before the next attempt; what it returns is true where there is no sense in one.
    :ivar size: bytes of the whole body, or None before the first read or when the server does not tell.
    :ivar position: offset of the next byte.
    """

    def __init__(self, url, stage, start=0, end=None, wait=time.sleep):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise BaremetalError("the address is no http or https URL, or holds credentials", stage=stage, seen=shown(url))
        self._url = url
        self._stage = stage
        self._response = None
        self._broken = None
        self._pause = PAUSE
        self._wait = wait
        self._end = end
        self.size = None
        self.position = start

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._close()

    def _close(self):
        if self._response is not None:
            self._response.close()
            self._response = None

    def _error(self, what, seen, cure="look at the server and its log, then run the same command again"):
        return BaremetalError(what, stage=self._stage, seen=f"{seen}, {shown(self._url)}", cure=cure)

    def open(self):
        """Connect now instead of at the first read, so that ``size`` is known.

        :raises BaremetalError: when the server does not answer or has no such file.
        """
        while self._response is None:
            try:
                self._connect()
            except (OSError, http.client.HTTPException) as error:
                self._again(error)

    def _connect(self):
        headers = {"Accept-Encoding": "identity", "User-Agent": agent()}
        part = self.position or self._end is not None
        if part:
            headers["Range"] = f"bytes={self.position}-" + ("" if self._end is None else str(self._end - 1))
        try:
            response = _opener().open(urllib.request.Request(self._url, headers=headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                if error.code >= 500 or error.code == 429:
                    raise OSError(f"HTTP status {error.code}") from error
                raise self._error("the server does not hand out the file", f"HTTP status {error.code} {error.reason}",
                                  "publish the image again, or correct the address") from error
        self._response = response
        length = response.headers.get("Content-Length", "")
        if part:
            if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {self.position}-"):
                raise self._error("the server cannot begin in the middle of a file",
                                  f"HTTP status {response.status} to a request for bytes from {self.position} on",
                                  "serve the file with a server that supports ranges")
            total = response.headers["Content-Range"].rpartition("/")[2]
        else:
            total = length
        size = int(total) if total.isdigit() else None
        if self.size is not None and size != self.size:
            raise self._error("the file changed while it was read", f"{self.size} bytes before and {size} bytes after the connection broke")
        self.size = size

    def _again(self, error):
        """Pause, or give up where nothing has come for too long."""
        self._close()
        now = time.monotonic()
        if self._broken is None:
            # Not when the last byte came: since then the disk may have kept the reader waiting.
            self._broken, self._pause = now, PAUSE
        away = now - self._broken
        if away >= PATIENCE or self._wait(self._pause):
            reason = getattr(error, "reason", None) or error
            raise self._error("the server cannot be reached, or the connection broke and did not come back",
                              f"{reason} at byte {self.position}, for {away:.0f} s") from error
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _over(self):
        end = self.size if self._end is None else self._end
        return end is not None and self.position >= end

    def readinto(self, buffer):
        """Fill a buffer.

        :param buffer: a writable bytes-like object.
        :returns: bytes read; fewer than asked for only at the end of the body.
        :raises BaremetalError: when the server is gone or breaks off for good.
        """
        view = memoryview(buffer)
        done = 0
        while done < len(view):
            if self._over():
                break
            self.open()
            try:
                count = self._response.readinto(view[done:done + _PIECE])
            except (OSError, http.client.HTTPException) as error:
                self._again(error)
                continue
            if not count:
                if self.size is None:
                    break
                if not self._over():
                    self._again(OSError(f"the body ended after {self.position} of {self._end or self.size} bytes"))
                continue
            self._broken = None
            done += count
            self.position += count
        return done


def fetch(url, stage, limit):
    """A small file as bytes.

    :param url: an http or https URL.
    :param stage: stage of the work, for messages.
    :param limit: bytes that it may have at most.
    :raises BaremetalError: when it cannot be read or is larger.
    """
    return b"".join(pieces(url, stage, limit))


def pieces(url, stage, limit):
    """A file piece by piece, as bytes; parameters and errors are those of :func:`fetch`."""
    with Stream(url, stage) as stream:
        stream.open()
        buffer = bytearray(_PIECE)
        while True:
            count = stream.readinto(buffer)
            if max(stream.position, stream.size or 0) > limit:
                raise BaremetalError("the file is larger than it can be", stage=stage, seen=f"more than {limit} bytes, {shown(url)}",
                                     cure="look at the address")
            yield bytes(memoryview(buffer)[:count])
            if count < len(buffer):
                return
