#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node
short_description: Enrol, update and remove nodes in the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings the registry to what a hardware file says of its nodes. All records are checked before the first one is written.
  - A MAC address, address, system UUID, serial number, BMC or switch port (C(local_link_connection)) that belongs to another node is refused, and so is
    a name that differs from another one in the case of its letters alone. Nodes that are enrolled together may swap what is theirs.
  - An address to boot with is no BMC's either. One of IPv6 stands for sixteen, and all of them count.
  - A BMC is one by its host, however its IPv6 address is spelled, and whether it is spoken to by Redfish or by IPMI. Systems with a C(system_id) of their
    own, BMCs behind a bridge, and ports other than 80, 443 and 623, which a gateway has for each, are told apart.
  - The password of a BMC is stored as a reference or as Ansible Vault ciphertext, never in clear, and is never shown.
  - The rest of a record is in clear and in the inventory. What looks like a secret there, by its key (password, token, secret, credentials, private key and
    the like) or because it is a private key or a URL with a password, is refused, unless it is a reference or ciphertext as above.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows field by field what changes in each node.
  idempotent:
    support: full
options:
  nodes:
    description:
      - The nodes. Each has the keys C(name) and C(driver) (V(redfish), V(ipmi), V(manual), or V(auto) to have it found out), and any of
        C(rack), C(bmc), C(ports), C(address),
        C(system_uuid), C(serial), C(boot_mode) (V(uefi) or V(bios)), C(boot_interface), C(resource_class), C(root_device), C(properties), C(traits),
        C(automated_clean), C(disable_power_off), C(description), C(owner), C(lessee), C(site), C(location), C(network_data), C(extra).
        A key that is not known is an error, and a key that is left out is empty.
      - C(extra) and C(properties) take texts, numbers, lists and dictionaries. A date is kept as text in the form of ISO 8601.
      - The flags C(maintenance), C(protected) and C(retired), and C(maintenance_reason), C(protected_reason) and C(retired_reason), stay as
        they are when they are left out. A reason goes with its flag.
      - C(rack) is the name of a group of the inventory, and C(site) the end of one, C(site_X), as C(resource_class) and each of C(traits) are.
        What a group or host is called already, or is called by the inventory itself, is refused. C(site) is what Ironic calls a conductor
        group, C(location) is free text.
      - C(skip_block_devices), among C(properties), is a list of root device hints. The disks that they mean are never chosen as root disk and
        never erased or written. With C(wipe_special_filesystems) a disk may be written that carries a file system of a cluster.
      - C(network_data) is in the format of OpenStack's C(network_data.json), with the lists C(links), C(networks) and C(services). A deploy that is
        given no other writes it to the config drive.
      - C(capabilities), among C(properties), are a dictionary or Ironic's text C(key:value,key:value), and are kept as a dictionary.
      - With C(disable_power_off) the node is never switched off, which machines that share a chassis may need.
      - C(boot_interface) is how the node boots the ramdisk, one of V(ipxe), V(http-ipxe), V(pxe), V(redfish-virtual-media) and V(redfish-https); see
        the option C(boot_interfaces) of M(rackwright.baremetal.netboot).
      - C(bmc) has the keys C(address), C(port), C(username), C(password), C(system_id), C(ca_file), C(verify), C(fingerprint),
        C(tls_min_version), C(cipher_suite), C(kg_key), C(privilege_level), C(bridge_channel), C(bridge_address).
      - C(password) is a reference, a dictionary with one of the keys C(env), C(file) and C(vault), or clear text that is
        encrypted with the vault secret of the run. C(kg_key) is a reference.
      - C(ports) is a list of dictionaries with the keys C(address) (MAC), C(pxe_enabled), C(name) and C(local_link_connection). The node boots from the
        first one that is enabled. C(local_link_connection) tells the switch port that it is wired to, with C(port_id) and one of C(switch_info) and
        C(switch_id). Ports of one node may have one together, which then stands for a group of links.
      - C(root_device) holds root device hints, for example the C(serial) of the disk that the system goes to, or the C(volume_name) of software RAID.
        A hint that is not understood is an error, and so is a kernel name (C(name)) unless C(force_name=true) stands beside it.
      - With O(state=absent) only C(name) matters.
    type: list
    elements: dict
    required: true
  provisioning_network:
    description:
      - Name of a network of type V(provisioning), see M(rackwright.baremetal.network), of which each of the nodes gets an address that has none, neither
        from the file nor from an earlier run.
    type: str
  state:
    description: Whether the nodes are in the registry.
    type: str
    choices: [present, absent]
    default: present
requirements:
  - jsonschema and netaddr (Python packages) on the controller
seealso:
  - module: rackwright.baremetal.node_info
  - module: rackwright.baremetal.network
"""

EXAMPLES = r"""
- name: Enrol a server
  rackwright.baremetal.node:
    registry: sqlite:////tmp/registry.db
    nodes:
      - name: server1
        rack: rack3
        driver: redfish
        bmc:
          address: 198.51.100.11
          username: admin
          password:
            env: BMC_PASSWORD
        ports:
          - address: "52:54:00:00:00:01"
        address: 192.0.2.11
        serial: SN0001
        root_device:
          serial: DISK0001

- name: Remove a server
  rackwright.baremetal.node:
    registry: sqlite:////tmp/registry.db
    nodes:
      - name: server1
    state: absent
"""

RETURN = r"""
nodes:
  description: What happened to each node.
  type: list
  elements: dict
  returned: success
  sample:
    - name: server1
      changed: true
"""

from ..module_utils._door import module_main
from ..module_utils._doors.node import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
