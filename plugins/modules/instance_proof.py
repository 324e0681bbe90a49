#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_proof
short_description: Prove that the installed system is the one that was asked for
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the installed system of a node, as root. Waits until cloud-init is done, then compares the system with what was asked for; what is not given
    is not compared.
  - Compared are host name, SMBIOS identity, the instance UUID and the image digest that the config drive carries, the disk of the root file system,
    that root partition and file system have grown, and that cloud-init has used the config drive. Every difference is listed in one failure.
  - Where the root file system is on LVM, dm-crypt or software RAID, the disk is the one that this stands on. That it fills its volume is compared then,
    but not whether the volume has grown.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
attributes:
  check_mode:
    support: full
    details:
      - The module changes nothing. Without cloud-init in the system, the config drive is mounted read-only for a moment.
  diff_mode:
    support: N/A
    details:
      - The module changes nothing.
  idempotent:
    support: full
options:
  hostname:
    description: Expected host name; of a full name the first label is enough.
    type: str
  instance_uuid:
    description: Expected UUID of the instance on the config drive, or instance id where that says none.
    type: str
  image_digest:
    description: Expected C(meta.rackwright_image_digest) of the config drive.
    type: str
  datasource:
    description:
      - Expected datasource of cloud-init. Another one means that the config drive was not read.
      - Not compared where cloud-init is not installed.
    type: str
    choices: [ConfigDrive, NoCloud]
  system_uuid:
    description:
      - Expected SMBIOS UUID of the machine, in either byte order and any case.
      - At least one of O(system_uuid) and O(serial) is required.
    type: str
  serial:
    description: Expected SMBIOS serial number of the machine.
    type: str
  root_device:
    description:
      - Root device hints that must choose the disk with the root file system; their grammar is described in M(rackwright.baremetal.disk_image).
    type: dict
  skip_block_devices:
    description: Disks that the hints do not mean, each given by hints as O(root_device) takes them.
    type: list
    elements: dict
    default: []
  root_gb:
    description:
      - Size of the root partition in GiB that was asked for. Then it need not reach to what lies behind it, or to the end of the disk; it may, because
        cloud-init grows it as a rule.
    type: int
  timeout:
    description: How many seconds cloud-init may take after the connection has been made.
    type: int
    default: 300
seealso:
  - module: rackwright.baremetal.disk_image
  - plugin: rackwright.baremetal.config_drive
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Prove that the installed system is up and right
  become: true
  rackwright.baremetal.instance_proof:
    connect_timeout: 600
    hostname: node1
    system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
    instance_uuid: 7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10
    image_digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    root_device:
      serial: S1D2
"""

RETURN = r"""
proof:
  description: What was found.
  returned: success
  type: dict
  contains:
    hostname:
      description: Host name.
      type: str
    system_uuid:
      description: SMBIOS UUID, lower case.
      type: str
    serial:
      description: SMBIOS serial number, or null.
      type: str
    instance_uuid:
      description: Instance UUID of the config drive.
      type: str
    image_digest:
      description: Image digest of the config drive.
      type: str
    root_device:
      description: The partition or volume with the root file system.
      type: str
      sample: /dev/vda1
    root_disk:
      description: The disk that this stands on; null where it is more than one.
      type: str
      sample: /dev/vda
    root_disks:
      description: All disks that it stands on.
      type: list
      elements: str
      sample: [/dev/vda]
    root_size:
      description: Size of the partition or volume in bytes.
      type: int
    root_free_behind:
      description: Bytes without partition between it and the next partition, or the end of the disk; null for a volume.
      type: int
    root_file_system_size:
      description: Size of the root file system in bytes.
      type: int
    ssh_host_keys:
      description: SSH host keys, type and key.
      type: list
      elements: str
    boot_mode:
      description: How the system was started, V(uefi) or V(bios).
      type: str
    uptime:
      description: Seconds since the system was started.
      type: float
    datasource:
      description: Datasource that cloud-init used, as V(ConfigDrive); null without cloud-init.
      type: str
    datasource_detail:
      description: What cloud-init says of it, with the device.
      type: str
      sample: DataSourceConfigDrive [net,ver=2][source=/dev/vda3]
    cloud_id:
      description: What C(cloud-id) tells; null without cloud-init.
      type: str
    cloud_init:
      description: Final state of cloud-init as it names it, for example V(done); null without cloud-init.
      type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.options import CONNECT_TIMEOUT
from ..module_utils._disk.proof import prove
from ..module_utils._errors import BaremetalError

EXPECTED = ("hostname", "instance_uuid", "image_digest", "system_uuid", "serial", "root_device", "skip_block_devices", "datasource", "root_gb")


def main():
    """Compare and return the proof."""
    module = AnsibleModule(
        argument_spec=dict(
            CONNECT_TIMEOUT,
            hostname={"type": "str"},
            instance_uuid={"type": "str"},
            image_digest={"type": "str"},
            system_uuid={"type": "str"},
            serial={"type": "str"},
            root_device={"type": "dict"},
            skip_block_devices={"type": "list", "elements": "dict", "default": []},
            datasource={"type": "str", "choices": ["ConfigDrive", "NoCloud"]},
            root_gb={"type": "int"},
            timeout={"type": "int", "default": 300},
        ),
        required_one_of=[("system_uuid", "serial")],
        supports_check_mode=True,
    )
    try:
        proof = prove({key: module.params[key] for key in EXPECTED}, timeout=module.params["timeout"])
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, proof=proof)


if __name__ == "__main__":
    main()
