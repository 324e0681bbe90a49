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
  - Runs in the ramdisk of a node, or in any Linux system, and returns identity, firmware, processors, memory, disks, network interfaces, buses,
    RAID members and the addresses of the BMC.
  - What it returns is described by the JSON schema in C(docs/hardware.schema.json). What the machine does not tell is V(none).
  - After a boot it waits until the controllers have looked for their disks, for up to 330 seconds. What has not come to an end then is an error with
    O(root_device), and else a warning.
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
      skip_block_devices:
        description: Disks that are never chosen and never written, each given by hints as O(root_device) takes them; one of them may mean several disks.
        type: list
        elements: dict
        default: []
      wipe_special_filesystems:
        description: Whether a disk may be written that carries a file system of a cluster (VMFS, GPFS, GFS2, OCFS2), which other machines may be using.
        type: bool
        default: false
  root_device:
    description:
      - Root device hints that must choose exactly one disk; their grammar is described in M(rackwright.baremetal.disk_image).
      - With O(interlock), and where no disk matches, one is waited for, for 30 seconds.
    type: dict
  installer:
    description:
      - Whether the disk that O(root_device) chooses is for an installer, which will write to it by itself, under another kernel. A disk is refused then that
        M(rackwright.baremetal.disk_image) would not write to, and one that the installer would not surely find; RV(root_path) tells by what it does.
      - It needs O(root_device) and O(interlock).
    type: bool
    default: false
  extended:
    description:
      - Whether to return all of it. Without, everything from RV(hardware.dmi) on is left out, which is quicker, for a BMC that is asked from
        inside may take seconds.
    type: bool
    default: true
  lldp_timeout:
    description:
      - How many seconds to listen for the LLDP frames of switches, on all interfaces that are up at once. It ends sooner when every one of them
        has heard of a neighbour. Switches send a frame every 30 seconds unless they are told otherwise.
      - With V(0) nobody listens, and RV(hardware.interfaces[].lldp) is left out.
    type: int
    default: 0
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
      description: C(current_boot_mode), V(uefi) or V(bios), C(secure_boot), and C(pxe_interface), the MAC address that the machine was booted from.
      type: dict
    cpu:
      description:
        - Processors, C(architecture), C(count) (threads), C(model_name), C(vendor), C(frequency) (the highest, in MHz), C(microcode), C(flags) and
          C(socket_count).
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
          description: Serial number, the short one where there are two, or null.
          type: str
        serial_long:
          description: The long serial number, with maker and model (udev's C(ID_SERIAL)), or null.
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
          description: Transport, for example V(sata), V(nvme), V(iscsi), V(fc) or V(nvme-tcp), or null.
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
        permanent_mac:
          description: MAC address that the card was made with, or null.
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
        firmware_version:
          description: Firmware of the card, as its driver tells it, or null.
          type: str
        vendor:
          description: PCI vendor identifier, or null.
          type: str
        product:
          description: PCI device identifier, or null.
          type: str
        pci_address:
          description: Address of the card on the PCI bus, or null.
          type: str
        ipv4_address:
          description: First global IPv4 address, or null.
          type: str
        ipv6_address:
          description: First global IPv6 address, or null.
          type: str
        lldp:
          description:
            - Neighbours that were heard of, each with C(switch_chassis_id), C(switch_port_id), and what else it told of C(switch_system_name),
              C(switch_system_description), C(switch_port_description), C(switch_capabilities_support), C(switch_capabilities_enabled),
              C(switch_management_addresses), C(switch_port_untagged_vlan_id), C(switch_port_vlans), C(switch_port_mtu),
              C(switch_port_link_aggregation_enabled) and C(switch_port_link_aggregation_id).
          type: list
          elements: dict
          returned: with O(lldp_timeout)
    dmi:
      description:
        - What SMBIOS tells, C(system), C(board), C(chassis), C(processors), C(memory_slots), C(memory_modules) and C(bmc_interface). Each of
          C(memory_modules) has C(slot), C(bank), C(size_mb), C(type), C(speed_mts), C(configured_speed_mts), C(manufacturer), C(serial),
          C(part_number), C(asset_tag) and C(rank).
      type: dict
      returned: with O(extended)
    pci_devices:
      description:
        - PCI devices, each with C(bus) (its address), C(vendor_id), C(product_id), C(class), C(subsystem_vendor_id), C(subsystem_product_id),
          C(revision), C(driver) and C(numa_node).
      type: list
      elements: dict
      returned: with O(extended)
    usb_devices:
      description: USB devices, each with C(handle) (its port), C(vendor_id), C(product_id), C(class), C(vendor), C(product) and C(serial).
      type: list
      elements: dict
      returned: with O(extended)
    numa_topology:
      description: How memory, cores and interfaces belong together, C(ram), C(cpus) and C(nics).
      type: dict
      returned: with O(extended)
    tpm:
      description: C(present), and C(version), V(1.2) or V(2.0).
      type: dict
      returned: with O(extended)
    raid_members:
      description: Disks and partitions with a software RAID superblock, each with C(device), C(uuid) of the array, C(name), C(level) and C(raid_devices).
      type: list
      elements: dict
      returned: with O(extended)
    bmc:
      description: What the BMC says of its own network, C(address), C(v6address) and C(mac); none without ipmitool or a device C(/dev/ipmi0).
      type: dict
      returned: with O(extended)
interlock:
  description: What the interlock compared, C(nonce), C(system_uuid), C(serial) and C(macs), as seen on the machine.
  returned: with O(interlock)
  type: dict
root_disk:
  description: The disk that the hints chose, as in RV(hardware.disks). Null with the hint C(volume_name); software RAID is not assembled for facts.
  returned: with O(root_device)
  type: dict
root_path:
  description:
    - Path by which an installer finds that disk, a link below C(/dev/disk/by-path) or, where there is none, the one below C(/dev/disk/by-id) that is named
      by the WWN. On a machine with one disk, and no such link, it is the name that the kernel gave it.
    - Null with the hint C(volume_name).
  returned: with O(installer=true)
  type: str
  sample: /dev/disk/by-path/pci-0000:00:1f.2-ata-1
"""

import platform

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk import bmc_address, buses, lldp, smbios, system
from ..module_utils._disk.devices import list_disks
from ..module_utils._disk.hints import VOLUME_NAME, select
from ..module_utils._disk.installer import path_for_installer
from ..module_utils._disk.interlock import facts, verify
from ..module_utils._disk.late import find_disk, wait_for_scans
from ..module_utils._disk.nics import interfaces
from ..module_utils._disk.options import CONNECT_TIMEOUT, INTERLOCK_OPTIONS
from ..module_utils._disk.raid_members import raid_members
from ..module_utils._errors import BaremetalError


def collect(interlock=None, root_device=None, installer=False, extended=True, lldp_timeout=0):
    """Return the module's result; raises BaremetalError when interlock or hints do not agree, or an installer must not have the disk."""
    result = {"changed": False}
    # Compared first: nothing that another machine says shall be taken for the node's hardware.
    if interlock:
        result["interlock"] = verify(interlock)
    # Every run on a machine comes here first, and as soon as SSH answers.
    try:
        wait_for_scans()
    except BaremetalError as error:
        # A disk that does not answer may be why somebody looks at the machine, or is in it for a rescue.
        if root_device is not None:
            raise
        result["machine_warnings"] = [str(error)]
    skip = (interlock or {}).get("skip_block_devices") or ()
    # An array does not run yet, and may be what the boot is for; who writes to it assembles it and holds the hints against it.
    wanted = None if VOLUME_NAME in (root_device or {}) else root_device
    if interlock and wanted is not None:
        find_disk(wanted, skip=skip, list_disks=list_disks)
    firmware = smbios.read()
    hardware = result["hardware"] = {
        "hostname": platform.node(),
        "nonce": facts()["nonce"],
        "system": system.system(),
        "bios": system.bios(),
        "boot": system.boot(),
        "cpu": system.cpu(),
        "memory": system.memory(firmware["memory_modules"]),
        "disks": list_disks(),
        "interfaces": interfaces(),
    }
    names = [interface["name"] for interface in hardware["interfaces"]]
    if extended:
        hardware.update(
            dmi=firmware,
            pci_devices=buses.pci_devices(),
            usb_devices=buses.usb_devices(),
            numa_topology=buses.numa_topology(names),
            tpm=buses.tpm(),
            raid_members=raid_members(hardware["disks"]),
            bmc=bmc_address.addresses(interface=firmware["bmc_interface"]),
        )
    if lldp_timeout:
        neighbours = lldp.listen(names, lldp_timeout)
        for interface in hardware["interfaces"]:
            interface["lldp"] = neighbours[interface["name"]]
    if root_device is not None:
        result["root_disk"] = None if wanted is None else select(hardware["disks"], wanted, skip)
    if installer:
        result["root_path"] = None if wanted is None else path_for_installer(result["root_disk"], hardware["disks"], interlock, wanted)
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
            installer={"type": "bool", "default": False},
            extended={"type": "bool", "default": True},
            lldp_timeout={"type": "int", "default": 0},
        ),
        supports_check_mode=True,
        required_if=[("installer", True, ("interlock", "root_device"))],
    )
    try:
        result = collect(**{name: module.params[name] for name in ("interlock", "root_device", "installer", "extended", "lldp_timeout")})
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
