#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netboot_cleanup
short_description: Remove from a boot server what it has of nodes that were removed from the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Removes DHCP reservations and boot files of nodes that the registry had and has no more. Their machines are then not known to the boot server, and
    discovery sees them.
  - A reservation stays where its MAC address is one of a node of the registry, and where the registry never heard of its node, as when
    M(rackwright.baremetal.netboot) made it without a registry, or no verb ever ran for the node.
  - A boot server belongs to one registry. What a second one has on it would be taken for left over when its nodes were in the first one before.
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
    description:
      - Names of nodes that were removed, or that boot from another boot server by now. When not given, those that were removed come from the registry.
    type: list
    elements: str
  macs:
    description: MAC addresses of machines that are left alone. Those of all nodes of the registry, where O(nodes) comes from it.
    type: list
    elements: str
    default: []
seealso:
  - module: rackwright.baremetal.netboot
  - module: rackwright.baremetal.node
"""

EXAMPLES = r"""
- name: Forget machines whose nodes are gone
  rackwright.baremetal.netboot_cleanup:
  delegate_to: boot1.example.com
  run_once: true
"""

RETURN = r"""
nodes:
  description: What was removed.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the node that it was of.
      type: str
      returned: always
    mac:
      description: MAC address of its machine.
      type: str
      returned: always
  sample:
    - name: node9
      mac: "52:54:00:00:02:19"
"""

from ..module_utils._door import module_main
from ..module_utils._doors.netboot_cleanup import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
