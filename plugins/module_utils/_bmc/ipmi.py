# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The driver ipmi, through pyghmi.

pyghmi must not be used in a process that forks afterwards: its thread stays behind and the child
hangs. Import it in the parent; open a BMC only in the worker.
Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import socket
import uuid

try:
    from pyghmi import exceptions as pyghmi_errors
except ImportError:
    pyghmi_errors = None

from .._errors import BaremetalError, missing_library
from .._identity import says_something
from . import ipmi_boot, ipmi_fru, ipmi_session
from .connection import STAGE, BmcBusy, BmcLost, BmcUnreachable, NotLetIn, NotNow, NotPrivileged, SessionsFull, refused, required
from .ipmi_answers import ask
from .quirks import VENDOR_NUMBERS, Quirks

PORT = 623
# RAKP message 1 has room for no more (IPMI 2.0, 13.20).
_LONGEST_USERNAME = 16

_LOG = "look up in the BMC's own log why; a firmware update of the BMC may be due"
_USER = ("correct the user name; else give the user the privilege level operator or administrator for IPMI over LAN, and look whether the BMC has "
         "locked or disabled it")

# Chassis Control (IPMI 2.0, 28.3).
_POWER = {"off": 0, "on": 1, "reset": 3, "soft off": 5}
_CHASSIS, _STATUS, _CONTROL = 0x00, 0x01, 0x02
_NOT_NOW = 0xD5  # completion code: not supported in present state

# K_g has 20 bytes, shorter ones are filled up with zeros (13.31), which is what HMAC does with them.
_LONGEST_KEY = 20


def _key_bytes(text):
    """K_g as bytes: text as it is, or hexadecimal after ``0x``; None for none.

    :raises BaremetalError: when it is too long, or no hexadecimal number.
    """
    if text in (None, ""):
        return None
    text = str(text)
    try:
        key = bytes.fromhex(text[2:]) if text.lower().startswith("0x") else text.encode()
    except ValueError:
        key = b""
    if not 0 < len(key) <= _LONGEST_KEY:
        raise refused(f"the key K_g is not one of at most {_LONGEST_KEY} bytes",
                      cure="set kg_key of the BMC to the key as text, or as hexadecimal digits after 0x")
    return key


def _number(connection, key):
    """A whole number of the connection, which a host variable may give as text."""
    value = connection.get(key)
    try:
        return None if value in (None, "") else int(value)
    except (TypeError, ValueError) as error:
        raise refused(f"{key} of the BMC is no number", cure=f"correct {key} of the BMC, or leave it out") from error


def _bridge(channel, address):
    """Where the commands go beyond the BMC, as ipmi_session takes it; None for the BMC itself.

    :raises BaremetalError: for one without the other, or what is none.
    """
    if channel in (None, "") and address in (None, ""):
        return None
    try:
        found = {"channel": int(channel), "addr": int(str(address), 0)}
    except (TypeError, ValueError):
        found = {"channel": -1, "addr": -1}
    if not (0 <= found["channel"] <= 0x0F and 0 <= found["addr"] <= 0xFF):
        raise refused("bridge_channel and bridge_address of the BMC are no channel and address", seen=f"{channel} and {address}",
                      cure="set both, the channel from 0 to 15 and the address from 0x00 to 0xff, or none of them")
    return found


def _uuid_of(data):
    """A GUID as most boards send it, None for none; see ``refuse_other_machine`` for the others."""
    return None if data is None or len(data) < 16 else str(uuid.UUID(bytes_le=bytes(data[:16])))


