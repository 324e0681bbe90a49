#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: switch_port_info
short_description: Tell which VLANs the switch ports of a node belong into
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Looks at the C(local_link_connection) of the node's ports and at the networks that are declared, and asks no switch.
  - The role C(switch_port) does what this tells. A node that another run holds is refused, and so is the provisioning network for a node whose
    provision state is C(active), unless it is switched off before.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.node
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
  network_type:
    description:
      - With V(provisioning) the ports with C(pxe_enabled) belong into the VLAN of the provisioning network that the node's address is in, and its other
        ports into none.
      - With V(tenant) the ports belong into the networks of O(network_layout), and ports on which it has no network into none.
    type: str
    choices: [provisioning, tenant]
    required: true
  power_off:
    description:
      - Whether the node is switched off before its ports are changed, unless it has to stay on (RV(stays_on)).
      - Without it the provisioning network is refused for a node whose provision state is C(active), for its tenant's system runs.
    type: bool
    default: false
  network_layout:
    description: How the node is wired, as O(rackwright.baremetal.provision_state#module:network_layout) takes it.
    type: list
    elements: dict
    default: []
  switches:
    description:
      - How each switch is changed, by the C(switch_info) of C(local_link_connection), or by C(switch_id) where there is none.
      - Each has C(interface), which is V(linux-bridge), V(openvswitch) or the name of a role, and may have C(host) that the tasks are delegated to
        (the name of the switch), C(tasks_from) (V(main)) and C(settings).
    type: dict
    required: true
requirements:
  - netaddr and jsonschema (Python packages) on the controller
seealso:
  - module: rackwright.baremetal.switch_port
  - module: rackwright.baremetal.network
"""

EXAMPLES = r"""
- name: See where the ports belong while the node is deployed
  rackwright.baremetal.switch_port_info:
    network_type: provisioning
    power_off: true
    switches:
      leaf1:
        interface: linux-bridge
"""

RETURN = r"""
ports:
  description: The switch ports that the node is wired to.
  type: list
  elements: dict
  returned: success
  contains:
    switch:
      description: The switch, as the hardware file calls it.
      type: str
      returned: always
    port:
      description: The port, C(port_id) of the hardware file.
      type: str
      returned: always
    mac:
      description: MAC addresses of the ports of the node that are wired to it.
      type: list
      elements: str
      returned: always
    vlan:
      description: VLAN of frames without a tag, or nothing.
      type: int
      returned: always
    trunk_vlans:
      description: VLANs of frames with a tag.
      type: list
      elements: int
      returned: always
    state:
      description: V(absent) for a port that belongs into no VLAN, else V(present).
      type: str
      returned: always
    interface:
      description: How the switch is changed.
      type: str
      returned: always
    host:
      description: The host that this is delegated to.
      type: str
      returned: always
    role:
      description: The role that does it.
      type: str
      returned: always
    tasks_from:
      description: The tasks file of the role.
      type: str
      returned: always
    settings:
      description: What the site says to that role.
      type: dict
      returned: always
  sample:
    - switch: leaf1
      port: swp7
      mac: ["52:54:00:00:00:01"]
      vlan: 10
      trunk_vlans: []
      state: present
      interface: linux-bridge
      host: leaf1
      role: rackwright.baremetal.switch_port
      tasks_from: linux
      settings: {}
stays_on:
  description: Whether the node cannot be switched off, because it must stay on (C(disable_power_off)) or has no BMC.
  type: bool
  returned: success
"""

from ..module_utils._door import module_main
from ..module_utils._doors.switch_port_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
