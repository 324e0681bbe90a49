# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One IPMI 2.0 session: logged on with the cipher suite that the BMC really speaks, logged off exactly once.

pyghmi parses what boards send (FRU, sensors, events) and is handed this session instead of its own. Its own
belongs to a thread that does not survive a fork, deadlocks when a packet is lost while many threads log on, has no
option for the cipher suite, and leaves a half-open session behind a wrong password. This one is a socket and nothing
else: any thread of any process may have as many as it likes.
Source: IPMI 2.0 (revision 1.1), sections 13.17 to 13.24 and 22.12 to 22.19.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import hmac
import os
import socket
import time

try:
    from pyghmi.exceptions import IpmiException
    from pyghmi.ipmi.command import Command
    from pyghmi.ipmi.oem.generic import OEMHandler
    from pyghmi.ipmi.private.util import get_ipmi_error
except ImportError as error:
    Command = OEMHandler = get_ipmi_error = None
    IpmiException = Exception
    IMPORT_ERROR = error
else:
    IMPORT_ERROR = None

from .._session_guard import SessionGuard
from . import ipmi_packets as packets
from . import ipmi_records
from .connection import looked_up

SUITES = tuple(packets.SUITES)

# Privilege levels (table 22-19 and 13.20), highest first.
PRIVILEGES = {"administrator": 4, "operator": 3, "user": 2}
# What a BMC is asked for when nobody says: power and boot device need operator.
_USUAL = ("administrator", "operator")

# Seconds until the first packet counts as unanswered, for each time that it is sent: 5 s for a BMC that is not there.
_FIRST_WAITS = (0.7, 1.3, 3.0)
# Seconds for a step of the login. No step is sent twice, because that upsets some BMCs: the login begins anew.
_LOGIN_WAITS = (2.0, 2.0, 3.0)
# Seconds for a command in a session, for each time that it is sent.
_WAITS = (1.5, 2.0, 3.0, 4.0)
_CLOSE_WAITS = (0.3, 0.7)
# Seconds until a BMC without room for another session is asked again: what watches boards is done in less.
_FULL_PAUSES = (0.5, 1.0, 2.0)

# Completion codes (table 5-2) that say that nothing was done and the same command may work in a moment.
BUSY = (0xC0, 0xC4, 0xD2)  # node busy, out of space, BMC initialising
_BUSY_PAUSES = (0.5, 1.0, 2.0, 3.0)  # seconds

# RMCP+ status codes (table 13-15).
_STATUS_KINDS = {
    0x01: "resources", 0x0B: "resources",
    0x04: "suite", 0x05: "suite", 0x10: "suite", 0x11: "suite",
    0x09: "privilege", 0x0A: "privilege",
    0x0C: "user", 0x0D: "user",
    0x0F: "password",
}
_STATUS_TEXTS = {
    0x01: "insufficient resources to create a session", 0x02: "invalid session id", 0x03: "invalid payload type",
    0x04: "invalid authentication algorithm", 0x05: "invalid integrity algorithm", 0x08: "inactive session id",
    0x09: "invalid role", 0x0A: "unauthorized role or privilege level requested",
    0x0B: "insufficient resources to create a session at the requested role", 0x0C: "invalid name length",
    0x0D: "unauthorized name", 0x0E: "unauthorized GUID", 0x0F: "invalid integrity check value",
    0x10: "invalid confidentiality algorithm", 0x11: "no cipher suite match", 0x12: "illegal or unrecognized parameter",
}
_INTEGRITY_CHECK_FAILED = 0x0F

# The suite that a BMC turned out to need, where no run's facts are at hand.
_known = {}


class SessionError(IpmiException):
    """A session that could not be opened or is lost.

    ``kind`` says which: ``silent`` (no answer at all), ``lost`` (it had answered before), ``silent name`` (answers until
    it is told the user name), ``suite``, ``user``, ``password``, ``key`` (K_g), ``privilege``, ``resources``, ``version``, ``other``.
    """

    def __init__(self, kind, text):
        super().__init__(text)
        self.kind = kind


class _StepLost(Exception):
    """A step of the login was not answered."""


