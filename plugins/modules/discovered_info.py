#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: discovered_info
short_description: Tell which machines that nobody knows have called in
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads in the logs of the boot server which machines have booted the ramdisk of the discovery that is on, see
    M(rackwright.baremetal.discovery), and how far those are that have not called.
  - A call counts when it comes from an address of the range of the discovery, with its nonce, and for the MAC address that DHCP gave that
    address. Machines that M(rackwright.baremetal.discovered_node) was done with and that were switched off are left out.
  - Runs where the logs are. When the boot server is not the controller, use C(delegate_to) with the boot server.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
attributes:
  check_mode:
    support: full
    details:
      - Does not wait; returns what is in the logs.
  diff_mode:
    support: N/A
  idempotent:
    support: N/A
    details:
      - Nothing is changed.
options:
  root:
    description: The C(boot_server_root) of the role P(rackwright.baremetal.boot_server#role).
    type: path
    default: /srv/rackwright
  wait:
    description: Seconds to wait for machines to call in. With V(0) one look is taken.
    type: int
    default: 0
  count:
    description: So many machines that have called in are enough, and nothing more is waited for.
    type: int
seealso:
  - module: rackwright.baremetal.discovery
  - module: rackwright.baremetal.discovered_node
"""

EXAMPLES = r"""
- name: See who has called in within ten minutes
  rackwright.baremetal.discovered_info:
    wait: 600
  delegate_to: boot
  register: seen

- name: Show them
  ansible.builtin.debug:
    msg: "{{ seen.machines | map(attribute='mac') }}"
"""

RETURN = r"""
discovery:
  description: The discovery that is on, C(nonce), C(since) (seconds since 1970) and C(range).
  returned: success
  type: dict
told:
  description: Who has called, and how far the others are, for a person.
  returned: success
  type: str
  sample: "machines that nobody knows: 52:54:00:00:02:99 (192.0.2.200) has called"
machines:
  description: Machines of the range, those that have called by time, then the others.
  returned: success
  type: list
  elements: dict
  contains:
    mac:
      description: MAC address of the card that the machine booted from.
      type: str
    address:
      description: Its address.
      type: str
    host_key:
      description: SSH host key of its ramdisk; V(null) when it has not called.
      type: str
    called_at:
      description: When it called last, by the clock of the boot server; V(null) when it has not called.
      type: str
    stage:
      description: The last stage that was seen of it, see M(rackwright.baremetal.ramdisk_wait).
      type: str
    stages:
      description: All stages, each with C(stage), C(time), and C(seconds) since discovery was switched on.
      type: list
      elements: dict
  sample:
    - mac: "52:54:00:00:02:99"
      address: 192.0.2.200
      host_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKdpZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTU+/
      called_at: "2026-03-01T08:12:44.010+00:00"
      stage: ssh
      stages: []
"""

from ..module_utils._door import module_main
from ..module_utils._doors.discovered_info import DOOR


def main():
    """The module's entry."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
