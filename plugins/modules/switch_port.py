#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: switch_port
short_description: Put a port of a Linux bridge or of Open vSwitch into VLANs
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Brings a port into the VLANs that are given and out of all others, and reads it back.
  - Runs on the machine that is the switch, with C(delegate_to). The role C(switch_port) does so for the ports of a node; other switches have modules in
    the collections of their vendors, which that role can use as well.
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
  interface:
    description:
      - What the switch is.
      - V(linux-bridge) needs a bridge that filters VLANs. What is set there ends with the machine; let what configures the bridge leave the VLANs of
        these ports alone.
      - V(openvswitch) keeps it in its database. A port in no VLAN is given the tag 4095, as Neutron does, because one without a tag is in all of them.
    type: str
    choices: [linux-bridge, openvswitch]
    required: true
  port:
    description: Name of the port.
    type: str
    required: true
  vlan:
    description: VLAN of the frames without a tag, in both directions. Without it such frames are dropped.
    type: int
  trunk_vlans:
    description: VLANs of the frames with a tag.
    type: list
    elements: int
    default: []
  state:
    description: With V(absent) the port is in no VLAN, and nothing passes it.
    type: str
    choices: [present, absent]
    default: present
  connect_timeout:
    description:
      - How many seconds to wait for the switch to answer over SSH before the module starts.
      - With V(0) one attempt is made. A connection that cannot be made or gets lost is a failure, so C(rescue) sees it.
    type: int
    default: 0
requirements:
  - root on the switch, and iproute2 or Open vSwitch there
seealso:
  - module: rackwright.baremetal.switch_port_info
"""

EXAMPLES = r"""
- name: Have the port of the node in the provisioning network alone
  rackwright.baremetal.switch_port:
    interface: linux-bridge
    port: swp7
    vlan: 10
  delegate_to: leaf1

- name: Have it in two networks of its tenant
  rackwright.baremetal.switch_port:
    interface: openvswitch
    port: tap7
    vlan: 20
    trunk_vlans: [30]
  delegate_to: leaf2
"""

RETURN = r"""
vlan:
  description: VLAN of the frames without a tag, or nothing, as it is now.
  type: int
  returned: success
  sample: 20
trunk_vlans:
  description: VLANs of the frames with a tag, as they are now.
  type: list
  elements: int
  returned: success
  sample: [30]
before:
  description: The VLANs that the port had, by number, each V(untagged), V(tagged), or in the words of the switch.
  type: dict
  returned: success
  sample:
    "10": untagged
after:
  description: The VLANs that it has now, or would have in check mode.
  type: dict
  returned: success
  sample:
    "20": untagged
    "30": tagged
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._errors import BaremetalError
from ..module_utils._switch import linux_bridge, openvswitch
from ..module_utils._switch.port import STAGE, ensure, wanted

_SWITCHES = {"linux-bridge": linux_bridge, "openvswitch": openvswitch}


def _runner(module):
    """A function that runs a program on the switch."""
    def run(command):
        path = module.get_bin_path(command[0], opt_dirs=["/usr/local/sbin", "/usr/sbin", "/sbin"])
        if path is None:
            raise BaremetalError(f"{command[0]} is not installed on the switch", stage=STAGE, cure="install it, or correct the interface of the switch")
        code, output, errors = module.run_command([path, *command[1:]], environ_update={"LC_ALL": "C"})
        if code:
            raise BaremetalError(f"{' '.join(command)} ended with code {code}", stage=STAGE, seen=" ".join((errors or output).split())[-400:] or "no message",
                                 cure="check the port_id and that the module runs as root on the switch")
        return output

    return run


def main():
    """Bring a port into its VLANs."""
    module = AnsibleModule(
        argument_spec={
            "interface": {"type": "str", "choices": list(_SWITCHES), "required": True},
            "port": {"type": "str", "required": True},
            "vlan": {"type": "int"},
            "trunk_vlans": {"type": "list", "elements": "int", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "connect_timeout": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        vlans = wanted(params["state"], params["vlan"], params["trunk_vlans"])
        found = ensure(_SWITCHES[params["interface"]], _runner(module), params["port"], vlans, check_mode=module.check_mode)
    except BaremetalError as error:
        module.fail_json(msg=str(error))
    before, after = ({str(number): how for number, how in sorted(one.items())} for one in found)
    result = {
        "changed": before != after, "before": before, "after": after, "vlan": next((number for number, how in found[1].items() if how == "untagged"), None),
        "trunk_vlans": sorted(number for number, how in found[1].items() if how == "tagged"),
    }
    if module._diff:
        result["diff"] = {"before": before, "after": after}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
