#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_server_info
short_description: Which DHCP servers there are in a network
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Asks for an address as a machine does that wants to boot by PXE, and listens for offers, also for those of proxy servers. Nothing is accepted, so
    an offer runs out by itself.
  - Listens meanwhile for what servers answer to others, and for clients that tell whose offer they take.
  - Runs on a host with an interface in that network, as root. It does not need the DHCP client's port, and nothing is configured on the interface.
  - Only frames without a VLAN tag are looked at.
  - A server that does not belong there does not fail the task.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - It asks and listens in check mode too.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  interface:
    description: Name of the network interface.
    type: str
    required: true
  own:
    description: Addresses of the DHCP servers that belong there, as server identifier or as sender.
    type: list
    elements: str
    default: []
  mac:
    description:
      - MAC address to ask with, for instance that of a node. When not given, a new one each time that is locally administered.
      - The switch learns it. Where a port takes known addresses only, give the one of the interface.
    type: str
  netns:
    description: Name of the network namespace of O(interface), as C(ip netns) knows it.
    type: str
  timeout:
    description: Seconds to listen. It asks at the beginning and again after one and three seconds.
    type: int
    default: 5
seealso:
  - module: rackwright.baremetal.address_conflict_info
  - module: rackwright.baremetal.preflight_info
"""

EXAMPLES = r"""
- name: Look for other DHCP servers in the provisioning network
  rackwright.baremetal.dhcp_server_info:
    interface: eno2
    own: [192.0.2.1]
  delegate_to: boot1.example.com
  run_once: true
  register: dhcp

- name: Go on only when there is none
  ansible.builtin.assert:
    that: dhcp.foreign == []
  run_once: true
"""

RETURN = r"""
foreign:
  description: The servers that are not in O(own).
  type: list
  elements: str
  returned: success
  sample: [192.0.2.250]
servers:
  description: All servers that were heard.
  type: list
  elements: dict
  returned: success
  contains:
    server:
      description: Server identifier, or the address of the sender where there was none.
      type: str
      returned: always
    address:
      description: IP address of the sender, which may be a relay.
      type: str
      returned: always
    mac:
      description: MAC address of the sender; V(none) where a client told of the server.
      type: str
      returned: always
    offered:
      description: Address that was offered.
      type: str
      returned: always
    next_server:
      description: Server that the boot file is on.
      type: str
      returned: always
    boot_file:
      description: Boot file.
      type: str
      returned: always
    heard:
      description: What was heard of it, an V(offer), an V(acknowledgement) or a V(refusal), or the V(choice) of a client.
      type: str
      returned: always
    own:
      description: Whether it is in O(own).
      type: bool
      returned: always
  sample:
    - server: 192.0.2.250
      address: 192.0.2.250
      mac: 02:00:00:00:00:fa
      offered: 192.0.2.77
      next_server: 192.0.2.250
      boot_file: pxelinux.0
      heard: offer
      own: false
checks:
  description: One check, C(dhcp), in the form of M(rackwright.baremetal.preflight_info).
  type: list
  elements: dict
  returned: success
"""

from ..module_utils._door import module_main
from ..module_utils._doors.dhcp_server_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
