#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: power
short_description: Switch a node on or off through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings a node into a power state and waits until its BMC says that it is there.
  - A state between on and off is waited over and is never an error in itself.
  - With O(boot_device) the node boots from where it is told to. The device is read back before the node is powered on, and a node whose
    BMC did not take the device stays as it is.
  - A node that must not be powered off (C(disable_power_off) in its record, or O(bmc.disable_power_off)) is reset where it would be
    rebooted in another way, and O(state=off) is refused.
  - No session stays open in the BMC, also not after an error.
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
      - O(state=rebooted) always reports a change.
options:
  state:
    description:
      - V(on) and V(off) change nothing when the node is in that state.
      - V(rebooted) powers the node off, waits until it is off, and powers it on. A node that is off is powered on.
    type: str
    required: true
    choices: ["on", "off", rebooted]
  method:
    description:
      - How a node that is on is switched off. V(hard) does so at once.
      - V(soft) asks the operating system to shut down. When it has not done so after O(soft_timeout), or the BMC cannot ask it, the node is
        switched off hard and a warning tells so.
      - V(reset) is for O(state=rebooted) only. It resets the node without going through off, which is faster and proves less, for the
        power state is on all the time. A node whose reset is known to hang goes through off nevertheless.
      - A reset whose answer is lost is not sent again. Whether it was done is seen by the time of the last reset and the progress of the boot, with the
        driver V(redfish) and where the BMC tells them; else a warning tells that it is not known.
    type: str
    choices: [hard, soft, reset]
    default: hard
  timeout:
    description:
      - Seconds that the power states may take, all of them together. A boot device and a virtual medium have their own time.
      - A state between on and off, a BMC that is gone for a moment or one that refuses for the moment is waited over within this time.
    type: int
    default: 120
  soft_timeout:
    description: With O(method=soft), seconds that the operating system has to shut down, on top of O(timeout).
    type: int
    default: 60
  boot_device:
    description:
      - Device to boot from. It is set and read back before the node is powered on; with O(state=rebooted) while the node is off, which is the
        only time when some BMCs take it; with O(state=off) afterwards. A BMC that forgets it over a power cycle gets it right before
        the node starts.
      - A device that the BMC does not offer is refused before the node is powered off.
      - A BMC that takes the device but tells another persistence gives a warning.
    type: dict
    suboptions:
      device:
        description:
          - V(pxe) for the network, V(http) for UEFI HTTP boot (only with the driver V(redfish)), V(disk) for the first disk, V(cdrom) also
            for virtual media, V(usb) for removable media, V(bios) for the firmware setup, V(none) for the firmware's own order.
        type: str
        required: true
        choices: [pxe, http, disk, cdrom, usb, bios, none]
      persistent:
        description: For all boots instead of the next one only.
        type: bool
        default: false
      mode:
        description:
          - Boot mode of the firmware. Not with O(boot_device.device=none). When not given, it is left alone. Over IPMI the flag stays as the
            BMC tells it then; an override that never had one asks for V(bios).
          - Over IPMI this is a request that many firmwares do not heed, so that a BMC which tells another mode gives a warning there and
            an error with Redfish. A BMC that tells no mode at all gives a warning.
        type: str
        choices: [uefi, bios]
      uri:
        description:
          - With O(boot_device.device=http), what the firmware loads, as a URL. When not given, DHCP tells the firmware, and a URL that the BMC has from
            before is taken out.
          - It is read back like the device. Not every BMC that offers V(http) takes a URI.
        type: str
  virtual_media:
    description:
      - URL of an image that is inserted into a virtual drive of the BMC, right before O(boot_device) is set; see M(rackwright.baremetal.virtual_media).
      - Only with the driver V(redfish).
    type: str
seealso:
  - module: rackwright.baremetal.boot_device
"""

EXAMPLES = r"""
- name: Switch on all machines of the play, whose BMCs the registry knows
  rackwright.baremetal.power:
    state: "on"

- name: Boot the node from the network once
  rackwright.baremetal.power:
    state: rebooted
    boot_device:
      device: pxe
      mode: uefi

- name: Shut the node down as its operating system wants it, and switch it off after three minutes otherwise
  rackwright.baremetal.power:
    state: "off"
    method: soft
    soft_timeout: 180

- name: Switch a machine off that is in no registry, from a gateway in the BMC network
  rackwright.baremetal.power:
    state: "off"
    timeout: 60
    driver: redfish
    bmc:
      address: 192.0.2.11
      username: operator
      password: "{{ vaulted_bmc_password }}"
      ca_file: /etc/ssl/bmc-ca.pem
  delegate_to: bmc-gateway.example.com

- name: Switch on a rack, all machines at once in one task
  rackwright.baremetal.power:
    state: "on"
    nodes: "{{ ansible_play_hosts }}"
  run_once: true
"""

RETURN = r"""
power_state:
  description: The power state that the BMC tells at the end; in check mode, the one that would be reached.
  returned: success
  type: str
  sample: "on"
boot_device:
  description: What the BMC tells of the boot device, when O(boot_device) was given.
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
      power_state: "on"
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
from ..module_utils._doors.power import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
