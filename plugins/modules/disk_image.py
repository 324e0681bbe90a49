#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: disk_image
short_description: Write an image to the root disk of the machine it runs on
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Runs in the ramdisk of a node. Fetches an image that M(rackwright.baremetal.image) published, and writes it to the one disk that the hints choose.
  - Without O(manifest_digest), the image is a raw file on any HTTP server. It is written as it comes and proved by O(digest) before the ends
    of the disk are written; parts that are all zero are made so by the disk's own means. A connection that breaks is taken up again where it broke,
    for which the server must support ranges.
  - A server that is away, while it boots for instance, is asked again for 100 seconds. An answer like 404 ends the work at once.
  - Fetching, decompressing, verifying and writing happen at the same time, in a bounded amount of memory. Only blocks that hold data are written,
    all others of the image are made zero, so what was on the disk never shows through.
  - Everything is verified, either as the whole file that was published, or range by range against the published block map. Both are pinned by the
    manifest, and the manifest by O(manifest_digest), which the registry keeps.
  - Where the disk holds much of the image already, as after an earlier deploy, it is compared with the block map first, and only what differs is
    fetched and written. What was written into the holes is made zero all the same.
  - Software RAID that M(rackwright.baremetal.software_raid) has made is meant by the hint C(volume_name). The EFI system partition of the image is then
    copied to where the firmware of the machine finds it, on each of the disks. A machine that was started by BIOS is refused.
  - A disk that no hint matches is waited for, for 30 seconds. Several that match are refused at once.
  - An image whose partition table counts in sectors of another size than the disk has is refused, because nothing would find its partitions. An MBR is
    taken to count in sectors of 512 bytes.
  - Both ends of the disk, where firmware looks for something to boot, are zeroed first and written last, after everything else has been verified
    and has reached the disk. After any failure they are zero, so a half-written disk never boots.
  - Then the backup GPT is moved to the end of the disk, and the config drive goes into a partition of its own at the end. Until this has reached the disk,
    the boot code and the first sector of each EFI system partition are withheld, so that no disk boots without its config drive, whenever it loses power.
  - Another disk of the machine with the same UUID of a partition or a file system, as after an earlier deploy of this image there, is named, and the disk
    does not boot, for the machine could start from either. With a config drive, another disk that has one is named before anything is
    written, for the system could take that one. Disks of O(interlock.skip_block_devices), disks that can be taken out, disks in a network
    and what is inside arrays and volumes are not looked at.
  - A partition image, which holds one file system, goes into the root partition of a partition table that is made for it, see O(partitions). Everything
    else is put into the other partitions before the disk has a table, which is written last of all.
  - The work is done by a process that outlives the connection. The same task again, with the same nonce and digest, joins it; so does one
    without O(url), which begins nothing.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._inband
  - rackwright.baremetal._inband.disk
  - rackwright.baremetal._inband.interlock
attributes:
  check_mode:
    support: full
    details:
      - The interlock is checked, the manifest and the block map are fetched and verified, the disk is chosen, and its size and the room for the
        config drive are compared.
  diff_mode:
    support: full
    details:
      - What the disk held before is not examined.
  idempotent:
    support: partial
    details:
      - Nothing on the disk says which image it carries. Within one boot of the ramdisk, told by the nonce of the interlock, an image that was written
        is not written again. With a new nonce it is always written.
requirements:
  - zstandard (Python package, C(python3-zstandard) on Debian) on the machine
