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
    from pyghmi.ipmi import fru
except ImportError:
    pyghmi_errors = fru = None

from .._errors import BaremetalError, missing_library
from . import ipmi_session
from .connection import STAGE, BmcLost, refused, required

PORT = 623
# RAKP message 1 has room for no more (IPMI 2.0, 13.20).
_LONGEST_USERNAME = 16

# What the collection calls a thing, and what pyghmi calls it.
_POWER = {"on": "on", "off": "off", "reset": "reset", "soft off": "shutdown"}
_DEVICES = {"pxe": "network", "disk": "hd", "cdrom": "optical", "bios": "setup", "none": "default"}
_DEVICE_NAMES = {value: name for name, value in _DEVICES.items()}


class IpmiDriver:
    """One open IPMI 2.0 session; see driver.py for what each method does.

    The boot mode is a flag of the boot override in IPMI and not a setting of the machine: it asks
    the firmware, and many firmwares do not care.
    """

    NAME = "ipmi"
    CAN = frozenset()
    POWER = frozenset(_POWER)
    BOOT_DEVICES = frozenset(_DEVICES)
    MODE_IS_FIRM = False
    IDENTITY_IS_AT_HAND = False

    def __init__(self, connection, log):
        if ipmi_session.Command is None:
            raise missing_library("pyghmi", ipmi_session.IMPORT_ERROR)
        required(connection, "ipmi", "address", "username", "password")
        self._address = str(connection["address"])
        self._port = int(connection.get("port") or PORT)
        self._suite = int(connection["cipher_suite"]) if connection.get("cipher_suite") else None
        self._credentials = (str(connection["username"]), str(connection["password"]))
        self._log = log
        if self._suite not in (None, *ipmi_session.SUITES):
            raise refused(f"the driver ipmi does not know the cipher suite {self._suite}",
                          cure="set cipher_suite of the BMC to 17 or 3, or leave it out to have both tried")
        if len(self._credentials[0].encode()) > _LONGEST_USERNAME:
            raise refused(f"IPMI has no user names longer than {_LONGEST_USERNAME} bytes",
                          cure="correct the user name of the BMC")
        self._command = None
        self._open()

    def _open(self):
        with self._explained():
            self._command = ipmi_session.log_on(
                self._address, self._port, *self._credentials, suite=self._suite, log=self._log)

    def close(self):
        """Log off, so that no session stays in the BMC's small table."""
        command, self._command = self._command, None
        if command is not None and not command.ipmi_session.broken:
            with contextlib.suppress(pyghmi_errors.PyghmiException, OSError):
                command.ipmi_session.logout()

    @contextlib.contextmanager
    def _explained(self):
        where = f"{self._address} port {self._port}"
        try:
            yield
        except ipmi_session.SuiteMismatch as error:
            raise refused(
                f"the BMC at {where} does not speak the cipher suite asked for", seen=error,
                cure="set cipher_suite of the BMC to the other one of 17 and 3, or leave it out to have both tried",
            ) from error
        except pyghmi_errors.PyghmiException as error:
            raise self._explain(where, error) from error
        except socket.gaierror as error:
            raise refused(
                f"the name of the BMC at {where} cannot be resolved", seen=error.strerror,
                cure="correct the address of the BMC, or the name service of the controller") from error
        except OSError as error:
            raise BmcLost(
                f"the BMC at {where} cannot be reached", seen=error.strerror or error,
                cure="check the address of the BMC and the controller's route to it") from error

    def _explain(self, where, error):
        text = str(error)
        # pyghmi has no error classes for these, only texts; no answer at all is the text None.
        if text in ("None", "", "timeout") or "no longer connected" in text:
            return BmcLost(
                f"the BMC at {where} does not answer", seen="no reply to IPMI packets (UDP)",
                cure="check address and port, that IPMI over LAN is switched on in the BMC, and that no firewall is in between",
            )
        if "password" in text.lower() or "integrity check value" in text:
            return refused(
                f"the BMC at {where} does not accept the password", seen=text,
                cure="correct the password of the BMC; wait before the next try if the BMC locks accounts after wrong passwords",
            )
        if text == ipmi_session.SILENT or "Unauthorized name" in text or "Invalid role" in text or "privilege level" in text:
            return refused(
                f"the BMC at {where} does not let the user {self._credentials[0]} in", seen=text,
                cure="correct the user name, or give the user the privilege level operator or administrator for IPMI over LAN",
            )
        if "Insufficient resources" in text:
            return BmcLost(
                f"the BMC at {where} has no session left", seen=text,
                cure="wait some minutes until forgotten sessions end, find what leaves them open, or reset the BMC",
            )
        return BaremetalError(f"the BMC at {where} refused the command", stage=STAGE, seen=text,
                              cure="look up in the BMC's own log why; a firmware update of the BMC may be due")

    @contextlib.contextmanager
    def command(self):
        """pyghmi's Command, logged on anew when the BMC dropped the session; its errors become BaremetalErrors.

        :returns: a context manager that gives the Command.
        :raises BaremetalError: when the BMC does not let us in, does not answer or refuses what is asked inside.
        """
        if self._command is None or self._command.ipmi_session.broken:
            self._open()
        with self._explained():
            yield self._command

    def get_power(self):
        """See driver.py; IPMI knows no state between on and off."""
        with self.command() as command:
            return command.get_power()["powerstate"]

    def set_power(self, target):
        """See driver.py."""
        with self.command() as command:
            command.set_power(_POWER[target], wait=False)

    def get_boot(self):
        """See driver.py."""
        with self.command() as command:
            boot = command.get_bootdev()
        device = _DEVICE_NAMES.get(boot["bootdev"], str(boot["bootdev"]))
        if device == "none":
            return {"device": "none", "persistent": False, "mode": None}
        return {"device": device, "persistent": boot["persistent"], "mode": "uefi" if boot["uefimode"] else "bios"}

    def set_boot(self, device, persistent, mode):
        """See driver.py; there is no way to leave the mode's flag out, so None is bios."""
        self._log(f"boot device {device}, persistent {persistent}, mode {mode}")
        with self.command() as command:
            command.set_bootdev(_DEVICES[device], persist=persistent, uefiboot=mode == "uefi")

    def _product(self, command):
        try:
            return fru.FRU(ipmicmd=command).info or {}
        except pyghmi_errors.IpmiException as error:
            # A completion code is an answer: this BMC has no such thing.
            if error.ipmicode:
                return {}
            raise

    def identity(self):
        """See driver.py: the system GUID, and the first FRU where there is one."""
        with self.command() as command:
            product = self._product(command)
            answer = command.raw_command(netfn=6, command=0x37)
        guid = None
        if "error" not in answer and len(answer["data"]) == 16:
            guid = str(uuid.UUID(bytes_le=bytes(answer["data"])))
        return {
            "system_uuid": guid,
            "serial": product.get("Serial Number") or None,
            "sku": None,
            "manufacturer": product.get("Manufacturer") or None,
            "model": product.get("Product name") or None,
        }
