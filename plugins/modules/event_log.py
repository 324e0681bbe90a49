#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: event_log
short_description: Read the event log of a node's hardware, or have it empty
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads the log that the BMC keeps of the hardware, and clears it with O(cleared=true).
  - The entries that were cleared are returned. Over Redfish, where reading and clearing are two requests, one that comes in between is lost.
  - The log is read again afterwards. A BMC that says yes and clears nothing is an error.
    Where it cannot be read again, the entries are returned with a warning.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.bmc
  - rackwright.baremetal.fleet
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - The log is read and not cleared.
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - A log whose only entry says that it was cleared counts as empty.
options:
  cleared:
    description: Whether the log must be empty. V(false) reads and changes nothing.
    type: bool
    default: false
  log:
    description:
      - Which log, where the BMC has several, by its Id as in RV(logs), or by its path.
      - When not given, it is the system event log or what the maker calls it.
    type: str
  since:
    description:
      - Only entries from this time on, as ISO 8601, for example V(2026-01-31T12:00:00Z). An entry without a time counts as new.
      - It has no say in what is cleared.
    type: str
  limit:
    description: How many entries to return at most, the newest ones.
    type: int
    default: 100
seealso:
  - module: rackwright.baremetal.sensors_info
"""

EXAMPLES = r"""
- name: What happened today
  rackwright.baremetal.event_log:
    since: "{{ now(utc=true, fmt='%Y-%m-%dT00:00:00Z') }}"
  register: events

- name: Show what is not well
  ansible.builtin.debug:
    msg: "{{ events.entries | rejectattr('severity', 'eq', 'ok') | map(attribute='message') }}"

- name: Begin with an empty log
  rackwright.baremetal.event_log:
    cleared: true
"""

RETURN = r"""
entries:
  description: The entries, the oldest first; with O(cleared=true) those that were cleared.
  returned: success
  type: list
  elements: dict
  sample:
    - id: "17"
      time: "2026-01-31T12:00:00Z"
      severity: critical
      message: The memory module DIMM A1 has failed.
      message_id: MEM0701
      component: Memory
  contains:
    id:
      description: The entry's Id, over IPMI its record number.
      type: str
      returned: always
    time:
      description:
        - When it happened in UTC, by the clock of the BMC; over IPMI put right by the difference of the clocks. Nothing when it is not
          told.
      type: str
      returned: always
    severity:
      description: V(ok), V(warning), V(critical) or V(unknown).
      type: str
      returned: always
    message:
      description: The text.
      type: str
      returned: always
    message_id:
      description: The MessageId, over IPMI the type and offset of the event.
      type: str
      returned: always
    component:
      description: What it is about, where the BMC tells.
      type: str
      returned: always
log:
  description: The log that was read.
  returned: success
  type: str
  sample: Sel
logs:
  description: All logs that the BMC offers.
  returned: success
  type: list
  elements: str
  sample: [Sel, Lclog]
nodes:
  description: With O(nodes), the result of each node by its name.
  returned: when O(nodes) was given
  type: dict
  sample:
    node1:
      changed: false
    node2:
      changed: false
      failed: true
      msg: "node2: BMC connection: the BMC at https://192.0.2.12 does not answer. To do: check that the address is right."
      cause: "BMC connection: the BMC does not answer. To do: check that the address is right."
failed_nodes:
  description: With O(nodes), the names of those that failed.
  returned: when O(nodes) was given
  type: list
  elements: str
  sample: [node2]
"""

from ..module_utils._door import module_main
from ..module_utils._doors.event_log import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
