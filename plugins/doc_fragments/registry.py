# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The option registry, as module_utils/_doors/_options.py has it."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  registry:
    description:
      - SQLAlchemy URL of the registry, for example C(sqlite:////var/lib/rackwright/registry.db).
      - When not given, it comes from the host variable C(baremetal_registry), which the inventory plugin P(rackwright.baremetal.nodes#inventory)
        sets, and then from the environment variable E(RACKWRIGHT_REGISTRY).
    type: str
requirements:
  - SQLAlchemy and alembic (Python packages) on the controller
"""
