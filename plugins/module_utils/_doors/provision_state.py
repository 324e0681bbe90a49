# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module provision_state. Private to the collection; may change at any time."""

from __future__ import annotations

import hashlib
import uuid

from .._boot import answer_file, diskless
from .._disk import hints
from .._disk.options import PARTITION_OPTIONS
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import heartbeat, inspection_rules, steps, transitions
from .._lifecycle.builtin_steps import BUILT_IN, TASKS
from .._registry import inspections
from . import _config_drive, _inspection, _network_layout, _switch_ports
from ._images import find_image, is_address
from ._options import ANSWER, NODE, REGISTRY
from ._partitions import plan_partitions, refuse_forgotten
from ._registry_access import existing_registry, record
from ._settings import RAMDISK_BOOT, check_ramdisk_boot, check_rescue_keys

# Stands in check mode for what a run would have been given.
_NO_NONCE = "0" * 16

# Checked once, in the process that forks the workers.
_BUILT_IN = steps.catalogue(BUILT_IN)

# States in which a verb has nothing to do any more.
_RESTING = {"manage": ("manageable",), "provide": ("available",), "undeploy": ("enroll", "manageable", "available"), "adopt": ("active",),
            "unrescue": ("active",)}


def run(call):
    """Send a verb, or report an event."""
    engine = existing_registry(call)
    if call.params["event"]:
        return _report(call, engine)
    verb = call.params["verb"]
    if verb in _RESTING:
        node = record(call)
        if node["provision_state"] in _RESTING[verb]:
            return _result(call, _unmoved(node), node["instance"])
    return _VERBS[verb](call, engine)


def _report(call, engine):
    event = call.params["event"]
    plan = _automated(call) if event == "clean" else None
    before = record(call) if event == "done" and call.params["inventory"] else None
    inspected = _inspection.seen(call, engine, before) if before else None
    moved = transitions.advance(engine, call.node, event, call.controller, error=call.params["error"], inspected=inspected, check_mode=call.check_mode)
    if event == "clean":
        moved = {**_skip_cleaning(call, engine, moved), **_steps_of(plan)}
    # A run that took the node over from a dead one has no heartbeat yet.
    _keep_alive(call, moved)
    result = _result(call, moved, moved["node"]["instance"])
    return _inspection.told(call, result, inspected, before, call.params["inspect_interface"]) if inspected else result


def _begin(call, engine, verb, **more):
    moved = transitions.begin(engine, call.node, verb, call.controller, check_mode=call.check_mode, **more)
    _keep_alive(call, moved)
    return moved


def _plain(call, engine):
    """A verb that goes by the table and nothing else."""
    moved = _begin(call, engine, call.params["verb"])
    return _result(call, moved, moved["node"]["instance"])


def _with_steps(call, engine, verb, plan, *, goes_on=True, **more):
    """Begin a verb that consists of steps, or go on with them where they came to a stand.

    :param goes_on: whether what came to a stand, if anything did, is the work that is asked for.
    """
    names = [step["step"] for step in plan]
    moved = transitions.resume_steps(engine, call.node, names, call.controller, check_mode=call.check_mode) if goes_on else None
    if moved is None:
        moved = _begin(call, engine, verb, steps=names, **more)
    else:
        _keep_alive(call, moved)
    return {**moved, **_steps_of(plan, moved.get("begin", 0))}


def _steps_of(plan, begin=0):
    return {"steps": steps.ready(plan, begin), "in_band": any(step["in_band"] for step in plan)}


def _provide(call, engine):
    plan = _automated(call)
    if record(call)["automated_clean"]:
        _check_tasks(call, plan)
    moved = _with_steps(call, engine, "provide", plan, check=lambda node: _check_cleaning(call, node, plan))
    moved = {**moved, **_skip_cleaning(call, engine, moved)}
    return _result(call, moved, moved["node"]["instance"])


