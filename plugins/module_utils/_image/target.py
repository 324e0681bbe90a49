# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A block device that an image is written to: direct writes, zeroing, and ends that come last.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
import struct
import threading

from .._errors import BaremetalError

# Bytes at both ends of the disk that firmware looks at: MBR, GPT and its backup. They are zeroed
# first and written last, so that a disk whose writing was cut short, by whatever, never boots.
EDGE = 1024 * 1024

# linux/fs.h
_BLKSSZGET = 0x1268
_BLKZEROOUT = 0x127F

# Bytes of one zeroing request: short enough to notice a failure elsewhere in between.
_ZERO_PIECE = 256 * 1024 * 1024
_WRITE_PIECE = 1024 * 1024


def aligned(size):
    """Zeroed memory that direct writes can be made from, as a memoryview of ``size`` bytes."""
    # An anonymous mapping begins at a page.
    return memoryview(mmap.mmap(-1, size))


class Target:
    """A disk opened for writing, exclusively and past the page cache where the kernel allows it.

    Offsets and lengths are bytes; lengths that end inside a sector are filled up with zeros.

    :param path: path of a block device, or of a file of the disk's size.
    :ivar size: size in bytes.
    :ivar sector: logical sector size in bytes.
    :raises BaremetalError: when it cannot be opened, for instance because it is in use.
    """

    def __init__(self, path):
        self._path = path
        self._held = []
        self._lock = threading.Lock()
        self.bytes_written = 0
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            self._block = stat.S_ISBLK(os.stat(path).st_mode)
            if self._block:
                # On a block device O_EXCL means: not while it is mounted or part of an array.
                flags |= os.O_EXCL
            try:
                self._descriptor = os.open(path, flags | os.O_DIRECT)
            except OSError as error:
                if error.errno != errno.EINVAL:
                    raise
                self._descriptor = os.open(path, flags)
        except OSError as error:
            busy = error.errno == errno.EBUSY
            raise BaremetalError(
                "the disk cannot be opened for writing", stage="open the disk", seen=str(error),
                cure="free the disk: unmount it, stop arrays and volume groups on it" if busy else "look at the kernel log of the machine") from error
        self.size = os.lseek(self._descriptor, 0, os.SEEK_END)
        self.sector = struct.unpack("i", fcntl.ioctl(self._descriptor, _BLKSSZGET, bytes(4)))[0] if self._block else 512

    def close(self):
        """Close the device; what was written stays."""
        os.close(self._descriptor)

    def explained(self, error):
        """The BaremetalError for an OSError of this device."""
        return BaremetalError("the disk does not take what is written to it", seen=f"{error.strerror or error}, {self._path}",
                              cure="look at the kernel log and at the health of the disk (smartctl), and replace it if it fails")

    def inner(self, start, end):
        """The part of a span that lies between the edges, as (start, end); empty when start >= end."""
        return max(start, EDGE), min(end, self.size - EDGE)

    def write(self, data, start):
        """Write between the edges, and keep what belongs to an edge for :meth:`write_edges`.

        :param data: page-aligned writable memoryview (an mmap) whose capacity is a whole number of sectors.
        :param start: offset on the disk, a multiple of the sector size.
        """
        end = start + len(data)
        inner_start, inner_end = self.inner(start, end)
        if inner_start >= inner_end:
            self._hold(data, start)
            return
        if start < inner_start:
            self._hold(data[:inner_start - start], start)
        if inner_end < end:
            self._hold(data[inner_end - start:], inner_end)
        self._write_all(data[inner_start - start:inner_end - start], inner_start)

    def _hold(self, data, start):
        with self._lock:
            self._held.append((start, bytes(data)))

    def _write_all(self, data, start):
        position = 0
        while position < len(data):
            position += os.pwrite(self._descriptor, data[position:position + _WRITE_PIECE], start + position)
        with self._lock:
            self.bytes_written += len(data)

    def zero(self, start, end):
        """Make a span between the edges read as zero, by the device's own means where it has any.

        Yields after each piece, so that the caller can stop.
        """
        start, end = self.inner(start, end)
        for position in range(start, end, _ZERO_PIECE):
            self._zero(position, min(_ZERO_PIECE, end - position))
            yield

    def _zero(self, start, length):
        if self._block:
            # The kernel writes zeros itself when the device has no command for it.
            fcntl.ioctl(self._descriptor, _BLKZEROOUT, struct.pack("QQ", start, length))
            return
        zeros = aligned(_WRITE_PIECE)
        for position in range(start, start + length, _WRITE_PIECE):
            os.pwrite(self._descriptor, zeros[:start + length - position], position)

    def clear_edges(self):
        """Zero both ends, and see it done."""
        zeros = aligned(min(EDGE, self.size))
        for start in sorted({0, self.size - len(zeros)}):
            os.pwrite(self._descriptor, zeros, start)
        self.sync()

    def write_edges(self):
        """Write what was kept back, after everything else has reached the disk."""
        self.sync()
        for start, data in sorted(self._held):
            buffer = aligned(len(data))
            buffer[:] = data
            self._write_all(buffer, start)
        self.sync()

    def sync(self):
        """Wait until everything has reached the disk."""
        os.fdatasync(self._descriptor)
