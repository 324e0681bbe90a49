# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Inspection rules: what follows from the hardware of a node by the rules of a site. Private; may change at any time.

A rule is a dict with ``name``, ``when`` (conditions, all of which must hold; none hold always) and what then becomes of the node: ``traits``,
``properties``, ``capabilities``, ``resource_class``, ``description`` and ``fail``. In the place of any value may stand a dict with the one key
``expression``, whose result is the value.
"""

from __future__ import annotations

from .._errors import BaremetalError, missing_library
from .._registry import schema

STAGE = "inspection rules"
_CURE = "correct inspect_rules; the role inspect describes them"

_CONDITION = {"type": ["string", "boolean"]}
_EXPRESSION = {"type": "object", "additionalProperties": False, "required": ["expression"], "properties": {"expression": {"type": "string", "minLength": 1}}}
_OF_A_NODE = schema.SCHEMA["properties"]
_TEXT = {"type": "string", "minLength": 1}
# JSON schema (draft 2020-12) of what a rule says of a node.
_OUTCOME = {
    "traits": {**_OF_A_NODE["traits"], "type": "array"},
    # They have a key of their own.
    "properties": {"type": "object", "propertyNames": {"not": {"const": "capabilities"}}},
    "capabilities": {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}},
    "resource_class": {**_OF_A_NODE["resource_class"], "type": "string"},
    "description": {"type": "string"},
    "fail": _TEXT,
}


def _or_expression(inner):
    """A schema that lets an expression pass in the place of a value, or of what is in it."""
    within = {key: _or_expression(value) for key, value in inner.items() if key in ("items", "additionalProperties") and isinstance(value, dict)}
    return {"anyOf": [_EXPRESSION, {**inner, **within}]}


# The schema of a rule.
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "minProperties": 2,
    "properties": {
        "name": _TEXT,
        "when": {"anyOf": [_CONDITION, {"type": "array", "items": _CONDITION}]},
        **{key: _or_expression(value) for key, value in _OUTCOME.items()},
    },
}


def check(rules):
    """Refuse rules that are none, all of them at once.

    :param rules: list of dicts.
    :raises BaremetalError: naming each rule and what is wrong with it.
    """
    problems = []
    for number, rule in enumerate(rules, 1):
        named = isinstance(rule, dict) and isinstance(rule.get("name"), str) and rule["name"]
        problems += _problems(rule["name"] if named else f"number {number}", rule, SCHEMA)
    if problems:
        raise BaremetalError("the rules of the inspection are not valid", stage=STAGE, seen="; ".join(problems), cure=_CURE)


def _problems(name, data, wanted):
    """What is wrong with data, as texts that begin with the name of a rule."""
    if schema.jsonschema is None:
        raise missing_library("jsonschema netaddr", schema.SCHEMA_ERROR)
    found = []
    for problem in schema.jsonschema.Draft202012Validator(wanted).iter_errors(data):
        # Of the two that a value may be, an expression is not what was meant.
        told = next((inner for inner in problem.context or [] if inner.schema_path[0] == 1), problem)
        place = ".".join(map(str, [*problem.absolute_path, *(told.relative_path if told is not problem else [])]))
        found.append(f"{name}: {place + ': ' if place else ''}{told.message}")
    return sorted(found)


def apply(rules, holds, evaluate):
    """What follows from rules, in their order: of two that say different things the later one counts, traits come together.

    :param rules: list of dicts, as ``check`` lets them pass.
    :param holds: function of a condition that says whether it holds.
    :param evaluate: function of an expression that returns its result.
    :returns: dict with rules (the names of those that held), traits, properties (with the capabilities in it), resource_class and description.
    :raises BaremetalError: when a rule says that the inspection fails, or a condition or expression cannot be evaluated or gives what a node cannot have.
    """
    check(rules)
    found = {"rules": [], "traits": [], "properties": {}, "resource_class": None, "description": None}
    for rule in rules:
        name = rule["name"]
        if not all(_explained(name, "condition", holds, condition) for condition in _conditions(rule)):
            continue
        said = {key: _resolved(name, rule[key], evaluate) for key in _OUTCOME if key in rule}
        problems = _problems(name, said, {"type": "object", "properties": _OUTCOME})
        if problems:
            raise BaremetalError(f"the rule {name!r} gives what a node cannot have", stage=STAGE, seen="; ".join(problems), cure=_CURE)
        if "fail" in said:
            raise BaremetalError(said["fail"], stage="inspection", seen=f"the rule {name!r} of the site holds",
                                 cure="mend the machine, or correct the rule, and inspect it again")
        found["rules"].append(name)
        found["traits"] += [trait for trait in said.get("traits", []) if trait not in found["traits"]]
        found["properties"].update(said.get("properties", {}))
        if said.get("capabilities"):
            # As in a hardware file: YAML's true is Ironic's text true.
            texts = {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in said["capabilities"].items()}
            found["properties"]["capabilities"] = {**found["properties"].get("capabilities", {}), **texts}
        for key in ("resource_class", "description"):
            found[key] = said.get(key, found[key])
    return found


def _resolved(name, value, evaluate):
    if isinstance(value, dict) and set(value) == {"expression"}:
        return _explained(name, "expression", evaluate, value["expression"])
    if isinstance(value, dict):
        return {key: _resolved(name, item, evaluate) for key, item in value.items()}
    return [_resolved(name, item, evaluate) for item in value] if isinstance(value, list) else value


def _conditions(rule):
    when = rule.get("when", [])
    return when if isinstance(when, list) else [when]


def _explained(name, kind, work, text):
    try:
        return work(text)
    except Exception as error:
        # Jinja and Ansible have many exceptions for an expression that makes no sense.
        raise BaremetalError(f"the {kind} of the rule {name!r} cannot be evaluated", stage=STAGE, seen=f"{text}: {' '.join(str(error).split())}",
                             cure=f"{_CURE}; it is an expression of hardware and node, without braces, as in when") from error
