# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The config drive: what a node's new system reads at its first boot.

Two layouts. OpenStack's ConfigDrive version 2 is read by cloud-init, cloudbase-init, Ignition and Glean: an ISO 9660 image labelled config-2 with
JSON files below openstack/latest (https://docs.openstack.org/nova/latest/user/metadata.html). NoCloud is cloud-init's own: one labelled cidata with
meta-data, user-data, vendor-data and network-config (https://docs.cloud-init.io/en/latest/reference/datasources/nocloud.html). Equal input gives
equal bytes.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import uuid

from . import iso9660, network_config, ready_drive
from .. import _network_data
from .._errors import BaremetalError

LABELS = {"configdrive": "config-2", "nocloud": "cidata"}
KEYS = ("hostname", "uuid", "public_keys", "user_data", "meta", "meta_data", "network_data", "vendor_data", "layout")
# Beside a drive that is ready nothing is made, so these would be lost.
SOURCE_KEYS = ("iso", "sha256")
LOST = ("user_data", "meta_data", "network_data", "vendor_data", "layout")
STAGE = "config drive"
HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
# Key types that OpenSSH accepts in authorized_keys, hardware keys included.
SSH_KEY = re.compile(
    r"(ssh-(ed25519|rsa|dss)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com)"
    r" [A-Za-z0-9+/]{40,}={0,3}( [^\n\r]*)?"
)


def pack(data):
    """Return base64 of the gzip-compressed config drive for data (see obtain), as str; "preserve" stays what it is.

    That is the form in which Ironic takes config drives too.
    """
    image = obtain(data)
    if image is None:
        return ready_drive.PRESERVE
    return base64.b64encode(gzip.compress(image, compresslevel=9, mtime=0)).decode("ascii")


def obtain(data):
    """Return the image that data describes (see build) or, with the key iso, points to, as bytes.

    iso: a drive that is ready, as ready_drive.load takes it; then sha256 may be there, hostname, uuid, public_keys and meta count for nothing, and
    other keys are refused. None for "preserve", which leaves the one that is on the disk.
    """
    if not isinstance(data, dict) or "iso" not in data:
        return build(data)
    _known_keys(data)
    lost = sorted(key for key in LOST if data.get(key) is not None)
    if lost:
        raise _bad(
            "a ready config drive is written as it is, so %s would be lost" % ", ".join(lost),
            "Leave out iso, or what stands beside it.",
        )
    return ready_drive.load(data["iso"], sha256=data.get("sha256"))


def build(data):
    """Return the ISO 9660 image of a config drive as bytes.

    data: hostname (RFC 1123) and uuid (of the instance) are required; layout is configdrive or nocloud, public_keys is a list of SSH public keys, a
    text with one in each line, or {name: key}, user_data a text (or a dict, which becomes cloud-config), meta {str: str}, meta_data a dict of further
    keys of the metadata, network_data a dict with links, networks and services, vendor_data a dict.
    Raises BaremetalError naming the key that is missing, unknown or wrong; never shows user_data.
    """
    files = check(data)
    image = iso9660.write(files, LABELS[_layout(data)])
    if len(image) > ready_drive.LIMIT:
        raise _too_large("it has", len(image))
    return image


def check(data):
    """Make sure that a config drive can be built of data, and return {file name: bytes} (see build)."""
    files = contents(data)
    size = sum(len(content) for content in files.values())
    if size > ready_drive.LIMIT:
        raise _too_large("its files have", size)
    try:
        iso9660.need_library()
    except BaremetalError as error:
        raise error.at(stage=STAGE) from error
    return files


def contents(data):
    """Check the data of a config drive and return {path: bytes} (see build)."""
    if not isinstance(data, dict):
        raise _bad("a mapping is expected, %s was given" % type(data).__name__)
    _known_keys(data)
    layout = _layout(data)
    metadata = _metadata(data)
    vendor_data = _mapping(data.get("vendor_data"), "vendor_data")
    user_data = None if data.get("user_data") is None else _user_data(data["user_data"])
    network_data = data.get("network_data")
    if network_data is not None:
        _network_data.check(network_data, stage=STAGE)
    if layout == "nocloud":
        return _nocloud(metadata, user_data, vendor_data, network_data)
    files = {"meta_data.json": _json(metadata, "meta_data"), "vendor_data.json": _json(vendor_data, "vendor_data")}
    if user_data is not None:
        files["user_data"] = user_data
    if network_data:
        files["network_data.json"] = _json(network_data, "network_data")
    return {"openstack/latest/" + name: content for name, content in files.items()}


def _nocloud(metadata, user_data, vendor_data, network_data):
    """The files of the NoCloud layout; JSON is YAML, so they need no YAML writer. user-data must be there, if empty."""
    files = {
        "meta-data": _json(
            dict(
                {key: value for key, value in metadata.items() if key not in ("name", "hostname", "public_keys")},
                **{"instance-id": metadata["uuid"], "local-hostname": metadata["hostname"], "public-keys": sorted(metadata["public_keys"].values())},
            ),
            "meta_data",
        ),
        "user-data": user_data or b"",
    }
    # What cloud-init takes of OpenStack's vendor data.
    vendor = vendor_data.get("cloud-init")
    if vendor is not None:
        if not isinstance(vendor, str):
            raise _bad("vendor_data: the value of cloud-init is not a text", "Write it as a text that begins with #cloud-config.")
        files["vendor-data"] = vendor.encode("utf-8")
    elif vendor_data:
        raise _bad(
            "vendor_data has no key cloud-init, so the layout nocloud has no place for it",
            "Give cloud-init a text that begins with #cloud-config, or choose the layout configdrive.",
        )
    if network_data:
        files["network-config"] = _json(network_config.from_network_data(network_data), "network_data")
    return files


def _known_keys(data):
    unknown = sorted(str(key) for key in data if key not in KEYS + SOURCE_KEYS)
    if unknown:
        raise _bad("unknown keys: %s" % ", ".join(unknown), "The keys are: %s." % ", ".join(KEYS + SOURCE_KEYS))


def _layout(data):
    layout = data.get("layout") or "configdrive"
    if layout not in LABELS:
        raise _bad("layout %r is none" % layout, "The layouts are: %s." % ", ".join(LABELS))
    return layout


def _metadata(data):
    """The metadata: what has a key of its own, and the further keys of meta_data; said twice, it must be the same."""
    further = dict(_mapping(data.get("meta_data"), "meta_data"))
    hostname = _hostname(_one("hostname", data.get("hostname"), further.pop("hostname", None)))
    _one("name", hostname, further.pop("name", None))
    meta = _meta(further.pop("meta", None))
    for key, value in _meta(data.get("meta")).items():
        meta = dict(meta, **{key: _one("meta." + key, value, meta.get(key))})
    instance = _uuid(_one("uuid", data.get("uuid"), further.pop("uuid", None)))
    keys = _public_keys(data.get("public_keys"))
    keys.update(_public_keys(further.pop("public_keys", None), "more"))
    return dict(further, uuid=instance, hostname=hostname, name=hostname, public_keys=keys, meta=meta)


def _one(name, own, further):
    if own is not None and further is not None and own != further:
        raise _bad("%s is %r, and %r in meta_data" % (name, own, further), "Say it once, with the key or variable of its own.")
    return further if own is None else own


def _too_large(what, size):
    return _bad("%s %d bytes, and %d are the limit" % (what, size, ready_drive.LIMIT), "Keep large files on a server and let user_data fetch them.")


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


def _public_keys(value, prefix="key"):
    """Return {name: key}, the form of meta_data.json; a list, and the lines of a text, are named by position."""
    if value is None:
        return {}
    if isinstance(value, str):
        value = [line for line in value.splitlines() if line.strip()]
    if isinstance(value, (list, tuple)):
        named = {"%s-%d" % (prefix, number): key for number, key in enumerate(value)}
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


def _json(value, name):
    try:
        return json.dumps(value, sort_keys=True, indent=1).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise _bad("%s cannot be written as JSON: %s" % (name, error)) from None
