# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps a cleaning, a deploy or a service consists of, and in which order. Private; may change at any time.

A step is a tasks file of a role. What is known of it is its definition: name, role, tasks_from, verbs, priority, in_band,
abortable, reboot_requested, options (an argument spec of Ansible for its arguments). What an operator asks for is a request:
step, args, priority. What comes out is a plan: the steps in the order in which they run, every argument validated.
Rules: Ironic's step framework (doc/source/admin/steps.rst; ironic/conductor/steps.py).
"""

from __future__ import annotations

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import DEFAULT_TYPE_VALIDATORS

from .._errors import BaremetalError
from .builtin_steps import ADD_PROVISIONING_NETWORK, SWITCH_PORT_ROLE, SWITCH_TO_TENANT_NETWORK, for_arguments, refuse_arguments

VERBS = ("clean", "deploy", "service")

# The step of a deploy that writes the image, at Ironic's priority; steps above it run before the image is written.
WRITE_IMAGE = "deploy.write_image"
_WRITE_IMAGE_PRIORITY = 80

# The steps that change switch ports, by the kind of network that they take the node into.
NETWORK_STEPS = {"provisioning": ADD_PROVISIONING_NETWORK, "tenant": SWITCH_TO_TENANT_NETWORK}

# Steps without a role, which the flow itself does (Ironic's reserved step names).
_CONTROL = {
    "hold": {},
    "power_off": {},
    "power_on": {},
    "reboot": {},
    "wait": {"seconds": {"type": "int", "required": True}},
}

_DEFINITION = {
    "name": {"type": "str", "required": True},
    "role": {"type": "str", "required": True},
    "tasks_from": {"type": "str", "default": "main"},
    "verbs": {"type": "list", "elements": "str", "choices": list(VERBS), "required": True},
    "priority": {"type": "int", "default": 0},
    "in_band": {"type": "bool", "default": True},
    "abortable": {"type": "bool", "default": False},
    "reboot_requested": {"type": "bool", "default": False},
    "options": {"type": "dict", "default": {}},
}
_REQUEST = {
    "step": {"type": "str", "required": True},
    "args": {"type": "dict", "default": {}},
    "priority": {"type": "int"},
}
_RUNBOOK = {
    "steps": {"type": "list", "elements": "dict", "required": True},
    "traits": {"type": "list", "elements": "str", "default": []},
}


def catalogue(definitions):
    """Step definitions by name, checked and complete.

    :param definitions: list of dicts; a later one replaces an earlier one of the same name.
    :returns: dict of dicts by name of the step.
    :raises BaremetalError: naming the definition that is wrong.
    """
    found = {}
    for number, given in enumerate(definitions, start=1):
        name = given.get("name") if isinstance(given, dict) else None
        definition = _validated(_DEFINITION, given, f"the step definition {name or f'number {number}'} is not valid")
        if definition["name"] in _CONTROL or definition["name"] == WRITE_IMAGE:
            raise _refused(f"the name {definition['name']} is reserved for a step of the flow itself", cure="give the step another name")
        # An argument spec that is none would show up in the middle of the work only.
        for option, spec in definition["options"].items():
            if not isinstance(spec, dict) or spec.get("type", "str") not in DEFAULT_TYPE_VALIDATORS:
                raise _refused(f"the option {option} of the step {definition['name']} is not valid", seen=spec,
                               cure="write it as an option of an argument spec of Ansible, for example {type: int, required: true}")
            if spec.get("no_log"):
                # The plan goes through task results, which everyone sees who looks at the run.
                raise _refused(f"the option {option} of the step {definition['name']} is a secret", cure="let the role read it from a variable of its own")
        found[definition["name"]] = definition
    return found


def automated(known, verb, priorities=None):
    """The steps that run without being asked for: those whose priority is above zero, the highest first.

    :param known: the catalogue.
    :param priorities: dict of priorities by step that replace those of the definitions; 0 takes a step out.
    :returns: a plan.
    :raises BaremetalError: for a step that does not exist.
    """
    wanted = {name: definition["priority"] for name, definition in known.items() if verb in definition["verbs"]}
    for name, priority in (priorities or {}).items():
        wanted[_known(known, name, verb)["name"]] = _number(name, priority)
    # Arguments of a step that will not run need not be there.
    return _ordered([_planned(known, {"step": name, "priority": priority}, verb) for name, priority in wanted.items() if priority > 0])


def manual(known, verb, requests):
    """The steps that an operator asked for, in the operator's order.

    :param requests: list of dicts with step and args.
    :returns: a plan.
    :raises BaremetalError: for an empty list, a step that does not exist, or arguments that are wrong; nothing has run then.
    """
    if not requests:
        raise _refused(f"the verb {verb} was given no steps", cure=f"give steps or a runbook; the steps that there are: {_names(known, verb)}")
    return _reachable([_planned(known, request, verb) for request in requests])


def deploy(known, requests=None, templates=None, traits=()):
    """The steps of a deploy around the step that writes the image, the highest priority first.

    A request of the operator replaces one of a template, and that one the definition's priority; priority 0 takes a step out.

    :param requests: list of dicts with step, args and priority.
    :param templates: dict of such lists by trait; those whose trait is among ``traits`` count.
    :param traits: traits that were asked for of the instance.
    :returns: a plan, in which ``deploy.write_image`` stands too.
    :raises BaremetalError: as ``manual``, for a step that is set twice in one of the lists or by two templates, and for one that has no priority.
    """
    chosen = {definition["name"]: {"step": definition["name"]} for definition in known.values() if "deploy" in definition["verbs"]}
    by_template = {}
    for trait in sorted(set(traits) & set(templates or {})):
        for checked in _once(known, templates[trait]):
            other = by_template.setdefault(checked["step"], trait)
            if other != trait:
                raise _refused(f"the deploy templates {other} and {trait} both set the step {checked['step']}",
                               cure="ask for one of the traits, or give the step itself")
            chosen[checked["step"]] = checked
    for checked in _once(known, requests or []):
        chosen[checked["step"]] = checked
    image = {"step": WRITE_IMAGE, "priority": _WRITE_IMAGE_PRIORITY, "role": None, "tasks_from": None, "args": {}, "in_band": True,
             "abortable": False, "reboot_requested": False}
    return _reachable(_ordered([image, *(_planned(known, request, "deploy") for request in chosen.values())]))


def network_types(known, requests):
    """The kinds of networks that steps take a node into when it is deployed. Other work on it does the same.

    :param known: the catalogue.
    :param requests: the steps that the site asks for in deploys, see ``deploy``, or None.
    :returns: list of keys of NETWORK_STEPS.
    :raises BaremetalError: for a request that is not valid. Whether other steps are there is not looked at.
    """
    priorities = {name: known[name]["priority"] for name in NETWORK_STEPS.values()}
    for request in map(_request, requests or []):
        if request["step"] in priorities and request["priority"] is not None:
            priorities[request["step"]] = request["priority"]
    return [network_type for network_type, name in NETWORK_STEPS.items() if priorities[name] > 0]


def in_networks(known, plan, verb, types):
    """A plan by which a node is in the provisioning network before it boots the ramdisk, and in the end in those of its tenant, where the verb has one.

    A step of the plan that changes the switch ports stays where it is, and another one to the same end is not added. Nothing is added where no step
    needs the ramdisk.

    :param types: what ``network_types`` returned.
    """
    first = next((number for number, step in enumerate(plan) if step["in_band"]), None)
    names = {step["step"] for step in plan}
    added = {network_type: [] for network_type in NETWORK_STEPS}
    for network_type in types if first is not None else ():
        name = NETWORK_STEPS[network_type]
        if name not in names and verb in known[name]["verbs"]:
            added[network_type] = [_planned(known, {"step": name}, verb)]
    return [*plan[:first], *added["provisioning"], *plan[first:], *added["tenant"]] if first is not None else plan


def _reachable(plan):
    """Refuse a step in the ramdisk at a time at which the switches have the node in its tenant's networks, where no ramdisk boots."""
    away = False
    for step in plan:
        if step["step"] in (ADD_PROVISIONING_NETWORK, SWITCH_TO_TENANT_NETWORK):
            away = step["step"] == SWITCH_TO_TENANT_NETWORK
        elif away and step["in_band"]:
            raise _refused(f"the step {step['step']} needs the ramdisk, and comes after {SWITCH_TO_TENANT_NETWORK}",
                           cure="have it run before; in a deploy, give it a higher priority")
    return plan


