#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_erase
short_description: Erase disks of the machine it runs on
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node and erases the one disk that the root device hints choose, or all disks that may be erased.
  - Each disk is asked what it can do, and the cheapest method that reaches the O(grade) is taken. There is no other method and no weaker grade
    instead unless O(fallback) allows it, and then the certificate tells.
  - What stands on a disk (software RAID, LVM, encrypted volumes, multipath, bcache) is taken apart from the top first. What is mounted is refused.
  - The interlock is checked first and again directly before each write, when the identity of the disk is read again too. A disk that is read-only,
    removable, mounted or still part of something is refused. Everything that speaks against any of the disks is found before the first one is
    written.
  - The disks are erased at the same time. Each erase is verified by reads past the page cache at about 1,000 places, chosen by chance all over the
    disk, and ends with a certificate.
  - Beyond the metadata, the work is done by a process that outlives the connection. The same task again, with the same nonce, joins it.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.disk
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
    details:
      - Interlock, hints, stacks and protection are checked, the disks are asked what they can do, and the plan is returned with its estimates.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(grade=metadata) a disk without partition table and signatures is not written.
      - Nothing on a disk says that it was erased. Within one boot of the ramdisk, told by the nonce of the interlock, the same erase is not repeated,
        unless a disk has failed.
requirements:
  - nvme-cli for NVMe drives, hdparm for ATA drives, sg3-utils for SCSI and SAS drives, mdadm and dmsetup for what stands on the disks; the role
    P(rackwright.baremetal.ramdisk#role) installs them
options:
  grade:
    description:
      - What the erase must reach.
      - V(metadata) removes partition tables and the signatures of file systems, software RAID and volume groups, from the disk and from its
        partitions, and zeroes one MiB at both ends. Data in between stays on the disk.
      - V(clear) and V(purge) are those of NIST SP 800-88. After V(clear) nothing can be read by the disk's ordinary commands, after V(purge) not in a
        laboratory either.
    type: str
    choices: [metadata, clear, purge]
    default: metadata
  methods:
    description:
      - Methods that may be used for V(clear) and V(purge). Empty means all.
      - V(nvme_format) throws away the drive's key (V(purge)) or erases the user data (V(clear)). V(nvme_sanitize) and V(scsi_sanitize) reach V(purge).
        V(ata_sanitize) reaches V(purge), but V(clear) where it overwrites a disk that does not rotate.
        V(ata_secure_erase) reaches V(clear), and in its enhanced form V(purge) on rotating disks. V(discard), which is taken only where the drive
        guarantees zeroes afterwards, and V(overwrite) with zeroes reach V(clear).
    type: list
    elements: str
    choices: [nvme_format, nvme_sanitize, scsi_sanitize, ata_sanitize, ata_secure_erase, discard, overwrite]
    default: []
  fallback:
    description:
      - The weakest grade that is accepted for a disk that cannot reach O(grade) or whose method fails. Further methods are then tried, the strongest
        grade and the cheapest first, and the certificate tells why.
      - Without it, one method is tried, and its failure is a failure.
    type: str
    choices: [metadata, clear]
  disks:
    description:
      - V(root) is the disk that O(root_device) chooses; of software RAID, which the hint C(volume_name) means, the content is erased and the array stays.
        V(all) are all disks but those of O(skip_block_devices), removable ones and those that are
        reached over a network; what is skipped is returned. One that tells no size, in the middle of a sanitize or because it fails, is refused by name.
    type: str
    choices: [root, all]
    default: root
  root_device:
    description:
      - Root device hints that choose exactly one disk, in Ironic's grammar; required with O(disks=root). Zero or several matching disks are an error.
      - See the option of the same name of M(rackwright.baremetal.disk_image).
  skip_block_devices:
    description:
      - Disks that are never touched, each given by hints in the grammar of O(root_device); one hint may mean several disks.
      - With O(disks=all) an entry with a serial number or a WWN that no disk of this machine has is warned about; check mode does so before the erase.
    type: list
    elements: dict
    default: []
  wipe_special_filesystems:
    description: Whether disks with a file system of a cluster (VMFS, GPFS, GFS2, OCFS2) are erased too, which other machines may be using.
    type: bool
    default: false
  certificates:
    description:
      - A directory on the controller, made if need be, in which the certificates are kept, for one erase of a node in one file that the owner alone may
        read.
      - Those of disks whose erase failed are kept too, and those of disks that were done when the work was ended by O(timeout) or from outside.
    type: str
  wait:
    description:
      - Whether to wait for the end of the work.
      - With V(false) the work is started, the plan returned, and the work goes on by itself. The same task with V(true) joins it, and returns its
        result or its failure. The metadata alone are always waited for.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds the erase of each disk may take. What the task says that begins the work is the limit.
      - With O(wait=true), also how many seconds to wait for the end of the work, which is then stopped; a drive that erases itself goes on all the same.
      - With V(0), each disk has three times its own estimate, and at least ten minutes more than that. Where the drive gives none, it has at least an hour
        more than the estimate of the plan and, unless it only throws away its key, three times what it would take to write all of it.
    type: int
    default: 0
seealso:
  - module: rackwright.baremetal.hardware_info
  - module: rackwright.baremetal.disk_image
"""

EXAMPLES = r"""
- name: Erase the metadata of the root disk
  rackwright.baremetal.disk_erase:
    root_device:
      serial: S1D2
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"

- name: See how all disks would be purged, and how long it would take
  rackwright.baremetal.disk_erase:
    disks: all
    grade: purge
    skip_block_devices:
      - by_path: <in> usb
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
  check_mode: true
"""

RETURN = r"""
erased:
  description: A certificate for each disk that was erased, or in check mode for each that would be. Empty when there was nothing to erase.
  returned: always
  type: list
  elements: dict
  contains:
    device:
      description: Kernel name in this boot.
      type: str
      sample: /dev/nvme0n1
    serial:
      description: Serial number, or null.
      type: str
      sample: S1D2
    wwn:
      description: World wide name, or null.
      type: str
    model:
      description: Model, or null.
      type: str
    vendor:
      description: Vendor, or null.
      type: str
    tran:
      description: Transport, or null.
      type: str
      sample: nvme
    size:
      description: Size in bytes.
      type: int
    method:
      description: How it was erased.
      type: str
      sample: nvme_format
    technique:
      description: Which kind of the method, or null where there is one only.
      type: str
      sample: crypto
    grade:
      description: The grade that was reached.
      type: str
      sample: purge
    wanted_grade:
      description: The grade that was asked for.
      type: str
    fallback:
      description: Why it was not the first method or not the wanted grade; null when it was.
      type: str
    signatures:
      description: What was on the disk, each with C(device), C(type) and C(offset) in bytes.
      type: list
      elements: dict
    samples:
      description: What was read to verify it. Null for the metadata, whose places are all read back.
      type: dict
      contains:
        taken:
          description: Number of samples.
          type: int
        passed:
          description: How many of them passed.
          type: int
        telling:
          description: How many of them held something other than zeroes before.
          type: int
        bytes_each:
          description: Bytes of one sample.
          type: int
        expected:
          description: What a sample has to be.
          type: str
    begun:
      description: When it began, UTC.
      type: str
      sample: "2026-01-31T12:00:00Z"
    ended:
      description: When it had been verified, UTC.
      type: str
    seconds:
      description: How long it took.
      type: float
    tools:
      description: Versions of the kernel and of the program that was used.
      type: dict
    result:
      description: V(erased) or V(failed).
      type: str
    error:
      description: What failed, or null.
      type: str
certificates_file:
  description: The file on the controller that holds the certificates.
  returned: with O(certificates), when there are any
  type: str
plan:
  description: How each disk is erased.
  returned: when the work is planned, or was by the task that began it
  type: list
  elements: dict
  contains:
    device:
      description: Kernel name in this boot.
      type: str
    method:
      description: The method, as in the certificate; C(technique), C(grade), C(serial), C(model), C(size) and C(signatures) are as there too.
      type: str
    seconds:
      description: Estimate of the time that it takes. It is no limit; see O(timeout).
      type: int
    stack:
      description: What is taken apart first.
      type: list
      elements: str
    not_open:
      description: Methods that the disk has but that are not open now, with the reason.
      type: dict
    weaker:
      description: Why the wanted grade is not reached, or null.
      type: str
    text:
      description: All of it in one line.
      type: str
      sample: "/dev/nvme0n1, 894.3 GiB, serial S1D2: nvme_format (crypto), grade purge, about 10 s"
skipped:
  description: Disks that are left alone, each with C(device), C(serial), C(reason), and all of it as C(text).
  returned: as RV(plan)
  type: list
  elements: dict
job:
  description: The process that does the work.
  returned: when there is one
  type: dict
  contains:
    state:
      description: V(running), V(finished) or V(failed).
      type: str
    pid:
      description: Its process id; null in the moment of its start.
      type: int
    done:
      description: Bytes of all disks together that are erased, as far as the drives tell; updated about once a second.
      type: int
    total:
      description: Bytes of all disks together.
      type: int
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk.erase import erase
from ..module_utils._disk.erase_plan import GRADES, METHODS
from ..module_utils._disk.options import disk_options
from ..module_utils._errors import BaremetalError, sentence
from ..module_utils._image.job import Job, Words

WORDS = Words(stage="erase", failed="the disks were not erased", untouched="no drive has begun",
              cure="give a larger time-out, or none (timeout; in the role clean_timeout); look at the plan for what the drives estimate, and at the "
                   "machine's kernel log")


def main():
    """Erase the disks, or join the process that does."""
    module = AnsibleModule(
        argument_spec=dict(
            disk_options(),
            grade={"type": "str", "choices": list(GRADES), "default": "metadata"},
            methods={"type": "list", "elements": "str", "choices": list(METHODS), "default": []},
            fallback={"type": "str", "choices": list(GRADES[:2])},
            disks={"type": "str", "choices": ["root", "all"], "default": "root"},
            skip_block_devices={"type": "list", "elements": "dict", "default": []},
            wipe_special_filesystems={"type": "bool", "default": False},
            certificates={"type": "str"},
            wait={"type": "bool", "default": True},
            timeout={"type": "int", "default": 0},
        ),
        required_if=[("disks", "root", ("root_device",))],
        supports_check_mode=True,
    )
    try:
        result = erase(module.params, Job(words=WORDS), check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        result.pop("diff", None)
    failures = result.pop("failures")
    if failures:
        good = sum(one["result"] == "erased" for one in result["erased"])
        module.fail_json(msg=" ".join(map(sentence, failures)) + " Disks that were erased all the same: %d." % good, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
