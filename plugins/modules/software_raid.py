#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: software_raid
short_description: Make or remove software RAID on the machine it runs on
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node. Partitions the disks and makes arrays of Linux software RAID (md) on them, by the rules that Ironic has for logical disks
    with C(controller=software).
  - On a machine that was started by UEFI, each disk of the first logical disk begins with an EFI system partition of 550 MiB, and these are mirrored by an
    array C(esp) whose superblock is at the end, so that the firmware can read each of them. M(rackwright.baremetal.disk_image) fills it, and
    M(rackwright.baremetal.efi_boot) makes a boot record for each disk. On a machine that was started by BIOS, 7 MiB are kept for a boot loader instead.
  - The disks must be empty. Everything that speaks against any of them is found before the first one is written, and the interlock is checked again
    directly before each write. After a failure nothing of what was made is left.
  - Disks of C(interlock.skip_block_devices), disks that can be taken out, and disks in a network are never written.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows the partitions of each disk, and which arrays they are members of.
  idempotent:
    support: full
    details:
      - Software RAID that is there as asked for is left as it is. Where it does not run, as after a boot of the ramdisk, it is assembled, which is no change.
requirements:
  - mdadm, gdisk, fdisk and util-linux, which the role P(rackwright.baremetal.ramdisk#role) installs
options:
  state:
    description:
      - V(present) makes the software RAID of O(target_raid_config).
      - V(absent) removes all software RAID of the machine, and wipes every disk that has a member of it, with all other partitions of that disk.
    type: str
    choices: [present, absent]
    default: present
  target_raid_config:
    description:
      - As in Ironic, a dictionary with C(logical_disks) alone, a list of one or two dictionaries. Required with O(state=present).
      - C(controller) has to be V(software) in all of them.
      - C(size_gb) is what the array shall hold, in GiB, or V(MAX) for all that is left, which one of them may have. The superblocks of the members are
        part of it, so the array is smaller by some MiB.
      - C(raid_level) is V(1) for the first one, from which the machine starts, and V(0), V(1), V(1+0), V(5) or V(6) for the second one.
      - C(physical_disks) is a list of root device hints, each of which takes the first matching disk that none before it took. Without it, all disks that
        may be written are taken.
      - C(volume_name) is the name of the array, by default V(md0) for the first one and V(md1) for the second one. Root device hints take it by the same
        name.
      - C(is_root_volume) can be true for the first one only, which it is by default.
    type: dict
  delete_existing:
    description:
      - Whether all other software RAID of the machine is removed first, as with O(state=absent), when it is not as O(target_raid_config) says.
      - Without it, disks that are not empty are refused.
    type: bool
    default: false
seealso:
  - module: rackwright.baremetal.raid
  - module: rackwright.baremetal.disk_image
  - module: rackwright.baremetal.efi_boot
"""

EXAMPLES = r"""
- name: Mirror the system, and stripe what is left of the disks
  rackwright.baremetal.software_raid:
    target_raid_config:
      logical_disks:
        - size_gb: 100
          raid_level: "1"
          controller: software
          volume_name: system
        - size_gb: MAX
          raid_level: "0"
          controller: software
          volume_name: scratch
    interlock: &interlock
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"

- name: Mirror two disks of a certain size
  rackwright.baremetal.software_raid:
    target_raid_config:
      logical_disks:
        - size_gb: MAX
          raid_level: "1"
          controller: software
          physical_disks:
            - size: "> 400"
            - size: "> 400"
    interlock: *interlock

- name: Remove all software RAID
  rackwright.baremetal.software_raid:
    state: absent
    interlock: *interlock
"""

RETURN = r"""
arrays:
  description: The arrays of O(target_raid_config), and the one of the EFI system partitions; with O(state=absent) none.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the array.
      type: str
      sample: system
    raid_level:
      description: RAID level as in O(target_raid_config).
      type: str
      sample: "1"
    device:
      description: Kernel name in this boot; null in check mode where the array does not run.
      type: str
      sample: /dev/md0
    members:
      description: The partitions that it lies on.
      type: list
      elements: str
      sample: [/dev/sda2, /dev/sdb2]
    size_gb:
      description: Size as in O(target_raid_config); null for the array of the EFI system partitions.
      type: raw
    is_root_volume:
      description: Whether the system goes there.
      type: bool
partitions:
  description: The partitions of each disk that holds the software RAID, by name of the disk, with C(device), and C(start) and C(size) in bytes.
  returned: success
  type: dict
root_device:
  description: Root device hints that mean the root volume; null with O(state=absent).
  returned: success
  type: dict
  sample:
    volume_name: system
removed:
  description: Names of the arrays that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.options import disk_options
from ..module_utils._disk.software_raid import absent, present
from ..module_utils._errors import BaremetalError


def main():
    """Make or remove the software RAID."""
    options = disk_options()
    # The disks are named in the target configuration.
    del options["root_device"]
    module = AnsibleModule(
        argument_spec=dict(
            options,
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            target_raid_config={"type": "dict"},
            delete_existing={"type": "bool", "default": False},
        ),
        required_if=[("state", "present", ["target_raid_config"])],
        supports_check_mode=True,
    )
    try:
        bring_about = present if module.params["state"] == "present" else absent
        result = bring_about(module.params, check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
