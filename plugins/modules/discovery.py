#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: discovery
short_description: Let machines that nobody knows boot the ramdisk
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes the boot script of machines that are not known, and the SSH public keys that may log in to them, on the boot server. With
    O(state=absent) both are withdrawn.
  - A discovery has a nonce, from the moment when it is switched on until it is switched off. What calls in with another one does not count.
  - The role P(rackwright.baremetal.boot_server#role) uses it, and has DHCP give such machines addresses and this script.
  - Must run on the boot server, which has a ramdisk.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether discovery is on.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: The C(boot_server_root) of the role P(rackwright.baremetal.boot_server#role).
    type: path
    default: /srv/rackwright
  url:
    description:
      - Base URL of the boot server as the machines see it. Only C(http).
      - Required with O(state=present).
    type: str
  range:
    description:
      - The addresses that DHCP gives to machines that are not known, the first and the last one with a hyphen between them.
      - Required with O(state=present).
    type: str
  network:
    description:
      - The provisioning network in CIDR form, in which O(range) must be.
      - Required with O(state=present).
    type: str
  ssh_public_keys:
    description:
      - SSH public keys that may log in to the ramdisk as root, each one the line of a C(.pub) file.
      - Required with O(state=present).
    type: list
    elements: str
  kernel_arguments:
    description: Further kernel arguments, as for M(rackwright.baremetal.netboot).
    type: raw
    default: ""
seealso:
  - module: rackwright.baremetal.discovered_info
  - module: rackwright.baremetal.netboot
"""

EXAMPLES = r"""
- name: Let machines that nobody knows boot the ramdisk
  rackwright.baremetal.discovery:
    url: http://192.0.2.1:8080
    range: 192.0.2.200-192.0.2.219
    network: 192.0.2.0/24
    ssh_public_keys:
      - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
  delegate_to: boot

- name: Let none boot any more
  rackwright.baremetal.discovery:
    state: absent
  delegate_to: boot
"""

RETURN = r"""
discovery:
  description: The discovery that is on; V(null) with O(state=absent).
  returned: success
  type: dict
  contains:
    nonce:
      description: Nonce with which machines call in.
      type: str
    since:
      description: When it was switched on, in seconds since 1970, by the clock of the boot server.
      type: float
    range:
      description: Addresses of machines that are not known.
      type: str
  sample:
    nonce: 9a1f5c0b7d3e4a21
    since: 1772352764.01
    range: 192.0.2.200-192.0.2.219
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._boot import discovery
from ..module_utils._errors import BaremetalError


def settle(params, check_mode):
    """Switch discovery on or off.

    :returns: the module's result.
    """
    if params["state"] == "absent":
        changed, old, new = discovery.closed(params["root"], check_mode=check_mode)
        notes = None
    else:
        changed, old, new, notes = discovery.opened(
            params["root"], url=params["url"], addresses=params["range"], network=params["network"], keys=params["ssh_public_keys"],
            extra=params["kernel_arguments"], check_mode=check_mode)
    return {"changed": changed, "discovery": notes, "diff": {"before": old, "after": new}}


def main():
    """The module's entry."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "root": {"type": "path", "default": "/srv/rackwright"},
            "url": {"type": "str"},
            "range": {"type": "str"},
            "network": {"type": "str"},
            "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False},
            "kernel_arguments": {"type": "raw", "default": ""},
        },
        required_if=[("state", "present", ("url", "range", "network", "ssh_public_keys"))],
        supports_check_mode=True,
    )
    try:
        result = settle(module.params, module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
