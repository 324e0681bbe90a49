#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: console_info
short_description: Read what consoles a node's BMC offers
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads which serial and graphical consoles and command shells there are, and by which protocol and port they are reached. No secret is
    among it.
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
options: {}
seealso:
  - module: rackwright.baremetal.console_capture
"""

EXAMPLES = r"""
- name: Read how the consoles are reached
  rackwright.baremetal.console_info:
  register: told

- name: Show the ports of those that are switched on
  ansible.builtin.debug:
    msg: "{{ told.consoles | selectattr('enabled') | map(attribute='connect') | flatten }}"
"""

RETURN = r"""
consoles:
  description: The consoles; none when the BMC tells of none.
  returned: success
  type: list
  elements: dict
  sample:
    - type: serial
      owner: system
      enabled: true
      max_sessions: 1
      sessions: null
      bit_rate: null
      connect:
        - protocol: SSH
          enabled: true
          port: 22
  contains:
    type:
      description: V(serial), V(graphical) or V(shell) (the BMC's own command line).
      type: str
      returned: always
    owner:
      description: Whether the V(system) or the V(bmc) tells of it; a BMC may tell of one console in both places.
      type: str
      returned: always
    enabled:
      description: Whether it is switched on, nothing when the BMC does not tell.
      type: bool
      returned: always
    max_sessions:
      description: How many sessions it takes at once, nothing when the BMC does not tell.
      type: int
      returned: always
    sessions:
      description: How many are open; only IPMI tells.
      type: int
      returned: always
    bit_rate:
      description: Bits per second of the serial line; only IPMI tells.
      type: int
      returned: always
    connect:
      description: The ways to it.
      type: list
      elements: dict
      returned: always
      contains:
        protocol:
          description: Protocol, as the BMC calls it.
          type: str
          returned: always
        enabled:
          description: Whether it is switched on; nothing when the BMC does not tell.
          type: bool
          returned: always
        port:
          description: Port; nothing when the BMC does not tell.
          type: int
          returned: always
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
from ..module_utils._doors.console_info import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