class Session:
    """An open session; has what pyghmi's Command needs of one.

    :param address: host name or IP address.
    :param port: UDP port.
    :param username: bytes.
    :param password: bytes.
    :param suites: numbers of the cipher suites that may be used, best first.
    :param key: K_g as bytes, or None for a BMC without one.
    :param privilege: ``administrator``, ``operator``, ``user``, or None for what power control needs.
    :param bridge: ``{"addr", "channel"}`` of the controller behind the BMC that commands are for, or None.
    :raises SessionError: when the BMC does not let us in.
    :raises OSError: when the address cannot be used.
    """

    ipmiversion = 2.0

    def __init__(self, address, port, username, password, *, suites, key=None, privilege=None, bridge=None):
        self.logged = False
        self.broken = False
        self.suite = None
        # What the BMC said when it had no room and was asked with another suite because of that.
        self.full = None
        # Whether another suite was taken because nothing came back to the first one, which a lost packet looks like too.
        self.suite_is_guessed = False
        # The managed system's GUID, which comes with RAKP message 2 (13.21).
        self.guid = None
        self._username = username
        self._password = password
        self._key = key or password
        self._bridge = bridge
        self._privileges = [PRIVILEGES[name] for name in ((privilege,) if privilege else _USUAL)]
        self._sequence = 0
        self._seal = None
        self._bmc_id = None
        # Whether packets came in since the last question that were no answer to it.
        self._is_strange = False
        self._guard = SessionGuard(self._end)
        self._socket = _connected(address, port)
        try:
            self._ask_version()
            with self._guard.opening():
                self._log_on(list(suites))
        except BaseException:
            self.logout()
            raise

    # Packets

    def _exchange(self, make, unwrap, accept, waits):
        """Send and wait for the answer.

        :param make: function that gives the packet, called anew for every time that it is sent.
        :param unwrap: function of a packet that gives ``(payload type, payload)`` or None.
        :param accept: function of both that gives what is returned, or None for what is no answer.
        :param waits: seconds for each time.
        :raises TimeoutError: when there was no answer.
        """
        self._is_strange = False
        for wait in waits:
            self._socket.send(make())
            deadline = time.monotonic() + wait
            while (left := deadline - time.monotonic()) > 0:
                self._socket.settimeout(left)
                try:
                    packet = self._socket.recv(4096)
                except TimeoutError:
                    break
                content = unwrap(packet)
                found = accept(*content) if content else None
                if found is not None:
                    return found
                self._is_strange = True
        raise TimeoutError

    def _silence(self, what):
        """What was seen instead of an answer.

        :param what: what did not come.
        """
        return f"{what}; what came answered nothing that was asked" if self._is_strange else what

    # Login

    def _ask_version(self):
        """Get Channel Authentication Capabilities (22.13): whether there is a BMC, and IPMI 2.0 in it."""
        request = packets.message(6, 0x38, (0x8E, self._privileges[0]), 0)

        def accept(kind, payload):
            answer = packets.reply(payload) if kind == packets.IPMI else None
            return answer if answer and answer.command == 0x38 else None

        try:
            answer = self._exchange(lambda: packets.before_session(request), packets.unwrapped, accept, _FIRST_WAITS)
        except TimeoutError as error:
            raise SessionError("silent", self._silence("no reply to IPMI packets (UDP)")) from error
        except ConnectionRefusedError as error:
            raise SessionError("silent", "nobody listens on the port (ICMP port unreachable)") from error
        # A BMC that refuses the question, or the bit for IPMI 2.0 data in it, is asked with what remains.
        if answer.code == 0 and len(answer.data) > 3 and answer.data[1] & 0x80 and not answer.data[3] & 0x02:
            raise SessionError("version", "the BMC offers IPMI 1.5 only")

    def _log_on(self, suites):
        for number, wait in enumerate(_LOGIN_WAITS, start=1):
            try:
                self._handshake(suites, wait)
                break
            except _StepLost as lost:
                if lost.args[0] == packets.OPEN_SESSION_ANSWER and len(suites) > 1:
                    # Some BMCs do not answer to a suite that they do not know.
                    suites.append(suites.pop(0))
                    self.suite_is_guessed = True
                if number == len(_LOGIN_WAITS):
                    is_silent = lost.args[0] == packets.RAKP2 and not self._is_strange
                    raise SessionError("silent name" if is_silent else "lost", self._silence("no reply within the login")) from lost
            except ConnectionRefusedError as error:
                raise SessionError("lost", "nobody listens on the port any more, within the login") from error
        self._raise_privilege()

    def _step(self, kind, payload, answer_kind, own_id, wait):
        """A step of the login.

        :returns: the payload of the answer, whose status is 0.
        """
        def accept(seen_kind, seen):
            if seen_kind != answer_kind or len(seen) < 2 or seen[0] != payload[0]:
                return None
            # What is refused may come without the console's session id.
            return seen if seen[1] or seen[4:8] == own_id else None

        try:
            answer = self._exchange(lambda: packets.of_login(kind, payload), packets.unwrapped, accept, (wait,))
        except TimeoutError as error:
            raise _StepLost(answer_kind) from error
        status = answer[1]
        if status:
            text = _STATUS_TEXTS.get(status, f"status {status:#04x}")
            raise SessionError(_STATUS_KINDS.get(status, "other"), f"the BMC says: {text}")
        return answer

    def _handshake(self, suites, wait):
        """Open Session and RAKP 1 to 4, from the best suite and the highest privilege level down."""
        while True:
            try:
                return self._try(suites, wait)
            except _StepLost as lost:
                # Some BMCs do not answer to a suite that they do not know; after Open Session there was room.
                if self.full and lost.args[0] == packets.OPEN_SESSION_ANSWER:
                    raise SessionError("resources", self.full) from lost
                raise
            except SessionError as error:
                if error.kind in ("suite", "resources") and len(suites) > 1:
                    # Some BMCs say that they have no room when it is the suite that they do not take.
                    if error.kind == "resources":
                        self.full = str(error)
                    suites.pop(0)
                elif error.kind == "suite" and self.full:
                    # The suite that is left is none of the BMC's, so it was no room for the other one.
                    raise SessionError("resources", self.full) from error
                elif error.kind in ("privilege", "user") and len(self._privileges) > 1:
                    # Some BMCs say "unauthorized name" when it is the level that the user may not have.
                    self._privileges.pop(0)
                else:
                    raise

    def _try(self, suites, wait):
        tag = os.urandom(1)
        suite = packets.SUITES[suites[0]]
        own_id = os.urandom(4)
        answer = self._step(packets.OPEN_SESSION, b"".join((
            tag, bytes(3), own_id,
            bytes((0, 0, 0, 8, suite.authentication, 0, 0, 0)),
            bytes((1, 0, 0, 8, suite.integrity, 0, 0, 0)),
            bytes((2, 0, 0, 8, suite.confidentiality, 0, 0, 0)),
        )), packets.OPEN_SESSION_ANSWER, own_id, wait)
        if len(answer) < 36:
            raise SessionError("other", "the BMC's answer to Open Session is too short")
        bmc_id = bytes(answer[8:12])
        # Some BMCs take the proposal and choose another suite all the same.
        self.suite = next((chosen for number, chosen in packets.SUITES.items() if number in suites and (
            chosen.authentication, chosen.integrity, chosen.confidentiality) == (answer[16], answer[24], answer[32])), None)
        if self.suite is None:
            raise SessionError(
                "suite", f"the BMC chose the algorithms {answer[16]}, {answer[24]}, {answer[32]} instead of suite {suite.number}")
        self._agree(tag, own_id, bmc_id, wait)

    def _agree(self, tag, own_id, bmc_id, wait):
        suite = self.suite
        own_random = os.urandom(16)
        # The lookup is by name only, so that the level may be lower than the user's.
        role = bytes((self._privileges[0] | 0x10, len(self._username))) + self._username
        answer = self._step(
            packets.RAKP1, tag + bytes(3) + bmc_id + own_random + role[:1] + bytes(2) + role[1:], packets.RAKP2, own_id, wait)
        if len(answer) < 40:
            raise SessionError("other", "the BMC's answer to RAKP message 1 is too short")
        bmc_random, guid, proof = bytes(answer[8:24]), bytes(answer[24:40]), bytes(answer[40:])
        expected = packets.code(suite, self._password, own_id, bmc_id, own_random, bmc_random, guid, role)
        if not hmac.compare_digest(expected, proof):
            self._give_up(tag, bmc_id)
            if len(proof) != len(expected):
                raise SessionError("suite", f"the BMC's proof has {len(proof)} bytes, which is not suite {suite.number}")
            raise SessionError("password", "the BMC's proof does not match the password")
        session_key = packets.code(suite, self._key, own_random, bmc_random, role)
        proof = packets.code(suite, self._password, bmc_random, own_id, role)
        answer = self._step(packets.RAKP3, tag + bytes(3) + bmc_id + proof, packets.RAKP4, own_id, wait)
        if len(answer) < 8 + suite.code_length:
            raise SessionError("other", "the BMC's answer to RAKP message 3 is too short")
        expected = packets.code(suite, session_key, own_random, bmc_id, guid)[:suite.code_length]
        if not hmac.compare_digest(expected, bytes(answer[8:8 + suite.code_length])):
            self._give_up(tag, bmc_id)
            raise SessionError("key", "the BMC's proof does not match the key K_g")
        self.guid = guid
        self._seal = packets.Seal(suite, session_key, own_id, bmc_id)
        self._bmc_id = bmc_id
        self.logged = True

    def _give_up(self, tag, bmc_id):
        """End what is half open: a RAKP message 3 with an error status (13.22), which is not answered."""
        self._socket.send(packets.of_login(packets.RAKP3, tag + bytes((_INTEGRITY_CHECK_FAILED, 0, 0)) + bmc_id))

    def _raise_privilege(self):
        """Set Session Privilege Level (22.18): a session begins with the level user."""
        for level in self._privileges:
            code = self._ask(6, 0x3B, (level,)).code
            if code == 0:
                return
        raise SessionError("privilege", f"completion code {code:#04x} for the privilege level")

    # Commands

    def _ask(self, netfn, command, data, *, lun=0, bridge=None, waits=_WAITS):
        """One request and its answer.

        :raises SessionError: when there is none; the session is of no use then.
        """
        if self.broken or not self.logged:
            raise SessionError("lost", "the session with the BMC is over")
        self._sequence = (self._sequence + 1) % 64
        sequence = self._sequence
        request = packets.message(netfn, command, data, sequence, lun=lun)
        if bridge:
            # Send Message (22.7), tracked by the BMC: it answers that it was sent, then with the answer itself.
            inner = packets.message(netfn, command, data, sequence, address=bridge["addr"], source=packets.BMC_ADDRESS, lun=lun)
            request = packets.message(6, 0x34, bytes((0x40 | bridge["channel"],)) + inner, sequence)

        def accept(kind, payload):
            answer = packets.reply(payload) if kind == packets.IPMI else None
            if answer is None or answer.sequence != sequence:
                return None
            if (answer.netfn, answer.command) == (netfn + 1, command):
                return answer
            # The controller behind the BMC cannot be asked; that it was asked is no answer.
            return answer if bridge and (answer.netfn, answer.command) == (7, 0x34) and answer.code else None

        try:
            return self._exchange(lambda: self._seal.wrapped(packets.IPMI, request), self._seal.unwrapped, accept, waits)
        except (TimeoutError, ConnectionRefusedError) as error:
            self.broken = True
            raise SessionError("lost", self._silence("no reply to a command within the session")) from error

    def raw_command(self, netfn, command, bridge_request=(), data=(), delay_xmit=None, retry=True, timeout=None, rslun=0):
        """A command as pyghmi asks for it.

        :param retry: whether it may be sent again when there is no answer.
        :param timeout: seconds to wait for the first answer.
        :param delay_xmit: seconds to wait before it is sent.
        :returns: dict with ``netfn``, ``command``, ``code``, ``data``, and ``error`` for a code that is not 0.
        :raises SessionError: when there is no answer.
        """
        if delay_xmit:
            time.sleep(delay_xmit)
        waits = _WAITS if timeout is None else (timeout, *_WAITS[1:])
        for pause in (*_BUSY_PAUSES, None):
            answer = self._ask(netfn, command, bytes(data), lun=rslun, bridge=bridge_request or self._bridge,
                               waits=waits if retry else waits[:1])
            if answer.code not in BUSY or pause is None:
                break
            time.sleep(pause)
        response = {"netfn": answer.netfn, "command": answer.command, "code": answer.code, "data": answer.data}
        text = get_ipmi_error(response)
        if text:
            response["error"] = text
        return response

    # Payloads other than commands

    def send_payload(self, kind, payload):
        """Send a payload once; whether it arrives, only an answer tells.

        :param kind: payload type (table 13-16).
        :raises SessionError: when the session is over.
        """
        if self.broken or not self.logged:
            raise SessionError("lost", "the session with the BMC is over")
        self._socket.send(self._seal.wrapped(kind, payload))

    def receive_payload(self, kind, seconds):
        """The next payload of a type that comes in within some seconds, or None.

        :raises SessionError: when nobody listens on the BMC's port any more.
        """
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                content = self._seal.unwrapped(self._socket.recv(4096))
            except TimeoutError:
                return None
            except ConnectionRefusedError as error:
                self.broken = True
                raise SessionError("lost", "nobody listens on the BMC's port any more") from error
            if content and content[0] == kind:
                return content[1]
        return None

    # End

    def logout(self, sessionok=True):
        """Close the session (22.19), which frees its place in the BMC's small table, and the socket; never raises."""
        with self._guard.closing():
            self._end()
        return {"success": True}

    def _end(self):
        was_logged, self.logged = self.logged, False
        if was_logged:
            try:
                # A BMC whose answers were lost is told once, and not waited for.
                if self.broken:
                    self._socket.send(self._farewell())
                else:
                    self._exchange(self._farewell, self._seal.unwrapped, lambda kind, payload: True, _CLOSE_WAITS)
            except OSError:
                pass
        self.broken = True
        self._socket.close()

    def _farewell(self):
        return self._seal.wrapped(packets.IPMI, packets.message(6, 0x3C, self._bmc_id, 0))


