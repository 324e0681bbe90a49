# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The block map: which blocks of an image hold data. bmap 2.0, the format of bmaptool.

Ranges never cross the boundary of a frame (``seekable.FRAME_SIZE``), so that each frame can be
verified by itself, in any order. bmaptool reads such a map like any other.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import typing as t
from xml.etree import ElementTree

from .._errors import BaremetalError

BLOCK_SIZE = 4096

_ZERO_BLOCK = bytes(BLOCK_SIZE)
_CHECKSUM_PLACE = "0" * 64


class Range(t.NamedTuple):
    """Blocks ``first`` to ``last``, both included; ``digest`` is the sha256 of their content in hex."""

    first: int
    last: int
    digest: str


class BlockMap(t.NamedTuple):
    """``image_size`` in bytes and the mapped ``ranges`` in rising order."""

    image_size: int
    ranges: t.List[Range]

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


def parse(data):
    """Read a map that :func:`render` made.

    :param data: bytes of the XML file.
    :returns: a :class:`BlockMap`.
    :raises BaremetalError: when it is no valid map.
    """
    try:
        events = ElementTree.iterparse(io.BytesIO(data), ("start", "end"))
        root = next(events)[1]
        block_map, ranges = None, []
        for event, element in events:
            if element.tag == "BlockMap":
                block_map = element
            elif element.tag == "Range" and event == "end":
                first, separator, last = element.text.partition("-")
                part = Range(int(first), int(last if separator else first), element.attrib["chksum"])
                if part.last < part.first or part.first <= (ranges[-1].last if ranges else -1):
                    raise ValueError(f"the range {element.text.strip()} is out of order")
                ranges.append(part)
                # An element takes several times the memory of what was read from it, and there may be a million.
                block_map.clear()
        image_size = int(root.findtext("ImageSize"))
        if root.get("version") != "2.0" or int(root.findtext("BlockSize")) != BLOCK_SIZE or root.findtext("ChecksumType").strip() != "sha256":
            raise ValueError("another version, block size or kind of checksum")
        if block_map is None or ranges and ranges[-1].last * BLOCK_SIZE >= image_size:
            raise ValueError("no block map, or a range outside the image")
    except (ElementTree.ParseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise BaremetalError(
            "the block map cannot be read", stage="read the block map", seen=str(error) or type(error).__name__, cure="publish the image again") from error
    return BlockMap(image_size, ranges)
