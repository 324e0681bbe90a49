#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: raid
short_description: RAID volumes of a node through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings about the volumes of a target configuration on the RAID controllers of a node, with Redfish.
  - Volumes that are there as they are wanted stay untouched, whoever made them. Other volumes are deleted only with O(delete_existing).
  - Which drives make which volume is settled before anything is changed. When it does not fit, the error says why for each drive.
  - The volumes count as made only when the BMC shows them.
  - While something that was asked for earlier waits, nothing more is asked for. A volume that waits and is not wanted is an error.
  - The node is neither powered on nor rebooted. Some BMCs know the drives only while it is on, and some controllers work only at the next
    boot, which RV(reboot_required) tells. After the reboot the same task carries on. What needs drives of a volume that goes with that boot
    takes another one, and so does what such a controller does not take as long as something waits.
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
      - The BMC is read and not told to do anything. What does not fit fails as it would otherwise.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - What an earlier run has asked for and what waits for a boot is found in the BMC's tasks, its job queue and the state of its volumes;
        then nothing is sent, nothing is changed, and RV(pending) tells it. A BMC that shows what waits in none of these is asked once more;
        run the task again there only after the reboot.
options:
  target_raid_config:
    description:
      - The volumes that there shall be and no others, in the form of Ironic's C(target_raid_config), a dictionary with the list
        C(logical_disks). With an empty list there shall be no volume, which takes O(delete_existing) where there are any.
      - Each logical disk needs C(size_gb) (in GiB, or C(MAX)) and C(raid_level) (C(0), C(1), C(5), C(6), C(1+0), C(5+0) or C(6+0)).
      - It may have C(controller) (C(Id), name or model), C(physical_disks) (C(Id), name, serial number or path of each drive),
        C(number_of_physical_disks), C(disk_type) (C(hdd) or C(ssd)), C(interface_type) (C(sata), C(sas) or C(nvme)), C(volume_name), and
        for one of them C(is_root_volume).
      - Drives that are not named are chosen alike in controller, type, interface and size. For a size in GiB as few as will do are taken,
        for C(MAX) all that are left. A drive is part of one volume only.
      - A drive that the controller passes through to the operating system as it is, as those in HBA mode do, may hold data. It is taken only
        when C(physical_disks) names it, or with O(delete_existing).
      - With C(raid_level) C(1+0), C(5+0) and C(6+0) the number of drives is even.
    type: dict
    required: true
  delete_existing:
    description:
      - Whether to delete the volumes that are not in O(target_raid_config), B(with everything that is on them), and to take drives that are
        passed through to the operating system like free ones.
      - When not set and there are such volumes, the module fails with a list of them and changes nothing.
    type: bool
    default: false
  timeout:
    description: Seconds for deleting or making each volume.
    type: int
    default: 900
notes:
  - With O(nodes) all of them get the volumes of the one O(target_raid_config), each out of its own drives. Machines that are to have other volumes are
    for another task.
requirements:
  - jsonschema (Python package)
seealso:
  - module: rackwright.baremetal.disk_erase
"""

EXAMPLES = r"""
- name: A mirror for the system and the rest for data
  rackwright.baremetal.raid:
    target_raid_config:
      logical_disks:
        - size_gb: 400
          raid_level: "1"
          disk_type: ssd
          volume_name: system
          is_root_volume: true
        - size_gb: MAX
          raid_level: "6"
          disk_type: hdd
  register: raid

- name: Named drives, whatever was on them
  rackwright.baremetal.raid:
    target_raid_config:
      logical_disks:
        - size_gb: MAX
          raid_level: "1"
          controller: RAID.Integrated.1-1
          physical_disks: [Disk.Bay.0, Disk.Bay.1]
    delete_existing: true

- name: Delete all volumes
  rackwright.baremetal.raid:
    target_raid_config:
      logical_disks: []
    delete_existing: true

- name: What is changed at the next boot
  rackwright.baremetal.power:
    state: rebooted
  when: raid.reboot_required
"""

RETURN = r"""
volumes:
  description: The wanted volumes as the BMC shows them at the end; in check mode, as they would be.
  returned: success
  type: list
  elements: dict
  sample:
    - id: "239"
      name: system
      controller: RAID.Integrated.1-1
      raid_level: "1"
      size_gb: 400
      physical_disks: [Disk.Bay.0, Disk.Bay.1]
      is_root_volume: true
      root_device:
        wwn_with_extension: "0x600508b1001c2f3f8a6d0f0a0b0c0d0e"
  contains:
    id:
      description: C(Id) of the volume; nothing for one that is not there yet.
      type: str
      returned: always
    name:
      description: Name that the BMC shows.
      type: str
      returned: always
    controller:
      description: C(Id) of the storage that it belongs to.
      type: str
      returned: always
    raid_level:
      description: RAID level as in O(target_raid_config).
      type: str
      returned: always
    size_gb:
      description: Size in GiB, rounded down.
      type: int
      returned: always
    physical_disks:
      description: C(Id) of each drive.
      type: list
      elements: str
      returned: always
    is_root_volume:
      description: Whether O(target_raid_config) says so.
      type: bool
      returned: always
    root_device:
      description: Root device hints that mean this volume in the operating system, by their names; nothing when the BMC tells no WWN.
      type: dict
      returned: always
root_device:
  description: RV(volumes[].root_device) of the root volume, by the names of hints.
  returned: success
  type: dict
  sample:
    wwn_with_extension: "0x600508b1001c2f3f8a6d0f0a0b0c0d0e"
reboot_required:
  description: Whether something waits for the next boot, so that not all volumes are there yet.
  returned: success
  type: bool
  sample: false
pending:
  description: What was asked for, now or earlier, and is not done yet; and what can be asked for only after that.
  returned: success
  type: list
  elements: str
  sample: []
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
from ..module_utils._doors.raid import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
