#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netboot_reservations
short_description: Have a boot server give the machines of nodes the addresses that the registry has for them
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes the DHCP reservation of every node that has an address and a port with C(pxe_enabled), without having it boot anything.
    M(rackwright.baremetal.netboot) does so for one node when that one is to boot.
  - A boot server that was installed anew knows no machine, and would give the systems that run there no address any more.
  - A reservation that says another address of the machine is changed. One of another machine that has the address still is taken back, and so is its lease;
    the registry has each address for one node only.
  - What does not say whose it is was not made by the collection. It stays, and a node that it stands in the way of is left out, with a warning.
  - What else is reserved stays, also for a machine that a node has no more, or for a node that boots from another boot server by now.
  - The role P(rackwright.baremetal.boot_server#role) uses it.
  - Runs where the files are. When the boot server is not the controller, use C(delegate_to) with the boot server.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  root:
    description: The C(boot_server_root) of the role P(rackwright.baremetal.boot_server#role).
    type: path
    default: /srv/rackwright
  nodes:
    description: Names of the nodes that boot from there. When not given, all of the registry.
    type: list
    elements: str
  reservations:
    description: What is to be reserved. When not given, it comes from the registry.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      mac:
        description: MAC address of the port that it boots from.
        type: str
        required: true
      address:
        description: Its address.
        type: str
        required: true
seealso:
  - module: rackwright.baremetal.netboot
  - module: rackwright.baremetal.netboot_cleanup
"""

EXAMPLES = r"""
- name: Have a boot server that was installed anew know all machines
  rackwright.baremetal.netboot_reservations:
  delegate_to: boot1.example.com
  run_once: true
"""

RETURN = r"""
nodes:
  description: Whose reservation was written.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node.
      type: str
      returned: always
    mac:
      description: MAC address of its machine.
      type: str
      returned: always
    address:
      description: Its address.
      type: str
      returned: always
  sample:
    - name: node9
      mac: "52:54:00:00:02:19"
      address: 192.0.2.19
"""

from ..module_utils._door import module_main
from ..module_utils._doors.netboot_reservations import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
