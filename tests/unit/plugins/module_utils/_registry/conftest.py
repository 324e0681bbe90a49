# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A short way to enrol."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema


@pytest.fixture
def enrol(engine):
    def enrol(name="node1", credential=None, **more):
        node = schema.normalise({"name": name, "driver": "manual", **more})
        with engine.begin() as connection:
            return nodes.upsert(connection, node, credential, same_credential=lambda old, new: old == new)
    return enrol
