#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: power_sync
short_description: Compare the recorded power state with the real one
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads the power state from the BMC and brings the registry in line with it, or the machine in line with the registry.
  - A node is left alone while a run works on it, while it is between two provision states, held, in C(enroll) or in C(adopt failed), when an
    operator put it into maintenance, when it has another fault, and when its driver is V(manual). Its BMC is not asked then.
  - A machine that is between on and off is C(not settled), and never a difference.
  - A node whose power state could not be read or corrected O(max_retries) times in a row goes into maintenance with the fault C(power failure).
    It is asked again each time, and taken out of maintenance when it answers. Maintenance that an operator began is never ended.
  - A difference, a fault and its end go into the history of the node, as event C(power sync).
  - Safe to run from a timer, also twice at the same moment.
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
      - BMCs are read. Machines and registry stay as they are.
  diff_mode:
    support: full
  idempotent:
    support: full
  delegation:
    support: none
    details:
      - It needs the registry at every step, which is at hand on the controller alone, so C(delegate_to) makes no difference.
options:
  force_power_state:
    description:
      - Whether a machine whose power state differs is powered on or off as recorded, under the lock of its node. Otherwise what the BMC tells is recorded.
      - A node that must not be powered off (C(disable_power_off)) is never powered off; what the BMC tells is recorded then.
    type: bool
    default: false
  max_retries:
    description: After how many failures in a row, one for each run, the node gets the fault C(power failure).
    type: int
    default: 3
  timeout:
    description: Seconds in which a machine must reach the recorded power state.
    type: int
    default: 120
seealso:
  - module: rackwright.baremetal.power
  - module: rackwright.baremetal.node_flags
"""

EXAMPLES = r"""
- name: Bring the registry in line with all machines of the play
  rackwright.baremetal.power_sync:
    nodes: "{{ ansible_play_hosts }}"
    fail_on: any
  run_once: true
"""

RETURN = r"""
outcome:
  description:
    - V(agrees); V(not settled); V(skipped), see RV(reason); V(recorded) and V(corrected) after a difference; V(failed) when the power state could
      not be read or corrected; V(fault) when the node has the fault C(power failure) for that.
    - The task fails with V(failed), and with V(fault) when the fault is new.
  type: str
  returned: when the BMC was asked or the node skipped
  sample: recorded
reason:
  description: Why the node was skipped.
  type: str
  returned: when the BMC was asked or the node skipped
  sample: in maintenance
power_state:
  description: The recorded power state now; in check mode, as it would be.
  type: str
  returned: when the BMC was asked or the node skipped
  sample: "on"
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
  sample:
    node1:
      changed: true
      outcome: recorded
      power_state: "on"
      reason:
failed_nodes:
  description: With O(nodes), the names of those that failed.
  returned: when O(nodes) was given
  type: list
  elements: str
  sample: [node2]
"""

from ..module_utils._door import module_main
from ..module_utils._doors.power_sync import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
