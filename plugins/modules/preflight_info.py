#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_info
short_description: Look for what would stop a deploy, before it begins
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Looks at the BMC of a node over one connection, and at what the registry knows of the node, and returns a list of checks. Nothing is changed.
  - A check that fails does not fail the task; RV(status) tells the worst of them. M(rackwright.baremetal.preflight_report) shows them, and the role
    P(rackwright.baremetal.preflight#role) does all of it.
  - A BMC that cannot be reached costs its time-out once; the checks that need it are skipped then.
  - With a driver V(manual) there is no BMC to look at.
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
options:
  image:
    description: Name of a published image that must fit the disk of the node (C(properties.local_gb)). Without it the check C(image) is skipped.
    type: str
  clock_skew:
    description: Seconds by which the clock of a BMC may differ from that of the host that asks it.
    type: int
    default: 60
seealso:
  - module: rackwright.baremetal.preflight_report
  - module: rackwright.baremetal.boot_server_info
  - module: rackwright.baremetal.dhcp_server_info
  - module: rackwright.baremetal.address_conflict_info
  - module: rackwright.baremetal.bmc_info
"""

EXAMPLES = r"""
- name: Look at all machines of the play in one task
  rackwright.baremetal.preflight_info:
    nodes: "{{ ansible_play_hosts }}"
    image: debian-12
  run_once: true
  register: looked_at

- name: Look at one machine
  rackwright.baremetal.preflight_info:
"""

RETURN = r"""
status:
  description: The worst status of all checks, V(ok), V(warn), V(fail), or V(skipped) where nothing could be looked at.
  type: str
  returned: success
  sample: warn
checks:
  description:
    - C(bmc), whether it answers; C(credentials), whether it lets us in; C(privilege), whether the account may switch the machine and choose what it
      boots, and insert virtual media where the node boots by that; C(identity), whether the BMC is that of the node, and no other node has its serial
      number, UUID, MAC or BMC address, or switch port; C(clock); C(firmware), whether that of the BMC is known to be bad; C(pending), what jobs and BIOS
      settings wait for a reboot; C(sessions), whether there is room for another one; C(image), whether the image fits the disk.
  type: list
  elements: dict
  returned: success
  contains:
    check:
      description: Its name.
      type: str
      returned: always
    status:
      description:
        - V(fail) for what a deploy would fail of, V(warn) for what may disturb it, V(skipped) for what could not be looked at.
      type: str
      returned: always
    seen:
      description: What was seen.
      type: str
      returned: always
    cure:
      description: What to do about it.
      type: str
      returned: always
    cause:
      description: What was seen, without what is particular to the node.
      type: str
      returned: always
  sample:
    - check: clock
      status: warn
      seen: the clock of the BMC is 86400 s ahead
      cure: have the BMC set its clock by NTP
      cause: the clock of the BMC is 86400 s ahead
machine:
  description: What the BMC told of the machine, with the keys C(system_uuid), C(serial), C(macs), C(model), C(firmware_version) and
    C(privileges) (those of the account, where Redfish tells them); empty without a BMC.
  type: dict
  returned: success
rack:
  description: Rack of the node by the registry.
  type: str
  returned: success
  sample: rack3
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
failed_nodes:
  description: With O(nodes), the names of those that nothing could be looked at, for want of a BMC for instance.
  returned: when O(nodes) was given
  type: list
  elements: str
  sample: [node2]
"""

from ..module_utils._door import module_main
from ..module_utils._doors.preflight_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
