# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many IPMI BMCs in one process, on addresses of the loopback.

Run it as ``python -m ansible_collections.rackwright.baremetal.tests.simulators.ipmi --help``. It prints one line of JSON
when it is ready, like redfish.py.
"""

from __future__ import annotations

import json

from . import personalities, program
from .ipmi_board import Board, Listener
from .machine import Machine


class SimulatedBmc(Board):
    """A Board that can change its personality."""

    def change(self, settings):
        settings = dict(settings)
        if "personality" in settings:
            self.become(personalities.load(settings.pop("personality")))
        super().change(settings)


def _open(board, port):
    board.listener = Listener(board, board.address, port)


async def _main(arguments):
    kinds = [personalities.load(name) for name in arguments.personality.split(",")]
    password = program.password_of(arguments)
    boards = []
    for index, address in enumerate(program.addresses(arguments.first_address, arguments.count)):
        machine = Machine(index)
        machine.power_delay = arguments.power_delay
        board = SimulatedBmc(machine, kinds[index % len(kinds)], arguments.username, password, address, json.loads(arguments.faults))
        machine.power = arguments.power
        board.latency = arguments.latency
        boards.append(board)
    program.listen(boards, arguments.port, _open)

    def connections():
        return [{"address": board.address, "port": board.port, "username": board.username, "password": board.password} for board in boards]

    await program.serve(boards, connections, arguments)


def main():
    program.run(_main, program.options("Serve simulated IPMI BMCs on the loopback.").parse_args())


if __name__ == "__main__":
    main()
