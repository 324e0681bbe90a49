#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: allocation_info
short_description: Read allocations and quotas from the registry
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Returns which nodes are allocated to whom, and how much of the quotas is in use.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is ever changed.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  names:
    description: Names of the allocations; all when not given. A name without an allocation is left out of the result.
    type: list
    elements: str
  owner:
    description: Only what belongs to this owner.
    type: str
seealso:
  - module: rackwright.baremetal.allocation
"""

EXAMPLES = r"""
- name: See what physics has
  rackwright.baremetal.allocation_info:
    registry: sqlite:////tmp/registry.db
    owner: physics
  register: allocated
"""

RETURN = r"""
allocations:
  description: The allocations, by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the allocation.
      type: str
      returned: always
    owner:
      description: Whom the nodes are for, or nothing.
      type: str
      returned: always
    nodes:
      description: Names of its nodes.
      type: list
      elements: str
      returned: always
    resource_class:
      description: Resource class that was asked for.
      type: str
      returned: always
    traits:
      description: Traits that were asked for.
      type: list
      elements: str
      returned: always
    candidate_nodes:
      description: Nodes among which to choose, or nothing.
      type: list
      elements: str
      returned: always
    created_at:
      description: Since when the allocation exists.
      type: str
      returned: always
  sample:
    - name: hpc7
      owner: physics
      nodes: [node1, node2, node5]
quotas:
  description: By owner, the quota (C(nodes), nothing where there is none) and how many nodes are C(used).
  type: dict
  returned: success
  sample:
    physics:
      nodes: 8
      used: 3
"""

from ..module_utils._door import module_main
from ..module_utils._doors.allocation_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
