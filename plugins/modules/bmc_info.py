#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bmc_info
short_description: Read what a BMC tells of a node and of itself
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads identity, state, firmware, clock and network interfaces of a node from its BMC.
  - Only the parts in O(gather) are asked for. The ones in the default cost two requests with Redfish when C(system_id) is given, and three
    when it is not.
  - What a BMC does not tell is V(none). A part that it refuses, for want of a licence for example, is named in RV(unavailable) and costs no
    other part.
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
  gather:
    description:
      - The parts to read. With Redfish V(identity), V(power), V(health) and V(indicator_led) come with one request, V(bmc) and V(clock)
        with another. V(boot) costs one more; the other parts cost one for each thing they list where a BMC cannot send a whole collection.
      - V(clock) tells by how many seconds the BMC is ahead of the host that asks it.
      - Over IPMI there are no V(nics) and no V(licences), V(firmware) is the BMC's own, V(identity) is what the first FRU holds, and
        V(sessions) are only counted.
    type: list
    elements: str
    choices: [identity, power, health, indicator_led, bmc, clock, bmc_ports, nics, firmware, licences, sessions, boot]
    default: [identity, power, bmc]
seealso:
  - module: rackwright.baremetal.sensors_info
  - module: rackwright.baremetal.event_log
  - module: rackwright.baremetal.console_info
"""

EXAMPLES = r"""
- name: Ask all machines of the play who they are
  rackwright.baremetal.bmc_info:
  register: told

- name: Ask a whole rack in one task
  rackwright.baremetal.bmc_info:
    nodes: "{{ ansible_play_hosts }}"
    gather: [power, clock]
    fail_on: all
  run_once: true

- name: Read the firmware inventory and the clock of one machine
  rackwright.baremetal.bmc_info:
    gather: [bmc, clock, firmware]
    driver: redfish
    bmc:
      address: 192.0.2.11
      username: operator
      password: "{{ vaulted_bmc_password }}"
  register: told

- name: Have the clock of the BMC right within a minute
  ansible.builtin.assert:
    that: told.bmc_info.clock.skew is not none and told.bmc_info.clock.skew | abs < 60
"""

RETURN = r"""
bmc_info:
  description: What the BMC tells, by the parts in O(gather); a part that could not be read is V(none).
  returned: success
  type: dict
  sample:
    power: "on"
    bmc:
      manufacturer: null
      model: 14G Monolithic
      firmware_version: 7.00.00.171
      uuid: null
      health: ok
      last_reset: "2026-01-31T12:00:00Z"
  contains:
    identity:
      description:
        - Manufacturer, model, serial, sku, service_tag, part_number, asset_tag, system_uuid, bios_version and hostname.
        - Dell tells the serial number of the board as serial; the service tag is service_tag.
      type: dict
      returned: when asked for
    power:
      description: V(on), V(off), or V(unknown) for everything between them.
      type: str
      returned: when asked for
    health:
      description: V(ok), V(warning), V(critical) or V(unknown) as health of the system and rollup of all that belongs to it, and state.
      type: dict
      returned: when asked for
    indicator_led:
      description: V(on), V(off) or V(blinking).
      type: str
      returned: when asked for
    bmc:
      description: Manufacturer, model, firmware_version, uuid, health and last_reset of the BMC.
      type: dict
      returned: when asked for
    clock:
      description: The BMC's time in UTC, its utc_offset, and skew, the seconds by which it is ahead.
      type: dict
      returned: when asked for
    bmc_ports:
      description: The BMC's own network interfaces, each with name, mac, addresses, hostname and enabled.
      type: list
      elements: dict
      returned: when asked for
    nics:
      description: The machine's network interfaces, each with id, name, mac, speed_mbps and link (V(up) or V(down)).
      type: list
      elements: dict
      returned: when asked for
    firmware:
      description: The firmware inventory, each with id, name, version, updateable and health.
      type: list
      elements: dict
      returned: when asked for
    licences:
      description: The BMC's licences, each with id, name, type, expires and health; never their keys.
      type: list
      elements: dict
      returned: when asked for
    sessions:
      description:
        - How many sessions are open, the limit where the BMC tells it, the timeout in seconds, and the sessions, each with id, username,
          origin, created and type.
      type: dict
      returned: when asked for
    boot:
      description: The boot override as device, persistent and mode, the progress of the boot, and the boot order.
      type: dict
      returned: when asked for
unavailable:
  description: Why a part could not be read, by its name.
  returned: success
  type: dict
  sample:
    licences: "the BMC at https://192.0.2.11 refused the request: HTTP status 403"
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
from ..module_utils._doors.bmc_info import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
