# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The medium of one node: a copy of the ramdisk's, in which GRUB's configuration and the SSH keys are written over.

The role ramdisk built the image once, with files of a fixed size in known places. Nothing of ISO 9660 changes, so that
neither checksums nor tables have to be made anew. Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile

from .._errors import BaremetalError

# Where the ramdisk finds the keys, at the root.
KEYS = "authorized_keys"
# Bytes that are copied at a time.
_PIECE = 1 << 26
# What copy_file_range(2) says where two file systems cannot do it.
_CANNOT = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def _padded(what, data, filler, size, cure):
    if len(data) > size:
        raise BaremetalError(f"{what} does not fit into the medium", stage="boot files", seen=f"{len(data)} bytes, {size} are there", cure=cure)
    return data.ljust(size, filler)


def archive(name, data):
    """A cpio archive (newc, as the kernel's buffer-format.rst has it) with one file that root alone may write, as an initrd takes it.

    :param name: name of the file, without a slash.
    :param data: its bytes.
    """
    parts = ((name, 0o100644, data), ("TRAILER!!!", 0, b""))
    return b"".join(_padded_to_four(_header(part, mode, len(content)) + part.encode() + b"\0") + _padded_to_four(content) for part, mode, content in parts)


def _header(name, mode, size):
    # ino, mode, uid, gid, nlink, mtime, filesize, maj, min, rmaj, rmin, namesize with its NUL, chksum
    fields = (0, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0)
    return b"070701" + b"".join(b"%08X" % field for field in fields)


def _padded_to_four(data):
    return data + bytes(-len(data) % 4)


def holds_keys(medium):
    """Whether there is a place for SSH keys in it; that of a ramdisk which was built before has none, and fetches them.

    :param medium: see :func:`ramdisk_store.current`.
    """
    return "keys_offset" in medium


def parts(text, keys, medium):
    """What is written over in the medium of a node, as a list of (offset in bytes, bytes).

    :param text: the configuration.
    :param keys: text of the file with the SSH public keys.
    :param medium: see :func:`ramdisk_store.current`.
    :raises BaremetalError: when the text or the keys do not fit.
    """
    found = [(medium["config_offset"], _padded("the boot configuration", text.encode("ascii"), b"\n", medium["config_size"], "shorten kernel_arguments"))]
    if holds_keys(medium):
        found.append((medium["keys_offset"],
                      _padded("the list of SSH keys", archive(KEYS, keys.encode()), b"\0", medium["keys_size"], "give fewer ssh_public_keys")))
    return found


def holds(path, written):
    """Whether there is a medium with just these parts.

    :param written: see :func:`parts`.
    """
    try:
        with open(path, "rb") as file:
            return all(os.pread(file.fileno(), len(data), offset) == data for offset, data in written)
    except FileNotFoundError:
        return False


def read(path, medium):
    """The configuration in a medium, or None where there is none.

    :param medium: see :func:`ramdisk_store.current`.
    """
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
        file.seek(medium["config_offset"])
        return file.read(medium["config_size"]).decode("ascii", "replace").rstrip("\n") + "\n"
    return None


def write(path, source, written):
    """Make the medium of a node; it appears complete or not at all.

    :param path: Path of the image.
    :param source: path of the ramdisk's medium.
    :param written: see :func:`parts`.
    """
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(descriptor, "wb") as file, open(source, "rb") as original:
            _copy(original.fileno(), file.fileno())
            for offset, data in written:
                os.pwrite(file.fileno(), data, offset)
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
