# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small ISO 9660 images: written so that equal files give equal bytes, and read. Private; may change at any time."""

from __future__ import annotations

import io
import struct

from .._errors import BaremetalError, missing_library

try:
    import pycdlib
except ImportError as error:
    pycdlib = None
    PYCDLIB_IMPORT_ERROR = error
else:
    PYCDLIB_IMPORT_ERROR = None

BLOCK = 2048
# 2000-01-01 00:00:00 UTC in the three forms that ISO 9660 and Rock Ridge have.
RECORD_DATE = struct.pack("=BBBBBBb", 100, 1, 1, 0, 0, 0, 0)
VOLUME_DATE = b"2000010100000000\0"
NO_VOLUME_DATE = b"0000000000000000\0"
LONG_RECORD_DATE = VOLUME_DATE


def need_library():
    """Make sure that images can be written and read.

    :raises BaremetalError: when pycdlib is not installed.
    """
    if pycdlib is None:
        raise missing_library("pycdlib", PYCDLIB_IMPORT_ERROR)


def is_image(data):
    """Whether bytes are an ISO 9660 image (ECMA-119 8.1: the first volume descriptor is in sector 16)."""
    return data[16 * BLOCK + 1:16 * BLOCK + 6] == b"CD001"


def write(files, label):
    """An image with these files, in Rock Ridge and in Joliet names.

    :param files: dict of bytes by path, parts separated by slashes.
    :param label: volume label.
    :returns: bytes.
    :raises BaremetalError: when pycdlib is not installed.
    """
    need_library()
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, vol_ident=label, joliet=3, rock_ridge="1.09")
    for folder in sorted({"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}):
        image.add_directory("/" + _plain(folder), rr_name=folder.rpartition("/")[2], joliet_path="/" + folder)
    for path, content in sorted(files.items()):
        name = path.rpartition("/")[2]
        image.add_fp(io.BytesIO(content), len(content), "/" + _plain(path) + ("" if "." in name else ".") + ";1", rr_name=name, joliet_path="/" + path)
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    result = bytearray(out.getvalue())
    fix_dates(result)
    return bytes(result)


def _plain(path):
    """A path in the letters that ISO 9660 itself has (ECMA-119 7.4.1)."""
    return path.upper().replace("-", "_")


def read(data):
    """The label of an image and its files.

    :param data: the image as bytes.
    :returns: (label, function that returns the bytes of the file at a path, or None).
    :raises BaremetalError: when it is no ISO 9660 image, or a damaged one.
    """
    need_library()
    image = pycdlib.PyCdlib()
    try:
        if not is_image(data):
            raise ValueError("no volume descriptor in sector 16")
        image.open_fp(io.BytesIO(data))
        label = image.pvd.volume_identifier.decode("utf-8", "replace").strip(" \0")
    except Exception as error:
        # pycdlib meets damaged images with exceptions of all kinds.
        raise BaremetalError("this is no ISO 9660 image", seen=f"{len(data)} bytes, {' '.join(str(error).split())[:120] or type(error).__name__}") from error
    kind = "rr_path" if image.has_rock_ridge() else "joliet_path" if image.has_joliet() else "iso_path"

    def get(path):
        out = io.BytesIO()
        place = f"/{_plain(path)}{'' if '.' in path else '.'};1" if kind == "iso_path" else f"/{path}"
        try:
            image.get_file_from_iso_fp(out, **{kind: place})
        except Exception:
            return None
        return out.getvalue()

    return label, get


def fix_dates(image):
    """Set every date in an ISO 9660 image (a bytearray) to one fixed date.

    The library writes the time of the call; without this the same input would give another image
    each time. Offsets: ECMA-119 8.4 and 9.1, and Rock Ridge 4.1.6.
    """
    sector = 16
    while image[sector * BLOCK] != 255:
        base = sector * BLOCK
        if image[base] in (1, 2):
            dates = VOLUME_DATE + VOLUME_DATE + NO_VOLUME_DATE + VOLUME_DATE
            image[base + 813:base + 881] = dates
            root = base + 156
            image[root + 18:root + 25] = RECORD_DATE
            _fix_directory(image, root)
        sector += 1


def _fix_directory(image, record):
    """Set the dates of all records in the directory that the record at this offset names."""
    start = struct.unpack_from("<L", image, record + 2)[0] * BLOCK
    end = start + struct.unpack_from("<L", image, record + 10)[0]
    position, number = start, 0
    while position < end:
        length = image[position]
        if length == 0:
            # Records do not cross a block; the rest of this one is padding.
            position = (position // BLOCK + 1) * BLOCK
            continue
        image[position + 18:position + 25] = RECORD_DATE
        name = image[position + 32]
        area = position + 33 + name + (1 - name % 2)
        _fix_rock_ridge(image, area, position + length)
        # The first two records are the directory itself and its parent.
        if image[position + 25] & 2 and number > 1:
            _fix_directory(image, position)
        position += length
        number += 1


def _fix_rock_ridge(image, position, end):
    """Set the dates of the TF entries of one system use area, continuations included."""
    while position + 4 <= end:
        signature, length = bytes(image[position:position + 2]), image[position + 2]
        if length < 4:
            return
        if signature == b"TF":
            date = LONG_RECORD_DATE if image[position + 4] & 0x80 else RECORD_DATE
            count = (length - 5) // len(date)
            image[position + 5:position + 5 + count * len(date)] = date * count
        elif signature == b"CE":
            block, _big, offset, _big_offset, size, _big_size = struct.unpack_from("<L4sL4sL4s", image, position + 4)
            _fix_rock_ridge(image, block * BLOCK + offset, block * BLOCK + offset + size)
        position += length
