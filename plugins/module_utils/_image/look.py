# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an image holds at a place, fetched before any of it is written.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import hashlib
import itertools
import struct

from . import formats, seekable
from .publication import fetch_frame, frame_places, plan, wrong_part
from .rawstream import RawImage
from .stream import Stream

# Types of an extended partition in an MBR.
_EXTENDED = (0x05, 0x0F, 0x85)
_MOST_RECORDS = 128


def read(image, start):
    """Some of what an image holds, enough for a partition table or the superblock of a file system.

    :param image: an :class:`~.publication.Image` or a :class:`~.rawstream.RawImage`.
    :param start: offset in bytes.
    :returns: :data:`.formats.HEAD` bytes, fewer at the end of the image.
    :raises BaremetalError: when it cannot be fetched or, of a published image, is not what was published.
    """
    end = min(start + formats.HEAD, image.size)
    if end <= start:
        return b""
    if isinstance(image, RawImage):
        data = bytearray(end - start)
        # Its beginning is had from a server without ranges as well, as is all of it.
        with Stream(image.url, "fetch the image", start=start, end=end if start else None) as stream:
            return bytes(data[:stream.readinto(data)])
    places = frame_places(image)
    first, last = start // seekable.FRAME_SIZE, -(-end // seekable.FRAME_SIZE)
    data = b"".join(_frame(image, item, places) for item in itertools.islice(plan(image), first, last))
    return data[start - first * seekable.FRAME_SIZE:][:end - start]


def heads(image, head, sector):
    """The first bytes of each partition of a whole disk, logical ones too, each fetched when it is asked for.

    :param image: as :func:`read` takes it.
    :param head: its first bytes.
    :param sector: bytes of a sector.
    :raises BaremetalError: as :func:`read` does.
    """
    for first, dummy in formats.partitions(head, sector).values():
        yield read(image, first * sector)
    for first in _logical(image, head, sector):
        yield read(image, first * sector)


def _logical(image, head, sector):
    """First sectors of the logical partitions of an MBR. Each is told by a record of its own, which tells where the next record is."""
    slots = (struct.unpack_from("<4xB3xI", head, offset) for offset in range(446, 510, 16))
    extended = next((first for kind, first in slots if kind in _EXTENDED), None)
    link, seen = 0, set()
    # Records that lead back would never end.
    while extended is not None and link not in seen and len(seen) < _MOST_RECORDS:
        seen.add(link)
        record = read(image, (extended + link) * sector)
        if record[510:512] != b"\x55\xaa":
            return
        kind, first = struct.unpack_from("<4xB3xI", record, 446)
        if kind:
            yield extended + link + first
        kind, link = struct.unpack_from("<4xB3xI", record, 462)
        if kind not in _EXTENDED:
            return


def _frame(image, item, places):
    data = bytearray(item.raw_size)
    seekable.decompress(fetch_frame(image, places, item.number), data)
    for start, end, digest in item.spans():
        if hashlib.sha256(memoryview(data)[start:end]).hexdigest() != digest:
            raise wrong_part(item.start + start, end - start)
    return data
