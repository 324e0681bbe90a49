# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the registry and the life cycle cost, and whether they hold.

* inventory: loading the nodes through the inventory plugin, beside a static YAML inventory of the same hosts, groups and variables.
* contention: eight controllers fight for the same nodes; no node may have two owners, no transition may be lost.
* fleet: simulated nodes go from their enrolment through a deploy to the cleaning after it; every one must end where it should.

The first two work on SQLite and on PostgreSQL (a server of its own, of Debian's package). The whole takes about half an hour. ``--quick``, or
RACKWRIGHT_BENCH=quick, takes fewer nodes and less time and promises nothing. ``--part`` takes one part alone.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
COLLECTIONS = pathlib.Path(os.environ.get("ANSIBLE_COLLECTIONS_PATH") or ROOT / "build" / "collections")
sys.path[:0] = [str(COLLECTIONS), str(pathlib.Path(__file__).resolve().parent)]

from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema  # noqa: E402
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry  # noqa: E402
from ansible_collections.rackwright.baremetal.tests import contention, postgresql  # noqa: E402
from support import fleet_of_nodes  # noqa: E402
from support.figures import figure, report  # noqa: E402


def environment():
    """The environment of a measured command: without the settings of whoever runs the benchmark, with bytecode as everybody has it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_") and name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"}


def machine(number):
    """The hardware record of a machine as a data centre would write it."""
    return {
        "name": f"node{number:05d}", "rack": f"rack{number // 40}", "driver": "redfish", "resource_class": ("small", "large", "gpu")[number % 3],
        "bmc": {"address": f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "username": "operator", "password": {"env": "BMC_PASSWORD"},
                "ca_file": "/etc/ssl/certs/bmc-ca.pem"},
        "ports": [{"address": f"52:54:00:{number >> 8 & 255:02x}:{number & 255:02x}:{port:02x}", "pxe_enabled": port == 0, "name": f"eth{port}"}
                  for port in range(2)],
        "address": f"172.{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", "serial": f"SN{number:06d}",
        "root_device": {"serial": f"DISK{number:06d}"}, "properties": {"cpu_arch": "x86_64", "local_gb": 480, "memory_mb": 262144, "cpus": 64},
        "traits": ["CUSTOM_GPU", "HW_CPU_X86_VMX"] if number % 3 == 2 else ["HW_CPU_X86_VMX"], "owner": f"team{number % 7}", "site": f"site{number % 4}",
        "location": f"hall {number // 2000}, row {number // 400 % 5}", "extra": {"asset": f"A{number:06d}"},
    }


def fill(url, count):
    """Enrol so many machines.

    :returns: seconds that it took.
    """
    engine = open_registry(url)
    begin = time.monotonic()
    with engine.begin() as connection:
        for number in range(count):
            node = schema.normalise(machine(number))
            nodes.upsert(connection, node, node["bmc"]["password"], same_credential=lambda old, new: old == new)
    return time.monotonic() - begin


def static_inventory(records, path):
    """The inventory that the plugin makes of these records, as a static YAML file."""
    groups = {}
    for record in records:
        names = ["baremetal", record["rack"], f"provision_state_{record['provision_state']}", f"resource_class_{record['resource_class']}",
                 f"driver_{record['driver']}", f"site_{record['site']}", *(f"trait_{trait}" for trait in record["traits"])]
        for name in names:
            groups.setdefault(name, {})[record["name"]] = None
        groups["baremetal"][record["name"]] = {"baremetal": record, "ansible_host": record["address"]}
    path.write_text(yaml.dump({"all": {"children": {name: {"hosts": hosts} for name, hosts in groups.items()}}}, Dumper=yaml.CSafeDumper))


def load_time(inventory, host, repeat):
    """Seconds that ansible-inventory takes to load an inventory and print one host of it; of several runs the median."""
    command = [shutil.which("ansible-inventory"), "-i", str(inventory), "--host", host]
    taken = []
    for _unused in range(repeat):
        begin = time.monotonic()
        result = subprocess.run(command, env=environment(), cwd=inventory.parent, capture_output=True, text=True, check=False)
        taken.append(time.monotonic() - begin)
        if result.returncode or "SN" not in result.stdout:
            raise RuntimeError(f"{command} ended with {result.returncode}: {result.stdout[-500:]}{result.stderr[-3000:]}")
    return statistics.median(taken)


@contextlib.contextmanager
def databases():
    """URLs of two empty registries by the name of their database, and a directory, for the time of a ``with`` block."""
    with tempfile.TemporaryDirectory(prefix="rackwright-bench-") as directory, postgresql.server() as server:
        yield {"SQLite": f"sqlite:///{directory}/registry.db", "PostgreSQL": server.new_database()}, pathlib.Path(directory)


def inventory_part(options):
    """Loading all nodes, beside a static inventory."""
    with databases() as (urls, directory):
        return inventory_figures(urls, directory, options.quick)


def inventory_figures(urls, directory, quick):
    count, repeat = (500, 1) if quick else (10000, 3)
    last = machine(count - 1)["name"]
    figures = []
    for database, url in urls.items():
        figures.append(figure(f"{database}: enrolment of {count} nodes in one task", fill(url, count), "s"))
        (directory / database).mkdir()
        (directory / database / "nodes.yml").write_text(yaml.safe_dump({"plugin": "rackwright.baremetal.nodes", "registry": url}))
        (directory / database / "constructed.nodes.yml").write_text(yaml.safe_dump({
            "plugin": "rackwright.baremetal.nodes", "registry": url, "keyed_groups": [{"key": "baremetal.owner", "prefix": "owner"}],
            "compose": {"bmc_host": "baremetal.bmc.address"}, "filters": [{"exclude": "baremetal.retired"}]}))
    static = directory / "static" / "hosts.yml"
    static.parent.mkdir()
    static_inventory(nodes.list_nodes(open_registry(next(iter(urls.values())))), static)
    # Once: it takes minutes, and the plugin does not come near it.
    static_time = load_time(static, last, 1)
    figures.append(figure(f"static YAML inventory of {count} hosts", static_time, "s"))
    for database in urls:
        own = load_time(directory / database / "nodes.yml", last, repeat)
        figures.append(figure(f"{database}: inventory of {count} nodes", own, "s"))
        figures.append(figure(f"{database}: inventory, times a static one", own / static_time, "x", None if quick else 2))
        own = load_time(directory / database / "constructed.nodes.yml", last, 1)
        figures.append(figure(f"{database}: with a filter, a keyed group and a composed variable", own / static_time, "x"))
    return figures


def contention_part(options):
    """Eight controllers and 200 nodes; what must hold is checked, and an error ends the benchmark."""
    seconds = 5 if options.quick else 60
    figures = []
    with databases() as (urls, _directory):
        for database, url in urls.items():
            done = contention.fight(url, 8, contention.enrol(url, 200), seconds=seconds)
            figures.append(figure(f"{database}: transitions of 8 controllers that fight for 200 nodes", done["transitions"] / seconds, "per s"))
            figures.append(figure(f"{database}: verbs refused because another controller holds the node", done["refused"] / seconds, "per s"))
    return figures


def fleet_part(options):
    """Many nodes through the life cycle; a node that is not where it should be ends the benchmark."""
    return fleet_of_nodes.measure(options.nodes or (20 if options.quick else fleet_of_nodes.PROMISED))


PARTS = {"inventory": inventory_part, "contention": contention_part, "fleet": fleet_part}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", default=os.environ.get("RACKWRIGHT_BENCH") == "quick")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--nodes", type=int, help="of the part fleet; default: 1000, with --quick 20")
    given = parser.parse_args()
    # A part alone has a file of its own, so that it does not stand for the whole.
    sys.exit(report(f"lifecycle-{given.part}" if given.part else "lifecycle",
                    [row for name in ([given.part] if given.part else PARTS) for row in PARTS[name](given)]))
