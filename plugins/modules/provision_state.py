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
  - O(verb=deploy), O(verb=rebuild), and any verb that leads through cleaning, needs a port with C(pxe_enabled), an address, a C(system_uuid) or
    C(serial) and root device hints; a node that lacks one is refused before it is touched. O(verb=inspect)
    and O(verb=rescue) need the same without the hints.
  - An event is what the run that holds the node reports. The last one, O(event=done) or O(event=fail), lets go of the node. O(event=hold)
    does so too, and leaves the machine as it is for a person; O(verb=unhold) takes it up again, with the same nonce.
  - A run from which a node was taken, by O(verb=abort) or because it was thought dead, can report nothing of it any more, and the
    modules that change a machine do nothing more to it in that run.
  - A cleaning or service that fails is a C(fault). It puts the node into maintenance, unless an operator has done so, and ends it when
    the same work succeeds.
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
      - V(manage) leads to C(manageable), V(provide) and V(undeploy) to C(available), V(deploy), V(rebuild) and V(adopt) to C(active).
        A retired node is not provided, and undeployed it ends in C(manageable).
      - V(provide), V(inspect) and V(adopt) of a node in C(enroll) lead to C(verifying) first. Sent again when that is done, they do their own work.
      - V(undeploy) of a node whose cleaning failed, or whose run died, leads to C(cleaning) at once, with the steps that are left of it. So it does with
        a retired node that was brought to C(manageable) after its cleaning had failed.
      - V(inspect) of a C(manageable) node leads to C(inspecting), in which the machine is looked at, and back.
      - V(clean) (of a C(manageable) node, which it is again afterwards) and V(service) (of an C(active) one) run the steps that O(steps) names.
      - V(deploy) leaves a node alone that runs the image, V(rebuild) writes it anew and keeps the UUID of the instance.
      - V(adopt) takes a machine over that runs already and does not touch it, also one whose inspection failed.
      - V(rescue) of an C(active) node leads to C(rescue), in which its machine runs the ramdisk for a person; sent again, the ramdisk is booted
        again. V(unrescue) leads back to C(active). The instance stays.
      - V(abort) ends a wait or hold state at once, whoever waits, and whatever a run has died in. What a run that lives is at work on, or
        a step that is not abortable, that run ends where it next reports anything, and a warning says who it is. What it does in the ramdisk
        M(rackwright.baremetal.ramdisk_job) stops before; the role P(rackwright.baremetal.abort#role) does both.
      - V(unhold) leads from a hold state to the wait state that it belongs to.
    type: str
    choices: [manage, provide, inspect, clean, adopt, deploy, rebuild, undeploy, rescue, unrescue, service, abort, unhold]
  event:
    description:
      - V(wait) and V(resume) enclose the wait for the ramdisk, V(hold) leaves the node to a person, V(clean) follows on V(deleting),
        V(done) and V(fail) end the way.
    type: str
    choices: [wait, resume, hold, clean, done, fail]
  image:
    description:
      - Name of the published image that O(verb=deploy) asks for. With O(verb=rebuild), by default the one that the instance has.
      - With O(verb=adopt), what the machine runs, where it is a published image. By default what the record says of it, which may be nothing.
      - Or the http or https address of a raw image that somebody else serves, with its O(image_checksum). It is one file system where O(partitions) are
        asked for, and a whole disk otherwise. An address with a user or a query is refused.
    type: str
  image_checksum:
    description:
      - Checksum of an O(image) that is given by its address, as C(sha256:HEX) or C(sha512:HEX).
      - With O(verb=rebuild), by default that of the image which the instance has.
    type: str
  config_drive:
    description:
      - What P(rackwright.baremetal.config_drive#filter) will be given, without C(uuid) and C(meta). Without C(public_keys) those of
        O(ramdisk_boot.ssh_public_keys) are taken.
      - With O(verb=deploy) and O(verb=rebuild), what no config drive can be made of is refused before the node is touched; one that is ready is fetched
        for that. It goes nowhere else.
      - Where it has no C(network_data) and is not ready, and there is no O(network_layout), the one of the node's record is taken. It must have the
        address of the node, or a network that gets one when it is up.
      - A ready drive gives the instance its UUID. One that is preserved needs O(verb=rebuild).
    type: dict
  network_layout:
    description:
      - With O(verb=deploy) and O(verb=rebuild), how the node is wired to networks that M(rackwright.baremetal.network) declared. The node gets the
        addresses in the same transaction in which the verb begins, and RV(network_data) tells what the config drive is to say.
      - A list of links. Each has C(name) and either C(port), the name or MAC address of a port of the node, or C(bond), a dictionary with C(mode),
        C(members) (a list of ports), C(miimon) and C(xmit_hash_policy). C(mtu) is the largest that its networks have, if not given.
      - C(networks) of a link is a list of names of networks, or of dictionaries with C(network) and any of C(address) (the one that it is to be),
        C(tagged) (by default, whether the network has a VLAN) and C(gateway) (V(false) for no default route through it).
      - With verbs that O(steps.deploy_steps) have change switch ports, where the node belongs in the end.
      - The network of the address that the node boots with must be among them, because the new system is proved there, unless the step
        C(deploy.switch_to_tenant_network) takes the node out of it. Then it is proved at the first address of the layout.
    type: list
    elements: dict
    default: []
  boot:
    description:
      - With O(verb=deploy) and O(verb=rebuild), a system that the node runs from the network for good, instead of O(image); no disk is touched, and none
        needs hints. Either O(boot.kernel) and O(boot.initrd), or O(boot.iso).
      - A node that runs the same already is left alone by V(deploy). Such a node cannot be rescued, nor serviced in the ramdisk.
    type: dict
    suboptions:
      kernel:
        description: The kernel, a path below the HTTP root of the boot server or an C(http) URL.
        type: str
      initrd:
        description: The initrd, as the kernel.
        type: str
      iso:
        description: An ISO image, as the kernel.
        type: str
      kernel_arguments:
        description: Arguments of the kernel, a string or a list of strings.
        type: raw
      answer:
        description:
          - The answer file of an installer, with placeholders for what is known later. Then the system is installed on the disk that the root device hints
            mean, and the node needs them.
          - A file that is not valid is refused before the node is touched. It goes nowhere else.
        type: dict
        suboptions:
          kind:
            description: Which installer it is for.
            type: str
            choices: [preseed, autoinstall, kickstart]
            required: true
          text:
            description: The file.
            type: str
            required: true
  partitions:
    description:
      - The partitions around a partition image, as O(rackwright.baremetal.disk_image#module:partitions) takes them, with O(verb=deploy) and
        O(verb=rebuild).
      - What cannot work on any disk, or on one of C(properties.local_gb), is refused. What is planned is in the diff and in the instance.
    type: dict
    suboptions:
      disk_label:
        description: Kind of the partition table.
        type: str
        choices: [gpt, msdos]
        default: gpt
      root_gb:
        description: Size of the root partition in GiB; without it, what is left of the disk.
        type: int
      swap_mb:
        description: Size of the swap partition in MiB; 0 means none.
        type: int
        default: 0
      ephemeral_gb:
        description: Size of the ephemeral partition in GiB; 0 means none.
        type: int
        default: 0
      ephemeral_format:
        description: File system of the ephemeral partition.
        type: str
        choices: [ext4, xfs, btrfs, vfat]
        default: ext4
      preserve_ephemeral:
        description: Whether the ephemeral partition is left as it is. Only a rebuild can do that, without steps that erase disks.
        type: bool
        default: false
      install_boot_loader:
        description: Whether C(grub-install) of the image may run, on a node that boots by BIOS.
        type: bool
        default: false
  steps:
    description:
      - What is known of steps, and which of them are asked for; the role P(rackwright.baremetal.steps#role) explains them.
      - All steps and all their arguments are checked before the node is touched.
    type: dict
    suboptions:
      definitions:
        description: Steps of the site, beside those of the collection.
        type: list
        elements: dict
      deploy_steps:
        description:
          - Steps that the site asks for in deploys, for the other verbs. Where C(network.add_provisioning_network) is among them, a cleaning or service has it
            before its first step in the ramdisk; where C(deploy.switch_to_tenant_network) is, a service has it at its end. RV(switch_ports) tells the same
            of verbs without steps.
        type: list
        elements: dict
      priorities:
        description: Priorities by step for an automated cleaning; V(0) leaves the step out.
        type: dict
      requested:
        description: Steps with their arguments, in their order for O(verb=clean) and O(verb=service), by priority for O(verb=deploy).
        type: list
        elements: dict
      runbook:
        description: Name of the runbook whose steps are asked for, with O(verb=clean) and O(verb=service).
        type: str
      runbooks:
        description: Runbooks by name, each with C(steps) and, if it is not for every node, C(traits).
        type: dict
      templates:
        description: Deploy templates, lists of steps by trait.
        type: dict
      traits:
        description: Traits that are asked for of an instance. The node must have them; those that name a template add its steps.
        type: list
        elements: str
  ramdisk_boot:
    description:
      - Variables of the role P(rackwright.baremetal.ramdisk_boot#role), without its name in front.
      - With a verb that leads into the ramdisk, what cannot work is refused before the node is touched. It is returned, and goes nowhere else.
    type: dict
    suboptions:
      server:
        description: Inventory name of the boot server.
        type: str
      server_url:
        description: HTTP URL of the boot server as the nodes see it.
        type: str
      cache_url:
        description: HTTP URL of the cache from which the node fetches images; those come from O(ramdisk_boot.server_url) when it is not given.
        type: str
      server_root:
        description: Root directory of the boot server; only to be returned.
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
        description: Time-outs in seconds, a dictionary with any of the keys C(power), C(callback), C(connect) and C(evidence).
        type: raw
      interfaces:
        description: How the node boots, a list as C(boot_interfaces) of M(rackwright.baremetal.netboot).
        type: raw
      network:
        description: Network of the node's address, for virtual media.
        type: str
      gateway:
        description: Router in that network.
        type: str
      dns:
        description: Name servers in that case.
        type: list
        elements: str
        default: []
  ssh_public_keys:
    description:
      - With O(verb=rescue), keys that will be let in beside those of O(ramdisk_boot).
      - What is no public key is refused before the node is touched. It goes nowhere else.
    type: list
    elements: str
  inventory:
    description:
      - What M(rackwright.baremetal.hardware_info) or M(rackwright.baremetal.bmc_info) returned as C(hardware), with O(event=done) at the end of
        an inspection. It is kept in the registry, with the time; M(rackwright.baremetal.node_info) shows it.
      - The properties C(cpus), C(memory_mb), C(cpu_arch) and, where the root device hints mean exactly one disk, C(local_gb) of the node follow from
        it as far as its hardware file does not say them.
      - It is compared with what the inspection before found from the same side. What has changed is in RV(drift), in the diff and in a warning.
    type: dict
  inspection_rules:
    description:
      - Rules by which more follows from O(inventory), with O(event=done); the role P(rackwright.baremetal.inspect#role) describes them.
      - Their conditions and expressions see the variables of the task. With O(verb=inspect) rules that are none are refused before the machine
        is touched.
    type: list
    elements: dict
    default: []
  inspect_interface:
    description:
      - From which side the machine is looked at, with O(verb=inspect), and where O(inventory) comes from, with O(event=done).
      - V(in-band) is what M(rackwright.baremetal.hardware_info) sees in the ramdisk, V(out-of-band) what M(rackwright.baremetal.bmc_info) is
        told by the BMC as C(hardware). Both are kept. The latter needs the driver C(redfish) and nothing that a boot needs.
    type: str
    choices: [in-band, out-of-band]
    default: in-band
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

- name: End what a run that waits for the machine has begun
  rackwright.baremetal.provision_state:
    name: server1
    registry: sqlite:////tmp/registry.db
    verb: abort
"""

RETURN = r"""
boot:
  description: What was given as O(boot), with C(until), the last stage of a boot of it that the boot server sees.
  type: dict
  returned: with O(boot)
  sample:
    kernel: images/compute/vmlinuz
    initrd: images/compute/initrd.img
    until: initrd
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
    - Record of the node, with the keys name, rack, driver, bmc (never its password), ports, address, system_uuid, serial, boot_mode,
      boot_interface, resource_class, root_device,
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
  description: Record of the published image; of one that is not published, C(name), C(url), C(digest) and C(image_type), and null otherwise.
  type: dict
  returned: with O(verb=deploy) and O(verb=rebuild)
  sample:
    name: debian-12
config_drive:
  description: What the config drive will say; null for what is not known of it.
  type: dict
  returned: with O(verb=deploy) and O(verb=rebuild) and O(config_drive)
  contains:
    label:
      description: Its label, V(config-2) or V(cidata).
      type: str
    hostname:
      description: Host name.
      type: str
    instance_uuid:
      description: UUID of the instance.
      type: str
    image_digest:
      description: Digest of the image, C(sha256:HEX).
      type: str
    datasource:
      description: Datasource of cloud-init that reads it, V(ConfigDrive) or V(NoCloud).
      type: str
    data:
      description: What it is made of, as P(rackwright.baremetal.config_drive#filter) takes it, C(hostname), C(public_keys), C(uuid), C(meta) with the digest
        of the image in it, and RV(network_data). What may be secret is not returned. Empty for a drive
        that is ready.
      type: dict
proof_address:
  description: The address at which the new system is proved.
  type: str
  returned: with O(verb=deploy) and O(verb=rebuild)
  sample: 192.0.2.11
partitions:
  description: The option O(partitions) with its defaults; empty without it.
  type: dict
  returned: with O(verb=deploy) and O(verb=rebuild)
  sample: {}
network_data:
  description:
    - What follows from O(network_layout), in OpenStack's format. Without a layout it is C(network_data) of the node's record, unless O(config_drive) has
      one, is ready or was not given.
  type: dict
  returned: with O(verb=deploy) and O(verb=rebuild)
  contains:
    links:
      description: NICs, bonds and VLANs.
      type: list
      elements: dict
    networks:
      description: Addresses and routes.
      type: list
      elements: dict
    services:
      description: Name servers.
      type: list
      elements: dict
ramdisk_boot:
  description: What was given as O(ramdisk_boot), every template in it resolved, for tasks that come later.
  type: dict
  returned: with O(ramdisk_boot)
  sample:
    server: boot1
    server_url: http://192.0.2.1:8080
    server_root: /srv/rackwright
    cache_url: null
    network: 192.0.2.0/24
    gateway: 192.0.2.254
    dns: []
    ssh_public_keys: []
    ssh_private_key_file: ~/.ssh/id_ed25519
    kernel_arguments: console=ttyS0,115200
    timeouts: {}
steps:
  description: The steps that are to be run now, in their order, every argument validated.
  type: list
  elements: dict
  returned: success
  sample:
    - step: deploy.erase_devices_metadata
      role: rackwright.baremetal.clean
      tasks_from: erase_devices_metadata
      kind: role
      priority: 99
      number: 0
      of: 1
      args: {}
      in_band: true
      boot_ramdisk: true
      abortable: true
      reboot_requested: false
aborted:
  description: What M(rackwright.baremetal.ramdisk_job) needs to stop what a run began in the ramdisk; null where no run was at work.
  type: dict
  returned: with O(verb=abort)
  contains:
    deferred:
      description: Which run is still at work and ends it; null where it has ended.
      type: str
    reason:
      description: Why it is ended.
      type: str
      sample: ended by request of alice@controller
    abortable:
      description: Whether the step that is under way may be cut short; true where there is no step.
      type: bool
rules:
  description: Names of the rules that held.
  type: list
  elements: str
  returned: with O(inventory)
  sample: [gpu]
drift:
  description: What has changed in the hardware since the inspection before it.
  type: list
  elements: dict
  returned: with O(inventory)
  sample:
    - field: disks[S1D2]
      before: ACME Fast 960, 960197124096
      after: null
in_band:
  description: Whether any step of the work runs in the ramdisk, one that was done before it was taken up again too.
  type: bool
  returned: success
  sample: true
switch_ports:
  description:
    - With verbs without steps, the networks that the role takes the node into, in their order, because O(steps.deploy_steps) have the step for it.
      V(provisioning) is for the boot of the ramdisk, or of what the node boots from the network, V(tenant) for the node's system.
  type: list
  elements: str
  returned: success
  sample: [provisioning]
stages:
  description: The parts of a deploy up to the image and the steps after it, in their order, for the role P(rackwright.baremetal.deploy#role).
  type: list
  elements: dict
  returned: with O(verb=deploy) and O(verb=rebuild)
  sample:
    - tasks: boot_image
      steps: []
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
    skip_block_devices: []
    wipe_special_filesystems: false
"""

from ..module_utils._door import module_main
from ..module_utils._doors.provision_state import DOOR


def main():
    """Serve the door as a module."""
    module_main(DOOR)


if __name__ == "__main__":
    main()
