# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In which order nodes are taken hold of. Two that take the same ones in different orders would wait for each other for ever."""

from __future__ import annotations

import threading
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import allocations, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.tables import NODES
from sqlalchemy import select, update

# In the order of their bytes; in that of a language, which the database has, node1 comes first.
NAMES = ["Server2", "node1"]


def record_power(engine):
    with engine.begin() as connection:
        nodes.set_power_states(connection, dict.fromkeys(NAMES, "on"))


def make_way(engine):
    with engine.begin() as connection:
        nodes.make_way(connection, [{"name": name, "driver": "manual", "ports": []} for name in NAMES])


def allocate(engine):
    allocations.allocate(engine, "hpc", count=2)


def release(engine):
    allocations.release(engine, "lab")


def wait_until_one_waits(engine):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with engine.begin() as connection:
            if connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar():
                return
        time.sleep(0.05)
    pytest.fail("nobody waits for the node that is held")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("work", [record_power, make_way, allocate, release])
def test_nodes_are_taken_in_the_order_of_their_bytes(engine, enrol, work):
    for name in reversed(NAMES):
        enrol(name)
    with engine.begin() as connection:
        connection.execute(update(NODES).values(provision_state="available"))
    if work is release:
        allocations.allocate(engine, "lab", count=2)
    thread = threading.Thread(target=work, args=[engine])
    try:
        with engine.begin() as connection:
            nodes.read(connection, NAMES[0], for_update=True)
            thread.start()
            wait_until_one_waits(engine)
            # It waits for the first one, so it must not hold the second one.
            connection.execute(select(NODES.c.name).where(NODES.c.name == NAMES[1]).with_for_update(nowait=True))
    finally:
        thread.join()


def test_lists_have_the_order_of_their_bytes_in_every_database(engine, enrol):
    for name in ("node1", "Node2", "node-3", "node.4", "NODE5", "0node"):
        enrol(name)
    names = [node["name"] for node in nodes.list_nodes(engine)]
    assert names == sorted(names) and len(names) == 6
