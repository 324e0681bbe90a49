#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: allocation
short_description: Give nodes to somebody, by what they are
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Chooses nodes by resource class and traits and keeps them for who asked, under a name. All nodes that are asked for are given, or none.
  - Nodes fit that are in state C(available), not in maintenance, not retired, not allocated, and that carry no instance. A node with an owner
    or a lessee is given to these only.
  - Of nodes that fit, those are taken whose names come first.
  - An allocated node can be deployed, and not taken out of C(available) otherwise. It is released when it is undeployed, or when its record is removed.
  - Several may ask at the same time; no node is given twice and no quota exceeded.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - It tells the nodes that would be given, and keeps none.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - An allocation that has as many nodes as O(count) stays as it is. One that lost some, by an undeploy, gets others.
options:
  name:
    description:
      - Name of the allocation, letters and digits with C(-), C(_) and C(.) between them.
      - An allocation of this name that asks for something else is not changed; the task fails.
    type: str
    required: true
  state:
    description:
      - V(absent) releases all nodes of the allocation, and fails when one of them is in another state than C(available). Undeploy it then, which
        releases it. A node in maintenance is released in any state.
    type: str
    choices: [present, absent]
    default: present
  owner:
    description: Whom the nodes are for. The owner's quota, see M(rackwright.baremetal.allocation_quota), must suffice.
    type: str
  resource_class:
    description: Resource class of the nodes. Needed to allocate, if O(backfill) does not name the nodes.
    type: str
  traits:
    description: Traits that each of the nodes must have.
    type: list
    elements: str
  candidate_nodes:
    description: Names of the only nodes to choose from.
    type: list
    elements: str
  count:
    description: How many nodes the allocation has. V(1) when not given. It may be raised later, and nodes are added then.
    type: int
  backfill:
    description:
      - Names of nodes in state C(active) that become those of the allocation as they are, for machines that were deployed or adopted without one.
    type: list
    elements: str
seealso:
  - module: rackwright.baremetal.allocation_info
  - module: rackwright.baremetal.allocation_quota
"""

EXAMPLES = r"""
- name: Get three compute nodes
  rackwright.baremetal.allocation:
    name: hpc7
    owner: physics
    resource_class: compute
    traits:
      - CUSTOM_NVME
    count: 3
  delegate_to: localhost
  run_once: true
  register: allocated

- name: Make them a group for the plays that follow
  ansible.builtin.add_host:
    name: "{{ item }}"
    groups: hpc7
  loop: "{{ allocated.nodes }}"

- name: Give back what was never deployed
  rackwright.baremetal.allocation:
    name: hpc7
    state: absent
"""

RETURN = r"""
nodes:
  description: Names of the nodes that the allocation has now; in check mode, those that it would have.
  type: list
  elements: str
  returned: success
  sample: [node1, node2, node5]
allocation:
  description: The allocation, as M(rackwright.baremetal.allocation_info) tells it; nothing when it was released.
  type: dict
  returned: success
  sample:
    name: hpc7
    owner: physics
    nodes: [node1, node2, node5]
    resource_class: compute
    traits: [CUSTOM_NVME]
    candidate_nodes:
    created_at: "2026-01-01T00:00:00.000000+00:00"
"""

from ..module_utils._door import module_main
from ..module_utils._doors.allocation import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
