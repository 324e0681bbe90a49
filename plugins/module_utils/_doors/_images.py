# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image of a deploy: one that is published, or a raw one on any HTTP server. Private to the collection; may change at any time."""

from __future__ import annotations

from urllib.parse import urlsplit

from .._errors import BaremetalError
from .._image import checksum as checksums
from .._image.formats import PARTITION, WHOLE_DISK
from .._image.stream import shown


def is_address(image):
    """Whether an image is named by an address, and so is not published."""
    return "://" in (image or "")


def find_image(engine, image, *, checksum=None, partitions=None):
    """The record of an image.

    :param image: name of a published image, or address of a raw one.
    :param checksum: that of a raw one, ``sha256:HEX`` or ``sha512:HEX``.
    :param partitions: the partitions that are asked for; with them a raw image is one file system.
    :returns: for a published image what was recorded of it; otherwise a dict with name, url, digest, manifest_digest (None), virtual_size (None) and
        image_type.
    :raises BaremetalError: when nothing is published under that name, or the address or its checksum is no use.
    """
    if is_address(image):
        return _raw(image, checksum, WHOLE_DISK if partitions is None else PARTITION)
    if checksum:
        raise BaremetalError("a checksum was given for an image that is published, which has its own", stage="plan", seen=f"image {image}",
                             cure="leave image_checksum out, or give the address of a raw image")
    from .._registry import images  # see _registry_access.py

    found = images.get(engine, image) if image else None
    if found is None:
        known = ", ".join(one["name"] for one in images.list_images(engine))
        raise BaremetalError(
            f"there is no image {image}" if image else "no image is named", stage="plan",
            seen=f"published images: {known or 'none'}",
            cure="name a published image, for example with -e image=debian-12, or publish it with the module rackwright.baremetal.image")
    return found


def _raw(url, checksum, image_type):
    try:
        parts = urlsplit(url)
        # A port that is no number is part of a password with a slash in it.
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise BaremetalError("the address of the image is no http or https URL", stage="plan", seen=_harmless(url),
                             cure="correct it, or name a published image")
    if "@" in parts.netloc or parts.query:
        # It would stand in the registry, in results and in the log.
        raise BaremetalError("the address of the image holds what may be a secret, a user or a query", stage="plan", seen=parts.hostname + parts.path,
                             cure="serve the file without them, or publish it with publish.yml")
    if not checksum:
        raise BaremetalError("an image that is not published needs its checksum", stage="plan", seen=url,
                             cure="give it as sha256:HEX or sha512:HEX, with -e image_checksum=")
    return {"name": url, "url": url, "digest": str(checksums.parse(checksum, url, _no_file)), "manifest_digest": None, "virtual_size": None,
            "image_type": image_type}


def _no_file(location):
    raise BaremetalError("the checksum of an image that is not published is given by an address", stage="plan", seen=_harmless(location),
                         cure="give it as sha256:HEX or sha512:HEX")


def _harmless(url):
    """What a message may tell of an address that is no use: without user and query; None where it is not certain which part they are."""
    try:
        return shown(url) if url.count("@") == urlsplit(url).netloc.count("@") else None
    except ValueError:
        return None