def _connected(address, port):
    """A socket that hears nobody but the BMC.

    :raises OSError: when the name does not resolve or there is no route.
    """
    problem = None
    with looked_up():
        found = socket.getaddrinfo(address, port, 0, socket.SOCK_DGRAM)
    for family, kind, protocol, _name, target in found:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.connect(target)
            return opened
        except OSError as error:
            opened.close()
            problem = error
    raise problem


class OnSession(Command or object):
    """pyghmi's Command on a session of ours; whatever parses an answer is pyghmi's.

    :param session: an open Session.
    """

    def __init__(self, session):
        # What pyghmi's own constructor sets before it logs on.
        self.ipmi_session = session
        self.bmc = self.certverify = self.onlogon = None
        self.kwargs = {}
        self._sdrcachedir = self._sdr = self._netchannel = self._ipv6support = None
        # The handler of a maker (Lenovo, IBM), which pyghmi would choose, wants the password and opens web sessions of its own.
        self._oem, self._oemknown = OEMHandler(None, None), True

    def init_sdr(self):
        """See pyghmi; the records of a BMC that goes round in a circle end."""
        if self._sdr is None:
            self._sdr = ipmi_records.SensorRecords(ipmi_records.Listing(self))
        return self._sdr

    def get_event_log(self, clear=False):
        """See pyghmi; the records of a BMC that goes round in a circle end."""
        return ipmi_records.read_events(self, clear)


