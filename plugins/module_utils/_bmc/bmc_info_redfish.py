# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of BMC information, read from a Redfish service (property names: DSP0268).

Every parser takes JSON as it came and returns plain values, None for what is missing or of the wrong type.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from . import hardware_redfish, indicator_led
from .redfish_members import resources
from .redfish_service import path_of
from .tolerant import dig, flag, health, moment, number, objects, text, texts, utc

_POWER = {"On": "on", "Off": "off"}


class Reader:
    """Reads parts; the system and the manager are read once for all of them.

    :param driver: an open RedfishDriver.
    :param now: function for the controller's time in seconds since 1970.
    """

    def __init__(self, driver, now):
        self._driver = driver
        self._service = driver.service
        self._now = now
        self._seen = {}

    def _once(self, name, read):
        if name not in self._seen:
            self._seen[name] = read()
        return self._seen[name]

    def _system(self):
        return self._once("system", self._driver.system)

    def _chassis(self):
        return self._once("chassis", lambda: self._service.chassis(self._system())) or {}

    def _root(self):
        return self._once("root", self._service.root)

    def _manager(self):
        """The manager and when it was read, in the middle of the request."""
        def read():
            begin = self._now()
            found = self._service.manager(self._system()) or {}
            return found, (begin + self._now()) / 2

        return self._once("manager", read)

    def _linked(self, resource, *names):
        return path_of(dig(resource, *names))

    def identity(self):
        system = self._system()
        return {**identity(system), "service_tag": text(system.get("SKU")) if self._service.quirk("serial_property") == "SKU" else None}

    def power(self):
        return _POWER.get(text(self._system().get("PowerState")), "unknown")

    def health(self):
        status = self._system().get("Status")
        return {"health": health(status), "rollup": health(dig(status, "HealthRollup")), "state": text(dig(status, "State"))}

    def indicator_led(self):
        return indicator_led.told(self._system()) or indicator_led.told(self._chassis())

    def bmc(self):
        return bmc(self._manager()[0])

    def clock(self):
        return clock(*self._manager())

    def bmc_ports(self):
        return [bmc_port(item) for item in resources(self._service, self._linked(self._manager()[0], "EthernetInterfaces"))]

    def nics(self):
        found = [nic(item) for item in resources(self._service, self._linked(self._system(), "EthernetInterfaces"))]
        found = [item for item in found if item["mac"]]
        return found or self._adapter_nics()

    def _adapter_nics(self):
        """Boards without EthernetInterfaces (Cisco UCS) tell the MAC addresses of network device functions."""
        found = []
        for adapter in resources(self._service, self._linked(self._chassis(), "NetworkAdapters")):
            for function in resources(self._service, self._linked(adapter, "NetworkDeviceFunctions")):
                found.append(adapter_nic(adapter, function))
        return [item for item in found if item["mac"]]

    def firmware(self):
        service = self._service.find(self._linked(self._root(), "UpdateService")) or {}
        found = [firmware(item) for item in resources(self._service, self._linked(service, "FirmwareInventory"))]
        return sorted(found, key=lambda item: (item["name"] or "", item["id"] or ""))

    def licences(self):
        service = self._service.find(self._linked(self._root(), "LicenseService")) or {}
        path = self._linked(service, "Licenses") or oem_licences(self._manager()[0])
        return [licence(item) for item in resources(self._service, path)]

    def sessions(self):
        path = self._linked(self._root(), "SessionService")
        service = self._service.find(path) or {}
        collection = self._linked(service, "Sessions") or self._linked(self._root(), "Links", "Sessions")
        found = [session(item) for item in resources(self._service, collection)]
        # No property of the standard tells how many a service takes.
        return {"open": len(found), "limit": None, "timeout": number(service.get("SessionTimeout")), "sessions": found}

    def boot(self):
        system = self._system()
        return {**self._driver.get_boot(), "progress": text(dig(system, "BootProgress", "LastState")),
                "order": texts(dig(system, "Boot", "BootOrder") or [])}

    def hardware(self):
        return hardware_redfish.hardware(self._service, self._system(), self.identity(), self.nics(), self.bmc_ports())


