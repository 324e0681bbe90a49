# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Erasing and examining a disk through the kernel: overwriting, handing blocks back as zeroes, and sampled reads, all past the page cache."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import mmap
import os
import random
import time

from .._errors import BaremetalError

STAGE = "erase"
BLOCK = 4 * 1024 ** 2
SAMPLE = 4096
SAMPLES = 1000
# Bytes of one request to hand blocks back: short enough for a progress report, long enough for drives that are slow per command.
_PIECE = 1024 ** 3
_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def overwrite(device, size, *, timeout, report, clock=time.monotonic):
    """Write zeroes over a whole disk. size: bytes. timeout: seconds. report: takes the progress, 0 to 1. Raises BaremetalError."""
    begun = clock()
    buffer = memoryview(mmap.mmap(-1, BLOCK))
    handle = _open(device, os.O_WRONLY | os.O_EXCL)
    try:
        position = 0
        while position < size:
            position += os.pwrite(handle, buffer[:size - position], position)
            _on_time(device, position, size, begun, timeout, report, clock)
        os.fsync(handle)
    except OSError as error:
        raise _failed(device, "be overwritten", error, position) from None
    finally:
        os.close(handle)


def discard(device, size, *, timeout, report, clock=time.monotonic):
    """Hand all blocks of a disk back to it, under the condition that they read as zeroes from then on.

    A punched hole in a block device is WRITE ZEROES or WRITE SAME that may unmap; the kernel refuses where the drive does not promise
    zeroes (fallocate(2), block/fops.c), which a plain discard (TRIM, UNMAP, DSM) never does: drives may ignore that.
    Parameters and errors as for overwrite.
    """
    begun = clock()
    library = ctypes.CDLL(None, use_errno=True)
    library.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    handle = _open(device, os.O_RDWR | os.O_EXCL)
    try:
        position = 0
        while position < size:
            length = min(_PIECE, size - position)
            if library.fallocate(handle, _PUNCH_HOLE | _KEEP_SIZE, position, length):
                number = ctypes.get_errno()
                if number == errno.EINTR:
                    continue
                raise OSError(number, os.strerror(number))
            position += length
            _on_time(device, position, size, begun, timeout, report, clock)
        os.fsync(handle)
    except OSError as error:
        raise _failed(device, "hand its blocks back as zeroes", error, position) from None
    finally:
        os.close(handle)


def sample_offsets(size, count=SAMPLES, seed=None):
    """Return the offsets of samples of a disk: both ends, and one at a chance place of each of count equal parts.

    size: bytes, at least SAMPLE. seed: for the same places again. Sorted, without repetition; all but the last are multiples of SAMPLE.
    """
    chance = random.Random(seed)
    blocks = size // SAMPLE
    count = min(count, blocks)
    found = {0, size - SAMPLE}
    for part in range(count):
        low, high = part * blocks // count, (part + 1) * blocks // count
        found.add(chance.randrange(low, high) * SAMPLE)
    return sorted(found)


def read_samples(device, offsets):
    """Read the samples at some offsets, from the disk itself.

    Returns one text for each: "zero" or "ones" when all its bytes are 0x00 or 0xFF, else its sha256; None where it cannot be read.
    """
    buffer = mmap.mmap(-1, SAMPLE)
    handle = _open(device, os.O_RDONLY)
    found = []
    try:
        for offset in offsets:
            try:
                length = os.preadv(handle, [buffer], offset)
            except OSError:
                length = 0
            found.append(_digest(buffer[:]) if length == SAMPLE else None)
    finally:
        os.close(handle)
    return found


def compare_samples(before, after, *, zeroes):
    """Judge an erase by samples of the same places. Pure.

    before, after: as read_samples returns them. zeroes: whether everything must read as zeroes; otherwise a sample passes when it is
    uniform, or differs from what was there.
    Returns {taken, passed, telling, failed}: telling counts samples that held something before, so that they can tell; failed lists the
    numbers of those that did not pass.
    """
    failed = []
    for number, (old, new) in enumerate(zip(before, after)):
        good = new == "zero" if zeroes else new in ("zero", "ones") or (new is not None and new != old)
        if not good:
            failed.append(number)
    telling = sum(one not in ("zero", None) for one in before)
    return {"taken": len(after), "passed": len(after) - len(failed), "telling": telling, "failed": failed}


def _digest(data):
    if data == bytes(SAMPLE):
        return "zero"
    return "ones" if data == b"\xff" * SAMPLE else hashlib.sha256(data).hexdigest()


def _open(device, flags):
    """Open a block device past the page cache. O_EXCL: not while it, or a partition of it, is mounted or held (open(2))."""
    try:
        return os.open(device, flags | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        raise BaremetalError("%s cannot be opened" % device, stage=STAGE, seen=error.strerror,
                             cure="Look at the kernel log (dmesg), and at lsblk for who uses the disk.") from None


def _on_time(device, position, size, begun, timeout, report, clock):
    report(position / size)
    if position < size and clock() - begun > timeout:
        raise BaremetalError("%s was not erased within %d seconds" % (device, timeout), stage=STAGE,
                             seen="%d of %d bytes are done" % (position, size),
                             cure="Give a larger time-out (timeout; in the role clean_timeout); if it is much slower than the "
                                  "plan said, look at its health (smartctl).")


def _failed(device, what, error, position):
    return BaremetalError("%s cannot %s" % (device, what), stage=STAGE, seen="%s, at byte %d" % (error.strerror, position),
                          cure="Look at the kernel log (dmesg) and at the health of the disk (smartctl); destroy a disk that cannot be erased.")
