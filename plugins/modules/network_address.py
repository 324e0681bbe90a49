#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network_address
short_description: Give a node an address of a network
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Sees to it that a node has an address of a network that M(rackwright.baremetal.network) declared, the lowest that is free when none is asked for.
  - Several may ask at the same time; no address is given twice. Addresses of hardware files, gateways and reserved ones are given to nobody.
  - An address of a provisioning network becomes C(address) of the node's record, with which it boots. A node to which the hardware file gives one
    keeps that.
  - An address of a tenant network is given to a node in C(available), or with an instance. It is released when the cleaning after an undeploy has
    ended; any address, when the record of the node is removed.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
  - rackwright.baremetal.node
attributes:
  check_mode:
    support: full
    details:
      - It tells the address that would be given, and keeps none.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A node keeps the address that it has, unless another one is asked for.
options:
  network:
    description: Name of the network.
    type: str
    required: true
  link:
    description: What carries the address, for a node with several addresses in a tenant network, one for each of its links.
    type: str
    default: ""
  address:
    description: The address that it is to be.
    type: str
  state:
    description:
      - Whether the node has an address. One that an instance uses is neither taken back nor exchanged, unless the node is in maintenance.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - netaddr (Python package) on the controller
seealso:
  - module: rackwright.baremetal.network
  - module: rackwright.baremetal.network_info
"""

EXAMPLES = r"""
- name: Give the node an address to boot with
  rackwright.baremetal.network_address:
    name: server1
    network: boot

- name: Give it a certain one for its instance
  rackwright.baremetal.network_address:
    name: server1
    network: web
    address: 2001:db8:7::80
"""

RETURN = r"""
address:
  description: The address that the node has now, or in check mode would have; nothing with O(state=absent).
  type: str
  returned: success
  sample: 192.0.2.100
network:
  description: The network; nothing with O(state=absent).
  type: dict
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
  sample:
    name: boot
    type: provisioning
    cidr: 192.0.2.0/24
"""

from ..module_utils._door import module_main
from ..module_utils._doors.network_address import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
