# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `-e` and surveys give is text: a condition on such a variable alone is an error in a task, and always true in Jinja's own `if`."""

from __future__ import annotations

import pathlib

import jinja2
import pytest
import yaml
from jinja2 import nodes

ROLES = pathlib.Path(__file__).parents[3] / "roles"


def switches():
    """The variables of all roles that are booleans."""
    for path in ROLES.glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            yield from (name for name, option in entry.get("options", {}).items() if option.get("type") == "bool")


def conditions(value, key=None):
    """(place, expression) of every condition in the tree of a YAML file."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from conditions(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from conditions(item, key)
    elif isinstance(value, str) and key in ("when", "that", "failed_when", "changed_when") and "{{" not in value:
        yield value, jinja2.Environment().parse("{% if " + value + " %}{% endif %}")
    elif isinstance(value, str):
        yield value, jinja2.Environment().parse(value)


def alone(test):
    """The names that decide a condition as they are."""
    if isinstance(test, nodes.Name):
        yield test.name
    elif isinstance(test, (nodes.And, nodes.Or)):
        yield from alone(test.left)
        yield from alone(test.right)
    elif isinstance(test, nodes.Not):
        yield from alone(test.node)


def undecided(text, tree, known):
    """Names of booleans that decide something in a template without being made one."""
    found = set()
    for node in tree.find_all((nodes.If, nodes.CondExpr)):
        found |= set(alone(node.test)) & known
    return [f"{name} in {' '.join(text.split())[:100]}" for name in sorted(found)]


@pytest.mark.parametrize("role", sorted(path.name for path in ROLES.iterdir()))
def test_booleans_are_made_of_texts(role):
    known, found = set(switches()), []
    for path in sorted((ROLES / role).rglob("*")):
        if path.suffix == ".yml" and path.parent.name in ("tasks", "vars", "defaults"):
            for text, tree in conditions(yaml.safe_load(path.read_text())):
                found += [f"{path.name}: {one}" for one in undecided(text, tree, known)]
        elif path.suffix == ".j2":
            text = path.read_text()
            found += [f"{path.name}: {one}" for one in undecided(path.name, jinja2.Environment(trim_blocks=True).parse(text), known)]
    assert found == []
