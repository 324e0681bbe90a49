# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that boots the ramdisk more than once, on a machine that takes its time: each boot has its own host key and its own time."""

from __future__ import annotations

import json

from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab


def test_a_reboot_and_a_hold_between_steps_in_the_ramdisk():
    steps = [{"step": name} for name in ("deploy.erase_devices_metadata", "reboot", "deploy.erase_devices_metadata", "hold",
                                         "deploy.erase_devices_metadata")]
    # Longer than from the end of the power change to the first look for a call.
    with lab(1, boot_seconds=5) as site:
        for playbook, end in (("enroll", "enroll"), ("manage", "manageable"), ("clean", "clean hold"), ("unhold", "clean wait"), ("clean", "manageable")):
            code, output = site.play(playbook, "-e", json.dumps({"clean_steps": steps}))
            node = nodes.get(open_registry(site.registry), "node1")
            assert (code, node["provision_state"]) == (0, end), output
        assert [boot["target"] for boot in site.simulator.show(0)["boots"]] == ["Pxe", "Hdd", "Pxe", "Pxe"]
        calls = [line for line in (site.boot_root / "log/http.log").read_text().splitlines() if "/ssh?hostkey=" in line]
        assert len(set(calls)) == 3
