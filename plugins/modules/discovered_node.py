#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: discovered_node
short_description: Enrol a machine that nobody knows, or tell which node it is
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Looks for everything that a machine shows among all nodes, which is its system UUID (in either byte order), its serial number, its MAC addresses
    and the address of its BMC. What stands in a field that nobody filled in, C(To be filled by O.E.M.) for instance, is nobody's.
  - A machine of which nobody has anything is enrolled, and its inspection is kept.
  - A machine that is one node by everything that both it and the record of the node tell is that node; nothing is changed, unless O(update) is set.
  - Anything else is a conflict, which fails and names the nodes. Nothing is written, and nothing is guessed.
  - A BMC that the record of a node reaches by a name, through the port of a gateway or over a bridge is not compared.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(update) the inspection of a machine that is known is kept anew.
options:
  hardware:
    description: What M(rackwright.baremetal.hardware_info) returned as C(hardware) on the machine.
    type: dict
    required: true
  mac:
    description: MAC address of the card that the machine booted from, as M(rackwright.baremetal.discovered_info) tells it. It becomes its port.
    type: str
    required: true
  nonce:
    description: Nonce of the discovery. Hardware of another boot is refused.
    type: str
    required: true
  node:
    description:
      - What the record of a new node says beside what the machine tells, with the keys that M(rackwright.baremetal.node) describes. What is given
        counts, and of C(bmc) each key for itself.
      - The machine tells C(ports), C(system_uuid), C(serial), C(boot_mode) and the address of the C(bmc). Without C(driver) it is V(auto), or
        V(manual) where the machine tells of no BMC. Without C(name) it is the serial number, or C(mac-) and the MAC address.
    type: dict
    default: {}
  inspection_rules:
    description:
      - Rules by which more follows from the hardware; the role P(rackwright.baremetal.inspect#role) describes them. Their conditions and expressions
        see the variables of the task.
    type: list
    elements: dict
    default: []
  provisioning_network:
    description: A declared network of which a new node gets an address to boot with, as for M(rackwright.baremetal.node).
    type: str
  update:
    description: Whether the inspection of a machine that is known is kept. Of a node that carries an instance, or that a run works on, it never is.
    type: bool
    default: false
seealso:
  - module: rackwright.baremetal.discovered_info
  - module: rackwright.baremetal.node
"""

EXAMPLES = r"""
- name: Enrol the machine if nobody knows it
  rackwright.baremetal.discovered_node:
    hardware: "{{ seen.hardware }}"
    mac: "52:54:00:00:02:99"
    nonce: "{{ discovery.nonce }}"
    node:
      rack: rack3
      bmc:
        username: admin
        password:
          env: BMC_PASSWORD
"""

RETURN = r"""
verdict:
  description: V(enrolled), or V(known) for a machine that is a node already.
  returned: success
  type: str
name:
  description: Name of the node.
  returned: success
  type: str
told:
  description: The verdict and what it rests on, for a person.
  returned: success
  type: str
  sample: it is node node1 (manageable), by its serial number SN1, MAC address 52:54:00:00:00:01
in_use:
  description: Whether the node carries an instance, or a run works on it.
  returned: success
  type: bool
node:
  description: The record of the node, as M(rackwright.baremetal.node_info) returns it.
  returned: success
  type: dict
rules:
  description: Names of the rules that held.
  returned: when an inspection is kept
  type: list
  elements: str
drift:
  description: What has changed since the inspection before, as in M(rackwright.baremetal.provision_state).
  returned: when the inspection of a known machine is kept
  type: list
  elements: dict
"""

from ..module_utils._door import module_main
from ..module_utils._doors.discovered_node import DOOR


def main():
    """The module's entry."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
