# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator set for the roles that work on a node, looked at before the node is locked for them.

Found out in the middle of the work, each of these costs a reboot and leaves the node in a failed state.
Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._boot import boot_interface, config_drive, ipxe, node_files, ready_drive, static_network
from .._errors import BaremetalError, sentence

STAGE = "plan"

# The option ramdisk_boot of provision_state: variables of the role ramdisk_boot, without its name in front.
RAMDISK_BOOT = {
    "server": {"type": "str"},
    "server_url": {"type": "str"},
    "cache_url": {"type": "str"},
    "server_root": {"type": "str"},
    "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False},
    "ssh_private_key_file": {"type": "str", "no_log": False},
    "kernel_arguments": {"type": "raw", "default": ""},
    # These are looked at here: where a dictionary with options belongs, ansible-core 2.19 breaks off at another type.
    "timeouts": {"type": "raw"},
    "interfaces": {"type": "raw"},
    "network": {"type": "str"},
    "gateway": {"type": "str"},
    "dns": {"type": "list", "elements": "str", "default": []},
}
TIMEOUTS = ("power", "callback", "connect", "evidence")


def check_ramdisk_boot(settings, node):
    """Refuse settings with which no node could be booted into the ramdisk.

    :param settings: the option ramdisk_boot, validated.
    :param node: record of the node.
    :raises BaremetalError: naming the variable to set, and where.
    """
    if not settings["server"]:
        raise _unset(node, "ramdisk_boot_server", "which host is the boot server", "no host in the inventory group boot_servers",
                     "put the boot server into the group boot_servers (inventory/boot_servers.yml), or set ramdisk_boot_server")
    if not settings["server_url"]:
        raise _unset(node, "ramdisk_boot_server_url", "at which address nodes find the boot server",
                     f"the host {settings['server']} has no boot_server_address",
                     "set boot_server_address for that host (inventory/group_vars/all/site.yml), or ramdisk_boot_server_url for the nodes")
    if settings["cache_url"] == "":
        raise _unset(node, "ramdisk_boot_cache", "at which address the node finds the cache for its images",
                     "ramdisk_boot_cache names a host that is not in the inventory, or has no boot_server_address",
                     "correct ramdisk_boot_cache, or leave it out to fetch images from the boot server")
    if not settings["ssh_public_keys"]:
        raise _unset(node, "ramdisk_boot_ssh_public_keys", "which SSH key may log in to the ramdisk",
                     f"no readable file {settings['ssh_private_key_file']}.pub",
                     "make a pair of keys with ssh-keygen -t ed25519, or set ramdisk_boot_ssh_private_key_file to one "
                     "that has a file with .pub beside it, or set ramdisk_boot_ssh_public_keys")
    mac = node_files.hyphens(node["boot_mac"])
    interfaces = settings["interfaces"] or [node["boot_interface"] or boot_interface.DEFAULT]
    arguments = []
    checks = {
        "ramdisk_boot_interfaces": lambda: boot_interface.check(interfaces),
        "ramdisk_boot_timeouts": lambda: _check_timeouts({} if settings["timeouts"] is None else settings["timeouts"]),
        "ramdisk_boot_server_url": lambda: ipxe.refuse_other_version(ipxe.base_url(settings["server_url"]), node["address"]),
        "ramdisk_boot_cache": lambda: ipxe.refuse_other_version(settings["cache_url"] or settings["server_url"], node["address"]),
        "ramdisk_boot_ssh_public_keys": lambda: node_files.check_keys(settings["ssh_public_keys"]),
        "ramdisk_boot_network": lambda: arguments.extend(_static(settings, node) if set(interfaces) & set(boot_interface.MEDIA) else []),
        "ramdisk_boot_kernel_arguments": lambda: [boot_interface.check_arguments(interface, node_files.boot_arguments(
            settings["server_url"], node["name"], mac, "0" * 16, settings["kernel_arguments"], arguments)) for interface in interfaces],
    }
    for variable, check in checks.items():
        try:
            check()
        except BaremetalError as error:
            raise BaremetalError(f"{variable}: {error.what}", node=node["name"], stage=STAGE, seen=error.seen, cure=error.cure) from error


def _static(settings, node):
    return static_network.arguments(node["name"], node["address"], settings["network"], settings["gateway"], settings["dns"])


def check_rescue_keys(keys, node):
    """Refuse what is no SSH public key among those that may log in to a rescued machine beside the operator's; there may be none.

    :raises BaremetalError: naming the variable to set.
    """
    try:
        if keys:
            node_files.check_keys(keys)
    except BaremetalError as error:
        raise BaremetalError(f"rescue_ssh_public_keys: {error.what}", node=node["name"], stage=STAGE, seen=error.seen, cure=error.cure) from error


def _check_timeouts(timeouts):
    wrong = timeouts
    if isinstance(timeouts, dict):
        wrong = {name: value for name, value in timeouts.items() if name not in TIMEOUTS or not str(value).isdecimal()}
    if wrong or not isinstance(timeouts, dict):
        raise BaremetalError("these are no time-outs", seen=repr(wrong),
                             cure=f"give a dictionary with seconds for any of {', '.join(TIMEOUTS)}")


def look_at_config_drive(data, node, instance, *, keeps=False):
    """Refuse what no config drive can be made of, and tell what the drive will say.

    :param data: what the filter config_drive takes, apart from uuid and the image's digest in meta.
    :param node: record of the node.
    :param instance: the instance that the config drive would be for.
    :param keeps: whether there is an instance whose config drive can stay.
    :returns: dict with label, datasource, hostname, instance_uuid and image_digest, None where it is not known, and data: what the drive is made
        of apart from what may be secret, with the marks of the instance and the image by which a proof tells it from any other.
    :raises BaremetalError: naming the key; it never shows user_data.
    """
    unknown = {"label": None, "datasource": None, "hostname": None, "instance_uuid": instance["uuid"], "image_digest": None, "data": {}}
    try:
        if "iso" not in data:
            config_drive.check({**data, "uuid": instance["uuid"]})
            made = {**{key: data.get(key) for key in ("hostname", "public_keys")}, "uuid": instance["uuid"],
                    "meta": {**(data.get("meta") or {}), ready_drive.DIGEST_KEY: instance["image_digest"]}}
            label = config_drive.LABELS[data.get("layout") or "configdrive"]
            return {"label": label, "datasource": ready_drive.DATASOURCES[label], "hostname": data.get("hostname"), "instance_uuid": instance["uuid"],
                    "image_digest": instance["image_digest"], "data": made}
        image = config_drive.obtain(data)
        if image is not None:
            found = ready_drive.marks(image)
            return {**unknown, **found, "datasource": ready_drive.DATASOURCES[found["label"]]}
        if keeps:
            return unknown
        raise BaremetalError("there is none on the disk that could be preserved", seen=f"the node is {node['provision_state']}",
                             cure="Give one; only rebuild can keep what is there.")
    except BaremetalError as error:
        source = ("It comes from deploy_config_drive, deploy_hostname, deploy_ssh_public_keys, deploy_user_data, deploy_network_data, deploy_network_layout "
                  "and network_data of the hardware file")
        raise BaremetalError(f"the config drive cannot be made: {error.what}", node=node["name"], stage=STAGE, seen=error.seen,
                             cure=f"{sentence(error.cure or 'Correct it.')} {source}") from error


def _unset(node, variable, what, seen, cure):
    return BaremetalError(f"nothing says {what} ({variable})", node=node["name"], stage=STAGE, seen=seen, cure=cure)
