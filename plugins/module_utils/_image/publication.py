# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A published image as a node sees it: what it must be, which parts of the disk it covers, and its frames.

What is trusted, and how it reaches every block: the caller gives ``manifest_digest``, which the
registry recorded when the image was published. It pins manifest.json; the manifest pins the
block map (``bmap_digest``), the seek table and the compressed stream; the block map pins each
mapped range by its sha256. So a range that was verified is the published content, and what is
not mapped is made zero. ``digest``, the sha256 of the whole raw image, is compared with the
manifest and not computed again: it would mean hashing every gigabyte of zeros on every node.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import typing as t
from array import array

from . import blockmap, seekable
from .._errors import BaremetalError
from .formats import MBR_SECTOR
from .stream import Stream, fetch, pieces

DISK = "disk.raw.zst"
MAP = "disk.bmap"
MANIFEST = "manifest.json"

_MANIFEST_LIMIT = 1024 * 1024
# Bytes of a block map that a node takes, twice what the publisher makes at most.
MAP_LIMIT = 256 * 1024 * 1024
# Holes up to this length inside a frame are written as zeros together with their neighbours:
# one larger write is cheaper than two writes and a zeroing request.
_BRIDGE = 128 * 1024


class Image(t.NamedTuple):
    """A published image: its address, its manifest and its block map."""

    url: str
    manifest: dict
    block_map: blockmap.BlockMap

    @property
    def size(self):
        """Bytes of the raw image."""
        return self.manifest["virtual_size"]

    @property
    def table(self):
        """Its partition table, gpt or mbr; None for a partition image."""
        return self.manifest.get("partition_table")

    @property
    def sector(self):
        """Bytes of the sectors in which its partition table counts, or on which its file system can be mounted at most; None when that is not known."""
        # Of an MBR, earlier manifests do not say.
        return self.manifest.get("sector_size") or (MBR_SECTOR if self.table == "mbr" else None)

    @property
    def file_system(self):
        """Name of the file system that a partition image holds; None for a whole disk."""
        return self.manifest.get("file_system")

    @property
    def mapped_size(self):
        """Bytes of the image that hold data."""
        return self.block_map.mapped_blocks * blockmap.BLOCK_SIZE


class Work(t.NamedTuple):
    """One frame: its number, where it starts in the raw image, its raw size and its mapped ranges."""

    number: int
    start: int
    raw_size: int
    ranges: t.List[blockmap.Range]

    def spans(self):
        """Its mapped ranges as (start, end, digest), in bytes from the start of the frame."""
        for part in self.ranges:
            yield (part.first * blockmap.BLOCK_SIZE - self.start,
                   min((part.last + 1) * blockmap.BLOCK_SIZE - self.start, self.raw_size), part.digest)

    @property
    def mapped_size(self):
        """Bytes of its ranges."""
        return sum(part.last - part.first + 1 for part in self.ranges) * blockmap.BLOCK_SIZE

    def runs(self):
        """What is written of it, as (start, end) in bytes from its start: its ranges with small holes bridged."""
        runs = []
        for start, end, dummy in self.spans():
            if runs and start - runs[-1][1] <= _BRIDGE:
                runs[-1] = runs[-1][0], end
            else:
                runs.append((start, end))
        return runs


def fetch_image(url, digest, manifest_digest):
    """Fetch and verify the manifest and the block map of a published image.

    :param url: address of the published directory.
    :param digest: expected ``sha256:HEX`` of the raw image.
    :param manifest_digest: expected ``sha256:HEX`` of manifest.json.
    :returns: an :class:`Image`.
    :raises BaremetalError: when something cannot be fetched or is not what was published.
    """
    url = url if url.endswith("/") else url + "/"
    data = fetch(url + MANIFEST, "fetch the manifest", _MANIFEST_LIMIT)
    _verify(hashlib.sha256(data), manifest_digest, "the manifest of the image")
    try:
        manifest = json.loads(data)
        if manifest["version"] != 1 or manifest["frame_size"] != seekable.FRAME_SIZE:
            raise ValueError(f"version {manifest['version']}, frames of {manifest['frame_size']} bytes")
        wanted = manifest["digest"], manifest["virtual_size"], manifest["bmap_digest"], manifest["seek_table_digest"], manifest["compressed_digest"]
    except (ValueError, KeyError, TypeError) as error:
        raise BaremetalError("the manifest of the image is of another kind than this version of the collection reads",
                             stage="fetch the manifest", seen=str(error), cure="publish the image again with this version") from error
    if wanted[0] != digest:
        raise BaremetalError("the address holds another image than it must", stage="fetch the manifest", seen=f"{wanted[0]} where {digest} belongs",
                             cure="correct the option url or digest")
    reader, hashed = blockmap.Reader(), hashlib.sha256()
    # Of a large image it is a hundred MiB, which need not be in memory.
    for piece in pieces(url + MAP, "fetch the block map", MAP_LIMIT):
        hashed.update(piece)
        reader.feed(piece)
    _verify(hashed, manifest["bmap_digest"], "the block map of the image")
    block_map = reader.finish()
    if block_map.image_size != manifest["virtual_size"]:
        raise BaremetalError("block map and manifest contradict each other", stage="fetch the block map",
                             seen=f"{block_map.image_size} and {manifest['virtual_size']} bytes", cure="publish the image again")
    return Image(url, manifest, block_map)


