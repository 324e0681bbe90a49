#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ramdisk_job
short_description: Stop the work that goes on by itself in the ramdisk of a machine
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node. Stops what M(rackwright.baremetal.disk_image), M(rackwright.baremetal.disk_erase) or M(rackwright.baremetal.burnin)
    began there, and has none of them begin anything more until the machine is booted anew. A run that waits for the work fails with O(reason).
  - A disk whose image is not whole never boots. A disk that was being erased, or burnt in, keeps what was not overwritten yet.
  - What a drive does to itself (NVMe format and sanitize, ATA and SCSI sanitize, ATA secure erase) cannot be cut short. The waiting is stopped, the
    drive goes on, which is returned as RV(lasting). The next erase waits for a sanitize of an NVMe or SATA drive, and unlocks a drive whose
    secure erase was cut off and begins again. It does not wait for a SCSI sanitize.
  - The metadata of disks, software RAID and boot records take moments, and are not stopped.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  reason:
    description: Why it is stopped, as part of a sentence. Whoever waits for the work is told.
    type: str
    required: true
  abortable:
    description: Whether the work of a step is stopped, see RV(rackwright.baremetal.provision_state#module:aborted.abortable). With V(false) it is only
      stopped where it writes an image.
    type: bool
    default: true
  state:
    description: V(stopped) means that no work goes on.
    type: str
    choices: [stopped]
    default: stopped
seealso:
  - module: rackwright.baremetal.provision_state
"""

EXAMPLES = r"""
- name: Stop whatever is done to the disks
  rackwright.baremetal.ramdisk_job:
    state: stopped
    reason: ended by request of alice
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
"""

RETURN = r"""
stopped:
  description: Whether there was work, and it did not come to its end.
  returned: success
  type: bool
lasting:
  description: What drives go on with by themselves.
  returned: success
  type: list
  elements: str
  sample: [nvme_format (crypto) of /dev/nvme0n1]
job:
  description: The last work that was begun; null where there was none.
  returned: success
  type: dict
  contains:
    state:
      description: V(running), V(finished) or V(failed).
      type: str
    pid:
      description: Its process id; null in the moment of its start.
      type: int
    done:
      description: Bytes that were done.
      type: int
    total:
      description: Bytes in all; null where that is not counted.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.interlock import verify
from ..module_utils._disk.options import CONNECT_TIMEOUT, INTERLOCK
from ..module_utils._errors import BaremetalError
from ..module_utils._image.job import Job


def main():
    """Stop the work."""
    module = AnsibleModule(
        argument_spec=dict(
            CONNECT_TIMEOUT,
            interlock=INTERLOCK,
            reason={"type": "str", "required": True},
            abortable={"type": "bool", "default": True},
            state={"type": "str", "choices": ["stopped"], "default": "stopped"},
        ),
        supports_check_mode=True,
    )
    try:
        verify(module.params["interlock"])
        found = Job().stop(module.params["reason"], steps=module.params["abortable"], check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    status = found["job"]
    module.exit_json(changed=found["changed"], stopped=found["stopped"], lasting=status["lasting"] if found["stopped"] else [],
                     job={key: status[key] for key in ("state", "pid", "done", "total")} if status else None)


if __name__ == "__main__":
    main()
