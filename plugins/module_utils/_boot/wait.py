# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for the ramdisk of one node. Private to the collection; may change at any time."""

from __future__ import annotations

import socket
import time
from datetime import datetime, timezone
from pathlib import Path

from . import journal, node_files
from .logs import Tail
from .progress import Progress, dnsmasq_event, http_event
from .._errors import BaremetalError

STAGE = "ramdisk"

_POLL = 0.5
# What to look at when a node got as far as this and no further.
_CURES = {
    "medium": "the medium was fetched and nothing came from the machine: look at the console; check that it boots from the virtual drive first, in the "
              "right mode (with redfish-https, that its firmware takes an ISO image and has memory for it), and that its address, network and gateway are "
              "right, for the ramdisk asks no DHCP server",
    None: "check that the machine is on and boots from the network first, from the port with this MAC address; check cable, "
          "VLAN and spanning tree (portfast) of that port, and that no other DHCP server answers",
    "dhcp": "the machine has an address and asked for no boot loader or script: check that TFTP (UDP 69 and high ports) and "
            "HTTP pass between it and the boot server, and that its firmware boots over the IP version of its address in the right mode",
    "firmware": "iPXE was loaded and asked for no script: look at the console; on some network cards snponly.efi or "
                "undionly.kpxe does not work",
    "ipxe": "the boot script was fetched, the kernel was not: check that HTTP passes, that the boot server's clock and "
            "address are right, and look at the console",
    "grub": "GRUB's configuration was fetched, the kernel was not: look at the console; with Secure Boot, a kernel that its shim does not trust is "
            "refused, and so is one from another distribution than shim",
    "kernel": "the kernel was fetched, the initrd was not: check that the machine has memory enough (2 GiB or more) and that "
              "large transfers get through (MTU)",
    "initrd": "kernel and initrd were fetched, then nothing came: look at the console for a kernel message; check memory "
              "size, the console arguments, Secure Boot, and that the ramdisk has a driver for the network card; an installer may ask a question there",
    "ramdisk": "the ramdisk is up and its SSH server is not: look at the console; it says whether it has a public key that it can use",
    "installing": "the installer has begun and not come to its end: look at the console, where it may ask a question that the answer "
                  "file does not answer, or wait for a mirror",
    "ssh": "the SSH server was announced and does not answer from here: check routing and packet filters on TCP port 22",
}


def parse_since(text):
    """Seconds since 1970 of an ISO 8601 time; without a zone it is UTC.

    :raises BaremetalError: when it is none.
    """
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError as error:
        raise BaremetalError(
            "since is not a time", stage=STAGE, seen=repr(text), cure="give ISO 8601, as in 2026-01-31T12:00:00+00:00") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()


def _boot_files_written(root, mac, nonce):
    # By the boot server's own clock, as the logs are: no other clock has to agree with it.
    found = node_files.boot_file(root, mac, nonce)
    if found is None:
        raise BaremetalError(
            "the node has no boot script, so nothing can be waited for", stage=STAGE, seen=f"none in {root}/http/node/{mac}",
            cure="use rackwright.baremetal.netboot first, with the same root, or give since")
    return found.stat().st_mtime


def ssh_answers(address, port=22, timeout=3):
    """Whether an SSH server greets at this address."""
    try:
        with socket.create_connection((address, port), timeout=timeout) as connection:
            connection.settimeout(timeout)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def wait_for_ramdisk(root, *, mac, nonce, address=None, since=None, timeout=1800, check_ssh=False, once=False, until="ssh"):
    """Wait until the ramdisk of a node has called back, or a stage on the way there has been reached.

    :param root: boot_server_root.
    :param mac: MAC address of the port that boots.
    :param nonce: nonce of the run.
    :param address: address that the node must call from, or None for any.
    :param since: start of the boot, in seconds since 1970; by default when the boot script was written; with ``once`` there need be none.
    :param timeout: seconds from the start of the boot, at least one look is taken.
    :param check_ssh: whether an SSH server must answer as well, at the address of the call.
    :param until: the stage, see STAGES in progress; with another one than ssh, host_key and address stay None.
    :param once: take one look and return what is there.
    :returns: dict ``stages`` (see :meth:`Progress.stages`), ``host_key``, ``address``, ``elapsed`` (seconds).
    :raises BaremetalError: when time is up; it names the last stage and what to check for it.
    """
    mac = node_files.hyphens(mac)
    if since is None:
        since = time.time() if once and not node_files.boot_file(root, mac, nonce) else _boot_files_written(root, mac, nonce)
    progress = Progress(mac=mac, nonce=nonce, since=since, address=address)
    logs = (
        (Tail(Path(root, "log/dnsmasq.log"), lambda line: _time(dnsmasq_event(line, since)), since),
         lambda line: dnsmasq_event(line, since)),
        (Tail(Path(root, "log/http.log"), lambda line: _time(http_event(line)), since), http_event),
    )
    try:
        while True:
            # DHCP first: it tells which addresses are this node's.
            for tail, understand in logs:
                for line in filter(progress.concerns, tail.lines()):
                    progress.take(understand(line))
            here = until in progress.times
            if until == "ssh":
                here = progress.host_key is not None and (not check_ssh or ssh_answers(progress.beacon_address))
            elapsed = time.time() - since
            if here or once:
                return {
                    "stages": progress.stages(),
                    "host_key": progress.host_key,
                    "address": progress.beacon_address,
                    "elapsed": round(max(0.0, elapsed), 3),
                }
            if elapsed >= timeout:
                raise _late(progress, elapsed, root, until)
            time.sleep(_POLL)
    finally:
        for tail, dummy in logs:
            tail.close()


def _time(event):
    return event.time if event else None


def _late(progress, elapsed, root, until):
    stages = progress.stages()
    last = progress.last
    seen = "nothing at all of this machine"
    if stages:
        seen = f"last stage {last} at {stages[-1]['time']}, after {', '.join(item['stage'] for item in stages)}"
    remarks = "; ".join(progress.remarks.values())
    what = "no call from the ramdisk" if until == "ssh" else f"the boot has not come to the stage {until}"
    lines = journal.last_lines(root, progress.mac, progress.nonce)
    journalled = f"; the last lines of its journal: {' | '.join(lines)}" if lines else ""
    return BaremetalError(
        f"{what} {round(elapsed)} s after the boot began", stage=STAGE,
        seen=f"{seen} (MAC {progress.mac.replace('-', ':')}, logs in {root}/log){'; ' + remarks if remarks else ''}{journalled}",
        cure=_CURES[last])
