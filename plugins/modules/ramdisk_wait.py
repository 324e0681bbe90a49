#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ramdisk_wait
short_description: Wait until a node's ramdisk has called back
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Follows the logs of the boot server until the ramdisk of a node has announced its SSH server with the nonce of this run.
  - When time is up, the error names the last stage that was seen, and what to check for that stage.
  - The stages are, in order, V(dhcp) (an address was given), V(medium) (a BMC or the firmware fetched a medium, after which the next that is seen is
    V(ramdisk)), V(firmware) (a boot loader was fetched, not seen where the network card has iPXE built in), V(ipxe) (a boot script was fetched) or V(grub)
    (GRUB's configuration was fetched), V(kernel), V(initrd), V(ramdisk) (its network is up)
    and V(ssh) (its SSH server is up).
  - With a registry, the node goes to the matching wait state, for instance from C(deploying) to C(wait call-back), while it is waited for,
    and back when it has called. A node that waits already is waited for again. When time is up it stays in the waiting state;
    M(rackwright.baremetal.provision_state) then decides.
  - As the state is the same afterwards, C(changed) is always V(false).
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
      - Does not wait; returns what is in the logs. The life cycle is not touched.
  diff_mode:
    support: none
    details:
      - There is no change to show.
  idempotent:
    support: full
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
      - Address that the ramdisk must call from; calls from elsewhere do not count.
      - By default the node's address in the registry; without a registry any address will do.
    type: str
  nonce:
    description: Nonce that was given to M(rackwright.baremetal.netboot).
    type: str
    required: true
  since:
    description:
      - When the boot began, by the clock of the boot server, as ISO 8601; without a zone it is UTC. What was logged before does not count.
      - By default when the boot script of the node was written. That may have been for an earlier boot with the same nonce, so give
        RV(rackwright.baremetal.netboot#module:boot.since) where the node is booted again.
    type: str
  timeout:
    description:
      - Seconds, counted from O(since), so that a node that was started long ago does not get the time again.
      - At least one look is taken.
    type: int
    default: 1800
  check_ssh:
    description: Whether an SSH server must also answer on TCP port 22 as seen from where the module runs.
    type: bool
    default: false
  until:
    description:
      - The stage to wait for. V(ssh) is the ramdisk's; a tenant's system, see O(rackwright.baremetal.netboot#module:tenant), does not call, and the last
        that the boot server sees of it is V(initrd), V(kernel) of an ISO image, or V(ipxe) where another server has the files.
      - V(installed) is what an installer calls when its answer file has it fetch C(beacon/MAC/NONCE/installed) from the boot server.
    type: str
    choices: [ipxe, kernel, initrd, ssh, installed]
    default: ssh
seealso:
  - module: rackwright.baremetal.netboot
  - module: rackwright.baremetal.provision_state
"""

EXAMPLES = r"""
- name: Wait for the ramdisk
  rackwright.baremetal.ramdisk_wait:
    nonce: "{{ begin.interlock.nonce }}"
    timeout: 900
  delegate_to: boot
  register: callback

- name: Show how long each stage took
  ansible.builtin.debug:
    var: callback.stages
"""

RETURN = r"""
stages:
  description: What was seen of the boot, in order.
  returned: success
  type: list
  elements: dict
  contains:
    stage:
      description: Name of the stage.
      type: str
    time:
      description: When it was first seen, ISO 8601 in UTC. Times from DHCP and TFTP are exact to a second.
      type: str
    seconds:
      description: Seconds from the start of the boot.
      type: float
  sample:
    - stage: dhcp
      time: "2026-01-31T12:00:12.000+00:00"
      seconds: 8.6
host_key:
  description: Host key of the ramdisk's SSH server as it announced it; V(null) in check mode when there was no call yet.
  returned: success
  type: str
  sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0fZcXTmTzc0bXyqUcR8bM6nDAHJnUuVHgYPEPfTUcq
address:
  description: Address that the ramdisk called from; V(null) in check mode when there was no call yet.
  returned: success
  type: str
  sample: 192.0.2.11
elapsed:
  description: Seconds from the start of the boot until the call was seen.
  returned: success
  type: float
  sample: 58.2
"""

from ..module_utils._door import module_main
from ..module_utils._doors.ramdisk_wait import DOOR


def main():
    """The module's entry."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