def _clean_by_hand(call, engine):
    return _by_hand(call, engine, "clean", "cleaning")


def _service(call, engine):
    return _by_hand(call, engine, "service", "service")


def _by_hand(call, engine, verb, work):
    """A verb whose steps the operator names."""
    given = _given_steps(call)
    if given["runbook"] and given["requested"]:
        raise BaremetalError("steps and a runbook were given", stage="steps", cure="give one of them")
    requests = given["requested"]
    if given["runbook"]:
        requests = steps.runbook(given["runbooks"] or {}, given["runbook"], record(call))
    plan = steps.manual(_catalogue(given), verb, requests)
    _check_tasks(call, plan)

    def check(node):
        if any(step["in_band"] for step in plan):
            _refuse_diskless(node, work)
            _check_ramdisk(call, node, work)

    moved = _with_steps(call, engine, verb, plan, check=check)
    return _result(call, moved, moved["node"]["instance"])


def _undeploy(call, engine):
    # The instance that goes away, for whoever still has to do with it.
    node = record(call)
    instance = node["instance"]
    plan = _automated(call)
    if node["automated_clean"]:
        _check_tasks(call, plan)
    return _result(call, _begin(call, engine, "undeploy", check=lambda node: _check_cleaning(call, node, plan)), instance)


def _given_steps(call):
    return call.params["steps"] or dict.fromkeys(_STEPS)


def _catalogue(given):
    return {**_BUILT_IN, **steps.catalogue(given["definitions"] or [])}


def _automated(call):
    """The plan of an automated cleaning."""
    given = _given_steps(call)
    return steps.automated(_catalogue(given), "clean", given["priorities"])


def _check_tasks(call, plan):
    """Refuse a plan with a step of the site whose tasks Ansible cannot run on this node alone: it would end the run of all, in the middle of their work.

    :raises BaremetalError: naming the step and what is wrong with it.
    """
    for step in plan:
        tasks = (step["role"], step["tasks_from"])
        found = call.tasks_problem(*tasks) if call.tasks_problem and step["role"] and tasks not in TASKS else None
        if found:
            raise BaremetalError(f"the tasks of the step {step['step']} cannot be run", stage="steps",
                                 seen=f"role {step['role']}, tasks {step['tasks_from']}: {found}",
                                 cure="correct the step in steps_definitions, or the role")


def _skip_cleaning(call, engine, moved):
    """Walk a node whose automated cleaning is off through cleaning at once, as Ironic does."""
    if moved["node"]["automated_clean"]:
        return moved
    if call.check_mode:
        state = "manageable" if moved["node"]["retired"] else "available"
        return {**moved, "provision_state": state, "node": {**moved["node"], "provision_state": state}}
    return {**transitions.advance(engine, call.node, "done", call.controller), "previous_state": moved["previous_state"]}


def _diskless(call, engine, verb):
    """Deploy a system that runs from the network, or that an installer installs from there. The former touches no disk, so none must be chosen."""
    boot = dict(call.params["boot"])
    answer = boot.pop("answer", None)
    if call.params["image"] or call.params["config_drive"]:
        raise BaremetalError("a system that runs from the network has no image and no config drive", stage="plan", cure="give boot, or what is for a disk")
    found = diskless.describe(boot)
    if answer:
        if not answer_file.check(answer):
            call.warn(f"the {answer['kind']} file is not validated, because nothing that could do so is installed on the controller")
        found["digest"] = "sha256:" + hashlib.sha256(f"{found['digest']} {answer['kind']} {answer['text']}".encode()).hexdigest()
    node = record(call)
    known = node["instance"] or {}
    if answer and hints.VOLUME_NAME in (node["root_device"] or {}):
        raise BaremetalError("an installer is not given software RAID as its disk", node=node["name"], stage="plan", seen=f"root_device {node['root_device']}",
                             cure="name a disk in root_device and have the installer make the RAID, or deploy an image")
    boot = {**{key: value for key, value in boot.items() if value}, "until": found["until"]}
    if verb == "deploy" and node["provision_state"] == "active" and known:
        if known["image_digest"] == found["digest"]:
            return {**_result(call, _unmoved(node), known), "boot": boot}
        raise BaremetalError(f"the node runs something else, {_called(known)}", stage="plan", seen=f"asked for {found['name']} ({found['digest'][:19]})",
                             cure="to have it run this, ask for a rebuild (diskless_verb, install_verb), or undeploy it first")
    instance = {"uuid": known.get("uuid") or str(uuid.uuid4()) if verb == "rebuild" else str(uuid.uuid4()), "image": found["name"],
                "image_digest": found["digest"], "deployed_at": None, "diskless": not answer}
    moved = _begin(call, engine, verb, instance=instance, check=lambda node: _check_ramdisk(call, node, "deploy", root_device=bool(answer)))
    return {**_result(call, moved, instance), "boot": boot}


