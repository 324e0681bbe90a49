#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_server_info
short_description: Whether a boot server serves what was published
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Looks at a boot server that the role P(rackwright.baremetal.boot_server#role) made, on that host and over its own TFTP and HTTP. Nothing is changed.
  - The boot loaders are fetched by TFTP as firmware does it.
  - Kernel and initrd of the ramdisk are fetched as a whole and their digests compared with those of the build.
  - Of an image the manifest, the block map and the seek table are fetched and compared with what the registry recorded when it was published. The
    blocks themselves are verified while they are written to a disk.
  - Of a cache, nginx and the images are looked at.
  - As the host looks at itself, a packet filter between it and the nodes is not seen.
  - A check that fails does not fail the task.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - Nothing is ever changed.
  diff_mode:
    support: N/A
  idempotent:
    support: full
options:
  root:
    description: C(boot_server_root) of the boot server.
    type: path
    default: /srv/rackwright
  url:
    description: Base URL of the boot server, C(http://ADDRESS:PORT).
    type: str
    required: true
  further_urls:
    description: Other URLs at which nodes find the boot server (C(ramdisk_boot_server_url)). The first boot script is fetched from each.
    type: list
    elements: str
    default: []
  cache:
    description: Whether it is a cache (C(boot_server_origin)), which has nginx and images alone. What it serves of them is fetched through it.
    type: bool
    default: false
  image:
    description: Name of the only image to look at. When not given, all images of the registry are looked at.
    type: str
  images:
    description: The images to look at. When not given, they come from the registry.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the image.
        type: str
        required: true
      path:
        description: Path of its directory below O(url).
        type: str
        required: true
      digest:
        description: Digest of the raw image.
        type: str
        required: true
      manifest_digest:
        description: Digest of its manifest.
        type: str
        required: true
seealso:
  - module: rackwright.baremetal.preflight_info
"""

EXAMPLES = r"""
- name: Look at the boot server
  rackwright.baremetal.boot_server_info:
    url: http://192.0.2.1:8080
  delegate_to: boot1.example.com
  run_once: true
"""

RETURN = r"""
status:
  description: The worst status of all checks, V(ok), V(warn) or V(fail).
  type: str
  returned: success
  sample: ok
checks:
  description:
    - C(daemons), whether dnsmasq and nginx run with the configuration of the role; C(tftp) and C(http), whether what answers there is this boot
      server; C(ramdisk) and C(images), whether what is served is what was published. A cache has C(daemons), C(http) and C(images).
  type: list
  elements: dict
  returned: success
  contains:
    check:
      description: Its name.
      type: str
      returned: always
    status:
      description: V(ok), V(warn), V(fail) or V(skipped).
      type: str
      returned: always
    seen:
      description: What was seen.
      type: str
      returned: always
    cure:
      description: What to do about it.
      type: str
      returned: always
"""

from ..module_utils._door import module_main
from ..module_utils._doors.boot_server_info import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