def _once(known, requests):
    """The requests of a list of which each sets a step of its own, and says when it runs where the definition does not: none is left out silently."""
    found = {}
    for request in map(_request, requests):
        name = request["step"]
        if name in found:
            raise _refused(f"the step {name} is asked for twice", cure="ask for it once; for the same work at two priorities define a step of another name")
        if request["priority"] is None and not known.get(name, {"priority": name not in _CONTROL})["priority"]:
            raise _refused(f"the step {name} is asked for without a priority, and has none of its own",
                           cure=f"give it one: above {_WRITE_IMAGE_PRIORITY} it runs before the image is written, below after that; 0 takes it out")
        found[name] = request
    return found.values()


def ready(plan, begin=0):
    """A plan in the form in which the roles run it.

    An in-band step needs the ramdisk, and finds it there unless no step before booted it, or one since then rebooted the machine.

    :param begin: number of the step to begin with, counted from 0; the ones before have been done.
    :returns: the steps that are left, each with ``number`` (counted from 0), ``of`` (how many there are in all), ``boot_ramdisk`` (whether the
        ramdisk has to be booted for it) and ``kind``: hold, wait, power, switch_port or role.
    """
    up = False
    left = []
    for number, step in enumerate(plan):
        if number < begin:
            continue
        left.append({**step, "number": number, "of": len(plan), "boot_ramdisk": step["in_band"] and not up, "kind": _kind(step)})
        up = (up or step["in_band"]) and not step["reboot_requested"]
    return left


