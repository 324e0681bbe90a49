# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of every module are tasks that its options would take."""

from __future__ import annotations

import importlib
import pathlib

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins import modules

NAMES = sorted(path.stem for path in pathlib.Path(modules.__path__[0]).glob("[!_]*.py"))
PYTHON = {"str": str, "path": str, "int": int, "bool": bool, "dict": dict, "list": list}


def problems(where, value, option):
    """What does not fit an option; a template may become anything."""
    if isinstance(value, str) and "{{" in value:
        return
    kind = option.get("type", "str")
    if kind in PYTHON and not isinstance(value, PYTHON[kind]):
        yield f"{where} is {value!r} and no {kind}"
    elif option.get("choices") and not set(value if kind == "list" else [value]) <= set(option["choices"]):
        yield f"{where} is {value!r} and none of {option['choices']}"
    elif kind == "list":
        for item in value:
            yield from problems(f"{where}[]", item, {"type": option.get("elements", "raw"), "suboptions": option.get("suboptions")})
    elif kind == "dict" and option.get("suboptions"):
        for key, item in value.items():
            if key in option["suboptions"]:
                yield from problems(f"{where}.{key}", item, option["suboptions"][key])
            else:
                yield f"{where}.{key} is no option"


def options_of(module):
    documentation = yaml.safe_load(module.DOCUMENTATION)
    options = dict(documentation.get("options") or {})
    for fragment in documentation.get("extends_documentation_fragment") or []:
        name, dot, part = fragment.removeprefix("rackwright.baremetal.").partition(".")
        found = importlib.import_module(f"ansible_collections.rackwright.baremetal.plugins.doc_fragments.{name}").ModuleDocFragment
        options.update(yaml.safe_load(getattr(found, part.upper() if part else "DOCUMENTATION")).get("options") or {})
    return options


@pytest.mark.parametrize("name", NAMES)
def test_examples(name):
    module = importlib.import_module(f"ansible_collections.rackwright.baremetal.plugins.modules.{name}")
    options = options_of(module)
    tasks = [task for task in yaml.safe_load(module.EXAMPLES) if f"rackwright.baremetal.{name}" in task]
    assert tasks
    found = []
    for task in tasks:
        for key, value in (task[f"rackwright.baremetal.{name}"] or {}).items():
            found += list(problems(key, value, options[key])) if key in options else [f"{key} is no option"]
    assert found == []
