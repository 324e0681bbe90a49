#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_log_info
short_description: Read what the boot server knows of a node
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Reads the lines about one node in the logs of the boot server, and the journal of its ramdisk, which the ramdisk sends from its first
    line on.
  - It can be used while a node boots, after a failure, and after a success until the node boots the next ramdisk.
  - Nonces are taken out of the text.
  - Runs where the logs are. When the boot server is not the controller, use C(delegate_to) with the boot server.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is changed in any mode.
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
  mac:
    description:
      - MAC address of the port that boots.
      - By default the first port with C(pxe_enabled) in the registry.
    type: str
  address:
    description:
      - Address of the node. Lines that name it and no MAC address are found by it, those of TFTP for instance.
      - By default the node's address in the registry.
    type: str
  max_bytes:
    description: How many bytes of each log and of the journal to return, the newest ones, up to four mebibytes.
    type: int
    default: 262144
notes:
  - The newest 16 MiB of each log are looked at. An address that another machine had before brings its lines too.
seealso:
  - module: rackwright.baremetal.ramdisk_wait
  - module: rackwright.baremetal.failure_evidence
"""

EXAMPLES = r"""
- name: See how far a node came
  rackwright.baremetal.boot_log_info:
  delegate_to: boot
  register: boot

- name: Show the end of its journal
  ansible.builtin.debug:
    msg: "{{ (boot.journal | default('', true)).splitlines()[-20:] }}"
"""

RETURN = r"""
dnsmasq:
  description: Lines of DHCP and TFTP, times in UTC; V(null) where the log cannot be read.
  returned: success
  type: str
  sample: "Jan 31 12:00:04 dnsmasq-dhcp[120]: DHCPACK(eth0) 192.0.2.11 52:54:00:12:34:56 node1\n"
http:
  description: Requests, one JSON object per line; V(null) where the log cannot be read.
  returned: success
  type: str
nginx_error:
  description: Errors of the HTTP server; V(null) where the log cannot be read.
  returned: success
  type: str
journal:
  description: The journal of the node's ramdisk, with seconds since the start of the kernel; V(null) where nothing came in.
  returned: success
  type: str
  sample: "[    0.000000] kernel: Linux version 6.12.0\n"
unavailable:
  description: Why one of them is V(null), by its name.
  returned: success
  type: dict
  sample:
    journal: nothing of it came in (/srv/rackwright/journal/52-54-00-12-34-56)
"""

from ..module_utils._door import module_main
from ..module_utils._doors.boot_log_info import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
