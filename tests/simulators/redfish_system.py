# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a simulated Redfish BMC does with the system: power, boot override, boot order, indicator, and its sessions and manager."""

from __future__ import annotations

import re
import time

from .http_server import Reply
from .redfish_board import ROOT, Refuse, on_action, on_delete, on_patch, on_post


def must_have(body, *names):
    """Refuse a body that lacks one of these."""
    for name in names:
        if name not in body:
            raise Refuse(400, "ActionParameterMissing", f"The parameter {name} is missing.", related=[f"/{name}"])


def only(body, names):
    """Refuse a body with other properties than these."""
    for name in body:
        if name not in names and "@" not in name:
            raise Refuse(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties for the resource.", related=[f"#/{name}"])


def one_of(name, value, allowed):
    """Refuse a value that is not allowed."""
    if value not in allowed:
        raise Refuse(400, "PropertyValueNotInList", f"The value {value} for the property {name} is not in the list of acceptable values.",
                     related=[f"#/{name}"])


def simple_patch(board, path, body, names):
    """Take these properties as they are; an object is merged."""
    only(body, names)
    resource = board.own(path)
    for name, value in body.items():
        if isinstance(value, dict) and isinstance(resource.get(name), dict):
            resource[name] = {**resource[name], **value}
        elif "@" not in name:
            resource[name] = value


# Power


@on_action("ComputerSystem.Reset")
def reset_system(board, path, body):
    must_have(body, "ResetType")
    wanted = body["ResetType"]
    allowed = board.peek(path)["Actions"]["#ComputerSystem.Reset"].get("ResetType@Redfish.AllowableValues")
    if allowed is not None and wanted not in allowed:
        raise Refuse(400, "ActionParameterNotSupported", f"The value {wanted} is not supported for ResetType.", related=["/ResetType"])
    machine = board.machine
    conflict = Refuse(409, "ActionParameterValueConflict", f"{wanted} is not possible while the power is {machine.power}.")
    if wanted in ("On", "ForceOn"):
        fresh = time.monotonic() - board.last_off < board.behaviour["on_conflict_after_off"]
        if fresh or board.faults.hit("power_on_conflict") is not None or (machine.power == "On" and board.behaviour["reset_conflict"]):
            raise conflict
    elif machine.power == "Off" and board.behaviour["reset_conflict"] and wanted != "PushPowerButton":
        raise conflict
    board.counters[f"reset_{wanted}"] += 1
    if board.faults.hit("power_ignored") is not None:
        return
    was_on = machine.power in ("On", "PoweringOn")
    board.last_power_change = time.monotonic()
    if wanted in ("ForceOff", "GracefulShutdown", "PowerCycle"):
        board.last_off = time.monotonic()
    if wanted in ("On", "ForceOn"):
        if not was_on:
            machine.switch_on()
    elif wanted == "ForceOff":
        machine.switch_off()
    elif wanted == "GracefulShutdown":
        machine.shut_down()
    elif wanted == "PushPowerButton":
        (machine.shut_down if was_on else machine.switch_on)()
    elif wanted in ("PowerCycle", "FullPowerCycle"):
        machine.cycle()
    elif wanted == "Nmi":
        machine.nmis += 1
    elif wanted == "ForceRestart" and board.behaviour["force_restart_hangs"]:
        machine.power = "Reset"
    elif wanted == "ForceRestart" or machine.soft_off:
        machine.restart()


# Boot override, boot order and what else can be changed of a system

_BOOT = ("BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode", "UefiTargetBootSourceOverride", "HttpBootUri", "BootNext",
         "BootOrder", "BootOrderPropertySelection", "StopBootOnFault", "AutomaticRetryConfig")
_SYSTEM = ("Boot", "IndicatorLED", "LocationIndicatorActive", "AssetTag", "HostName")


@on_patch("ComputerSystem")
def change_system(board, path, body):
    settings = path.endswith(("/Settings", "/SD"))
    only(body, _SYSTEM)
    if "Boot" in body:
        if not isinstance(body["Boot"], dict):
            raise Refuse(400, "PropertyValueTypeError", "Boot is no object.", related=["#/Boot"])
        if board.behaviour["boot_settings_only"] and not settings:
            if board.behaviour["boot_settings_readonly_system"]:
                raise Refuse(400, "PropertyNotWritable", "The property Boot is read-only.", related=["#/Boot"])
            return
        system_path = path.rsplit("/", 1)[0] if settings else path
        _change_boot(board, system_path, body["Boot"])
        if settings:
            board.own(path)["Boot"] = dict(board.peek(system_path)["Boot"])
    if "IndicatorLED" in body:
        one_of("IndicatorLED", body["IndicatorLED"], ("Off", "Lit", "Blinking"))
    system = board.own(path)
    for name in _SYSTEM[1:]:
        if name in body:
            if name not in system:
                raise Refuse(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties for the resource.", related=[f"#/{name}"])
            system[name] = body[name]
    # Two names of the same lamp.
    if "LocationIndicatorActive" in body and "IndicatorLED" in system:
        system["IndicatorLED"] = "Blinking" if body["LocationIndicatorActive"] else "Off"
    elif "IndicatorLED" in body and "LocationIndicatorActive" in system:
        system["LocationIndicatorActive"] = body["IndicatorLED"] != "Off"


def _change_boot(board, path, wanted):
    does, faults = board.behaviour, board.faults
    only(wanted, _BOOT)
    current = board.peek(path)["Boot"]
    for name in wanted:
        if name not in current and "@" not in name:
            raise Refuse(400, "PropertyUnknown", f"The property {name} is not in the list of valid properties for the resource.", related=[f"#/Boot/{name}"])
    _check_boot(current, wanted)
    _refuse_boot(does, current, wanted)
    if faults.hit("boot_override_dropped") is not None:
        return
    boot = board.own(path)["Boot"]
    before = dict(boot)
    later = {}
    if does["boot_mode_by_job"] and wanted.get("BootSourceOverrideMode") not in (None, boot.get("BootSourceOverrideMode")):
        later["BootSourceOverrideMode"] = wanted["BootSourceOverrideMode"]
    boot.update({name: value for name, value in wanted.items() if name not in later and "@" not in name})
    target_changed = boot.get("BootSourceOverrideTarget") != before.get("BootSourceOverrideTarget")
    if does["boot_enabled_always"] and "BootSourceOverrideTarget" in wanted and "BootSourceOverrideEnabled" not in wanted:
        boot["BootSourceOverrideEnabled"] = "Once"
    if "BootSourceOverrideTarget" in wanted and wanted["BootSourceOverrideTarget"] == "None" and "BootSourceOverrideEnabled" not in wanted:
        boot["BootSourceOverrideEnabled"] = "Disabled"
    resets = does["boot_mode_reset"] or faults.hit("boot_mode_reset") is not None
    if resets and target_changed and "BootSourceOverrideMode" in boot and "BootSourceOverrideMode" not in wanted:
        boot["BootSourceOverrideMode"] = "Legacy"
    elif "boot_mode_reset" in faults.on and target_changed:
        boot["BootSourceOverrideMode"] = "Legacy"
    if later:
        board.pending.append(lambda: board.own(path)["Boot"].update(later))


def _check_boot(current, wanted):
    for name in ("BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"):
        if name in wanted:
            allowed = current.get(f"{name}@Redfish.AllowableValues")
            if allowed is not None:
                one_of(f"Boot/{name}", wanted[name], allowed)
    if "BootOrder" in wanted:
        order = wanted["BootOrder"]
        if not isinstance(order, list) or sorted(map(str, order)) != sorted(current["BootOrder"]):
            raise Refuse(400, "PropertyValueNotInList", "The boot order must name each boot option once.", related=["#/Boot/BootOrder"])


def _refuse_boot(does, current, wanted):
    target = wanted.get("BootSourceOverrideTarget")
    if does["boot_mode_refused"] and "BootSourceOverrideMode" in wanted:
        raise Refuse(400, "PropertyUnknown", "The property BootSourceOverrideMode is not in the list of valid properties.",
                     related=["#/Boot/BootSourceOverrideMode"])
    if target in does["boot_targets_refused"]:
        raise Refuse(400, "PropertyValueNotInList", f"The value {target} is not supported.", related=["#/Boot/BootSourceOverrideTarget"])
    triple = {"BootSourceOverrideTarget", "BootSourceOverrideMode", "BootSourceOverrideEnabled"}
    if does["boot_full_triple"] and triple & set(wanted) and not triple <= set(wanted):
        raise Refuse(400, "PropertyMissing", "BootSourceOverrideTarget, BootSourceOverrideMode and BootSourceOverrideEnabled must be sent together.")
    enabled = wanted.get("BootSourceOverrideEnabled")
    if does["boot_enabled_same_refused"] and enabled is not None and enabled == current.get("BootSourceOverrideEnabled") != "Disabled":
        raise Refuse(400, "PropertyValueConflict", f"BootSourceOverrideEnabled is {enabled} already.", related=["#/Boot/BootSourceOverrideEnabled"])
    if does["boot_disabled_none_refused"] and enabled == "Disabled" and target == "None":
        raise Refuse(400, "PropertyValueConflict", "The target None cannot be combined with Disabled.", related=["#/Boot/BootSourceOverrideTarget"])
    if does["uefi_target_with_enabled_refused"] and target == "UefiTarget" and enabled is not None:
        raise Refuse(400, "PropertyValueConflict", "BootSourceOverrideEnabled cannot be combined with UefiTarget.")


@on_patch("BootOption")
def change_boot_option(board, path, body):
    simple_patch(board, path, body, ("BootOptionEnabled",))


@on_patch("FixedBootOrder")
def change_fixed_boot_order(board, path, body):
    must_have(body, "FixedBootOrder")
    if sorted(map(str, body["FixedBootOrder"])) != sorted(board.peek(path)["FixedBootOrder"]):
        raise Refuse(400, "PropertyValueNotInList", "The boot order must name each entry once.", related=["#/FixedBootOrder"])
    simple_patch(board, path, body, ("FixedBootOrder",))


@on_patch("FixedBootOrder")
def change_fixed_boot_order(board, path, body):
    """Supermicro's boot order by kinds of devices."""
    only(body, ("FixedBootOrder", "BootModeSelected"))
    order = body.get("FixedBootOrder")
    if order is not None and (not isinstance(order, list) or sorted(map(str, order)) != sorted(board.peek(path)["FixedBootOrder"])):
        raise Refuse(400, "PropertyValueNotInList", "FixedBootOrder must name each entry once.", related=["#/FixedBootOrder"])
    board.own(path).update(body)


@on_patch("Chassis")
def change_chassis(board, path, body):
    simple_patch(board, path, body, ("IndicatorLED", "LocationIndicatorActive", "AssetTag"))


@on_patch("Drive")
def change_drive(board, path, body):
    simple_patch(board, path, body, ("IndicatorLED", "LocationIndicatorActive"))


# Sessions


@on_post("SessionCollection")
def log_in(board, path, body):
    must_have(body, "UserName", "Password")
    role = board.login(str(body["UserName"]), str(body["Password"]))
    token, session = board.open_session(str(body["UserName"]), role)
    return Reply(201, board.read(session), {"X-Auth-Token": token, "Location": session})


@on_delete("Session")
def log_out(board, path, body):
    for token, session in list(board.sessions.items()):
        if session["path"] == path:
            board.close_session(token)


@on_patch("SessionService")
def change_session_service(board, path, body):
    simple_patch(board, path, body, ("SessionTimeout", "ServiceEnabled"))


# The BMC itself


@on_action("Manager.Reset")
def reset_manager(board, path, body):
    if board.behaviour["empty_reset_body"] and body:
        raise Refuse(400, "ActionParameterUnknown", "The action takes no parameters.")
    board.counters["manager_resets"] += 1
    # The answer still gets out.
    board.later(0.2, board.go_away, board.manager_reset_seconds, board.manager_warm_up)


@on_action("Manager.ResetToDefaults")
def reset_to_defaults(board, path, body):
    must_have(body, "ResetType")
    board.later(0.2, board.go_away, board.manager_reset_seconds, board.manager_warm_up)


@on_patch("Manager")
def change_manager(board, path, body):
    if "DateTime" in body:
        # The clock is right from now on.
        board.faults.change({"clock": False})
        body = {name: value for name, value in body.items() if name != "DateTime"}
    simple_patch(board, path, body, ("DateTimeLocalOffset", "ServiceIdentification"))


@on_patch("ManagerNetworkProtocol")
def change_protocols(board, path, body):
    simple_patch(board, path, body, ("HTTP", "HTTPS", "SSH", "IPMI", "NTP", "HostName"))


@on_patch("EthernetInterface")
def change_interface(board, path, body):
    simple_patch(board, path, body, ("HostName", "NameServers", "StaticNameServers", "DHCPv4", "IPv4StaticAddresses", "VLAN"))


# Logs


@on_action("LogService.ClearLog")
def clear_log(board, path, body):
    entries = f"{path}/Entries"
    for member in list(board.peek(entries)["Members"]):
        board.remove(member["@odata.id"])


def add_log_entry(board, text, severity="OK"):
    """Write an entry into the system's event log."""
    entries = board.path(f"{ROOT}/Systems/1/LogServices/SEL/Entries")
    if not board.exists(entries):
        return None
    taken = [int(number) for member in board.peek(entries)["Members"] for number in re.findall(r"(\d+)$", member["@odata.id"])]
    path = f"{entries}/{max(taken, default=0) + 1}"
    board.put(path, {"@odata.id": path, "@odata.type": "#LogEntry.v1_15_0.LogEntry", "Id": path.rsplit("/", 1)[1], "Name": "Entry", "EntryType": "SEL",
                     "Severity": severity, "Message": text, "MessageId": "", "Created": board.machine.now()})
    return path
