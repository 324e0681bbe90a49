#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: network
short_description: Declare networks in the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings the registry to what is declared of networks, once for all that work with them. All of them are checked before the first one is written.
    Networks that are not named are left alone.
  - M(rackwright.baremetal.network_address) gives nodes addresses of them, and so do M(rackwright.baremetal.node) and a deploy.
  - Networks that overlap are refused, and so is a change after which a node would have an address that does not fit.
  - No switch and no machine is touched.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows field by field what changes in each network.
  idempotent:
    support: full
options:
  networks:
    description:
      - The networks. What is left out of one is empty. To remove one its name is enough.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the network, letters and digits with C(-), C(_) and C(.) between them.
        type: str
        required: true
      type:
        description:
          - An address of a V(provisioning) network is the one that a node boots with and keeps. Of an IPv6 network, whose prefix has 64 to 120 bits,
            each node has sixteen, and this is the first of them. None of them is a BMC's, as far as the registry knows.
          - An address of a V(tenant) network belongs to what is deployed on the node. The end of the cleaning after an undeploy releases it.
          - Needed unless the network is removed.
        type: str
        choices: [provisioning, tenant]
      cidr:
        description: The network, for example V(192.0.2.0/24) or V(2001:db8::/64). Needed unless the network is removed.
        type: str
      vlan:
        description: Its VLAN, V(1) to V(4094), where it is tagged.
        type: int
      gateway:
        description: Router to all other networks, a host of O(networks[].cidr) or a link-local address of IPv6. It is given to no node.
        type: str
      dns_nameservers:
        description: Addresses of name servers.
        type: list
        elements: str
      mtu:
        description: Largest packet in bytes.
        type: int
      ranges:
        description:
          - From which addresses are given to nodes that ask for none in particular. All hosts of the network when it is empty.
          - An address that is asked for may be outside of them.
        type: list
        elements: dict
        suboptions:
          start:
            description: First address of the range.
            type: str
            required: true
          end:
            description: Last address of the range.
            type: str
            required: true
      reserved:
        description: Addresses and networks (V(192.0.2.1), V(192.0.2.0/28)) of other machines, the boot server among them. No node gets or may have one.
        type: list
        elements: str
      state:
        description:
          - Whether this network is in the registry. By default what O(state) says.
          - Networks are removed before others are written, so that one can take the place of another one.
        type: str
        choices: [present, absent]
  state:
    description: Whether the networks are in the registry. One of which a node was given an address cannot be removed.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - netaddr (Python package) on the controller
seealso:
  - module: rackwright.baremetal.network_info
  - module: rackwright.baremetal.network_address
"""

EXAMPLES = r"""
- name: Declare the networks of a site
  rackwright.baremetal.network:
    registry: sqlite:////tmp/registry.db
    networks:
      - name: boot
        type: provisioning
        cidr: 192.0.2.0/24
        gateway: 192.0.2.254
        ranges:
          - start: 192.0.2.100
            end: 192.0.2.199
        reserved:
          - 192.0.2.1
      - name: web
        type: tenant
        cidr: 2001:db8:7::/64
        vlan: 7
        gateway: 2001:db8:7::1
        dns_nameservers:
          - 2001:db8::53
        mtu: 9000

- name: Let another one take its place
  rackwright.baremetal.network:
    registry: sqlite:////tmp/registry.db
    networks:
      - name: web
        state: absent
      - name: public
        type: tenant
        cidr: 2001:db8:7::/64

- name: Forget one
  rackwright.baremetal.network:
    registry: sqlite:////tmp/registry.db
    networks:
      - name: public
    state: absent
"""

RETURN = r"""
networks:
  description: What happened to each network.
  type: list
  elements: dict
  returned: success
  sample:
    - name: boot
      changed: true
"""

from ..module_utils._door import module_main
from ..module_utils._doors.network import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
