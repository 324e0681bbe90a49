#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: burnin
short_description: Burn in processors, memory, disks or network of the machine it runs on
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node and loads one part of the machine for as long as it is told, so that what would fail early fails now.
  - V(cpu) computes and verifies the results, V(memory) writes patterns to the free memory and reads them back, both through stress-ng. Errors that
    the kernel counts meanwhile (machine checks, errors of memory modules, corrected ones too) are a failure as well.
  - V(disk) writes all of each disk and reads it back, through fio. B(What was on the disks is gone.) The interlock, the identity of each disk and
    whether it may be written are checked as M(rackwright.baremetal.disk_erase) does, before any disk is written and again directly before, also before
    the wipe at the end. A disk that is part of something, such as software RAID or LVM, is refused; erase its metadata first. Where the ramdisk has
    smartctl, a disk that tells that it is failing is a failure.
  - V(network) sends to O(partner) and receives at the same time from the machine that sends here, through fio, over TCP from port 9000 on. Errors
    that the network card counts, and a link that comes and goes, are a failure.
  - The work is done by a process that outlives the connection. The same task again, with the same nonce, joins it.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.disk
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
    details:
      - The interlock is checked, the program is looked for, the disks are chosen and looked at, and the plan is returned.
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - Within one boot of the ramdisk, told by the nonce of the interlock, the same burn-in is not repeated unless another one came between.
requirements:
  - stress-ng for V(cpu) and V(memory), fio for V(disk) and V(network), smartmontools for what disks tell of their health; the role
    P(rackwright.baremetal.ramdisk#role) installs them with C(ramdisk_burn_in)
options:
  test:
    description: What is loaded.
    type: str
    choices: [cpu, memory, disk, network]
    required: true
  runtime:
    description:
      - For how many seconds. Required unless O(test=disk).
      - With O(test=disk), how long at most, also where not everything was written and read by then; V(0) means as long as that takes,
        until the largest disk would have ended at 20 MB/s.
    type: int
    default: 0
  workers:
    description: With O(test=cpu) and O(test=memory), how many processes work. V(0) means one for each processor.
    type: int
    default: 0
  vm_bytes:
    description: With O(test=memory), how much memory, in per cent of what is free, or as a number of bytes with C(k), C(m), C(g) or C(t) behind it.
    type: str
    default: 98%
  loops:
    description: With O(test=disk), how many times each disk is written and read.
    type: int
    default: 4
  disks:
    description:
      - With O(test=disk), which disks. V(root) is the one that O(root_device) chooses.
      - V(all) are all but those of O(skip_block_devices), removable ones and those that are reached over a network; what is skipped is returned.
    type: str
    choices: [root, all]
    default: root
  skip_block_devices:
    description: Disks that are never touched, each given by hints in the grammar of O(root_device); one hint may mean several disks.
    type: list
    elements: dict
    default: []
  wipe_special_filesystems:
    description: Whether disks with a file system of a cluster (VMFS, GPFS, GFS2, OCFS2) are written too, which other machines may be using.
    type: bool
    default: false
  partner:
    description:
      - With O(test=network), the address of the machine that is sent to. It must do the same burn-in at the same time, and may begin up to 300 seconds
        later.
      - Let each machine be the partner of exactly one other, as in a ring.
    type: str
  certificates:
    description: A directory on the controller, made if need be, in which the record is kept, in a file that the owner alone may read.
    type: str
  wait:
    description:
      - Whether to wait for the end.
      - With V(false) the work is started and goes on by itself. The same task with V(true) joins it, and returns its record or its failure.
    type: bool
    default: true
seealso:
  - module: rackwright.baremetal.disk_erase
"""

EXAMPLES = r"""
- name: Load the processors for a day
  rackwright.baremetal.burnin:
    test: cpu
    runtime: 86400
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"

- name: Write and read all disks once
  rackwright.baremetal.burnin:
    test: disk
    disks: all
    loops: 1
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
"""

RETURN = r"""
plan:
  description: What is loaded, and for how long, as one line.
  returned: when it was begun by this task or has ended, and in check mode
  type: str
skipped:
  description: Disks that are not written, each with C(device), C(serial), C(reason), and all of it as C(text).
  returned: as RV(plan)
  type: list
  elements: dict
record:
  description: What came of it; null before the end.
  returned: always
  type: dict
  contains:
    test:
      description: What was loaded.
      type: str
      sample: disk
    runtime:
      description: As asked for.
      type: int
    result:
      description: V(passed) or V(failed).
      type: str
    error:
      description: What has failed, or null.
      type: str
    begun:
      description: When it began, UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    ended:
      description: When it had ended, UTC.
      type: str
    seconds:
      description: How long it took.
      type: float
    tools:
      description: Versions of the kernel and of the program that was used.
      type: dict
    details:
      description:
        - Of processors and memory, C(operations) in C(seconds_each), which compare machines of the same kind, and C(counters), errors and throttling
          that the kernel counted meanwhile.
        - Of disks, C(disks), a list with C(device), C(serial), C(model), C(size), C(bytes_written), C(bytes_verified), C(write_rate) and C(read_rate) in
          bytes per second, C(complete) (whether all was written and read as often as asked for), C(smart_passed) and C(error).
        - Of the network, C(partner), C(interface), C(counters), C(bytes_sent), C(bytes_received), C(send_rate) and C(receive_rate).
      type: dict
job:
  description: The process that does the work, with C(state) (V(running), V(finished) or V(failed)) and C(pid).
  returned: outside check mode
  type: dict
certificates_file:
  description: The file in which the record is kept.
  returned: with O(certificates), at the end
  type: str
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.burnin import TESTS, burn_in
from ..module_utils._disk.options import disk_options
from ..module_utils._errors import BaremetalError
from ..module_utils._image.job import Job, Words

WORDS = Words(stage="burn-in", failed="the burn-in did not end", untouched="nothing was loaded", cure="look at the machine's kernel log; run the same again")


def main():
    """Burn in, or join the process that does."""
    module = AnsibleModule(
        argument_spec=dict(
            disk_options(),
            test={"type": "str", "choices": list(TESTS), "required": True},
            runtime={"type": "int", "default": 0},
            workers={"type": "int", "default": 0},
            vm_bytes={"type": "str", "default": "98%"},
            loops={"type": "int", "default": 4},
            disks={"type": "str", "choices": ["root", "all"], "default": "root"},
            skip_block_devices={"type": "list", "elements": "dict", "default": []},
            wipe_special_filesystems={"type": "bool", "default": False},
            partner={"type": "str"},
            certificates={"type": "str"},
            wait={"type": "bool", "default": True},
        ),
        supports_check_mode=True,
    )
    try:
        result = burn_in(module.params, Job(words=WORDS), check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if result["record"] and result["record"]["error"]:
        module.fail_json(msg="burn-in: the test %s failed. %s" % (result["record"]["test"], result["record"]["error"]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
