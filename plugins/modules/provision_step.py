#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provision_step
short_description: Record that a step of a cleaning, a deploy or a service begins
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Keeps in the registry which step a node is in, so that whoever looks sees it, an abort knows whether it may cut the step short, and the work
    can be gone on with.
  - Fails when the node was aborted during the step before, or when this run does not hold the node any more.
  - A step C(hold) brings the node to the matching hold state and lets go of it. C(unhold.yml) ends that, and the next run of the same command
    goes on behind the step. A step C(wait) brings it to the matching wait state, where an abort ends the work at once.
  - Used by the role P(rackwright.baremetal.steps#role); playbooks of users rather call the roles that clean, deploy and service.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.node
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is written.
  diff_mode:
    support: none
    details:
      - There is no change to show.
  idempotent:
    support: none
    details:
      - A step that begins is always a change.
options:
  step:
    description: The step, one of RV(rackwright.baremetal.provision_state#module:steps).
    type: dict
    required: true
    suboptions:
      step:
        description: Its name.
        type: str
        required: true
      number:
        description: Its place in the whole work, counted from 0.
        type: int
        required: true
      of:
        description: How many steps the whole work has.
        type: int
        required: true
      args:
        description: Its arguments.
        type: dict
        default: {}
      priority:
        description: Its priority.
        type: int
      role:
        description: The role that does it.
        type: str
      tasks_from:
        description: The tasks file of that role.
        type: str
      kind:
        description: How it is run, V(role), V(power), V(wait) or V(hold).
        type: str
      in_band:
        description: Whether it runs in the ramdisk.
        type: bool
      abortable:
        description: Whether an abort may end the work while the machine boots the ramdisk for the step, and what
          M(rackwright.baremetal.ramdisk_job) stops in it.
        type: bool
        default: false
      reboot_requested:
        description: Whether the machine boots after it.
        type: bool
      boot_ramdisk:
        description: Whether the ramdisk has to be booted for it.
        type: bool
  until:
    description: Wait until this moment, which the same task returned when the step C(wait) began, and record that the work goes on.
    type: str
seealso:
  - module: rackwright.baremetal.provision_state
"""

EXAMPLES = r"""
- name: Begin a step that waits
  rackwright.baremetal.provision_step:
    name: server1
    registry: sqlite:////tmp/registry.db
    step:
      step: wait
      number: 0
      of: 1
      args:
        seconds: 30
  register: begun

- name: Wait
  rackwright.baremetal.provision_step:
    name: server1
    registry: sqlite:////tmp/registry.db
    step:
      step: wait
      number: 0
      of: 1
    until: "{{ begun.until }}"
"""

RETURN = r"""
held:
  description: Whether the node is on hold now.
  type: bool
  returned: success
  sample: false
until:
  description: When a step C(wait) is over (ISO 8601); nothing for any other step.
  type: str
  returned: success
  sample: "2026-01-31T12:00:30.000000+00:00"
"""

from ..module_utils._door import module_main
from ..module_utils._doors.provision_step import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
