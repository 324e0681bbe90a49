# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What all verbs of provision_state have in common: how one begins, what speaks against it, and what is returned of it.

Private to the collection; may change at any time.
"""

from __future__ import annotations

from .._disk import hints
from .._errors import BaremetalError
from .._lifecycle import heartbeat, steps, transitions
from ._settings import check_ramdisk_boot

# Stands in check mode for what a run would have been given.
_NO_NONCE = "0" * 16


def begin(call, engine, verb, **more):
    """Send a verb; ``more`` and what is returned are those of ``transitions.begin``."""
    moved = transitions.begin(engine, call.node, verb, call.controller, check_mode=call.check_mode, **more)
    keep_alive(call, moved)
    return moved


def with_steps(call, engine, verb, plan, *, goes_on=True, **more):
    """Begin a verb that consists of steps, or go on with them where they came to a stand.

    :param plan: list of steps.
    :param goes_on: whether what came to a stand, if anything did, is the work that is asked for.
    """
    names = [step["step"] for step in plan]
    moved = transitions.resume_steps(engine, call.node, verb, names, call.controller, check_mode=call.check_mode) if goes_on else None
    if moved is None:
        moved = begin(call, engine, verb, steps=names, **more)
    else:
        keep_alive(call, moved)
    return {**moved, **steps_of(plan, moved.get("begin", 0))}


def steps_of(plan, first=0):
    """What the door returns of a plan.

    :param first: number of the step that it goes on with.
    """
    return {"steps": steps.ready(plan, first), "in_band": any(step["in_band"] for step in plan)}


def check_ramdisk(call, node, work, *, root_device=True):
    """Refuse work that needs the ramdisk on a node that could not boot it, or whose ramdisk would refuse to write.

    What boot server, interlock and root device hints insist on is known now; found out later, it has cost a reboot.

    :param work: what would be done, for the message.
    :param root_device: whether it is done to the disk that the root device hints name.
    :raises BaremetalError: naming all that is missing, or the hint that is not understood.
    """
    name = node["name"]
    missing = [
        advice for given, advice in (
            (node["boot_mac"], "a port with pxe_enabled"),
            (node["address"], "an address"),
            (node["root_device"] or not root_device, "root_device hints"),
            (node["system_uuid"] or node["serial"], "a system_uuid or serial"),
        ) if not given]
    if missing:
        article = "an" if work[0] in "aeiou" else "a"
        raise BaremetalError(f"the registry lacks what {article} {work} needs", node=name, stage="plan", seen=f"missing: {', '.join(missing)}",
                             cure="add it to the hardware file and enrol the node again; an address can also be given by enroll_provisioning_network")
    if root_device:
        hints.parse(node["root_device"], node=name)
    if call.params["ramdisk_boot"] is not None:
        check_ramdisk_boot(call.params["ramdisk_boot"], node)


def refuse_diskless(node, work):
    """Refuse work that boots the ramdisk and then the disk, on a node that runs from the network."""
    if (node["instance"] or {}).get("diskless"):
        raise BaremetalError(f"the node runs from the network, and a {work} would have it boot its disk afterwards", node=node["name"], stage="plan",
                             seen=f"it runs {called(node['instance'])}", cure="undeploy it, or have it boot something else with diskless.yml")


def called(instance):
    """What an instance runs, for messages."""
    if not instance["image"]:
        return "of which nothing is known"
    return f"{instance['image']} ({(instance['image_digest'] or 'digest unknown')[:19]})"


def unmoved(node):
    """As ``begin`` returns it, for a node that is where the verb leads already."""
    return {"changed": False, "previous_state": node["provision_state"], "provision_state": node["provision_state"], "nonce": None, "node": node}


def keep_alive(call, moved):
    """Have the run tell that it lives, as long as it holds the node."""
    # Not in check mode, and not where nothing is held any more.
    if not call.check_mode and moved["nonce"] and moved["node"]["lock"]:
        heartbeat.start(call.registry_url, call.controller)


def result(call, moved, instance):
    """The door's result.

    :param moved: what ``begin`` returned.
    :param instance: the instance that it is about, or None.
    """
    node = moved["node"]
    return {
        "changed": moved.get("changed", True),
        "previous_state": moved["previous_state"],
        "provision_state": moved["provision_state"],
        "node": node,
        "instance": instance,
        "interlock": {
            "nonce": moved["nonce"] or _NO_NONCE,
            "system_uuid": node["system_uuid"],
            "serial": node["serial"],
            "macs": [port["address"] for port in node["ports"]],
            # Where a disk is written, these are looked at last.
            "skip_block_devices": node["properties"].get("skip_block_devices", []),
            "wipe_special_filesystems": node["properties"].get("wipe_special_filesystems", False),
        },
        "steps": moved.get("steps", []),
        "in_band": moved.get("in_band", False),
        "switch_ports": moved.get("switch_ports", []),
        **({"ramdisk_boot": call.params["ramdisk_boot"]} if call.params["ramdisk_boot"] is not None else {}),
        "diff": {"before": {"provision_state": moved["previous_state"]}, "after": {"provision_state": moved["provision_state"]}},
    }