options:
  url:
    description:
      - Address of the published directory, as the machine sees it; without O(manifest_digest), that of a raw image.
      - A request tells the server the name of the node, as its user agent.
      - Without it, the work that has begun with the same nonce and digest is joined, and there must be one. Options that say what to write mean nothing then.
      - With it, O(root_device) is required.
    type: str
  digest:
    description: Digest of the raw disk that must be written, C(sha256:HEX), as RV(rackwright.baremetal.image#module:image.digest) tells. Without
      O(manifest_digest) it may be C(sha512:HEX) too.
    type: str
    required: true
  manifest_digest:
    description: Digest of the manifest in the published directory, C(sha256:HEX), as
      RV(rackwright.baremetal.image#module:image.manifest_digest) tells. Without it, O(url) is that of a raw image.
    type: str
  partitions:
    description:
      - The partitions around a partition image. They are those of Ironic and in its order, an EFI system partition of 550 MiB or, on machines that
        were started by BIOS, a BIOS boot partition of 1 MiB; ephemeral, swap, the one for the config drive, and root. All begin at a whole MiB.
      - On machines that were started by UEFI, what the image has below C(/boot/efi) is copied to the EFI system partition, and nothing of the image is run.
        Where its C(/etc/fstab) knows that by a UUID or a label, it gets this one.
      - Not for a whole-disk image, which brings its own. For a raw image without O(manifest_digest) it must be given, if need be empty, so that a file
        system is not taken by mistake.
    type: dict
    suboptions:
      disk_label:
        description: Kind of the partition table. An C(msdos) table has room for four partitions and reaches to 2 TiB.
        type: str
        choices: [gpt, msdos]
        default: gpt
      root_gb:
        description: Size of the root partition in GiB. Without it, it takes what is left of the disk. An image that is larger is refused.
        type: int
      swap_mb:
        description: Size of the swap partition in MiB; 0 means none. Its label is C(swap1).
        type: int
        default: 0
      ephemeral_gb:
        description: Size of the ephemeral partition in GiB; 0 means none. Its label is C(ephemeral0).
        type: int
        default: 0
      ephemeral_format:
        description: File system of the ephemeral partition. For V(xfs) and V(btrfs) the ramdisk needs the packages C(xfsprogs) and C(btrfs-progs).
        type: str
        choices: [ext4, xfs, btrfs, vfat]
        default: ext4
      preserve_ephemeral:
        description:
          - Whether the ephemeral partition is left as it is, byte for byte. The disk must have exactly the partitions that are asked for, but for a root
            partition that has grown; else it is refused before anything is written.
          - The table then stays. What the disk could boot from, its boot code and the start of the EFI system partition, is zeroed first and
            written last instead.
        type: bool
        default: false
      install_boot_loader:
        description:
          - On machines that were started by BIOS, have C(grub-install) of the image put GRUB on the disk. The image is trusted then, as it runs as root in the
            ramdisk. Without this, a partition image is refused on such machines.
          - It means nothing on machines that were started by UEFI.
        type: bool
        default: false
  config_drive:
    description:
      - The config drive as base64 of an ISO 9660 image, plain or packed with gzip. On a disk with sectors of more than 2048 bytes it becomes a FAT file
        system with the same files and label.
      - With V(preserve) the one that is on the disk is read before the image is written, and put back afterwards. A disk without one is refused
        before anything is written. When the machine loses power in between, it is gone.
      - Without it no partition for a config drive is made.
      - A partition of the image with the label of a config drive is used. Otherwise one of 65 MiB is added at the end of the disk. An image that leaves no room
        for it, or has an MBR with four primary partitions, is refused before anything is written.
    type: str
  pin_datasource:
    description:
      - Whether cloud-init of the installed system is told to look at the config drive alone. For that a file is written into C(/etc/cloud/cloud.cfg.d) of
        the image, in the first partition that has this folder and a file system of type ext, XFS or Btrfs. Without such a partition nothing is done.
      - Without O(config_drive) it means nothing.
    type: bool
    default: false
  wait:
    description:
      - Whether to wait for the end of the work.
      - With V(false) the work is started and goes on by itself. The same task with V(true) joins it, and returns its result or its failure.
    type: bool
    default: true
  timeout:
    description:
      - With O(wait=true), how many seconds to wait for the end of the work.
      - When they are over the work is stopped, and the disk does not boot.
    type: int
    default: 3600
  state:
    description: V(present) means that the disk carries the image.
    type: str
    choices: [present]
    default: present
seealso:
  - module: rackwright.baremetal.image
  - module: rackwright.baremetal.disk_erase
"""

EXAMPLES = r"""
- name: Start writing the image on all nodes
  rackwright.baremetal.disk_image:
    url: http://192.0.2.1:8080/images/debian-12/0123456789abcdef/
    digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    manifest_digest: sha256:89abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567
    root_device:
      serial: S1D2
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
    config_drive: "{{ {'hostname': inventory_hostname, 'uuid': '5f0c2a9e-1f53-4d1b-9c3b-2f0f3d1f6a10'} | rackwright.baremetal.config_drive }}"
    wait: false

- name: Write a raw image that somebody else serves
  rackwright.baremetal.disk_image:
    url: https://images.example.com/appliance.raw
    digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    root_device:
      serial: S1D2
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"

- name: Write the image of a root file system into partitions that are made for it
  rackwright.baremetal.disk_image:
    url: http://192.0.2.1:8080/images/debian-12-root/0123456789abcdef/
    digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    manifest_digest: sha256:89abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567
    root_device:
      serial: S1D2
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
    partitions:
      root_gb: 40
      swap_mb: 8192
      ephemeral_gb: 400

- name: Wait until it is written
  rackwright.baremetal.disk_image:
    digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    interlock:
      nonce: 5f0c2a9e
      system_uuid: 4c4c4544-0042-4810-8054-b4c04f4b3532
      macs:
        - "52:54:00:12:34:56"
    wait: true
    timeout: 7200
"""

RETURN = r"""
device:
  description: The disk that carries the image.
  returned: with O(wait=true) and in check mode
  type: str
  sample: /dev/sda
serial:
  description: Serial number of that disk; null when it has none.
  returned: with O(wait=true) and in check mode
  type: str
  sample: S1D2
digest:
  description: Digest of the raw disk that was written, C(sha256:HEX).
  returned: success
  type: str
bytes_mapped:
  description: Bytes of the image that hold data; of a raw image, all of them.
  returned: with O(wait=true) and in check mode
  type: int
bytes_written:
  description: Bytes that were written to the disk, both its ends among them; zeroing done by the device is not counted.
  returned: with O(wait=true)
  type: int
bytes_unchanged:
  description: Bytes of the image's data that were on the disk already.
  returned: with O(wait=true)
  type: int
seconds:
  description: Time that writing the image took.
  returned: with O(wait=true)
  type: float
esp_mirror:
  description: The array that holds the EFI system partition; null when the disk is no software RAID.
  returned: with O(wait=true)
  type: str
  sample: /dev/md1
config_drive:
  description: The partition that holds the config drive; null when none was given.
  returned: with O(wait=true)
  type: str
  sample: /dev/sda4
datasource_pinned:
  description: The partition on which the datasource was pinned; null when it was on none.
  returned: with O(wait=true)
  type: str
  sample: /dev/sda1
partitions:
  description: The partitions that were made for a partition image, in their order on the disk.
  returned: for a partition image, with O(wait=true) and in check mode
  type: list
  elements: dict
  contains:
    number:
      description: Its number.
      type: int
    role:
      description: V(efi), V(bios_boot), V(ephemeral), V(swap), V(config_drive) or V(root).
      type: str
    start:
      description: Where it begins on the disk, in bytes.
      type: int
    size:
      description: Its size in bytes.
      type: int
    device:
      description: Its device; not in check mode.
      type: str
      sample: /dev/sda5
job:
  description: The process that does the work.
  returned: outside check mode, and in check mode when there is one
  type: dict
  contains:
    state:
      description: V(running), V(finished) or V(failed).
      type: str
    pid:
      description: Its process id; null in the moment of its start.
      type: int
    done:
      description: Mapped bytes that are on the disk, updated about once a second.
      type: int
    total:
      description: Mapped bytes of the image; null at first.
      type: int
"""

from functools import partial

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._disk import cloud_init, partitioning
from ..module_utils._disk.config_drive import add_config_drive, keep_config_drive, refuse_no_room
from ..module_utils._disk.esp_mirror import mirror_esp, refuse_no_start, refuse_partitions, stop_mirror
from ..module_utils._disk.interlock import verify
from ..module_utils._disk.late import find_disk
from ..module_utils._disk.options import PARTITION_OPTIONS, disk_options
from ..module_utils._disk.partitions import move_backup_gpt, reread, wipe_metadata
from ..module_utils._disk.protect import refuse_if_protected, refuse_to_write
from ..module_utils._disk.system import boot_mode
from ..module_utils._disk.twins import refuse_other_config_drives, refuse_twins
from ..module_utils._errors import BaremetalError
from ..module_utils._image.deploy import DiskTools, present


def plan_partitions(disk, wanted, drive):
    """See partitioning.plan."""
    refuse_partitions(disk)
    return partitioning.plan(disk, wanted, drive, boot_mode=boot_mode)


TOOLS = DiskTools(
    find_disk=find_disk,
    refuse_if_protected=refuse_if_protected,
    verify=verify,
    wipe_metadata=wipe_metadata,
    stop_mirror=stop_mirror,
    reread=reread,
    refuse_other_config_drives=refuse_other_config_drives,
    refuse_no_room=refuse_no_room,
    refuse_twins=refuse_twins,
    move_backup_gpt=move_backup_gpt,
    mirror_esp=mirror_esp,
    add_config_drive=add_config_drive,
    keep_config_drive=keep_config_drive,
    pin_datasource=cloud_init.pin,
    partition=plan_partitions,
)


def guarded(params):
    """Return the tools, with what must never be chosen and never be written given to those that choose and look last."""
    interlock, hints = params["interlock"], params["root_device"]
    return TOOLS._replace(
        find_disk=partial(TOOLS.find_disk, skip=interlock["skip_block_devices"]),
        refuse_if_protected=partial(_refuse, interlock=interlock, hints=hints),
        refuse_other_config_drives=partial(TOOLS.refuse_other_config_drives, skip=interlock["skip_block_devices"]),
        refuse_twins=partial(TOOLS.refuse_twins, skip=interlock["skip_block_devices"]),
    )


def _refuse(disk, **options):
    """Refuse a disk that must not be written, or from which the machine would not start; options are those of refuse_to_write."""
    refuse_no_start(disk)
    return refuse_to_write(disk, **options)


def main():
    """Write the image, or join the process that does."""
    module = AnsibleModule(
        argument_spec=dict(
            disk_options(),
            url={"type": "str"},
            digest={"type": "str", "required": True},
            manifest_digest={"type": "str"},
            partitions={"type": "dict", "options": PARTITION_OPTIONS},
            config_drive={"type": "str", "no_log": True},
            pin_datasource={"type": "bool", "default": False},
            wait={"type": "bool", "default": True},
            timeout={"type": "int", "default": 3600},
            state={"type": "str", "choices": ["present"], "default": "present"},
        ),
        supports_check_mode=True,
        required_by={"url": "root_device"},
    )
    try:
        result = present(module.params, guarded(module.params), check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    if not module._diff:
        result.pop("diff", None)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