def _refuse_diskless(node, work):
    """Refuse work that boots the ramdisk and then the disk, on a node that runs from the network."""
    if (node["instance"] or {}).get("diskless"):
        raise BaremetalError(f"the node runs from the network, and a {work} would have it boot its disk afterwards", node=node["name"], stage="plan",
                             seen=f"it runs {_called(node['instance'])}", cure="undeploy it, or have it boot something else with diskless.yml")


def _deploy(call, engine):
    if call.params["boot"]:
        return _diskless(call, engine, "deploy")
    image = find_image(engine, call.params["image"], checksum=call.params["image_checksum"], partitions=call.params["partitions"])
    node = record(call)
    instance = node["instance"]
    if node["provision_state"] == "active" and instance:
        if instance["image_digest"] == image["digest"]:
            return {**_result(call, _unmoved(node), instance), "image": image}
        raise BaremetalError(
            f"the node runs another image, {_called(instance)}", stage="plan",
            seen=f"asked for {image['name']} ({image['digest'][:19]})",
            cure="to have it run this one, use rebuild.yml, or undeploy it first: either way the data on its root disk is lost")
    # An instance that is still there after a deploy was to be rebuilt.
    return _write(call, engine, "deploy", image, {"uuid": str(uuid.uuid4()), "deployed_at": (instance or {}).get("deployed_at")})


def _rebuild(call, engine):
    """Deploy once more, with the instance's own image or another, and keep what the instance is known by."""
    if call.params["boot"]:
        return _diskless(call, engine, "rebuild")
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
    given = _given_steps(call)
    node = record(call)
    lacking = sorted(set(given["traits"] or []) - set(node["traits"]))
    if lacking:
        raise BaremetalError(f"the node lacks the trait {', '.join(lacking)}", stage="plan", seen=f"its traits: {', '.join(node['traits']) or 'none'}",
                             cure="deploy another node, ask for other traits, or add it to the hardware file and enrol the node again")
    plan = steps.deploy(_catalogue(given), given["requested"], given["templates"], given["traits"] or [])
    _check_tasks(call, plan)
    keeps = verb == "rebuild" and bool(node["instance"])
    parts = plan_partitions(call.params["partitions"], image, node, keeps=keeps, drive=call.params["config_drive"] is not None,
                            step_names=[step["step"] for step in plan])
    if parts:
        instance["partitions"] = parts
    layout = call.params["network_layout"]
    leaves = _switch_ports.check(engine, node, plan, layout)
    network_data, address = {}, node["address"]
    if not layout:
        network_data = _config_drive.recorded_network(call.params["config_drive"], node)
    else:
        network_data, address = _network_layout.in_transaction(engine, call.node, layout, leaves=leaves, foresee=True)
    # Outside the transaction that follows: it may come from a server.
    drive = _drive(call, verb, node, instance, network_data)

    def prepare(connection, node):
        nonlocal address
        if layout:
            data, address = _network_layout.network_data(connection, node, layout, leaves=leaves)
            network_data.update(data)

    # With another image it is not the work any more that came to a stand.
    same = (node["instance"] or {}).get("image_digest") == image["digest"]
    moved = _with_steps(call, engine, verb, plan, goes_on=same, check=lambda node: _check_plan(call, node, image), prepare=prepare, instance=instance)
    if "begin" in moved:
        instance = node["instance"]
        if layout:
            network_data, address = _network_layout.in_transaction(engine, call.node, layout, leaves=leaves, foresee=call.check_mode)
        drive = _drive(call, verb, node, instance, network_data)
    result = {**_result(call, moved, instance), "image": image, "stages": steps.stages(moved["steps"]), "config_drive": drive, "network_data": network_data,
              "proof_address": address}
    if parts:
        result["diff"]["after"]["partitions"] = parts
    return result


