#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bios_settings
short_description: Set the BIOS settings of a node through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Has settings of the BIOS (the UEFI firmware) at given values, in effect or pending for the next boot.
  - All settings are checked against the BMC's attribute registry before anything is sent. Names that do not exist, values of the wrong
    type, out of range or of no meaning, and settings that cannot be set are told in one message.
  - Most BIOSes apply settings while the machine boots. The node is not rebooted; RV(reboot_required) says that it has to be, which
    M(rackwright.baremetal.power) does. Afterwards the same task tells whether the settings are in effect.
  - Passwords of the BIOS are not set.
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
      - The BMC is read and not told to do anything. Settings are checked as without check mode.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(state=present) a setting that is pending already is not sent again. On a board that applies pending settings only by a job (Dell),
        those without one, which another tool has staged, are sent again to get theirs.
      - A BMC that shows pending values neither in its settings nor in its tasks, and one whose registry does not tell the defaults with
        O(state=defaults), are asked every time.
options:
  state:
    description:
      - V(present) has O(settings) in effect or pending.
      - V(defaults) has all settings at their defaults, in effect or pending. Settings that name the single machine, such as an asset tag,
        and those that cannot be set do not count when the present state is judged.
      - V(nothing_pending) takes back what would change at the next boot. What a job holds already, some BMCs only give up when the job is
        deleted; where a BMC is known for that, nothing is sent and check mode fails as well.
    type: str
    default: present
    choices: [present, defaults, nothing_pending]
  settings:
    description:
      - Values by attribute name, both as the attribute registry has them. Needed with O(state=present).
      - Put quotes around V(yes), V(no), V(on) and V(off), which YAML takes for booleans.
    type: dict
seealso:
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Have virtualization switched on
  rackwright.baremetal.bios_settings:
    settings:
      ProcVirtualization: Enabled
      NumLock: "Off"
  register: bios

- name: Reboot where it takes that
  rackwright.baremetal.power:
    state: rebooted
  when: bios.reboot_required

- name: Go back to the defaults at the next boot
  rackwright.baremetal.bios_settings:
    state: defaults
"""

RETURN = r"""
bios_settings:
  description: The values in effect of the settings concerned, by their names.
  returned: success
  type: dict
  sample:
    ProcVirtualization: Disabled
    NumLock: "Off"
pending:
  description: The values that the settings concerned get at the next boot, by their names, where that differs; in check mode, would get.
  returned: success
  type: dict
  sample:
    ProcVirtualization: Enabled
reboot_required:
  description: Whether the machine must boot for the settings concerned to be in effect.
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
from ..module_utils._doors.bios_settings import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
