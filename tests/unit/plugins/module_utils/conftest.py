# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry in each database that one can be in: what is tested with it, is tested with both."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests import postgresql


@pytest.fixture(scope="session")
def postgresql_server():
    with postgresql.server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """URL of a registry that is not there yet (SQLite), or has no tables yet (PostgreSQL)."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/registry.db"
    # A machine on which a test stands still for a while, because it was suspended or has far too much to do, is none that cannot run tests.
    return request.getfixturevalue("postgresql_server").new_database(idle_in_transaction_session_timeout="10min")


@pytest.fixture
def engine(url):
    return open_registry(url)
