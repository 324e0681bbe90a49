# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a simulated BMC stores: sensor data records, FRU and event log, as IPMI 2.0 lays them out (sections 43, 32) and the FRU definition 1.0."""

from __future__ import annotations

import struct

# Number, name, type, unit, M, exponent, raw reading, (non-critical, critical) as raw limits below and above; 0 for none.
TEMPERATURE, VOLTAGE, FAN, POWER = 1, 2, 4, 11
SENSORS = [
    (1, "Inlet Temp", TEMPERATURE, 1, 1, 0, 22, (0, 0), (42, 47)),
    (2, "CPU1 Temp", TEMPERATURE, 1, 1, 0, 48, (0, 0), (90, 100)),
    (3, "CPU2 Temp", TEMPERATURE, 1, 1, 0, 50, (0, 0), (90, 100)),
    (4, "Fan1", FAN, 18, 60, 0, 91, (15, 10), (0, 0)),
    (5, "Fan2", FAN, 18, 60, 0, 92, (15, 10), (0, 0)),
    (6, "12V", VOLTAGE, 4, 6, -2, 201, (185, 180), (215, 220)),
    (7, "Total Power", POWER, 6, 2, 0, 120, (0, 0), (0, 0)),
]
# A sensor with states instead of a reading: power supply 2, present, input lost.
SUPPLY = (8, "PSU2 Status", 0x08, 0b1001)


def sensor_records():
    """The sensor data repository: list of records, whose ids are 1 and so on."""
    records = []
    for number, name, kind, unit, factor, exponent, reading, low, high in SENSORS:
        mask = (0b000011 if low != (0, 0) else 0) | (0b011000 if high != (0, 0) else 0)
        body = struct.pack(
            "<BBBBBBBBBHHHBBBBBBBBBBBBBBBBBBBBBBBBBBBB", 0x20, 0, number, {TEMPERATURE: 55, FAN: 29}.get(kind, 7), number, 0x7F, 0x68, kind, 1,
            0x7A95, 0x7A95, mask << 8 | mask, 0, unit, 0, 0, factor, 0, 0, 0, 0, (exponent & 15) << 4, 7, reading, 0, 0, 255, 0,
            0, high[1], high[0], 0, low[1], low[0], 2, 2, 0, 0, 0, 0xC0 | len(name)) + name.encode()
        records.append(_record(len(records) + 1, 1, body))
    number, name, kind, _states = SUPPLY
    body = struct.pack("<BBBBBBBBBHHHBBBHBBBBBBB", 0x20, 0, number, 10, 2, 0x67, 0x40, kind, 0x6F, 0x000F, 0x000F, 0x000F, 0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
                       0xC0 | len(name)) + name.encode()
    records.append(_record(len(records) + 1, 2, body))
    return records


def _record(number, kind, body):
    return struct.pack("<HBBB", number, 0x51, kind, len(body)) + body


def thresholds(number):
    """Readable mask and the six limits of a sensor (35.9), or None."""
    for known, _name, _kind, _unit, _factor, _exponent, _reading, low, high in SENSORS:
        if known == number:
            mask = (0b000011 if low != (0, 0) else 0) | (0b011000 if high != (0, 0) else 0)
            return bytes([mask, low[0], low[1], 0, high[0], high[1], 0])
    return None


def fru(manufacturer, product, serial, asset_tag=""):
    """The FRU inventory of the server."""
    board = _area(b"\x00\x00\x00", [manufacturer, product, f"B{serial}", "PN-1", ""])
    goods = _area(b"", [manufacturer, product, "PN-1", "1.0", serial, asset_tag, ""])
    head = bytes([1, 0, 0, 1, 1 + len(board) // 8, 0, 0])
    return head + bytes([-sum(head) & 0xFF]) + board + goods


def _area(date, texts):
    body = b"".join(bytes([0xC0 | len(text)]) + text.encode("latin-1") for text in texts) + b"\xc1"
    size = (len(body) + len(date) + 3 + 1 + 7) // 8
    area = (bytes([1, size, 25]) + date + body).ljust(size * 8 - 1, b"\x00")
    return area + bytes([-sum(area) & 0xFF])


def event(number, seconds, sensor_type, sensor, kind, data):
    """A record of the system event log (table 32-1)."""
    return struct.pack("<HBIHBBBB3s", number, 2, seconds, 0x0020, 4, sensor_type, sensor, kind, bytes(data))


def first_events():
    """What the log holds on the first day: a boot, a slow fan, a lost power input."""
    start = 1767225600  # 2026-01-01
    return {
        1: event(1, start, 0x1D, 0, 0x6F, [0, 0xFF, 0xFF]),
        2: event(2, start + 60, FAN, 4, 0x01, [0x50, 0x0E, 0x0F]),
        3: event(3, start + 120, 0x08, 8, 0x6F, [3, 0xFF, 0xFF]),
    }
