# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a node is, told by the logs of the boot server. Private to the collection; may change at any time.

Sources: ``http.log`` (one JSON object per line) and ``dnsmasq.log`` (syslog form without year, in
UTC because the daemon runs with TZ=UTC). Whoever is on the provisioning network can put text into
them, so a line that is not understood is passed over, never an error.
"""

from __future__ import annotations

import json
import math
import re
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

from .. import _node_addresses

# In the order in which a node passes them. ``medium`` is what a BMC fetches for its virtual drive, or firmware from the URL that it was given; after it
# none but ``ramdisk`` and ``ssh`` are seen. ``firmware`` is not seen where the network card has iPXE built in; ``grub`` stands in the place of ``ipxe``;
# the last two are of installers.
STAGES = ("dhcp", "medium", "firmware", "ipxe", "grub", "kernel", "initrd", "ramdisk", "ssh", "installing", "installed")

_BEACONS = (["ramdisk"], ["ssh"], ["installing"], ["installed"])

_DNSMASQ = re.compile(
    r"([A-Z][a-z]{2}) {1,2}([0-9]{1,2}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) dnsmasq-(?:dhcp|tftp)\[[0-9]+\]: (?:[0-9]+ )?(.*)",
    re.ASCII)
# The end of the year 9999, beyond which there is no date.
_LATEST = 253402300800
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ACK = re.compile(r"DHCPACK\([^ )]+\) ([0-9.]+) ([0-9a-f]{2}(?::[0-9a-f]{2}){5})(?: .*)?", re.ASCII)
# By DHCPv6; the client is told by its DUID, which nobody knows before.
_REPLY = re.compile(r"DHCPREPLY\([^ )]+\) ([0-9a-f:]+) [0-9a-f:]+(?: .*)?", re.ASCII)
_DISCOVER = re.compile(r"DHCPDISCOVER\([^ )]+\) (?:[0-9.]+ )?([0-9a-f]{2}(?::[0-9a-f]{2}){5})(?: (.*?) *)?", re.ASCII)
# Another server gives the address, this one says what to load.
_PROXY = re.compile(r"PXE\([^ )]+\) (?:[0-9.]+ )?([0-9a-f]{2}(?::[0-9a-f]{2}){5}) proxy", re.ASCII)
_SENT = re.compile(r"sent (\S.*) to ([0-9a-f.:]+)", re.ASCII)
_HOST_KEY = re.compile(r"ssh-ed25519 [A-Za-z0-9+/]{20,}={0,3}")


@dataclass(frozen=True)
class Event:
    """One thing that happened: ``kind`` is lease, proxy, refused, tftp or http; ``time`` in seconds since 1970."""

    kind: str
    time: float
    mac: t.Optional[str] = None
    client: t.Optional[str] = None
    path: str = ""
    query: str = ""
    status: int = 0
    complete: bool = True
    remark: str = ""


def http_event(line):
    """What a line of http.log says.

    :returns: an Event of kind http, or None.
    """
    try:
        entry = json.loads(line)
        when = float(entry["epoch"])
        uri = urlsplit(entry["uri"])
        event = Event(
            "http", when, mac=str(entry.get("mac") or "").lower() or None, client=str(entry["client"]), path=uri.path,
            query=uri.query, status=int(entry["status"]), complete=entry.get("complete", "OK") == "OK")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return event if 0 <= when < _LATEST else None


def _moment(parts, reference):
    """Seconds since 1970 of (month, day, hour, minute, second), in the year that is nearest to the reference."""
    month, day, hour, minute, second = parts
    found = []
    year = datetime.fromtimestamp(reference, timezone.utc).year
    for candidate in (year - 1, year, year + 1):
        try:
            found.append(datetime(
                candidate, _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc,
            ).timestamp())
        except ValueError:
            continue
    return min(found, key=lambda moment: abs(moment - reference), default=None)


def dnsmasq_event(line, reference):
    """What a line of dnsmasq.log says.

    :param reference: a time near which the line was written, in seconds since 1970; it gives the year.
    :returns: an Event of kind lease, proxy, refused or tftp, or None.
    """
    match = _DNSMASQ.fullmatch(line.rstrip())
    when = _moment(match.groups()[:5], reference) if match else None
    if when is None:
        return None
    text = match.group(6).rstrip()
    found = _ACK.fullmatch(text)
    if found:
        return Event("lease", when, mac=found.group(2).replace(":", "-"), client=found.group(1))
    found = _REPLY.fullmatch(text)
    if found:
        return Event("lease", when, client=found.group(1))
    found = _PROXY.fullmatch(text)
    if found:
        return Event("proxy", when, mac=found.group(1).replace(":", "-"))
    found = _DISCOVER.fullmatch(text)
    if found and found.group(2):
        return Event("refused", when, mac=found.group(1).replace(":", "-"), remark=found.group(2))
    found = _SENT.fullmatch(text)
    if found:
        return Event("tftp", when, client=found.group(2), path=found.group(1))
    return None


@dataclass
class Progress:
    """What is known of one node's boot. Feed it events with :meth:`take`, in any order.

    :param mac: MAC address with hyphens.
    :param nonce: nonce of the run; beacons with another one are not of this boot.
    :param since: start of the boot in seconds since 1970; earlier events do not count.
    :param address: address that the node must have, see ``_node_addresses``, or None. Beacons from elsewhere do not count.
    """

    mac: str
    nonce: str
    since: float
    address: t.Optional[str] = None
    times: dict = field(default_factory=dict)
    host_key: t.Optional[str] = None
    host_key_time: float = 0.0
    beacon_address: t.Optional[str] = None
    addresses: set = field(default_factory=set)
    own: frozenset = frozenset()
    remarks: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.address:
            try:
                self.own = frozenset(_node_addresses.addresses(self.address))
            except ValueError:
                # An operator may wait for a machine that is no node.
                self.own = frozenset([self.address])
            self.addresses.update(self.own)

    def concerns(self, line):
        """Whether a line of a log may tell anything of this node.

        Most lines tell of others, and to find that out by understanding them takes many times as long.
        """
        text = line.lower()
        return self.mac in text or self.mac.replace("-", ":") in text or any(address in line for address in self.addresses)

    def take(self, event):
        """Note an event if it belongs to this boot of this node."""
        # dnsmasq cuts its times down to the second.
        if event is None or event.time < (self.since if event.kind == "http" else math.floor(self.since)):
            return
        if event.kind == "lease" and (event.mac == self.mac or event.mac is None and event.client in self.own):
            self.addresses.add(event.client)
            self._reached("dhcp", event.time)
        elif event.kind == "proxy" and event.mac == self.mac:
            self._reached("dhcp", event.time)
        elif event.kind == "refused" and event.mac == self.mac:
            self.remarks["dhcp"] = f"its DHCP request was turned down ({event.remark})"
        elif event.kind == "tftp" and event.client in self.addresses:
            name = event.path.rpartition("/")[2]
            self._reached("kernel" if name == "vmlinuz" else "initrd" if name == "initrd.img" else "grub" if name == f"{self.mac}.cfg" else "firmware",
                          event.time)
        elif event.kind == "http" and (event.mac == self.mac or (event.mac is None and event.client in self.addresses)):
            self._request(event)

    def _reached(self, stage, when):
        self.times[stage] = min(when, self.times.get(stage, when))

    def _request(self, event):
        head, *rest = event.path.strip("/").split("/")
        asked = parse_qs(event.query).get("stage", [""])[-1]
        if head in ("boot.ipxe", "discover.ipxe") and event.status == 200:
            self._reached("ipxe", event.time)
        elif head == "node" and rest[1:] == ["boot.ipxe"]:
            self._reached("ipxe", event.time)
            if event.status == 404:
                self.remarks["ipxe"] = "it asked for its boot script and there was none"
            elif event.status == 403:
                self.remarks["ipxe"] = f"its boot script was asked for from {event.client}, which is not its address, and not delivered"
        elif head == "node" and rest[1:] == [self.nonce, "boot.iso"]:
            self._fetched("medium", event)
        elif head in ("snponly.efi", "ipxe.efi", "arm64.efi"):
            self._fetched("firmware", event)
        elif asked in ("kernel", "initrd") or head == "ramdisk" and rest:
            # The script of a tenant's system says what it loads; its files have any names.
            self._fetched(asked or ("initrd" if rest[-1].startswith("initrd") else "kernel"), event)
        elif head == "beacon" and rest[1:2] == [self.nonce] and rest[2:] in _BEACONS and event.status == 204:
            self._beacon(rest[2], event)

    def _fetched(self, stage, event):
        if event.status in (200, 206) and event.complete:
            self._reached(stage, event.time)
        else:
            self.remarks[stage] = f"{event.path} was asked for and not delivered whole (status {event.status})"

    def _beacon(self, stage, event):
        if self.own and event.client not in self.own:
            self.remarks[stage] = f"the beacon {stage} came from {event.client} and not from {self.address}"
            return
        if stage == "ssh":
            key = parse_qs(event.query).get("hostkey", [""])[-1]
            if not _HOST_KEY.fullmatch(key):
                self.remarks[stage] = "the beacon ssh came without a proper host key"
                return
            if event.time >= self.host_key_time:
                self.host_key, self.host_key_time = key, event.time
                self.beacon_address = event.client
        self._reached(stage, event.time)

    @property
    def last(self):
        """The last stage, in order of STAGES, that was reached; None when nothing was seen."""
        return next((stage for stage in reversed(STAGES) if stage in self.times), None)

    def stages(self):
        """List of dicts ``stage``, ``time`` (ISO 8601, UTC) and ``seconds`` since the start, in order of STAGES."""
        return [
            {
                "stage": stage,
                "time": datetime.fromtimestamp(self.times[stage], timezone.utc).isoformat(timespec="milliseconds"),
                "seconds": round(max(0.0, self.times[stage] - self.since), 3),
            }
            for stage in STAGES if stage in self.times
        ]