def stages(left):
    """The parts of a deploy around the image, for the role deploy.

    :param left: steps as ``ready`` returns them.
    :returns: list of dicts with ``tasks`` (name of a tasks file of the role: steps, image, or boot_image where the ramdisk does not run yet)
        and ``steps`` (for the file steps).
    """
    found = []
    for step in left:
        if step["step"] == WRITE_IMAGE:
            found.append({"tasks": "boot_image" if step["boot_ramdisk"] else "image", "steps": []})
        elif found and found[-1]["tasks"] == "steps":
            found[-1]["steps"].append(step)
        else:
            found.append({"tasks": "steps", "steps": [step]})
    return found


def _kind(step):
    if step["step"] in ("hold", "wait"):
        return step["step"]
    if step["step"] in _CONTROL:
        return "power"
    return "switch_port" if step["role"] == SWITCH_PORT_ROLE else "role"


def runbook(runbooks, name, node):
    """The requests of a runbook, for a node that it is meant for.

    :param runbooks: dict of dicts with steps and traits.
    :param node: node record; one of the runbook's traits must be among the node's, unless the runbook names none.
    :returns: list of requests.
    :raises BaremetalError: for a runbook that does not exist, is not valid, or is not for this node.
    """
    if name not in runbooks:
        raise _refused(f"there is no runbook {name}", seen=f"runbooks: {', '.join(sorted(runbooks)) or 'none'}",
                       cure="correct the name, or define it in steps_runbooks")
    found = _validated(_RUNBOOK, runbooks[name], f"the runbook {name} is not valid")
    if found["traits"] and not set(found["traits"]) & set(node["traits"]):
        raise _refused(f"the runbook {name} is not for this node", seen=f"its traits: {', '.join(found['traits'])}; "
                       f"the node's: {', '.join(node['traits']) or 'none'}", cure="choose another runbook, or give the node the trait")
    return found["steps"]


def _planned(known, request, verb):
    request = _request(request)
    name = request["step"]
    if name in _CONTROL:
        args = _arguments(name, _CONTROL[name], request["args"])
        return {"step": name, "priority": request["priority"] or 0, "role": None, "tasks_from": None, "args": args, "in_band": False,
                "abortable": True, "reboot_requested": name in ("power_off", "power_on", "reboot")}
    definition = for_arguments(_known(known, name, verb), request["args"])
    priority = definition["priority"] if request["priority"] is None else request["priority"]
    kept = {key: definition[key] for key in ("role", "tasks_from", "in_band", "abortable", "reboot_requested")}
    # Arguments of a step that was taken out need not be there.
    args = _arguments(name, definition["options"], request["args"]) if priority > 0 or verb != "deploy" else {}
    refuse_arguments(definition, args)
    return {"step": name, "priority": priority, "args": args, **kept}


def _ordered(steps):
    return sorted((step for step in steps if step["priority"] > 0), key=lambda step: (-step["priority"], step["step"]))


def _known(known, name, verb):
    if name not in known or verb not in known[name]["verbs"]:
        raise _refused(f"there is no step {name} for the verb {verb}",
                       cure=f"choose one of {_names(known, verb)}; steps of a site are defined in steps_definitions")
    return known[name]


def _names(known, verb):
    return ", ".join(sorted({name for name, definition in known.items() if verb in definition["verbs"]} | set(_CONTROL)))


def _number(name, value):
    return _validated({"priority": {"type": "int", "required": True}}, {"priority": value}, f"the priority of the step {name} is no number")["priority"]


def _request(given):
    name = given.get("step") if isinstance(given, dict) else None
    return _validated(_REQUEST, given, f"the request of the step {name} is not valid" if name else "a step that was asked for is not valid")


def _arguments(name, options, args):
    return _validated(options, args, f"the arguments of the step {name} are not valid")


def _validated(spec, given, problem):
    """What Ansible makes of a dict by an argument spec."""
    cure = "correct it; the role steps documents how steps are written"
    if not isinstance(given, dict):
        raise _refused(problem, seen=f"a {type(given).__name__} where a dictionary belongs", cure=cure)
    try:
        result = ArgumentSpecValidator(spec).validate(given)
    except Exception as error:
        # A spec of a site may hold anything; what the validator stumbles over is told.
        raise _refused(problem, seen=error, cure=cure) from error
    if result.error_messages:
        raise _refused(problem, seen="; ".join(result.error_messages), cure=cure)
    return result.validated_parameters


def _refused(what, **context):
    return BaremetalError(what, stage="steps", **context)