def _verify(hashed, expected, what):
    actual = f"sha256:{hashed.hexdigest()}"
    if actual != expected:
        raise BaremetalError(f"{what} is not the one that was published", stage="verify the image",
                             seen=f"{actual} where {expected} belongs", cure=seekable.PUBLISH_AGAIN)


def plan(image):
    """The frames of an image, those without data too, as an iterator of :class:`Work`: of a large image they are not in memory at once."""
    ranges = iter(image.block_map.ranges)
    part = next(ranges, None)
    for number, start in enumerate(range(0, image.size, seekable.FRAME_SIZE)):
        mine = []
        while part is not None and part.first // blockmap.FRAME_BLOCKS == number:
            mine.append(part)
            part = next(ranges, None)
        yield Work(number, start, min(seekable.FRAME_SIZE, image.size - start), mine)


def holes(work, size, sector):
    """What lies between the runs of all frames.

    :param work: the frames.
    :param size: bytes of the image.
    :param sector: bytes of a sector of the disk, whole numbers of which are written.
    :returns: iterator of (start, end) in bytes.
    """
    def whole(length):
        return -(-length // sector) * sector

    position = 0
    for item in work:
        for start, end in item.runs():
            if position < item.start + start:
                yield position, item.start + start
            position = whole(item.start + end)
    if position < whole(size):
        yield position, whole(size)


def seek_table(image, wait=time.sleep):
    """Fetch the seek table from the end of the published file.

    :param wait: see :class:`~.stream.Stream`.
    :returns: list of :class:`~.seekable.Frame`, and the bytes of the table.
    :raises BaremetalError: when it cannot be fetched or is not what was published.
    """
    manifest = image.manifest
    size = manifest["seek_table_size"]
    with Stream(image.url + DISK, "fetch the seek table", start=manifest["compressed_size"] - size, wait=wait) as stream:
        table = bytearray(size)
        if stream.readinto(table) != size:
            raise BaremetalError("the published image is cut off", stage="fetch the seek table",
                                 seen=f"no {manifest['compressed_size']} bytes", cure=seekable.PUBLISH_AGAIN)
    _verify(hashlib.sha256(table), manifest["seek_table_digest"], "the seek table of the image")
    frames = seekable.parse_table(bytes(table))
    count = -(-image.size // seekable.FRAME_SIZE)
    if len(frames) != count:
        raise BaremetalError("seek table and manifest contradict each other", stage="fetch the seek table",
                             seen=f"{len(frames)} frames, not {count}", cure=seekable.PUBLISH_AGAIN)
    return frames, table


def frame_places(image, wait=time.sleep):
    """Where the frames of a published image lie in its file.

    :param wait: see :class:`~.stream.Stream`.
    :returns: array of where each begins, in bytes, and where the last one ends.
    :raises BaremetalError: as :func:`seek_table` does.
    """
    return array("Q", itertools.accumulate((frame.compressed for frame in seek_table(image, wait)[0]), initial=0))


def fetch_frame(image, places, number, wait=time.sleep):
    """Fetch one frame by a request of its own, as it is in the file.

    :param places: what :func:`frame_places` returned.
    :param number: number of the frame.
    :param wait: see :class:`~.stream.Stream`.
    :raises BaremetalError: when it cannot be fetched.
    """
    start, end = places[number:number + 2]
    data = bytearray(end - start)
    with Stream(image.url + DISK, "fetch the image", start=start, end=end, wait=wait) as stream:
        if stream.readinto(data) != len(data):
            raise BaremetalError("the published image is cut off", stage="fetch the image",
                                 seen=f"it ends after {stream.position} bytes", cure=seekable.PUBLISH_AGAIN)
    return data


def wrong_part(start, length):
    """The error for a part of the image, told by where it lies in bytes, that has another digest than it must have."""
    return BaremetalError("a part of the image is not what was published", stage="verify the image",
                          seen=f"a wrong checksum for the {length} bytes at {start}", cure=seekable.PUBLISH_AGAIN)
