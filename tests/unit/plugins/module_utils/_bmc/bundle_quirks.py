# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes _bmc/quirks/bundled.py from the YAML files beside it: ``python3 bundle_quirks.py``."""

from __future__ import annotations

import pathlib
import pprint

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
    return f"{HEAD}{pprint.pformat(tuple(rules), width=140, sort_dicts=False)}\n"


if __name__ == "__main__":
    (FOLDER / "bundled.py").write_text(bundle())
