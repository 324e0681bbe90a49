# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways in which a node boots the ramdisk, by the names of Ironic's boot interfaces. Private; may change at any time."""

from __future__ import annotations

import re
from pathlib import Path

from . import grub, ipxe, medium
from .._errors import BaremetalError

STAGE = "boot interface"
DEFAULT = "ipxe"

# The device that the BMC is told to boot from.
DEVICES = {
    "ipxe": "pxe",
    "http-ipxe": "http",
    "pxe": "pxe",
    "redfish-virtual-media": "cdrom",
    "redfish-https": "http",
}
INTERFACES = tuple(DEVICES)
# What these load is made for UEFI.
_UEFI = ("http-ipxe", "pxe", "redfish-https")
# What loads another system than the ramdisk.
_IPXE = ("ipxe", "http-ipxe")
VIRTUAL_MEDIA = "redfish-virtual-media"
REDFISH_HTTPS = "redfish-https"
# What boots a medium of the node's own, which the BMC shows as a CD, or whose URL it hands to the firmware.
MEDIA = (VIRTUAL_MEDIA, REDFISH_HTTPS)
# What a node with Secure Boot finds by TFTP under names that DHCP gives to all: shim where the others find an iPXE. By links of the node, because
# dnsmasq 2.90 ends at the SIGHUP after it has served a machine whose reservation has a tag.
_SECURE = {
    "amd64": {"snponly.efi": "current/shimx64.efi", "ipxe.efi": "current/shimx64.efi", "grubx64.efi": "current/grubx64.efi"},
    "arm64": {"arm64.efi": "current-arm64/shimaa64.efi", "grubaa64.efi": "current-arm64/grubaa64.efi"},
}

# The last part of the path of what tells a node how it boots, apart from GRUB's configuration, whose is the MAC address.
SCRIPT = "boot.ipxe"
MEDIUM = "boot.iso"
_MEDIUM_PATH = re.compile(rf"(?P<node>/node/[^/]+)/(?P<nonce>[^/]+)/{re.escape(MEDIUM)}\Z")


def check(wanted):
    """Refuse what are no boot interfaces.

    :param wanted: list of names, the one that is preferred first.
    :raises BaremetalError: naming those that there are.
    """
    if not isinstance(wanted, list) or not wanted or len(set(map(str, wanted))) < len(wanted) or set(map(str, wanted)) - set(INTERFACES):
        raise BaremetalError("these are no boot interfaces", stage=STAGE, seen=repr(wanted),
                             cure=f"give a list of any of {', '.join(INTERFACES)}, the one that is preferred first")


def is_medium(url):
    """Whether a URL is that of a medium that was made for a node."""
    return bool(_MEDIUM_PATH.search(url))


def is_earlier_medium(path, url):
    """Whether a path, in a URL, is that of a medium of the same node as another one, of a run before: they differ by the nonce alone.

    :param path: the path of the one.
    :param url: the URL of the other.
    """
    one, other = _MEDIUM_PATH.search(path), _MEDIUM_PATH.search(url)
    return bool(one and other) and one["node"] == other["node"] and one["nonce"] != other["nonce"]


def settle(wanted, problem):
    """The boot interface to take: the first one that nothing speaks against.

    :param wanted: list of names.
    :param problem: function of a name that tells what speaks against it, or None.
    :returns: (list of what is left of ``wanted``, with the one to take first; list of (name, problem) of those passed over).
    :raises BaremetalError: when something speaks against each of them.
    """
    passed = []
    for number, interface in enumerate(wanted):
        why = problem(interface)
        if why is None:
            return wanted[number:], passed
        passed.append((interface, why))
    raise BaremetalError("there is no way to boot the node", stage=STAGE, seen="; ".join(f"{name}: {why}" for name, why in passed),
                         cure="mend that, or give the node another boot_interface, or more of them with ramdisk_boot_interfaces")


def firmware_problem(interface, boot_mode):
    """Why a machine with this boot mode cannot boot so, or None.

    :param boot_mode: ``uefi``, ``bios`` or None.
    """
    return "the node boots by BIOS, and this takes UEFI" if boot_mode == "bios" and interface in _UEFI else None


def server_problem(interface, root, ramdisk, tenant=False):
    """Why the boot server cannot serve a node that boots so, or None.

    :param root: boot_server_root.
    :param ramdisk: see :func:`ramdisk_store.current`; None for a tenant's system.
    :param tenant: whether it is a tenant's system that is booted.
    """
    if tenant:
        return None if interface in _IPXE else "only iPXE loads another system than the ramdisk"
    if interface in _IPXE and ramdisk["architecture"] == "arm64" and not Path(root, "tftp/arm64.efi").is_file():
        return "the boot server has no iPXE for arm64; boot_server_arm64_loader names one"
    part = "medium" if interface in MEDIA else {"pxe": "shim"}.get(interface)
    if part is None:
        return None
    known = ramdisk.get(part)
    path = known["path"] if isinstance(known, dict) else known
    if not path:
        return f"the ramdisk has no {part}; ramdisk.yml of this version builds it"
    file = Path(root, "http", path)
    return None if file.is_file() else f"no {file}; ramdisk.yml builds it"


def tftp_links(interface, ramdisk):
    """What the directory of a node for TFTP holds, as {name: target of a link}; empty where it needs none.

    :param ramdisk: see :func:`ramdisk_store.current`; None for a tenant's system.
    """
    if interface != "pxe":
        return {}
    loaders = {name: f"../ramdisk/{target}" for name, target in _SECURE[ramdisk["architecture"]].items()}
    return {**loaders, "grub": "../grub", "ramdisk": "../ramdisk"}


def check_arguments(interface, arguments):
    """Refuse kernel arguments that would not come through the loader of this interface.

    :raises BaremetalError: naming the argument.
    """
    (ipxe if interface in _IPXE else grub).command_line(arguments)


def place(interface, mac, nonce):
    """Where below boot_server_root that lies which the loader of a node reads.

    The directories of nodes are for HTTP alone, which shows them to their node; TFTP shows everybody what it has.

    :param mac: MAC address with hyphens.
    """
    if interface in _IPXE:
        return f"http/node/{mac}/{SCRIPT}"
    return f"http/node/{mac}/{nonce}/{MEDIUM}" if interface in MEDIA else f"tftp/grub/{mac}.cfg"


def boot_file(interface, node, url, mac, ramdisk, arguments):
    """What the loader of a node reads.

    :returns: the text.
    :raises BaremetalError: for anything that cannot be written into it safely.
    """
    if interface in _IPXE:
        return ipxe.node_script(node, url, mac, ramdisk, arguments)
    if interface in MEDIA:
        return grub.medium_config(node, medium.holds_keys(ramdisk["medium"]), arguments)
    return grub.network_config(node, ramdisk, arguments)
