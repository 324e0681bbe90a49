# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether the same inputs make the same bytes: the ramdisk and an image are built twice by their roles, in different directories and some time
apart, and what must not differ is compared.

The second build must find the same packages on the mirror.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import subprocess
import sys
import time

from support.figures import ROOT, figure, report

PLACE = ROOT / "build" / "bench" / "reproducible"
KINDS = ("ramdisk", "os_image")


def build(kind, name):
    """Build what a role builds.

    :param name: directory below build/bench/reproducible.
    :returns: the seconds that it took and the directory with its files.
    """
    place = PLACE / kind / name
    work = place / "work"
    subprocess.run(["rm", "-rf", str(place)], check=True)
    work.mkdir(parents=True)
    where = {"ramdisk_root": str(place), "os_image_dir": str(place / "images")}
    settings = {**where, "ramdisk_work": str(work), "os_image_work": str(work), "ramdisk_install_tools": False, "os_image_install_tools": False,
                "ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = place / "inventory.json"
    inventory.write_text(json.dumps({"boot_servers": {"hosts": {"localhost": None}, "vars": settings}}))
    start = time.monotonic()
    command = [sys.executable, "-m", "ansible", "playbook", "-i", str(inventory), f"rackwright.baremetal.{kind}", "--extra-vars", json.dumps(extra(kind))]
    subprocess.run(command, check=True)
    return time.monotonic() - start, pathlib.Path(place / "ramdisk/current").resolve() if kind == "ramdisk" else place / "images"


def extra(kind):
    """Variables from the command line: those of the role that begin with its name, as KEY=VALUE."""
    return dict(argument.partition("=")[::2] for argument in sys.argv[1:] if argument.startswith(f"{kind}_"))


def digests(folder):
    """SHA-256 of what must not differ: everything but the description, which tells when it was built."""
    files = (path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
            if path.name != "ramdisk.json" and not path.name.endswith((".qcow2.json", ".raw.json"))}


def measure():
    """Build each twice.

    :returns: list of figures.
    """
    figures = []
    for kind in KINDS:
        seconds, first = build(kind, "one")
        dummy, second = build(kind, "two")
        one, two = digests(first), digests(second)
        for name, digest in one.items():
            print(f"{kind} {name}: {digest} {'==' if two.get(name) == digest else '!='} {two.get(name)}", flush=True)
        differing = [name for name in one.keys() | two.keys() if one.get(name) != two.get(name)]
        figures += [figure(f"{kind}: files", len(one), "files"), figure(f"{kind}: of which differ", len(differing), "files", 0),
                    figure(f"{kind}: time of the first build", seconds, "s")]
    return figures


if __name__ == "__main__":
    sys.exit(report("reproducible", measure()))