def identity(system):
    """Who the machine is."""
    return {
        "manufacturer": text(system.get("Manufacturer")),
        "model": text(system.get("Model")),
        "serial": text(system.get("SerialNumber")),
        "sku": text(system.get("SKU")),
        "part_number": text(system.get("PartNumber")),
        "asset_tag": text(system.get("AssetTag")),
        "system_uuid": (text(system.get("UUID")) or "").lower() or None,
        "bios_version": text(system.get("BiosVersion")),
        "hostname": text(system.get("HostName")),
    }


def bmc(manager):
    """What the BMC tells of itself."""
    return {
        "manufacturer": text(manager.get("Manufacturer")),
        "model": text(manager.get("Model")),
        "firmware_version": text(manager.get("FirmwareVersion")),
        "uuid": (text(manager.get("UUID")) or "").lower() or None,
        "health": health(manager.get("Status")),
        "last_reset": utc(moment(manager.get("LastResetTime"))),
    }


def clock(manager, read_at):
    """The BMC's clock.

    :param manager: JSON object of the manager.
    :param read_at: the controller's time at which it was read, in seconds since 1970.
    :returns: dict with ``time``, ``utc_offset`` and ``skew``: seconds by which the BMC is ahead; None for what it does not tell.
    """
    when = moment(manager.get("DateTime"))
    return {
        "time": utc(when),
        "utc_offset": text(manager.get("DateTimeLocalOffset")),
        "skew": None if when is None else round(when.timestamp() - read_at),
    }


def _mac(value):
    found = (text(value) or "").lower().replace("-", ":")
    return None if not found.strip("0:") else found


def bmc_port(interface):
    """One of the BMC's own network interfaces."""
    found = objects(interface.get("IPv4Addresses")) + objects(interface.get("IPv6Addresses"))
    addresses = [text(item.get("Address")) for item in found]
    return {
        "name": text(interface.get("Name")) or text(interface.get("Id")),
        "mac": _mac(interface.get("MACAddress")) or _mac(interface.get("PermanentMACAddress")),
        "addresses": [address for address in addresses if address and address not in ("0.0.0.0", "::")],
        "hostname": text(interface.get("FQDN")) or text(interface.get("HostName")),
        "enabled": flag(interface.get("InterfaceEnabled")),
    }


def nic(interface):
    """One of the machine's network interfaces."""
    return {
        "id": text(interface.get("Id")),
        "name": text(interface.get("Name")),
        "mac": _mac(interface.get("PermanentMACAddress")) or _mac(interface.get("MACAddress")),
        "speed_mbps": number(interface.get("SpeedMbps")) or None,
        "link": _LINKS.get((text(interface.get("LinkStatus")) or "").lower()),
    }


# LinkStatus of EthernetInterface, Port and NetworkPort.
_LINKS = {"linkup": "up", "up": "up", "linkdown": "down", "nolink": "down", "down": "down"}


def adapter_nic(adapter, function):
    """A network device function as one of the machine's network interfaces."""
    ethernet = function.get("Ethernet")
    name = " ".join(filter(None, (text(adapter.get("Name")), text(function.get("Name")))))
    return {
        "id": text(function.get("Id")),
        "name": name or None,
        "mac": _mac(dig(ethernet, "PermanentMACAddress")) or _mac(dig(ethernet, "MACAddress")),
        "speed_mbps": None,
        "link": None,
    }


def firmware(item):
    """One entry of the firmware inventory."""
    return {
        "id": text(item.get("Id")),
        "name": text(item.get("Name")),
        "version": text(item.get("Version")),
        "updateable": flag(item.get("Updateable")),
        "health": health(item.get("Status")),
    }


def oem_licences(manager):
    """The path of a licence collection where a maker has it below its manager (iLO), or None."""
    for oem in objects(list(manager["Oem"].values()) if isinstance(manager.get("Oem"), dict) else None):
        for place in (dig(oem, "Links"), oem):
            path = path_of(dig(place, "LicenseService"))
            if path:
                return path
    return None


def licence(item):
    """One licence; its key stays where it is."""
    return {
        "id": text(item.get("Id")),
        "name": text(item.get("License")) or text(item.get("Name")),
        "type": text(item.get("LicenseType")),
        "expires": utc(moment(item.get("ExpirationDate"))),
        "health": health(item.get("Status")),
    }


def session(item):
    """One session that is open in the BMC."""
    return {
        "id": text(item.get("Id")),
        "username": text(item.get("UserName")),
        "origin": text(item.get("ClientOriginIPAddress")),
        "created": utc(moment(item.get("CreatedTime"))),
        "type": text(item.get("SessionType")),
    }
