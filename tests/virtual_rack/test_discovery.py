# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine that nobody knows is switched on, discovered, enrolled and deployed (make rack-matrix)."""

from __future__ import annotations

import json

from steps import IMAGE, MACHINES, nodes, run, virsh

NAME = "stranger"


def test_a_machine_that_nobody_knows(available):
    machine = MACHINES[NAME]
    known = {
        "rack": machine["rack"], "driver": "redfish", "address": machine["address"], "root_device": {"serial": machine["disks"][0]["serial"]},
        "automated_clean": False,
        # A virtual machine cannot ask its BMC for its address.
        "bmc": {"address": machine["bmc_address"], "port": 443, "username": "admin", "password": {"file": f"{available.RACK}/secrets/{NAME}.password"},
                "ca_file": f"{available.RACK}/bmc-ca.pem", "system_id": machine["uuid"]}}
    try:
        available.playbook("boot_server.yml", "-e", "boot_server_discovery_range=192.0.2.200-192.0.2.219")
        virsh(available, "start", NAME)
        output = run(available, "discover.yml", "-e", json.dumps({"discover_wait": 600, "discover_count": 1, "discover_name": NAME, "discover_node": known}))
        assert f"nobody knew it, and it is enrolled as {NAME}" in output
        node = nodes(available)[NAME]
        assert (node["provision_state"], node["serial"], node["system_uuid"], node["boot_mode"]) == (
            "enroll", machine["serial"], machine["uuid"], machine["firmware"])
        assert [port["address"] for port in node["ports"]] == [machine["mac"]]
        available.playbook("boot_server.yml")
        run(available, "provide.yml", "-l", NAME)
        run(available, "deploy.yml", "-l", NAME, *IMAGE)
        assert nodes(available)[NAME]["provision_state"] == "active"
    finally:
        # Whether the registry knows it or not.
        if NAME in virsh(available, "list", "--name").split():
            virsh(available, "destroy", NAME)
        available.playbook("boot_server.yml")
