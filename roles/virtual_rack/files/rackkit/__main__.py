# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run one part of the rack's making: ``python3 -m rackkit PART [--check] < spec.json``.

The rack's description is read from standard input as JSON; the result is printed as JSON with
``changed`` and ``messages``. With ``--check`` nothing is changed.
"""

from __future__ import annotations

import argparse
import json
import sys

from . import accel, credentials, daemons, disks, machines, network, preflight, teardown, verify
from .ground import Rack, RackError

PARTS = {
    "preflight": preflight.check,
    "network": network.ensure,
    "accel": accel.choose,
    "credentials": credentials.ensure,
    "disks": disks.ensure,
    "libvirt": daemons.start_libvirt,
    "machines": machines.define,
    "bmcs": daemons.start_bmcs,
    "verify": verify.bmcs,
    "teardown": teardown.remove,
}


def main():
    """Read the description, run the part, print the result; an error goes to standard error."""
    parser = argparse.ArgumentParser(prog="rackkit")
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    try:
        result = PARTS[arguments.part](Rack(json.load(sys.stdin)), arguments.check)
    except RackError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
