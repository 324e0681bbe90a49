# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Personalities: what a maker's boards do otherwise, as YAML files over the generic tree.

A file has ``base`` (the personality under it, generic where there is none), ``mockup`` (a directory with a Redfish mockup, which
takes the place of the generic tree), ``rename`` (path of the generic tree to path of this board), ``tree`` (JSON merge patch by
path as on this board, RFC 7396; null removes the resource; the string ``%NULL%`` becomes a JSON null), ``behaviour`` (see
BEHAVIOUR), ``faults`` (switched on from the start) and ``ipmi`` (see ipmi_board.py).
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import yaml

from . import redfish_tree

_ROOT = "/redfish/v1/"
DIRECTORY = Path(__file__).with_name("personalities")

BEHAVIOUR = {
    # Requests
    "max_sessions": 16,
    "patch_status": 200,
    "etag_style": "weak",
    "etag_on_collections": True,
    "expand": False,
    "page_size": 0,
    "body_needed": False,  # an action without a body is refused with 415
    "empty_reset_body": False,  # Manager.Reset takes no ResetType
    # Power
    "reset_conflict": True,  # On while on, ForceOff while off: 409
    "on_conflict_after_off": 0.0,  # On answers 409 for so many seconds after switching off
    "transition_states": True,  # PoweringOn and PoweringOff are shown; a string is shown instead of them
    "state_refused": 0.0,  # changes are refused for so many seconds after a power change
    "post": 0.0,  # boot changes are refused for so many seconds after switching on
    "force_restart_hangs": False,
    # Boot
    "boot_enabled_always": False,  # without BootSourceOverrideEnabled it falls back to Once
    "boot_enabled_same_refused": False,
    "boot_mode_reset": False,  # another device sets the mode to Legacy
    "boot_mode_refused": False,  # the property is unknown
    "boot_full_triple": False,  # target, mode and enabled must come together
    "boot_settings_only": False,  # the system itself refuses a boot PATCH; the settings resource takes it
    "boot_settings_readonly_system": False,
    "boot_disabled_none_refused": False,
    "boot_mode_by_job": False,  # a change of the mode needs a reset
    "uefi_target_with_enabled_refused": False,
    "boot_targets_refused": [],
    "boot_cd_needs_oem": False,  # the override Cd boots the disk; the manufacturer's own attribute boots the medium
    # Virtual media
    "media_payload": ["Image", "Inserted", "WriteProtected", "TransferProtocolType", "TransferMethod", "UserName", "Password", "MediaType"],
    "media_payload_required": ["Image"],
    "media_patch": False,  # PATCH of Image inserts
    "media_url_plain": False,  # ? and = are refused
    "media_keep_name": False,  # ImageName stays after an eject
    "media_https_refused": False,
    "media_licence": None,  # text of the refusal
    "media_slots_refused": [],  # slots that answer 400 to everything
    "media_boot_slot": None,  # the only slot that is booted from
    "media_replace": False,  # inserting into a full slot replaces the image instead of 409
    "eject_empty_refused": False,
    "eject_slow": 0.0,  # seconds for which a slot still says Inserted
    # BIOS, secure boot, storage, firmware
    "bios_pending_only_changes": True,
    "bios_pending_no_attributes": False,
    "bios_apply_time_needed": False,  # a PATCH without @Redfish.SettingsApplyTime only stages; a job must be made
    "bios_job": False,  # the PATCH that schedules answers 202 with a task
    "bios_shows_pending": False,  # the pending values are shown as the current ones
    "secure_boot_licence": None,
    "secure_boot_by_job": False,
    "volume_apply_default": "Immediate",
    "volume_one_waits": False,  # while one request waits for the reset, no other is taken
    "firmware_bios_on_reset": False,
    "task_name_prefix": "",
    "task_waiting_state": "Pending",
    "volume_apply_time_delete_refused": False,
    "simple_update_apply_time": True,
    "task_first_state": "Running",
    "task_404_first": 0,  # so many times a new task answers 404
    "sys518_after_task": 0,  # so many requests are refused with SYS518 after a task
    "task_location": "monitor",  # or task
    "task_payload": True,  # a task shows the request that it does (Task v1_3)
    "volume_task": False,  # also what is done at once answers 202 with a task
    "task_kept": 3600.0,  # seconds that a task is kept after its end
    "task_monitor_deletes": False,
    "upload_needs_image_type": False,
    "upload_empty_targets": False,
    # Accounts
    "account_slots": False,  # fixed slots, no POST
    "account_role_needs_password": False,
    "password_min": 8,
}


class Personality:
    """A kind of board.

    :ivar templates: dict of path to (JSON object, its bytes).
    :ivar behaviour: dict, see BEHAVIOUR.
    :ivar faults: dict of faults that are on from the start.
    """

    def __init__(self, name, overlay):
        self.name = name
        self.description = overlay.get("description", "")
        self.faults = overlay.get("faults") or {}
        self.behaviour = {**BEHAVIOUR, **(overlay.get("behaviour") or {})}
        self.ipmi = overlay.get("ipmi") or {}
        unknown = set(self.behaviour) - set(BEHAVIOUR)
        if unknown:
            raise ValueError(f"personality {name}: no such behaviour: {', '.join(sorted(unknown))}")
        if overlay.get("mockup"):
            tree, self._renames = mockup(Path(overlay["mockup"]))
        else:
            tree, self._renames = redfish_tree.generic(), overlay.get("rename") or {}
        if self._renames and not overlay.get("mockup"):
            tree = json.loads(self._renamed(json.dumps(tree)))
            for path, resource in tree.items():
                if "Id" in resource and path != "/redfish/v1/":
                    resource["Id"] = path.rsplit("/", 1)[1]
        for patches in overlay.get("trees") or [overlay.get("tree") or {}]:
            for path, patch in patches.items():
                if patch is None:
                    _remove(tree, path)
                else:
                    _add(tree, path, patch)
        self.templates = {path: (resource, json.dumps(resource).encode()) for path, resource in tree.items()}
        self.by_type = {}
        for path, resource in tree.items():
            self.by_type.setdefault(kind(resource), []).append(path)

    def path(self, generic):
        """The path on this board of a path of the generic tree."""
        return self._renamed(generic)

    def _renamed(self, text):
        # The longest first, so that a renamed parent does not hide its child.
        for old in sorted(self._renames, key=len, reverse=True):
            text = _rename(text, old, self._renames[old])
        return text


