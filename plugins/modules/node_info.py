#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_info
short_description: Read nodes from the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Returns the records of nodes. Passwords are not among what it returns.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
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
  names:
    description: Names of the nodes; all nodes when not given.
    type: list
    elements: str
  history:
    description: Whether each record also carries the key C(history), all transitions of the node with who, run, duration and error.
    type: bool
    default: false
  inventory:
    description:
      - Whether each record also carries C(inventory), the hardware that inspections found, or C(null), and C(inspections).
      - C(inventory) has the form of C(docs/hardware.schema.json). What was seen in-band and what the BMC told are put together in it; where they
        differ, what was seen in-band counts.
      - C(inspections) holds, by source (C(in-band), C(out-of-band)), the time C(at) of the last inspection, that of the one before as C(previous),
        and C(drift), what had changed between them, a list of dictionaries with C(field), C(before) and C(after).
    type: bool
    default: false
seealso:
  - module: rackwright.baremetal.node
"""

EXAMPLES = r"""
- name: Read the nodes of a registry
  rackwright.baremetal.node_info:
    registry: sqlite:////tmp/registry.db
    history: true
  register: registered
"""

RETURN = r"""
nodes:
  description:
    - The records, by name. Each has the keys that M(rackwright.baremetal.node) takes (without the password in C(bmc)), and boot_mac,
      provision_state, target_provision_state, power_state, power_sync_failures, fault, instance, allocation (its name and owner), addresses
      (that the registry gave it, each with C(network), C(link) and C(address)), work,
      last_error, lock (who works on the node) and the times created_at, updated_at, provision_updated_at and inspection_finished_at.
  type: list
  elements: dict
  returned: success
  sample:
    - name: server1
      rack: rack3
      provision_state: available
"""

from ..module_utils._door import module_main
from ..module_utils._doors.node_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
