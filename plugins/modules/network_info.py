#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_info
short_description: Read networks and their addresses from the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Returns which networks are declared, which node has which address of them, and how many are free.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is ever changed.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  names:
    description: Names of the networks; all when not given.
    type: list
    elements: str
requirements:
  - netaddr (Python package) on the controller
seealso:
  - module: rackwright.baremetal.network
"""

EXAMPLES = r"""
- name: See how full the boot network is
  rackwright.baremetal.network_info:
    registry: sqlite:////tmp/registry.db
  register: known
"""

RETURN = r"""
networks:
  description: The networks, by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the network.
      type: str
      returned: always
    type:
      description: V(provisioning) or V(tenant).
      type: str
      returned: always
    cidr:
      description: The network.
      type: str
      returned: always
    vlan:
      description: Its VLAN, or nothing.
      type: int
      returned: always
    gateway:
      description: Its router, or nothing.
      type: str
      returned: always
    dns_nameservers:
      description: Its name servers.
      type: list
      elements: str
      returned: always
    mtu:
      description: Its largest packet in bytes, or nothing.
      type: int
      returned: always
    ranges:
      description: From which addresses are given, dictionaries with C(start) and C(end).
      type: list
      elements: dict
      returned: always
    reserved:
      description: What is given to no node.
      type: list
      elements: str
      returned: always
    total:
      description: How many addresses its ranges have for nodes.
      type: int
      returned: always
    used:
      description: How many addresses of the network nodes have, also outside of its ranges.
      type: int
      returned: always
    free:
      description: How many addresses of its ranges nobody has.
      type: int
      returned: always
    addresses:
      description:
        - Which node has which C(address), in the order of the addresses. C(link) is empty for a node with one address in the network, and nothing
          for an address that the hardware file gives it.
      type: list
      elements: dict
      returned: always
  sample:
    - name: boot
      type: provisioning
      cidr: 192.0.2.0/24
      total: 100
      used: 1
      free: 99
      addresses:
        - address: 192.0.2.100
          node: server1
          link: ""
"""

from ..module_utils._door import module_main
from ..module_utils._doors.network_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
