# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from jinja2 import Undefined

DOCUMENTATION = r"""
name: boot_server_nodes
short_description: The nodes that boot from a boot server
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Goes by the variable O(rackwright.baremetal.ramdisk_boot#role:main:ramdisk_boot_server) of each node and looks at no other.
  - A node in which that rests on something that is not defined is left out.
options:
  _input:
    description: Names of nodes.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variables of all hosts.
    type: dict
    required: true
  server:
    description: Inventory name of the boot server.
    type: str
    required: true
  first:
    description: Name of the boot server of nodes without C(ramdisk_boot_server).
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show which nodes boot from here
  ansible.builtin.debug:
    msg: "{{ groups['baremetal'] | rackwright.baremetal.boot_server_nodes(hostvars, server=inventory_hostname, first=groups['boot_servers'] | first) }}"
"""

RETURN = r"""
_value:
  description: Their names, in the same order.
  type: list
  elements: str
  sample: [node1, node2]
"""


def boot_server_nodes(nodes, hostvars, server, first):
    """Return the nodes that boot from a boot server; see DOCUMENTATION."""
    chosen = {node: hostvars[node].get("ramdisk_boot_server") for node in nodes}
    return [node for node, name in chosen.items() if not isinstance(name, Undefined) and (name or first) == server]


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"boot_server_nodes": boot_server_nodes}
