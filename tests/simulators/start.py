# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated BMCs as context managers, for tests and benchmarks: a process of their own, ended with the block."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

_PACKAGE = __name__.rpartition(".")[0]
# No proxy of the environment between the tests and the loopback.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class State:
    """The resources of one BMC by path: ``state[path]`` reads, ``state[path] = resource`` replaces, ``state.merge(path, patch)`` changes."""

    def __init__(self, simulator, index):
        self._simulator = simulator
        self._base = f"bmcs/{index}/tree"

    def __getitem__(self, path):
        found = self._simulator.request("GET", self._base + path)
        if found is None:
            raise KeyError(path)
        return found

    def __setitem__(self, path, resource):
        self._simulator.request("PUT", self._base + path, resource)

    def __delitem__(self, path):
        self._simulator.request("DELETE", self._base + path)

    def __iter__(self):
        return iter(self._simulator.request("GET", self._base))

    def __contains__(self, path):
        return path in list(self)

    def merge(self, path, patch):
        """Change some members of a resource; a null is a value here."""
        return self._simulator.request("PATCH", self._base + path, patch)


class Simulator:
    """A running simulator.

    :ivar connections: list of ``bmc`` dicts, one per BMC.
    """

    def __init__(self, process, ready):
        self.process = process
        self.pid = process.pid
        self.url = ready["control"]
        self.connections = ready["connections"]

    def request(self, method, path, body=None):
        """Ask the control endpoint; see control.py for what it knows."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/{path.lstrip('/')}", data=data, method=method)
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error

    def control(self, path, body=None):
        """GET a path of the control endpoint, or POST a body to it."""
        return self.request("GET" if body is None else "POST", path, body)

    def change(self, index=None, **settings):
        """Change settings of one BMC, or of all: faults, latency, power, power_delay, personality and so on."""
        return self.control("bmcs" if index is None else f"bmcs/{index}", settings)

    def faults(self, *names, index=0, **more):
        """Switch faults on (names, or name=settings) and all others off, but for those of the personality."""
        return self.change(index, only_faults={**dict.fromkeys(names, True), **more})

    def show(self, index=0):
        """Counters, faults, power and boots of a BMC."""
        return self.control(f"bmcs/{index}")

    def counters(self, index=0):
        return self.show(index)["counters"]

    def requests(self, index=0):
        """The last requests of a BMC: list of dicts with method, path, status, body, if_match, session."""
        return self.control(f"bmcs/{index}/requests")

    def reset(self, index=0):
        """As on the first day, but for the faults."""
        return self.control(f"bmcs/{index}/reset", {})

    def reset_counters(self, index=0):
        return self.control(f"bmcs/{index}/counters", {})

    def state(self, index=0):
        return State(self, index)


@contextlib.contextmanager
def _started(module, arguments, password, directory):
    # The name that finds this module finds it for the child as well.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryDirectory(prefix="bmc-simulator-", dir=directory) as place:
        secret = Path(place) / "password"
        secret.touch(mode=0o600)
        secret.write_text(password, encoding="utf-8")
        command = [sys.executable, "-m", f"{_PACKAGE}.{module}", "--until-eof", "--password-file", str(secret), *arguments(place)]
        with open(Path(place) / "log", "w+", encoding="utf-8") as log, subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment) as process:
            try:
                line = process.stdout.readline()
                if not line:
                    log.seek(0)
                    raise RuntimeError(f"the simulator did not start: {log.read()}")
                yield Simulator(process, json.loads(line))
            finally:
                process.stdin.close()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


def _common(count, personality, faults, latency, power, power_delay, username, first_address, port):
    return ["--count", str(count), "--personality", personality, "--faults", json.dumps(faults if isinstance(faults, dict) else list(faults)),
            "--latency", str(latency), "--power", power, "--power-delay", str(power_delay), "--username", username,
            "--first-address", first_address, "--port", str(port)]


def redfish_bmcs(count=1, personality="generic", faults=(), directory=None, *, latency=0.0, power="Off", power_delay=0.0, username="operator",
                 password="simulated-1", first_address="127.66.0.1", port=0, tls=True, task_seconds=1.0, boot_server=None, boot_seconds=0.0):
    """Simulated Redfish BMCs for the time of a ``with`` block, which gets a Simulator.

    :param personality: one of personalities.names(), the path of a YAML file, or several names separated by commas.
    :param faults: names, or dict of name to settings (faults.py).
    :param directory: where to keep certificates; None for the system's temporary directory.
    :param latency: seconds before each answer.
    :param boot_server: root of the boot server that the machines boot from (netboot.py), or None.
    :param boot_seconds: how long such a boot takes.
    """
    def arguments(place):
        boot = ["--boot-server", str(boot_server), "--boot-seconds", str(boot_seconds)] if boot_server else []
        where = [*(["--directory", place] if tls else ["--http"]), *boot]
        return [*_common(count, personality, faults, latency, power, power_delay, username, first_address, port), *where, "--task-seconds", str(task_seconds)]

    return _started("redfish", arguments, password, directory)


def ipmi_bmcs(count=1, personality="generic", faults=(), directory=None, *, latency=0.0, power="Off", power_delay=0.0, username="operator",
              password="simulated-1", first_address="127.67.0.1", port=0):
    """Simulated IPMI BMCs for the time of a ``with`` block, which gets a Simulator; parameters as of redfish_bmcs."""
    def arguments(place):
        return _common(count, personality, faults, latency, power, power_delay, username, first_address, port)

    return _started("ipmi", arguments, password, directory)
