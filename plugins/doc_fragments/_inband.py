# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that in-band modules share. Private to the collection; may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  connect_timeout:
    description:
      - How many seconds to wait for the machine to answer over SSH before the module starts.
      - With V(0) one attempt is made. A connection that cannot be made or gets lost is a failure, so C(rescue) sees it.
    type: int
    default: 0
notes:
  - Runs on the node itself, as root, with Python 3.9 or newer and nothing but its standard library.
"""

    # For modules that change the machine.
    INTERLOCK = r"""
options:
  interlock:
    description:
      - What proves that this is the machine, and the boot, that is meant. Everything given is compared, and nothing is changed unless all of it
        agrees.
      - One of O(interlock.system_uuid) and O(interlock.serial) is required.
    type: dict
    required: true
    suboptions:
      nonce:
        description: The nonce of the run, which the ramdisk was booted with (C(rackwright.nonce) on the kernel command line).
        type: str
        required: true
      system_uuid:
        description: SMBIOS UUID of the machine, in either byte order and any case.
        type: str
      serial:
        description: SMBIOS serial number of the machine.
        type: str
      macs:
        description: MAC addresses of the node. At least one of them must be present.
        type: list
        elements: str
        required: true
      skip_block_devices:
        description: Disks that are never chosen and never written, each given by root device hints, of which one may mean several disks.
        type: list
        elements: dict
        default: []
      wipe_special_filesystems:
        description: Whether a disk may be written that carries a file system of a cluster (VMFS, GPFS, GFS2, OCFS2), which other machines may be using.
        type: bool
        default: false
"""

    # For those of them that change one disk, or firmware records of one; beside INTERLOCK.
    DISK = r"""
options:
  root_device:
    description:
      - Root device hints that choose exactly one disk, in Ironic's grammar. Zero or several matching disks are an error.
      - Hints are C(serial), C(wwn), C(wwn_with_extension), C(wwn_vendor_extension), C(model), C(vendor), C(size) in GiB, C(rotational), C(hctl),
        C(by_path) and C(tran), and C(volume_name) for an array of software RAID, which is assembled for it. Kernel names such as C(/dev/sda), which
        change between boots, are refused as C(name), unless C(force_name=true) stands beside them.
      - Numbers take the operators C(==) (the default), C(=) (at least), C(!=), C(>=), C(<=), C(>), C(<), C(<or>) and C(<range-in>). Text takes
        C(s==) (the default), C(s!=), C(s>=), C(s<=), C(s>), C(s<), C(<in>), C(<all-in>) and C(<or>).
    type: dict
"""
