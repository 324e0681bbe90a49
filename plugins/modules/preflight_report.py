#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight_report
short_description: Show what a preflight found, as a table per rack
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Puts a table on the screen with a line per node and a column per check, and below it each trouble once, with the nodes that have it and what to do.
  - The task does not fail because of what was found; RV(failed_nodes) tells who should not be deployed.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - The table is shown. The file is not written.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - The file is written anew each time.
  delegation:
    support: none
    details:
      - The screen and the file are those of the controller, so C(delegate_to) makes no difference.
options:
  nodes:
    description: C(nodes) as M(rackwright.baremetal.preflight_info) returned it.
    type: dict
    required: true
  hosts:
    description: What was found on hosts that serve nodes. A check that fails there fails all of their nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the host. When not given, that of each item of the loop that O(hosts[].result) is of.
        type: str
      nodes:
        description: Names of the nodes that the host serves. When not given, those of each item of that loop, or else all.
        type: list
        elements: str
      check:
        description: Name of the check that fails where the task itself failed.
        type: str
        required: true
      result:
        description:
          - Result of M(rackwright.baremetal.boot_server_info), M(rackwright.baremetal.dhcp_server_info) or M(rackwright.baremetal.address_conflict_info).
            One that was skipped is left out. That of a loop is taken too, whose items are dictionaries with C(name) and C(nodes).
          - What it says of nodes in C(nodes), lists of checks by name, is shown with what else was found of them.
        type: dict
        required: true
  path:
    description: File on the controller to which all of it is written as JSON. Its directory is made. Nothing is written when not given.
    type: path
seealso:
  - module: rackwright.baremetal.preflight_info
"""

EXAMPLES = r"""
- name: Look at all machines of the play
  rackwright.baremetal.preflight_info:
    nodes: "{{ ansible_play_hosts }}"
  run_once: true
  register: looked_at

- name: Show what was found
  rackwright.baremetal.preflight_report:
    nodes: "{{ looked_at.nodes }}"
    path: preflight.json
  run_once: true
"""

RETURN = r"""
status:
  description: The worst status of all checks, V(ok), V(warn), V(fail) or V(skipped).
  type: str
  returned: success
  sample: fail
failed_nodes:
  description: Nodes with a check that failed, and all of a host with one.
  type: list
  elements: str
  returned: success
  sample: [node2]
failed_hosts:
  description: Hosts with a check that failed.
  type: list
  elements: str
  returned: success
  sample: []
table:
  description: The lines that were shown.
  type: list
  elements: str
  returned: success
"""

from ..module_utils._door import module_main
from ..module_utils._doors.preflight_report import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
