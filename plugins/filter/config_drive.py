# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from ..module_utils._boot.config_drive import pack
from ..module_utils._errors import BaremetalError

DOCUMENTATION = r"""
name: config_drive
short_description: Build a config drive
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Returns the config drive that a node's new system reads at its first boot, an ISO 9660 image with the label C(config-2) in the layout of OpenStack's
    ConfigDrive, packed with gzip and encoded as base64. O(rackwright.baremetal.disk_image#module:config_drive) takes it as it is.
  - Equal input gives equal output.
requirements:
  - pycdlib (Python package) on the controller
options:
  _input:
    description: What the config drive says. Unknown keys are an error.
    type: dict
    required: true
    suboptions:
      hostname:
        description: Host name of the new system.
        type: str
        required: true
      uuid:
        description: UUID of the instance. A new one makes cloud-init take the system for a new instance.
        type: str
        required: true
      public_keys:
        description: SSH public keys for the default user, as a list, or as a mapping of names to keys.
        type: raw
      user_data:
        description: User data as text. A mapping becomes cloud-config.
        type: raw
      meta:
        description: Free texts that the system finds as C(meta) in its C(meta_data.json).
        type: dict
      network_data:
        description: Network configuration in OpenStack's format, with the lists C(links), C(networks) and C(services).
        type: dict
      vendor_data:
        description: Vendor data.
        type: dict
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
