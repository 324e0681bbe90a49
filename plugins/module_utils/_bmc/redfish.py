# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver redfish: power and boot device of a system.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib

from .._errors import BaremetalError
from . import boot_attributes, redfish_boot
from .boot import reached
from .connection import BmcBusy, NotNow
from .redfish_errors import RedfishRefusal
from .redfish_service import RedfishService, path_of
from .tolerant import dig, text

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
        "HTTP boot from a URL",
        "NMI",
        "RAID",
        "accounts",
        "boot order",
        "consoles",
        "event log",
        "firmware update",
        "indicator LED",
        "quirks",
        "secure boot",
        "sensors",
        "virtual media",
    })
    POWER = frozenset(_RESETS)
    BOOT_DEVICES = redfish_boot.DEVICES
    MODE_IS_FIRM = True

    def __init__(self, connection, log, facts=None):
        self.service = RedfishService(connection, log, facts=facts)
        # Where the boot override was read last, and what a change of it was read back as.
        self._places = self._read_back = None
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

    @property
    def last_system(self):
        """See driver.py."""
        return self._system

    def get_power(self):
        """See driver.py."""
        return {"On": "on", "Off": "off"}.get(text(self.system().get("PowerState")), "unknown")

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
            # 503 as well: what answers in the place of a service that is not there yet often has no more to say.
            if error.status in (409, 429, 503):
                raise NotNow(f"the BMC cannot do power {target} now", stage="power", seen=error.seen, cure=error.cure) from error
            raise

    forgets_boot = False  # No rule says so of Redfish.

    @property
    def reset_hangs(self):
        """See driver.py."""
        return self.quirk("reset_method") == "off_on"

    def quirk(self, name, default=None):
        """See driver.py."""
        return self.service.quirk(name, default)

    def quirk_report(self):
        """See driver.py."""
        return self.service.quirk_report()

    def _boot_places(self):
        """Where the override is told and may be taken.

        Some BMCs keep it with the pending settings (DSP0266, 9.10), where it shows until the next boot. They are read
        only where they can say more than the system.

        :returns: list of ``(path, Boot object)``; what the BMC will do next stands first.
        """
        system = self.system()
        places = [(system["@odata.id"], system.get("Boot"))]
        prefers_settings = bool(self.quirk("boot_settings"))
        if prefers_settings or redfish_boot.told(system.get("Boot"))["device"] == "none":
            settings = self._settings_place()
            if settings and (prefers_settings or redfish_boot.told(settings[1])["device"] != "none"):
                places.insert(0, settings)
        # An override that shows in one place is not gone because the other one shows none.
        return sorted(places, key=lambda place: redfish_boot.told(place[1])["device"] == "none")

    def _settings_place(self):
        settings = self.service.find(path_of(dig(self._system, "@Redfish.Settings", "SettingsObject")))
        return (settings["@odata.id"], settings["Boot"]) if isinstance(dig(settings, "Boot"), dict) else None

    def get_boot(self):
        """See driver.py."""
        read_back, self._read_back = self._read_back, None
        if read_back is not None:
            return read_back
        self._places = [place for place in self._boot_places() if isinstance(place[1], dict)]
        if not self._places:
            raise BaremetalError("the BMC does not tell its boot device", stage="boot device",
                                 cure="set the boot order in the firmware setup of the machine")
        told = redfish_boot.told(self._places[0][1])
        if told["device"] == "cdrom" and self.quirk("boot_cd_attributes"):
            # The override alone would boot the disk.
            if not boot_attributes.tell_cdrom(self.service, self.quirk("boot_cd_attributes")):
                return {**told, "device": "none", "persistent": False}
        return told

    def boot_offer(self, device, persistent):
        """See driver.py."""
        return redfish_boot.offer(self._known_with(self._places[0][1]), device, persistent, self.quirk)

    def _known_with(self, boot):
        # Pending settings may show only what was asked for; what they do not show is as the system has it.
        known = self._system.get("Boot")
        return {**(known if isinstance(known, dict) else {}), **boot}

    def set_boot(self, device, persistent, mode, uri=None):
        """See driver.py; every way is read back, because a BMC may answer well and keep something else.

        :raises BmcBusy: when the BMC says that it can take nothing now, and still does after a minute.
        :raises BaremetalError: when the BMC does not offer the device (nothing was sent then), or refuses every way.
        """
        if not self._places:
            self.get_boot()
        before = redfish_boot.told(self._places[0][1])
        rule = self.quirk("boot_cd_attributes") if "cdrom" in (device, before["device"]) else None
        with boot_attributes.cdrom_set(self.service, rule, device == "cdrom", persistent) if rule else contextlib.nullcontext():
            self._override(device, persistent, mode, uri, firm_mode=mode or before["mode"])

    def _override(self, device, persistent, mode, uri, firm_mode):
        """Try every way to set the override until one is kept; raises as ``set_boot``."""
        refusal, seen = None, None
        for path, boot in self._places_to_try():
            for way in redfish_boot.ways(self._known_with(boot), device, persistent, mode, uri, self.quirk):
                self._log(f"boot override {way} at {path}")
                try:
                    self.service.patch(path, {"Boot": way})
                except RedfishRefusal as error:
                    if error.is_busy:
                        # It would say so to every other way, too.
                        raise BmcBusy("the BMC cannot take a boot device now", stage="boot device", seen=error.seen,
                                      cure="run the same command again in a minute; if it stays so, reset the BMC") from error
                    refusal = error
                    continue
                for seen in self._boot_after(path, device):
                    if reached({**seen, "persistent": persistent}, device, persistent, seen["mode"] and firm_mode, uri):
                        self._read_back = seen
                        return
        if seen is None:
            raise BaremetalError(
                f"the BMC refused the boot device {device}", stage="boot device", seen=refusal.seen,
                cure="power the machine off first, choose another device or mode, "
                     "or set the boot order in the firmware setup of the machine",
            ) from refusal

    def _places_to_try(self):
        places, self._places = self._places, None
        yield from places
        settings = self._settings_place() if self.quirk("boot_settings") is None else None
        if settings and settings[0] not in [path for path, boot in places]:
            yield settings

    def _boot_after(self, path, device):
        """What the BMC tells after a change at a path; of the pending settings, where a device may show only, a second look."""
        yield self.get_boot()
        if device != "none" and path != self._system["@odata.id"]:
            yield redfish_boot.told(self.service.get(path).get("Boot"))

    def evidence(self, names):
        """See driver.py."""
        return [self.identity()]

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
