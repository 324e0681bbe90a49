#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: indicator_led
short_description: Light the LED by which a node is found in the rack
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Has the indicator LED of a node on, off or blinking, and reads it back.
  - The LED of the system is used, and that of its chassis where the system has none.
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
      - The BMC is read and not told to do anything.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(duration) the time begins anew, which is a change. Over IPMI some BMCs do not tell the state, which is a warning and a
        change.
options:
  state:
    description:
      - V(blinking) is refused by IPMI, and by boards that only know a location indicator which is active or not. Some boards blink when it
        is V(on).
    type: str
    required: true
    choices: ["on", "off", blinking]
  duration:
    description: Seconds after which the LED goes out by itself, from 1 to 255, with O(state=on) over IPMI only.
    type: int
seealso:
  - module: rackwright.baremetal.bmc_info
"""

EXAMPLES = r"""
- name: Show the technician where the machine is
  rackwright.baremetal.indicator_led:
    state: "on"

- name: Put the LED out again
  rackwright.baremetal.indicator_led:
    state: "off"
"""

RETURN = r"""
indicator_led:
  description: What the BMC tells at the end, nothing when it does not tell; in check mode, what would be set.
  returned: success
  type: str
  sample: "on"
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
from ..module_utils._doors.indicator_led import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
