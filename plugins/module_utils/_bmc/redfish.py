# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish: power and boot device of a system.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from .redfish_service import RedfishRefusal, RedfishService

# What the collection calls a device, and Redfish's BootSourceOverrideTarget (DSP0268, ComputerSystem).
_DEVICES = {"pxe": "Pxe", "disk": "Hdd", "cdrom": "Cd", "bios": "BiosSetup", "none": "None"}
_DEVICE_NAMES = {**{value: name for name, value in _DEVICES.items()}, "UsbCd": "cdrom"}
_MODES = {"uefi": "UEFI", "bios": "Legacy"}
_MODE_NAMES = {value: name for name, value in _MODES.items()}

# Reset types in order of preference, of which the BMC's allowed values choose (DSP0268, Resource).
_RESETS = {
    "on": ("On", "ForceOn"),
    "off": ("ForceOff",),
    "reset": ("ForceRestart", "PowerCycle"),
    "soft off": ("GracefulShutdown",),
}


class RedfishDriver:
    """One open connection with a Redfish service; see driver.py for what each method does.

    ``service`` is the RedfishService for whatever goes beyond power and boot device.
    """

    NAME = "redfish"
    CAN = frozenset({
        "BMC information",
        "BMC reset",
        "NMI",
        "consoles",
        "event log",
        "indicator LED",
        "sensors",
        "virtual media",
    })
    POWER = frozenset(_RESETS)
    BOOT_DEVICES = frozenset(_DEVICES)
    MODE_IS_FIRM = True
    IDENTITY_IS_AT_HAND = True

    def __init__(self, connection, log):
        self.service = RedfishService(connection, log)
        self._log = log
        try:
            self._system = self.service.system()
        except BaseException:
            self.close()
            raise
        self._is_fresh = True

    def close(self):
        """See driver.py."""
        self.service.close()

    def system(self):
        """The system's resource, read anew unless it was read when the connection was opened."""
        if not self._is_fresh:
            self._system = self.service.system()
        self._is_fresh = False
        return self._system

    def get_power(self):
        """See driver.py."""
        return {"On": "on", "Off": "off"}.get(self.system().get("PowerState"), "unknown")

    def set_power(self, target):
        """See driver.py.

        :raises BaremetalError: when the BMC does not offer a reset type for it; nothing was sent.
        """
        self._is_fresh = False
        allowed = self.service.allowed(self._system, "ComputerSystem.Reset", "ResetType")
        # A BMC that does not tell what it takes is asked for what every BMC has.
        reset = next((value for value in _RESETS[target] if allowed is None or value in allowed), None)
        if reset is None:
            raise BaremetalError(
                f"the BMC does not offer power {target}", stage="power",
                seen=f"reset types offered: {', '.join(sorted(allowed))}", cure="use another power state",
            )
        self._log(f"reset type {reset}")
        self.service.action(self._system, "ComputerSystem.Reset", {"ResetType": reset}, stage="power")

    def get_boot(self):
        """See driver.py."""
        boot = self.system().get("Boot")
        if not isinstance(boot, dict):
            raise BaremetalError("the BMC does not tell its boot device", stage="boot device",
                                 cure="set the boot order in the firmware setup of the machine")
        device = boot.get("BootSourceOverrideTarget") or "None"
        enabled = boot.get("BootSourceOverrideEnabled") or "Disabled"
        return {
            "device": "none" if enabled == "Disabled" else _DEVICE_NAMES.get(device, str(device)),
            "persistent": enabled == "Continuous",
            "mode": _MODE_NAMES.get(boot.get("BootSourceOverrideMode")),
        }

    def set_boot(self, device, persistent, mode):
        """See driver.py.

        :raises BaremetalError: when the BMC does not offer the device; nothing was sent.
        """
        self._is_fresh = False
        if device == "none":
            # Without a target; some BMCs insist on one and get it in the second try.
            tries = [{"BootSourceOverrideEnabled": "Disabled"}]
            if "None" in (self._offered_targets() or ["None"]):
                tries.append({"BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideTarget": "None"})
        else:
            self._require_offered(device)
            wanted = {"BootSourceOverrideEnabled": "Continuous" if persistent else "Once", "BootSourceOverrideTarget": _DEVICES[device]}
            # Some BMCs refuse an override without the mode, others one with it while the machine runs.
            tries = [{**wanted, "BootSourceOverrideMode": _MODES[mode]}] if mode else [wanted, *self._with_known_mode(wanted)]
        for number, settings in enumerate(tries, start=1):
            self._log(f"boot override {settings}")
            try:
                self.service.patch(self._system["@odata.id"], {"Boot": settings})
                return
            except RedfishRefusal as error:
                if number == len(tries):
                    raise BaremetalError(
                        f"the BMC refused the boot device {device}", stage="boot device", seen=error.seen,
                        cure="power the machine off first, choose another device or mode, "
                             "or set the boot order in the firmware setup of the machine",
                    ) from error

    def _with_known_mode(self, wanted):
        mode = self._system["Boot"].get("BootSourceOverrideMode")
        return [{**wanted, "BootSourceOverrideMode": mode}] if mode else []

    def _offered_targets(self):
        offered = self._system["Boot"].get("BootSourceOverrideTarget@Redfish.AllowableValues")
        return offered if isinstance(offered, list) else None

    def _require_offered(self, device):
        offered = self._offered_targets()
        if offered is not None and _DEVICES[device] not in offered:
            names = sorted(_DEVICE_NAMES.get(value, str(value)) for value in offered)
            raise BaremetalError(
                f"the BMC does not offer the boot device {device}", stage="boot device",
                seen=f"boot devices offered: {', '.join(names)}", cure="choose one of these",
            )

    def identity(self):
        """See driver.py; as it was read when the connection was opened."""
        system = self._system
        return {
            "system_uuid": system.get("UUID") or None,
            "serial": system.get("SerialNumber") or None,
            "sku": system.get("SKU") or None,
            "manufacturer": system.get("Manufacturer") or None,
            "model": system.get("Model") or None,
        }
