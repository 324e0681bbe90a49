# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The block map: which blocks of an image hold data. bmap 2.0, the format of bmaptool.

Ranges never cross the boundary of a frame (:data:`.seekable.FRAME_SIZE`), so that each frame can be
verified by itself, in any order. bmaptool reads such a map like any other.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import collections.abc
import errno
import hashlib
import os
import typing as t
from array import array
from xml.parsers import expat

from .seekable import FRAME_SIZE
from .._errors import BaremetalError

BLOCK_SIZE = 4096
FRAME_BLOCKS = FRAME_SIZE // BLOCK_SIZE

_ZERO_BLOCK = bytes(BLOCK_SIZE)
_CHECKSUM_PLACE = "0" * 64
_DIGEST = hashlib.sha256().digest_size


class Range(t.NamedTuple):
    """Blocks ``first`` to ``last``, both included; ``digest`` is the sha256 of their content in hex."""

    first: int
    last: int
    digest: str


class Ranges(collections.abc.Sequence):
    """Any number of :class:`Range`, in 48 bytes each: a large image has a million of them, which would take 300 MB of a node's memory as they are."""

    def __init__(self):
        self._edges = array("Q")
        self._digests = bytearray()

    def append(self, part):
        """Add a range.

        :raises ValueError: when its digest is no sha256.
        """
        digest = bytes.fromhex(part.digest)
        if len(digest) != _DIGEST:
            raise ValueError(f"a checksum of {len(digest)} bytes")
        self._edges.extend((part.first, part.last))
        self._digests += digest

    def __len__(self):
        return len(self._edges) // 2

    def __getitem__(self, number):
        number = range(len(self))[number]
        return Range(self._edges[2 * number], self._edges[2 * number + 1], self._digests[_DIGEST * number:_DIGEST * (number + 1)].hex())


class BlockMap(t.NamedTuple):
    """``image_size`` in bytes and the mapped ``ranges`` in rising order."""

    image_size: int
    ranges: t.Sequence[Range]

    @property
    def mapped_blocks(self):
        """Number of blocks that hold data."""
        return sum(part.last - part.first + 1 for part in self.ranges)


def data_extents(descriptor, size):
    """What the file system says about where a file holds data.

    :param descriptor: file descriptor.
    :param size: size of the file in bytes.
    :returns: iterator of (start, end) in bytes. A file system that knows nothing of holes yields
        the whole file.
    """
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, end
        position = end


