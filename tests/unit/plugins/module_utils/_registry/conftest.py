# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry, and a short way to enrol."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/registry.db"


@pytest.fixture
def engine(url):
    return open_registry(url)


@pytest.fixture
def enrol(engine):
    def enrol(name="node1", credential=None, check_mode=False, **more):
        node = schema.normalise({"name": name, "driver": "manual", **more})
        with engine.begin() as connection:
            return nodes.upsert(connection, node, credential, same_credential=lambda old, new: old == new, check_mode=check_mode)
    return enrol
