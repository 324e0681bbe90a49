# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Config drives that somebody made already: fetched, unpacked, looked at. Private to the collection; may change at any time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import urllib.parse
import zlib
from http.client import HTTPException

from ansible.module_utils.urls import ConnectionError as UrlConnectionError
from ansible.module_utils.urls import open_url

from . import iso9660
from .._errors import BaremetalError

# Ironic's limit for what is written to the partition of a config drive.
LIMIT = 64 * 1024 ** 2
# Stands for the config drive that is on the disk already.
PRESERVE = "preserve"
STAGE = "config drive"
# Base64 with its line ends is never longer than this for a drive of LIMIT bytes.
_FETCH_LIMIT = LIMIT * 3 // 2
# Seconds for a server to answer, and between two pieces of what it sends.
_TIMEOUT = 60
_PLACES = ("openstack/latest/meta_data.json", "meta-data")
# In the metadata of a drive that was made here, by which the proof tells this deploy from whatever was on the disk before.
DIGEST_KEY = "rackwright_image_digest"
# Datasources of cloud-init by the label of the drive that they read.
DATASOURCES = {"config-2": "ConfigDrive", "cidata": "NoCloud"}


def load(source, *, sha256=None):
    """The ISO image of a config drive that is ready.

    :param source: an http or https URL, an absolute path of a file on the controller, or the drive itself in base64; at each place an ISO image, plain
        or packed with gzip, in base64 or not. ``preserve`` for the one that is on the disk.
    :param sha256: digest in hexadecimal digits that what is at the URL or in the file must have; the word ``sha256:`` may stand before it.
    :returns: bytes, or None for ``preserve``.
    :raises BaremetalError: when it cannot be read, is too large, has another digest, or is no config drive.
    """
    if not isinstance(source, str) or not source.strip():
        raise _bad("iso is empty", cure="give a URL, an absolute path, or the drive in base64")
    source = source.strip()
    if source == PRESERVE:
        if sha256:
            raise _bad("the digest of a drive that stays on the disk is not compared", cure="leave out sha256")
        return None
    where = "the text of iso"
    if re.match(r"https?://", source, re.IGNORECASE):
        where, data = _shown(source), _fetch(source)
    elif source.startswith("/"):
        where, data = source, _read(source)
    else:
        data = source.encode("utf-8", "replace")
    if sha256:
        _compare(data, sha256, where)
    image = _unpack(data, where)
    if len(image) > LIMIT:
        raise _too_large(where)
    marks(image)
    return image


def marks(image):
    """What a config drive says of itself.

    :param image: bytes of an ISO image.
    :returns: dict with label, hostname, instance_uuid and image_digest, the last three None where it does not say.
    :raises BaremetalError: when it is no config drive.
    """
    try:
        label, get = iso9660.read(image)
    except BaremetalError as error:
        raise error.at(stage=STAGE) from error
    if label.lower() not in DATASOURCES:
        raise _bad("the ISO image is no config drive", seen=f"label {label or 'empty'}", cure="give it the label config-2 (ConfigDrive) or cidata (NoCloud)")
    found = {}
    for place in _PLACES:
        try:
            found = json.loads(get(place) or "{}")
        except ValueError:
            # The meta-data of NoCloud may be YAML of any kind; then it is not known what it says.
            continue
        if found:
            break
    found = found if isinstance(found, dict) else {}
    meta = found.get("meta")
    return {
        "label": label.lower(),
        "hostname": found.get("hostname") or found.get("local-hostname"), "instance_uuid": found.get("uuid") or found.get("instance-id"),
        "image_digest": meta.get(DIGEST_KEY) if isinstance(meta, dict) else None,
    }


def _fetch(url):
    try:
        with open_url(url, timeout=_TIMEOUT, http_agent="rackwright.baremetal") as answer:
            data = answer.read(_FETCH_LIMIT + 1)
            length = answer.headers.get("Content-Length")
    except (OSError, ValueError, HTTPException, UrlConnectionError) as error:
        raise _bad(f"it cannot be fetched from {_shown(url)}", seen=getattr(error, "reason", None) or error,
                   cure="see that the controller reaches the server, and that the address is right") from None
    if len(data) > _FETCH_LIMIT:
        raise _too_large(_shown(url))
    if length and length.isdecimal() and len(data) != int(length):
        raise _bad(f"{_shown(url)} broke off", seen=f"{len(data)} of {length} bytes", cure="run the same command again")
    return data


def _read(path):
    try:
        # A device or a pipe would be read without end.
        if not os.path.isfile(path):
            raise FileNotFoundError(2, "no such file")
        with open(path, "rb") as file:
            data = file.read(_FETCH_LIMIT + 1)
    except OSError as error:
        raise _bad(f"{path} cannot be read", seen=error.strerror, cure="give the path of a file on the controller") from None
    if len(data) > _FETCH_LIMIT:
        raise _too_large(path)
    return data


def _compare(data, expected, where):
    expected = str(expected).strip().lower().removeprefix("sha256:")
    if not re.fullmatch("[0-9a-f]{64}", expected):
        raise _bad("sha256 is no SHA-256 digest", seen=expected[:80], cure="give 64 hexadecimal digits, as sha256sum prints them")
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise _bad(f"{where} has another content than was expected", seen=f"sha256 {found}, {len(data)} bytes; expected {expected}",
                   cure="correct sha256, or find out who changed the file")


def _unpack(data, where):
    """An ISO image out of what may be packed with gzip and written in base64, in this order, as Ironic has it."""
    if not iso9660.is_image(data) and not data.startswith(b"\x1f\x8b"):
        try:
            data = base64.b64decode(b"".join(data.split()), validate=True)
        except binascii.Error:
            raise _bad(f"{where} is no config drive", seen=_kind(data), cure="give an ISO image, plain or packed with gzip, in base64 or not") from None
    if data.startswith(b"\x1f\x8b"):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            image = unpacker.decompress(data, LIMIT + 1)
        except zlib.error as error:
            raise _bad(f"{where} is damaged", seen=error, cure="make it again") from None
        if len(image) > LIMIT:
            raise _too_large(where)
        if not unpacker.eof:
            raise _bad(f"{where} is cut short", seen=f"{len(data)} bytes packed, {len(image)} unpacked", cure="make it again")
        data = image
    if not iso9660.is_image(data):
        raise _bad(f"{where} is no config drive", seen=_kind(data), cure="give an ISO image, plain or packed with gzip, in base64 or not")
    return data


def _kind(data):
    # Content is not shown: it may hold passwords. That it is a web page says enough of an error page.
    page = b"<html" in data[:512].lower() or b"<!doctype" in data[:512].lower()
    return f"{len(data)} bytes{', a web page' if page else ''}"


def _shown(url):
    """A URL without what may be secret in it."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _too_large(where):
    return _bad(f"{where} has more than {LIMIT} bytes, which are the limit", cure="keep large files on a server and let user data fetch them")


def _bad(what, *, seen=None, cure=None):
    return BaremetalError(what, stage=STAGE, seen=seen, cure=cure)