def _drive(call, verb, node, instance, network_data):
    boot = call.params["ramdisk_boot"]
    return _config_drive.planned(call.params["config_drive"], node, instance, network_data, public_keys=boot["ssh_public_keys"] if boot else None,
                                 keeps=verb == "rebuild" and bool(node["instance"]))


def _adopt(call, engine):
    """Take over a machine that runs already; what it runs is what the option or the record says, and nobody looks."""
    known = record(call)["instance"] or {}
    image = {"name": known.get("image"), "digest": known.get("image_digest")}
    if call.params["image"]:
        image = find_image(engine, call.params["image"], checksum=call.params["image_checksum"])
    instance = {"uuid": known.get("uuid") or str(uuid.uuid4()), "image": image["name"], "image_digest": image["digest"],
                "deployed_at": known.get("deployed_at")}
    return _result(call, _begin(call, engine, "adopt", instance=instance), instance)


def _inspect(call, engine):
    """Look in the ramdisk, or ask the BMC; a node whose disks nobody knows yet has no root device hints."""
    def check(node):
        inspection_rules.check(call.params["inspection_rules"])
        if call.params["inspect_interface"] == "in-band":
            _check_ramdisk(call, node, "inspection", root_device=False)
        elif node["driver"] not in ("redfish", "auto"):
            raise BaremetalError(f"the driver {node['driver']} tells of no hardware", node=node["name"], stage="plan",
                                 cure="inspect the node in-band, with inspect_interface: in-band; out-of-band inspection is for the driver redfish")

    moved = _begin(call, engine, "inspect", check=check)
    return _result(call, moved, moved["node"]["instance"])


def _rescue(call, engine):
    """Boot the ramdisk for a person. No disk is chosen: one that has failed may be the reason."""
    def check(node):
        _refuse_diskless(node, "rescue")
        _check_ramdisk(call, node, "rescue", root_device=False)
        check_rescue_keys(call.params["ssh_public_keys"] or [], node)

    moved = _begin(call, engine, "rescue", check=check)
    return _result(call, moved, moved["node"]["instance"])


def _abort(call, engine):
    moved = transitions.abort(engine, call.node, call.controller, check_mode=call.check_mode)
    if moved["deferred"]:
        call.warn(f"what is under way is not cut short; the run ends it where it next reports anything. {moved['deferred']}")
    if moved["provision_state"] == "active" and moved["previous_state"] != "active":
        call.warn("the machine is as the service that failed left it, and may still run the ramdisk; "
                  f"ansible {call.node} -m rackwright.baremetal.power -a state=rebooted boots its system")
    changed = bool(moved["deferred"]) or moved["provision_state"] != moved["previous_state"]
    return _result(call, {**moved, "changed": changed}, moved["node"]["instance"])


def _called(instance):
    if not instance["image"]:
        return "of which nothing is known"
    return f"{instance['image']} ({(instance['image_digest'] or 'digest unknown')[:19]})"


