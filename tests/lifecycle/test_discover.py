# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Discovery: the real playbook on machines that call in, known, not known and in between."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.caller import Caller, opened
from ansible_collections.rackwright.baremetal.tests.simulators.lab import PASSWORD, lab
from ansible_collections.rackwright.baremetal.tests.simulators.machine import Machine


@pytest.fixture(scope="module", name="site")
def _site():
    with lab(2) as site:
        code, output = site.play("enroll")
        assert code == 0, output
        yield site


def known(site):
    return {node["name"]: node for node in nodes.list_nodes(open_registry(site.registry))}


def discover(site, *arguments, **variables):
    code, output = site.play("discover", "-e", json.dumps({"discover_wait": 0, **variables}), *arguments)
    return code, " ".join(output.split())


def test_machines_are_enrolled_known_or_told(site):
    boot_root = opened(site.directory)
    before = known(site)
    # The first node; a new one; one with the second node's card and another serial number; and one that lies about who it is.
    first, new, mixed, liar = callers = [
        Caller(boot_root, 1), Caller(boot_root, 3, bmc="198.51.100.3"), Caller(boot_root, 4, mac=Machine(1).mac(0)), Caller(boot_root, 5)]
    liar._hardware["interfaces"] = [{"mac_address": "02:5a:00:00:99:99", "permanent_mac": None}]
    for caller in callers:
        caller.call()
    variables = {
        "discover_name": "server-{{ hardware.system.serial | lower }}", "discover_count": 4, "discover_wait": 60,
        "discover_node": {"rack": "rack2", "bmc": {"username": "admin", "password": {"file": str(site.directory / "password")}}},
        "discover_rules": [{"name": "rack", "when": ["node.rack == 'rack2'", "hardware.cpu.count == 8"], "traits": ["CUSTOM_NEW"]}]}
    code, told = discover(site, "--check", "--diff", **variables)
    assert code != 0 and '"serial": "SIM000002"' in told and "enrolled as server-sim000002" in told, told
    assert known(site) == before and [caller.runs() for caller in callers] == ["ramdisk"] * 4

    code, told = discover(site, **variables)
    assert code != 0 and PASSWORD not in told
    assert f"{first.mac}: it is node node1 (enroll), by its serial number SIM000000, MAC address {first.mac}" in told
    assert f"node2 has its MAC address {mixed.mac}, and yet the machine has serial number SIM000003 and not SIM000001" in told
    assert "this is not the machine, or not the boot, that called in; nothing was written. Seen: nonce" in told
    after = known(site)
    node = after.pop("server-sim000002")
    assert after == before
    assert {key: node[key] for key in ("provision_state", "rack", "driver", "bmc", "boot_mac", "serial", "boot_mode", "traits")} == {
        "provision_state": "enroll", "rack": "rack2", "driver": "auto", "bmc": {"address": "198.51.100.3", "username": "admin"}, "boot_mac": new.mac,
        "serial": "SIM000002", "boot_mode": "uefi", "traits": ["CUSTOM_NEW"]}
    assert node["properties"]["memory_mb"] == 16384 and node["inspection_finished_at"]
    # Who is a riddle stays for whoever looks at it.
    assert [caller.runs() for caller in callers] == [None, None, "ramdisk", "ramdisk"]


def test_a_machine_that_calls_again_is_known(site):
    for number in (1, 3, 4, 5):
        Caller(site.boot_root, number, mac=Machine(1).mac(0) if number == 4 else None).leave()
    again = Caller(site.boot_root, 3, bmc="198.51.100.3")
    again.call()
    before = known(site)
    code, told = discover(site, discover_power_off=False, discover_update_known=True)
    assert code == 0 and "machines that nobody knows: 02:5a:00:00:00:02 (198.18.9.3) has called\"" in told, told
    assert "it is node server-sim000002 (enroll)" in told, told
    after = known(site)
    assert after["server-sim000002"]["inspection_finished_at"] > before["server-sim000002"]["inspection_finished_at"]
    assert again.runs() == "ramdisk" and list(after) == list(before)
