# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writing a published image to a disk: fetch, decompress, verify and write at the same time.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import hashlib
import queue
import time
from functools import partial

from . import seekable
from .._errors import BaremetalError
from .crew import Crew
from .publication import DISK, holes, plan, seek_table
from .renewal import Renewal
from .stream import Stream
from .target import aligned, open_target


def check_fit(image, size, sector, device):
    """Make sure that a disk is large enough, and that the image can be used with its sectors.

    :param image: an :class:`~.publication.Image` or a :class:`~.rawstream.RawImage`.
    :param size: size in bytes of the disk; for a partition image, of its partition.
    :param sector: bytes of a logical sector of the disk.
    :raises BaremetalError: when it is not.
    """
    if image.file_system:
        _check_fit_of_partition(image, size, sector, device)
        return
    if image.size > size:
        raise BaremetalError(
            "the image is larger than the disk", stage="choose the disk", seen=f"the image has {image.size} bytes, {device} has {size} bytes",
            cure="choose a larger disk by the root device hints, or publish a smaller image")
    if image.sector not in (None, sector):
        # Firmware and kernel look for the table at the second sector of the disk, whatever that is.
        raise BaremetalError(
            "the partition table of the image would not be found on the disk", stage="choose the disk",
            seen=f"it counts in sectors of {image.sector} bytes, {device} has sectors of {sector} bytes",
            cure="choose another disk by the root device hints, publish an image with a GPT that was made for such sectors, "
                 "or give the disk other sectors if it can (nvme format)")


def _check_fit_of_partition(image, size, sector, device):
    if image.size > size:
        raise BaremetalError(
            "the image is larger than the root partition", stage="plan the partitions",
            seen=f"the image has {image.size} bytes, the partition for it on {device} {size}",
            cure="give a larger root_gb, or make the other partitions smaller, choose a larger disk by the root device hints, or publish a smaller image")
    if sector > image.sector:
        # The kernel reads whole sectors, and a file system in blocks of its own.
        raise BaremetalError(
            "the file system of the image could not be mounted on the disk", stage="plan the partitions",
            seen=f"{image.file_system} for sectors of {image.sector} bytes at most, {device} has sectors of {sector} bytes",
            cure="make the file system with blocks (of xfs: sectors) of 4096 bytes, or choose another disk by the root device hints")


def write_image(image, device, report=lambda done, total: None, renew=False, place=None, withheld=None):
    """Write a published image to a disk that nobody uses.

    :param image: an :class:`~.publication.Image`.
    :param device: path of the device.
    :param report: function that takes bytes done and bytes to do, called about once a second.
    :param renew: compare with what is on the disk first, and fetch and write only what differs; worth it when
        :func:`~.renewal.resembles` says so. The result is the same.
    :param place: see :func:`~.target.open_target`.
    :param withheld: see :func:`put`.
    :returns: what :func:`put` returns.
    :raises BaremetalError: when the server, the content or the disk fails.
    """
    seekable.need_zstandard()

    def fill(target, crew):
        crew.submit_aside(_zero, target, crew, holes(plan(image), image.size, target.sector))
        if renew:
            Renewal(image, target).run(crew)
        else:
            _fetch(image, target, crew)

    return put(image, device, report, fill, remember=renew, place=place, withheld=withheld)


