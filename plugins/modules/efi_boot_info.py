#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: efi_boot_info
short_description: Tell what the UEFI firmware of a machine would start
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node or in any Linux system, as root. Returns the firmware's boot records in the order in which it tries them.
  - A machine that was started by BIOS has none; that is no error.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
requirements:
  - efibootmgr on the machine, which the ramdisk has
seealso:
  - module: rackwright.baremetal.efi_boot
  - module: rackwright.baremetal.boot_order
    description: The same order as the BMC tells it, out-of-band.
"""

EXAMPLES = r"""
- name: Ask for the boot records
  rackwright.baremetal.efi_boot_info:
  register: firmware

- name: Show what is started first
  ansible.builtin.debug:
    msg: "{{ (firmware.records | first).label | default('nothing') }}"
"""

RETURN = r"""
boot_mode:
  description: How the machine was started, V(uefi) or V(bios).
  returned: success
  type: str
  sample: uefi
boot_current:
  description: Number of the record from which the machine was started; null when the firmware does not tell, and with BIOS.
  returned: success
  type: str
  sample: "0001"
boot_next:
  description: Number of the record that is meant for the next boot alone; null when there is none.
  returned: success
  type: str
boot_order:
  description: Numbers of the records in the order in which the firmware tries them.
  returned: success
  type: list
  elements: str
  sample: ["0003", "0001"]
records:
  description: All records, those of RV(boot_order) first and in its order.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Its number, four hex digits.
      type: str
      sample: "0003"
    label:
      description: Its label.
      type: str
      sample: debian
    active:
      description: Whether the firmware considers it.
      type: bool
    path:
      description: Its device path as efibootmgr shows it.
      type: str
    partition:
      description: Unique id of the EFI system partition, null when it starts from elsewhere.
      type: str
    loader:
      description: The loader's path on that partition, or null.
      type: str
      sample: '\EFI\debian\shimx64.efi'
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk import efi
from ..module_utils._disk.options import CONNECT_TIMEOUT
from ..module_utils._disk.system import boot_mode
from ..module_utils._errors import BaremetalError


def main():
    """Return the records."""
    module = AnsibleModule(argument_spec=CONNECT_TIMEOUT, supports_check_mode=True)
    mode = boot_mode()
    found = {"boot_current": None, "boot_next": None, "boot_order": [], "records": []}
    try:
        if mode == "uefi":
            found = efi.info()
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, boot_mode=mode, **found)


if __name__ == "__main__":
    main()
