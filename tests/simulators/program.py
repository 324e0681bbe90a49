# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the programs of the simulators have in common: options, addresses, the control endpoint and the end."""

from __future__ import annotations

import argparse
import asyncio
import errno
import ipaddress
import json
import os
import resource
import signal
import sys
from pathlib import Path

from . import personalities
from .control import Control
from .http_server import Listener


def options(description):
    """The options that every simulator has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, default=1, help="how many BMCs")
    parser.add_argument("--personality", default="generic", help=f"{', '.join(personalities.names())}, the path of a YAML file, "
                        "or a directory with a Redfish mockup; "
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
    parser.add_argument("--background", metavar="DIRECTORY", help="go on in the background; simulator.json in this directory says where everything "
                        "is, and POST /stop to the control endpoint ends it")
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


def listen(boards, port, open_board):
    """Let every board listen on the same port.

    :param port: 0 for one that is free on all addresses.
    :param open_board: ``function(board, port)`` that sets ``board.listener``, which has ``port`` and ``close()``.
    """
    for _attempt in range(20):
        wanted = port
        try:
            for board in boards:
                open_board(board, wanted)
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


def run(main, arguments):
    """Run a coroutine function with the arguments, here or in the background.

    Returns when the simulator has ended; with ``--background`` the process that was started ends when it is ready.
    """
    allow_many_files()
    if arguments.background:
        directory = Path(arguments.background)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _go_on_in_the_background(directory)
    asyncio.run(main(arguments))


def _go_on_in_the_background(directory):
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with open(reader, encoding="utf-8") as ready:
            line = ready.readline()
        said = (directory / "log").read_text(encoding="utf-8").splitlines()[-1:] if not line else []
        print(line.strip() or f"the simulator did not start: {' '.join(said)} (see {directory / 'log'})", file=sys.stdout if line else sys.stderr)
        # Not by way of what the child will clean up.
        sys.stdout.flush()
        os._exit(0 if line else 1)
    os.close(reader)
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(directory / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(null, 0)
    os.dup2(writer, 1)
    os.dup2(log, 2)
    for number in (null, writer, log):
        os.close(number)


async def serve(boards, connections, arguments):
    """Print where everything is, and serve until the end."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    control = Listener(Control(boards, connections, stop=lambda: loop.call_later(0.1, ended.set)), "127.0.0.1", arguments.control_port)
    if arguments.until_eof:
        loop.add_reader(sys.stdin, lambda: sys.stdin.buffer.read1(65536) or ended.set())
    ready = json.dumps({"control": f"http://127.0.0.1:{control.port}", "pid": os.getpid(), "connections": connections()})
    file = Path(arguments.background) / "simulator.json" if arguments.background else None
    if file:
        file.touch(mode=0o600)
        file.write_text(ready, encoding="utf-8")
    print(ready, flush=True)
    if file:
        # Whoever waits for that line may go now.
        os.dup2(0, 1)
    await ended.wait()
    if file:
        file.unlink(missing_ok=True)
