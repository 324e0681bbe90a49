# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The config drive: what a node's new system reads at its first boot.

The layout is OpenStack's ConfigDrive version 2, which cloud-init, cloudbase-init, Ignition and
Glean read: an ISO 9660 image labelled config-2 with JSON files below openstack/latest
(https://docs.openstack.org/nova/latest/user/metadata.html). Equal input gives equal bytes.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import struct
import uuid

from .._errors import BaremetalError, missing_library

try:
    import pycdlib
except ImportError as error:
    pycdlib = None
    PYCDLIB_IMPORT_ERROR = error
else:
    PYCDLIB_IMPORT_ERROR = None

LABEL = "config-2"
LIMIT = 64 * 1024 ** 2
BLOCK = 2048
KEYS = ("hostname", "uuid", "public_keys", "user_data", "meta", "network_data", "vendor_data")
NETWORK_KEYS = ("links", "networks", "services")
STAGE = "config drive"
HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
# Key types that OpenSSH accepts in authorized_keys, hardware keys included.
SSH_KEY = re.compile(
    r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]{40,}={0,3}( [^\n\r]*)?"
)
# 2000-01-01 00:00:00 UTC in the three forms that ISO 9660 and Rock Ridge have.
RECORD_DATE = struct.pack("=BBBBBBb", 100, 1, 1, 0, 0, 0, 0)
VOLUME_DATE = b"2000010100000000\0"
NO_VOLUME_DATE = b"0000000000000000\0"
LONG_RECORD_DATE = VOLUME_DATE


def pack(data):
    """Return base64 of the gzip-compressed config drive for data (see build), as str.

    That is the form in which Ironic takes config drives too.
    """
    packed = gzip.compress(build(data), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode("ascii")


def build(data):
    """Return the ISO 9660 image of a config drive as bytes.

    data: hostname (RFC 1123) and uuid (of the instance) are required; public_keys is a list of
    SSH public keys or {name: key}, user_data a text (or a dict, which becomes cloud-config), meta
    {str: str}, network_data a dict with links, networks and services, vendor_data a dict.
    Raises BaremetalError naming the key that is missing, unknown or wrong; never shows user_data.
    """
    files = check(data)
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, vol_ident=LABEL, joliet=3, rock_ridge="1.09")
    image.add_directory("/OPENSTACK", rr_name="openstack", joliet_path="/openstack")
    image.add_directory("/OPENSTACK/LATEST", rr_name="latest", joliet_path="/openstack/latest")
    for name, content in sorted(files.items()):
        image.add_fp(
            io.BytesIO(content),
            len(content),
            "/OPENSTACK/LATEST/" + name.upper() + ("" if "." in name else ".") + ";1",
            rr_name=name,
            joliet_path="/openstack/latest/" + name,
        )
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    result = bytearray(out.getvalue())
    fix_dates(result)
    if len(result) > LIMIT:
        raise _bad(
            "it has %d bytes, and %d are the limit" % (len(result), LIMIT),
            "Keep large files on a server and let user_data fetch them.",
        )
    return bytes(result)


def check(data):
    """Make sure that a config drive can be built of data, and return {file name: bytes} (see build)."""
    files = contents(data)
    if sum(len(content) for content in files.values()) > LIMIT:
        raise _bad(
            "its files have %d bytes, and %d are the limit" % (sum(map(len, files.values())), LIMIT),
            "Keep large files on a server and let user_data fetch them.",
        )
    if pycdlib is None:
        raise missing_library("pycdlib", PYCDLIB_IMPORT_ERROR).at(stage=STAGE)
    return files


def contents(data):
    """Check the data of a config drive and return {file name: bytes} (see build)."""
    if not isinstance(data, dict):
        raise _bad("a mapping is expected, %s was given" % type(data).__name__)
    unknown = sorted(str(key) for key in data if key not in KEYS)
    if unknown:
        raise _bad("unknown keys: %s" % ", ".join(unknown), "The keys are: %s." % ", ".join(KEYS))
    hostname = _hostname(data.get("hostname"))
    metadata = {
        "uuid": _uuid(data.get("uuid")),
        "hostname": hostname,
        "name": hostname,
        "public_keys": _public_keys(data.get("public_keys")),
        "meta": _meta(data.get("meta")),
    }
    files = {
        "meta_data.json": _json(metadata, "meta"),
        "vendor_data.json": _json(_mapping(data.get("vendor_data"), "vendor_data"), "vendor_data"),
    }
    if data.get("user_data") is not None:
        files["user_data"] = _user_data(data["user_data"])
    if data.get("network_data") is not None:
        files["network_data.json"] = _network_data(data["network_data"])
    return files


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


def _bad(what, cure=None):
    return BaremetalError(what, stage=STAGE, cure=cure)


def _hostname(value):
    """Check a host name: labels of letters, digits and inner hyphens (RFC 1123, 2.1)."""
    if not isinstance(value, str) or not value:
        raise _bad("hostname is missing")
    if len(value) > 253 or not all(HOST_LABEL.fullmatch(label) for label in value.split(".")):
        raise _bad(
            "hostname %r is no host name" % value,
            "Use letters, digits and hyphens, not at the ends, at most 63 per label.",
        )
    return value


def _uuid(value):
    if value in (None, ""):
        raise _bad("uuid is missing", "Give the UUID of the instance.")
    try:
        return str(uuid.UUID(str(value)))
    except ValueError:
        raise _bad("uuid %r is not a UUID" % value) from None


def _public_keys(value):
    """Return {name: key}, the form of meta_data.json; a list is named by position."""
    if value is None:
        return {}
    if isinstance(value, (list, tuple)):
        named = {"key-%d" % number: key for number, key in enumerate(value)}
    elif isinstance(value, dict):
        named = {str(name): key for name, key in value.items()}
    else:
        raise _bad("public_keys must be a list of keys, or a mapping of names to keys")
    for name, key in named.items():
        if not isinstance(key, str) or not SSH_KEY.fullmatch(key.strip()):
            private = isinstance(key, str) and "PRIVATE KEY" in key
            raise _bad(
                "public_keys: %s is not an SSH public key%s" % (name, ", but a private one" if private else ""),
                "Give the line of a .pub file, such as ssh-ed25519 AAAA... comment.",
            )
        named[name] = key.strip()
    return named


def _meta(value):
    found = _mapping(value, "meta")
    for key, item in found.items():
        if not isinstance(key, str) or not isinstance(item, str):
            raise _bad("meta: the value of %s is not a text" % key, "Quote it, or use the filter string.")
    return found


def _mapping(value, name):
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _bad("%s must be a mapping" % name)
    return value


def _user_data(value):
    if isinstance(value, dict):
        # JSON is YAML, so a mapping needs no YAML writer to be cloud-config.
        return b"#cloud-config\n" + _json(value, "user_data") + b"\n"
    if isinstance(value, str):
        return value.encode("utf-8")
    raise _bad("user_data must be a text, or a mapping that becomes cloud-config")


def _network_data(value):
    missing = [key for key in NETWORK_KEYS if not isinstance(_mapping(value, "network_data").get(key), list)]
    if missing:
        raise _bad(
            "network_data has no list %s" % ", ".join(missing),
            "It is in OpenStack's format and has the lists %s." % ", ".join(NETWORK_KEYS),
        )
    return _json(value, "network_data")


def _json(value, name):
    try:
        return json.dumps(value, sort_keys=True, indent=1).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise _bad("%s cannot be written as JSON: %s" % (name, error)) from None
