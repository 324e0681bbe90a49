# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One simulated IPMI BMC: its sessions and users. What the commands do is in ipmi_commands.py."""

from __future__ import annotations

import asyncio
import collections
import os
import secrets
import socket
import struct
import time
import uuid

from . import faults, ipmi_data, ipmi_faults, ipmi_protocol
from .ipmi_commands import COMMANDS, WITHOUT_SESSION
from .ipmi_protocol import SUITES, Message

_OPENING = 30.0  # seconds that a session may take to open
# Seconds until a packet of the console is sent again that nobody acknowledged: parameter 4 of the SOL configuration (26.3). A board gives up at some time;
# this one does not, for whoever listens may be late on a busy machine.
_SOL_INTERVAL = 0.5
_SOL_START = 0.1  # seconds from the activation to the first packet
_SOL_SIZE = 200  # bytes of text in a packet
BEHAVIOUR = {
    "cipher_suites": [3, 17], "max_sessions": 15, "session_timeout": 60.0, "manufacturer_id": 0, "product_id": 1, "manufacturer": "Simulated",
    "product": "Simulated 1", "kg": "", "channel_cipher_suites": True,
    # How the system GUID is sent: smbios, ipmi (20.8), rfc4122, its own, zeros, or none at all; and the serial number in the FRU, None for the machine's,
    # False for a BMC without FRU.
    "guid": "smbios", "fru_serial": None,
}
# Lowest privilege level by (network function, command): 2 user, 3 operator, 4 administrator. Others: 2 (appendix G).
_NEEDS = {
    (0x00, 0x02): 3, (0x00, 0x04): 3, (0x00, 0x08): 3, (0x00, 0x06): 3, (0x00, 0x05): 4, (0x06, 0x02): 4, (0x06, 0x03): 4, (0x06, 0x43): 4, (0x06, 0x44): 3,
    (0x06, 0x45): 4, (0x06, 0x46): 3, (0x06, 0x47): 4, (0x0A, 0x47): 3, (0x0A, 0x49): 3, (0x0C, 0x01): 4,
}


class User:
    """A user: ``name``, ``password``, ``privilege`` (15 is no access), ``enabled``."""

    def __init__(self, name="", password="", privilege=15, enabled=False):
        self.name, self.password, self.privilege, self.enabled = name, password, privilege, enabled
        self.lan = enabled


class Session:
    """A session, open or on the way."""

    def __init__(self, own, console, suite, tag_privilege):
        self.own, self.console, self.suite = own, console, suite
        self.role = tag_privilege
        self.privilege = 2
        self.user = None
        self.random = os.urandom(16)
        self.remote_random = b""
        self.rakp1 = b""
        self.sik = self.k1 = self.k2 = b""
        self.active = False
        self.used = time.monotonic()
        self.sequence = 0
        # The console: whether it is active, what is still to be sent, the number of the packet that is to be acknowledged, the timer that sends it
        # again, and the number of the last packet that came in.
        self.sol = False
        self.sol_output = b""
        self.sol_number = 0
        self.sol_timer = None
        self.sol_heard = 0
        self.peer = None

    def end_console(self):
        if self.sol_timer:
            self.sol_timer.cancel()
        self.sol, self.sol_output, self.sol_timer, self.sol_heard = False, b"", None, 0

    def packet(self, payload, kind=ipmi_protocol.IPMI):
        self.sequence += 1
        return ipmi_protocol.sealed(kind, payload, self.suite, self.console, self.sequence, self.k1, self.k2)