def put(image, device, report, fill, remember=False, place=None, withheld=None):
    """Put an image on a disk, so that at no time before the last moment anything boots from it.

    On failure both ends of the disk are zero.

    :param image: an :class:`~.publication.Image` or a :class:`~.rawstream.RawImage`.
    :param device: path of the device.
    :param report: function that takes bytes done and bytes to do, called about once a second.
    :param fill: function that takes a :class:`~.target.Target` and a :class:`~.crew.Crew`, has the image written by them, and raises when
        what was written is not proved.
    :param remember: read the ends of the disk before they are cleared.
    :param place: see :func:`~.target.open_target`; then the ends of the disk stay as they are.
    :param withheld: list that gets what the disk boots from, see :meth:`~.target.Target.write_edges`; None to write that too.
    :returns: dict with bytes_mapped, bytes_written, bytes_unchanged and seconds.
    :raises BaremetalError: when the server, the content or the disk fails.
    """
    begun = time.monotonic()
    target = open_target(device, place)
    try:
        check_fit(image, target.size, target.sector, device)
        try:
            if remember:
                target.remember_edges()
            target.clear_edges()
            with Crew(target, image.mapped_size, report) as crew:
                fill(target, crew)
            target.write_edges(withheld)
        except BaseException:
            target.clear_edges()
            raise
    except OSError as error:
        raise target.explained(error).at(stage="write the image") from error
    finally:
        target.close()
    return {
        "bytes_mapped": image.mapped_size,
        "bytes_written": target.bytes_written,
        "bytes_unchanged": target.bytes_unchanged,
        "seconds": round(time.monotonic() - begun, 3),
    }


def _zero(target, crew, spans):
    for start, end in spans:
        for dummy in target.zero(start, end):
            if crew.failed:
                return


def _fetch(image, target, crew):
    """Read the published file from its start to its end, and hand its frames out.

    What proves them is the digest of the whole file, which is known before the ends of the disk are written.
    """
    manifest = image.manifest
    digest = hashlib.sha256()
    frames, table = seek_table(image, crew.wait)
    # The table was read already: the stream ends before it.
    with Stream(image.url + DISK, "fetch the image", end=manifest["compressed_size"] - len(table), wait=crew.wait) as stream:
        stream.open()
        if stream.size not in (None, manifest["compressed_size"]):
            raise BaremetalError("the published image has another size than its manifest says", stage="fetch the image",
                                 seen=f"{stream.size} bytes where {manifest['compressed_size']} belong", cure=seekable.PUBLISH_AGAIN)
        size = max(frame.compressed for frame in frames)
        spare = queue.SimpleQueue()
        for item, length in _portions(plan(image), frames, size):
            # As many as frames that wait or are unpacked; fresh memory for each would cost more than reading into it.
            memory = aligned(size) if spare.empty() else spare.get()
            data = memory[:length]
            if stream.readinto(data) != length:
                raise BaremetalError("the published image is cut off", stage="fetch the image",
                                     seen=f"it ends after {stream.position} bytes", cure=seekable.PUBLISH_AGAIN)
            digest.update(data)
            if item:
                crew.submit(_write_frame, target, crew, item, data, partial(spare.put, memory))
            else:
                spare.put(memory)
            if crew.failed:
                return
    digest.update(table)
    if f"sha256:{digest.hexdigest()}" != manifest["compressed_digest"]:
        raise BaremetalError("the image was damaged on its way or on the boot server", stage="verify the image",
                             seen=f"sha256:{digest.hexdigest()} for the whole file where {manifest['compressed_digest']} belongs",
                             cure=seekable.PUBLISH_AGAIN)


def _portions(work, frames, size):
    """What is read at once, as (work, bytes): a frame, or any number of frames without data, for which there is no work.

    :param size: bytes at most.
    """
    idle = 0
    for item, frame in zip(work, frames):
        if idle and (item.ranges or idle + frame.compressed > size):
            yield None, idle
            idle = 0
        if item.ranges:
            yield item, frame.compressed
        else:
            idle += frame.compressed
    if idle:
        yield None, idle


def _write_frame(target, crew, item, data, done):
    buffer = crew.buffer("new")
    seekable.decompress(data, buffer[:item.raw_size])
    done()
    # Behind the end of the image, up to a whole sector.
    buffer[item.raw_size:] = bytes(len(buffer) - item.raw_size)
    for start, end in item.runs():
        target.write(buffer[start:target.whole(end)], item.start + start)
    crew.add(item.mapped_size)
