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
  - The power state goes into the registry, where that knows the node.
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
      - V(hardware) costs most. It puts processors, memory modules, drives and interfaces into the form in which
        M(rackwright.baremetal.hardware_info) returns them, for an inspection without a boot.
      - A BMC that tells it belongs to another machine is an error. With V(identity) and V(hardware) it is asked for all that it tells of that, as by
        every module that changes something; otherwise over IPMI only when the login raises a doubt.
      - V(clock) tells by how many seconds the BMC is ahead of the host that asks it.
      - Over IPMI there are no V(nics), no V(licences) and no V(hardware), V(firmware) is the BMC's own, V(identity) is what the first FRU holds
        and the system GUID, and V(sessions) are only counted.
    type: list
    elements: str
    choices: [identity, power, health, indicator_led, bmc, clock, bmc_ports, nics, firmware, licences, sessions, boot, hardware]
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
  description: What the BMC tells, by the parts in O(gather); a part that could not be read is V(none), and so is within a part what the BMC does not tell.
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
      description: Who the machine is.
      type: dict
      returned: when asked for
      contains:
        manufacturer:
          description: Maker of the machine.
          type: str
          returned: always
        model:
          description: Model of the machine.
          type: str
          returned: always
        serial:
          description: Serial number; Dell tells that of the board.
          type: str
          returned: always
        sku:
          description: C(SKU) of the system; only with V(redfish).
          type: str
          returned: always
        service_tag:
          description: Dell's service tag, which is on the label; only with V(redfish).
          type: str
          returned: always
        part_number:
          description: Part number.
          type: str
          returned: always
        asset_tag:
          description: Asset tag.
          type: str
          returned: always
        system_uuid:
          description: UUID of the machine, in lower case.
          type: str
          returned: always
        bios_version:
          description: Version of the BIOS; only with V(redfish).
          type: str
          returned: always
        hostname:
          description: Host name that the system told the BMC; only with V(redfish).
          type: str
          returned: always
    power:
      description: V(on), V(off), or V(unknown) for everything between them.
      type: str
      returned: when asked for
    health:
      description: Health of the machine.
      type: dict
      returned: when asked for
      contains:
        health:
          description: That of the system, V(ok), V(warning), V(critical) or V(unknown).
          type: str
          returned: always
        rollup:
          description: That of all that belongs to it, with the same values.
          type: str
          returned: always
        state:
          description: C(State) of the system with V(redfish); with V(ipmi) the faults that the chassis tells.
          type: str
          returned: always
    indicator_led:
      description: V(on), V(off) or V(blinking).
      type: str
      returned: when asked for
    bmc:
      description: What the BMC tells of itself.
      type: dict
      returned: when asked for
      contains:
        manufacturer:
          description: Its maker; with V(ipmi) the maker's number at IANA.
          type: str
          returned: always
        model:
          description: Its model; with V(ipmi) the maker's number of the product.
          type: str
          returned: always
        firmware_version:
          description: Version of its firmware.
          type: str
          returned: always
        uuid:
          description: Its UUID, in lower case; only with V(redfish).
          type: str
          returned: always
        health:
          description: V(ok), V(warning), V(critical) or V(unknown).
          type: str
          returned: always
        last_reset:
          description: When it started last, in UTC; only with V(redfish).
          type: str
          returned: always
    clock:
      description: The BMC's clock.
      type: dict
      returned: when asked for
      contains:
        time:
          description: Its time in UTC.
          type: str
          returned: always
        utc_offset:
          description: Offset of its local time.
          type: str
          returned: always
        skew:
          description: Seconds by which it is ahead of the controller's clock; negative when it is behind.
          type: int
          returned: always
    bmc_ports:
      description: The BMC's own network interfaces.
      type: list
      elements: dict
      returned: when asked for
      contains:
        name:
          description: Name of the interface.
          type: str
          returned: always
        mac:
          description: MAC address.
          type: str
          returned: always
        addresses:
          description: IP addresses.
          type: list
          elements: str
          returned: always
        hostname:
          description: Host name of the BMC.
          type: str
          returned: always
        enabled:
          description: Whether it is switched on.
          type: bool
          returned: always
    nics:
      description: The machine's network interfaces; only with V(redfish).
      type: list
      elements: dict
      returned: when asked for
      contains:
        id:
          description: C(Id) of the interface.
          type: str
          returned: always
        name:
          description: Name of the interface.
          type: str
          returned: always
        mac:
          description: MAC address, the permanent one where the BMC tells it.
          type: str
          returned: always
        speed_mbps:
          description: Speed in Mbit/s.
          type: int
          returned: always
        link:
          description: V(up) or V(down).
          type: str
          returned: always
    firmware:
      description: The firmware inventory; with V(ipmi) the BMC alone.
      type: list
      elements: dict
      returned: when asked for
      contains:
        id:
          description: C(Id) of the entry, which M(rackwright.baremetal.firmware) takes as component.
          type: str
          returned: always
        name:
          description: Name of the component.
          type: str
          returned: always
        version:
          description: Its version.
          type: str
          returned: always
        updateable:
          description: Whether the BMC can update it.
          type: bool
          returned: always
        health:
          description: V(ok), V(warning), V(critical) or V(unknown).
          type: str
          returned: always
    licences:
      description: The BMC's licences, never their keys; only with V(redfish).
      type: list
      elements: dict
      returned: when asked for
      contains:
        id:
          description: C(Id) of the licence.
          type: str
          returned: always
        name:
          description: Name of the licence.
          type: str
          returned: always
        type:
          description: C(LicenseType).
          type: str
          returned: always
        expires:
          description: When it ends, in UTC.
          type: str
          returned: always
        health:
          description: V(ok), V(warning), V(critical) or V(unknown).
          type: str
          returned: always
    sessions:
      description: The sessions that are open in the BMC.
      type: dict
      returned: when asked for
      contains:
        open:
          description: How many there are.
          type: int
          returned: always
        limit:
          description: How many the BMC takes; only with V(ipmi).
          type: int
          returned: always
        timeout:
          description: Seconds after which an idle one ends; only with V(redfish).
          type: int
          returned: always
        sessions:
          description: Each of them; only with V(redfish).
          type: list
          elements: dict
          returned: always
          contains:
            id:
              description: C(Id) of the session.
              type: str
              returned: always
            username:
              description: Name of the account.
              type: str
              returned: always
            origin:
              description: IP address that it was opened from.
              type: str
              returned: always
            created:
              description: When it was opened, in UTC.
              type: str
              returned: always
            type:
              description: C(SessionType).
              type: str
              returned: always
    boot:
      description: Where the machine boots from.
      type: dict
      returned: when asked for
      contains:
        device:
          description: Device of the boot override; V(none) when there is none.
          type: str
          returned: always
        persistent:
          description: Whether it is for all boots.
          type: bool
          returned: always
        mode:
          description: V(uefi) or V(bios).
          type: str
          returned: always
        uri:
          description: What the firmware loads, when the device is V(http).
          type: str
          returned: when the device is V(http)
        progress:
          description: C(LastState) of the boot progress; only with V(redfish).
          type: str
          returned: always
        order:
          description: The boot order, as references; only with V(redfish).
          type: list
          elements: str
          returned: always
    hardware:
      description:
        - What the machine is made of, as M(rackwright.baremetal.hardware_info) returns it; C(docs/hardware.schema.json) describes it key by key.
          What only the machine itself knows is V(none) or left out; drives and interfaces have the names that the BMC gives them.
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
