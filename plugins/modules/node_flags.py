#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: node_flags
short_description: Put a node into maintenance, protect it or retire it
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Sets flags of an enrolled node. What is not given stays as it is. At least one of O(maintenance), O(protected) and O(retired) is needed.
  - A flag forbids what has not begun; a run that works on the node goes on.
  - A hardware file that speaks of a flag has the last word when the node is enrolled again.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.node
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  maintenance:
    description:
      - Whether the node is in maintenance, in which it is not deployed, rebuilt, rescued, serviced or cleaned by hand.
      - A node whose cleaning or service failed is put into maintenance with a C(fault), and taken out of it when that succeeds. What this
        module sets is the operator's, and stays until an operator takes it back.
    type: bool
  maintenance_reason:
    description: Why; told whenever something is refused.
    type: str
  protected:
    description: Whether the node is kept from being undeployed, rebuilt and removed. Only a node in state C(active) or C(rescue) can be protected.
    type: bool
  protected_reason:
    description: Why.
    type: str
  retired:
    description:
      - Whether the node is at the end of its life. It is not provided or deployed any more, and ends in C(manageable) when it is undeployed.
      - A node in state C(available) cannot be retired.
    type: bool
  retired_reason:
    description: Why.
    type: str
seealso:
  - module: rackwright.baremetal.node
  - module: rackwright.baremetal.provision_state
"""

EXAMPLES = r"""
- name: Keep a server out of use while a fan is replaced
  rackwright.baremetal.node_flags:
    name: server1
    registry: sqlite:////tmp/registry.db
    maintenance: true
    maintenance_reason: fan 3 is broken

- name: Keep a server from being undeployed
  rackwright.baremetal.node_flags:
    name: server1
    registry: sqlite:////tmp/registry.db
    protected: true
"""

RETURN = r"""
flags:
  description: The flags of the node, with their reasons, and C(fault), which says what put the node into maintenance if no operator did.
  type: dict
  returned: success
  sample:
    maintenance: true
    maintenance_reason: fan 3 is broken
    protected: false
    protected_reason:
    retired: false
    retired_reason:
    fault:
"""

from ..module_utils._door import module_main
from ..module_utils._doors.node_flags import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
