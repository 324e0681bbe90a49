# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The partitions of a deploy, planned before the node is touched. Private to the collection; may change at any time."""

from __future__ import annotations

from .._disk import layout
from .._disk.options import PARTITION_OPTIONS
from .._errors import BaremetalError
from .._image.formats import PARTITION, WHOLE_DISK

# Bytes that stand for a disk of which nothing is known: more than any has.
_ANY_DISK = 2 ** 60
_DEFAULTS = {name: option.get("default") for name, option in PARTITION_OPTIONS.items()}


def plan_partitions(wanted, image, node, *, keeps, drive, plan):
    """The partitions that a partition image will get, as far as they can be known without the disk.

    :param wanted: see ``PARTITION_OPTIONS``, or None.
    :param image: record of the image.
    :param node: record of the node; one without a boot_mode is taken for one that boots by UEFI.
    :param keeps: whether there is an instance whose ephemeral partition could be preserved.
    :param drive: whether there will be a config drive.
    :param plan: the steps of the deploy, as dicts with step and args.
    :returns: list of dicts with role and size_mb, which for the root partition is None when it takes what is left; None for a whole disk.
    :raises BaremetalError: for what is refused in the ramdisk at the latest.
    """
    name = node["name"]
    if image.get("image_type", WHOLE_DISK) != PARTITION:
        if wanted is None:
            return None
        raise BaremetalError(f"the image {image['name']} is a whole disk and brings its own partitions", node=name, stage="plan",
                             seen="partitions were asked for", cure="do without deploy_partitions, or publish the image of a file system with type: partition")
    wanted = {**_DEFAULTS, **{key: value for key, value in (wanted or {}).items() if value is not None}}
    mode = node["boot_mode"] or "uefi"
    if mode == "bios" and not wanted["install_boot_loader"]:
        raise BaremetalError("a boot loader for BIOS would have to be installed by the image's own grub-install, which is not allowed", node=name, stage="plan",
                             seen="the boot_mode of the node is bios",
                             cure="allow it by install_boot_loader if you trust the image to run as root in the ramdisk, or deploy a whole disk")
    if wanted["preserve_ephemeral"]:
        _check_preserve(name, wanted, keeps, plan)
    disk = node["properties"].get("local_gb")
    # local_gb is rounded down.
    size = (int(disk) + 1) * layout.GIB if disk else _ANY_DISK
    made = layout.plan(size, 512, wanted, boot_mode=mode, config_drive=drive, node=name)
    if image["virtual_size"] is not None and image["virtual_size"] > made.part("root").size:
        raise BaremetalError(f"the image {image['name']} is larger than the root partition", node=name, stage="plan",
                             seen=f"image {image['virtual_size']} bytes, root partition {made.part('root').size} bytes at most",
                             cure="give a larger root_gb, make the other partitions smaller, or choose a smaller image")
    return [{"role": part.role, "size_mb": None if part.role == "root" and not wanted["root_gb"] else part.size // layout.MIB} for part in made.parts]


def refuse_forgotten(wanted, image, node):
    """Refuse to write a file system as if it were a whole disk: the image that a running instance has, and for which its disk was partitioned.

    The ramdisk would refuse it too, by the first bytes of the image, but after a reboot.

    :param wanted: see ``PARTITION_OPTIONS``, or None.
    :param image: record of the image; of one that is not published, ``wanted`` alone tells that it is a file system.
    :param node: record of the node. Only what is active is known to have been written so.
    :raises BaremetalError: when ``wanted`` is missing.
    """
    known = node["instance"] or {}
    forgotten = wanted is None and image.get("image_type", WHOLE_DISK) != PARTITION and known.get("partitions")
    if forgotten and node["provision_state"] == "active" and known["image_digest"] == image["digest"]:
        raise BaremetalError("the instance has a partition image, and no partitions are asked for", node=node["name"], stage="plan",
                             seen=f"image {image['name']}, partitions {', '.join(part['role'] for part in known['partitions'])}",
                             cure="give deploy_partitions as it was deployed")


def _check_preserve(name, wanted, keeps, plan):
    erasing = [step["step"] for step in plan if step["step"].startswith(("deploy.erase_devices", "raid.delete_configuration"))
               or step["step"] == "raid.create_configuration" and step["args"].get("delete_existing")]
    if not keeps or not wanted["ephemeral_gb"] or erasing:
        raise BaremetalError(
            "there is no ephemeral partition that could be preserved", node=name, stage="plan",
            seen=f"the step {erasing[0]}, which may erase it" if erasing else "a node that is not rebuilt" if not keeps else "an ephemeral_gb of 0",
            cure="do without preserve_ephemeral; it is for a rebuild, with the partitions that the disk has and without steps that erase disks or delete RAID")
