# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What driving BMCs costs the controller, beside community.general, beside Ansible's own floor and beside the limit.

All in one run against the simulator (one process for all BMCs, TLS, 20 ms before each answer): ours per host and as a fleet, the
peer's modules as their documentation shows them, an action that does nothing, and one asyncio process that sends the requests that ours sent.
Processor time is that of ansible-playbook and all that it started, its own start included, without the simulator's.

What is promised is measured first. The whole takes about two hours, most of it the peer's. ``--extent bars``, or RACKWRIGHT_BENCH=bars, ends after
what is promised (some twenty minutes); ``quick`` takes sizes up to 20 and promises nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLLECTIONS = pathlib.Path(os.environ.get("ANSIBLE_COLLECTIONS_PATH") or ROOT / "build" / "collections")
SUPPORT = pathlib.Path(__file__).resolve().parent / "support"
sys.path[:0] = [str(COLLECTIONS), str(SUPPORT.parent)]

from ansible_collections.rackwright.baremetal.tests.simulators import start  # noqa: E402
from support.figures import figure, report  # noqa: E402
from support.processes import Watch, cpu_seconds  # noqa: E402

LATENCY = 0.02  # seconds before each answer
PROMISED = 300  # nodes, with 50 forks
FLEET = 1000  # nodes in one task, for which the fleet form is promised
OPERATIONS = ("power state", "power on", "boot device")
# The release of Ansible's own package of collections that belongs to the ansible-core of this environment.
PEER_PACKAGE = "ansible>=12,<13"

OURS = {
    "power state": ("power", {"state": "on"}),
    "power on": ("power", {"state": "on"}),
    "boot device": ("boot_device", {"device": "pxe"}),
}
# As in the EXAMPLES of these modules.
PEERS = {
    "redfish": {
        "power state": ("redfish_info", {"category": "Systems", "command": "GetSystemInventory"}),
        "power on": ("redfish_command", {"category": "Systems", "command": "PowerOn"}),
        "boot device": ("redfish_command", {"category": "Systems", "command": "SetOneTimeBoot", "bootdevice": "Pxe"}),
    },
    "ipmi": {
        "power state": ("ipmi_power", {"state": "on"}),
        "power on": ("ipmi_power", {"state": "on"}),
        "boot device": ("ipmi_boot", {"bootdev": "network", "state": "present"}),
    },
}


def peer_collections():
    """A directory with community.general; its modules come from PyPI, in the package ansible."""
    place = ROOT / "build" / "bench-peers"
    if not (place / "ansible_collections" / "community" / "general" / "MANIFEST.json").exists():
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", directory, PEER_PACKAGE], check=True)
            with zipfile.ZipFile(next(pathlib.Path(directory).glob("ansible-*.whl"))) as wheel:
                wheel.extractall(place, [name for name in wheel.namelist() if name.startswith("ansible_collections/community/general/")])
    return place


