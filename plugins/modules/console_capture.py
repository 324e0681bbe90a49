#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: console_capture
short_description: Listen to a node's serial console for some seconds
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Opens the serial console over IPMI (serial over LAN), listens, and closes it again, also when it fails. Nothing is typed.
  - Only what is printed while it listens is heard. BMCs keep nothing of what was printed before.
  - It tells why a node that does not answer stands still, for example as evidence of a failed deploy.
  - Only one can have the console. A person who has it open keeps it, and this is an error.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.bmc
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - The BMC is logged on to and the console is left alone, so that the text is empty.
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details:
      - Nothing is changed.
options:
  seconds:
    description: How long to listen, from 1 to 3600.
    type: int
    default: 10
  max_bytes:
    description: How many bytes to keep, the newest ones, up to one mebibyte.
    type: int
    default: 65536
notes:
  - With the driver V(redfish) it is refused, because Redfish itself carries no console. Most of these BMCs have IPMI too; see the example.
seealso:
  - module: rackwright.baremetal.console_info
  - module: rackwright.baremetal.failure_evidence
"""

EXAMPLES = r"""
- name: See what a node prints that did not come up
  rackwright.baremetal.console_capture:
    seconds: 30
  register: console

- name: Keep it
  ansible.builtin.copy:
    content: "{{ console.text }}"
    dest: "/tmp/{{ inventory_hostname }}.console"
    mode: "0600"
  delegate_to: localhost

- name: Use IPMI for it with a BMC that is driven by Redfish
  rackwright.baremetal.console_capture:
    driver: ipmi
"""

RETURN = r"""
text:
  description: What the node printed, in lines, without escape sequences and control characters.
  returned: success
  type: str
  sample: "[    0.000000] Linux version 6.12.0\n"
bytes:
  description: How many bytes came in.
  returned: success
  type: int
  sample: 38
truncated:
  description: Whether older ones were dropped.
  returned: success
  type: bool
  sample: false
"""

from ..module_utils._door import module_main
from ..module_utils._doors.console_capture import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
