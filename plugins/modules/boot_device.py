#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_device
short_description: Set the device a node boots from through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Sets the boot device override of a node and reads it back. A BMC that kept another device is an error that names it within seconds.
  - Boards disagree on how they want to be told. What belongs into one request, where it goes and in which order is found out by trying, and
    what the BMC tells afterwards is the judge.
  - The node is neither powered on nor off. Some BMCs take or tell a boot device only while the machine is off;
    M(rackwright.baremetal.power) with O(rackwright.baremetal.power#module:boot_device) does both in the right order.
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
      - The BMC is read and not told to do anything, so that a setting which the BMC would not keep shows as a change.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  device:
    description:
      - V(pxe) for the network, V(http) for UEFI HTTP boot (only with the driver V(redfish)), V(disk) for the first disk, V(cdrom) also for
        virtual media, V(usb) for removable media, V(bios) for the firmware setup, V(none) for the firmware's own order.
    type: str
    required: true
    choices: [pxe, http, disk, cdrom, usb, bios, none]
  persistent:
    description:
      - For all boots instead of the next one only.
      - A BMC that takes the device but tells another persistence gives a warning.
    type: bool
    default: false
  mode:
    description:
      - Boot mode of the firmware. Not with O(device=none). When not given, it is left alone. Over IPMI the flag stays as the BMC tells it
        then; an override that never had one asks for V(bios).
      - Over IPMI this is a request that many firmwares do not heed, so that a BMC which tells another mode gives a warning there and
        an error with Redfish. A BMC that tells no mode at all gives a warning.
    type: str
    choices: [uefi, bios]
  uri:
    description:
      - With O(device=http), what the firmware loads, as a URL. When not given, DHCP tells the firmware, and a URL that the BMC has from before is taken out.
      - It is read back like the device. Not every BMC that offers V(http) takes a URI.
    type: str
seealso:
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Boot from the network at the next boot
  rackwright.baremetal.boot_device:
    device: pxe

- name: Boot once by HTTP from a URL, without TFTP and DHCP options
  rackwright.baremetal.boot_device:
    device: http
    uri: http://192.0.2.1/boot/ipxe.efi

- name: Boot from the first disk from now on
  rackwright.baremetal.boot_device:
    device: disk
    persistent: true

- name: Take back any override
  rackwright.baremetal.boot_device:
    device: none

- name: Boot a rack from the network, all machines at once in one task
  rackwright.baremetal.boot_device:
    device: pxe
    nodes: "{{ ansible_play_hosts }}"
  run_once: true
"""

RETURN = r"""
boot_device:
  description: What the BMC tells at the end; in check mode, what would be set.
  returned: success
  type: dict
  sample:
    device: pxe
    persistent: false
    mode: uefi
  contains:
    device:
      description: The device; V(none) when there is no override.
      type: str
      returned: always
    persistent:
      description: Whether it is for all boots.
      type: bool
      returned: always
    mode:
      description: V(uefi), V(bios), or nothing when the BMC does not tell.
      type: str
      returned: always
    uri:
      description: What the firmware loads, or nothing when DHCP tells it.
      type: str
      returned: when the device is V(http)
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
  sample:
    node1:
      changed: true
      boot_device: {device: pxe, persistent: false, mode: uefi}
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
from ..module_utils._doors.boot_device import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
