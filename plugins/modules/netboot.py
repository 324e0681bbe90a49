#!/usr/bin/python
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netboot
short_description: Let a node boot the ramdisk from the network, or its disk again
version_added: 1.0.0
author:
  - rackwright.baremetal contributors (@rackwright)
description:
  - Writes the boot files of one node on the boot server, which are an iPXE script for its MAC address (with other O(boot_interfaces) GRUB's
    configuration, or a medium), the SSH public keys that may log in to the ramdisk, and the DHCP reservation of its address.
  - With O(state=absent) the script and the keys are withdrawn, so that the node goes on to its next boot device. The reservation
    stays unless O(reservation=false), because an installed system keeps its address.
  - With O(state=present) both daemons of the boot server must be running, in check mode as well.
  - Each file appears complete or not at all. Nothing is restarted; C(dnsmasq) sees new reservations by itself and is told of changed ones.
  - It does not switch the node on, sets no boot device and inserts no medium; M(rackwright.baremetal.power) does. A medium that is withdrawn is taken
    out of the drives of the BMC, from the controller. A BMC that does not let it go gives a warning.
  - Runs where the files are. When the boot server is not the controller, use C(delegate_to) with the boot server.
extends_documentation_fragment:
  - rackwright.baremetal._attributes
  - rackwright.baremetal._attributes.controller
  - rackwright.baremetal.node
  - rackwright.baremetal.registry
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) lets the node boot the ramdisk that is current on the boot server.
      - V(absent) lets it boot from its disk.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: The C(boot_server_root) of the role P(rackwright.baremetal.boot_server#role).
    type: path
    default: /srv/rackwright
  url:
    description:
      - Base URL of the boot server as the nodes see it. Only C(http), which is what the iPXE of distributions speaks.
      - Required with O(state=present).
    type: str
  mac:
    description:
      - MAC address of the port that boots.
      - By default the first port with C(pxe_enabled) in the registry.
    type: str
  address:
    description:
      - Address that DHCP gives the node. One of IPv6 ends in 0, and the fifteen that follow are the node's too.
      - By default the node's address in the registry.
      - What becomes of an address that is reserved for another machine, O(replace_reservation) tells.
    type: str
  nonce:
    description:
      - A word that is new for each run, 8 to 64 letters, digits, hyphens or underscores.
      - It is on the kernel command line of the ramdisk, where the interlock of in-band modules finds it, and in the paths of beacons and keys.
        Files of other nonces of the node are removed.
      - Required with O(state=present).
    type: str
  ssh_public_keys:
    description:
      - SSH public keys that may log in to the ramdisk as root, each one the line of a C(.pub) file.
      - Required with O(state=present), unless O(tenant) is given.
    type: list
    elements: str
  kernel_arguments:
    description:
      - Further kernel arguments, as a string or a list of strings, for instance V(console=ttyS0,115200).
      - They are printable ASCII, C(key) or C(key=value); a value with spaces is put in double quotes.
      - What the module sets itself (C(BOOTIF), C(initrd), C(rackwright.url), C(rackwright.beacon), C(rackwright.journal),
        C(rackwright.nonce), C(rackwright.node), C(rackwright.address), C(rackwright.gateway), C(rackwright.dns), C(rackwright.hostname)) is refused.
      - What a loader would hand on changed is refused as well, for all but V(ipxe) and V(http-ipxe) single quotes and backslashes.
    type: raw
    default: ""
  boot_interfaces:
    description:
      - How the node boots, the way that is preferred first. The first one is taken that the node, its driver and the boot server can do; a warning tells
        what was passed over.
      - V(ipxe) is iPXE, by TFTP where the network card has none built in. V(http-ipxe) is iPXE by UEFI HTTP boot. V(pxe) is shim and GRUB by TFTP, which
        Secure Boot takes. V(redfish-virtual-media) is a medium for the BMC's virtual drive, with O(network) and without DHCP. V(redfish-https) is the
        same medium, whose URL the BMC tells the firmware for UEFI HTTP boot.
      - By default the node's C(boot_interface) in the registry alone, and without one V(ipxe).
      - With O(tenant), only V(ipxe) and V(http-ipxe); V(ipxe) stands in for another default.
    type: list
    elements: str
  architecture:
    description:
      - Debian's name of the architecture whose ramdisk the node boots. One that the boot server has none for is refused.
      - By default that of the property C(cpu_arch) in the registry, V(amd64) for C(x86_64) and V(arm64) for C(aarch64); where that is not known, V(amd64), or
        the only one that the boot server has a ramdisk for.
    type: str
    choices: [amd64, arm64]
  network:
    description: Network of O(address) in CIDR form. Required for V(redfish-virtual-media) and V(redfish-https).
    type: str
  gateway:
    description: Router in that network, for the same.
    type: str
  dns:
    description: Name servers, for the same.
    type: list
    elements: str
    default: []
  tenant:
    description:
      - What the node boots instead of the ramdisk, at every boot until O(state=absent), and without writing to its disks.
      - Either O(tenant.kernel) and O(tenant.initrd), or O(tenant.iso). Each is a path below the HTTP root of the boot server, where it must be there, or
        an C(http) URL of another server, which is not looked at.
      - Of O(kernel_arguments), C(BOOTIF) and C(initrd) are set by the module.
    type: dict
    suboptions:
      kernel:
        description: The kernel.
        type: str
      initrd:
        description: The initrd.
        type: str
      iso:
        description: An ISO image that firmware can boot. iPXE attaches it as a disk; the system that it starts must find the rest by itself.
        type: str
      boot_mode:
        description: Boot mode of the node; with V(bios), kernel and initrd of more than 3 GiB are refused.
        type: str
      memory_mb:
        description: Memory of the node in MiB; kernel and initrd that are larger are refused.
        type: int
  answer:
    description:
      - With O(tenant), the answer file of an installer. It is served below the nonce of the node, and the kernel arguments tell the installer where.
      - Who knows the nonce can read it, without a password and in clear; it goes away with the boot files.
    type: dict
    suboptions:
      kind:
        description: V(preseed) of Debian, V(autoinstall) of Ubuntu, V(kickstart) of Fedora and Enterprise Linux.
        type: str
        choices: [preseed, autoinstall, kickstart]
        required: true
      text:
        description:
          - The file. It is validated with C(debconf-set-selections), as YAML, or with pykickstart, where these are on the machine; what they say never shows
            it.
        type: str
        required: true
  reservation:
    description: With O(state=absent), whether the node keeps its address reservation.
    type: bool
    default: true
  replace_reservation:
    description:
      - With O(state=present), whether a reservation of O(address) for another machine is removed. If not, the address is refused.
      - By default it is removed where the registry has O(address) for this node. It has it for no other node then, and the other machine was removed from the
        registry, or has another address by now.
    type: bool
seealso:
  - module: rackwright.baremetal.ramdisk_wait
  - module: rackwright.baremetal.power
"""

EXAMPLES = r"""
- name: Let the node boot the ramdisk
  rackwright.baremetal.netboot:
    url: http://192.0.2.1:8080
    nonce: "{{ begin.interlock.nonce }}"
    ssh_public_keys:
      - "{{ lookup('ansible.builtin.file', '~/.ssh/id_ed25519.pub') }}"
    kernel_arguments: console=tty0 console=ttyS0,115200
  delegate_to: boot

- name: Let it run a system from the network
  rackwright.baremetal.netboot:
    url: http://192.0.2.1:8080
    nonce: "{{ begin.interlock.nonce }}"
    tenant:
      kernel: images/compute/vmlinuz
      initrd: images/compute/initrd.img
    kernel_arguments: root=live:http://192.0.2.1:8080/images/compute/root.squashfs ip=dhcp
  delegate_to: boot

- name: Let it boot its disk again
  rackwright.baremetal.netboot:
    state: absent
  delegate_to: boot

- name: Forget the address of a machine that is gone
  rackwright.baremetal.netboot:
    name: node9
    mac: "52:54:00:00:02:19"
    state: absent
    reservation: false
  delegate_to: boot
"""

RETURN = r"""
boot:
  description: What the node boots with; V(null) with O(state=absent).
  returned: success
  type: dict
  contains:
    mac:
      description: MAC address of the port that boots.
      type: str
    address:
      description: Address that DHCP gives the node.
      type: str
    nonce:
      description: Nonce of the run.
      type: str
    script:
      description: Path on the boot server of the node's iPXE script, of GRUB's configuration or of the medium.
      type: str
    interface:
      description: How the node boots, the one of O(boot_interfaces) that was taken.
      type: str
    other_interfaces:
      description: Those of O(boot_interfaces) that come after it.
      type: list
      elements: str
    device:
      description:
        - The boot device that M(rackwright.baremetal.power) has to set. Of V(http-ipxe) it is V(pxe) with the driver V(ipmi), where the firmware has
          HTTP boot among its boots from the network.
      type: str
    medium:
      description: URL of the medium that M(rackwright.baremetal.power) has to insert, or V(null).
      type: str
    uri:
      description: URL that belongs to the boot device V(http), or V(null).
      type: str
    ramdisk_digest:
      description: Digest of the ramdisk's inputs; V(null) with O(tenant).
      type: str
    since:
      description: When this was, by the clock of the boot server, for O(rackwright.baremetal.ramdisk_wait#module:since).
      type: str
  sample:
    interface: ipxe
    other_interfaces: []
    device: pxe
    medium: null
    uri: null
    mac: "52:54:00:00:02:11"
    address: 192.0.2.11
    nonce: 9a1f5c0b7d3e4a21
    script: /srv/rackwright/http/node/52-54-00-00-02-11/boot.ipxe
    ramdisk_digest: 5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
    since: "2026-01-31T12:00:00.000+00:00"
withdrawn_media:
  description: Paths, in URLs, of the node's media that are there no more.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ..module_utils._door import module_main
from ..module_utils._doors.netboot import DOOR


def main():
    """The module's entry."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
