# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A file as the body of an HTTP request, alone or in a form, without ever being in memory as a whole.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import uuid

from .._errors import BaremetalError


class _Framed:
    """Bytes, then a file, then bytes, for whoever calls ``read``."""

    def __init__(self, head, file, tail):
        self._parts = [head, file, tail]

    def read(self, size=65536):
        while self._parts:
            part = self._parts[0]
            if isinstance(part, bytes):
                chunk, self._parts[0] = part[:size], part[size:]
            else:
                chunk = part.read(size)
            if chunk:
                return chunk
            self._parts.pop(0)
        return b""


def file_size(path, stage):
    """The size of an image file in bytes.

    :raises BaremetalError: when it cannot be read, is no ordinary file or is empty.
    """
    try:
        with open(path, "rb"):
            status = os.stat(path)
    except OSError as error:
        raise BaremetalError(f"the file {path} cannot be read", stage=stage, seen=error.strerror,
                             cure="give a file on the host that does the work, which is the controller unless "
                                  "the task is delegated") from error
    if not stat.S_ISREG(status.st_mode) or not status.st_size:
        raise BaremetalError(f"the file {path} is no firmware image", stage=stage,
                             seen="it is empty" if stat.S_ISREG(status.st_mode) else "it is no ordinary file",
                             cure="give the image as its maker published it")
    return status.st_size


@contextlib.contextmanager
def plain(path):
    """A file as the whole body.

    :returns: context manager that gives ``(content type, length in bytes, file object)``.
    """
    with open(path, "rb") as file:
        yield "application/octet-stream", os.fstat(file.fileno()).st_size, file


@contextlib.contextmanager
def form(path, parameters):
    """A file as the part UpdateFile of a form, after parts of JSON (DSP0266, 13.5: multipart HTTP push update).

    :param path: path of the file.
    :param parameters: dict of JSON objects by the name of their part, in the order in which they are sent.
    :returns: as ``plain``.
    """
    boundary = uuid.uuid4().hex
    # What has a meaning inside a header stays out of the name.
    name = re.sub(r"[^A-Za-z0-9._+-]", "_", os.path.basename(path))
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{part}"\r\nContent-Type: application/json\r\n\r\n{json.dumps(value)}\r\n'
        for part, value in parameters.items())
    head += (f'--{boundary}\r\nContent-Disposition: form-data; name="UpdateFile"; filename="{name}"\r\n'
             "Content-Type: application/octet-stream\r\n\r\n")
    tail = f"\r\n--{boundary}--\r\n"
    with open(path, "rb") as file:
        length = len(head) + os.fstat(file.fileno()).st_size + len(tail)
        yield f"multipart/form-data; boundary={boundary}", length, _Framed(head.encode(), file, tail.encode())
