# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing an image over an earlier one: what is on the disk already is neither fetched nor written.

The block map carries a digest for every range, so comparing takes no more than reading the disk.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import hashlib
import threading
from array import array

from . import blockmap, seekable
from .publication import fetch_frame, frame_places, plan, wrong_part
from .target import EDGE, aligned, open_target

# Ranges looked at to guess whether comparing is worth it, and of how many bytes at most if there are such.
_PROBES = 24
_PROBE_SIZE = 1024 * 1024


def resembles(image, device, place=None):
    """Whether a disk holds so much of an image that comparing first is worth it.

    Looks at a few ranges all over the disk. A guess: whatever it says, the image is written completely.

    :param image: an :class:`~.publication.Image`.
    :param device: path of the device.
    :param place: see :func:`~.target.open_target`.
    :returns: True when at least a quarter of them are as in the image.
    """
    size, ranges = image.size, image.block_map.ranges
    # Not the ends: they change with every deploy, and the last block may be no whole one.
    numbers = array("Q", (number for number, part in enumerate(ranges)
                          if part.first * blockmap.BLOCK_SIZE >= EDGE and (part.last + 1) * blockmap.BLOCK_SIZE <= size - EDGE))
    numbers = array("Q", (number for number in numbers if _size(ranges[number]) <= _PROBE_SIZE)) or numbers
    probes = [ranges[number] for number in numbers[::max(1, len(numbers) // _PROBES)][:_PROBES]]
    target = open_target(device, place)
    buffer = aligned(seekable.FRAME_SIZE)
    same = 0
    try:
        for part in probes:
            view = buffer[:_size(part)]
            try:
                target.read(view, part.first * blockmap.BLOCK_SIZE)
            except OSError:
                # Too small, or unreadable there: whoever writes will tell.
                continue
            same += hashlib.sha256(view).hexdigest() == part.digest
    finally:
        target.close()
    return bool(probes) and same * 4 >= len(probes)


def _size(part):
    return (part.last - part.first + 1) * blockmap.BLOCK_SIZE


class Renewal:
    """One pass over a disk that holds an earlier image.

    :param image: the :class:`~.publication.Image` to write.
    :param target: the :class:`~.target.Target`, whose edges were remembered before they were cleared.
    """

    def __init__(self, image, target):
        self._image = image
        self._target = target
        self._places = None
        self._lock = threading.Lock()

    def run(self, crew):
        """Hand all frames with data out to a :class:`~.crew.Crew`."""
        for item in plan(self._image):
            if item.ranges:
                crew.submit(self._frame, crew, item)
            if crew.failed:
                return

    def _frame(self, crew, item):
        old, new = crew.buffer("old"), crew.buffer("new")
        runs = [(start, self._target.whole(end)) for start, end in item.runs()]
        try:
            for start, end in runs:
                self._target.read(old[start:end], item.start + start)
            known = True
        except OSError:
            # A disk may well take a write where it cannot be read; and if it does not, it will tell.
            known = False
        stale = [part for part in self._parts(item, runs) if not (known and _holds(old, *part))]
        if any(digest for start, end, digest in stale):
            seekable.decompress(self._fetch(item.number, crew.wait), new[:item.raw_size])
        spans = []
        for start, end, digest in stale:
            if digest is None:
                new[start:end] = bytes(end - start)
            elif not _holds(new, start, end, digest):
                raise wrong_part(item.start + start, end - start)
            _extend(spans, _changed(old, new, start, end) if known else [(start, end)])
            # What is in here now was proved to be on the disk, or just now.
            old[start:end] = new[start:end]
        written = 0
        for start, end in spans:
            # Only where the image ends inside a sector this changes anything.
            start, end = start - start % self._target.sector, self._target.whole(end)
            self._target.write(old[start:end], item.start + start)
            written += end - start
        for start, end in runs:
            # The ends are put back whole.
            self._target.keep(old[start:end], item.start + start)
        self._target.leave(max(0, item.mapped_size - written))
        crew.add(item.mapped_size)

    @staticmethod
    def _parts(item, runs):
        """What the runs of a frame consist of, as (start, end, digest); the digest of what must be zero is None."""
        spans = list(item.spans())
        for first, last in runs:
            position = first
            for start, end, digest in spans:
                if first <= start < last:
                    if position < start:
                        yield position, start, None
                    yield start, end, digest
                    position = end
            # Behind the end of the image, up to a whole sector.
            if position < last:
                yield position, last, None

    def _fetch(self, number, wait):
        """The compressed frame of a number."""
        with self._lock:
            if self._places is None:
                self._places = frame_places(self._image, wait)
        return fetch_frame(self._image, self._places, number, wait)


def _holds(buffer, start, end, digest):
    """Whether a part of a frame is what it must be."""
    if digest is None:
        return not buffer[start:end].tobytes().strip(b"\0")
    return hashlib.sha256(buffer[start:end]).hexdigest() == digest


def _changed(old, new, start, end):
    """Spans of whole blocks that differ, as (start, end) between ``start`` and ``end``."""
    before, after = old[start:end].tobytes(), new[start:end].tobytes()
    for position in range(0, end - start, blockmap.BLOCK_SIZE):
        behind = min(position + blockmap.BLOCK_SIZE, end - start)
        if before[position:behind] != after[position:behind]:
            yield start + position, start + behind


def _extend(spans, more):
    """Add spans that follow, those that touch as one."""
    for start, end in more:
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
