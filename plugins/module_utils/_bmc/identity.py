# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a BMC belongs to the machine that is meant. Private to the collection; may change at any time."""

from __future__ import annotations

import uuid

from .._errors import BaremetalError
from .._identity import says_something
from .connection import STAGE


class OtherMachine(BaremetalError):
    """The BMC belongs to another machine than the one that is meant."""


def refuse_other_machine(evidence, system_uuid, serial, *, only_in_doubt=False):
    """Refuse a BMC that tells it belongs to another machine: a mistyped address would switch off a stranger.

    One fact that agrees is enough: boards tell the serial number of a part (Dell: of the board, with the service
    tag as SKU) or a UUID in another byte order (SMBIOS 2.6 and before; IPMI 2.0, 20.8). Where nothing can be compared
    nothing is refused; what stands in a field that nobody filled in is not compared.

    :param evidence: function of the names (of system_uuid and serial) that can be compared, which gives dicts with some of system_uuid,
        serial, sku, and ``parts``, serial numbers that prove something only when they agree. The cheapest comes first, none is asked
        for after one that agrees, and a later one takes the place of what came before; None for what the BMC does not tell.
    :param system_uuid: UUID that the machine should have, or None.
    :param serial: serial number that the machine should have, or None.
    :param only_in_doubt: ask for nothing beyond the first dict, unless that tells of another machine.
    :raises OtherMachine: naming both.
    """
    wanted = {name: value for name, value in (("system_uuid", system_uuid), ("serial", serial)) if says_something(value)}
    told, compared = {}, []
    for piece in evidence(frozenset(wanted)) if wanted else ():
        told.update(piece)
        compared = _compared(told, **wanted)
        if any(agrees for name, expected, value, agrees in compared) or _same(wanted.get("serial"), *told.get("parts", ())):
            return
        if only_in_doubt and not compared:
            return
    if compared:
        raise OtherMachine(
            "the BMC belongs to another machine", stage=STAGE,
            seen="; ".join(f"{name} {value}, expected {expected}" for name, expected, value, agrees in compared),
            cure="correct the address of the BMC or the identity of the node in the hardware file; nothing was changed on that machine")


def _compared(told, system_uuid=None, serial=None):
    """List of ``(name, expected, told, whether they agree)``."""
    found = []
    if system_uuid and says_something(told.get("system_uuid")):
        found.append(("UUID", system_uuid, told["system_uuid"], _digits(system_uuid) in _orders(told["system_uuid"])))
    for name, key in (("serial number", "serial"), ("SKU", "sku")):
        if serial and says_something(told.get(key)):
            found.append((name, serial, told[key], _same(serial, told[key])))
    return found


def _same(serial, *values):
    return serial is not None and str(serial).strip().lower() in [str(value).strip().lower() for value in values]


def _digits(text):
    return str(text).replace("-", "").strip("{} ").lower()


def _orders(text):
    """A UUID as digits, in every order in which its bytes are told.

    As it is written; with the first three fields the other way round (SMBIOS); and both with all bytes the other way round, as the
    specification of IPMI has them, which some boards read once more as SMBIOS does.
    """
    try:
        number = uuid.UUID(hex=_digits(text))
    except ValueError:
        return (_digits(text),)
    orders = [number.bytes, number.bytes_le]
    orders += [each[::-1] for each in orders]
    orders += [uuid.UUID(bytes_le=each).bytes for each in orders[2:]]
    return [each.hex() for each in orders]
