# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the fleet form, as FLEET in module_utils/_doors/_options.py has them. Private to the collection; may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    # The keys of bmcs are those of bmc in bmc.py; a unit test compares them, because ansible-test wants texts that stand as they are.
    DOCUMENTATION = r"""
options:
  nodes:
    description:
      - Names of the nodes to work on at once in this one task, instead of O(name). To be used with C(run_once), for example with
        V({{ ansible_play_hosts }}).
      - The BMC of each of them comes from O(bmcs), from the host variable C(baremetal_bmc) of that node (not of the play or the task), or
        from the registry.
      - A BMC that is dead or refuses delays no other, and the work on all others is done, whatever O(fail_on) says.
    type: list
    elements: str
  bmcs:
    description: BMCs of O(nodes) that neither host variables nor the registry tell.
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the node.
        type: str
        required: true
      driver:
        description: How to talk to the BMC; O(driver) goes before it.
        type: str
        choices: [auto, redfish, ipmi, manual]
      address:
        description:
          - Host name or IP address.
          - With V(redfish) also a URL without a path; without a scheme it is C(https). With C(http) the password goes over the network in clear, and
            O(bmc.fingerprint) and O(bmc.ca_file) are refused.
          - Like O(bmc.username) and O(bmc.password) it is needed by every driver but V(manual).
        type: str
      port:
        description: TCP or UDP port. When not given, it is the protocol's own, 443 or 623.
        type: int
      username:
        description:
          - Name of the BMC's account.
          - With V(ipmi) it may be V(""), for the first user of a BMC, which need have no name. Such a connection must say so.
        type: str
      password:
        description:
          - Password of the BMC's account.
          - With V(ipmi) it may be V(""), for an account that has none. Such a connection must say so.
        type: str
      system_id:
        description:
          - With V(redfish), the system that is this node, as the last part of its path or as the whole path.
          - Needed only where the BMC serves several systems.
        type: str
      system_uuid:
        description:
          - UUID that the BMC must tell of the machine, or else nothing is done. Taken from the registry together with the rest.
          - The BMC must agree in this or in O(bmc.serial), as far as it tells them. With V(ipmi) that is the system GUID and the first FRU.
            What only reads asks for them only when the GUID that comes with the login is not the machine's.
        type: str
      serial:
        description: Serial number (or SKU) that the BMC must tell of the machine, see O(bmc.system_uuid).
        type: str
      ca_file:
        description:
          - With V(redfish), a file on the host that talks to the BMC with the only certificate authorities to trust, in PEM format.
          - When not given, the authorities of the operating system are trusted.
        type: path
      verify:
        description:
          - With V(redfish), whether the BMC's certificate must be good for the address. It must when not given.
          - With V(false) whoever sits in between reads the password.
        type: bool
      fingerprint:
        description:
          - With V(redfish), the sha256 fingerprint of the BMC's certificate, as hex digits with or without colons.
          - This certificate is accepted and no other; who signed it, for which name, and until when, does not matter then.
          - C(openssl s_client -connect bmc:443 </dev/null | openssl x509 -noout -fingerprint -sha256) shows it.
        type: str
      tls_min_version:
        description:
          - With V(redfish), the oldest version of TLS that may be spoken. V(1.2) when not given.
          - V(1.0) and V(1.1) also allow the ciphers and signatures that such old BMCs need, which are no longer safe.
        type: str
        choices: ["1.0", "1.1", "1.2", "1.3"]
      cipher_suite:
        description:
          - With V(ipmi), the cipher suite to log on with, V(17) (SHA-256) or V(3) (SHA-1).
          - When not given, V(17) is tried first and then V(3), which costs one more packet with a BMC that refuses V(17).
        type: int
        choices: [3, 17]
      privilege_level:
        description:
          - With V(ipmi), the privilege level to work with. When not given, it is V(administrator), or V(operator) where the user may have
            no more.
          - V(operator) suffices for power and boot device, V(user) for reading the power state.
        type: str
        choices: [administrator, operator, user]
      kg_key:
        description:
          - With V(ipmi), the key K_g of a BMC that has one, as text of at most 20 characters, or as hexadecimal digits after C(0x).
          - The registry keeps a reference to it, see M(rackwright.baremetal.node).
        type: str
      bridge_channel:
        description:
          - With V(ipmi), the channel behind which the controller of the node is, for a BMC that passes commands on to others (a chassis
            manager). All commands but those of the login go there then. Together with O(bmc.bridge_address).
        type: int
      bridge_address:
        description: With V(ipmi), the address of that controller on the channel, for example V(0x82).
        type: str
      disable_power_off:
        description:
          - Whether the machine must never be powered off. A reboot is a reset then, whatever else is asked for, and M(rackwright.baremetal.power)
            refuses to power it off. For machines that do not come back by themselves, or whose BMC goes down with them.
          - Taken from the registry, wherever the rest comes from.
        type: bool

  fail_on:
    description:
      - With O(nodes), when the task fails. V(any) when one node failed, V(all) when every node did; a task that has not failed warns then.
      - Ansible takes all hosts out of the play when a task with C(run_once) fails. With V(all) the others go on, and RV(failed_nodes) tells
        which nodes have to be left out; the guide B(Fleets) shows how.
    type: str
    choices: [any, all]
    default: any
"""
