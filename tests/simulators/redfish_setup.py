# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""BIOS settings and secure boot of a simulated Redfish BMC: what is set now, and what waits for the next reset."""

from __future__ import annotations

from . import redfish_tasks
from .redfish_board import ROOT, Refuse, on_action, on_patch
from .redfish_system import must_have, one_of, only

_APPLY = "@Redfish.SettingsApplyTime"


def _registry(board, bios):
    """The entries of the attribute registry by name."""
    name = bios.get("AttributeRegistry")
    for path in board.of_kind("AttributeRegistry"):
        if path.endswith(f"/{name}.json"):
            return {entry["AttributeName"]: entry for entry in board.peek(path)["RegistryEntries"]["Attributes"]}
    return {}


def _check(entries, current, attributes):
    for name, value in attributes.items():
        if name not in current:
            raise Refuse(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties.", related=[f"#/Attributes/{name}"])
        entry = entries.get(name)
        if entry is None:
            continue
        if entry.get("ReadOnly"):
            raise Refuse(400, "PropertyNotWritable", f"The property {name} is read-only.", related=[f"#/Attributes/{name}"])
        types = {"Enumeration": str, "String": str, "Password": str, "Integer": int, "Boolean": bool}
        kind = types.get(entry["Type"], object)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise Refuse(400, "PropertyValueTypeError", f"The value {value} for the property {name} is of another type.", related=[f"#/Attributes/{name}"])
        if entry["Type"] == "Enumeration":
            one_of(name, value, [item["ValueName"] for item in entry["Value"]])
        low, high = entry.get("LowerBound", entry.get("MinLength")), entry.get("UpperBound", entry.get("MaxLength"))
        size = len(value) if kind is str else value
        if kind in (str, int) and ((low is not None and size < low) or (high is not None and size > high)):
            raise Refuse(400, "PropertyValueOutOfRange", f"The value {value} for the property {name} is out of range.", related=[f"#/Attributes/{name}"])


@on_patch("Bios")
def change_bios(board, path, body):
    bios_path = board.path(f"{ROOT}/Systems/1/Bios")
    settings_path = board.peek(bios_path).get("@Redfish.Settings", {}).get("SettingsObject", {}).get("@odata.id", bios_path)
    only(body, ("Attributes",))
    if path != settings_path:
        raise Refuse(400, "PropertyNotWritable", "The property Attributes is read-only.", related=["#/Attributes"])
    must_have(body, "Attributes")
    bios = board.peek(bios_path)
    attributes = body["Attributes"]
    if not isinstance(attributes, dict):
        raise Refuse(400, "PropertyValueTypeError", "Attributes is no object.", related=["#/Attributes"])
    if board.scheduled.get("bios"):
        raise Refuse(400, "ResourceInUse", "Pending configuration values are already committed, unable to perform another set operation.")
    _check(_registry(board, bios), bios["Attributes"], attributes)
    settings = board.own(settings_path)
    settings.setdefault("Attributes", {}).update(attributes)
    board.waiting.setdefault("bios", {}).update(attributes)
    if board.behaviour["bios_shows_pending"]:
        board.own(bios_path)["Attributes"].update(attributes)
    wanted = (body.get(_APPLY) or {}).get("ApplyTime")
    if not board.behaviour["bios_apply_time_needed"] or wanted == "OnReset":
        return schedule_bios(board, with_task=board.behaviour["bios_job"])
    return None


def schedule_bios(board, with_task):
    """Let the next reset apply what is pending.

    :returns: Reply with a task, or None.
    """
    if with_task:
        board.scheduled["bios"] = True
        return redfish_tasks.start(board, "BIOS configuration", lambda: apply_bios(board), on_reset=True)
    if not board.scheduled.get("bios_quiet"):
        board.scheduled["bios_quiet"] = True
        board.pending.append(lambda: apply_bios(board))
    return None


def apply_bios(board):
    """Make the pending settings the current ones."""
    bios_path = board.path(f"{ROOT}/Systems/1/Bios")
    wanted = board.waiting.pop("bios", {})
    board.scheduled.pop("bios", None)
    board.scheduled.pop("bios_quiet", None)
    if not board.faults.hit("bios_ignored"):
        board.own(bios_path)["Attributes"].update(wanted)
    clear_bios(board)


def clear_bios(board):
    """Show that nothing is pending."""
    bios_path = board.path(f"{ROOT}/Systems/1/Bios")
    settings_path = board.peek(bios_path).get("@Redfish.Settings", {}).get("SettingsObject", {}).get("@odata.id", bios_path)
    if settings_path == bios_path:
        return
    settings = board.own(settings_path)
    if board.behaviour["bios_pending_no_attributes"]:
        settings.pop("Attributes", None)
    elif board.behaviour["bios_pending_only_changes"]:
        settings["Attributes"] = {}
    else:
        settings["Attributes"] = dict(board.peek(bios_path)["Attributes"])


@on_action("Bios.ResetBios")
def reset_bios(board, path, body):
    entries = _registry(board, board.peek(path))
    defaults = {name: entry["DefaultValue"] for name, entry in entries.items() if not entry.get("ReadOnly")}
    board.waiting["bios"] = defaults
    return schedule_bios(board, with_task=board.behaviour["bios_job"])


@on_action("Bios.ChangePassword")
def change_password(board, path, body):
    must_have(body, "PasswordName", "OldPassword", "NewPassword")


@on_patch("SecureBoot")
def change_secure_boot(board, path, body):
    _licensed(board)
    only(body, ("SecureBootEnable",))
    must_have(body, "SecureBootEnable")
    wanted = body["SecureBootEnable"]
    if not isinstance(wanted, bool):
        raise Refuse(400, "PropertyValueTypeError", "SecureBootEnable is no boolean.", related=["#/SecureBootEnable"])
    if board.behaviour["secure_boot_by_job"]:
        return redfish_tasks.start(board, "Secure boot", lambda: _apply_secure_boot(board, path, wanted), on_reset=True)
    board.own(path)["SecureBootEnable"] = wanted
    board.pending.append(lambda: _apply_secure_boot(board, path, board.peek(path)["SecureBootEnable"]))
    return None


def _licensed(board):
    if board.behaviour["secure_boot_licence"]:
        raise Refuse(403, "OemLicenseNotPassed", board.behaviour["secure_boot_licence"])


def _apply_secure_boot(board, path, wanted):
    resource = board.own(path)
    resource["SecureBootEnable"] = wanted
    on = wanted and resource.get("SecureBootMode") in ("UserMode", "DeployedMode")
    resource["SecureBootCurrentBoot"] = "Enabled" if on else "Disabled"


@on_action("SecureBoot.ResetKeys")
def reset_keys(board, path, body):
    _licensed(board)
    must_have(body, "ResetKeysType")
    one_of("ResetKeysType", body["ResetKeysType"], board.peek(path)["Actions"]["#SecureBoot.ResetKeys"]["ResetKeysType@Redfish.AllowableValues"])
    mode = "UserMode" if body["ResetKeysType"] == "ResetAllKeysToDefault" else "SetupMode"

    def work():
        board.own(path)["SecureBootMode"] = mode
        _apply_secure_boot(board, path, board.peek(path)["SecureBootEnable"])

    if board.behaviour["secure_boot_by_job"]:
        return redfish_tasks.start(board, "Secure boot keys", work, on_reset=True)
    board.own(path)["SecureBootMode"] = mode
    board.pending.append(work)
    return None