class Site:
    """A directory with an inventory of the first so many BMCs, in which playbooks run."""

    def __init__(self, directory, driver, connections):
        self.directory = pathlib.Path(directory)
        self.driver = driver
        self.connections = connections

    def inventory(self, count):
        hosts = {}
        # As at a site that enrols its nodes with the system's name; without it, one request more finds that out.
        more = {"system_id": "1"} if self.driver == "redfish" else {}
        for number, bmc in enumerate(self.connections[:count], start=1):
            known = {key: value for key, value in bmc.items() if value is not None}
            hosts[f"node{number}"] = {"baremetal_bmc": {"driver": self.driver, **known, **more}}
        gateway = {"ansible_connection": "beside", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        inventory = {"nodes": {"hosts": hosts}, "gateways": {"hosts": {"gateway": gateway}}}
        path = self.directory / f"{self.driver}-{count}.json"
        path.write_text(json.dumps(inventory))
        return path

    def command(self, count, forks, tasks):
        play = [{"name": "Bench", "hosts": "nodes", "gather_facts": False, "tasks": tasks}]
        (self.directory / "play.yml").write_text(json.dumps(play))
        return [shutil.which("ansible-playbook"), "-i", str(self.inventory(count)), "-f", str(forks), str(self.directory / "play.yml")]

    def environment(self):
        return {
            # Not the settings of whoever runs the benchmark: with the second, Python would compile all modules anew at every start.
            **{name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and name != "PYTHONDONTWRITEBYTECODE"},
            "ANSIBLE_COLLECTIONS_PATH": f"{COLLECTIONS}:{peer_collections()}",
            "ANSIBLE_ACTION_PLUGINS": str(SUPPORT / "action"),
            "ANSIBLE_CONNECTION_PLUGINS": str(ROOT / "tests" / "emulators" / "connection_plugins"),
            "ANSIBLE_LOCAL_TEMP": str(self.directory / "local"),
            "ANSIBLE_REMOTE_TEMP": str(self.directory / "remote"),
            "ANSIBLE_HOST_KEY_CHECKING": "false",
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
        }

    def play(self, count, forks, tasks, watch=None):
        """Run tasks on so many nodes.

        :param watch: called with the process, which runs.
        :returns: CPU seconds and wall seconds.
        """
        before, begin = cpu_seconds(), time.monotonic()
        with open(self.directory / "output", "w+", encoding="utf-8") as output:
            with subprocess.Popen(self.command(count, forks, tasks), env=self.environment(), cwd=self.directory, stdout=output, stderr=output) as process:
                if watch:
                    watch(process)
            if process.returncode:
                output.seek(0)
                raise RuntimeError(f"{tasks} ended with {process.returncode}: {output.read()[-3000:]}")
        return cpu_seconds() - before, time.monotonic() - begin


def ours(operation, **more):
    module, options = OURS[operation]
    return [{"name": "Ours", f"rackwright.baremetal.{module}": options, **more}]


def fleet(operation, **more):
    module, options = OURS[operation]
    return [{"name": "Fleet", f"rackwright.baremetal.{module}": {**options, "nodes": "{{ ansible_play_hosts }}"}, "run_once": True, **more}]


def peer(driver, operation):
    module, options = PEERS[driver][operation]
    if driver == "redfish":
        access = {"baseuri": "{{ baremetal_bmc.address }}:{{ baremetal_bmc.port }}", "username": "{{ baremetal_bmc.username }}",
                  "password": "{{ baremetal_bmc.password }}"}
    else:
        access = {"name": "{{ baremetal_bmc.address }}", "port": "{{ baremetal_bmc.port }}", "user": "{{ baremetal_bmc.username }}",
                  "password": "{{ baremetal_bmc.password }}"}
    return [{"name": "Peer", f"community.general.{module}": {**options, **access}, "delegate_to": "localhost"}]


NOTHING = [{"name": "Nothing", "ansible.builtin.meta": "noop"}]
FLOOR = [{"name": "Floor", "bench_noop": {}}]
FLOOR_ONCE = [{**FLOOR[0], "run_once": True}]


def limit(driver, connections, requests):
    """One process of its own that sends the same requests to all BMCs.

    :returns: CPU seconds and wall seconds.
    """
    order = {"connections": connections, "requests": requests, "at_once": 200}
    before, begin = cpu_seconds(), time.monotonic()
    subprocess.run([sys.executable, str(SUPPORT / f"limit_{driver}.py")], input=json.dumps(order).encode(), check=True)
    return cpu_seconds() - before, time.monotonic() - begin


def put(simulator, operation):
    """Bring all BMCs into the state in which the operation has something to do, and the counters to zero."""
    for index in range(len(simulator.connections) if operation == "boot device" else 0):
        simulator.reset(index)
    simulator.change(power="Off" if operation == "power on" else "On", latency=LATENCY)


class Bench:
    """Collects the figures of a run."""

    def __init__(self, quick):
        self.quick = quick
        self.figures = []
        self.cpu = {}  # (driver, who, operation, nodes, forks): CPU seconds per host
        self.least = {}  # the same, of what was measured in turns the least

    def tell(self, metric, value, unit, limit=None):
        self.figures.append(figure(metric, value, unit, limit))
        print(f"{metric}: {self.figures[-1]['value']:g} {unit}", flush=True)

    def time(self, key, work, repeat=1, prepare=None):
        """Measure one case; of several runs the median."""
        runs = [_run(work, prepare) for _unused in range(1 if self.quick else repeat)]
        self._keep(key, *(statistics.median(values) for values in zip(*runs)))

    def time_beside(self, cases, prepare):
        """Measure cases whose ratio or difference counts, in turns, each five times; of each the median and the least.

        A machine does not always run at the same speed, and what else runs on it only adds to a time. What is compared with others, which are
        measured once, is the median.

        :param cases: dict of functions by key.
        """
        runs = {key: [] for key in cases}
        for _unused in range(1 if self.quick else 5):
            for key, work in cases.items():
                runs[key].append(_run(work, prepare))
        for key, values in runs.items():
            self._keep(key, *(statistics.median(each) for each in zip(*values)))
            self.least[key] = min(cpu for cpu, _wall in values) / key[3]

    def _keep(self, key, cpu, wall):
        driver, who, operation, nodes, forks = key
        self.cpu[key] = cpu / nodes
        name = f"{driver} {operation}, {nodes} nodes, forks {forks}: {who}"
        self.tell(f"{name}, CPU per host", cpu / nodes * 1000, "ms")
        self.tell(f"{name}, wall per host", wall / nodes * 1000, "ms")


def _run(work, prepare):
    if prepare:
        prepare()
    return work()


def floors(bench, site, sizes):
    """Ansible's own part: the start, and an action that does nothing, per host."""
    for count in sizes:
        for forks in (5, 50):
            # What the bars hang on is measured three times.
            repeat = 3 if count >= PROMISED and forks == 50 else 1
            bench.time(("any", "nothing", "start", count, forks), lambda c=count, f=forks: site.play(c, f, NOTHING))
            bench.time(("any", "floor", "no-op", count, forks), lambda c=count, f=forks: site.play(c, f, FLOOR), repeat)


def driver_cases(bench, driver, simulator, site, sizes, promised):
    """Everything of one driver, the cases of one operation close together in time.

    :param promised: whether to measure what a promise hangs on, or all the rest.
    """
    most = min(PROMISED, max(sizes))
    for operation in OPERATIONS:
        def prepare(operation=operation):
            put(simulator, operation)

        for count in sizes:
            for forks in (5, 50):
                if ((count, forks) == (most, 50)) == promised:
                    for who, tasks in (("ours", ours(operation)), ("community.general", peer(driver, operation))):
                        bench.time((driver, who, operation, count, forks), lambda c=count, f=forks, t=tasks: site.play(c, f, t), prepare=prepare)
            # A fleet is one task: there is nothing to fork.
            if (count >= most) == promised:
                prepare()
                simulator.reset_counters(0)
                site.play(1, 5, ours(operation))
                requests = requests_sent(driver, simulator)
                if count == most:
                    requests_of(bench, driver, operation, requests, simulator.counters(0))
                cases = {who: lambda c=count, t=tasks: site.play(c, 50, t)
                         for who, tasks in (("fleet", fleet(operation)), ("nothing", NOTHING), ("run_once", FLOOR_ONCE))}
                cases["limit"] = lambda c=count, r=requests: limit(driver, site.connections[:c], r)
                bench.time_beside({(driver, who, operation, count, 50): case for who, case in cases.items()}, prepare)


def requests_sent(driver, simulator):
    """What the first BMC was asked, as the limit's programs take it; IPMI's login and farewell are their own."""
    sent = simulator.requests(0)
    if driver == "redfish":
        return [{key: entry[key] for key in ("method", "path", "body")} for entry in sent]
    commands = [entry for entry in sent if entry["session"] and entry["command"] not in (0x3B, 0x3C)]
    return [{key: entry[key] for key in ("netfn", "command", "data")} for entry in commands]


def requests_of(bench, driver, operation, requests, counters):
    if driver == "redfish":
        bench.tell(f"redfish {operation}: requests", len(requests), "requests", 3)
        bench.tell(f"redfish {operation}: TLS connections", counters["connections"], "connections", 1)


def bounds(bench, driver, simulator, site, sizes):
    """Memory, open files, and work that a gateway does; not part of what is timed."""
    for count in [size for size in sizes if size >= min(PROMISED, max(sizes))]:
        put(simulator, "power on")
        seen = []

        def watch(process, seen=seen):  # pylint: disable=dangerous-default-value
            seen.append(Watch(process))
            seen[0].start()

        site.play(count, 50, fleet("power on"), watch)
        seen[0].join()
        bench.tell(f"{driver} fleet of {count}: peak memory, all processes", seen[0].memory, "MiB", 1024)
        bench.tell(f"{driver} fleet of {count}: open files of one process", seen[0].files, "files", 512)
        bench.tell(f"{driver} fleet of {count}: processes", seen[0].processes, "processes")
    most = min(PROMISED, max(sizes))
    put(simulator, "power state")
    bench.time((driver, "fleet through a gateway", "power state", most, 50),
               lambda: site.play(most, 50, fleet("power state", delegate_to="gateway")))
    bench.time((driver, "ours through a gateway", "power state", sizes[0], 50),
               lambda: site.play(sizes[0], 50, ours("power state", delegate_to="gateway")))


def dead_bmc(bench, site, simulator, count):
    """What one BMC that is not there costs a fleet: its own time-out, and nobody else anything."""
    put(simulator, "power state")
    simulator.faults("blackhole", index=count - 1)
    _cpu, wall = site.play(count, 50, fleet("power state", ignore_errors=True))
    simulator.faults(index=count - 1)
    bench.tell(f"redfish fleet of {count} with one dead BMC: wall", wall, "s", 15)


def ratios(bench, driver, count):
    """What is promised per host, as ratios of this run."""
    share = {"redfish": 10, "ipmi": 8}[driver]
    floor = bench.cpu["any", "floor", "no-op", count, 50]
    for operation in OPERATIONS:
        own, together, other = (bench.cpu[driver, who, operation, count, 50] for who in ("ours", "fleet", "community.general"))
        name = f"{driver} {operation}, {count} nodes"
        limit = None if bench.quick else 1
        bench.tell(f"{name}: per host, of 1/{share} of community.general", own * share / other, "x", limit)
        bench.tell(f"{name}: per host, of twice the floor", own / floor / 2, "x", limit)
        bench.tell(f"{name}: fleet, of 1/40 of community.general", together * 40 / other, "x", limit)
        bench.tell(f"{name}: community.general costs so many times ours per host", other / own, "x")
        bench.tell(f"{name}: community.general costs so many times the fleet", other / together, "x")


def fleet_ratios(bench, driver, count):
    """What the fleet form costs beside the limit.

    Nobody sends anything from Ansible without its start, which the limit does not have: what is promised is the rest. The start is what a play
    over these hosts costs that does nothing; beside it stand the ratio with a run_once task that does nothing, and the one with nothing taken off.
    """
    for operation in OPERATIONS:
        together, start_up, once, least = (bench.least[driver, who, operation, count, 50] for who in ("fleet", "nothing", "run_once", "limit"))
        name = f"{driver} {operation}, {count} nodes: fleet, of the limit"
        bench.tell(f"{name}, without Ansible's start", (together - start_up) / least, "x", 2 if count == FLEET else None)
        bench.tell(f"{name}, without a run_once task that does nothing", (together - once) / least, "x")
        bench.tell(f"{name}, with all of Ansible", together / least, "x")


def measure(extent):
    """All of it, or a part.

    :param extent: quick, bars or whole.
    :returns: list of figures.
    """
    sizes = (5, 20) if extent == "quick" else (20, 100, PROMISED, FLEET)
    bench = Bench(extent == "quick")
    most = min(PROMISED, max(sizes))
    simulators = {"redfish": start.redfish_bmcs, "ipmi": start.ipmi_bmcs}
    with tempfile.TemporaryDirectory(prefix="rackwright-bench-") as directory:
        for promised in (True,) if extent == "bars" else (True, False):
            for driver, make in simulators.items():
                with make(count=max(sizes), latency=LATENCY, power="On") as simulator:
                    site = Site(directory, driver, simulator.connections)
                    if promised and driver == "redfish":
                        floors(bench, site, sizes)
                    driver_cases(bench, driver, simulator, site, sizes, promised)
                    if promised:
                        bounds(bench, driver, simulator, site, sizes)
                        if driver == "redfish":
                            dead_bmc(bench, site, simulator, most)
                        ratios(bench, driver, most)
                        for count in [size for size in sizes if size >= most]:
                            fleet_ratios(bench, driver, count)
    return bench.figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--extent", choices=("quick", "bars", "whole"), default=os.environ.get("RACKWRIGHT_BENCH", "whole"))
    sys.exit(report("bmc", measure(parser.parse_args().extent)))
