# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..module_utils._boot import networks
from ..module_utils._errors import BaremetalError

DOCUMENTATION = r"""
name: boot_networks
short_description: Check the networks of a boot server, and complete them
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - For the role P(rackwright.baremetal.boot_server#role).
  - Fails for a network that does not make sense, for instance when two overlap or a gateway is not in its network, and for
    networks that one boot server cannot serve together.
options:
  _input:
    description:
      - Dictionaries with C(network) in CIDR form, and where they apply C(interface), C(address), C(gateway), C(dns),
        C(ipv6_address_mode) and C(router_advertisements), as in the option O(rackwright.baremetal.boot_server#role:main:boot_server_further_networks).
    type: list
    elements: dict
    required: true
  proxy:
    description: Whether another DHCP server gives the addresses.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the network mask
  ansible.builtin.debug:
    msg: "{{ ([{'network': '192.0.2.0/24'}] | rackwright.baremetal.boot_networks | first).netmask }}"
"""

RETURN = r"""
_value:
  description: The same dictionaries, with all of these keys and C(tag), C(first), C(netmask), C(prefix), C(version), C(host), C(range_mode).
  type: list
  elements: dict
"""


def boot_networks(given, proxy=False):
    """Return the networks, complete; see DOCUMENTATION."""
    try:
        return networks.plan(given, proxy=proxy)
    except BaremetalError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"boot_networks": boot_networks}
