# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the molecule scenarios, all of them or those that are named, from the root of the collection; `make molecule` does it.

Scenarios with a state that they share (boot_server) run in a container, made by the scenario default. The others each get a site of two simulated
nodes of their own, see tests/simulators/lab.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish

HERE = Path(__file__).resolve().parent
# A disk with one partition of 1 MiB.
SMALL_IMAGE = bytes(446) + bytes.fromhex("00000000 83000000 00080000 00080000") + bytes(48) + b"\x55\xaa" + bytes((2 << 20) - 512)
CONTAINER_TOOLS = ("podman", "mmdebstrap", "qemu-system-x86_64")


def molecule(name, environment):
    """Run a scenario; gives whether it passed."""
    began = time.monotonic()
    passed = subprocess.run(["molecule", "test", "--scenario-name", name], cwd=HERE.parents[1], env=environment, check=False).returncode == 0
    print(f"molecule: {name}: {'passed' if passed else 'FAILED'}, {time.monotonic() - began:.0f} s", flush=True)
    return passed


def on_nodes(name):
    """Run a scenario on simulated nodes."""
    with lab(2) as site:
        publish(open_registry(site.registry), images)
        folder = site.boot_root / "http/images/system"
        folder.mkdir(parents=True)
        for part in ("kernel", "initrd"):
            (folder / part).write_text(part)
        (site.directory / "small.img").write_bytes(SMALL_IMAGE)
        (site.directory / "small.img.sha256").write_text(f"{hashlib.sha256(SMALL_IMAGE).hexdigest()}  small.img\n")
        for node in site.names:
            site.fill_disk(node, {"data": "of somebody"})
        return molecule(name, site.environment(RACKWRIGHT_LAB=str(site.directory)))


def in_container(name):
    """Run a scenario in a container; where there can be none it says so and is content."""
    missing = [tool for tool in CONTAINER_TOOLS if not shutil.which(tool)]
    if missing or subprocess.run(["podman", "info"], stdout=subprocess.DEVNULL, check=False).returncode:
        print(f"molecule: {name}: skipped, {', '.join(missing) or 'podman'} {'is not installed' if missing else 'does not work on this machine'}")
        return True
    return molecule(name, dict(os.environ))


def main(names):
    """Run them; the exit code is that of the process."""
    found = {path.parent.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(HERE.glob("*/molecule.yml"))}
    del found["default"]
    if set(names) - set(found):
        sys.exit(f"molecule: there is no scenario {', '.join(sorted(set(names) - set(found)))}. There are: {', '.join(found)}")
    failed = [name for name in names or found if not (in_container if found[name].get("shared_state") else on_nodes)(name)]
    sys.exit(f"molecule: failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
