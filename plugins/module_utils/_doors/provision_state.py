# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Door of the module provision_state. Private to the collection; may change at any time."""

from __future__ import annotations

import uuid

from .._disk.options import PARTITION_OPTIONS
from .._door import Door
from .._errors import BaremetalError
from .._lifecycle import inspection_rules, transitions
from .._registry import inspections
from . import _cleaning, _deploy, _inspection, _network_system, _step_plans, _verb
from ._boot_node import fitting_network
from ._images import find_image
from ._options import NODE, REGISTRY
from ._registry_access import existing_registry, record
from ._settings import RAMDISK_BOOT, check_rescue_keys

# States in which a verb has nothing to do any more.
_RESTING = {"manage": ("manageable",), "provide": ("available",), "undeploy": ("enroll", "manageable", "available"), "adopt": ("active",),
            "unrescue": ("active",)}


def run(call):
    """Send a verb, or report an event."""
    engine = existing_registry(call)
    if call.params["event"]:
        return _report(call, engine)
    verb = call.params["verb"]
    if call.params["ramdisk_boot"]:
        _fit_network(call, call.params["ramdisk_boot"])
    if verb in _RESTING:
        node = record(call)
        if node["provision_state"] in _RESTING[verb] and not (verb == "undeploy" and _cleaning.is_due(engine, node)):
            return _verb.result(call, _verb.unmoved(node), node["instance"])
    return _VERBS[verb](call, engine)


def _fit_network(call, settings):
    """Before the node is looked at in a transaction: this is one of its own."""
    node = record(call)
    interfaces = settings["interfaces"] or [str(node["boot_interface"])]
    # What else stands there is refused where all settings are looked at.
    if isinstance(interfaces, list) and all(isinstance(one, str) for one in interfaces):
        settings.update(fitting_network(call, node["address"], interfaces, settings))


def _report(call, engine):
    event = call.params["event"]
    plan = _step_plans.automated(call) if event == "clean" else None
    before = record(call) if event == "done" and call.params["inventory"] else None
    inspected = _inspection.seen(call, engine, before) if before else None
    moved = transitions.advance(engine, call.node, event, call.controller, error=call.params["error"], inspected=inspected, check_mode=call.check_mode)
    if event == "clean":
        moved = {**_cleaning.skip_cleaning(call, engine, moved), **_verb.steps_of(plan)}
    # A run that took the node over from a dead one has no heartbeat yet.
    _verb.keep_alive(call, moved)
    result = _verb.result(call, moved, moved["node"]["instance"])
    return _inspection.told(call, result, inspected, before, call.params["inspect_interface"]) if inspected else result


def _plain(call, engine):
    """A verb that goes by the table and nothing else."""
    moved = _verb.begin(call, engine, call.params["verb"])
    return _verb.result(call, moved, moved["node"]["instance"])


def _adopt(call, engine):
    """Take over a machine that runs already; what it runs is what the option or the record says, and nobody looks."""
    known = record(call)["instance"] or {}
    image = {"name": known.get("image"), "digest": known.get("image_digest")}
    if call.params["image"]:
        image = find_image(engine, call.params["image"], checksum=call.params["image_checksum"])
    instance = {"uuid": known.get("uuid") or str(uuid.uuid4()), "image": image["name"], "image_digest": image["digest"],
                "deployed_at": known.get("deployed_at")}
    moved = _verb.begin(call, engine, "adopt", instance=instance)
    # A new node is verified first, and carries nothing yet.
    return _verb.result(call, moved, instance if moved["provision_state"] == "adopting" else moved["node"]["instance"])


def _inspect(call, engine):
    """Look in the ramdisk, or ask the BMC; a node whose disks nobody knows yet has no root device hints."""
    def check(node):
        inspection_rules.check(call.params["inspection_rules"])
        if call.params["inspect_interface"] == "in-band":
            _verb.check_ramdisk(call, node, "inspection", root_device=False)
        elif node["driver"] not in ("redfish", "auto"):
            raise BaremetalError(f"the driver {node['driver']} tells of no hardware", node=node["name"], stage="plan",
                                 cure="inspect the node in-band, with inspect_interface: in-band; out-of-band inspection is for the driver redfish")

    # Where nobody knows how the node is wired, the inspection may be what is to find that out.
    wired = all(port.get("local_link_connection") for port in record(call)["ports"] if port["pxe_enabled"])
    ports = _step_plans.networks(call, engine, "provisioning") if wired and call.params["inspect_interface"] == "in-band" else {}
    moved = _verb.begin(call, engine, "inspect", check=check)
    return _verb.result(call, {**moved, "switch_ports": list(ports)}, moved["node"]["instance"])


def _rescue(call, engine):
    """Boot the ramdisk for a person. No disk is chosen: one that has failed may be the reason."""
    def check(node):
        _verb.refuse_diskless(node, "rescue")
        _verb.check_ramdisk(call, node, "rescue", root_device=False)
        check_rescue_keys(call.params["ssh_public_keys"] or [], node)

    # The way back is looked at too: a node that could not be unrescued must not be taken away.
    ports = _step_plans.networks(call, engine, "provisioning", "tenant")
    moved = _verb.begin(call, engine, "rescue", check=check)
    return _verb.result(call, {**moved, "switch_ports": [one for one in ports if one == "provisioning"]}, moved["node"]["instance"])


def _unrescue(call, engine):
    ports = _step_plans.networks(call, engine, "tenant")
    moved = _verb.begin(call, engine, "unrescue")
    return _verb.result(call, {**moved, "switch_ports": list(ports)}, moved["node"]["instance"])


def _abort(call, engine):
    moved = transitions.abort(engine, call.node, call.controller, check_mode=call.check_mode)
    if moved["deferred"]:
        call.warn(f"the run that is at work on the node ends it where it next reports anything. {moved['deferred']}")
    if moved["provision_state"] == "active" and moved["previous_state"] != "active":
        ports = any(port.get("local_link_connection") for port in moved["node"]["ports"])
        call.warn("the machine is as the service that failed left it, and may still run the ramdisk; "
                  f"ansible {call.node} -m rackwright.baremetal.power -a state=rebooted boots its system"
                  + (f". Where deploys change its switch ports, take them out of the provisioning network before: ansible-playbook switch_port.yml "
                     f"-l {call.node} -e switch_port_network_type=tenant -e switch_port_power_off=true" if ports else ""))
    changed = bool(moved["deferred"]) or moved["provision_state"] != moved["previous_state"]
    aborted = {key: moved[key] for key in ("deferred", "reason", "abortable")}
    return {**_verb.result(call, {**moved, "changed": changed}, moved["node"]["instance"]), "aborted": aborted if moved["nonce"] else None}


_VERBS = {
    "manage": _plain, "provide": _cleaning.provide, "inspect": _inspect, "clean": _cleaning.clean, "adopt": _adopt, "deploy": _deploy.deploy,
    "rebuild": _deploy.rebuild, "undeploy": _cleaning.undeploy, "rescue": _rescue, "unrescue": _unrescue, "service": _cleaning.service, "abort": _abort,
    "unhold": _plain,
}

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
        "boot": {"type": "dict", "options": _network_system.BOOT},
        "steps": {"type": "dict", "options": _step_plans.STEPS},
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
