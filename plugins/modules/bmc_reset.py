#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_reset
short_description: Restart a node's BMC and wait until it is back
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Restarts the BMC. The machine itself goes on running.
  - The BMC must have been away, or tell a later start of itself, and then answer again as a whole, with its service and the system, twice
    in a row. For the first 30 seconds it is not believed to be back, because a BMC answers until it really goes away.
  - A start that moves by a few seconds, or that lies before the restart by the BMC's own clock, is no proof. Some BMCs compute it at each look.
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
      - The BMC is asked whether it offers a restart; it is not restarted.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - A restart is an event and no state, so that every run restarts the BMC and reports a change.
options:
  kind:
    description:
      - V(graceful) lets the BMC end what it does, V(forced) does not. A BMC that offers only the other kind gets that one, which is a
        warning.
      - Over IPMI V(graceful) is the warm reset and V(forced) the cold reset. A warm reset may be too short to be seen, which is a warning.
    type: str
    choices: [graceful, forced]
    default: graceful
  timeout:
    description: Seconds until the BMC must be back.
    type: int
    default: 600
seealso:
  - module: rackwright.baremetal.bmc_info
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Restart a BMC that does not eject its medium
  rackwright.baremetal.bmc_reset:

- name: Restart the BMCs of a rack five at a time, whatever they are doing
  rackwright.baremetal.bmc_reset:
    kind: forced
  throttle: 5
"""

RETURN = r"""
kind:
  description: How the BMC was restarted.
  returned: success
  type: str
  sample: graceful
seconds:
  description: How long it took until the BMC was back; V(0) in check mode.
  returned: success
  type: int
  sample: 94
proof:
  description:
    - How the restart was seen. V(away) when the BMC did not answer in between, V(uptime) when it tells a later start of itself.
    - Nothing in check mode, and after a warm reset that could not be seen.
  returned: success
  type: str
  sample: away
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
from ..module_utils._doors.bmc_reset import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
