# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The commands of a simulated IPMI BMC: functions of (board, session, data) that return completion code and data.

Numbers and layouts: IPMI 2.0, appendix G and the sections named at the functions.
"""

from __future__ import annotations

import datetime
import struct
import time

from . import ipmi_data

OK, UNSUPPORTED, INVALID, OUT_OF_RANGE, NOT_PRESENT = 0, 0x80, 0xCC, 0xC9, 0xCB
CHASSIS, SENSOR, APP, STORAGE, TRANSPORT = 0x00, 0x04, 0x06, 0x0A, 0x0C
COMMANDS, WITHOUT_SESSION = {}, {}


def _command(netfn, number, without_session=False):
    def register(function):
        COMMANDS[netfn, number] = function
        if without_session:
            WITHOUT_SESSION[netfn, number] = function
        return function

    return register


# The controller (section 20)


@_command(APP, 0x01)
def device_id(board, session, data):
    does = board.behaviour
    return OK, struct.pack("<BBBBBB", 0x20, 0x81, 0x01, 0x00, 0x02, 0xBF) + struct.pack("<I", does["manufacturer_id"])[:3] + struct.pack(
        "<HI", does["product_id"], 0)


@_command(APP, 0x02)
@_command(APP, 0x03)
def reset_controller(board, session, data):
    board.counters["manager_resets"] += 1
    board.sessions.clear()
    board.away_until = time.monotonic() + board.manager_reset_seconds
    return OK, b""


@_command(APP, 0x04)
def self_test(board, session, data):
    return OK, b"\x55\x00"


@_command(APP, 0x37, without_session=True)
def system_guid(board, session, data):
    return (0xC1, b"") if board.behaviour["guid"] == "none" else (OK, board.guid)


@_command(APP, 0x08)
def device_guid(board, session, data):
    return OK, board.guid


# Channels and sessions (section 22)


@_command(APP, 0x38, without_session=True)
def channel_authentication(board, session, data):
    # Without the wish for 2.0 data, an old client learns that there is no way in for it.
    extended = 0x80 if data[0] & 0x80 else 0
    key = 0x20 if board.behaviour["kg"] else 0
    return OK, bytes([1, extended, 0x04 | key, 0x02 if extended else 0, 0, 0, 0, 0])


@_command(APP, 0x54, without_session=True)
def channel_cipher_suites(board, session, data):
    if not board.behaviour["channel_cipher_suites"]:
        return 0xC1, b""
    records = b"".join({3: b"\xc0\x03\x01\x41\x81", 17: b"\xc0\x11\x03\x44\x81"}[number] for number in board.behaviour["cipher_suites"])
    start = (data[2] & 0x3F) * 16
    return OK, b"\x01" + records[start:start + 16]


@_command(APP, 0x3B)
def set_privilege(board, session, data):
    wanted = data[0] & 15
    if wanted:
        if wanted > min(session.role, session.user.privilege):
            return 0x81, b""
        session.privilege = wanted
    return OK, bytes([session.privilege])


@_command(APP, 0x3C)
def close_session(board, session, data):
    return (OK, b"") if struct.unpack_from("<I", data)[0] == session.own else (0x87, b"")


@_command(APP, 0x3D)
def session_info(board, session, data):
    active = sum(1 for known in board.sessions.values() if known.active)
    return OK, bytes([1, board.behaviour["max_sessions"], active, 2, session.privilege, 0x11])


@_command(APP, 0x42)
def channel_info(board, session, data):
    return OK, bytes([1, 4, 1, 0x80, 0xF2, 0x1B, 0, 0, 0])


@_command(APP, 0x41)
def channel_access(board, session, data):
    return OK, bytes([0x02, 4])


@_command(APP, 0x40)
def set_channel_access(board, session, data):
    return OK, b""


# Users (22.26 to 22.30)


@_command(APP, 0x43)
def set_user_access(board, session, data):
    user = board.users.get(data[1] & 0x3F)
    if user is None:
        return OUT_OF_RANGE, b""
    user.privilege = data[2] & 15
    if data[0] & 0x80:
        user.lan = bool(data[0] & 0x10)
    return OK, b""


@_command(APP, 0x44)
def user_access(board, session, data):
    user = board.users.get(data[1] & 0x3F)
    if user is None:
        return OUT_OF_RANGE, b""
    enabled = sum(1 for known in board.users.values() if known.enabled)
    state = 0x40 if user.enabled else 0x80
    return OK, bytes([len(board.users), state | enabled, 1, (0x10 if user.lan else 0) | user.privilege])


@_command(APP, 0x45)
def set_user_name(board, session, data):
    number = data[0] & 0x3F
    if number not in board.users or number == 1:
        return OUT_OF_RANGE, b""
    board.users[number].name = data[1:17].rstrip(b"\x00").decode("latin-1")
    return OK, b""


@_command(APP, 0x46)
def user_name(board, session, data):
    user = board.users.get(data[0] & 0x3F, None)
    if user is None:
        return OUT_OF_RANGE, b""
    return OK, user.name.encode("latin-1").ljust(16, b"\x00")


@_command(APP, 0x47)
def set_user_password(board, session, data):
    user = board.users.get(data[0] & 0x3F)
    if user is None:
        return OUT_OF_RANGE, b""
    what = data[1] & 3
    given = data[2:22].rstrip(b"\x00").decode("latin-1")
    if what == 0:
        user.enabled = False
    elif what == 1:
        user.enabled, user.lan = True, True
    elif what == 2:
        user.password = given
    elif given != user.password:
        return 0x80, b""
    return OK, b""


# Chassis (section 28)


@_command(CHASSIS, 0x00)
def chassis_capabilities(board, session, data):
    return OK, bytes([0x0C, 0x20, 0x20, 0x20, 0x20])


@_command(CHASSIS, 0x01)
def chassis_status(board, session, data):
    # Until it is off, a server that is being switched off is on.
    on = board.machine.power in ("On", "PoweringOff")
    left = board.identify_until - time.monotonic()
    identify = 0x20 if left > 255 else 0x10 if left > 0 else 0
    return OK, bytes([board.restore_policy << 5 | on, 0, 0x40 | identify, 0])


@_command(CHASSIS, 0x02)
def chassis_control(board, session, data):
    wanted = data[0] & 15
    machine = board.machine
    board.counters[f"control_{wanted}"] += 1
    is_on = machine.power in ("On", "PoweringOn")
    if "power_off_error" in board.faults.on and not is_on and wanted in (0, 2, 3, 5):
        return 0xD5, b""
    if board.faults.hit("power_ignored"):
        return OK, b""
    if wanted == 0:
        machine.switch_off()
    elif wanted == 1 and not is_on:
        machine.switch_on()
    elif wanted == 2 and is_on:
        machine.cycle()
    elif wanted == 3 and is_on:
        machine.restart()
    elif wanted == 4:
        machine.nmis += 1
    elif wanted == 5 and is_on:
        machine.shut_down()
    elif wanted == 2:
        # A cycle of what is off (table 28-4).
        return 0xD5, b""
    elif wanted > 5:
        return INVALID, b""
    return OK, b""


@_command(CHASSIS, 0x04)
def identify(board, session, data):
    seconds = data[0] if data else 15
    for_ever = len(data) > 1 and data[1] & 1
    board.identify_until = float("1e12") if for_ever else time.monotonic() + seconds if seconds else 0.0
    return OK, b""


@_command(CHASSIS, 0x06)
def restore_policy(board, session, data):
    if data[0] & 7 < 3:
        board.restore_policy = data[0] & 7
    return OK, b"\x07"


@_command(CHASSIS, 0x07)
def restart_cause(board, session, data):
    return OK, b"\x01\x01"


@_command(CHASSIS, 0x0F)
def power_on_hours(board, session, data):
    return OK, struct.pack("<BI", 60, 1234)


@_command(CHASSIS, 0x08)
def set_boot_options(board, session, data):
    number = data[0] & 0x7F
    if number not in board.boot:
        return UNSUPPORTED, b""
    if "boot_dropped" in board.faults.on and number == 5 and board.faults.hit("boot_dropped"):
        return OK, b""
    if number == 0 and data[1] & 3 == 1 and board.boot[0][0] & 3 == 1:
        # Set in progress already.
        return 0x81, b""
    board.boot[number] = bytes(data[1:]) or board.boot[number]
    (board.boot_valid.add if data[0] & 0x80 else board.boot_valid.discard)(number)
    if number == 5:
        board.boot_set_at = time.monotonic()
    return OK, b""


@_command(CHASSIS, 0x09)
def boot_options(board, session, data):
    number = data[0] & 0x7F
    if number not in board.boot:
        return UNSUPPORTED, b""
    value = board.boot_flags() if number == 5 else board.boot[number]
    return OK, bytes([1, number | (0x80 if number in board.boot_valid else 0)]) + value


# Sensors (section 35)


@_command(SENSOR, 0x2D)
def sensor_reading(board, session, data):
    number = data[0]
    if number == ipmi_data.SUPPLY[0]:
        return OK, bytes([0, 0xC0, ipmi_data.SUPPLY[3], 0x80])
    for known, _name, kind, _unit, _factor, _exponent, reading, _low, _high in ipmi_data.SENSORS:
        if known == number:
            if board.machine.power != "On" and kind == ipmi_data.FAN:
                # Reading unavailable.
                return OK, bytes([0, 0xE0, 0xC0])
            return OK, bytes([reading, 0xC0, 0xC0])
    return NOT_PRESENT, b""


@_command(SENSOR, 0x27)
def sensor_thresholds(board, session, data):
    found = ipmi_data.thresholds(data[0])
    return (OK, found) if found else (NOT_PRESENT, b"")


# Storage: sensor data, FRU, event log (sections 31 to 34)


@_command(STORAGE, 0x20)
def sdr_info(board, session, data):
    return OK, struct.pack("<BHHIIB", 0x51, len(ipmi_data.sensor_records()), 0, 1767225600, 0, 0x22)


@_command(STORAGE, 0x22)
@_command(STORAGE, 0x42)
def reserve(board, session, data):
    board.reservation = board.reservation % 0xFFFF + 1
    return OK, struct.pack("<H", board.reservation)


@_command(STORAGE, 0x23)
def sensor_record(board, session, data):
    _reservation, number, start, size = struct.unpack_from("<HHBB", data)
    records = ipmi_data.sensor_records()
    number = len(records) if number == 0xFFFF else number or 1
    if number > len(records):
        return NOT_PRESENT, b""
    following = number + 1 if number < len(records) else 0xFFFF
    if size == 0xFF and len(records[number - 1]) > 60:
        # Too long for a packet.
        return 0xCA, b""
    return OK, struct.pack("<H", following) + records[number - 1][start:start + size]


@_command(STORAGE, 0x10)
def fru_info(board, session, data):
    is_there = data[0] == 0 and board.behaviour["fru_serial"] is not False
    return (OK, struct.pack("<HB", len(_fru(board)), 0)) if is_there else (NOT_PRESENT, b"")


@_command(STORAGE, 0x11)
def fru_read(board, session, data):
    number, start, size = struct.unpack_from("<BHB", data)
    if number or board.behaviour["fru_serial"] is False:
        return NOT_PRESENT, b""
    part = _fru(board)[start:start + min(size, 128)]
    return OK, bytes([len(part)]) + part


def _fru(board):
    given = board.behaviour["fru_serial"]
    serial = given if given is not None else "OTHER99" if "other_machine" in board.faults.on else board.machine.serial
    return ipmi_data.fru(board.behaviour["manufacturer"], board.behaviour["product"], serial)


@_command(STORAGE, 0x40)
def log_info(board, session, data):
    return OK, struct.pack("<BHHIIB", 0x51, len(board.events), 512 * 16, 1767225720, 0, 0x02)


@_command(STORAGE, 0x43)
def log_entry(board, session, data):
    _reservation, number, start, size = struct.unpack_from("<HHBB", data)
    numbers = sorted(board.events)
    if not numbers:
        return NOT_PRESENT, b""
    number = numbers[0] if number == 0 else numbers[-1] if number == 0xFFFF else number
    if number not in board.events:
        return NOT_PRESENT, b""
    following = next((other for other in numbers if other > number), 0xFFFF)
    return OK, struct.pack("<H", following) + board.events[number][start:start + size]


@_command(STORAGE, 0x44)
def add_log_entry(board, session, data):
    board.event_number += 1
    board.events[board.event_number] = struct.pack("<H", board.event_number) + data[2:16]
    return OK, struct.pack("<H", board.event_number)


@_command(STORAGE, 0x47)
def clear_log(board, session, data):
    reservation, sign, what = struct.unpack_from("<H3sB", data)
    if sign != b"CLR":
        return INVALID, b""
    if reservation != board.reservation:
        return 0xC5, b""
    if what == 0xAA:
        board.events.clear()
    return OK, b"\x01"


@_command(STORAGE, 0x48)
def log_time(board, session, data):
    now = datetime.datetime.fromisoformat(board.machine.now())
    return OK, struct.pack("<I", int(now.timestamp()))


@_command(STORAGE, 0x49)
def set_log_time(board, session, data):
    board.machine.clock_offset = struct.unpack_from("<I", data)[0] - time.time()
    return OK, b""


@_command(STORAGE, 0x5C)
def utc_offset(board, session, data):
    return OK, b"\x00\x00"


# LAN and serial over LAN (sections 23 and 26)


@_command(TRANSPORT, 0x02)
def lan_parameter(board, session, data):
    number = data[1]
    values = {
        0: b"\x00", 1: b"\x84", 2: bytes([0, 0, 0x10, 0x10, 0]), 3: bytes(int(part) for part in board.address.split(".")), 4: b"\x01",
        5: bytes.fromhex(board.machine.mac(0).replace(":", "")), 6: bytes([255, 0, 0, 0]), 12: bytes([127, 0, 0, 1]), 13: bytes(6), 14: bytes(4),
        16: b"public".ljust(18, b"\x00"), 20: b"\x00\x00", 21: b"\x00", 22: bytes([len(board.behaviour["cipher_suites"])]),
        23: bytes([0, *board.behaviour["cipher_suites"]]).ljust(17, b"\x00"), 24: b"\x00" + b"\x44" * 8,
    }
    values.update(board.lan)
    if number not in values:
        return UNSUPPORTED, b""
    return OK, b"\x11" + (b"" if data[0] & 0x80 else values[number])


@_command(TRANSPORT, 0x01)
def set_lan_parameter(board, session, data):
    board.lan[data[1]] = bytes(data[2:])
    return OK, b""


@_command(TRANSPORT, 0x22)
def sol_parameter(board, session, data):
    values = {0: b"\x00", 1: b"\x01", 2: b"\x82", 3: b"\x0a\x60", 4: b"\x07\x32", 5: b"\x0a", 6: b"\x0a", 7: b"\x01", 8: b"\x6f\x02"}
    return (OK, b"\x11" + values[data[1]]) if data[1] in values else (UNSUPPORTED, b"")


@_command(TRANSPORT, 0x21)
def set_sol_parameter(board, session, data):
    return OK, b""


@_command(APP, 0x48)
def activate_payload(board, session, data):
    if data[0] & 0x3F != 1:
        return 0x81, b""
    if any(known.sol for known in board.sessions.values() if known is not session):
        # Payload already active on another session.
        return 0x80, b""
    session.sol = True
    return OK, struct.pack("<IHHHH", 0, 220, 220, board.port, 0xFFFF)


@_command(APP, 0x49)
def deactivate_payload(board, session, data):
    active = [known for known in board.sessions.values() if known.sol]
    for known in active:
        known.end_console()
    return (OK, b"") if active else (0x80, b"")


@_command(APP, 0x4A)
def payload_status(board, session, data):
    active = any(known.sol for known in board.sessions.values())
    return OK, bytes([1, 1 if active else 0, 0])


@_command(APP, 0x4B)
def payload_instance(board, session, data):
    """Whose session has the console (24.5); pyghmi asks for it to keep its own alive."""
    owner = next((known.own for known in board.sessions.values() if known.sol and data[0] == 1), 0)
    return OK, struct.pack("<I", owner) + bytes(8)


@_command(APP, 0x4C)
@_command(APP, 0x4D)
def user_payload_access(board, session, data):
    return OK, bytes([2, 0, 0, 0])
