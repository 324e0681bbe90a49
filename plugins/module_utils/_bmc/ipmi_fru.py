# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first FRU of a BMC: who made the machine, which one it is.

Read area by area and in pieces that the BMC takes, because some refuse what pyghmi asks for, and some tell of 64 KiB.
Source: IPMI 2.0 (revision 1.1), section 34, and Platform Management FRU Information Storage Definition 1.0.
Private to the collection; may change at any time.
"""

from __future__ import annotations

try:
    from pyghmi.exceptions import PyghmiException
    from pyghmi.ipmi import fru
except ImportError:
    fru = None
    PyghmiException = Exception

from .._errors import BaremetalError
from .ipmi_answers import ask, decoded
from .tolerant import text

_READ = (0x0A, 0x11)
_FIRST = 0  # device id
_BLOCK = 8  # bytes, in which the header counts
AREAS = (2, 3, 4)  # of the header: where chassis, board and product area begin
PRODUCT_AREA = AREAS[2:]
_PIECES = (64, 16, 8)  # bytes


def product(command, areas=AREAS):
    """The texts of the first FRU by the names that pyghmi gives them, {} where there is none, or none that can be understood.

    :param command: pyghmi's Command, from ``driver.command()``.
    :param areas: which of AREAS to read; each costs some packets.
    """
    header = _read(command, 0, _BLOCK)
    if len(header) < _BLOCK or header[0] & 0x0F != 1:
        return {}
    content = bytearray(header)
    for place in AREAS:
        start = header[place] * _BLOCK if place in areas else 0
        head = _read(command, start, 2) if start else b""
        if len(head) < 2:
            # pyghmi takes 0 for an area that there is not, or that is not wanted.
            content[place] = 0
            continue
        area = _read(command, start, head[1] * _BLOCK)
        content.extend(bytes(max(0, start + len(area) - len(content))))
        content[start:start + len(area)] = area
    try:
        with decoded("the FRU"):
            fields = fru.FRU(rawdata=content).info or {}
    except (BaremetalError, PyghmiException):
        return {}
    # What is not marked as text comes as bytes.
    return {name: found for name, value in fields.items() if (found := text(value))}


def _read(command, start, length):
    """Bytes of the FRU, fewer where the BMC gives no more."""
    found, pieces = bytearray(), list(_PIECES)
    while pieces and len(found) < length:
        at, count = start + len(found), min(pieces[0], length - len(found))
        told = ask(command, *_READ, (_FIRST, at & 0xFF, at >> 8, count), shortest=2)
        if told is None:
            pieces = [piece for piece in pieces if piece < count]
        else:
            found += told[1:1 + count]
    return bytes(found)
