#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secure_boot
short_description: Switch UEFI Secure Boot of a node on or off through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Has Secure Boot on or off, and its keys as wanted, in effect or pending for the next boot, and reads it back.
  - The node is not rebooted; RV(reboot_required) says that it has to be. Some BMCs make a job of the change that the next boot carries out,
    which may take a quarter of an hour.
  - With neither O(enabled) nor O(keys) it only tells what there is.
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
      - A BMC that shows what is pending neither in its settings nor in its tasks is told every time until the reboot.
      - Where a job waits for the reboot whose name speaks of secure boot or of the BIOS settings, and which does not tell what it does, nothing is
        sent. A warning tells so, and RV(reboot_required) is V(true).
options:
  enabled:
    description:
      - Whether the firmware shall boot only what is signed. When not given, it is left alone.
      - It takes a platform key to switch it on; O(keys=default) brings one.
    type: bool
  keys:
    description:
      - Whose keys there shall be. When not given, they are left alone.
      - V(default) brings the keys of the board's maker where there is no platform key. Redfish does not tell whose keys there are, so that
        any platform key will do; to replace one, have V(none) first.
      - V(none) deletes all keys. V(no_platform_key) deletes the platform key alone, so that an operating system can bring its own.
      - The last two cannot go together with O(enabled=true).
    type: str
    choices: [default, none, no_platform_key]
seealso:
  - module: rackwright.baremetal.bios_settings
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Boot only what is signed, with the keys of the maker
  rackwright.baremetal.secure_boot:
    enabled: true
    keys: default
  register: secure_boot

- name: Reboot where it takes that
  rackwright.baremetal.power:
    state: rebooted
  when: secure_boot.reboot_required

- name: Read what there is
  rackwright.baremetal.secure_boot: {}
  register: secure_boot
"""

RETURN = r"""
secure_boot:
  description: What the BMC tells at the end; in check mode, what it would.
  returned: success
  type: dict
  sample:
    enabled: true
    current: false
    mode: user
  contains:
    enabled:
      description: Whether it is on after the next boot, or nothing when the BMC does not tell.
      type: bool
      returned: always
    current:
      description: Whether it was on when the machine booted last, or nothing when the BMC does not tell.
      type: bool
      returned: always
    mode:
      description:
        - V(user) and V(deployed) with a platform key, V(setup) and V(audit) without one, or nothing when the BMC does not tell.
      type: str
      returned: always
reboot_required:
  description: Whether the machine must boot for it to be in effect.
  returned: success
  type: bool
  sample: true
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
from ..module_utils._doors.secure_boot import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
