# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The largest image that is published, with as many ranges as one can have, for the memory that a node needs for it.

Nobody has 1 TiB to convert in a benchmark: it is put together as the publisher would leave it, and goes to a disk that takes everything and keeps nothing.
"""

from __future__ import annotations

import hashlib
import json
import random

from ansible_collections.rackwright.baremetal.plugins.module_utils._image import blockmap, seekable
from ansible_collections.rackwright.baremetal.plugins.module_utils._image.publication import DISK, MANIFEST, MAP

from .image_disk import RackDisk

SIZE = 1024 ** 4
RANGES = 1024 ** 2
_PER_FRAME = blockmap.FRAME_BLOCKS // 2


class NullDisk(RackDisk):
    """A disk that takes everything and keeps nothing."""

    name = "disk that keeps nothing"

    def __init__(self, path, size):
        super().__init__(path, size, f'json:{{"driver": "null-co", "size": {size}, "read-zeroes": true}}')


def publish(root):
    """Put it into a directory that is served.

    :returns: what of its record a node is told.
    """
    place = root / "large"
    place.mkdir()
    # Each second block holds data, which does not pack.
    blocks = [random.Random(number).randbytes(blockmap.BLOCK_SIZE) for number in range(_PER_FRAME)]
    digests = [hashlib.sha256(block).hexdigest() for block in blocks]
    packed = {True: seekable.compress(b"".join(block + bytes(len(block)) for block in blocks)), False: seekable.compress(bytes(seekable.FRAME_SIZE))}
    count, every = SIZE // seekable.FRAME_SIZE, SIZE // seekable.FRAME_SIZE * _PER_FRAME // RANGES
    frames, ranges, whole = [], blockmap.Ranges(), hashlib.sha256()
    with open(place / DISK, "wb") as file:
        for number in range(count):
            data = packed[number % every == 0]
            frames.append(seekable.Frame(len(data), seekable.FRAME_SIZE))
            whole.update(data)
            file.write(data)
            if number % every == 0:
                first = number * blockmap.FRAME_BLOCKS
                for used, digest in zip(range(first, first + blockmap.FRAME_BLOCKS, 2), digests):
                    ranges.append(blockmap.Range(used, used, digest))
        table = seekable.render_table(frames)
        whole.update(table)
        file.write(table)
        compressed_size = file.tell()
    bmap = blockmap.render(blockmap.BlockMap(SIZE, ranges))
    (place / MAP).write_bytes(bmap)
    manifest = json.dumps({
        "version": 1, "frame_size": seekable.FRAME_SIZE, "digest": "sha256:" + "0" * 64, "virtual_size": SIZE, "partition_table": "gpt", "sector_size": 512,
        "bmap_digest": f"sha256:{hashlib.sha256(bmap).hexdigest()}",
        "seek_table_size": len(table), "seek_table_digest": f"sha256:{hashlib.sha256(table).hexdigest()}",
        "compressed_size": compressed_size, "compressed_digest": f"sha256:{whole.hexdigest()}",
    }).encode()
    (place / MANIFEST).write_bytes(manifest)
    return {"path": "large", "digest": "sha256:" + "0" * 64, "manifest_digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}"}
