# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tarball of a failure: one for each failure of a node, with an index; only the newest ones of a node are kept.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import io
import json
import re
import tarfile

from .._private_file import write_private
from .scrub import scrub

SUFFIX = ".tar.gz"


class Bundle:
    """What was gathered of a failure, part by part.

    :param head: dict that the index begins with.
    :param hide: function that takes the secrets that are known out of a text.
    """

    def __init__(self, head, hide=lambda text: text):
        self._head = head
        self._hide = hide
        self._files = {}
        self._missing = {}

    def add(self, path, text):
        """Take a file.

        :param path: its path in the tarball.
        :param text: what it holds; a dict or a list becomes JSON.
        """
        text = scrub(text, self._hide)
        if not isinstance(text, str):
            text = json.dumps(text, indent=2, default=str) + "\n"
        self._files[path] = text.encode("utf-8", errors="replace")

    def miss(self, part, why):
        """Note why a part, named by the path that it would have, is missing or not whole."""
        self._missing[part] = scrub(str(why), self._hide)

    def index(self):
        """What is there and what is not."""
        files = [{"path": path, "bytes": len(data)} for path, data in sorted(self._files.items())]
        return {**scrub(self._head, self._hide), "files": files, "missing": dict(sorted(self._missing.items()))}

    def write(self, directory, node, moment, keep):
        """Write the tarball with mode 0600, whole or not at all, and remove the oldest of the node's.

        :param directory: pathlib.Path; it is made where it is missing.
        :param moment: datetime.datetime in UTC.
        :param keep: how many of this node stay, this one included.
        :returns: the path.
        :raises OSError: when it cannot be written.
        """
        base = re.sub(r"[^A-Za-z0-9._-]", "_", node)
        stem = f"{base}-{moment:%Y%m%dT%H%M%SZ}"
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = directory / f"{stem}{SUFFIX}"
        write_private(path, self._tarball(stem, moment.timestamp()))
        own = re.compile(rf"{re.escape(base)}-\d{{8}}T\d{{6}}Z{re.escape(SUFFIX)}")
        for old in sorted(other for other in directory.iterdir() if own.fullmatch(other.name))[:-keep]:
            old.unlink(missing_ok=True)
        return path

    def _tarball(self, stem, moment):
        index = (json.dumps(self.index(), indent=2) + "\n").encode()
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=6) as tar:
            for path, data in [("index.json", index), *sorted(self._files.items())]:
                member = tarfile.TarInfo(f"{stem}/{path}")
                member.size, member.mode, member.mtime = len(data), 0o600, int(moment)
                tar.addfile(member, io.BytesIO(data))
        return buffer.getvalue()