class IpmiDriver:
    """One open IPMI 2.0 session; see driver.py for what each method does.

    The boot mode is a flag of the boot override in IPMI and not a setting of the machine: it asks
    the firmware, and many firmwares do not care.
    """

    NAME = "ipmi"
    CAN = frozenset({
        "BMC information",
        "BMC reset",
        "NMI",
        "accounts",
        "consoles",
        "event log",
        "indicator LED",
        "quirks",
        "sensors",
        "serial console capture",
    })
    POWER = frozenset(_POWER)
    BOOT_DEVICES = ipmi_boot.DEVICES
    MODE_IS_FIRM = False
    # Only a Redfish quirk knows boards whose reset hangs.
    reset_hangs = False
    last_system = None

    def __init__(self, connection, log, facts=None):
        if ipmi_session.Command is None:
            raise missing_library("pyghmi", ipmi_session.IMPORT_ERROR)
        # The first user of a BMC need have no name (IPMI 2.0, 6.9), and boards come with users that have no password. Both must be said.
        required(connection, "ipmi", "address", "username", "password", may_be_empty=("username", "password"))
        self._address = str(connection["address"])
        self._port = _number(connection, "port") or PORT
        self._suite = _number(connection, "cipher_suite") or None
        self._credentials = (str(connection["username"]), str(connection["password"]))
        self._key = _key_bytes(connection.get("kg_key"))
        self._privilege = connection.get("privilege_level") or None
        self._bridge = _bridge(connection.get("bridge_channel"), connection.get("bridge_address"))
        self._log = log
        self._facts = facts
        if self._privilege not in (None, *ipmi_session.PRIVILEGES):
            raise refused(f"IPMI has no privilege level {self._privilege}",
                          cure=f"set privilege_level of the BMC to one of {', '.join(ipmi_session.PRIVILEGES)}, or leave it out")
        if self._suite not in (None, *ipmi_session.SUITES):
            raise refused(f"the driver ipmi does not know the cipher suite {self._suite}",
                          cure="set cipher_suite of the BMC to 17 or 3, or leave it out to have both tried")
        if len(self._credentials[0].encode()) > _LONGEST_USERNAME:
            raise refused(f"IPMI has no user names longer than {_LONGEST_USERNAME} bytes",
                          cure="correct the user name of the BMC")
        self._command = None
        self._quirks = Quirks("ipmi", self._fact)
        self._open()

    def _open(self):
        with self._explained():
            self._command = ipmi_session.log_on(
                self._address, self._port, *self._credentials, suite=self._suite, log=self._log,
                key=self._key, privilege=self._privilege, bridge=self._bridge, facts=self._facts)

    @property
    def is_open(self):
        """Whether there is a session that was not lost, as far as is known."""
        return self._command is not None and not self._command.ipmi_session.broken

    def change_password(self, password):
        """The password to log in with when the session is lost; the open one stays."""
        self._credentials = (self._credentials[0], password)

    def close(self):
        """Log off, so that no session stays in the BMC's small table."""
        command, self._command = self._command, None
        if command is not None:
            command.ipmi_session.logout()

    @contextlib.contextmanager
    def _explained(self):
        where = f"{self._address} port {self._port}"
        try:
            yield
        except ipmi_session.SessionError as error:
            raise self._explain(where, error) from error
        except pyghmi_errors.PyghmiException as error:
            raise BaremetalError(f"the BMC at {where} refused the command", stage=STAGE, seen=error, cure=_LOG) from error
        except socket.gaierror as error:
            raise refused(
                f"the name of the BMC at {where} cannot be resolved", seen=error.strerror,
                cure="correct the address of the BMC, or the name service of the controller") from error
        except OSError as error:
            make = BmcUnreachable if self._command is None else BmcLost
            raise make(
                f"the BMC at {where} cannot be reached", seen=error.strerror or error,
                cure="check the address of the BMC and the controller's route to it") from error

    def _explain(self, where, error):
        user = f"the user {self._credentials[0]}" if self._credentials[0] else "the user without a name"
        what, cure = {
            "silent": ("does not answer",
                       "check address and port, that IPMI over LAN is switched on in the BMC, and that no firewall is in between"),
            "lost": ("does not answer any more", "try again in a minute; if it stays so, reset the BMC"),
            "silent name": (f"does not let {user} in", _USER),
            "user": (f"does not let {user} in", _USER),
            "privilege": (f"does not let {user} in with the privilege level {self._privilege or 'operator'}", _USER),
            "password": ("does not accept the password" if self._credentials[1] else "wants a password, and the one that it was given is empty",
                         "correct the password of the BMC; wait before the next try if the BMC locks accounts after wrong passwords"),
            "key": ("does not accept the key K_g" if self._key else "wants a key K_g that it was not given",
                    "set kg_key of the BMC to the BMC's own, or leave it out where the BMC has none"),
            "suite": ("does not speak the cipher suite asked for",
                      "set cipher_suite of the BMC to the other one of 17 and 3, or leave it out to have both tried"),
            "resources": ("has no session left",
                          "wait some minutes until forgotten sessions end, find what leaves them open, or reset the BMC; some BMCs say so "
                          "when the cipher suite is switched off, so try the other one of cipher_suite 17 and 3 as well"),
            "version": ("does not speak IPMI 2.0",
                        "update the firmware of the BMC, or use its Redfish service with the driver redfish"),
            "other": ("refused the login", _LOG),
        }[error.kind]
        make = {"silent": BmcUnreachable, "lost": BmcLost, "resources": SessionsFull, "privilege": NotPrivileged,
                "silent name": NotLetIn, "user": NotLetIn, "password": NotLetIn}.get(error.kind, refused)
        return make(f"the BMC at {where} {what}", seen=error, cure=cure)

    @contextlib.contextmanager
    def command(self):
        """pyghmi's Command, logged on anew when the BMC dropped the session; its errors become BaremetalErrors.

        :returns: a context manager that gives the Command.
        :raises BaremetalError: when the BMC does not let us in, does not answer or refuses what is asked inside.
        """
        if not self.is_open:
            self.close()
            self._open()
        with self._explained():
            yield self._command

    def _ask(self, number, data=(), retry=True):
        """A chassis command.

        :param retry: whether it may be sent again when the answer is lost.
        :returns: ``(completion code, data, text of the error or None)``.
        :raises BmcBusy: when the BMC is busy, and still so after some seconds.
        """
        with self.command() as command:
            answer = command.raw_command(netfn=_CHASSIS, command=number, data=data, retry=retry)
        if answer["code"] in ipmi_session.BUSY:
            raise BmcBusy(f"the BMC at {self._address} is busy", seen=answer["error"],
                          cure="try again in a minute; if it stays so, reset the BMC")
        return answer["code"], answer["data"], answer.get("error")

    def get_power(self):
        """See driver.py; IPMI knows no state between on and off."""
        code, data, error = self._ask(_STATUS)
        if code or not data:
            raise BaremetalError(f"the BMC at {self._address} does not tell the power state", stage="power",
                                 seen=error or "an empty answer", cure=_LOG)
        return "on" if data[0] & 1 else "off"

    def set_power(self, target):
        """See driver.py."""
        # Switching on or off twice is once; a second reset would cost the machine its one-time boot device.
        code, _data, error = self._ask(_CONTROL, (_POWER[target],), retry=target in ("on", "off"))
        if code == _NOT_NOW:
            raise NotNow(f"the BMC at {self._address} cannot do power {target} now", stage="power", seen=error, cure=_LOG)
        if code:
            raise BaremetalError(f"the BMC at {self._address} refused power {target}", stage="power", seen=error, cure=_LOG)

    @property
    def forgets_boot(self):
        """See driver.py."""
        return bool(self.quirk("ipmi_boot_resend"))

    def get_boot(self):
        """See driver.py; the mode is that of the override, None where there is none."""
        with self.command() as command:
            told = ipmi_boot.read(command)
        device = told["device"]
        if told["selector"] == ipmi_boot.REMOTE_MEDIA and told["efi"] and self._disk_selector(True) == told["selector"]:
            device = "disk"
        return {"device": device, "persistent": told["persistent"], "mode": None if device == "none" else "uefi" if told["efi"] else "bios"}

    def boot_offer(self, device, persistent):
        """See driver.py; IPMI does not tell what a BMC takes."""
        return persistent

    def set_boot(self, device, persistent, mode, uri=None):
        """See driver.py; the flag of the mode cannot be left out: mode None leaves it as the BMC tells it."""
        with self.command() as command:
            efi = mode == "uefi" if mode else ipmi_boot.read(command)["efi"]
        flags = ipmi_boot.set_bytes(device, persistent, efi, self._disk_selector(efi and device == "disk"))
        with self.command() as command:
            ipmi_boot.write(command, flags, keep_timer=bool(self.quirk("ipmi_boot_timer_kept")), log=self._log)

    def _disk_selector(self, efi):
        """The selector of the disk, which a quirk gives as it stands in the byte of the boot flags."""
        byte = self.quirk("ipmi_uefi_disk_selector") if efi else None
        return ipmi_boot.DISK if byte is None else byte >> 2

    def quirk(self, name, default=None):
        """See driver.py."""
        return self._quirks.get(name, default)

    def quirk_report(self):
        """See driver.py."""
        return self._quirks.report()

    def _fact(self, key):
        with self.command() as command:
            if key == "model":
                return ipmi_fru.product(command).get("Product name")
            # Get Device ID (IPMI 2.0, 20.1): revision of the firmware in bytes 2 and 3 (BCD), manufacturer in 6 to 8.
            data = command.raw_command(netfn=6, command=1).get("data") or ()
        if len(data) < 9:
            return None
        number = int.from_bytes(bytes(data[6:9]), "little") & 0xFFFFF
        return {"vendor": VENDOR_NUMBERS.get(number, str(number)), "firmware": f"{data[2] & 0x7F}.{data[3]:02x}"}.get(key)

    def evidence(self, names):
        """See driver.py: the GUID of the login costs nothing, Get System GUID a packet, the FRU many, and some boards have none."""
        # The GUID of the login is that of the BMC before the bridge.
        yield {"system_uuid": _uuid_of(self._command.ipmi_session.guid)} if self._bridge is None else {}
        if "system_uuid" in names:
            guid = self._guid()
            yield {"system_uuid": guid}
            if says_something(guid) and self.quirk("ipmi_guid_unrelated"):
                yield {"system_uuid": None}
        if "serial" in names:
            yield {"serial": self._fru(ipmi_fru.PRODUCT_AREA).get("Serial Number")}
            fru = self._fru(ipmi_fru.AREAS)
            # The serial number of an enclosure or a board is seldom the machine's.
            yield {"parts": [fru.get("Chassis serial number"), fru.get("Board serial number")]}

    def _guid(self):
        """Get System GUID (IPMI 2.0, 22.14)."""
        with self.command() as command:
            return _uuid_of(ask(command, 6, 0x37, shortest=16))

    def _fru(self, areas):
        with self.command() as command:
            return ipmi_fru.product(command, areas)

    def identity(self):
        """See driver.py: the system GUID, and the first FRU where there is one."""
        product = self._fru(ipmi_fru.AREAS)
        return {
            "system_uuid": self._guid(),
            "serial": product.get("Serial Number") or None,
            "sku": None,
            "manufacturer": product.get("Manufacturer") or None,
            "model": product.get("Product name") or None,
        }
