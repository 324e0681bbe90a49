# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A block device that an image is written to: direct writes, zeroing, and ends that come last.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import stat
import struct
import threading

from . import boot_parts
from .._errors import BaremetalError

# Bytes at both ends of the disk that firmware looks at: MBR, GPT and its backup. They are zeroed
# first and written last, so that a disk whose writing was cut short, by whatever, never boots.
EDGE = 1024 * 1024

# linux/fs.h
_BLKSSZGET = 0x1268
_BLKZEROOUT = 0x127F

# Bytes of one zeroing request: short enough to notice a failure elsewhere in between.
_ZERO_PIECE = 256 * 1024 * 1024
# Bytes of one write: what a controller takes at once is less.
_WRITE_PIECE = 4 * 1024 * 1024


def aligned(size):
    """Zeroed memory that direct writes can be made from, as a memoryview of ``size`` bytes."""
    # An anonymous mapping begins at a page. Only a private one can have huge pages, of which the kernel has a thousandth to look up for each
    # direct write; it may have none.
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


class Target:
    """A disk opened for writing, exclusively and past the page cache where the kernel allows it.

    Offsets and lengths are bytes; lengths that end inside a sector are filled up with zeros.

    :param path: path of a block device, or of a file of the disk's size.
    :ivar size: size in bytes.
    :ivar sector: logical sector size in bytes.
    :ivar bytes_written: bytes that were written.
    :ivar bytes_unchanged: bytes that were counted by :meth:`leave`.
    :raises BaremetalError: when it cannot be opened, for instance because it is in use.
    """

    def __init__(self, path):
        self._path = path
        self._offset = 0
        self._held = []
        self._ends = {}
        self._lock = threading.Lock()
        self.bytes_written = self.bytes_unchanged = 0
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

    def whole(self, length):
        """A length filled up to a whole number of sectors."""
        return -(-length // self.sector) * self.sector

    def read(self, buffer, start):
        """Read what the disk holds; of its ends, what they held when :meth:`remember_edges` was called.

        :param buffer: page-aligned writable memoryview of a whole number of sectors.
        :param start: offset on the disk, a multiple of the sector size.
        :raises OSError: when the disk does not hand it out.
        """
        count = os.preadv(self._descriptor, [buffer], self._offset + start)
        if count != len(buffer):
            raise OSError(errno.EIO, f"{count} of {len(buffer)} bytes read at {start}")
        for place, data in self._ends.items():
            first, last = max(start, place), min(start + count, place + len(data))
            if first < last:
                buffer[first - start:last - start] = data[first - place:last - place]

    def remember_edges(self):
        """Read both ends of the disk before they are cleared."""
        for start, length in self._edges():
            buffer = aligned(length)
            self.read(buffer, start)
            self._ends[start] = bytes(buffer)

    def _edges(self):
        length = min(EDGE, self.size)
        return [(start, length) for start in sorted({0, self.size - length})]

    def inner(self, start, end):
        """The part of a span that lies between the edges, as (start, end); empty when start >= end."""
        return max(start, EDGE), min(end, self.size - EDGE)

    def write(self, data, start):
        """Write between the edges, and keep what belongs to an edge for :meth:`write_edges`.

        :param data: page-aligned writable memoryview (an mmap) whose capacity is a whole number of sectors.
        :param start: offset on the disk, a multiple of the sector size.
        """
        self.keep(data, start)
        first, last = self.inner(start, start + len(data))
        if first < last:
            self._write_all(data[first - start:last - start], first)

    def leave(self, count):
        """Count bytes that need not be written, because they are there."""
        with self._lock:
            self.bytes_unchanged += count

    def keep(self, data, start):
        """Keep what belongs to an edge, and no more than that, for :meth:`write_edges`.

        :param data: bytes-like object.
        :param start: its offset on the disk.
        """
        end = start + len(data)
        first, last = self.inner(start, end)
        if first >= last:
            self._hold(data, start)
            return
        if start < first:
            self._hold(data[:first - start], start)
        if last < end:
            self._hold(data[last - start:], last)

    def _hold(self, data, start):
        with self._lock:
            self._held.append((start, bytes(data)))

    def _write_all(self, data, start):
        position = 0
        while position < len(data):
            position += os.pwrite(self._descriptor, data[position:position + _WRITE_PIECE], self._offset + start + position)
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
            fcntl.ioctl(self._descriptor, _BLKZEROOUT, struct.pack("QQ", self._offset + start, length))
            return
        zeros = aligned(_WRITE_PIECE)
        for position in range(start, start + length, _WRITE_PIECE):
            os.pwrite(self._descriptor, zeros[:start + length - position], self._offset + position)

    def clear_edges(self):
        """Zero both ends, and see it done."""
        for start, length in self._edges():
            os.pwrite(self._descriptor, aligned(length), start)
        self.sync()

    def write_edges(self, withheld=None):
        """Write what was kept back, after everything else has reached the disk, and its very first part last of all.

        :param withheld: list to which what the disk boots from is added, as (start, bytes); it is zero on the disk until :meth:`put_back`.
            None to write that too.
        """
        if withheld is not None:
            withheld += [(start, self._withhold(start, end)) for start, end in boot_parts.spans(self._kept(0, EDGE), self.sector)]
        self.sync()
        for start, data in sorted(self._held, reverse=True):
            if not start:
                self.sync()
            buffer = aligned(len(data))
            buffer[:] = data
            self._write_all(buffer, start)
        self.sync()

    def put_back(self, withheld):
        """Write what :meth:`write_edges` withheld, after everything else has reached the disk.

        :param withheld: list of (start, bytes).
        """
        self.sync()
        for start, data in withheld:
            # Beside the boot code are the entries of the MBR, which have changed since.
            buffer = aligned(self.whole(len(data)))
            self.read(buffer, start)
            buffer[:len(data)] = data
            self._write_all(buffer, start)
        self.sync()

    def _withhold(self, start, end):
        """Take a span of whole sectors, or one within an edge, out of the image again, and return what it held."""
        first, last = self.inner(start, end)
        if first >= last:
            return self._kept(start, end, take=True)
        buffer = aligned(end - start)
        self.read(buffer, start)
        os.pwrite(self._descriptor, aligned(end - start), start)
        return bytes(buffer)

    def _kept(self, start, end, take=False):
        """What was kept back of a span of the edges; with ``take``, zeros are kept instead."""
        found = bytearray(end - start)
        for number, (place, data) in enumerate(self._held):
            first, last = max(start, place), min(end, place + len(data))
            if first < last:
                found[first - start:last - start] = data[first - place:last - place]
                if take:
                    self._held[number] = place, data[:first - place] + bytes(last - first) + data[last - place:]
        return bytes(found)

    def sync(self):
        """Wait until everything has reached the disk."""
        os.fdatasync(self._descriptor)


class Window(Target):
    """A part of a disk that is written like a disk, and has no ends: those of the disk are not its business.

    :param path: path of the disk.
    :param place: (first byte, bytes) of the part.
    """

    def __init__(self, path, place):
        super().__init__(path)
        self._offset, self.size = place

    def _edges(self):
        return []

    def inner(self, start, end):
        """The whole span."""
        return start, end


def open_target(path, place=None):
    """The :class:`Target` for a disk, or the :class:`Window` for a part of it.

    :param place: None, or (first byte, bytes) of the part.
    :raises BaremetalError: when it cannot be opened, for instance because it is in use.
    """
    return Window(path, place) if place else Target(path)
