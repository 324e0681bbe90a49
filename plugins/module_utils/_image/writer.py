# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing a published image to a disk: fetch, decompress, verify and write at the same time.

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
import json
import os
import threading
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from . import blockmap, seekable
from .._errors import BaremetalError
from .stream import Stream, fetch
from .target import Target, aligned

_MANIFEST_LIMIT = 1024 * 1024
_MAP_LIMIT = 256 * 1024 * 1024
# Holes up to this length inside a frame are written as zeros together with their neighbours:
# one larger write is cheaper than two writes and a zeroing request.
_BRIDGE = 128 * 1024


class Image(t.NamedTuple):
    """A published image as a node sees it: its address, its manifest and its block map."""

    url: str
    manifest: dict
    block_map: blockmap.BlockMap


def fetch_image(url, digest, manifest_digest):
    """Fetch and verify the manifest and the block map of a published image.

    :param url: address of the published directory.
    :param digest: expected ``sha256:HEX`` of the raw image.
    :param manifest_digest: expected ``sha256:HEX`` of manifest.json.
    :returns: an :class:`Image`.
    :raises BaremetalError: when something cannot be fetched or is not what was published.
    """
    url = url if url.endswith("/") else url + "/"
    data = fetch(url + "manifest.json", "fetch the manifest", _MANIFEST_LIMIT)
    _verify(data, manifest_digest, "the manifest of the image")
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
    data = fetch(url + "disk.bmap", "fetch the block map", _MAP_LIMIT)
    _verify(data, manifest["bmap_digest"], "the block map of the image")
    block_map = blockmap.parse(data)
    if block_map.image_size != manifest["virtual_size"]:
        raise BaremetalError("block map and manifest contradict each other", stage="fetch the block map",
                             seen=f"{block_map.image_size} and {manifest['virtual_size']} bytes", cure="publish the image again")
    return Image(url, manifest, block_map)


def _verify(data, expected, what):
    actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if actual != expected:
        raise BaremetalError(f"{what} is not the one that was published", stage="verify the image",
                             seen=f"{actual} where {expected} belongs", cure=seekable.PUBLISH_AGAIN)


def check_size(image, size, device):
    """Make sure that a disk is large enough.

    :param size: size of the disk in bytes.
    :raises BaremetalError: when it is not.
    """
    needed = image.manifest["virtual_size"]
    if needed > size:
        raise BaremetalError(
            "the image is larger than the disk", stage="choose the disk", seen=f"the image has {needed} bytes, {device} has {size} bytes",
            cure="choose a larger disk by the root device hints, or publish a smaller image")


def write_image(image, device, report=lambda written, total: None):
    """Write an image to a disk that nobody uses.

    On failure both ends of the disk are zero, so that nothing boots from it.

    :param image: an :class:`Image`.
    :param device: path of the device.
    :param report: function that takes bytes done and bytes to do, called about once a second.
    :returns: dict with bytes_written, bytes_mapped and seconds.
    :raises BaremetalError: when the server, the content or the disk fails.
    """
    begun = time.monotonic()
    seekable.need_zstandard()
    target = Target(device)
    try:
        check_size(image, target.size, device)
        try:
            target.clear_edges()
            _Writing(image, target, report).run()
            target.write_edges()
        except BaseException:
            target.clear_edges()
            raise
    except OSError as error:
        raise target.explained(error).at(stage="write the image") from error
    finally:
        target.close()
    return {
        "bytes_written": target.bytes_written,
        "bytes_mapped": image.block_map.mapped_blocks * blockmap.BLOCK_SIZE,
        "seconds": round(time.monotonic() - begun, 3),
    }


class _Work(t.NamedTuple):
    """One frame: its number, where it starts in the raw image, its raw size and its mapped ranges."""

    number: int
    start: int
    raw_size: int
    ranges: t.List[blockmap.Range]


