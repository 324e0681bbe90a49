# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The zstd seekable format: independent frames of fixed raw size and a table of where they are.

The table stands in a skippable frame at the end, so ``zstd -d`` reads the file like any other.
Format: zstd, contrib/seekable_format/zstd_seekable_compression_format.md.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import struct
import typing as t

from .._errors import BaremetalError, missing_library

try:
    import zstandard
    from zstandard import ZstdError
    ZSTANDARD_ERROR = None
except ImportError as error:
    zstandard = None
    ZSTANDARD_ERROR = error

    class ZstdError(Exception):
        """Stands for the library's error, which then nobody raises."""

# Raw bytes of a frame. Large enough that requests, hashes and system calls do not count, small
# enough that some frames in flight on every core fit in any machine's memory.
FRAME_SIZE = 4 * 1024 * 1024

# What to do about an image that is not what was published.
PUBLISH_AGAIN = "publish the image again; if it happens again, look at the boot server's disk and memory and at the network"

_SKIPPABLE_MAGIC = 0x184D2A5E
_SEEKABLE_MAGIC = 0x8F92EAB1


class Frame(t.NamedTuple):
    """A frame's length in the file and the length of what it holds, both in bytes."""

    compressed: int
    raw: int


def need_zstandard():
    """Make sure that the zstandard library is there.

    :raises BaremetalError: when it is not.
    """
    if zstandard is None:
        raise missing_library("zstandard", ZSTANDARD_ERROR)


def compress(data):
    """Compress one frame.

    :param data: raw bytes.
    :returns: bytes of one zstd frame that carries its raw size. It has no checksum of its own: digests prove it, and
        computing one more would cost every node a tenth of the time that unpacking takes.
    """
    # Packed once and fetched by every node: this level unpacks faster than the lower ones, too.
    return zstandard.ZstdCompressor(level=7, write_checksum=False).compress(data)


def decompress(data, buffer):
    """Decompress one frame into memory that is there already, and never into more.

    :param data: bytes of one frame.
    :param buffer: writable bytes-like object of exactly the size that must come out.
    :raises BaremetalError: when the frame is damaged or of another size.
    """
    try:
        announced = zstandard.frame_content_size(data)
        if announced == len(buffer):
            with zstandard.ZstdDecompressor().stream_reader(data) as reader:
                if reader.readinto(buffer) == len(buffer):
                    return
        seen = f"a frame of {announced} bytes where {len(buffer)} belong"
    except ZstdError as error:
        seen = str(error)
    raise BaremetalError("a frame of the published image is damaged", stage="verify the image", seen=seen, cure=PUBLISH_AGAIN)


def reader(file, memory):
    """What a file of any number of zstd frames holds, as a file to read from.

    :param file: the open file.
    :param memory: bytes that its window may have at most.
    """
    return zstandard.ZstdDecompressor(max_window_size=memory).stream_reader(file, read_across_frames=True)


def render_table(frames):
    """The seek table, a skippable frame that ends the file.

    :param frames: list of :class:`Frame`.
    :returns: bytes.
    """
    entries = b"".join(struct.pack("<II", frame.compressed, frame.raw) for frame in frames)
    footer = struct.pack("<IBI", len(frames), 0, _SEEKABLE_MAGIC)
    return struct.pack("<II", _SKIPPABLE_MAGIC, len(entries) + len(footer)) + entries + footer


def parse_table(data):
    """Read a seek table.

    :param data: the whole skippable frame.
    :returns: list of :class:`Frame`.
    :raises BaremetalError: when it is damaged.
    """
    try:
        magic, length = struct.unpack_from("<II", data)
        count, descriptor, end_magic = struct.unpack_from("<IBI", data, len(data) - 9)
        if (magic, end_magic, descriptor) != (_SKIPPABLE_MAGIC, _SEEKABLE_MAGIC, 0) or length != len(data) - 8 or length != 8 * count + 9:
            raise ValueError("not a seek table of this kind")
        return [Frame(*entry) for entry in struct.iter_unpack("<II", data[8:-9])]
    except (struct.error, ValueError) as error:
        raise BaremetalError("the seek table of the published image is damaged", seen=str(error), cure="publish the image again") from error