def _rename(text, old, new):
    for end in ("/", '"', "#"):
        text = text.replace(old + end, new + end)
    return new if text == old else text


def merge(target, patch):
    """JSON merge patch (RFC 7396), into ``target``."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = value
    return target


def kind(resource):
    """The schema name of a resource: ``ComputerSystem`` of ``#ComputerSystem.v1_20_0.ComputerSystem``."""
    return str(resource.get("@odata.type", "")).lstrip("#").partition(".")[0]


def _add(tree, path, patch):
    if path not in tree:
        tree[path] = {"@odata.id": path, "Id": path.rsplit("/", 1)[1]}
        parent = tree.get(path.rsplit("/", 1)[0])
        if parent and "Members" in parent:
            parent["Members"].append({"@odata.id": path})
            parent["Members@odata.count"] = len(parent["Members"])
    merge(tree[path], patch)
    if "Members" in tree[path]:
        tree[path]["Members@odata.count"] = len(tree[path]["Members"])


def _remove(tree, path):
    for known in [known for known in tree if known == path or known.startswith(f"{path}/")]:
        del tree[known]
    parent = tree.get(path.rsplit("/", 1)[0])
    if parent and "Members" in parent:
        parent["Members"] = [member for member in parent["Members"] if member["@odata.id"] != path]
        parent["Members@odata.count"] = len(parent["Members"])


def mockup(directory):
    """A tree as DMTF publishes them and Redfish-Mockup-Creator reads them from a board (DSP2043): an index.json for each resource.

    Power state, the first account and the timeout of sessions are the simulator's; all else is as in the mockup.

    :returns: the tree, and dict of paths of the generic tree to those of the mockup.
    :raises ValueError: when there is no service root, or no system.
    """
    tree = {}
    for file in sorted(directory.rglob("index.json")):
        resource = json.loads(file.read_text(encoding="utf-8"))
        path = resource.get("@odata.id") if isinstance(resource, dict) else None
        if isinstance(path, str) and path.startswith(_ROOT):
            tree[path if path == _ROOT else path.rstrip("/")] = resource
    firsts = {kind: next(iter(tree.get(f"{_ROOT}{kind}", {}).get("Members") or [{}])).get("@odata.id") for kind in ("Systems", "Managers", "Chassis")}
    if _ROOT not in tree or firsts["Systems"] not in tree:
        raise ValueError(f"{directory} holds no Redfish mockup with a system")
    tree[firsts["Systems"]]["PowerState"] = "%POWER%"
    accounts = next(iter(tree.get(f"{_ROOT}AccountService/Accounts", {}).get("Members") or [{}])).get("@odata.id")
    _add(tree, accounts or f"{_ROOT}AccountService/Accounts/1", {
        "@odata.type": "#ManagerAccount.v1_11_0.ManagerAccount", "UserName": "%USERNAME%", "Enabled": True, "RoleId": "Administrator"})
    _add(tree, f"{_ROOT}SessionService", {"SessionTimeout": 600})
    _add(tree, f"{_ROOT}SessionService/Sessions", {"Members": []})
    return tree, {f"{_ROOT}{kind}/1": path for kind, path in firsts.items() if path}


def names():
    """The names of all personalities."""
    return ["generic", *sorted(file.stem for file in DIRECTORY.glob("*.yml"))]


@functools.lru_cache(maxsize=None)
def load(name):
    """A personality by name, or from a file of one's own.

    :param name: one of ``names()``, the path of a YAML file, or a directory with a Redfish mockup.
    :raises ValueError: when there is no such personality.
    """
    if name == "generic":
        return Personality("generic", {})
    if Path(name).is_dir():
        return Personality(Path(name).name, {"mockup": name})
    file = Path(name) if "/" in name or name.endswith((".yml", ".yaml")) else DIRECTORY / f"{name}.yml"
    if not file.exists():
        raise ValueError(f"no such personality: {name}; known: {', '.join(names())}, or the path of a file or of a mockup")
    return Personality(file.stem, _overlay(file))


def _overlay(file):
    overlay = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    if overlay.get("mockup"):
        overlay["mockup"] = str(file.parent / overlay["mockup"])
    base = overlay.pop("base", None)
    if not base:
        return overlay
    under = _overlay(DIRECTORY / f"{base}.yml")
    for part in ("rename", "behaviour", "faults", "ipmi"):
        under[part] = {**(under.get(part) or {}), **(overlay.get(part) or {})}
    # The trees are patched one after the other, for null has its meaning in each of them.
    under["trees"] = [*under.pop("trees", [under.pop("tree", None) or {}]), overlay.get("tree") or {}]
    under["description"] = overlay.get("description", "")
    return under
