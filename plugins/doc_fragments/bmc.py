# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of everything that talks to a BMC. Private to the collection; may change at any time."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  driver:
    description:
      - How to talk to the BMC. V(redfish) over HTTPS, V(ipmi) for IPMI 2.0 over LAN, V(manual) for a machine without a BMC.
      - With V(auto) the task finds out, without credentials, whether the BMC has a Redfish service, or else answers to IPMI.
        One with Redfish behind a certificate that is not to be trusted is an error.
        That costs each task one more connection, and 30 seconds with a web server that takes it and is silent; name the driver once it is known.
      - When not given, it comes from where the BMC comes from, see O(bmc).
    type: str
    choices: [auto, redfish, ipmi, manual]
  bmc:
    description:
      - Where the node's BMC is and how to log on.
      - The first of these that is there is taken whole. This option, then the host variable C(baremetal_bmc) (a dictionary with the same
        keys and C(driver)), then the node's entry in the registry.
    type: dict
    suboptions:
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
requirements:
  - pyghmi (Python package) for the driver V(ipmi)
"""
