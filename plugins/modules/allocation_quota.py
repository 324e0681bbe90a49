#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: allocation_quota
short_description: Limit how many nodes an owner may have allocated
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Sets or lifts the quota of an owner. An owner without one is not limited, and neither are allocations without an owner.
  - A quota below what the owner has takes nothing away; there is just no more.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  owner:
    description: The owner, as in O(rackwright.baremetal.allocation#module:owner).
    type: str
    required: true
  nodes:
    description: How many nodes the owner may have at a time. Needed with O(state=present).
    type: int
  state:
    description: V(absent) lifts the quota.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: rackwright.baremetal.allocation
"""

EXAMPLES = r"""
- name: Let physics have eight nodes at a time
  rackwright.baremetal.allocation_quota:
    registry: sqlite:////tmp/registry.db
    owner: physics
    nodes: 8
"""

RETURN = r"""
nodes:
  description: The quota now, nothing when there is none.
  type: int
  returned: success
  sample: 8
"""

from ..module_utils._door import module_main
from ..module_utils._doors.allocation_quota import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
