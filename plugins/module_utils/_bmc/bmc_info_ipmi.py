# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of BMC information, asked over IPMI (IPMI 2.0; the chapters are named at each command).

Private to the collection; may change at any time.
"""

from __future__ import annotations

import datetime
import ipaddress
import struct

from . import indicator_led, ipmi_fru
from .ipmi_answers import ask
from .tolerant import text, utc

# The channel that the question comes in by (IPMI 2.0, 6.3).
_THIS_CHANNEL = 0x0E
# Smaller times count from the start of the BMC, and are no clock (IPMI 2.0, 37.1).
_FIRST_REAL_TIME = 0x20000000
_NO_OFFSET = 0x07FF


class Reader:
    """Reads parts.

    :param driver: an open IpmiDriver.
    :param now: function for the controller's time in seconds since 1970.
    """

    def __init__(self, driver, now):
        self._driver = driver
        self._now = now

    def _ask(self, *question, shortest=0):
        with self._driver.command() as command:
            return ask(command, *question, shortest=shortest)

    def identity(self):
        with self._driver.command() as command:
            product = ipmi_fru.product(command)
        # Get System GUID (22.14)
        return identity(product, self._ask(0x06, 0x37, shortest=16))

    def power(self):
        return self._driver.get_power()

    def health(self):
        return chassis_health(self._chassis_status())

    def _chassis_status(self):
        return self._ask(*indicator_led.GET_CHASSIS_STATUS, shortest=3)

    def indicator_led(self):
        return indicator_led.identify_state(self._chassis_status())

    def bmc(self):
        # Get Device ID (20.1)
        return device(self._ask(0x06, 0x01, shortest=11))

    def clock(self):
        begin = self._now()
        # Get SEL Time (31.10), Get SEL Time UTC Offset (31.11a)
        told = self._ask(0x0A, 0x48, shortest=4)
        read_at = (begin + self._now()) / 2
        return clock(told, self._ask(0x0A, 0x5C, shortest=2), read_at)

    def bmc_ports(self):
        # Get LAN Configuration Parameters (23.2): IP address, source, MAC address, subnet mask
        return [lan({number: self._ask(0x0C, 0x02, (_THIS_CHANNEL, number, 0, 0), shortest=2) for number in (3, 5)})]

    def sessions(self):
        # Get Session Info (22.20), of this session
        told = self._ask(0x06, 0x3D, (0,), shortest=3)
        if told is None:
            return {"open": None, "limit": None, "timeout": None, "sessions": []}
        return {"open": told[2] & 0x3F, "limit": told[1] & 0x3F, "timeout": None, "sessions": []}

    def firmware(self):
        told = self.bmc()
        return [{"id": "BMC", "name": "BMC", "version": told["firmware_version"], "updateable": None, "health": "unknown"}]

    def boot(self):
        return {**self._driver.get_boot(), "progress": None, "order": []}


def guid(told):
    """The system GUID as a UUID, or None; the BMC sends the fields with the least significant byte first (20.8)."""
    if told is None or not any(told[:16]):
        return None
    shown = struct.unpack("<IHH", told[:8]) + struct.unpack(">H6s", told[8:16])
    return f"{shown[0]:08x}-{shown[1]:04x}-{shown[2]:04x}-{shown[3]:04x}-{shown[4].hex()}"


def identity(product, told):
    """Who the machine is.

    :param product: fields of the first FRU, as pyghmi names them.
    :param told: answer to Get System GUID, or None.
    """
    def field(*names):
        return next((found for found in (text(product.get(name)) for name in names) if found), None)

    return {
        "manufacturer": field("Manufacturer", "Board manufacturer"),
        "model": field("Product name", "Board product name"),
        "serial": field("Serial Number", "Chassis serial number"),
        "sku": None,
        "service_tag": None,
        "part_number": field("Model", "Chassis part number"),
        "asset_tag": field("Asset Number"),
        "system_uuid": guid(told),
        "bios_version": None,
        "hostname": None,
    }


# Faults that Get Chassis Status tells (28.2): byte, bit and what it means.
_FAULTS = (
    (0, 0x02, "power overload"), (0, 0x08, "power fault"), (0, 0x10, "power control fault"),
    (2, 0x01, "chassis intrusion"), (2, 0x04, "drive fault"), (2, 0x08, "fan fault"),
)


def chassis_health(told):
    """Health of the machine from the chassis status; ``state`` names the faults."""
    if told is None:
        return {"health": "unknown", "rollup": "unknown", "state": None}
    faults = [name for byte, bit, name in _FAULTS if told[byte] & bit]
    overall = "critical" if faults else "ok"
    return {"health": overall, "rollup": overall, "state": ", ".join(faults) or None}


def device(told):
    """What the BMC tells of itself: identifiers are numbers that IANA and the maker gave."""
    if told is None:
        return {"manufacturer": None, "model": None, "firmware_version": None, "uuid": None, "health": "unknown", "last_reset": None}
    maker = told[6] | told[7] << 8 | (told[8] & 0x0F) << 16
    product = told[9] | told[10] << 8
    return {
        "manufacturer": f"IANA {maker}",
        "model": f"product {product}",
        # The minor version is binary coded decimal.
        "firmware_version": f"{told[2] & 0x7F}.{told[3]:02x}",
        "uuid": None,
        "health": "unknown",
        "last_reset": None,
    }


def clock(told, offset, read_at):
    """The BMC's clock; without an offset its time is taken for UTC.

    :param told: answer to Get SEL Time, or None.
    :param offset: answer to Get SEL Time UTC Offset, or None.
    :param read_at: the controller's time at which it was read, in seconds since 1970.
    :returns: as in bmc_info_redfish.py.
    """
    seconds = None if told is None else struct.unpack("<I", told[:4])[0]
    if seconds is None or seconds < _FIRST_REAL_TIME:
        return {"time": None, "utc_offset": None, "skew": None}
    minutes = _NO_OFFSET if offset is None else struct.unpack("<h", offset[:2])[0]
    known = abs(minutes) <= 1440
    seconds -= minutes * 60 if known else 0
    when = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    shown = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}" if known else None
    return {"time": utc(when), "utc_offset": shown, "skew": round(seconds - read_at)}


def lan(parameters):
    """The BMC's network interface.

    :param parameters: answers by the number of the parameter, the revision in the first byte, or None.
    """
    address, mac = parameters.get(3), parameters.get(5)
    shown = str(ipaddress.IPv4Address(address[1:5])) if address is not None and len(address) >= 5 else None
    return {
        "name": "this channel",
        "mac": ":".join(f"{byte:02x}" for byte in mac[1:7]) if mac is not None and len(mac) >= 7 and any(mac[1:7]) else None,
        "addresses": [shown] if shown and shown != "0.0.0.0" else [],
        "hostname": None,
        "enabled": None,
    }
