# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The medium of one node: a copy of the ramdisk's, in which GRUB's configuration is written over.

The role ramdisk built the image once, with a file of a fixed size in a known place. Nothing of ISO 9660 changes, so that
neither checksums nor tables have to be made anew. Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile

from .._errors import BaremetalError

# Bytes that are copied at a time.
_PIECE = 1 << 26
# What copy_file_range(2) says where two file systems cannot do it.
_CANNOT = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def padded(text, size):
    """A configuration as it lies in the medium.

    :param size: bytes that there are for it.
    :raises BaremetalError: when it does not fit.
    """
    data = text.encode("ascii")
    if len(data) > size:
        raise BaremetalError("the boot configuration does not fit into the medium", stage="boot files", seen=f"{len(data)} bytes, {size} are there",
                             cure="shorten kernel_arguments")
    return data + b"\n" * (size - len(data))


def read(path, medium):
    """The configuration in a medium, or None where there is none.

    :param medium: dict with ``config_offset`` and ``config_size`` in bytes.
    """
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        file.seek(medium["config_offset"])
        return file.read(medium["config_size"]).decode("ascii", "replace").rstrip("\n") + "\n"
    return None


def write(path, text, source, medium):
    """Make the medium of a node; it appears complete or not at all.

    :param path: Path of the image.
    :param text: the configuration.
    :param source: path of the ramdisk's medium.
    :param medium: as for :func:`read`.
    :raises BaremetalError: when the text does not fit.
    """
    data = padded(text, medium["config_size"])
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file, open(source, "rb") as original:
            _copy(original.fileno(), file.fileno())
            os.pwrite(file.fileno(), data, medium["config_offset"])
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def _copy(source, target):
    """Copy a file; where the file system can, both then share their blocks."""
    size, done = os.fstat(source).st_size, 0
    while done < size:
        try:
            count = os.copy_file_range(source, target, min(_PIECE, size - done), done, done)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
            os.lseek(target, done, os.SEEK_SET)
            count = os.sendfile(target, source, done, min(_PIECE, size - done))
        if not count:
            raise BaremetalError("the ramdisk's medium became shorter while it was copied", stage="boot files", cure="run the same command again")
        done += count
