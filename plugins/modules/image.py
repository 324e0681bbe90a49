#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image
short_description: Publish an operating system image on the boot server
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Takes an image of a whole disk or of one file system, raw, qcow2, vmdk, vhd or vhdx, plain or packed with C(zstd), C(xz), C(gzip) or C(bzip2),
    and publishes it below the HTTP root of the boot server in the form that M(rackwright.baremetal.disk_image) writes to disks, C(zstd) in the
    seekable format beside a block map of C(bmaptool)'s format.
  - The format is told by content and never by name. An image that refers to other files (backing files, parents, external data files) or has
    features that are not known is refused, as is everything that has no sound partition table, for instance a web page or an empty file, and
    everything that is larger than 1 TiB.
  - An image that holds one file system and no partition table (a partition image) is taken with O(type=partition), and with nothing else. It is
    ext2, ext3, ext4, xfs, btrfs or vfat.
  - The checksum of the source is mandatory and is checked before anything is published.
  - The published directory appears complete, by one rename, as C(images/<name>/<start of digest>/). A new content of the same name is published
    beside the old one, and the registry then points to the new one, so that a deploy that is under way is not disturbed.
  - A bill of materials (SBOM) that lies beside a source on the boot server, under its name with C(.cdx.json) (CycloneDX) or C(.spdx.json) (SPDX) behind
    it, is published with it as C(sbom.cdx.json) or C(sbom.spdx.json). The role P(rackwright.baremetal.os_image#role) makes one.
    One that is published stays, and one that tells of files with other checksums, because it is that of another build, is left out.
  - A source that was published before is known by its checksum and is neither fetched nor converted again, unless what is stored of it has changed
    since, for which all of it is read.
  - Runs where the files are. When the boot server is not the controller, use C(delegate_to) with the boot server.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - A source on the boot server is recognised, one behind an address is asked for but not fetched. Checksums are not computed.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - zstandard (Python package) where the files are
  - qemu-img for images that are not raw
options:
  name:
    description:
      - Name of the image, as nodes are deployed with it.
      - Up to 64 letters, digits, dots, hyphens, underscores and plus signs, the first of which is a letter or digit.
    type: str
    required: true
  src:
    description:
      - The image, as an absolute path on the boot server, or as a C(file), C(http) or C(https) URL seen from there.
      - Required with O(state=present).
    type: str
  checksum:
    description:
      - Checksum of the source as it is fetched, packed or not. Either C(sha256:HEX), C(sha512:HEX), the bare hexadecimal digits, or the absolute path or URL
        of a checksum file in GNU or BSD layout that has a line for the base name of O(src).
      - Weaker digests are refused.
      - Required with O(state=present).
    type: str
  type:
    description:
      - What the image holds, a disk with a partition table, or one file system that M(rackwright.baremetal.disk_image) puts into a root partition.
        The content decides; an image that is the other one is refused.
    type: str
    choices: [whole-disk, partition]
    default: whole-disk
  root:
    description: HTTP root directory of the boot server.
    type: path
    required: true
  state:
    description:
      - V(present) publishes the image and records it in the registry.
      - V(absent) removes every published content of the name, and the record.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: rackwright.baremetal.disk_image
"""

EXAMPLES = r"""
- name: Publish an image whose checksum is in a file beside it
  rackwright.baremetal.image:
    name: debian-12
    src: https://images.example.com/debian-12-generic-amd64.qcow2
    checksum: https://images.example.com/SHA512SUMS
    root: /srv/rackwright/http
  delegate_to: boot1.example.com

- name: Publish an image that was built on the boot server
  rackwright.baremetal.image:
    name: debian-12
    src: /srv/build/debian-12.raw
    checksum: /srv/build/debian-12.raw.sha256
    root: /srv/rackwright/http
    registry: sqlite:////srv/rackwright/registry.sqlite

- name: Publish an image that is packed
  rackwright.baremetal.image:
    name: opensuse-leap
    src: https://images.example.com/openSUSE-Leap.x86_64.raw.xz
    checksum: https://images.example.com/openSUSE-Leap.x86_64.raw.xz.sha256
    root: /srv/rackwright/http

- name: Publish the image of a root file system, for which the disk is partitioned at the deploy
  rackwright.baremetal.image:
    name: debian-12-root
    src: /srv/build/debian-12.ext4
    checksum: /srv/build/debian-12.ext4.sha256
    type: partition
    root: /srv/rackwright/http

- name: Withdraw an image
  rackwright.baremetal.image:
    name: debian-11
    root: /srv/rackwright/http
    state: absent
"""

RETURN = r"""
image:
  description:
    - The published image. Null with O(state=absent), and in check mode when the image is not published yet, because its digest is not known before.
  returned: success
  type: dict
  contains:
    name:
      description: Name of the image.
      type: str
    digest:
      description: Digest of the raw disk, C(sha256:HEX).
      type: str
    virtual_size:
      description: Size of the raw disk in bytes.
      type: int
    format:
      description: Format of the source, V(raw), V(qcow2), V(vmdk), V(vhd) or V(vhdx). When it is packed, that stands behind it, as in V(raw.xz); it
        is one of V(zst), V(xz), V(gz) and V(bz2).
      type: str
    image_type:
      description: V(whole-disk) or V(partition).
      type: str
    source:
      description: Where the image came from.
      type: str
    published_at:
      description: Time of publication, ISO 8601 in UTC.
      type: str
    path:
      description: The published directory, relative to O(root), with a slash at its end.
      type: str
    manifest:
      description: Content of the manifest in that directory.
      type: dict
    sbom:
      description: The published bill of materials, relative to O(root). Null when the source has none.
      type: str
    manifest_digest:
      description: Digest of the manifest's file, C(sha256:HEX). It pins everything that was published.
      type: str
  sample:
    name: debian-12
    digest: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    virtual_size: 2147483648
    format: qcow2
    image_type: whole-disk
    source: https://images.example.com/debian-12-generic-amd64.qcow2
    published_at: "2026-11-23T10:00:00+00:00"
    path: images/debian-12/0123456789abcdef/
    sbom: images/debian-12/0123456789abcdef/sbom.cdx.json
    manifest_digest: sha256:89abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567
"""

from ..module_utils._door import module_main
from ..module_utils._doors.image import DOOR


def main():
    """Serve the capability as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
