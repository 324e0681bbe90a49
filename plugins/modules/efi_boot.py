#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: efi_boot
short_description: Make the UEFI firmware start the installed disk first
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node, after the image has been written. Finds the EFI system partition of the disk that the root device hints choose,
    and the loader that it offers, and makes a boot record for it that comes first in the boot order. The result is read back from the firmware.
  - The loader is the one that C(BOOTX64.CSV) (or that of another architecture) names, else C(EFI/BOOT/BOOTX64.EFI).
  - When the disk is an array of software RAID, or its EFI system partition is mirrored by one, every disk with such a partition gets a record of its own,
    whose label ends with C((RAID, part0)) and so on, as in Ironic.
  - Other records with the same label are removed, and so are those with the label of the CSV file that point to a partition that no longer exists.
  - On a machine that was started by BIOS there are no records; it is made sure that the disk has boot code in its first sector.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.disk
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
    details:
      - The EFI system partition is read to find the loader, in check mode too. It is not mounted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - With V(present) the record exists once and is the first one.
      - With V(absent) no record has this label; O(root_device) is not needed then.
    type: str
    choices: [present, absent]
    default: present
  label:
    description: Label of the record, as the firmware's boot menu shows it.
    type: str
    default: rackwright
requirements:
  - efibootmgr, mtools, util-linux and fdisk on the machine, which the ramdisk has
seealso:
  - module: rackwright.baremetal.efi_boot_info
  - module: rackwright.baremetal.disk_image
  - module: rackwright.baremetal.boot_device
"""

EXAMPLES = r"""
- name: Start the installed disk first
  rackwright.baremetal.efi_boot:
    root_device:
      serial: S1D2
    interlock: &interlock
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"

- name: Forget the installed disk
  rackwright.baremetal.efi_boot:
    state: absent
    interlock: *interlock
"""

RETURN = r"""
boot_mode:
  description: How the machine was started, V(uefi) or V(bios). With V(bios) nothing was changed.
  returned: success
  type: str
  sample: uefi
device:
  description: The disk that the hints chose.
  returned: with O(state=present)
  type: str
  sample: /dev/vda
entry:
  description: The record, or the first of them; null when there is none.
  returned: success
  type: dict
  contains:
    number:
      description: Its number, four hex digits; null in check mode when it would be created.
      type: str
      sample: "0003"
    label:
      description: Its label.
      type: str
    active:
      description: Whether the firmware considers it.
      type: bool
    path:
      description: Its device path as efibootmgr shows it.
      type: str
    partition:
      description: Unique id of the EFI system partition.
      type: str
    loader:
      description: The loader's path on that partition.
      type: str
      sample: '\EFI\debian\shimx64.efi'
entries:
  description: All records that start this disk, in the order in which the firmware tries them; the keys are those of RV(entry).
  returned: success
  type: list
  elements: dict
boot_order:
  description: Numbers of the records in the order in which the firmware tries them.
  returned: success
  type: list
  elements: str
removed:
  description: Numbers of the records that were removed, or would be in check mode.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk import efi
from ..module_utils._disk.arrays import disks_for
from ..module_utils._disk.hints import select
from ..module_utils._disk.interlock import verify
from ..module_utils._disk.options import disk_options
from ..module_utils._disk.system import boot_mode
from ..module_utils._errors import BaremetalError


def change(params, check_mode):
    """Return the module's result; raises BaremetalError."""
    verify(params["interlock"])
    mode = boot_mode()
    nothing = {"changed": False, "entry": None, "entries": [], "boot_order": [], "removed": [], "diff": {"before": {}, "after": {}}}
    if params["state"] == "absent":
        return dict(nothing if mode == "bios" else efi.absent(params["label"], check_mode=check_mode), boot_mode=mode)
    hints, skip = params["root_device"], params["interlock"]["skip_block_devices"]
    device = select(disks_for(hints, skip), hints, skip)["name"]
    if mode == "bios":
        efi.check_bios(device)
        return dict(nothing, boot_mode=mode, device=device)
    return dict(efi.present(device, params["label"], check_mode=check_mode), boot_mode=mode, device=device)


def main():
    """Change the boot records."""
    module = AnsibleModule(
        argument_spec=dict(
            disk_options(),
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
            label={"type": "str", "default": "rackwright"},
        ),
        required_if=[("state", "present", ["root_device"])],
        supports_check_mode=True,
    )
    try:
        result = change(module.params, module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
