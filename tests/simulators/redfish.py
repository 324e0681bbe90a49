# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many Redfish BMCs in one process, on addresses of the loopback.

Run it as ``python -m ansible_collections.rackwright.baremetal.tests.simulators.redfish --help``. It prints one line of JSON
when it is ready: ``control`` (URL) and ``connections`` (how to reach each BMC). It ends with its standard input where
``--until-eof`` is given, else with SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import json
import resource
import signal
import sys
import tempfile
from pathlib import Path

from . import personalities, redfish_access, redfish_firmware, redfish_media, redfish_setup, redfish_storage, redfish_system
from .certificates import Authority
from .control import Control
from .http_server import Listener
from .machine import Machine
from .redfish_board import Board

# Importing them has told the boards what to do with a request.
FEATURES = (redfish_access, redfish_firmware, redfish_media, redfish_setup, redfish_storage, redfish_system)


class SimulatedBmc(Board):
    """A Board with a place in the rack, that the control endpoint can change."""

    manager_reset_seconds = 3.0
    manager_warm_up = 0.0
    task_seconds = 1.0
    fetch = False  # whether images are really fetched from where they are said to be

    def change(self, settings):
        """Change what is given.

        :raises ValueError: for what nobody knows.
        """
        for name, value in settings.items():
            if name == "faults":
                self.faults.change(value)
                self._listen()
            elif name == "personality":
                self.become(personalities.load(value))
                self._listen()
            elif name == "power":
                self.machine.forget()
                self.machine.power = value
            elif name in ("power_delay", "soft_off"):
                setattr(self.machine, name, value)
            elif name in ("latency", "manager_reset_seconds", "manager_warm_up", "task_seconds", "fetch"):
                setattr(self, name, value)
            elif name == "behaviour":
                unknown = set(value) - set(personalities.BEHAVIOUR)
                if unknown:
                    raise ValueError(f"no such behaviour: {', '.join(sorted(unknown))}")
                self.behaviour = {**self.behaviour, **value}
            elif name == "log_entry":
                redfish_system.add_log_entry(self, value)
            else:
                raise ValueError(f"no such setting: {name}")

    def reset_state(self):
        super().reset_state()
        self._listen()

    def _listen(self):
        if self.listener is None:
            return
        if "refuse_connections" in self.faults.on:
            self.listener.close()
        elif "blackhole" in self.faults.on:
            self.listener.swallow()
        else:
            self.listener.close()
            self.listener.open()

    def show(self):
        return {
            "address": self.address, "port": self.port, "personality": self.personality.name, "power": self.machine.power, "boots": self.machine.boots,
            "nmis": self.machine.nmis, "serial": self.machine.serial, "uuid": self.machine.uuid, "faults": self.faults.on, "latency": self.latency,
            "counters": dict(self.counters), "sessions_open": len(self.sessions), "connections_open": len(self.connections),
        }


def options(description):
    """The options that every simulator has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=1, help="how many BMCs")
    parser.add_argument("--personality", default="generic", help=f"{', '.join(personalities.names())}, or the path of a YAML file; "
                        "several, separated by commas, take turns")
    parser.add_argument("--first-address", default="127.66.0.1", help="address of the first BMC; the others follow")
    parser.add_argument("--port", type=int, default=0, help="port of all BMCs (default: a free one)")
    parser.add_argument("--control-port", type=int, default=0, help="port of the control endpoint on 127.0.0.1 (default: a free one)")
    parser.add_argument("--username", default="operator")
    parser.add_argument("--password-file", help="file with the password of the first account (default: the word simulated-1)")
    parser.add_argument("--faults", default="{}", help="faults that are on from the start, as JSON: a list of names, or a dict of name to settings")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--power", default="Off", choices=["On", "Off"])
    parser.add_argument("--power-delay", type=float, default=0.0, help="seconds that switching on or off takes")
    parser.add_argument("--until-eof", action="store_true", help="end with the standard input")
    return parser


def addresses(first, count):
    """``count`` addresses from the first; all of them on the loopback.

    :raises ValueError: for an address elsewhere.
    """
    start = ipaddress.IPv4Address(first)
    found = [str(start + number) for number in range(count)]
    if not all(ipaddress.IPv4Address(address) in ipaddress.IPv4Network("127.0.0.0/8") for address in (found[0], found[-1])):
        raise ValueError("the simulator serves 127.0.0.0/8 only")
    return found


def password_of(arguments):
    """The password of the first account."""
    if not arguments.password_file:
        return "simulated-1"
    return Path(arguments.password_file).read_text(encoding="utf-8").rstrip("\n")


def allow_many_files():
    """A thousand listening sockets and their connections need more than the usual 1024 files."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def listen(boards, port):
    """Let every board listen on the same port.

    :param port: 0 for one that is free on all addresses.
    """
    for _attempt in range(20):
        wanted = port
        try:
            for board in boards:
                board.listener = Listener(board, board.address, wanted)
                wanted = board.port = board.listener.port
            return
        except OSError as error:
            for board in boards:
                if board.listener:
                    board.listener.close()
                board.listener = None
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "no port is free on all addresses")


async def serve(boards, connections, arguments):
    """Print where everything is, and serve until the end."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    control = Listener(Control(boards, connections), "127.0.0.1", arguments.control_port)
    if arguments.until_eof:
        loop.add_reader(sys.stdin, lambda: sys.stdin.buffer.read1(65536) or ended.set())
    print(json.dumps({"control": f"http://127.0.0.1:{control.port}", "connections": connections()}), flush=True)
    await ended.wait()


async def _main(arguments):
    kinds = [personalities.load(name) for name in arguments.personality.split(",")]
    password = password_of(arguments)
    authority = None if arguments.http else Authority(arguments.directory)
    boards = []
    for index, address in enumerate(addresses(arguments.first_address, arguments.count)):
        machine = Machine(index)
        machine.power_delay = arguments.power_delay
        board = SimulatedBmc(machine, kinds[index % len(kinds)], arguments.username, password, address, json.loads(arguments.faults))
        machine.power = arguments.power
        board.latency, board.authority, board.task_seconds = arguments.latency, authority, arguments.task_seconds
        boards.append(board)
    listen(boards, arguments.port)
    for board in boards:
        board._listen()

    def connections():
        scheme = "" if authority else "http://"
        return [{"address": f"{scheme}{board.address}", "port": board.port, "username": board.username, "password": board.password,
                 "ca_file": str(authority.file) if authority else None, "system_id": None} for board in boards]

    await serve(boards, connections, arguments)


def main():
    parser = options("Serve simulated Redfish BMCs on the loopback.")
    parser.add_argument("--directory", help="where the certificates are kept (default: a new directory)")
    parser.add_argument("--http", action="store_true", help="HTTP without TLS")
    parser.add_argument("--task-seconds", type=float, default=1.0, help="how long a task takes")
    arguments = parser.parse_args()
    allow_many_files()
    with tempfile.TemporaryDirectory(prefix="bmc-simulator-") as directory:
        arguments.directory = arguments.directory or directory
        asyncio.run(_main(arguments))


if __name__ == "__main__":
    main()
