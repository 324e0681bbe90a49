# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Load on the network: this machine sends to one machine and receives from another at the same time, through fio's network engine.

In a ring, each machine sends to the next one. So every link is loaded in both directions, whatever the number of machines.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import subprocess
import tempfile
import time

from .._errors import BaremetalError, sentence
from .burnin_disk import parse_report
from .burnin_load import GRACE, everything
from .commands import TOOL_PATH, run
from .system import listdir, read_text

STAGE = "burn-in"
PORT = 9000
_STREAMS = 4
# Seconds for which the partner may be late.
_LATE = 300
_RETRY = 2
# Counters of a NIC that stay as they are as long as cable, plug and port are good.
_COUNTERS = ("rx_crc_errors", "rx_errors", "rx_frame_errors", "tx_carrier_errors", "tx_errors")
# What connecting to a machine that has not begun yet ends with: refused, no route, timed out (errno.h).
_NOT_YET = (111, 113, 110)


def refuse_partner(address):
    """Raise BaremetalError where there is no address to send to."""
    try:
        ipaddress.ip_address(address or "")
    except ValueError:
        raise BaremetalError(
            "a burn-in of the network needs another machine that does the same", stage=STAGE, seen="partner: %s" % (address or "none"),
            cure="Run the step for two nodes or more at once, without serial; the nodes of a run send to each other in a ring.") from None


def burn(partner, runtime, *, port=PORT, partner_port=PORT, late=_LATE, runner=run, sysfs="/sys", sleep=time.sleep, clock=time.monotonic):
    """Send to the partner and receive from whoever sends here.

    partner: its address. runtime: seconds. port, partner_port: the first of the TCP ports on which each listens. late: seconds for which the
    partner is waited for. Returns (details, [what has failed]). Raises BaremetalError.
    """
    interface = _interface(partner, runner)
    before = _counters(interface, sysfs)
    errors = []
    # Whoever sends here comes by the same protocol.
    protocol = "tcpv6" if ipaddress.ip_address(partner).version == 6 else "tcp"
    with _listening(port, protocol) as receive:
        begun = clock()
        ports, ended = range(partner_port, partner_port + _STREAMS), []
        while True:
            argv = _argv(protocol, ports, "--rw=write", "--hostname=" + partner, "--time_based", "--runtime=%d" % runtime)
            streams = _streams(everything(argv, timeout=runtime + GRACE, runner=runner))
            # Each by itself: of a partner that begins in this moment some may find their port, which takes nobody else then, and others not yet.
            ports = [port for port in ports if streams[port]["error"] in _NOT_YET]
            ended += [stream for port, stream in streams.items() if port not in ports]
            if not ports or clock() - begun > late:
                break
            sleep(_RETRY)
        ended += [streams[port] for port in ports]
        failed = next((stream["error"] for stream in ended if stream["error"]), None)
        if failed:
            errors.append("Sending to %s has failed. Seen: %s" % (partner, sentence(os.strerror(failed))))
        # Whoever sends here may have begun as late, and then sends as long.
        received = receive(max(late, begun + runtime + 2 * late - clock()))
    if not received:
        errors.append("No machine sent to this one within %d seconds." % late)
    rose = {name: value - before[name] for name, value in _counters(interface, sysfs).items() if value > before.get(name, value)}
    if rose:
        errors.append("The interface %s counted errors. Seen: %s." % (interface, ", ".join("%s: %d" % pair for pair in sorted(rose.items()))))
    if errors:
        errors.append("To do: look at the kernel log (dmesg), the cable, and the ports of the switch; the machine that was sent to may have failed first.")
    details = {"partner": partner, "interface": interface, "counters": rose, "bytes_sent": _sum(ended, "write", "io_bytes"),
               "bytes_received": _sum(received, "read", "io_bytes"), "send_rate": _sum(ended, "write", "bw_bytes"),
               "receive_rate": _sum(received, "read", "bw_bytes")}
    return details, errors


def _argv(protocol, ports, *more):
    """One stream for each port, by whose number it is called."""
    argv = ["fio", "--thread", "--output-format=json", "--ioengine=net", "--protocol=" + protocol, "--bs=1M", "--size=1P", *more]
    for port in ports:
        argv += ["--name=%d" % port, "--port=%d" % port]
    return argv


def _streams(text):
    """The numbers of fio by port."""
    return {int(name): numbers for name, numbers in parse_report(text)[1].items()}


def _sum(streams, way, number):
    return sum(stream[way][number] for stream in streams)


@contextlib.contextmanager
def _listening(port, protocol):
    """Listen, and yield a function that waits so many seconds for what was received: numbers of fio, a list that is empty where nobody came."""
    environment = dict(os.environ, LC_ALL="C", LANG="C", PATH=TOOL_PATH)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(_argv(protocol, range(port, port + _STREAMS), "--rw=read", "--listen"), stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.DEVNULL, env=environment)

        def receive(seconds):
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                return []
            output.seek(0)
            streams = list(_streams(output.read().decode("utf-8", "replace")).values())
            return streams if _sum(streams, "read", "io_bytes") else []

        try:
            yield receive
        finally:
            process.kill()
            process.wait()


def _interface(partner, runner):
    """The interface through which the partner is reached."""
    text = runner(["ip", "-json", "route", "get", partner], stage=STAGE).decode("utf-8", "replace")
    try:
        return json.loads(text)[0]["dev"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise BaremetalError("no interface leads to %s" % partner, stage=STAGE, seen=text[:200], cure="Look at the addresses of the machines.") from None


def _counters(interface, sysfs):
    place = os.path.join(sysfs, "class/net", interface, "statistics")
    found = {name: read_text(os.path.join(place, name)) for name in listdir(place) if name in _COUNTERS}
    # A link that came and went.
    found["carrier_changes"] = read_text(os.path.join(sysfs, "class/net", interface, "carrier_changes"))
    return {name: int(text) for name, text in found.items() if text and text.isdigit()}