_VERBS = {
    "manage": _plain, "provide": _provide, "inspect": _inspect, "clean": _clean_by_hand, "adopt": _adopt, "deploy": _deploy, "rebuild": _rebuild,
    "undeploy": _undeploy, "rescue": _rescue, "unrescue": _plain, "service": _service, "abort": _abort, "unhold": _plain,
}


def _check_ramdisk(call, node, work, *, root_device=True):
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


def _check_cleaning(call, node, plan):
    """Refuse a verb whose way leads through a cleaning that cannot end well."""
    if node["automated_clean"] and any(step["in_band"] for step in plan):
        _check_ramdisk(call, node, "cleaning")


def _check_plan(call, node, image):
    """Refuse a deploy that cannot end well, before anything is touched."""
    _check_ramdisk(call, node, "deploy")
    name = node["name"]
    disk = node["properties"].get("local_gb")
    # How large a raw image is that somebody else serves, the ramdisk finds out before it writes.
    if disk and image["virtual_size"] is not None and image["virtual_size"] > int(disk) * 1024 ** 3:
        raise BaremetalError(
            f"the image {image['name']} is larger than the disk of the node", node=name, stage="plan",
            seen=f"image {image['virtual_size']} bytes, properties.local_gb {disk} GiB",
            cure="choose a smaller image, or correct local_gb in the hardware file")


def _unmoved(node):
    return {"changed": False, "previous_state": node["provision_state"], "provision_state": node["provision_state"], "nonce": None, "node": node}


def _keep_alive(call, moved):
    # Not in check mode, and not where nothing is held any more.
    if not call.check_mode and moved["nonce"] and moved["node"]["lock"]:
        heartbeat.start(call.registry_url, call.controller)


def _result(call, moved, instance):
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
        **({"ramdisk_boot": call.params["ramdisk_boot"]} if call.params["ramdisk_boot"] is not None else {}),
        "diff": {"before": {"provision_state": moved["previous_state"]}, "after": {"provision_state": moved["provision_state"]}},
    }


_STEPS = {
    "definitions": {"type": "list", "elements": "dict"},
    "priorities": {"type": "dict"},
    "requested": {"type": "list", "elements": "dict"},
    "runbook": {"type": "str"},
    "runbooks": {"type": "dict"},
    "templates": {"type": "dict"},
    "traits": {"type": "list", "elements": "str"},
}

_BOOT = {"kernel": {"type": "str"}, "initrd": {"type": "str"}, "iso": {"type": "str"}, "kernel_arguments": {"type": "raw"},
         "answer": {"type": "dict", "options": ANSWER}}

DOOR = Door(
    argument_spec={
        **NODE,
        **REGISTRY,
        "verb": {"type": "str", "choices": list(_VERBS)},
        "event": {"type": "str", "choices": ["wait", "resume", "hold", "clean", "done", "fail"]},
        "image": {"type": "str"},
        "image_checksum": {"type": "str"},
        "error": {"type": "str"},
        "inventory": {"type": "dict"},
        "inspection_rules": {"type": "list", "elements": "dict", "default": []},
        "inspect_interface": {"type": "str", "choices": list(inspections.SOURCES), "default": inspections.SOURCES[0]},
        "config_drive": {"type": "dict"},
        "network_layout": {"type": "list", "elements": "dict", "default": []},
        "partitions": {"type": "dict", "options": PARTITION_OPTIONS},
        "boot": {"type": "dict", "options": _BOOT},
        "steps": {"type": "dict", "options": _STEPS},
        "ramdisk_boot": {"type": "dict", "options": RAMDISK_BOOT},
        "ssh_public_keys": {"type": "list", "elements": "str", "no_log": False},
    },
    run=run,
    controller_only=True,
    constraints={
        "mutually_exclusive": [("verb", "event")],
        "required_one_of": [("verb", "event")],
        "required_if": [("event", "fail", ["error"])],
    },
)