def mapped_runs(data):
    """Runs of blocks that are not all zero.

    :param data: bytes that start at a block boundary; the last block may be short.
    :returns: list of (first, last) block numbers counted from the start of ``data``.
    """
    runs = []
    start = None
    count = -(-len(data) // BLOCK_SIZE)
    for number in range(count):
        # startswith compares in place and stops at the first byte that differs.
        zero = data.startswith(_ZERO_BLOCK, number * BLOCK_SIZE)
        if zero and start is not None:
            runs.append((start, number - 1))
            start = None
        elif not zero and start is None:
            start = number
    if start is not None:
        # A short last block never matches a whole zero block; look at it once more.
        tail = (count - 1) * BLOCK_SIZE
        if len(data) - tail < BLOCK_SIZE and not any(data[tail:]):
            count -= 1
        if start < count:
            runs.append((start, count - 1))
    return runs


def render(block_map):
    """The map as bmap 2.0 XML.

    :param block_map: a :class:`BlockMap`.
    :returns: bytes.
    """
    count = -(-block_map.image_size // BLOCK_SIZE)
    lines = [
        '<?xml version="1.0" ?>',
        '<bmap version="2.0">',
        f"    <ImageSize> {block_map.image_size} </ImageSize>",
        f"    <BlockSize> {BLOCK_SIZE} </BlockSize>",
        f"    <BlocksCount> {count} </BlocksCount>",
        f"    <MappedBlocksCount> {block_map.mapped_blocks} </MappedBlocksCount>",
        "    <ChecksumType> sha256 </ChecksumType>",
        f"    <BmapFileChecksum> {_CHECKSUM_PLACE} </BmapFileChecksum>",
        "    <BlockMap>",
    ]
    for part in block_map.ranges:
        blocks = f"{part.first}" if part.first == part.last else f"{part.first}-{part.last}"
        lines.append(f'        <Range chksum="{part.digest}"> {blocks} </Range>')
    lines += ["    </BlockMap>", "</bmap>", ""]
    text = "\n".join(lines)
    # The format defines its own checksum as that of the file with zeros in its place.
    return text.replace(_CHECKSUM_PLACE, hashlib.sha256(text.encode()).hexdigest(), 1).encode()


# Which elements a map consists of, and how deep in each other they are.
_ELEMENTS = {"bmap": 0, **dict.fromkeys((
    "ImageSize", "BlockSize", "BlocksCount", "MappedBlocksCount", "ChecksumType", "BmapFileChecksum", "BlockMap"), 1), "Range": 2}
# How a map that is none shows, an encoding that is unknown among it.
_INVALID = (expat.ExpatError, ValueError, TypeError, LookupError, OverflowError)
# Characters of a text between two tags.
_TEXT = 200


class Reader:
    """Reads a map that :func:`render` made, piece by piece.

    What is wrong with it is told at the end: who gives the pieces may know by then that it is not the map that was published, which says more.
    Until then anything may come, and it must not fill the memory.
    """

    def __init__(self):
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._document_type
        self._parser.StartElementHandler = self._start
        self._parser.CharacterDataHandler = self._data
        self._parser.EndElementHandler = self._end
        self._depth = 0
        self._root = None
        self._found = {}
        self._ranges = Ranges()
        self._text = self._digest = ""
        self._error = None

    def feed(self, data, last=False):
        """Take the next bytes of the XML file.

        :param last: whether they are the last.
        """
        if self._error is None:
            try:
                self._parser.Parse(data, last)
            except _INVALID as error:
                self._error = error

    def finish(self):
        """What was read.

        :returns: a :class:`BlockMap`.
        :raises BaremetalError: when it is no valid map.
        """
        self.feed(b"", last=True)
        try:
            if self._error is not None:
                raise self._error
            if (self._root.get("version"), int(self._found["BlockSize"]), self._found["ChecksumType"]) != ("2.0", BLOCK_SIZE, "sha256"):
                raise ValueError("another version, block size or kind of checksum")
            image_size = int(self._found["ImageSize"])
            if "BlockMap" not in self._found or self._ranges and self._ranges[-1].last * BLOCK_SIZE >= image_size:
                raise ValueError("no block map, or a range outside the image")
        except _INVALID as error:
            raise BaremetalError(
                "the block map cannot be read", stage="read the block map", seen=str(error) or type(error).__name__, cure="publish the image again") from error
        return BlockMap(image_size, self._ranges)

    def _document_type(self, *dummy):
        # It could define a text that is longer than memory.
        raise ValueError("a document type")

    def _start(self, tag, attributes):
        if _ELEMENTS.get(tag) != self._depth:
            raise ValueError(f"the element {tag[:40]}")
        self._depth += 1
        if self._root is None:
            self._root = attributes
        self._text = ""
        if tag == "Range":
            self._digest = attributes["chksum"]

    def _data(self, text):
        self._text += text
        if len(self._text) > _TEXT:
            raise ValueError(f"a text that begins with {self._text[:40]}")

    def _end(self, tag):
        self._depth -= 1
        if tag == "Range":
            first, separator, last = self._text.partition("-")
            part = Range(int(first), int(last if separator else first), self._digest)
            if part.last < part.first or part.first <= (self._ranges[-1].last if self._ranges else -1):
                raise ValueError(f"the range {self._text.strip()} is out of order")
            if part.first // FRAME_BLOCKS != part.last // FRAME_BLOCKS:
                raise ValueError(f"the range {self._text.strip()} crosses frames")
            self._ranges.append(part)
        else:
            self._found.setdefault(tag, self._text.strip())
