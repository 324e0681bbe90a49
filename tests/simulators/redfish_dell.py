# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only a simulated Dell BMC has: its attributes, among them the first boot device, and jobs made by hand."""

from __future__ import annotations

from .http_server import Reply
from .redfish_board import BOOTS, Refuse, on_action, on_patch, on_post
from .redfish_setup import clear_bios, schedule_bios
from .redfish_system import must_have, only


def _attributes(board):
    return next(iter(board.of_kind("DellAttributes")), None)


@on_patch("DellAttributes")
def change_attributes(board, path, body):
    only(body, ("Attributes",))
    must_have(body, "Attributes")
    known = board.own(path)["Attributes"]
    for name, value in body["Attributes"].items():
        if name not in known:
            raise Refuse(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties.", related=[f"#/Attributes/{name}"])
        known[name] = value


@BOOTS.append
def first_boot_device(board):
    """The attribute ServerBoot goes before the boot override."""
    path = _attributes(board)
    if path is None:
        return None
    attributes = board.peek(path)["Attributes"]
    if attributes["ServerBoot.1.FirstBootDevice"] != "VCD-DVD":
        return None
    if attributes["ServerBoot.1.BootOnce"] == "Enabled":
        board.own(path)["Attributes"]["ServerBoot.1.FirstBootDevice"] = "Normal"
    return {"target": "Cd", "image": board.booted_image()}


@on_post("DellJobCollection")
def make_job(board, path, body):
    """A job for staged BIOS settings."""
    must_have(body, "TargetSettingsURI")
    if board.scheduled.get("bios"):
        raise Refuse(400, "IDRAC.2.8.SYS011", "Pending configuration values are already committed, unable to perform another set operation.")
    if not board.waiting.get("bios"):
        raise Refuse(400, "IDRAC.2.8.SYS009", "No pending data is present to create a configuration job.")
    reply = schedule_bios(board, with_task=True)
    return Reply(200, reply.body, reply.headers)


@on_action("DellManager.ClearPending")
def clear_pending(board, path, body):
    if board.scheduled.get("bios"):
        raise Refuse(400, "IDRAC.2.8.SYS011", "Pending configuration values are already committed.")
    board.waiting.pop("bios", None)
    clear_bios(board)