class _Writing:
    """One pass over the frames: this thread fetches, the others decompress, verify and write."""

    def __init__(self, image, target, report):
        self._image = image
        self._target = target
        self._report = report
        # More threads than cores, because each waits for the disk while others compute; few
        # enough that frames in flight stay below 100 MiB.
        self._workers = min(6, 2 * (os.cpu_count() or 1) + 1)
        self._slots = threading.BoundedSemaphore(self._workers + 2)
        self._failed = threading.Event()
        self._failure = None
        self._done = 0
        self._lock = threading.Lock()
        self._buffers = threading.local()
        self._reported = time.monotonic()

    def run(self):
        """Write everything between the edges of the disk and hand the rest to the target."""
        work = self._plan()
        with ThreadPoolExecutor(self._workers) as pool, ThreadPoolExecutor(1) as zeroer:
            try:
                self._submit(zeroer, self._zero_holes, list(self._holes(work)))
                self._fetch(work, pool)
                # Waited for in here, where being told to stop reaches the threads.
                pool.shutdown()
                zeroer.shutdown()
            except BaseException as error:
                # Leaving the pools waits for their threads, which end when they see this.
                self._fail(error)
        if self._failure is not None:
            raise self._failure
        self._report(self._done, self._done)

    def _plan(self):
        size = self._image.manifest["virtual_size"]
        work = [_Work(start // seekable.FRAME_SIZE, start, min(seekable.FRAME_SIZE, size - start), []) for start in range(0, size, seekable.FRAME_SIZE)]
        blocks = seekable.FRAME_SIZE // blockmap.BLOCK_SIZE
        for part in self._image.block_map.ranges:
            if part.first // blocks != part.last // blocks:
                raise BaremetalError("a range of the block map crosses frames", stage="read the block map",
                                     seen=f"blocks {part.first}-{part.last}", cure="publish the image again")
            work[part.first // blocks].ranges.append(part)
        return work

    def _runs(self, item):
        """Spans of a frame to write, as (start, end) from its start: its ranges with small holes bridged."""
        runs = []
        for part in item.ranges:
            start = part.first * blockmap.BLOCK_SIZE - item.start
            end = min((part.last + 1) * blockmap.BLOCK_SIZE - item.start, item.raw_size)
            if runs and start - runs[-1][1] <= _BRIDGE:
                runs[-1] = runs[-1][0], end
            else:
                runs.append((start, end))
        return runs

    def _holes(self, work):
        position = 0
        for item in work:
            for start, end in self._runs(item):
                if position < item.start + start:
                    yield position, item.start + start
                position = item.start + end
        size = self._round_up(self._image.manifest["virtual_size"])
        position = self._round_up(position)
        if position < size:
            yield position, size

    def _round_up(self, length):
        return -(-length // self._target.sector) * self._target.sector

    def _zero_holes(self, holes):
        for start, end in holes:
            for dummy in self._target.zero(start, end):
                if self._failed.is_set():
                    return

    def _fetch(self, work, pool):
        manifest = self._image.manifest
        digest = hashlib.sha256()
        frames = self._frames(len(work))
        with Stream(self._image.url + "disk.raw.zst", "fetch the image") as stream:
            stream.open()
            if stream.size not in (None, manifest["compressed_size"]):
                raise BaremetalError("the published image has another size than its manifest says", stage="fetch the image",
                                     seen=f"{stream.size} bytes where {manifest['compressed_size']} belong", cure=seekable.PUBLISH_AGAIN)
            for item, frame in zip(work, frames):
                data = self._read(stream, frame.compressed, digest)
                if item.ranges:
                    self._slots.acquire()
                    self._submit(pool, self._write_frame, item, data, release=self._slots)
                if self._failed.is_set():
                    return
                self._tell()
            self._read(stream, manifest["seek_table_size"], digest)
        if f"sha256:{digest.hexdigest()}" != manifest["compressed_digest"]:
            raise BaremetalError("the image was damaged on its way or on the boot server", stage="verify the image",
                                 seen=f"sha256:{digest.hexdigest()} for the whole stream where {manifest['compressed_digest']} belongs",
                                 cure=seekable.PUBLISH_AGAIN)

    def _frames(self, count):
        """The seek table, fetched from the end of the file."""
        manifest = self._image.manifest
        size = manifest["seek_table_size"]
        with Stream(self._image.url + "disk.raw.zst", "fetch the seek table", start=manifest["compressed_size"] - size) as stream:
            table = bytearray(size)
            if stream.readinto(table) != size:
                raise BaremetalError("the published image is cut off", stage="fetch the seek table",
                                     seen=f"no {manifest['compressed_size']} bytes", cure=seekable.PUBLISH_AGAIN)
        _verify(table, manifest["seek_table_digest"], "the seek table of the image")
        frames = seekable.parse_table(bytes(table))
        if len(frames) != count:
            raise BaremetalError("seek table and manifest contradict each other", stage="fetch the seek table",
                                 seen=f"{len(frames)} frames, not {count}", cure=seekable.PUBLISH_AGAIN)
        return frames

    @staticmethod
    def _read(stream, size, digest):
        data = bytearray(size)
        if stream.readinto(data) != size:
            raise BaremetalError("the published image is cut off", stage="fetch the image",
                                 seen=f"it ends after {stream.position} bytes", cure=seekable.PUBLISH_AGAIN)
        digest.update(data)
        return data

    def _write_frame(self, item, data):
        raw = seekable.decompress(data, item.raw_size)
        view = memoryview(raw)
        buffer = self._buffer()
        filled = 0
        for part in item.ranges:
            start = part.first * blockmap.BLOCK_SIZE - item.start
            end = min((part.last + 1) * blockmap.BLOCK_SIZE - item.start, item.raw_size)
            if hashlib.sha256(view[start:end]).hexdigest() != part.digest:
                raise BaremetalError("a part of the image is not what was published", stage="verify the image",
                                     seen=f"a wrong checksum for blocks {part.first}-{part.last} of {blockmap.BLOCK_SIZE} bytes", cure=seekable.PUBLISH_AGAIN)
            # What lies between ranges was not verified: it is zero because it is made so here.
            buffer[filled:start] = bytes(start - filled)
            buffer[start:end] = view[start:end]
            filled = end
        padded = self._round_up(filled)
        buffer[filled:padded] = bytes(padded - filled)
        for start, end in self._runs(item):
            self._target.write(buffer[start:self._round_up(end)], item.start + start)
        with self._lock:
            self._done += sum(part.last - part.first + 1 for part in item.ranges) * blockmap.BLOCK_SIZE

    def _buffer(self):
        if not hasattr(self._buffers, "view"):
            self._buffers.view = aligned(seekable.FRAME_SIZE)
        return self._buffers.view

    def _submit(self, pool, function, *arguments, release=None):
        def guarded():
            try:
                if not self._failed.is_set():
                    function(*arguments)
            except BaremetalError as error:
                self._fail(error)
            except OSError as error:
                self._fail(self._target.explained(error).at(stage="write the image"))
            except BaseException as error:
                self._fail(error)
            finally:
                if release is not None:
                    release.release()

        pool.submit(guarded)

    def _fail(self, error):
        with self._lock:
            if self._failure is None:
                self._failure = error
        self._failed.set()

    def _tell(self):
        now = time.monotonic()
        if now - self._reported >= 1:
            self._reported = now
            self._report(self._done, self._image.block_map.mapped_blocks * blockmap.BLOCK_SIZE)
