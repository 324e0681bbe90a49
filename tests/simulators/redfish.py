# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many Redfish BMCs in one process, on addresses of the loopback.

Run it as ``python -m ansible_collections.rackwright.baremetal.tests.simulators.redfish --help``. It prints one line of JSON
when it is ready: ``control`` (URL), ``pid`` and ``connections`` (how to reach each BMC). It ends with POST /stop to the control
endpoint, with its standard input where ``--until-eof`` is given, and with SIGINT or SIGTERM.
"""

from __future__ import annotations

import contextlib
import json
import tempfile

from . import faults, personalities, program, redfish_access, redfish_dell, redfish_firmware, redfish_media, redfish_setup, redfish_storage, redfish_system
from .certificates import Authority
from .http_server import Listener
from .machine import Machine
from .netboot import Netboot
from .redfish_board import Board

# Importing them has told the boards what to do with a request.
FEATURES = (redfish_access, redfish_dell, redfish_firmware, redfish_media, redfish_setup, redfish_storage, redfish_system)


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
                self.listen()
            elif name == "only_faults":
                self.faults = faults.Faults(faults.REDFISH, self.personality.faults)
                self.faults.change(value)
                self.listen()
            elif name == "personality":
                self.become(personalities.load(value))
                self.listen()
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
        self.listen()

    def listen(self):
        """Listen, or not, as the faults have it."""
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


def _open(board, port):
    board.listener = Listener(board, board.address, port)


async def _main(arguments):
    kinds = [personalities.load(name) for name in arguments.personality.split(",")]
    password = program.password_of(arguments)
    authority = None if arguments.http else Authority(arguments.directory)
    boards = []
    for index, address in enumerate(program.addresses(arguments.first_address, arguments.count)):
        machine = Machine(index)
        machine.power_delay = arguments.power_delay
        board = SimulatedBmc(machine, kinds[index % len(kinds)], arguments.username, password, address, json.loads(arguments.faults))
        machine.power = arguments.power
        if arguments.boot_server:
            Netboot(arguments.boot_server, machine, arguments.boot_seconds)
        board.latency, board.authority, board.task_seconds = arguments.latency, authority, arguments.task_seconds
        boards.append(board)
    program.listen(boards, arguments.port, _open)
    for board in boards:
        # Certificates are made now, not while somebody measures.
        board.tls()
        board.listen()

    def connections():
        scheme = "" if authority else "http://"
        return [{"address": f"{scheme}{board.address}", "port": board.port, "username": board.username, "password": board.password,
                 "ca_file": str(authority.file) if authority else None, "system_id": None} for board in boards]

    await program.serve(boards, connections, arguments)


def main():
    parser = program.options("Serve simulated Redfish BMCs on the loopback.")
    parser.add_argument("--directory", help="where the certificates are kept (default: a new directory)")
    parser.add_argument("--http", action="store_true", help="HTTP without TLS")
    parser.add_argument("--task-seconds", type=float, default=1.0, help="how long a task takes")
    parser.add_argument("--boot-server", metavar="ROOT", help="let the machines boot what the boot server with this root has for them")
    parser.add_argument("--boot-seconds", type=float, default=0.0, help="how long a boot takes")
    arguments = parser.parse_args()
    arguments.directory = arguments.directory or arguments.background
    with contextlib.ExitStack() as stack:
        if not arguments.directory:
            arguments.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="bmc-simulator-"))
        program.run(_main, arguments)


if __name__ == "__main__":
    main()
