#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provision_state
short_description: Send a verb to a node, or report an event of its run
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Moves a node through Ironic's provision states. State, lock and history change together or not at all.
  - A verb is what an operator asks for. It checks the guards, takes the lock of the node for this run of Ansible and enters the first state on the way.
    A node that a dead run left on its way is taken over. A node that is where the verb leads is left alone.
  - O(verb=deploy), and any verb that leads through cleaning, needs a port with C(pxe_enabled), an address, a C(system_uuid) or
    C(serial) and root device hints; a node that lacks one is refused before it is touched.
  - An event is what the run that holds the node reports. The last one, O(event=done) or O(event=fail), lets go of the node.
  - Used by the roles of this collection; playbooks of users rather call those.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.registry
  - rackwright.baremetal.node
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
    details:
      - All checks are made, nothing is written, and the nonce is a placeholder.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - A verb is; an event always reports a change.
options:
  verb:
    description:
      - V(manage) leads to C(manageable), V(provide) and V(undeploy) to C(available), V(deploy) to C(active).
    type: str
    choices: [manage, provide, deploy, undeploy]
  event:
    description:
      - V(wait) and V(resume) enclose the wait for the ramdisk, V(clean) follows on V(deleting), V(done) and V(fail) end the way.
    type: str
    choices: [wait, resume, clean, done, fail]
  image:
    description: Name of the published image that O(verb=deploy) asks for.
    type: str
  config_drive:
    description:
      - What P(rackwright.baremetal.config_drive#filter) will be given, without C(uuid) and C(meta).
      - With O(verb=deploy), what no config drive can be made of is refused before the node is touched. It goes nowhere else.
    type: dict
  ramdisk_boot:
    description:
      - Variables of the role P(rackwright.baremetal.ramdisk_boot#role), without its name in front.
      - With a verb that leads into the ramdisk, what cannot work is refused before the node is touched. It goes nowhere else.
    type: dict
    suboptions:
      server:
        description: Inventory name of the boot server.
        type: str
      server_url:
        description: HTTP URL of the boot server as the nodes see it.
        type: str
      ssh_public_keys:
        description: Public keys that the ramdisk accepts.
        type: list
        elements: str
      ssh_private_key_file:
        description: Private key beside which the public one was looked for; only for the message.
        type: str
      kernel_arguments:
        description: Further arguments of the ramdisk's kernel, a string or a list of strings.
        type: raw
        default: ""
      timeouts:
        description: Time-outs in seconds, a dictionary with any of the keys C(power), C(callback) and C(connect).
        type: raw
  error:
    description: What went wrong, required with O(event=fail). It becomes the C(last_error) of the node.
    type: str
"""

EXAMPLES = r"""
- name: Begin to provide a node
  rackwright.baremetal.provision_state:
    name: server1
    registry: sqlite:////tmp/registry.db
    verb: manage

- name: Report that its BMC cannot be reached
  rackwright.baremetal.provision_state:
    name: server1
    registry: sqlite:////tmp/registry.db
    event: fail
    error: The BMC does not answer.
"""

RETURN = r"""
previous_state:
  description: Provision state before.
  type: str
  returned: success
  sample: available
provision_state:
  description: Provision state now.
  type: str
  returned: success
  sample: deploying
node:
  description:
    - Record of the node, with the keys name, rack, driver, bmc (never its password), ports, address, system_uuid, serial, boot_mode, resource_class,
      root_device,
      properties, traits, provision_state, power_state, maintenance, instance, last_error, lock and times.
  type: dict
  returned: success
  sample:
    name: server1
instance:
  description: What the node carries, with the keys uuid, image, image_digest and deployed_at.
  type: dict
  returned: success
  sample:
    uuid: 8f0c1a52-4a0c-4a3b-9b6e-2f4e4c1f0a11
    image: debian-12
image:
  description: Record of the published image.
  type: dict
  returned: with O(verb=deploy)
  sample:
    name: debian-12
interlock:
  description: What the machine must prove before anything is written to it.
  type: dict
  returned: success
  sample:
    nonce: 0123456789abcdef
    system_uuid: 8f0c1a52-4a0c-4a3b-9b6e-2f4e4c1f0a12
    serial: SN0001
    macs:
      - "52:54:00:00:00:01"
"""

from ..module_utils._door import module_main
from ..module_utils._doors.provision_state import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
