# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A raw image from any HTTP server, written as it comes; what proves it is the digest of the whole.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import hashlib
import typing as t

from . import checksum, formats, seekable
from .._errors import BaremetalError
from .stream import Stream
from .writer import put

_STAGE = "fetch the image"
# Bytes that are handed to a thread at once: what its buffer holds.
_PIECE = seekable.FRAME_SIZE
_ZEROS = bytes(_PIECE)
# What to do about an image that is not of the type that was asked for.
_CURES = {
    formats.WHOLE_DISK: "to put it into a partition, give deploy_partitions (partitions of disk_image), if need be {}; otherwise give the address of a disk "
                        "with a partition table",
    formats.PARTITION: "do without deploy_partitions (partitions of disk_image), or give the address of a file system alone",
}


class RawImage(t.NamedTuple):
    """A raw image behind an address: its expected checksum, size in bytes, and sector size, file system and table as :class:`~.publication.Image` has them."""

    url: str
    checksum: checksum.Checksum
    size: int
    sector: t.Optional[int]
    file_system: t.Optional[str] = None
    table: t.Optional[str] = None

    @property
    def mapped_size(self):
        """All of it: nothing says beforehand where it holds data."""
        return self.size


def look_at(url, digest, image_type=formats.WHOLE_DISK):
    """See whether an address holds a raw image that can be written, by its size and first bytes.

    :param url: an http or https URL.
    :param digest: expected digest of the file, ``sha256:HEX`` or ``sha512:HEX``.
    :param image_type: what it must be, one of :data:`.formats.TYPES`.
    :returns: a :class:`RawImage`.
    :raises BaremetalError: when it does not, or cannot be read.
    """
    expected = checksum.parse(digest, url, _no_file)
    with Stream(url, _STAGE) as stream:
        stream.open()
        if stream.size is None:
            raise BaremetalError("the server does not tell the size of the image", stage=_STAGE, seen="no Content-Length",
                                 cure="serve the file by a server that does, or publish it with the module image")
        head = bytearray(formats.HEAD)
        head = bytes(head[:stream.readinto(head)])
        recognised = formats.recognise_stream(head, stream.size)
    formats.check_type(recognised, image_type, _CURES)
    return RawImage(url, expected, stream.size, recognised.sector, recognised.file_system, recognised.table)


def _no_file(location):
    raise BaremetalError("the digest of the image is given by an address", stage="read the checksum", seen=location, cure="give it as sha256:HEX")


def write_raw(image, device, report=lambda done, total: None, place=None, withheld=None):
    """Write a raw image to a disk that nobody uses.

    :param image: a :class:`RawImage`.
    :param device: path of the device.
    :param report: function that takes bytes done and bytes to do, called about once a second.
    :param place: see :func:`~.target.open_target`.
    :param withheld: see :func:`~.writer.put`.
    :returns: what :func:`~.writer.put` returns.
    :raises BaremetalError: when the server, the content or the disk fails.
    """
    return put(image, device, report, lambda target, crew: _fetch(image, target, crew), place=place, withheld=withheld)


def _fetch(image, target, crew):
    digest = hashlib.new(image.checksum.algorithm)
    with Stream(image.url, _STAGE, wait=crew.wait) as stream:
        stream.open()
        if stream.size != image.size:
            raise BaremetalError("the image changed after it was looked at", stage=_STAGE, seen=f"{stream.size} bytes where {image.size} were",
                                 cure="run the same command again, with the digest of the new image")
        for start in range(0, image.size, _PIECE):
            data = bytearray(min(_PIECE, image.size - start))
            if stream.readinto(data) != len(data):
                raise BaremetalError("the image is cut off", stage=_STAGE, seen=f"it ends after {stream.position} bytes", cure="run the same command again")
            digest.update(data)
            crew.submit(_write, target, crew, data, start)
            if crew.failed:
                return
    if digest.hexdigest() != image.checksum.hex:
        raise BaremetalError("the image is not the one that was asked for, or was damaged on its way", stage="verify the image",
                             seen=f"{image.checksum.algorithm}:{digest.hexdigest()} where {image.checksum} belongs",
                             cure="run the same command again; if it fails again, look at the server's file or correct the option digest")


def _write(target, crew, data, start):
    length = target.whole(len(data))
    if data == _ZEROS[:len(data)]:
        for dummy in target.zero(start, start + length):
            pass
    else:
        buffer = crew.buffer("new")
        buffer[:len(data)] = data
        buffer[len(data):length] = bytes(length - len(data))
        target.write(buffer[:length], start)
    crew.add(len(data))
