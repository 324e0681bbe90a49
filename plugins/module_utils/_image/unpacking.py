# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packed sources (zst, xz, gz, bz2) unpacked to a file with holes, in bounded memory and up to a bounded size.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import zlib

from . import seekable
from .._errors import BaremetalError
from .formats import SIZE_LIMIT

_PIECE = 1024 * 1024
# A hole is left where so many bytes of zeros belong.
_HOLE = 64 * 1024
_ZEROS = bytes(_HOLE)
# Memory that an xz or zstd file may ask for; what is packed with the usual options asks for less.
_MEMORY = 512 * 1024 * 1024

_STAGE = "unpack the image"


def unpack(path, kind, unpacked):
    """Unpack a file.

    :param path: the packed file.
    :param kind: one of :data:`.formats.PACKED`.
    :param unpacked: path of the file to make.
    :raises BaremetalError: when it is damaged or unpacks to more than SIZE_LIMIT.
    :raises OSError: when the disk is full.
    """
    with open(path, "rb") as source, open(unpacked, "xb") as file:
        try:
            for piece in _pieces(source, kind):
                _put(piece, file)
                if file.tell() > SIZE_LIMIT:
                    raise BaremetalError("the packed image unpacks to more than any image that is published", stage=_STAGE,
                                         seen=f"more than {SIZE_LIMIT} bytes", cure="look at where it comes from")
        except (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error, ValueError, seekable.ZstdError) as error:
            raise _damaged(error) from error
        except OSError as error:
            # bz2 has no error of its own; those of the file system have a number.
            if error.errno is not None:
                raise
            raise _damaged(error) from error
        file.truncate(file.tell())


def _damaged(error):
    return BaremetalError("the packed image cannot be unpacked", stage=_STAGE, seen=str(error) or type(error).__name__,
                          cure="fetch it again; if its checksum is right, pack it anew")


def _put(piece, file):
    for start in range(0, len(piece), _HOLE):
        part = piece[start:start + _HOLE]
        if part == _ZEROS[:len(part)]:
            file.seek(len(part), os.SEEK_CUR)
        else:
            file.write(part)


def _pieces(source, kind):
    """What comes out of a packed file, piece by piece."""
    if kind == "xz":
        yield from _xz(source)
        return
    opener = {"zst": lambda file: seekable.reader(file, _MEMORY), "gz": gzip.open, "bz2": bz2.open}[kind]
    with opener(source) as reader:
        yield from iter(lambda: reader.read(_PIECE), b"")


def _xz(source):
    """Like lzma.open, which knows no limit of memory."""
    data = source.read(_PIECE)
    while data:
        unpacker = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
        while not unpacker.eof:
            if unpacker.needs_input and not data:
                data = source.read(_PIECE)
                if not data:
                    raise EOFError("it ends in the middle")
            yield unpacker.decompress(data, _PIECE)
            data = b""
        # Another stream may follow, and zeros before and behind it.
        data = unpacker.unused_data.lstrip(b"\0")
        while not data:
            more = source.read(_PIECE)
            if not more:
                return
            data = more.lstrip(b"\0")
