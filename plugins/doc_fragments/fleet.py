# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the fleet form, as FLEET in module_utils/_doors/_options.py has them. Private to the collection; may change at any time."""

from __future__ import annotations

from .bmc import ModuleDocFragment as Bmc

# A BMC has the same keys in a list as it has alone; they stand last in that fragment.
BMC_KEYS = Bmc.DOCUMENTATION.partition("    suboptions:\n")[2].partition("requirements:\n")[0]


class ModuleDocFragment:
    DOCUMENTATION = rf"""
options:
  nodes:
    description:
      - Names of the nodes to work on at once in this one task, instead of O(name). To be used with C(run_once), for example with
        V({{{{ ansible_play_hosts }}}}).
      - The BMC of each of them comes from O(bmcs), from the host variable C(baremetal_bmc) of that node (not of the play or the task), or
        from the registry.
      - A BMC that is dead or refuses delays no other, and the work on all others is done, whatever O(fail_on) says.
    type: list
    elements: str
  bmcs:
    description: BMCs of O(nodes) that neither host variables nor the registry tell.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      driver:
        description: How to talk to the BMC; O(driver) goes before it.
        type: str
        choices: [DRIVERS]
{BMC_KEYS}
  fail_on:
    description:
      - With O(nodes), when the task fails. V(any) when one node failed, V(all) when every node did; a task that has not failed warns then.
      - Ansible takes all hosts out of the play when a task with C(run_once) fails. With V(all) the others go on, and RV(failed_nodes) tells
        which nodes have to be left out; the guide B(Fleets) shows how.
    type: str
    choices: [any, all]
    default: any
""".replace("DRIVERS", Bmc.DOCUMENTATION.partition("choices: [")[2].partition("]")[0])
