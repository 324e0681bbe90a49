# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking a BMC single IPMI questions, and surviving what pyghmi's parsers do not.

Private to the collection; may change at any time.
"""

from __future__ import annotations

import contextlib
import struct

try:
    from pyghmi import exceptions as pyghmi_errors
except ImportError:
    pyghmi_errors = None

from .._errors import BaremetalError
from .connection import STAGE
from .ipmi_session import BUSY


def ask(command, netfn, number, data=(), shortest=0, retry=True, lun=0):
    """The data bytes of an answer.

    :param command: pyghmi's Command, from ``driver.command()``.
    :param netfn: network function.
    :param number: number of the command.
    :param data: bytes of the request.
    :param shortest: bytes that the answer must have to be of use.
    :param retry: whether it may be sent again when the answer is lost.
    :param lun: logical unit of the controller that is asked.
    :returns: bytes; None when the BMC says that it has no such thing, or says too little.
    :raises pyghmi.exceptions.IpmiException: when the BMC does not answer, or stays busy.
    """
    answer = command.raw_command(netfn=netfn, command=number, data=data, retry=retry, rslun=lun)
    if answer["code"] in BUSY:
        raise pyghmi_errors.IpmiException(answer["error"])
    if answer["code"]:
        return None
    told = bytes(answer.get("data") or b"")
    return told if len(told) >= shortest else None


@contextlib.contextmanager
def decoded(what):
    """Turn what pyghmi's parsers stumble over into a BaremetalError.

    :param what: what is being read, for the message, for example ``the sensor records``.
    """
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, NotImplementedError, struct.error) as error:
        raise BaremetalError(
            f"what the BMC sends for {what} cannot be understood", stage=STAGE, seen=f"{type(error).__name__}: {error}",
            cure="update the firmware of the BMC, or use its Redfish service with the driver redfish") from error
