# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources of images: fetched, checked against their checksum, unpacked, converted to raw.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import typing as t
from urllib.parse import unquote, urlsplit

from . import checksum as checksums
from . import formats
from .._errors import BaremetalError
from .stream import Stream, fetch, shown
from .unpacking import unpack

_PIECE = 4 * 1024 * 1024
_CHECKSUM_FILE_LIMIT = 4 * 1024 * 1024


class Raw(t.NamedTuple):
    """A raw image ready to be stored.

    ``path`` of the raw file; ``format``, ``table``, ``sector`` and ``file_system`` as recognised; ``unproved`` is the
    checksum that the content still has to be held against, None when that was done; ``identity`` is for :func:`check_unchanged`.
    """

    path: str
    format: str
    table: t.Optional[str]
    sector: t.Optional[int]
    file_system: t.Optional[str]
    unproved: t.Optional[checksums.Checksum]
    identity: tuple


def local_path(source):
    """Path of a source on this machine, or None when it is an http or https URL.

    :param source: absolute path, file URL, http or https URL.
    :raises BaremetalError: for anything else.
    """
    parts = urlsplit(source)
    if parts.scheme in ("http", "https"):
        return None
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        path = unquote(parts.path)
    else:
        path = source
    if not path.startswith("/"):
        raise BaremetalError("the source is no absolute path and no file, http or https URL", stage="find the source",
                             seen=shown(source), cure="correct the option src")
    return path


def _need_file(path, what):
    # Devices and pipes would be read without end or hang.
    if not os.path.isfile(path):
        raise BaremetalError(f"{what} is no file on the boot server", stage="find the source", seen=path, cure="copy it there, or give its address")


def read_checksum_file(location):
    """Text of a checksum file.

    :param location: absolute path, file URL, http or https URL.
    :raises BaremetalError: when it cannot be read.
    """
    path = local_path(location)
    if path is None:
        data = fetch(location, "read the checksum", _CHECKSUM_FILE_LIMIT)
    else:
        _need_file(path, "the checksum file")
        with open(path, "rb") as file:
            data = file.read(_CHECKSUM_FILE_LIMIT)
    return data.decode("utf-8", "replace")


def check_reachable(source, image_type):
    """Make sure, without fetching it, that a source is there; a local one is recognised too.

    :param image_type: what it must be, one of :data:`.formats.TYPES`.
    :raises BaremetalError: when it is not, or when it is no image.
    """
    path = local_path(source)
    if path is None:
        with Stream(source, "fetch the image") as stream:
            stream.open()
    else:
        _need_file(path, "the source")
        recognised = formats.recognise(path)
        if recognised.format == "raw":
            formats.check_type(recognised, image_type)


def obtain(source, expected, work, image_type):
    """Get a source, prove it, and make it raw.

    :param source: absolute path, file URL, http or https URL.
    :param expected: the :class:`~.checksum.Checksum` that the source must have.
    :param work: directory for temporary files.
    :param image_type: what it must be, one of :data:`.formats.TYPES`.
    :returns: a :class:`Raw`.
    :raises BaremetalError: when the source cannot be read, has another checksum or is no image of this type.
    """
    path = local_path(source)
    if path is None:
        path = os.path.join(work, "source")
        _download(source, path, expected)
        proved = True
    else:
        _need_file(path, "the source")
        proved = False
    before = _identity(path)
    recognised = formats.recognise(path)
    if recognised.format == "raw":
        formats.check_type(recognised, image_type)
        # The digest of a raw image is that of its source, so it is proved by storing it; only
        # another algorithm needs a reading of its own.
        if not proved and expected.algorithm != "sha256":
            _prove(path, expected, source)
            proved = True
        return Raw(path, "raw", recognised.table, recognised.sector, recognised.file_system, None if proved else expected, before)
    if not proved:
        _prove(path, expected, source)
    made, form = path, recognised.format
    if recognised.format in formats.PACKED:
        made = os.path.join(work, "unpacked")
        unpack(path, recognised.format, made)
        recognised = formats.recognise(made)
        if recognised.format in formats.PACKED:
            raise BaremetalError("the image is packed twice", stage="unpack the image", seen=f"{recognised.format} inside {form}",
                                 cure="unpack it once, and give the checksum of what comes out")
        form = f"{recognised.format}.{form}"
    if recognised.format != "raw":
        packed, made = made, os.path.join(work, "disk.raw")
        _convert(packed, recognised.format, made)
        converted = formats.recognise(made)
        if converted.format != "raw" or converted.virtual_size != recognised.virtual_size:
            raise BaremetalError("the converted image is not what its header said", stage="convert the image",
                                 seen=f"{converted.format}, {converted.virtual_size} bytes where {recognised.virtual_size} belong",
                                 cure="fetch the source again")
        recognised = converted
    # What was unpacked or converted may not be what was proved.
    check_unchanged(path, before)
    formats.check_type(recognised, image_type)
    return Raw(made, form, recognised.table, recognised.sector, recognised.file_system, None, _identity(made))


def check_unchanged(path, identity):
    """Make sure that a file is still what was recognised and proved.

    :raises BaremetalError: when it is not.
    """
    if _identity(path) != identity:
        raise BaremetalError("the source changed while it was published", stage="check the image",
                             seen=path, cure="run the same command again when the file is complete")


def mismatch(expected, actual, source):
    """The error for a source whose content is not what the checksum says."""
    return BaremetalError(
        "the image has another checksum than it must have", stage="check the image", seen=f"{actual} where {expected} belongs, {shown(source)}",
        cure="fetch the image again, or correct the checksum if the image was published anew")


def _identity(path):
    status = os.stat(path)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _prove(path, expected, source):
    digest = hashlib.new(expected.algorithm)
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(_PIECE), b""):
            digest.update(piece)
    if digest.hexdigest() != expected.hex:
        raise mismatch(expected, f"{expected.algorithm}:{digest.hexdigest()}", source)


def _download(source, path, expected):
    digest = hashlib.new(expected.algorithm)
    buffer = memoryview(bytearray(_PIECE))
    with Stream(source, "fetch the image") as stream, open(path, "xb") as file:
        while True:
            count = stream.readinto(buffer)
            if not count:
                break
            digest.update(buffer[:count])
            file.write(buffer[:count])
    if digest.hexdigest() != expected.hex:
        # A page that says "not found" deserves to be called so.
        formats.recognise(path)
        raise mismatch(expected, f"{expected.algorithm}:{digest.hexdigest()}", source)


def _convert(path, form, converted):
    # Of a VHD, qemu-img would else take the size from the old geometry, by which some programs round.
    driver = "vpc,force_size_calc=current_size" if form == "vhd" else form
    options = f"driver={driver},file.driver=file,file.filename={path.replace(',', ',,')}"
    command = ["qemu-img", "convert", "--image-opts", "-O", "raw", options, converted]
    try:
        # There is no AnsibleModule here to ask: this knows nothing of Ansible. pylint: disable-next=ansible-bad-function
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env=dict(os.environ, LC_ALL="C"))
    except FileNotFoundError as error:
        raise BaremetalError("qemu-img is not installed on the boot server", stage="convert the image",
                             cure="install qemu-utils, or publish a raw image") from error
    if done.returncode:
        text = done.stdout.decode("utf-8", "replace").strip()
        if os.strerror(errno.ENOSPC) in text:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise BaremetalError("qemu-img cannot convert the image", stage="convert the image", seen=text[-500:],
                             cure="fetch the source again; look at it with qemu-img check")
