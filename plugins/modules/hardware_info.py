#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hardware_info
short_description: Tell what the machine it runs on is made of
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node, or in any Linux system, and returns identity, firmware, processors, memory, disks and network interfaces.
  - With O(interlock) it also proves that this is the machine, and the boot, that is meant.
  - With O(root_device) it also chooses the disk that the hints mean.
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
options:
  interlock:
    description:
      - What the machine must be. Everything given is compared, and any difference is a failure that names what was expected and what was seen.
      - One of O(interlock.system_uuid) and O(interlock.serial) is required.
    type: dict
    suboptions:
      nonce:
        description: The nonce of the run, which the ramdisk was booted with (C(rackwright.nonce) on the kernel command line).
        type: str
        required: true
      system_uuid:
        description: SMBIOS UUID of the machine, in either byte order and any case.
        type: str
      serial:
        description: SMBIOS serial number of the machine.
        type: str
      macs:
        description: MAC addresses of the node. At least one of them must be present.
        type: list
        elements: str
        required: true
  root_device:
    description:
      - Root device hints that must choose exactly one disk; their grammar is described in M(rackwright.baremetal.disk_erase).
    type: dict
seealso:
  - module: rackwright.baremetal.disk_erase
  - module: rackwright.baremetal.disk_image
"""

EXAMPLES = r"""
- name: Show the disks with the identity that root device hints can name
  rackwright.baremetal.hardware_info:
  register: seen

- name: Prove that this is the machine of this run, and choose its root disk
  rackwright.baremetal.hardware_info:
    connect_timeout: 300
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
    root_device:
      serial: S1D2
"""

RETURN = r"""
hardware:
  description: What the machine is made of.
  returned: success
  type: dict
  contains:
    hostname:
      description: Host name of the running system.
      type: str
    nonce:
      description: Nonce that the ramdisk was booted with; null elsewhere.
      type: str
    system:
      description: SMBIOS identity, C(uuid), C(serial), C(manufacturer) and C(product).
      type: dict
    bios:
      description: Firmware, C(vendor), C(version) and C(date).
      type: dict
    boot:
      description: C(current_boot_mode), V(uefi) or V(bios), and C(pxe_interface), the MAC address that the machine was booted from.
      type: dict
    cpu:
      description: Processors, C(architecture), C(count), C(model_name), C(flags) and C(socket_count).
      type: dict
    memory:
      description: C(total), in bytes, is what the kernel has, and C(physical_mb), in MiB, what the machine has.
      type: dict
    disks:
      description: Disks, ordered by name.
      type: list
      elements: dict
      contains:
        name:
          description: Kernel name in this boot.
          type: str
          sample: /dev/vda
        type:
          description: Always V(disk).
          type: str
        size:
          description: Size in bytes.
          type: int
        model:
          description: Model, or null.
          type: str
        vendor:
          description: Vendor, or null.
          type: str
        serial:
          description: Serial number, or null.
          type: str
        wwn:
          description: World wide name, or null.
          type: str
        wwn_with_extension:
          description: World wide name with the vendor's extension, or null.
          type: str
        wwn_vendor_extension:
          description: The vendor's extension of the world wide name, or null.
          type: str
        hctl:
          description: SCSI address, or null.
          type: str
        by_path:
          description: Link below C(/dev/disk/by-path), or null.
          type: str
        tran:
          description: Transport, for example V(sata) or V(nvme), or null.
          type: str
        rotational:
          description: Whether it has turning platters.
          type: bool
        logical_sectors:
          description: Bytes per logical sector.
          type: int
        physical_sectors:
          description: Bytes per physical sector.
          type: int
        read_only:
          description: Whether it cannot be written.
          type: bool
        removable:
          description: Whether its medium is removable.
          type: bool
        partitions:
          description: Names of its partitions.
          type: list
          elements: str
        mountpoints:
          description: Where it or its partitions are mounted; V([swap]) for swap space.
          type: list
          elements: str
        holders:
          description: Devices of software RAID or the device mapper that are built on it.
          type: list
          elements: str
        in_use:
          description: Whether it is mounted, swap space or held.
          type: bool
    interfaces:
      description: Hardware network interfaces, ordered by name.
      type: list
      elements: dict
      contains:
        name:
          description: Name in this boot.
          type: str
        mac_address:
          description: MAC address.
          type: str
        has_carrier:
          description: Whether its link is up.
          type: bool
        speed_mbps:
          description: Speed of the link in Mbit/s, or null.
          type: int
        driver:
          description: Kernel driver, or null.
          type: str
        vendor:
          description: PCI vendor identifier, or null.
          type: str
        product:
          description: PCI device identifier, or null.
          type: str
        pci_address:
          description: PCI address, or null.
          type: str
        ipv4_address:
          description: First global IPv4 address, or null.
          type: str
        ipv6_address:
          description: First global IPv6 address, or null.
          type: str
interlock:
  description: What the interlock compared, C(nonce), C(system_uuid), C(serial) and C(macs), as seen on the machine.
  returned: with O(interlock)
  type: dict
root_disk:
  description: The disk that the hints chose, as in RV(hardware.disks).
  returned: with O(root_device)
  type: dict
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk import system
from ..module_utils._disk.devices import list_disks
from ..module_utils._disk.hints import select
from ..module_utils._disk.interlock import facts, verify
from ..module_utils._disk.options import CONNECT_TIMEOUT, INTERLOCK_OPTIONS
from ..module_utils._errors import BaremetalError


def collect(interlock, root_device):
    """Return the module's result; raises BaremetalError when interlock or hints do not agree."""
    result = {"changed": False}
    # Compared first: nothing that another machine says shall be taken for the node's hardware.
    if interlock:
        result["interlock"] = verify(interlock)
    result["hardware"] = {
        "hostname": platform.node(),
        "nonce": facts()["nonce"],
        "system": system.system(),
        "bios": system.bios(),
        "boot": system.boot(),
        "cpu": system.cpu(),
        "memory": system.memory(),
        "disks": list_disks(),
        "interfaces": system.interfaces(),
    }
    if root_device is not None:
        result["root_disk"] = select(result["hardware"]["disks"], root_device)
    return result


def main():
    """Collect and return the facts."""
    module = AnsibleModule(
        argument_spec=dict(
            CONNECT_TIMEOUT,
            interlock={
                "type": "dict",
                "options": INTERLOCK_OPTIONS,
                "required_one_of": [("system_uuid", "serial")],
            },
            root_device={"type": "dict"},
        ),
        supports_check_mode=True,
    )
    try:
        result = collect(module.params["interlock"], module.params["root_device"])
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