def log_on(address, port, username, password, suite=None, log=lambda text: None, *, key=None, privilege=None, bridge=None, facts=None):
    """Log on to a BMC.

    :param address: host name or IP address.
    :param port: UDP port.
    :param username: text.
    :param password: text.
    :param suite: 17 or 3; None tries 17, then 3, and remembers what worked if that is not what is tried first anyway
        and the BMC answered that it does not speak the first one.
    :param log: called with lines for a person who looks closer.
    :param key: K_g as bytes, or None.
    :param privilege: ``administrator``, ``operator``, ``user``, or None for what power control needs.
    :param bridge: see Session.
    :param facts: the run's facts about this BMC, or None to remember for this process.
    :returns: pyghmi's Command; ``ipmi_session.logout()`` ends the session.
    :raises SessionError: when the BMC does not let us in.
    :raises OSError: when the address cannot be used.
    """
    suites = (suite,) if suite else SUITES
    facts = _known if facts is None else facts
    where = ("cipher suite", address, str(port))
    known = None if suite else facts.get(where)
    if known in suites:
        suites = (known, *(number for number in suites if number != known))
    log(f"logging on to {address} port {port} with cipher suite {' or '.join(map(str, suites))}")
    for pause in (*_FULL_PAUSES, None):
        try:
            session = Session(
                address, port, str(username).encode(), str(password).encode(), suites=suites, key=key, privilege=privilege, bridge=bridge)
            break
        except SessionError as error:
            if error.kind != "resources" or pause is None:
                raise
            log(f"the BMC has no session left; it is asked again in {pause} s")
            time.sleep(pause)
    # A suite that was left for want of room, or because nothing came back, may be the better one that the BMC has: the next login begins with it again.
    if suite is None and session.suite.number != suites[0] and session.full is None and not session.suite_is_guessed:
        facts[where] = session.suite.number
    log(f"logged on with cipher suite {session.suite.number}")
    return OnSession(session)
