# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Firmware of a simulated Redfish BMC: SimpleUpdate and pushed files. The version is in the name of the file, or in it as version=1.2.3."""

from __future__ import annotations

import email.parser
import email.policy
import json
import re
import urllib.error
import urllib.parse

from . import redfish_tasks
from .redfish_board import ROOT, Refuse, on_action, on_patch, on_upload
from .redfish_media import fetch
from .redfish_system import must_have, simple_patch

_IN_NAME = re.compile(r"(\d+(?:\.\d+)+)")
_IN_FILE = re.compile(rb"version=([0-9A-Za-z._-]+)")


@on_patch("UpdateService")
def change_service(board, path, body):
    simple_patch(board, path, body, ("HttpPushUriTargets", "HttpPushUriOptions", "ServiceEnabled"))


@on_action("UpdateService.SimpleUpdate")
def simple_update(board, path, body):
    must_have(body, "ImageURI")
    url = str(body["ImageURI"])
    parts = urllib.parse.urlsplit(url)
    allowed = board.peek(path)["Actions"]["#UpdateService.SimpleUpdate"].get("TransferProtocol@Redfish.AllowableValues", [])
    protocol = str(body.get("TransferProtocol") or parts.scheme).upper()
    if protocol not in allowed:
        raise Refuse(400, "ActionParameterNotSupported", f"The transfer protocol {protocol} is not supported.", related=["/TransferProtocol"])
    targets = _targets(board, body.get("Targets"), parts.path)
    action = board.peek(path)["Actions"]["#UpdateService.SimpleUpdate"]["target"]
    return _update(board, targets, parts.path, b"", body, url if board.fetch else None, ("POST", action, body))


@on_upload("MultipartHttpPushUri")
def multipart(board, request):
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refuse(415, "GeneralError", "multipart/form-data is needed.")
    # The parts are small but for the file, which is only looked at.
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + request.body)
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}
    if "UpdateParameters" not in parts or "UpdateFile" not in parts:
        raise Refuse(400, "GeneralError", "UpdateParameters and UpdateFile are needed.")
    try:
        parameters = json.loads(parts["UpdateParameters"].get_payload(decode=True))
    except ValueError:
        raise Refuse(400, "MalformedJSON", "UpdateParameters is no JSON.") from None
    if not isinstance(parameters, dict):
        raise Refuse(400, "MalformedJSON", "UpdateParameters is no JSON object.")
    if board.behaviour["upload_needs_image_type"] and "OemParameters" not in parts:
        raise Refuse(400, "GeneralError", "OemParameters with ImageType is needed.")
    if board.behaviour["upload_empty_targets"] and parameters.get("Targets"):
        raise Refuse(400, "PropertyValueNotInList", "Targets must be empty.")
    name = parts["UpdateFile"].get_filename() or ""
    content = parts["UpdateFile"].get_payload(decode=True) or b""
    oem = parts["OemParameters"].get_payload(decode=True) if "OemParameters" in parts else b""
    hint = f"{name} {oem.decode('latin-1')}"
    return _update(board, _targets(board, parameters.get("Targets"), hint), name, content, parameters, None)


@on_upload("HttpPushUri")
def push(board, request):
    if not request.body:
        raise Refuse(400, "GeneralError", "The file is missing.")
    service = board.peek(board.path(f"{ROOT}/UpdateService"))
    return _update(board, _targets(board, service.get("HttpPushUriTargets"), ""), "", request.body, {}, None)


def _targets(board, wanted, hint):
    """The firmware inventory paths that an update is for."""
    inventory = board.path(f"{ROOT}/UpdateService/FirmwareInventory")
    known = [member["@odata.id"] for member in board.peek(inventory)["Members"]]
    if wanted:
        found = [path for path in known if path in wanted or any(item["@odata.id"] in wanted for item in board.peek(path).get("RelatedItem", []))]
        if not found:
            raise Refuse(400, "PropertyValueNotInList", "No such target.", related=["/Targets"])
        return found
    by_name = [path for path in known if str(board.peek(path).get("SoftwareId")).split(".", maxsplit=1)[0].lower() in hint.lower()]
    return by_name[:1] or [path for path in known if board.peek(path).get("SoftwareId") == "BMC"][:1] or known[:1]


def _update(board, targets, name, content, parameters, url, request=None):
    for target in targets:
        if not board.peek(target).get("Updateable", True):
            raise Refuse(400, "ActionParameterNotSupported", f"{target} cannot be updated.", related=["/Targets"])
    outcome = {"content": content}

    def work():
        if "error" in outcome:
            raise Refuse(400, "GeneralError", f"The file cannot be fetched: {outcome['error']}")
        if board.faults.hit("firmware_lie"):
            return
        said = _IN_FILE.search(outcome["content"][:65536])
        in_name = _IN_NAME.search(name)
        version = said[1].decode() if said else in_name[1] if in_name else "2.0.0"
        for target in targets:
            _installed(board, target, version)

    if url:
        board.background(_load(outcome, url))
    wanted = parameters.get("@Redfish.OperationApplyTime")
    if wanted == "OnReset" and not board.behaviour["simple_update_apply_time"]:
        raise Refuse(400, "PropertyUnknown", "The property @Redfish.OperationApplyTime is not known.")
    on_reset = wanted == "OnReset" or (board.behaviour["firmware_bios_on_reset"] and any(_is(board, target, "BIOS") for target in targets))
    software = ", ".join(str(board.peek(target).get("SoftwareId")) for target in targets)
    return redfish_tasks.start(board, f"Firmware Update: {software}", work, on_reset=on_reset, request=request)


async def _load(outcome, url):
    try:
        outcome["content"] = await fetch(url)
    except (OSError, ValueError, urllib.error.URLError) as error:
        outcome["error"] = str(error)


def _is(board, path, software):
    return board.peek(path).get("SoftwareId") == software


def _installed(board, path, version):
    board.own(path)["Version"] = version
    board.counters["firmware_installed"] += 1
    if _is(board, path, "BIOS"):
        board.own(board.path(f"{ROOT}/Systems/1"))["BiosVersion"] = version
    elif _is(board, path, "BMC"):
        board.own(board.path(f"{ROOT}/Managers/1"))["FirmwareVersion"] = version
        board.later(0.2, board.go_away, board.manager_reset_seconds, board.manager_warm_up)
