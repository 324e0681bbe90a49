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
        while True:
            sent = _numbers(everything(_argv("send", protocol, "--rw=write", "--hostname=" + partner, "--port=%d" % partner_port, "--time_based",
                                             "--runtime=%d" % runtime), timeout=runtime + GRACE, runner=runner))
            if sent["error"] not in _NOT_YET or clock() - begun > late:
                break
            sleep(_RETRY)
        if sent["error"]:
            errors.append("Sending to %s has failed. Seen: %s" % (partner, sentence(os.strerror(sent["error"]))))
        # Whoever sends here may have begun as late, and then sends as long.
        received = receive(max(late, begun + runtime + 2 * late - clock()))
    if not received:
        errors.append("No machine sent to this one within %d seconds." % late)
    rose = {name: value - before[name] for name, value in _counters(interface, sysfs).items() if value > before.get(name, value)}
    if rose:
        errors.append("The interface %s counted errors. Seen: %s." % (interface, ", ".join("%s: %d" % pair for pair in sorted(rose.items()))))
    if errors:
        errors.append("To do: look at the kernel log (dmesg), the cable, and the ports of the switch; the machine that was sent to may have failed first.")
    details = {"partner": partner, "interface": interface, "counters": rose, "bytes_sent": sent["write"]["io_bytes"],
               "bytes_received": received["read"]["io_bytes"] if received else 0, "send_rate": sent["write"]["bw_bytes"],
               "receive_rate": received["read"]["bw_bytes"] if received else 0}
    return details, errors


def _argv(name, protocol, *more):
    return ["fio", "--thread", "--group_reporting", "--output-format=json", "--name=" + name, "--ioengine=net", "--protocol=" + protocol,
            "--bs=1M", "--size=1P", "--numjobs=%d" % _STREAMS, *more]


def _numbers(text):
    return next(iter(parse_report(text)[1].values()))


@contextlib.contextmanager
def _listening(port, protocol):
    """Listen, and yield a function that waits so many seconds for what was received: numbers of fio, or None where nobody came."""
    environment = dict(os.environ, LC_ALL="C", LANG="C", PATH=TOOL_PATH)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(_argv("receive", protocol, "--rw=read", "--listen", "--port=%d" % port), stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.DEVNULL, env=environment)

        def receive(seconds):
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                return None
            output.seek(0)
            numbers = _numbers(output.read().decode("utf-8", "replace"))
            return numbers if numbers["read"]["io_bytes"] else None

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
