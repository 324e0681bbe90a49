# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules get by with the Python that tests/config.yml says. That names are there only since a later one, no check of the sources by ansible-test sees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

PLUGINS = Path(_errors.__file__).parents[1]
OLDEST = (3, 9)


def later(source):
    """What a source has of a later Python; an error of syntax where that is its grammar."""
    for node in ast.walk(ast.parse(source, feature_version=OLDEST)):
        if isinstance(node, ast.Attribute) and node.attr in ("bit_count", "hardlink_to", "pairwise"):
            yield node.attr
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "zip" and any(word.arg == "strict" for word in node.keywords):
            yield "zip(strict)"


@pytest.mark.parametrize("folder", ["modules", "module_utils"])
def test_nothing_of_a_later_python(folder):
    files = sorted((PLUGINS / folder).rglob("*.py"))
    assert files and {file.name: found for file in files if (found := list(later(file.read_text(encoding="utf-8"))))} == {}


def test_what_is_found():
    assert list(later("zip(a, b, strict=True)\n(1).bit_count()\nitertools.pairwise(a)\nzip(a, b)")) == ["zip(strict)", "bit_count", "pairwise"]
    with pytest.raises(SyntaxError):
        list(later("match a:\n    case 1:\n        pass\n"))
