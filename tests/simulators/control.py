# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The control endpoint of a simulator: JSON over HTTP on the loopback, for tests and for people with curl.

GET /                         what is simulated, process figures, sums of the counters
GET /bmcs                     how to reach each BMC
GET /bmcs/N                   counters, faults, machine
POST /bmcs/N                  change: {"faults": {...}, "latency": s, "power_delay": s, "power": "On", "personality": name, ...};
                              "only_faults" switches all others off, but for those of the personality
POST /bmcs                    the same for all, or for those in "bmcs": [numbers]
GET /bmcs/N/requests          the last requests
POST /bmcs/N/reset            as on the first day
POST /bmcs/N/counters         counters and requests from 0
GET /bmcs/N/tree              paths of all resources
GET, PUT, PATCH, DELETE /bmcs/N/tree/PATH   one resource
POST /stop                    the end
"""

from __future__ import annotations

import os
import resource
import time

from .http_server import Reply


class Control:
    """The control endpoint as a server for http_server.Listener.

    :param boards: list of objects with ``counters``, ``faults``, ``change(settings)``, ``show()``, ``reset_state()`` and, for the tree,
        ``paths()``, ``read(path)``, ``put(path, resource)``, ``own(path)``, ``remove(path)``.
    :param connections: function that returns the list of connection dicts.
    :param stop: function that ends the simulator.
    """

    latency = 0.0

    def __init__(self, boards, connections, stop):
        self.boards = boards
        self._stop = stop
        self._connections = connections
        self.connections = set()
        self.handshakes = set()

    def tls(self):
        return None

    def accepts(self):
        return True

    def connected(self):
        """Nobody counts these."""

    def handshake_failed(self):
        """There are none."""

    def handle(self, request):
        try:
            return self._handle(request)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            return Reply(400, {"error": f"{type(error).__name__}: {error}"})

    def _handle(self, request):
        parts = request.path.strip("/").split("/", 3)
        body = request.json()
        if parts == [""]:
            return Reply(200, self._summary())
        if parts == ["stop"] and request.method == "POST":
            self._stop()
            return Reply(200, {})
        if parts[0] != "bmcs":
            return Reply(404, {"error": "see tests/simulators/control.py"})
        if len(parts) == 1:
            if request.method == "GET":
                return Reply(200, self._connections())
            boards = [self._board(number) for number in body.pop("bmcs", range(len(self.boards)))]
            for board in boards:
                board.change(body)
            return Reply(200, {"changed": len(boards)})
        board = self._board(int(parts[1]))
        what = parts[2] if len(parts) > 2 else ""
        if what == "tree":
            return self._tree(request.method, board, f"/{parts[3]}" if len(parts) > 3 else "", request.path.endswith("/"), body)
        if what == "requests":
            return Reply(200, list(board.log))
        if request.method == "POST":
            if what == "reset":
                board.reset_state()
            elif what == "counters":
                board.reset_counters()
            elif what == "":
                board.change(body)
            else:
                raise ValueError(f"no such order: {what}")
        return Reply(200, board.show())

    def _board(self, number):
        if number not in range(len(self.boards)):
            raise ValueError(f"there is no BMC {number}; they are 0 to {len(self.boards) - 1}")
        return self.boards[number]

    def _tree(self, method, board, path, slash, body):
        if path and slash and not board.exists(path):
            path += "" if path.endswith("/") else "/"
        if not path:
            return Reply(200, board.paths())
        if method == "PUT":
            board.put(path, body)
        elif method == "DELETE":
            board.remove(path)
        elif method == "PATCH":
            _merge(board.own(path), body)
        found = board.read(path)
        return Reply(200 if found is not None or method == "DELETE" else 404, found)

    def _summary(self):
        sums = {}
        for board in self.boards:
            for name, value in board.counters.items():
                sums[name] = sums.get(name, 0) + value
        used = resource.getrusage(resource.RUSAGE_SELF)
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
        return {
            "bmcs": len(self.boards), "counters": sums, "cpu_seconds": used.ru_utime + used.ru_stime, "time": time.time(),
            "rss_mib": round(pages * resource.getpagesize() / 2**20, 1), "open_files": len(os.listdir("/proc/self/fd")),
            "sessions_open": sum(board.show()["sessions_open"] for board in self.boards),
        }


def _merge(target, patch):
    # Unlike RFC 7396: here null is a value, for a board may send it.
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            _merge(target[key], value)
        else:
            target[key] = value
