# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The verbs deploy and rebuild: an image for the node's disk. Private to the collection; may change at any time."""

from __future__ import annotations

import uuid

from .._errors import BaremetalError
from .._lifecycle import steps
from . import _config_drive, _network_layout, _network_system, _step_plans, _switch_ports, _verb
from ._images import find_image, is_address
from ._partitions import plan_partitions, refuse_forgotten
from ._registry_access import record


def deploy(call, engine):
    """Begin to deploy the image that is asked for; a node that runs it already is left alone."""
    if call.params["boot"]:
        return _network_system.deploy(call, engine, "deploy")
    image = find_image(engine, call.params["image"], checksum=call.params["image_checksum"], partitions=call.params["partitions"])
    node = record(call)
    instance = node["instance"]
    if node["provision_state"] == "active" and instance:
        if instance["image_digest"] == image["digest"]:
            return {**_verb.result(call, _verb.unmoved(node), instance), "image": image}
        raise BaremetalError(
            f"the node runs another image, {_verb.called(instance)}", stage="plan",
            seen=f"asked for {image['name']} ({image['digest'][:19]})",
            cure="to have it run this one, use rebuild.yml, or undeploy it first: either way the data on its root disk is lost")
    # An instance that is still there after a deploy was to be rebuilt.
    return _write(call, engine, "deploy", image, {"uuid": str(uuid.uuid4()), "deployed_at": (instance or {}).get("deployed_at")})


def rebuild(call, engine):
    """Deploy once more, with the instance's own image or another, and keep what the instance is known by."""
    if call.params["boot"]:
        return _network_system.deploy(call, engine, "rebuild")
    node = record(call)
    known = node["instance"] or {}
    name, checksum = call.params["image"] or known.get("image"), call.params["image_checksum"]
    if name == known.get("image") and is_address(name):
        # The image that the instance has, unless another content of the same address is asked for.
        checksum = checksum or known["image_digest"]
    image = find_image(engine, name, checksum=checksum, partitions=call.params["partitions"])
    refuse_forgotten(call.params["partitions"], image, node)
    return _write(call, engine, "rebuild", image, {"uuid": known.get("uuid") or str(uuid.uuid4()), "deployed_at": known.get("deployed_at")})


def _write(call, engine, verb, image, kept):
    """Begin to write an image.

    :param kept: uuid of the instance, and deployed_at, by which it stays known that the disk carries one until the new one is there.
    """
    instance = {**kept, "image": image["name"], "image_digest": image["digest"]}
    given = _step_plans.given_steps(call)
    node = record(call)
    lacking = sorted(set(given["traits"] or []) - set(node["traits"]))
    if lacking:
        raise BaremetalError(f"the node lacks the trait {', '.join(lacking)}", stage="plan", seen=f"its traits: {', '.join(node['traits']) or 'none'}",
                             cure="deploy another node, ask for other traits, or add it to the hardware file and enrol the node again")
    plan = steps.deploy(_step_plans.catalogue(given), given["requested"], given["templates"], given["traits"] or [])
    _step_plans.check_tasks(call, plan)
    keeps = verb == "rebuild" and bool(node["instance"])
    parts = plan_partitions(call.params["partitions"], image, node, keeps=keeps, drive=call.params["config_drive"] is not None, plan=plan)
    if parts:
        instance["partitions"] = parts
    layout = call.params["network_layout"]
    leaves = _switch_ports.check(engine, node, plan, layout)
    address = node["address"]
    if layout:
        network_data, address = _network_layout.in_transaction(engine, call.node, layout, leaves=leaves, foresee=True)
    else:
        network_data = _config_drive.recorded_network(call.params["config_drive"], node)
    # Outside the transaction that follows: it may come from a server.
    drive = _drive(call, verb, node, instance, network_data)

    def prepare(connection, node):
        nonlocal address
        if layout:
            data, address = _network_layout.network_data(connection, node, layout, leaves=leaves)
            network_data.update(data)

    # With another image it is not the work any more that came to a stand.
    same = (node["instance"] or {}).get("image_digest") == image["digest"]
    moved = _verb.with_steps(call, engine, verb, plan, goes_on=same, check=lambda node: _check_plan(call, node, image), prepare=prepare, instance=instance)
    if "begin" in moved:
        instance = node["instance"]
        if layout:
            network_data, address = _network_layout.in_transaction(engine, call.node, layout, leaves=leaves, foresee=call.check_mode)
        drive = _drive(call, verb, node, instance, network_data)
    result = {**_verb.result(call, moved, instance), "image": image, "stages": steps.stages(moved["steps"]), "config_drive": drive,
              "network_data": network_data, "proof_address": address, "partitions": call.params["partitions"] or {}}
    if parts:
        result["diff"]["after"]["partitions"] = parts
    return result


def _drive(call, verb, node, instance, network_data):
    boot = call.params["ramdisk_boot"]
    return _config_drive.planned(call.params["config_drive"], node, instance, network_data, public_keys=boot["ssh_public_keys"] if boot else None,
                                 keeps=verb == "rebuild" and bool(node["instance"]))


def _check_plan(call, node, image):
    """Refuse a deploy that cannot end well, before anything is touched."""
    _verb.check_ramdisk(call, node, "deploy")
    name = node["name"]
    disk = node["properties"].get("local_gb")
    # How large a raw image is that somebody else serves, the ramdisk finds out before it writes.
    if disk and image["virtual_size"] is not None and image["virtual_size"] > int(disk) * 1024 ** 3:
        raise BaremetalError(
            f"the image {image['name']} is larger than the disk of the node", node=name, stage="plan",
            seen=f"image {image['virtual_size']} bytes, properties.local_gb {disk} GiB",
            cure="choose a smaller image, or correct local_gb in the hardware file")
