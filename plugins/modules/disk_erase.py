#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_erase
short_description: Erase the root disk of the machine it runs on
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node and erases the one disk that the root device hints choose. No other disk is touched.
  - The interlock is checked first. Directly before the first write the identity of the disk is read again, and a disk that is read-only, removable,
    mounted or part of an assembled software RAID or volume group is refused.
  - The result is read back from the disk.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.disk
attributes:
  check_mode:
    support: full
    details:
      - Interlock, hints and protection are checked, and what would be erased is returned.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A disk without partition table and signatures is not written.
options:
  method:
    description:
      - V(metadata) removes partition tables and the signatures of file systems, software RAID and volume groups, from the disk and from its partitions,
        and zeroes one MiB at both ends. Data in between stays on the disk.
    type: str
    choices: [metadata]
    default: metadata
  root_device:
    required: true
seealso:
  - module: rackwright.baremetal.hardware_info
  - module: rackwright.baremetal.disk_image
"""

EXAMPLES = r"""
- name: Erase the metadata of the root disk
  rackwright.baremetal.disk_erase:
    root_device:
      serial: S1D2
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
"""

RETURN = r"""
erased:
  description: Disks that were erased, or would be in check mode. Empty when there was nothing to erase.
  returned: success
  type: list
  elements: dict
  contains:
    device:
      description: Kernel name in this boot.
      type: str
      sample: /dev/vda
    serial:
      description: Serial number, or null.
      type: str
      sample: S1D2
    size:
      description: Size in bytes.
      type: int
    method:
      description: How it was erased.
      type: str
      sample: metadata
    signatures:
      description: What was on the disk, each with C(device), C(type) and C(offset) in bytes.
      type: list
      elements: dict
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.erase import erase
from ..module_utils._disk.options import disk_options
from ..module_utils._errors import BaremetalError


def main():
    """Erase the disk."""
    module = AnsibleModule(
        argument_spec=dict(
            disk_options(root_device_required=True),
            method={"type": "str", "choices": ["metadata"], "default": "metadata"},
        ),
        supports_check_mode=True,
    )
    try:
        result = erase(
            module.params["interlock"], module.params["root_device"], check_mode=module.check_mode
        )
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        del result["diff"]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
