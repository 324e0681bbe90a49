#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_order
short_description: Set the order in which a node's firmware tries its boot options
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Has boot options of the firmware first in its own persistent order, and reads the order back. The options that are not named follow as
    they are.
  - Many boards take a new order only while they boot. The node is not rebooted; RV(reboot_required) says that it has to be.
  - For a single boot, or a device for all boots that comes before the order, see M(rackwright.baremetal.boot_device).
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
      - The BMC is read and not told to do anything. Options that do not exist are an error as without check mode.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - An order that is pending already is not sent again.
      - A BMC that shows what is pending neither in its settings nor in its tasks is told every time until the reboot.
options:
  order:
    description:
      - The boot options to come first, in this order; at least one.
      - Each is the first of these that fits. A reference such as V(Boot0003); a display name; a device class, one of V(pxe), V(http),
        V(disk), V(cdrom) and V(usb); a part of a UEFI device path, for example C(MAC(020000000001). The case counts for references only.
      - Where several options fit, all of them are meant, in their present order.
    type: list
    elements: str
    required: true
seealso:
  - module: rackwright.baremetal.boot_device
  - module: rackwright.baremetal.efi_boot
"""

EXAMPLES = r"""
- name: Try the network first, then the disks
  rackwright.baremetal.boot_order:
    order: [pxe, disk]
  register: boot

- name: Reboot where it takes that
  rackwright.baremetal.power:
    state: rebooted
  when: boot.reboot_required

- name: Try one network port first
  rackwright.baremetal.boot_order:
    order: ["MAC(020000000001"]
"""

RETURN = r"""
boot_order:
  description: The boot order of the next boot; in check mode, as it would be.
  returned: success
  type: list
  elements: dict
  sample:
    - reference: Boot0003
      name: "UEFI: PXE IPv4 NIC 1"
      path: PciRoot(0x0)/Pci(0x1,0x0)/MAC(020000000001,0x1)/IPv4(0.0.0.0)
      device: pxe
  contains:
    reference:
      description: How the firmware refers to the option.
      type: str
      returned: always
    name:
      description: Its display name, or nothing when the BMC does not tell.
      type: str
      returned: always
    path:
      description: Its UEFI device path, or nothing when the BMC does not tell.
      type: str
      returned: always
    device:
      description: Its device class, or nothing when it is none of those that O(order) takes.
      type: str
      returned: always
reboot_required:
  description: Whether the machine must boot for the order to be in effect.
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
from ..module_utils._doors.boot_order import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
