# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module provision_state. Private to the collection; may change at any time."""

from __future__ import annotations

import uuid

from .._disk import hints
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import heartbeat, transitions
from .._registry import images, nodes
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry
from ._settings import RAMDISK_BOOT, check_config_drive, check_ramdisk_boot

# Stands in check mode for what a run would have been given.
_NO_NONCE = "0" * 16


def run(call):
    """Send a verb, or report an event."""
    engine = existing_registry(call)
    verb, event = call.params["verb"], call.params["event"]
    if event:
        moved = transitions.advance(engine, call.node, event, call.controller, error=call.params["error"], check_mode=call.check_mode)
        if event == "clean":
            moved = _skip_cleaning(call, engine, moved)
        # A run that took the node over from a dead one has no heartbeat yet.
        _keep_alive(call, moved)
        return _result(call, moved, moved["node"]["instance"], changed=True)
    if verb == "deploy":
        return _deploy(call, engine)
    resting = {"manage": ("manageable",), "provide": ("available",), "undeploy": ("enroll", "manageable", "available")}
    node = nodes.get(engine, call.node)
    if node["provision_state"] in resting.get(verb, ()):
        return _result(call, _unmoved(node), node["instance"], changed=False)
    moved = transitions.begin(
        engine, call.node, verb, call.controller, check=lambda node: _check_cleaning(call, node, verb), check_mode=call.check_mode)
    if verb == "provide":
        moved = _skip_cleaning(call, engine, moved)
    _keep_alive(call, moved)
    return _result(call, moved, node["instance"], changed=True)


def _skip_cleaning(call, engine, moved):
    """Walk a node whose automated cleaning is off through cleaning at once, as Ironic does."""
    if moved["node"]["automated_clean"]:
        return moved
    if call.check_mode:
        return {**moved, "provision_state": "available", "node": {**moved["node"], "provision_state": "available"}}
    return {**transitions.advance(engine, call.node, "done", call.controller), "previous_state": moved["previous_state"]}


def _deploy(call, engine):
    name = call.params["image"]
    image = images.get(engine, name) if name else None
    if image is None:
        known = ", ".join(image["name"] for image in images.list_images(engine))
        raise BaremetalError(
            f"there is no image {name}" if name else "no image is named", stage="plan",
            seen=f"published images: {known or 'none'}",
            cure="name a published image, for example with -e image=debian-12, or publish it with the module rackwright.baremetal.image")
    node = nodes.get(engine, call.node)
    instance = node["instance"]
    if node["provision_state"] == "active" and instance:
        if instance["image_digest"] == image["digest"]:
            return {**_result(call, _unmoved(node), instance, changed=False), "image": image}
        raise BaremetalError(
            f"the node runs another image, {instance['image']} ({instance['image_digest'][:19]})", stage="plan",
            seen=f"asked for {name} ({image['digest'][:19]})", cure="undeploy the node first: the data on its root disk is lost then")
    instance = {"uuid": str(uuid.uuid4()), "image": name, "image_digest": image["digest"], "deployed_at": None}
    moved = transitions.begin(
        engine, call.node, "deploy", call.controller, check=lambda node: _check_plan(call, node, image, instance), instance=instance,
        check_mode=call.check_mode)
    _keep_alive(call, moved)
    return {**_result(call, moved, instance, changed=True), "image": image}


def _check_ramdisk(call, node, work):
    """Refuse work that needs the ramdisk on a node that could not boot it, or whose ramdisk would refuse to write.

    What boot server, interlock and root device hints insist on is known now; found out later, it has cost a reboot.

    :param work: what would be done, for the message.
    :raises BaremetalError: naming all that is missing, or the hint that is not understood.
    """
    name = node["name"]
    missing = [
        advice for given, advice in (
            (node["boot_mac"], "a port with pxe_enabled"),
            (node["address"], "an address"),
            (node["root_device"], "root_device hints"),
            (node["system_uuid"] or node["serial"], "a system_uuid or serial"),
        ) if not given]
    if missing:
        raise BaremetalError(f"the registry lacks what a {work} needs", node=name, stage="plan", seen=f"missing: {', '.join(missing)}",
                             cure="add it to the hardware file and enrol the node again")
    hints.parse(node["root_device"], node=name)
    if call.params["ramdisk_boot"] is not None:
        check_ramdisk_boot(call.params["ramdisk_boot"], node)


def _check_cleaning(call, node, verb):
    """Refuse a verb whose way leads through a cleaning that cannot end well."""
    if verb in ("provide", "undeploy") and node["automated_clean"]:
        _check_ramdisk(call, node, "cleaning")


def _check_plan(call, node, image, instance):
    """Refuse a deploy that cannot end well, before anything is touched."""
    _check_ramdisk(call, node, "deploy")
    name = node["name"]
    disk = node["properties"].get("local_gb")
    if disk and image["virtual_size"] > int(disk) * 1024 ** 3:
        raise BaremetalError(
            f"the image {image['name']} is larger than the disk of the node", node=name, stage="plan",
            seen=f"image {image['virtual_size']} bytes, properties.local_gb {disk} GiB",
            cure="choose a smaller image, or correct local_gb in the hardware file")
    if call.params["config_drive"] is not None:
        check_config_drive(call.params["config_drive"], node, instance)


def _unmoved(node):
    return {"previous_state": node["provision_state"], "provision_state": node["provision_state"], "nonce": None, "node": node}


def _keep_alive(call, moved):
    # Not in check mode, and not where nothing is held any more.
    if not call.check_mode and moved["nonce"] and moved["node"]["lock"]:
        heartbeat.start(call.registry_url, call.controller)


def _result(call, moved, instance, *, changed):
    node = moved["node"]
    return {
        "changed": changed,
        "previous_state": moved["previous_state"],
        "provision_state": moved["provision_state"],
        "node": node,
        "instance": instance,
        "interlock": {
            "nonce": moved["nonce"] or _NO_NONCE,
            "system_uuid": node["system_uuid"],
            "serial": node["serial"],
            "macs": [port["address"] for port in node["ports"]],
        },
        "diff": {"before": {"provision_state": moved["previous_state"]}, "after": {"provision_state": moved["provision_state"]}},
    }


DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        "verb": {"type": "str", "choices": ["manage", "provide", "deploy", "undeploy"]},
        "event": {"type": "str", "choices": ["wait", "resume", "clean", "done", "fail"]},
        "image": {"type": "str"},
        "error": {"type": "str"},
        "config_drive": {"type": "dict"},
        "ramdisk_boot": {"type": "dict", "options": RAMDISK_BOOT},
    },
    run=run,
    controller_only=True,
    constraints={
        "mutually_exclusive": [("verb", "event")],
        "required_one_of": [("verb", "event")],
        "required_if": [("event", "fail", ["error"])],
    },
)
