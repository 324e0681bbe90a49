#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sensors_info
short_description: Read the sensors of a node through its BMC
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads temperatures, fans, voltages, currents and power with their status and thresholds.
  - With Redfish the chassis' collection of sensors is read where the BMC can send it as a whole. What it lacks comes from the older thermal
    and power resources, and only what these lack too is read sensor by sensor.
  - Over IPMI every sensor is asked by itself, which takes some seconds with a BMC that has many. Thresholds are not read there; the status
    is the BMC's own. Sensors that tell only states are left out, and so are those that the BMC refuses to read at the moment.
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
      - Nothing is ever changed.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  kinds:
    description:
      - The kinds of sensors to return. All of them are read.
    type: list
    elements: str
    choices: [temperature, fan, voltage, power, current, other]
    default: [temperature, fan, voltage, power, current, other]
seealso:
  - module: rackwright.baremetal.bmc_info
  - module: rackwright.baremetal.event_log
"""

EXAMPLES = r"""
- name: Read temperatures and fans
  rackwright.baremetal.sensors_info:
    kinds: [temperature, fan]
  register: read

- name: Stop where a sensor is critical
  ansible.builtin.assert:
    that: read.health != 'critical'
    fail_msg: "{{ read.sensors | selectattr('status', 'eq', 'critical') | map(attribute='name') | join(', ') }}"
"""

RETURN = r"""
sensors:
  description: The readings, by kind and name.
  returned: success
  type: list
  elements: dict
  sample:
    - name: Inlet Temp
      kind: temperature
      reading: 23
      unit: Cel
      status: ok
      thresholds:
        upper_warning: 38
        upper_critical: 42
  contains:
    name:
      description: Name of the sensor.
      type: str
      returned: always
    kind:
      description: One of O(kinds).
      type: str
      returned: always
    reading:
      description: The reading, nothing when there is none at the moment.
      type: float
      returned: always
    unit:
      description: The unit as Redfish has it, V(Cel), V(RPM), V(%), V(V), V(W), V(A) or what the BMC tells.
      type: str
      returned: always
    status:
      description: V(ok), V(warning), V(critical) or V(unknown), as the BMC tells, else by the thresholds.
      type: str
      returned: always
    thresholds:
      description: Those that the BMC tells.
      type: dict
      returned: always
      contains:
        lower_critical:
          description: The reading is critical below this.
          type: float
          returned: when the BMC tells it
        lower_warning:
          description: The reading is of concern below this.
          type: float
          returned: when the BMC tells it
        upper_warning:
          description: The reading is of concern above this.
          type: float
          returned: when the BMC tells it
        upper_critical:
          description: The reading is critical above this.
          type: float
          returned: when the BMC tells it
health:
  description: The worst status of the sensors returned.
  returned: success
  type: str
  sample: ok
power_watts:
  description: What the machine consumes, nothing when the BMC does not tell.
  returned: success
  type: float
  sample: 184
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
from ..module_utils._doors.sensors_info import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
