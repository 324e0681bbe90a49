# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes _bmc/quirks/bundled.py from the YAML files beside it: ``python3 bundle_quirks.py``."""

from __future__ import annotations

import pathlib
import textwrap

import yaml

FOLDER = pathlib.Path(__file__).parents[5] / "plugins" / "module_utils" / "_bmc" / "quirks"

HEAD = '''\
# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the YAML files beside this file, made by tests/unit/plugins/module_utils/_bmc/bundle_quirks.py.

Of a collection's module_utils only Python files travel with a module to the host that a task is delegated to.
"""

from __future__ import annotations

RULES = '''


def bundle():
    """The text of bundled.py."""
    rules = [{**rule, "file": path.name} for path in sorted(FOLDER.glob("*.yml")) for rule in yaml.safe_load(path.read_text())]
    return f"{HEAD}(\n{''.join(f'    {_literal(rule, 4)},{chr(10)}' for rule in rules)})\n"


def _literal(value, indent):
    """A value as Python that stays within 140 columns."""
    line = repr(value)
    if indent + len(line) < 110:
        return line
    inner, outer = " " * (indent + 4), " " * indent
    if isinstance(value, dict):
        items = [f"{inner}{key!r}: {_literal(item, indent + 4)},\n" for key, item in value.items()]
        return "{\n" + "".join(items) + outer + "}"
    if isinstance(value, (list, tuple)):
        return "[\n" + "".join(f"{inner}{_literal(item, indent + 4)},\n" for item in value) + outer + "]"
    words = textwrap.wrap(value, 100, drop_whitespace=False, break_long_words=False)
    return "(\n" + "".join(f"{inner}{part!r}\n" for part in words) + outer + ")"


if __name__ == "__main__":
    (FOLDER / "bundled.py").write_text(bundle())
