# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a BMC belongs to the machine that is meant. Private to the collection; may change at any time."""

from __future__ import annotations

from .connection import refused


def refuse_other_machine(told, system_uuid, serial):
    """Refuse a BMC that tells it belongs to another machine: a mistyped address would switch off a stranger.

    One fact that agrees is enough: boards tell the serial number of a part (Dell: of the board, with the service
    tag as SKU) or a UUID in another byte order (SMBIOS 2.6 and before). Where nothing can be compared nothing is refused.

    :param told: dict with system_uuid, serial and sku, None for what the BMC does not tell.
    :param system_uuid: UUID that the machine should have, or None.
    :param serial: serial number that the machine should have, or None.
    :raises BaremetalError: naming both.
    """
    compared = []
    if system_uuid and told["system_uuid"]:
        compared.append(("UUID", system_uuid, told["system_uuid"], _digits(system_uuid) in _orders(told["system_uuid"])))
    for name, value in (("serial number", told["serial"]), ("SKU", told["sku"])):
        if serial and value:
            compared.append((name, serial, value, serial.strip().lower() == str(value).strip().lower()))
    if compared and not any(agrees for name, wanted, value, agrees in compared):
        raise refused(
            "the BMC belongs to another machine",
            seen="; ".join(f"{name} {value}, expected {wanted}" for name, wanted, value, agrees in compared),
            cure="correct the address of the BMC or the identity of the node in the hardware file; nothing was changed on that machine")


def _digits(text):
    return str(text).replace("-", "").strip("{} ").lower()


def _orders(text):
    """A UUID as digits, as it is written and with the first three fields in the other byte order."""
    digits = _digits(text)
    if len(digits) != 32:
        return (digits,)
    first = "".join(digits[at:at + 2] for at in (6, 4, 2, 0, 10, 8, 14, 12))
    return digits, first + digits[16:]
