# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a preflight only the registry and the rest of the rack can tell. Private to the collection; may change at any time."""

from __future__ import annotations

from .._boot.boot_interface import VIRTUAL_MEDIA
from .._checks import FAIL, OK, SKIPPED, WARN, check
from .._identity import says_something
from ._images import is_address

_IMAGE_CURE = "choose a smaller image, or correct local_gb in the hardware file"


def image_check(name, image, record):
    """Whether an image fits the disk of a node, by the same rule as the plan of a deploy.

    :param name: name of the image that is asked for, or None.
    :param image: its record in the registry, or None.
    :param record: the node's record, or None.
    """
    if name is None or record is None:
        return check("image", SKIPPED)
    if is_address(name):
        return check("image", SKIPPED, "it is not published; how large it is, the node finds out before it writes")
    if image is None:
        return check("image", FAIL, f"the registry has no image {name}", "publish it with publish.yml, or correct the name")
    disk = record["properties"].get("local_gb")
    if not disk:
        return check("image", SKIPPED, "how large the disk is is not known; an inspection tells")
    seen = f"image {image['virtual_size']} bytes, properties.local_gb {disk} GiB"
    if image["virtual_size"] > int(disk) * 1024 ** 3:
        return check("image", FAIL, f"the image {name} is larger than the disk: {seen}", _IMAGE_CURE)
    return check("image", OK, seen)


def duplicates(machines, records):
    """What several nodes have that only one can have.

    :param machines: dict by node of what its BMC told, see _bmc/preflight.py, and ``place``: where its BMC is.
    :param records: list of all node records of the registry.
    :returns: dict by node of lists of texts; nodes without a duplicate are left out.
    """
    owners = {}
    for name, machine in machines.items():
        for value in [("BMC address", machine.get("place")), ("system UUID", machine.get("system_uuid")), ("serial number", machine.get("serial")),
                      *(("MAC address", mac) for mac in machine.get("macs") or [])]:
            _own(owners, value, name)
    for record in records:
        # What the registry says of a node whose BMC was asked is compared with that BMC elsewhere.
        for port in record["ports"]:
            _own(owners, ("MAC address", port["address"]), record["name"])
        if record["name"] not in machines:
            _own(owners, ("system UUID", record["system_uuid"]), record["name"])
            _own(owners, ("serial number", record["serial"]), record["name"])
    found = {}
    for (kind, value), names in owners.items():
        for name in names if len(names) > 1 else ():
            others = ", ".join(other for other in names if other != name)
            found.setdefault(name, []).append(f"the {kind} {value} is also that of {others}")
    return {name: texts for name, texts in found.items() if name in machines}


def _own(owners, value, name):
    kind, text = value
    if text and (kind in ("MAC address", "BMC address") or says_something(text)):
        names = owners.setdefault((kind, str(text).lower()), [])
        if name not in names:
            names.append(name)


def with_duplicates(identity, texts):
    """The check ``identity`` of a node, with what it shares with others.

    :param identity: the check as it was.
    :param texts: list of texts, empty for nothing.
    """
    if not texts:
        return identity
    seen = [identity["seen"]] if identity["status"] == FAIL else []
    return check("identity", FAIL, "; ".join([*seen, *texts]),
                 "correct the address of the BMC, or what the hardware file says of the machine; two nodes are one machine, or one was given the other's data")


def shared_switch_ports(records):
    """The switch ports that several nodes are wired to, by the names that the role switch_port changes them by.

    :param records: list of all node records of the registry.
    :returns: dict by node of lists of texts; nodes that share none are left out.
    """
    from .._registry.duplicates import switch_port  # see _registry_access.py

    wired = {}
    for record in records:
        for port in record["ports"]:
            if port.get("local_link_connection"):
                wired.setdefault(switch_port(port["local_link_connection"]), {})[record["name"]] = True
    found = {}
    for place, names in wired.items():
        for name in names if len(names) > 1 else ():
            found.setdefault(name, []).append(f"the switch port {place} is also that of {', '.join(other for other in names if other != name)}")
    return found


def with_switch_ports(identity, texts):
    """The check ``identity`` of a node, with the switch ports that it shares with others. A deploy changes them only where its steps say so: a warning.

    :param identity: the check as it was.
    :param texts: list of texts, empty for nothing.
    """
    if not texts or identity["status"] == FAIL:
        return identity
    return check("identity", WARN, "; ".join(texts),
                 "correct local_link_connection of one of them in the hardware file, or whoever changes its switch port changes that of the other")


def with_virtual_media(privilege, privileges, interfaces):
    """The check ``privilege`` of a node, with whether the account may insert the medium that the node is to boot.

    By the standard that takes ConfigureManager (DMTF's privilege registry, VirtualMedia), which the role Operator has not. Boards have privileges of their
    own for it beside, with names as AccessVirtualMedia, and not all of them ask for the standard's: so it is a warning.

    :param privilege: the check as it was.
    :param privileges: list of what the account may do, None where the BMC does not tell.
    :param interfaces: the boot interfaces of the node.
    """
    if privilege["status"] != OK or privileges is None or VIRTUAL_MEDIA not in interfaces:
        return privilege
    if any(name == "ConfigureManager" or "virtualmedia" in name.lower() for name in privileges):
        return privilege
    return check("privilege", WARN, f"the account is {privilege['seen']} on the BMC, without ConfigureManager, which inserting virtual media takes",
                 "give the account the role Administrator, with the module bmc_account and another administrator's account")
