#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firmware
short_description: Bring firmware of a node to a version through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings the firmware of the BMC, the BIOS or another component to a version, with Redfish's UpdateService.
  - Nothing is sent when the component has the version already, nor while an update that was asked for earlier waits for a reboot or is under
    way, as far as the BMC's tasks tell it; that one is followed instead. An image from O(src) is told from another one by no task, so that
    whatever waits for the component is followed.
  - The update counts as done only when the BMC tells the new version. Neither an accepted image nor a task that ended well is enough.
    The BMC may go away and come back in the meantime.
  - The node is neither powered off nor rebooted by the module unless O(reboot) allows it. Where a reboot applies the update,
    RV(reboot_required) says so. Some BMCs reboot the machine by themselves when O(apply_time) is V(Immediate) or missing.
  - An update waits for a reboot when the BMC says so (in its task, its firmware inventory or its apply times), or when O(apply_time) asks for
    it. Where it tells the old version and none of these, the module fails; a BIOS, which tells its version when it starts, is then
    not judged but for O(reboot).
  - C(HttpPushUriApplyTime), which holds for every image that is pushed to a BMC without multipart push, is put back after an update with
    O(apply_time).
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
      - While an update waits for a reboot the BMC tells the old version. An image from O(src) is sent again then, unless a task of the BMC
        tells that an update of the component waits; one from O(image) unless a task tells that it waits.
options:
  component:
    description:
      - V(bmc), V(bios), or the C(Id) or the C(Name) of an entry of the BMC's firmware inventory. Upper and lower case do not count.
      - An C(Id) that holds the version, as some BMCs have it, names another entry after the update; use the C(Name) there.
    type: str
    required: true
  version:
    description:
      - The version as the BMC tells it, or the one word with a dot in it that is the version. With V(2.72), a BMC that tells
        C(2.72 Sep 04 2022) or C(iLO 5 v2.72) has it.
    type: str
    required: true
  image:
    description:
      - URI from which the BMC fetches the image. It must not hold credentials.
      - Exactly one of O(image) and O(src) is needed.
    type: str
  src:
    description:
      - File with the image on the host that does the work, which is the controller unless the task is delegated. It is sent to the BMC.
    type: path
  apply_time:
    description:
      - When the BMC applies the update. What it does when this is not given is up to the BMC.
      - With V(OnReset) the module does not wait for the version.
    type: str
    choices: [Immediate, OnReset]
  reboot:
    description:
      - Whether to reboot the node, without asking its operating system, when the update waits for that, or when the BMC does not tell whether
        it does; and then to wait for the version. A node that is off is powered on and stays on. One that must not be
        powered off (O(bmc.disable_power_off)) is reset.
    type: bool
    default: false
  timeout:
    description:
      - Seconds until the BMC must tell the version; after a reboot by O(reboot) they count anew.
      - With O(reboot), a BMC that shows no end of the update is given five minutes before the node is rebooted; a shorter timeout fails then.
    type: int
    default: 1800
seealso:
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Update the BMC from a web server
  rackwright.baremetal.firmware:
    component: bmc
    version: "2.72"
    image: https://192.0.2.1/firmware/bmc-2.72.bin

- name: Update the BIOS from a file on the controller
  rackwright.baremetal.firmware:
    component: bios
    version: 2.19.1
    src: /srv/firmware/bios-2.19.1.bin
    apply_time: OnReset
  register: bios

- name: Update the BIOS, reboot the node for it, and be told when the new version does not come up
  rackwright.baremetal.firmware:
    component: bios
    version: 2.19.1
    src: /srv/firmware/bios-2.19.1.bin
    reboot: true

- name: Reboot where that applies the update
  rackwright.baremetal.power:
    state: rebooted
  when: bios.reboot_required
"""

RETURN = r"""
component:
  description: The component as the BMC tells it at the end; in check mode, as it would be.
  returned: success
  type: dict
  sample:
    id: bmc
    name: Manager
    version: "2.72"
  contains:
    id:
      description: V(bmc), V(bios), or the C(Id) in the firmware inventory.
      type: str
      returned: always
    name:
      description: Name.
      type: str
      returned: always
    version:
      description: The version that runs; nothing when the BMC does not tell.
      type: str
      returned: always
reboot_required:
  description: Whether a reboot of the node applies the update.
  returned: success
  type: bool
  sample: false
pending:
  description: The update that waits for a reboot, or nothing.
  returned: success
  type: dict
  sample:
    version: "2.19.1"
    seen: Task successfully scheduled.
  contains:
    version:
      description: The version that is expected after the reboot.
      type: str
      returned: always
    seen:
      description: What says that it waits.
      type: str
      returned: always
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
from ..module_utils._doors.firmware import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
