# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..module_utils._boot.config_drive import pack
from ..module_utils._errors import BaremetalError

DOCUMENTATION = r"""
name: config_drive
short_description: Build or fetch a config drive
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Returns the config drive that a node's new system reads at its first boot, an ISO 9660 image packed with gzip and encoded as base64.
    O(rackwright.baremetal.disk_image#module:config_drive) takes it as it is.
  - It is made of what is given, in the layout of OpenStack's ConfigDrive or of cloud-init's NoCloud. Or it is ready already; then it is fetched,
    looked at and handed on.
  - Equal input gives equal output. More than 64 MiB are refused.
requirements:
  - pycdlib (Python package) on the controller
  - jsonschema (Python package) on the controller
options:
  _input:
    description: What the config drive says, or where it is. Unknown keys are an error.
    type: dict
    required: true
    suboptions:
      hostname:
        description: Host name of the new system. Required unless O(_input.iso) is given.
        type: str
      uuid:
        description:
          - UUID of the instance. A new one makes cloud-init take the system for a new instance.
          - Required unless O(_input.iso) is given.
        type: str
      layout:
        description:
          - V(configdrive) is read by cloud-init, cloudbase-init, Ignition and Glean; its label is C(config-2).
          - V(nocloud) is read by cloud-init; its label is C(cidata).
        type: str
        choices: [configdrive, nocloud]
        default: configdrive
      public_keys:
        description: SSH public keys for the default user, as a list, a text with one in each line, or a mapping of names to keys.
        type: raw
      user_data:
        description: User data as text. A mapping becomes cloud-config.
        type: raw
      meta:
        description: Free texts that the system finds as C(meta) in its metadata.
        type: dict
      meta_data:
        description: Further keys of the metadata. What has a key of its own here may be repeated, but not contradicted.
        type: dict
      network_data:
        description:
          - Network configuration in OpenStack's format, with the lists C(links), C(networks) and C(services).
          - In the layout V(nocloud) it becomes cloud-init's network configuration of version 2.
        type: dict
      vendor_data:
        description: Vendor data. In the layout V(nocloud) a text under the key C(cloud-init), which is what cloud-init takes of it.
        type: dict
      iso:
        description:
          - A config drive that is ready, with the label C(config-2) or C(cidata). An http or https URL, from which the controller fetches it; the absolute
            path of a file on the controller; or the drive itself in base64.
          - At each place it may be packed with gzip, encoded as base64, or both, as Ironic takes it.
          - It is handed on unchanged, so C(hostname), C(uuid), C(public_keys) and C(meta) say nothing, and other keys are refused.
          - With V(preserve) that word is returned. O(rackwright.baremetal.disk_image#module:config_drive) then keeps the drive that is on the disk.
        type: str
      sha256:
        description: Digest that what is at the URL or path of O(_input.iso) must have, 64 hexadecimal digits.
        type: str
seealso:
  - module: rackwright.baremetal.disk_image
"""

EXAMPLES = r"""
- name: Build a config drive
  ansible.builtin.set_fact:
    config_drive: >-
      {{ {'hostname': 'node1',
          'uuid': '7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10',
          'public_keys': ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl operator@example.com'],
          'user_data': {'packages': ['chrony']},
          'meta': {'rack': 'rack3'}} | rackwright.baremetal.config_drive }}

- name: Fetch one that is ready
  ansible.builtin.set_fact:
    config_drive: >-
      {{ {'iso': 'https://config.example.com/node1.iso.gz',
          'sha256': '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'} | rackwright.baremetal.config_drive }}
"""

RETURN = r"""
_value:
  description: The config drive, gzip-compressed and base64-encoded.
  type: str
"""


def config_drive(data):
    """Return the packed config drive; a bad input is an AnsibleFilterError of one paragraph."""
    try:
        return pack(data)
    except BaremetalError as error:
        raise AnsibleFilterError(str(error)) from None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return {name: filter}."""
        return {"config_drive": config_drive}
