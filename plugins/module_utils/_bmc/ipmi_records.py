# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sensor records and the event log of a BMC, read record by record until the BMC says that there are no more.

pyghmi believes a BMC that never says so: one whose last record names an earlier one as the next, that takes every reservation back, or
that is busy for ever. And it does not come back from the name of a sensor in packed ASCII. Here all of them end.
Source: IPMI 2.0 (revision 1.1), 31 (event log), 33 (sensor records) and 43.15 (names).
Private to the collection; may change at any time.
"""

from __future__ import annotations

import time

try:
    from pyghmi.ipmi.events import EventHandler
    from pyghmi.ipmi.sdr import SDR, SDREntry
except ImportError:
    EventHandler = SDR = SDREntry = None

from .._errors import BaremetalError
from .connection import STAGE

# Questions that are asked a second time in one reading: after a reservation that was lost, or while the log is being erased.
_MOST_REPEATS = 20
_PAUSE = 0.5  # seconds before each of them

_PACKED_ASCII = 0b10  # in the upper bits of a name's type and length


class Listing:
    """pyghmi's Command for one reading of records, which stops a BMC that goes round in a circle.

    :param command: pyghmi's Command.
    :param sleep: for tests.
    """

    def __init__(self, command, sleep=time.sleep):
        self._command = command
        self._sleep = sleep
        self._asked = set()
        self._repeats = 0

    def __getattr__(self, name):
        return getattr(self._command, name)

    def raw_command(self, netfn, command, data=(), **options):
        """See Session.raw_command.

        :raises BaremetalError: when too much was asked a second time.
        """
        self._note(netfn, command, data)
        return self._command.raw_command(netfn=netfn, command=command, data=data, **options)

    def xraw_command(self, netfn, command, data=(), **options):
        """See pyghmi; raises as ``raw_command`` does."""
        self._note(netfn, command, data)
        return self._command.xraw_command(netfn=netfn, command=command, data=data, **options)

    def _note(self, netfn, command, data):
        question = (netfn, command, bytes(data))
        if question in self._asked:
            self._repeats += 1
            if self._repeats > _MOST_REPEATS:
                raise BaremetalError(
                    "the records of the BMC have no end", stage=STAGE,
                    seen=f"it leads back to what was asked already, again and again (command {command:#04x} of function {netfn:#04x})",
                    cure="reset the BMC and try again; if it stays so, update its firmware, or use its Redfish service with the driver redfish")
            self._sleep(_PAUSE)
        self._asked.add(question)


class _Record(SDREntry or object):
    """One sensor record."""

    def tlv_decode(self, tlv, data):
        """See pyghmi, which never ends over packed ASCII: four characters in three bytes, the lowest bits first."""
        if tlv >> 6 != _PACKED_ASCII:
            return super().tlv_decode(tlv, data)
        bits = int.from_bytes(bytes(data), "little")
        return "".join(chr(0x20 + (bits >> place & 0x3F)) for place in range(0, len(data) * 8 - 5, 6)).rstrip()


class SensorRecords(SDR or object):
    """pyghmi's sensor records.

    :param listing: the Listing that they are read with.
    """

    def __init__(self, listing):
        # pyghmi keeps a weak reference only.
        self._listing = listing
        super().__init__(listing)

    def make_sdr_entry(self, sdrbytes):
        """See pyghmi."""
        return _Record(sdrbytes, self.ipmicmd.get_event_constants(), False, self.mfg_id, self.prod_id)


def read_events(command, clear):
    """The entries of the event log, as pyghmi's Command gives them.

    :param command: pyghmi's Command.
    :param clear: whether to clear the log.
    :raises BaremetalError: when the log has no end; it was not cleared then.
    """
    return EventHandler(command.init_sdr(), command).fetch_sel(Listing(command), clear)
