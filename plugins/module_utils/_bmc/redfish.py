# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish: power and boot device of a system.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._errors import BaremetalError
from . import redfish_boot
from .boot import reached
from .connection import NotNow
from .redfish_errors import RedfishRefusal
from .redfish_service import RedfishService, path_of

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
        "BIOS settings",
        "BMC information",
        "BMC reset",
        "NMI",
        "accounts",
        "consoles",
        "event log",
        "firmware update",
        "indicator LED",
        "sensors",
        "virtual media",
    })
    POWER = frozenset(_RESETS)
    BOOT_DEVICES = redfish_boot.DEVICES
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
        try:
            self.service.action(self._system, "ComputerSystem.Reset", {"ResetType": reset}, stage="power")
        except RedfishRefusal as error:
            if error.status == 409:
                raise NotNow(f"the BMC cannot do power {target} now", stage="power", seen=error.seen, cure=error.cure) from error
            raise

    @property
    def RESET_HANGS(self):
        """See driver.py."""
        return self._quirk("reset_method") == "off_on"

    def _quirk(self, name):
        return None

    def _boots(self):
        """Where the override may be told and taken: ``[(path, Boot object)]``, where it is told now first.

        Some BMCs keep it with the pending settings (DSP0266, 9.10), where it shows until the next boot.
        """
        system = self.system()
        boots = [(system["@odata.id"], system.get("Boot"))]
        if redfish_boot.told(boots[0][1])["device"] == "none":
            settings = self.service.find(self._settings_path())
            if isinstance(dig(settings, "Boot"), dict):
                boots.append((settings["@odata.id"], settings["Boot"]))
                if redfish_boot.told(settings["Boot"])["device"] != "none" or self._quirk("boot_settings"):
                    boots.reverse()
        return boots

    def _settings_path(self):
        return path_of(dig(self._system, "@Redfish.Settings", "SettingsObject"))

    def get_boot(self):
        """See driver.py."""
        self._boot_places = [(path, boot) for path, boot in self._boots() if isinstance(boot, dict)]
        if not self._boot_places:
            raise BaremetalError("the BMC does not tell its boot device", stage="boot device",
                                 cure="set the boot order in the firmware setup of the machine")
        return redfish_boot.told(self._boot_places[0][1])

    def set_boot(self, device, persistent, mode, uri=None):
        """See driver.py; every way is read back, because a BMC may answer well and keep something else.

        :raises BaremetalError: when the BMC does not offer the device (nothing was sent then), or refuses every way.
        """
        self.get_boot()
        places = list(self._boot_places)
        firm = mode or redfish_boot.told(places[0][1])["mode"]
        refusal, is_taken = None, False
        for path, boot in places:
            for way in redfish_boot.ways(boot, device, persistent, mode, uri, self._quirk):
                self._log(f"boot override {way} at {path}")
                try:
                    self.service.patch(path, {"Boot": way})
                except RedfishRefusal as error:
                    refusal = error
                    continue
                is_taken = True
                self._is_fresh = False
                seen = self.get_boot()
                if reached({**seen, "persistent": persistent}, device, persistent, seen["mode"] and firm, uri):
                    self._is_fresh = True
                    return
        if not is_taken:
            raise BaremetalError(
                f"the BMC refused the boot device {device}", stage="boot device", seen=refusal.seen,
                cure="power the machine off first, choose another device or mode, "
                     "or set the boot order in the firmware setup of the machine",
            ) from refusal

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
