# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a growing log: from a moment on, whole lines only, across truncation and rotation.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import os

_BLOCK = 1 << 20


class Tail:
    """New lines of a file, each time they are asked for.

    :param path: the file; it may not exist yet.
    :param moment: function that gives the time of a line in seconds since 1970, or None.
    :param since: lines from before this time need not be read.
    """

    def __init__(self, path, moment, since):
        self._path = path
        self._moment = moment
        self._since = since
        self._file = None
        self._begun = False
        self._rest = b""

    def lines(self):
        """Yield the lines (text without line end) that are new since the last call."""
        try:
            now = os.stat(self._path)
        except FileNotFoundError:
            return
        if self._file is not None:
            then = os.fstat(self._file.fileno())
            if (then.st_dev, then.st_ino) != (now.st_dev, now.st_ino):
                # Rotated: what was still written to the old file first.
                yield from self._new()
                self.close()
            elif now.st_size < self._file.tell():
                self.close()
        if self._file is None:
            self._file = open(self._path, "rb")
            self._file.seek(self._start(now.st_size))
            if not self._begun:
                self._begun = True
                yield from self._rotated()
        yield from self._new()

    def close(self):
        """Close the file; the next call of :meth:`lines` opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._rest = None, b""

    def _rotated(self):
        """The lines since the start that logrotate has moved away, where it was before the first call; by the name that the role boot_server gives them."""
        earlier = Tail(f"{self._path}.1", self._moment, self._since)
        try:
            if os.stat(f"{self._path}.1").st_mtime >= self._since:
                yield from earlier.lines()
        except FileNotFoundError:
            return
        finally:
            earlier.close()

    def _new(self):
        while True:
            block = self._file.read(_BLOCK)
            if not block:
                return
            *lines, self._rest = (self._rest + block).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", errors="replace")

    def _start(self, size):
        """The offset of a line that was written before the start, found by stepping back from the end."""
        offset = size
        while offset > 0:
            offset = max(0, offset - _BLOCK)
            self._file.seek(offset)
            if offset:
                self._file.readline()
            start = self._file.tell()
            line = self._file.readline().decode("utf-8", errors="replace")
            moment = self._moment(line.rstrip("\n"))
            if moment is not None and moment < self._since - 60:
                return start
        return 0
