#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: failure_evidence
short_description: Keep what can be learned of a node after a failure, in one tarball
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes a tarball on the controller, one for each failure, which its owner alone may read. It holds what the BMC tells (power state, boot
    device, the newest entries of the event log, and what the machine prints on its serial console in some seconds), what
    M(rackwright.baremetal.boot_log_info) found on the boot server, and what the ramdisk tells in one SSH session (journal, kernel messages,
    disks, network, LLDP, EFI records, RAID, SMBIOS).
  - A part that cannot be had is no error. Why it is missing stands in C(index.json) of the tarball.
  - Known secrets, and what looks like one (private keys, password hashes, passwords in addresses, nonces), are taken out.
  - It is for C(rescue). The roles that work on a node use it when they fail.
  - Nothing is typed and nothing is changed, neither on the BMC nor on the machine.
  - The console is listened to after the failure. What was printed before is gone, because BMCs keep nothing of it, and no session is kept open
    while a node works. The journal of the ramdisk has it from the first line of its kernel on.
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
      - BMC and ramdisk are left alone and no file is written.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Each time a new file is written.
options:
  directory:
    description:
      - Directory on the controller. It is made where it is missing.
      - The name of the tarball is made of the node's name and the time in UTC.
    type: path
    required: true
  error:
    description: What failed, in a sentence.
    type: str
    required: true
  timeout:
    description: How many seconds the BMC may take, up to 600. Half of them go to the console. The ramdisk gets another 60.
    type: int
    default: 15
  keep:
    description: How many tarballs of this node are kept in O(directory), this one included. The oldest are removed.
    type: int
    default: 10
  boot_log:
    description: What M(rackwright.baremetal.boot_log_info) returned, or the result of that task when it failed.
    type: dict
  ramdisk:
    description:
      - How the ramdisk is reached, where it is up. Its commands are run by the user C(root), from the controller.
      - Each of them gets 10 seconds, and of what it prints the newest 256 KiB are kept, of the journal 1 MiB.
    type: dict
    suboptions:
      address:
        description: Address of the ramdisk. Without one it is not asked.
        type: str
      ssh_private_key_file:
        description: Private key to log in with.
        type: path
      ssh_arguments:
        description: Further arguments for C(ssh), for instance those that tell the host key.
        type: str
notes:
  - There is a serial console with the driver V(ipmi) alone, see M(rackwright.baremetal.console_capture).
seealso:
  - module: rackwright.baremetal.boot_log_info
  - module: rackwright.baremetal.console_capture
  - module: rackwright.baremetal.event_log
  - module: rackwright.baremetal.provision_state
"""

EXAMPLES = r"""
- name: Work on the node, and keep what can be learned when that fails
  block:
    - name: Boot the node from the network
      rackwright.baremetal.power:
        state: rebooted
        boot_device:
          device: pxe
          mode: uefi
  rescue:
    - name: Read what the boot server knows of the node
      rackwright.baremetal.boot_log_info:
      delegate_to: boot
      register: boot_log
      ignore_errors: true

    - name: Gather evidence
      rackwright.baremetal.failure_evidence:
        directory: ~/evidence
        error: "{{ ansible_failed_result.msg }}"
        boot_log: "{{ boot_log }}"
      register: evidence

    - name: Tell what failed
      ansible.builtin.fail:
        msg: "{{ evidence.error }}"

- name: Look at a node that stands still
  rackwright.baremetal.failure_evidence:
    directory: ~/evidence
    error: It does not come up.
    timeout: 60
"""

RETURN = r"""
path:
  description: The tarball on the controller; V(null) in check mode.
  returned: success
  type: str
  sample: /home/operator/evidence/node1-20260131T120000Z.tar.gz
error:
  description: The option O(error), with the name of the tarball.
  returned: success
  type: str
  sample: The machine did not call back. Evidence is in /home/operator/evidence/node1-20260131T120000Z.tar.gz on controller1.
unavailable:
  description: Why there is no V(console), V(machine) or V(event_log) of the BMC, or not all of the V(ramdisk) that was up, by these names.
  returned: success
  type: dict
  sample:
    console: "serial console capture: the driver redfish has no serial console capture. To do: use a BMC with the driver ipmi."
"""

from ..module_utils._door import module_main
from ..module_utils._doors.failure_evidence import DOOR


def main():
    module_main(DOOR)


if __name__ == "__main__":
    main()
