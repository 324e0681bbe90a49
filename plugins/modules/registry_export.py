#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: registry_export
short_description: Write the nodes and networks of the registry into a JSON file
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes a file with the key C(nodes), which is a hardware file that M(rackwright.baremetal.node) and C(enroll.yml) take, the key C(networks), which
    is what M(rackwright.baremetal.network) takes, and the key C(states), with what has become of each node and the addresses that it was given.
  - The key C(exported) says what the file is; expressions in it are not templated when it is enrolled, because texts of tenants and machines are in it.
  - The file is for its owner alone. Credentials are in it as in the registry, as references and Ansible Vault ciphertext.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  path:
    description: Path of the file. One that is there is replaced.
    type: path
    required: true
  history:
    description: Whether the states also carry the key C(history), all transitions of the node with who, run, duration and error.
    type: bool
    default: false
seealso:
  - module: rackwright.baremetal.node
  - module: rackwright.baremetal.registry_backup
"""

EXAMPLES = r"""
- name: Write all nodes into a file
  rackwright.baremetal.registry_export:
    registry: sqlite:////tmp/registry.db
    path: /tmp/nodes.json
"""

RETURN = r"""
path:
  description: Path of the file.
  type: str
  returned: success
nodes:
  description: Number of nodes in it.
  type: int
  returned: success
"""

from ..module_utils._door import module_main
from ..module_utils._doors.registry_export import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
