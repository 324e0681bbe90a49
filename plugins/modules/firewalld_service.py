#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: firewalld_service
short_description: Let a service of several ports through firewalld
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Defines a service of firewalld and adds it to the zones of network interfaces, now and permanently. Where firewalld does not run, nothing is done.
  - When something changes, firewalld reads its permanent configuration anew. What somebody has set for the time being only is lost then.
  - The role P(rackwright.baremetal.boot_server#role) uses it.
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
  name:
    description: Name of the service, which no other has.
    type: str
    required: true
  ports:
    description: Its ports, each with its protocol. Required with O(state=present).
    type: list
    elements: str
  interfaces:
    description: Network interfaces in whose zones it is let in. One that is in no zone is in the default zone. Required with O(state=present).
    type: list
    elements: str
  state:
    description: Whether it is let in. V(absent) withdraws it from all zones, also where firewalld is stopped.
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Let nodes reach the boot server
  rackwright.baremetal.firewalld_service:
    name: rackwright-boot-server
    ports: [67/udp, 69/udp, 4011/udp, 8080/tcp]
    interfaces: [eno2]
"""

RETURN = r"""
zones:
  description: Zones that let it in now, or in check mode would; nothing where firewalld does not run.
  type: list
  elements: str
  returned: success
  sample: [public]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._boot import firewalld
from ..module_utils._errors import BaremetalError


def main():
    """The module's entry."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "ports": {"type": "list", "elements": "str"},
            "interfaces": {"type": "list", "elements": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        },
        required_if=[("state", "present", ("ports", "interfaces"))],
        supports_check_mode=True,
    )
    params = module.params
    try:
        if params["state"] == "present":
            changed, before, after = firewalld.present(params["name"], params["ports"], params["interfaces"], check_mode=module.check_mode)
        else:
            changed, before, after = firewalld.absent(params["name"], check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, zones=after.get("zones", []), diff={"before": before, "after": after})


if __name__ == "__main__":
    main()
