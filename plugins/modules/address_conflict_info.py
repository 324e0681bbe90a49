#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address_conflict_info
short_description: Whether somebody else has the addresses of nodes
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Asks by ARP who has the IPv4 addresses with which nodes boot, and compares who answers with the MAC addresses of the nodes.
  - Runs on a host with an interface in that network, as root. A probe names no address of its own, so nothing learns anything from it, and nothing is
    configured on the interface.
  - Only frames without a VLAN tag are looked at.
  - An address that somebody else has does not fail the task.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - It asks in check mode too.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  interface:
    description: Name of the network interface.
    type: str
    required: true
  network:
    description: The network in CIDR form. Addresses that are not in it are not asked for.
    type: str
    required: true
  own:
    description: Address of the host itself. Nobody may answer for it.
    type: str
  names:
    description: Names of the only nodes to look at. When not given, all nodes of the registry are looked at.
    type: list
    elements: str
  nodes:
    description: The nodes to look at. When not given, they come from the registry.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      address:
        description: Address with which it boots.
        type: str
      macs:
        description: MAC addresses of its network cards, which may answer.
        type: list
        elements: str
        default: []
  netns:
    description: Name of the network namespace of O(interface), as C(ip netns) knows it.
    type: str
  timeout:
    description: Seconds to listen. It asks at the beginning and again after half a second and one and a half.
    type: int
    default: 3
seealso:
  - module: rackwright.baremetal.dhcp_server_info
  - module: rackwright.baremetal.preflight_info
"""

EXAMPLES = r"""
- name: Look for others with addresses of the nodes
  rackwright.baremetal.address_conflict_info:
    interface: eno2
    network: 192.0.2.0/24
    own: 192.0.2.1
  delegate_to: boot1.example.com
  run_once: true
  register: addresses

- name: Go on only when there are none
  ansible.builtin.assert:
    that: addresses.conflicts == []
  run_once: true
"""

RETURN = r"""
conflicts:
  description: Names of the nodes whose address somebody else has.
  type: list
  elements: str
  returned: success
  sample: [node2]
holders:
  description: Who answered, lists of MAC addresses by the address that was asked for.
  type: dict
  returned: success
  sample:
    192.0.2.12: [02:00:00:00:00:fa]
nodes:
  description: A check C(address) for each node, in the form of M(rackwright.baremetal.preflight_info), by its name.
  type: dict
  returned: success
checks:
  description: One check C(address) of O(own), in the same form; nothing without it.
  type: list
  elements: dict
  returned: success
"""

from ..module_utils._door import module_main
from ..module_utils._doors.address_conflict_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
