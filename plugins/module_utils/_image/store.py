# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Storing a raw image as seekable zstd with a block map; only blocks that hold data cost time.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import collections
import hashlib
import os
import typing as t
from concurrent.futures import ThreadPoolExecutor

from . import blockmap, seekable

_DEPTH = 4
# Blocks of a range at most: where a later image differs in a few blocks, all else of a frame still compares equal.
_RANGE = 64
# Ranges of an image, which every node holds in memory. Frames with data have equal shares of them; where one would have more, its ranges are longer,
# and its small holes count as data.
_MOST = 1024 ** 2


class Stored(t.NamedTuple):
    """What was stored: digests in hex (sha256), sizes in bytes, and the :class:`~.blockmap.BlockMap`."""

    digest: str
    compressed_digest: str
    compressed_size: int
    table_size: int
    table_digest: str
    block_map: blockmap.BlockMap


def store(raw_path, disk_path):
    """Compress a raw image.

    :param raw_path: the raw image.
    :param disk_path: the file to make; it must not exist.
    :returns: a :class:`Stored`.
    :raises OSError: when reading or writing fails.
    """
    workers = os.cpu_count() or 1
    frames, ranges = [], blockmap.Ranges()
    whole, written = hashlib.sha256(), hashlib.sha256()
    pending = collections.deque()
    with open(raw_path, "rb") as source, open(disk_path, "xb") as disk, \
            ThreadPoolExecutor(workers) as packers, ThreadPoolExecutor(1) as hasher:
        size = os.fstat(source.fileno()).st_size
        mapped = _frames_with_data(source.fileno(), size)
        most = max(2, _MOST // max(1, len(mapped)))
        holes = {}

        def put(data):
            written.update(data)
            disk.write(data)

        def finish_first():
            packed, raw_size, hashed = pending.popleft()
            compressed, found = packed.result()
            hashed.result()
            put(compressed)
            frames.append(seekable.Frame(len(compressed), raw_size))
            for part in found:
                ranges.append(part)

        try:
            for start in range(0, size, seekable.FRAME_SIZE):
                raw_size = min(seekable.FRAME_SIZE, size - start)
                number = start // seekable.FRAME_SIZE
                if number in mapped:
                    data = _read(source.fileno(), raw_size, start)
                    packed = packers.submit(_pack, data, start // blockmap.BLOCK_SIZE, most)
                else:
                    # All frames without data are the same bytes: compressed once, then copied.
                    if raw_size not in holes:
                        data = bytes(raw_size)
                        holes[raw_size] = data, packers.submit(_pack, data, 0, most)
                    data, packed = holes[raw_size]
                pending.append((packed, raw_size, hasher.submit(whole.update, data)))
                if len(pending) > workers + _DEPTH:
                    finish_first()
            while pending:
                finish_first()
        finally:
            for packed, dummy, hashed in pending:
                packed.cancel()
                hashed.cancel()
        table = seekable.render_table(frames)
        put(table)
        disk.flush()
        os.fsync(disk.fileno())
        return Stored(
            digest=whole.hexdigest(),
            compressed_digest=written.hexdigest(),
            compressed_size=disk.tell(),
            table_size=len(table),
            table_digest=hashlib.sha256(table).hexdigest(),
            block_map=blockmap.BlockMap(size, ranges),
        )


def _frames_with_data(descriptor, size):
    numbers = set()
    for start, end in blockmap.data_extents(descriptor, size):
        numbers.update(range(start // seekable.FRAME_SIZE, -(-end // seekable.FRAME_SIZE)))
    return numbers


def _read(descriptor, size, offset):
    data = os.pread(descriptor, size, offset)
    if len(data) != size:
        raise OSError(f"the image became shorter while it was read: {len(data)} of {size} bytes at {offset}")
    return data


def _pack(data, first_block, most):
    """Compress a frame and find its mapped ranges, so many at most."""
    ranges = []
    for first, last in _spans(blockmap.mapped_runs(data), most):
        digest = hashlib.sha256(memoryview(data)[first * blockmap.BLOCK_SIZE:(last + 1) * blockmap.BLOCK_SIZE]).hexdigest()
        ranges.append(blockmap.Range(first_block + first, first_block + last, digest))
    return seekable.compress(data), ranges


def _spans(runs, most):
    """What becomes the ranges of a frame.

    :param runs: what :func:`~.blockmap.mapped_runs` found.
    :param most: how many ranges there may be, 2 at least.
    :returns: list of (first, last) block numbers.
    """
    if len(runs) > most:
        # The widest holes stay.
        behind = sorted(range(1, len(runs)), key=lambda number: runs[number][0] - runs[number - 1][1])[-(most - 1):]
        edges = [0, *sorted(behind), len(runs)]
        runs = [(runs[start][0], runs[end - 1][1]) for start, end in zip(edges, edges[1:])]
    length = _RANGE
    while True:
        spans = [(first, min(first + length - 1, end)) for run, end in runs for first in range(run, end + 1, length)]
        # At the latest with the length of a frame there is one for each run.
        if len(spans) <= most:
            return spans
        length *= 2
