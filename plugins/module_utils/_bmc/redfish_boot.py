# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The boot override of Redfish: what a system's Boot says, and the ways in which boards want to be told.

Boards disagree on which of the override's properties belong into one request. The ways are tried one after the other,
the one that a quirk names first, until the BMC tells what was asked for. Source: DSP0268, ComputerSystem.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .tolerant import dig, text, texts

STAGE = "boot device"

_TARGETS = {"pxe": ("Pxe",), "http": ("UefiHttp",), "disk": ("Hdd",), "cdrom": ("Cd", "UsbCd"), "usb": ("Usb",),
            "bios": ("BiosSetup",), "none": ("None",)}
_NAMES = {target: device for device, targets in _TARGETS.items() for target in targets}
_MODES = {"uefi": "UEFI", "bios": "Legacy"}
_MODE_NAMES = {value: name for name, value in _MODES.items()}

_ENABLED, _TARGET, _MODE, _URI = "BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode", "HttpBootUri"

DEVICES = frozenset(_TARGETS)


def told(boot):
    """What a Boot object says.

    :param boot: the JSON value.
    :returns: ``{"device", "persistent", "mode"}`` and for the device http ``uri``; see driver.py.
    """
    enabled = text(dig(boot, _ENABLED)) or "Disabled"
    target = text(dig(boot, _TARGET)) or "None"
    device = "none" if enabled == "Disabled" else _NAMES.get(target, target)
    found = {
        "device": device,
        "persistent": enabled == "Continuous" and device != "none",
        "mode": _MODE_NAMES.get(text(dig(boot, _MODE))),
    }
    return {**found, "uri": text(dig(boot, _URI))} if device == "http" else found


def _offered(boot, name):
    """The values that the BMC takes for a property, or None when it does not tell."""
    values = dig(boot, f"{name}@Redfish.AllowableValues")
    return texts(values) if isinstance(values, list) else None


def _targets(boot, device, quirk):
    """The targets that may stand for a device, best first.

    :raises BaremetalError: when the BMC offers none of them.
    """
    known = [quirk("boot_cd_target"), *_TARGETS[device]] if device == "cdrom" and quirk("boot_cd_target") else list(_TARGETS[device])
    offered = _offered(boot, _TARGET)
    found = [target for target in dict.fromkeys(known) if offered is None or target in offered]
    if not found:
        names = sorted({_NAMES.get(value, value) for value in offered})
        raise BaremetalError(
            f"the BMC does not offer the boot device {device}", stage=STAGE,
            seen=f"boot devices offered: {', '.join(names)}", cure="choose one of these")
    return found


def offer(boot, device, persistent, quirk=lambda name: None):
    """Whether an override would be for all boots, as far as the BMC tells what it takes.

    :param boot: the Boot object as it is.
    :raises BaremetalError: when the BMC does not offer the device.
    """
    if device != "none":
        _targets(boot, device, quirk)
    return persistent and _takes_all_boots(boot)


def _takes_all_boots(boot):
    return "Continuous" in (_offered(boot, _ENABLED) or ["Continuous"])


def ways(boot, device, persistent, mode, uri=None, quirk=lambda name: None):
    """The bodies of Boot that may bring about an override, in the order in which they are tried.

    :param boot: the Boot object as it is.
    :param device: device name.
    :param persistent: for all boots.
    :param mode: ``uefi``, ``bios``, or None to leave it alone.
    :param uri: for the device http, or None.
    :param quirk: function that gives what is known of a behaviour, None for nothing.
    :returns: list of dicts, no two alike.
    :raises BaremetalError: when the BMC does not offer the device.
    """
    if device == "none":
        return _ways_to_none(boot, quirk)
    found = []
    for target in _targets(boot, device, quirk):
        for more in _uris(boot, device, uri):
            found += _ways_to(boot, {_TARGET: target, **more}, persistent, mode, quirk)
    return [way for number, way in enumerate(found) if way not in found[:number]]


def _uris(boot, device, uri):
    """What may be sent for the URI. One that an earlier boot left behind would be taken instead of what DHCP tells."""
    if uri:
        return [{_URI: uri}]
    return [{_URI: ""}, {_URI: None}] if device == "http" and text(dig(boot, _URI)) else [{}]


def _ways_to(boot, wanted, persistent, mode, quirk):
    enabled = "Continuous" if persistent and _takes_all_boots(boot) else "Once"
    bare = {_ENABLED: enabled, **wanted}
    current = text(dig(boot, _MODE))
    full = {**bare, _MODE: _MODES[mode] if mode else current} if mode or current else bare
    has_enabled = text(dig(boot, _ENABLED)) == enabled
    if quirk("boot_mode_omit"):
        found = [bare]
    elif mode:
        # Without it the machine would boot in the wrong mode; only a BMC that knows no mode gets along without.
        found = [full] if current else [full, bare]
    elif quirk("boot_full_request") or quirk("boot_mode_resync"):
        found = [full, bare]
    else:
        # A mode that nobody asked for is sent only when it does not go without: some BMCs refuse it while the machine runs.
        found = [bare, full]
    if has_enabled and quirk("boot_enabled") != "always":
        # Some BMCs refuse a value that is there already.
        alone = [{key: value for key, value in way.items() if key != _ENABLED} for way in found]
        found = alone + found if quirk("boot_enabled") == "on_change" else found + alone
    if enabled == "Continuous":
        found.append({**found[0], _ENABLED: "Once"})
    return found


def _ways_to_none(boot, quirk):
    disabled = {_ENABLED: "Disabled"}
    target = text(dig(boot, _TARGET))
    kept = [{**disabled, _TARGET: target}] if target not in (None, "None") else []
    cleared = [{**disabled, _TARGET: "None"}] if "None" in (_offered(boot, _TARGET) or ["None"]) else []
    mode = text(dig(boot, _MODE))
    full = [{**way, _MODE: mode} for way in (cleared or kept or [disabled])] if mode else []
    found = [disabled, *kept, *cleared] if quirk("boot_disable_keeps_target") else [disabled, *cleared, *kept, *full]
    return full + found if quirk("boot_full_request") and full else found
