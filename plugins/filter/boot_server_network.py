# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from jinja2 import Undefined

DOCUMENTATION = r"""
name: boot_server_network
short_description: The network of the nodes that a boot server boots
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Network, gateway and name servers of the role P(rackwright.baremetal.boot_server#role), for a ramdisk that asks no DHCP server.
  - One look at the variables of the boot server, which Ansible puts together anew at every look, for all three.
options:
  _input:
    description:
      - Variables of the boot server, of which O(rackwright.baremetal.boot_server#role:main:boot_server_network),
        O(rackwright.baremetal.boot_server#role:main:boot_server_gateway) and O(rackwright.baremetal.boot_server#role:main:boot_server_dns) are
        looked at.
    type: dict
    required: true
  network:
    description: Network of a node that is in another one, in CIDR form. When not given, the boot server's.
    type: str
  gateway:
    description: The router there, or empty. When not given, the boot server's.
    type: str
  dns:
    description: Name servers of a node that has others. When not given, the boot server's.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Say which network the nodes are in
  ansible.builtin.debug:
    msg: "{{ (hostvars[groups['boot_servers'][0]] | rackwright.baremetal.boot_server_network).network }}"
"""

RETURN = r"""
_value:
  description: C(network), C(gateway) and C(dns), empty where nothing says them, or what says them rests on something that is not defined.
  type: dict
  sample: {network: 192.0.2.0/24, gateway: 192.0.2.254, dns: [192.0.2.53]}
"""


def boot_server_network(variables, network=None, gateway=None, dns=None):
    """Return network, gateway and name servers; see DOCUMENTATION."""
    given = {"network": network, "gateway": gateway, "dns": dns}
    empty = {"network": "", "gateway": "", "dns": []}
    found = {key: variables.get(f"boot_server_{key}") if value is None else value for key, value in given.items()}
    # A variable may rest on something that is not defined, and be needed by no node that boots with DHCP.
    return {key: empty[key] if value is None or isinstance(value, Undefined) else value for key, value in found.items()}


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"boot_server_network": boot_server_network}
