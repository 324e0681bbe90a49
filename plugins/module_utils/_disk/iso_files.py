# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of an ISO 9660 image, read with the standard library alone.

For disks on which no kernel can mount such an image. Read are the Joliet names, which the filter config_drive and
mkisofs -J write: they are the real ones, in UCS-2. Layout: ECMA-119 8.5 and 9.1.
"""

from __future__ import annotations

import struct

from .._errors import BaremetalError

BLOCK = 2048
# Escape sequences of UCS-2 levels 1 to 3 (Joliet specification).
JOLIET = (b"%/@", b"%/C", b"%/E")
# Deeper than any config drive; a damaged image may have a directory that holds itself.
DEPTH = 8


def label(image):
    """Return the volume label of an image, or None when it is no ISO 9660 image."""
    if image[16 * BLOCK + 1:16 * BLOCK + 6] != b"CD001":
        return None
    return image[16 * BLOCK + 40:16 * BLOCK + 72].decode("ascii", "replace").strip(" \0")


def size(image):
    """Return the bytes that an image has by its volume descriptor; what follows does not belong to it."""
    return struct.unpack_from("<L", image, 16 * BLOCK + 80)[0] * BLOCK


def read(image):
    """Return the files of an image as {path: bytes}.

    image: bytes. Raises BaremetalError when it has no Joliet names or is damaged.
    """
    for start in range(16 * BLOCK, len(image) - BLOCK + 1, BLOCK):
        kind = image[start]
        if kind == 255 or image[start + 1:start + 6] != b"CD001":
            break
        if kind == 2 and image[start + 88:start + 91] in JOLIET:
            found = {}
            try:
                _directory(image, start + 156, "", found, DEPTH)
            except (struct.error, IndexError, ValueError) as error:
                raise _bad("the ISO image of the config drive is damaged", error) from None
            return found
    raise _bad("the ISO image of the config drive has no Joliet names", "volume label %s" % label(image))


def _directory(image, record, path, found, depth):
    """Add the files below the directory whose record stands at this place."""
    block, _big, length = struct.unpack_from("<L4sL", image, record + 2)
    position, end = block * BLOCK, block * BLOCK + length
    if end > len(image) or not depth:
        raise ValueError("the directory %s lies outside the image" % (path or "/"))
    while position < end:
        entry = image[position]
        if entry == 0:
            # Records do not cross a block; the rest of this one is padding.
            position = (position // BLOCK + 1) * BLOCK
            continue
        name = image[position + 33:position + 33 + image[position + 32]]
        if name not in (b"\0", b"\1"):
            place = path + _name(name)
            if image[position + 25] & 2:
                _directory(image, position, place + "/", found, depth - 1)
            else:
                start, _big, size_ = struct.unpack_from("<L4sL", image, position + 2)
                if start * BLOCK + size_ > len(image):
                    raise ValueError("the file %s lies outside the image" % place)
                found[place] = bytes(image[start * BLOCK:start * BLOCK + size_])
        position += entry


def _name(data):
    text = data.decode("utf-16-be").partition(";")[0]
    # Paths are made of names, so a name must be one; nothing is written outside of a folder.
    if not text or text in (".", "..") or "/" in text or "\0" in text:
        raise ValueError("%r is no file name" % text)
    return text


def _bad(what, seen):
    cure = "Make it with the filter config_drive, or with mkisofs -J -r; disks with large sectors need these names."
    return BaremetalError(what, stage="config drive", seen=str(seen), cure=cure)
