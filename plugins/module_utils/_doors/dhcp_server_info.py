# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of the dhcp_server_info module."""

from __future__ import annotations

from .._boot.dhcp_servers import find_servers
from .._checks import FAIL, OK, check
from .._door import Door


def run(call):
    """Ask and listen; runs on a host in the network."""
    params = call.params
    servers = find_servers(params["interface"], params["timeout"], mac=params["mac"], own=params["own"], netns=params["netns"])
    foreign = [server for server in servers if not server["own"]]
    return {"changed": False, "servers": servers, "foreign": [server["server"] for server in foreign], "checks": [_checked(params["interface"], foreign)]}


def _checked(interface, foreign):
    if not foreign:
        return check("dhcp", OK)
    return check("dhcp", FAIL, "; ".join(f"a DHCP server that is not ours on {interface}: {_shown(server)}" for server in foreign),
                 "switch it off, or keep it off this network; the switch that learned its MAC address tells the port. If it belongs there and does not "
                 "answer the nodes, add its address to preflight_dhcp_servers")


def _shown(server):
    parts = [server["server"]]
    if server["address"] not in (None, server["server"]):
        parts.append(f"by way of {server['address']}")
    parts.append(f"MAC {server['mac']}" if server["mac"] else "told by a client that takes its offer")
    if server["offered"]:
        parts.append(f"offers {server['offered']}")
    if server["boot_file"]:
        parts.append(f"boots {server['boot_file']}")
    return ", ".join(parts)


DOOR = Door(
    argument_spec={
        "interface": {"type": "str", "required": True},
        "own": {"type": "list", "elements": "str", "default": []},
        "mac": {"type": "str"},
        "netns": {"type": "str"},
        "timeout": {"type": "int", "default": 5},
    },
    run=run,
    names_node=False,
)
