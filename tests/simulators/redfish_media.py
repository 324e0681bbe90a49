# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual media of a simulated Redfish BMC."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.parse
import urllib.request

from .redfish_board import Refuse, on_action, on_patch
from .redfish_system import must_have, only


async def fetch(url, limit=None):
    """Fetch the beginning of what is at a URL.

    :returns: bytes.
    :raises OSError: when it cannot be had.
    """
    def work():
        headers = {} if limit is None else {"Range": f"bytes=0-{limit - 1}"}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.read() if limit is None else answer.read(limit)

    return await asyncio.to_thread(work)


@on_action("VirtualMedia.InsertMedia")
def insert(board, path, body):
    does = board.behaviour
    _usable(board, path)
    if does["media_licence"]:
        raise Refuse(403, "OemLicenseNotPassed", does["media_licence"])
    for name in body:
        if name not in does["media_payload"]:
            raise Refuse(400, "ActionParameterUnknown", f"The parameter {name} is not known.", related=[f"/{name}"])
    must_have(body, *does["media_payload_required"])
    _insert(board, path, body)


def _usable(board, path):
    if path.rsplit("/", 1)[1] in board.behaviour["media_slots_refused"]:
        raise Refuse(400, "ActionNotSupported", "The slot cannot be used.")


def _insert(board, path, body):
    url = body["Image"]
    parts = urllib.parse.urlsplit(url if isinstance(url, str) else "")
    if parts.scheme not in ("http", "https", "nfs", "cifs", "smb") or not parts.netloc:
        raise Refuse(400, "PropertyValueFormatError", f"The value {url} for Image is no URL.", related=["/Image"])
    if board.behaviour["media_url_plain"] and any(sign in url for sign in "?="):
        raise Refuse(400, "PropertyValueFormatError", "The URL must not hold ? or =.", related=["/Image"])
    if board.behaviour["media_https_refused"] and parts.scheme == "https":
        raise Refuse(400, "ActionParameterNotSupported", "The transfer protocol HTTPS is not supported.", related=["/Image"])
    if board.peek(path).get("Inserted") and not board.behaviour["media_replace"]:
        raise Refuse(409, "ResourceInUse", "A medium is inserted already.")
    if board.faults.hit("insert_ignored"):
        return
    slot = board.own(path)
    slot.update(Image=url, ImageName=parts.path.rsplit("/", 1)[1], Inserted=body.get("Inserted", True), ConnectedVia="URI",
                WriteProtected=body.get("WriteProtected", True))
    for name in ("TransferProtocolType", "TransferMethod", "UserName"):
        if name in slot:
            slot[name] = body.get(name)
    if board.fetch and parts.scheme in ("http", "https"):
        board.background(_look_at(board, path, url))


async def _look_at(board, path, url):
    try:
        # The header of a file system is within the first sectors.
        await fetch(url, 65536)
    except (OSError, ValueError, urllib.error.URLError):
        board.own(path).update(Inserted=False, ConnectedVia="NotConnected", Image=None, ImageName=None)


@on_action("VirtualMedia.EjectMedia")
def eject(board, path, body):
    _usable(board, path)
    slot = board.peek(path)
    if not slot.get("Inserted") and board.behaviour["eject_empty_refused"]:
        raise Refuse(400, "GeneralError", "No medium is inserted.")
    _eject(board, path)


def _eject(board, path):
    slot = board.own(path)
    if board.faults.hit("stale_inserted"):
        slot["ConnectedVia"] = "NotConnected"
        return
    if board.behaviour["eject_slow"] > 0:
        board.later(board.behaviour["eject_slow"], _empty, board, path)
    else:
        _empty(board, path)


def _empty(board, path):
    slot = board.own(path)
    slot.update(Image=None, Inserted=False, ConnectedVia="NotConnected")
    if not board.behaviour["media_keep_name"]:
        slot["ImageName"] = None
    for name in ("TransferProtocolType", "TransferMethod", "UserName"):
        if name in slot:
            slot[name] = None


@on_patch("VirtualMedia")
def patch(board, path, body):
    if not board.behaviour["media_patch"]:
        raise Refuse(405, "OperationNotAllowed", "PATCH is not allowed here.")
    _usable(board, path)
    only(body, board.behaviour["media_payload"])
    if body.get("Image"):
        must_have(body, "Inserted")
        _insert(board, path, body)
    elif "Image" in body or body.get("Inserted") is False:
        _eject(board, path)