class Board:
    """A BMC.

    :param machine: Machine under it.
    :param personality: Personality; its ``ipmi`` overlays BEHAVIOUR.
    """

    def __init__(self, machine, personality, username, password, address, switched=()):
        self.machine = machine
        self.username = username
        self.password = password
        self.address = address
        self.port = 0
        self.latency = 0.0
        self.listener = None
        self.manager_reset_seconds = 3.0
        machine.on_boot.append(self._boots)
        self.become(personality)
        self.faults.change(switched)

    def become(self, personality):
        """Take on a personality, in the state of the first day."""
        self.personality = personality
        unknown = set(personality.ipmi) - set(BEHAVIOUR)
        if unknown:
            raise ValueError(f"personality {personality.name}: no such IPMI behaviour: {', '.join(sorted(unknown))}")
        self.behaviour = {**BEHAVIOUR, **personality.ipmi}
        self.faults = faults.Faults(faults.IPMI)
        self.reset_state()

    def reset_state(self):
        """As on the first day, but for the faults."""
        self.machine.forget()
        self.machine.power = "Off"
        self.machine.boots.clear()
        self.sessions = {}
        self.users = {number: User() for number in range(1, 16)}
        self.users[2] = User(self.username, self.password, 4, True)
        self.boot = {0: bytes(1), 1: bytes(1), 2: bytes(1), 3: bytes(1), 4: bytes(2), 5: bytes(5), 6: bytes(9), 7: bytes(12)}
        self.boot_valid = set()
        self.boot_set_at = 0.0
        self.events = ipmi_data.first_events()
        self.event_number = max(self.events)
        self.reservation = 0
        self.identify_until = 0.0
        self.restore_policy = 1
        self.away_until = 0.0
        self.lan = {}
        self.sol_text = f"Simulated console of {self.machine.serial}\r\nlogin: "
        self.sol_input = b""
        self.last_answer = None
        self.wrong_logins = collections.Counter()
        self.locked_until = {}
        self.reset_counters()

    def reset_counters(self):
        self.counters = collections.Counter()
        self.log = collections.deque(maxlen=200)

    @property
    def guid(self):
        """The system GUID, as it is sent (section 22.14)."""
        number = uuid.UUID(int=0x99) if "other_machine" in self.faults.on else uuid.UUID(self.machine.uuid)
        return {"smbios": number.bytes_le, "ipmi": number.bytes[::-1], "rfc4122": number.bytes, "own": b"\x01SMC" + number.bytes[4:]}.get(
            self.behaviour["guid"], bytes(16))

    # Packets

    def received(self, packet, peer):
        """Answer a packet, at once or later."""
        self.counters["packets"] += 1
        on = self.faults.on
        if "silent" in on or time.monotonic() < self.away_until:
            return
        try:
            answers = self._answers(packet, peer)
        except (ValueError, IndexError, struct.error):
            self.counters["packets_bad"] += 1
            return
        pause = self.latency
        if on:
            if answers and self.faults.hit("drop"):
                return
            answers = [ipmi_faults.spoiled(self, answer) for answer in answers]
            found = self.faults.hit("delay")
            pause += found.get("seconds", 5) if found else 0
        for answer in answers:
            if pause:
                asyncio.get_running_loop().call_later(pause, self.listener.send, answer, peer)
            else:
                self.listener.send(answer, peer)

    def _answers(self, packet, peer):
        if packet[:2] != b"\x06\x00" or packet[3] & 0x1F != 7:
            if packet[3] & 0x1F == 6:
                # Presence ping (13.2.4).
                return [b"\x06\x00\xff\x06\x00\x00\x11\xbe\x40" + packet[9:10] + b"\x00\x10\x00\x00\x11\xbe" + bytes(4) + b"\x81" + bytes(7)]
            return []
        if packet[4] != ipmi_protocol.RMCP_PLUS:
            length = packet[13]
            return [ipmi_protocol.plain(reply) for reply in self._without_session(Message(packet[14:14 + length]))]
        kind = packet[5] & 0x3F
        identity, _sequence, length = struct.unpack_from("<IIH", packet, 6)
        if identity == 0:
            payload = packet[16:16 + length]
            if kind == ipmi_protocol.IPMI:
                return [ipmi_protocol.open_plus(kind, reply) for reply in self._without_session(Message(payload))]
            work = {ipmi_protocol.OPEN_SESSION: self._open, ipmi_protocol.RAKP1: self._rakp1, ipmi_protocol.RAKP3: self._rakp3}.get(kind)
            return work(payload, peer) if work else []
        session = self.sessions.get(identity)
        if session is None or not session.active:
            return []
        payload = ipmi_protocol.unsealed(packet, session.suite, session.k1, session.k2)
        session.used = time.monotonic()
        if kind == ipmi_protocol.SOL:
            return self._console(session, payload)
        return [session.packet(reply) for reply in self._in_session(session, Message(payload), peer)]

    def _without_session(self, message):
        work = WITHOUT_SESSION.get((message.netfn, message.command))
        if message.netfn == 0x06 and message.command == 0x38 and "no_channel_auth" in self.faults.on:
            return [message.answer(0xC1)]
        self._note(message, None)
        if work is None:
            return [message.answer(0xD4)]
        code, data = work(self, None, message.data)
        return [message.answer(code, data)]

    def _in_session(self, session, message, peer):
        if self.faults.hit("lost_session"):
            self.close(session)
            return []
        self._note(message, session)
        if self.faults.hit("other_answer"):
            message.sequence = message.sequence + 4 & 0xFF
        if (message.netfn, message.command) == (0x06, 0x34):
            return self._bridged(session, message, peer)
        for name, code in (("node_busy", 0xC0), ("out_of_space", 0xC4), ("initialising", 0xD2), ("no_privilege", 0xD4)):
            # A login and its end are never refused.
            if message.command not in (0x3B, 0x3C) and name in self.faults.on and self.faults.hit(name):
                return [message.answer(code)]
        work = COMMANDS.get((message.netfn, message.command))
        if work is None:
            return [message.answer(0xC1)]
        if (message.netfn, message.command) == (0x06, 0x47) and message.data[1] & 3 == 2 and (found := self.faults.hit("password_lost")):
            if found.get("applied", True):
                work(self, session, message.data[:2] + found["kept"].encode() if "kept" in found else message.data)
            self.close(session)
            return []
        if session.privilege < _NEEDS.get((message.netfn, message.command), 2):
            return [message.answer(0xD4)]
        try:
            code, data = work(self, session, message.data)
        except (IndexError, struct.error):
            # Request data length invalid.
            code, data = 0xC7, b""
        answer = message.answer(code, data)
        if (message.netfn, message.command) == (0x06, 0x3C):
            # Sent while the keys are still there.
            reply = session.packet(answer)
            self.close(session)
            self.listener.send(reply, peer)
            return []
        if session.sol and (message.netfn, message.command) == (0x06, 0x48):
            session.peer = peer
            # A question that comes once more begins nothing anew.
            if not session.sol_timer:
                self._begin_console(session, _SOL_START)
        return [answer]

    def _bridged(self, session, message, peer):
        """Send Message (22.7): a controller behind this one answers as this one would."""
        inner = Message(message.data[1:])
        self.counters["bridged"] += 1
        return [message.answer(0), *self._in_session(session, inner, peer)]

    def _note(self, message, session):
        self.counters["commands"] += 1
        self.log.append({"netfn": message.netfn, "command": message.command, "data": message.data.hex(), "session": session is not None, "at": time.time()})

    # Logging in (13.17 to 13.24)

    def _open(self, payload, peer):
        tag, privilege = payload[0], payload[1] & 15
        console = payload[4:8]
        wanted = (payload[12], payload[20], payload[28])
        self._expire()

        def refused(status):
            return [ipmi_protocol.open_plus(ipmi_protocol.OPEN_SESSION_REPLY, bytes([tag, status, 0, 0]) + console)]

        if len(self.sessions) >= self.behaviour["max_sessions"] or self.faults.hit("session_table_full"):
            self.counters["sessions_refused"] += 1
            return refused(0x01)
        offered = [SUITES[number] for number in self.behaviour["cipher_suites"]]
        suite = next((suite for suite in offered if suite.algorithms == wanted), None)
        if suite is None:
            self.counters["suites_refused"] += 1
            return refused(0x11)
        own = secrets.randbits(31) + 1
        session = self.sessions[own] = Session(own, struct.unpack("<I", console)[0], suite, privilege or 4)
        self.counters["sessions_peak"] = max(self.counters["sessions_peak"], len(self.sessions))
        chosen = b"".join(struct.pack("<BBBBBBBB", number, 0, 0, 8, algorithm, 0, 0, 0) for number, algorithm in enumerate(suite.algorithms))
        reply = bytes([tag, 0, privilege or 4, 0]) + console + struct.pack("<I", session.own) + chosen
        return [ipmi_protocol.open_plus(ipmi_protocol.OPEN_SESSION_REPLY, reply)]

    def _rakp1(self, payload, peer):
        if "rakp_silent" in self.faults.on:
            return []
        tag = payload[0]
        session = self.sessions.get(struct.unpack_from("<I", payload, 4)[0])
        if session is None or session.active:
            return [ipmi_protocol.open_plus(ipmi_protocol.RAKP2, bytes([tag, 0x02, 0, 0, 0, 0, 0, 0]))]
        session.remote_random, length = payload[8:24], payload[27]
        name = payload[28:28 + length]
        session.rakp1 = payload[24:25] + bytes([length]) + name
        session.role = payload[24] & 15
        console = struct.pack("<I", session.console)
        session.user = self._user(name.decode("latin-1"))
        if ipmi_faults.is_locked(self, session.user):
            session.user = None
        status = 0x0D if session.user is None else 0x09 if session.role > session.user.privilege else 0
        if status:
            self.counters["logins_failed"] += 1
            self.sessions.pop(session.own, None)
            return [ipmi_protocol.open_plus(ipmi_protocol.RAKP2, bytes([tag, status, 0, 0]) + console)]
        data = console + struct.pack("<I", session.own) + session.remote_random + session.random + self.guid + session.rakp1
        reply = bytes([tag, 0, 0, 0]) + console + session.random + self.guid + session.suite.code(self._key(session.user), data)
        return [ipmi_protocol.open_plus(ipmi_protocol.RAKP2, reply)]

    def _rakp3(self, payload, peer):
        tag, status = payload[0], payload[1]
        session = self.sessions.get(struct.unpack_from("<I", payload, 4)[0])
        if session is None or session.user is None:
            return [ipmi_protocol.open_plus(ipmi_protocol.RAKP4, bytes([tag, 0x02, 0, 0, 0, 0, 0, 0]))]
        console = struct.pack("<I", session.console)
        suite, key = session.suite, self._key(session.user)
        good = suite.code(key, session.random + console + session.rakp1)
        if status or payload[8:] != good:
            self.counters["logins_failed"] += 1
            ipmi_faults.count_wrong_login(self, session.user)
            self.sessions.pop(session.own, None)
            return [] if status else [ipmi_protocol.open_plus(ipmi_protocol.RAKP4, bytes([tag, 0x0F, 0, 0]) + console)]
        session.sik = suite.code(self.behaviour["kg"].encode() or key, session.remote_random + session.random + session.rakp1)
        session.k1, session.k2 = suite.code(session.sik, b"\x01" * 20), suite.code(session.sik, b"\x02" * 20)
        if not session.active:
            session.active = True
            self.counters["sessions_opened"] += 1
            self.counters[f"suite_{suite.number}"] += 1
        code = suite.code(session.sik, session.remote_random + struct.pack("<I", session.own) + self.guid)[:suite.length]
        return [ipmi_protocol.open_plus(ipmi_protocol.RAKP4, bytes([tag, 0, 0, 0]) + console + code)]

    def _user(self, name):
        return next((user for user in self.users.values() if user.enabled and user.lan and user.name == name), None)

    @staticmethod
    def _key(user):
        return user.password.encode("latin-1", "replace")[:20]

    def _expire(self):
        now = time.monotonic()
        for session in list(self.sessions.values()):
            if now - session.used > (self.behaviour["session_timeout"] if session.active else _OPENING):
                self.close(session)

    def close(self, session):
        if self.sessions.pop(session.own, None) and session.active:
            self.counters["sessions_closed"] += 1

    # Serial over LAN (15.9)

    def _begin_console(self, session, pause=0.0):
        """Send the text of the console from its beginning, after some seconds."""
        session.sol_output = self.sol_text.encode("latin-1", "replace")
        self._next_of_console(session, pause)

    def _next_of_console(self, session, pause=0.0):
        """Send the next packet; the one after it waits for its acknowledgement (15.11)."""
        session.sol_number = session.sol_number % 15 + 1
        if session.sol_timer:
            session.sol_timer.cancel()
        session.sol_timer = asyncio.get_running_loop().call_later(pause, self._send_of_console, session)

    def _send_of_console(self, session):
        text = session.sol_output[:_SOL_SIZE]
        if not (text and session.sol and session.own in self.sessions):
            return
        loop = asyncio.get_running_loop()
        if "silent" not in self.faults.on and time.monotonic() >= self.away_until:
            # As late as the answers, whose numbers stand before or after this one's.
            packet = session.packet(bytes([session.sol_number, 0, 0, 0]) + text, ipmi_protocol.SOL)
            loop.call_later(self.latency, self.listener.send, packet, session.peer)
        session.sol_timer = loop.call_later(_SOL_INTERVAL, self._send_of_console, session)

    def _console(self, session, payload):
        number, acknowledged, count, _status = payload[:4]
        typed = payload[4:]
        if session.sol_output and acknowledged == session.sol_number and count:
            session.sol_output = session.sol_output[min(count, _SOL_SIZE):]
            self._next_of_console(session)
        if not number or not session.sol:
            return []
        if number != session.sol_heard:
            session.sol_heard = number
            self.sol_input += typed
        return [session.packet(bytes([0, number, len(typed), 0]), ipmi_protocol.SOL)]

    # Booting

    def _boots(self):
        """What the machine makes of the boot flags; they are for one boot unless they are persistent."""
        flags = self.boot_flags()
        if not flags[0] & 0x80:
            return {}
        if not flags[0] & 0x40:
            self.boot[5] = bytes([flags[0] & 0x7F]) + flags[1:]
        return {"ipmi_flags": flags.hex(), "ipmi_device": flags[1] >> 2 & 15, "ipmi_efi": bool(flags[0] & 0x20), "ipmi_persistent": bool(flags[0] & 0x40)}

    def boot_flags(self):
        """Parameter 5 of the boot options, as it is now."""
        found = self.faults.on.get("boot_timer")
        # Bit 3 of parameter 3: do not clear the valid flag after the time-out.
        if found and not self.boot[3][0] & 0x08 and time.monotonic() - self.boot_set_at > found.get("seconds", 60):
            self.boot[5] = bytes([self.boot[5][0] & 0x7F]) + self.boot[5][1:]
        return self.boot[5]

    # For the control endpoint

    def change(self, settings):
        """Change what is given.

        :raises ValueError: for what nobody knows.
        """
        for name, value in settings.items():
            if name == "faults":
                self.faults.change(value)
            elif name == "only_faults":
                self.faults = faults.Faults(faults.IPMI)
                self.faults.change(value)
            elif name == "power":
                self.machine.forget()
                self.machine.power = value
            elif name in ("power_delay", "soft_off"):
                setattr(self.machine, name, value)
            elif name in ("latency", "manager_reset_seconds"):
                setattr(self, name, value)
            elif name == "sol_text":
                self.sol_text = value
                for session in self.sessions.values():
                    if session.sol:
                        self._begin_console(session)
            elif name == "behaviour":
                unknown = set(value) - set(BEHAVIOUR)
                if unknown:
                    raise ValueError(f"no such behaviour: {', '.join(sorted(unknown))}")
                self.behaviour = {**self.behaviour, **value}
            else:
                raise ValueError(f"no such setting: {name}")

    def show(self):
        self._expire()
        return {
            "address": self.address, "port": self.port, "personality": self.personality.name, "power": self.machine.power, "boots": self.machine.boots,
            "nmis": self.machine.nmis, "serial": self.machine.serial, "uuid": self.machine.uuid, "faults": self.faults.on, "latency": self.latency,
            "counters": dict(self.counters), "sessions_open": len(self.sessions), "boot_options": {number: raw.hex() for number, raw in self.boot.items()},
            "identify": max(0.0, self.identify_until - time.monotonic()), "events": len(self.events), "sol_input": self.sol_input.decode("latin-1"),
            "users": {number: {"name": user.name, "privilege": user.privilege, "enabled": user.enabled} for number, user in self.users.items() if user.name},
        }


class Listener:
    """A UDP socket that hands its packets to a board."""

    def __init__(self, board, address, port):
        self._board = board
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.bind((address, port))
        except OSError:
            self._socket.close()
            raise
        self.port = self._socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def close(self):
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def send(self, packet, peer):
        try:
            self._socket.sendto(packet, peer)
        except OSError:
            # As lost as a packet can be.
            self._board.counters["packets_unsent"] += 1

    def _read(self):
        for _unused in range(64):
            try:
                packet, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            self._board.received(packet, peer)
