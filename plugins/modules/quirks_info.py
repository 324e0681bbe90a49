#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: quirks_info
short_description: Tell which rules for deviating boards hold for a node
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Boards deviate from their specifications. What is known of that is kept as rules, which match a board by its maker, its model and the
    firmware of its BMC, and which change how the other modules go about it.
  - This module tells which rules match a node and why, and which would if the BMC had another firmware.
  - A site adds rules of its own in a YAML file, which the environment variable E(RACKWRIGHT_QUIRKS) names, on the host that talks to the BMC.
    They have precedence. C(docs/bmc-quirks.md) describes the form.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.bmc
  - rackwright.baremetal.fleet
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
seealso:
  - module: rackwright.baremetal.bmc_info
"""

EXAMPLES = r"""
- name: See what is known of a node's board
  rackwright.baremetal.quirks_info:
  register: known

- name: Show it
  ansible.builtin.debug:
    msg: "{{ known.matching | map(attribute='why') }}"
"""

RETURN = r"""
facts:
  description: What the rules look at, nothing for what the BMC does not tell.
  returned: success
  type: dict
  sample:
    vendor: Dell Inc.
    model: PowerEdge R650
    system_type: "#ComputerSystem.v1_20_1.ComputerSystem"
    manager: 15G Monolithic
    firmware: 7.10.30.00
  contains:
    vendor:
      description: The maker of the machine; with IPMI the maker of the BMC.
      type: str
      returned: always
    model:
      description: The model of the machine.
      type: str
      returned: always
    system_type:
      description: With Redfish the schema of the system.
      type: str
      returned: always
    manager:
      description: With Redfish the model of the BMC.
      type: str
      returned: always
    firmware:
      description: The version of the BMC's firmware.
      type: str
      returned: always
matching:
  description: The rules that hold, the last one with the greatest weight.
  returned: success
  type: list
  elements: dict
  sample:
    - name: dell-serial
      match:
        driver: redfish
        vendor: ^Dell
      behaviours:
        serial_property: SKU
      why: SerialNumber is that of the board; the service tag that is on the label is SKU.
      source: R32; Launchpad bug 2146585
      file: dell.yml
  contains:
    name:
      description: Name of the rule.
      type: str
      returned: always
    match:
      description: What the rule looks at, by the names of that.
      type: dict
      returned: always
    behaviours:
      description: What it says, by the names of behaviours.
      type: dict
      returned: always
    why:
      description: What boards do without it.
      type: str
      returned: always
    source:
      description: Where this is known from.
      type: str
      returned: always
    file:
      description: The file that the rule stands in.
      type: str
      returned: always
near:
  description: The rules that would hold if the firmware of the BMC were in their range, each by the same keys as in RV(matching).
  returned: success
  type: list
  elements: dict
  sample: []
behaviours:
  description: What the rules come to, by the names of behaviours.
  returned: success
  type: dict
  sample:
    serial_property:
      value: SKU
      rule: dell-serial
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
  sample:
    node1:
      changed: false
    node2:
      changed: false
      failed: true
      msg: "node2: BMC connection: the BMC at https://192.0.2.12 does not answer. To do: check that the address is right."
      cause: "BMC connection: the BMC does not answer. To do: check that the address is right."
failed_nodes:
  description: With O(nodes), the names of those that failed.
  returned: when O(nodes) was given
  type: list
  elements: str
  sample: [node2]
"""

from ..module_utils._door import module_main
from ..module_utils._doors.quirks_info import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
