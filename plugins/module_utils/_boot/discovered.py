# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which machines that nobody knows have called in, told by the logs of the boot server. Private to the collection; may change at any time.

Whoever is on the provisioning network can ask the boot server for anything. So what is taken for a call came from an address of the range, with
the nonce of the discovery, and for the MAC address to which DHCP gave that address; there are never more machines than addresses.
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from ipaddress import IPv4Address
from pathlib import Path

from . import discovery
from .logs import Tail
from .progress import Progress, dnsmasq_event, http_event
from .._errors import BaremetalError

# What a machine is left with: it calls so before it is switched off.
GONE = "gone"

_POLL = 0.5
_MAC = re.compile(r"[0-9a-f]{2}(?:-[0-9a-f]{2}){5}")


class Callers:
    """The machines that a discovery has seen. Feed it events with :meth:`take`, those of DHCP first.

    :param notes: dict as ``discovery.read`` returns it.
    """

    def __init__(self, notes):
        self._notes = notes
        self._first, self._last = discovery.parse_range(notes["range"])
        self._machines = {}  # Progress by MAC address
        self._leases = {}  # MAC address by address of the range
        self._gone = set()  # MAC addresses of those that have called so and not called in since

    def take(self, event):
        """Note an event if it is of a machine of the range."""
        if event is None or event.client is None or not self._in_range(event.client):
            return
        if event.kind == "lease":
            self._leases[event.client] = event.mac
            self._machines.setdefault(event.mac, Progress(mac=event.mac, nonce=self._notes["nonce"], since=self._notes["since"]))
        mac = self._leases.get(event.client)
        # Without a MAC address in it a request is its who has the address.
        if mac is None or event.mac not in (None, mac) or not _MAC.fullmatch(mac):
            return
        seen = self._machines[mac]
        called = seen.host_key_time
        seen.take(event)
        # By the order of the log: it can be gone and call again within a millisecond.
        if seen.host_key_time != called:
            self._gone.discard(mac)
        elif event.path == f"/beacon/{mac}/{self._notes['nonce']}/{GONE}" and event.status == 204:
            self._gone.add(mac)

    def _in_range(self, text):
        try:
            return self._first <= IPv4Address(text) <= self._last
        except ValueError:
            return False

    def machines(self):
        """List of dicts ``mac``, ``address``, ``host_key``, ``called_at`` (ISO 8601, UTC), ``stage`` and ``stages``, by time of the last call.

        Those that never called come last, with None for what is not known. Those that are gone are left out.
        """
        found = []
        for mac, seen in self._machines.items():
            if not seen.times or mac in self._gone:
                continue
            address = next((address for address, owner in self._leases.items() if owner == mac), None)
            called = datetime.fromtimestamp(seen.host_key_time, timezone.utc).isoformat(timespec="milliseconds") if seen.host_key else None
            found.append({"mac": mac.replace("-", ":"), "address": seen.beacon_address or address, "host_key": seen.host_key, "called_at": called,
                          "stage": seen.last, "stages": seen.stages()})
        return sorted(found, key=lambda machine: (machine["called_at"] is None, machine["called_at"] or "", machine["mac"]))


def callers(root, *, wait=0, count=None):
    """The machines that have called in since discovery was switched on.

    :param root: boot_server_root.
    :param wait: seconds to wait for further ones.
    :param count: so many that have called are enough; None waits to the end.
    :returns: (notes as ``discovery.read`` returns them, list as :meth:`Callers.machines` returns it).
    :raises BaremetalError: when discovery is off.
    """
    notes = discovery.read(root)
    if notes is None:
        raise BaremetalError("discovery is off", stage=discovery.STAGE, seen=f"nothing in {discovery.folder(root)}",
                             cure="set boot_server_discovery_range and run boot_server.yml")
    since, deadline = notes["since"], time.monotonic() + wait
    seen = Callers(notes)
    logs = (
        (Tail(Path(root, "log/dnsmasq.log"), lambda line: _time(dnsmasq_event(line, since)), since), lambda line: dnsmasq_event(line, since)),
        (Tail(Path(root, "log/http.log"), lambda line: _time(http_event(line)), since), http_event),
    )
    try:
        while True:
            for tail, understand in logs:
                for line in tail.lines():
                    seen.take(understand(line))
            machines = seen.machines()
            enough = count is not None and sum(machine["host_key"] is not None for machine in machines) >= count
            if enough or time.monotonic() >= deadline:
                return notes, machines
            time.sleep(_POLL)
    finally:
        for tail, dummy in logs:
            tail.close()


def _time(event):
    return event.time if event else None
