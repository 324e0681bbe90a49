# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keeps the locks of a run alive while none of its tasks is near the registry. Private; may change at any time.

A task in the ramdisk may take an hour, and Ansible runs no code of ours on the controller meanwhile. So the
first lock of a run starts one small process, which lives as long as ansible-playbook does.
"""

from __future__ import annotations

import contextlib
import socket
import time

from .._errors import BaremetalError
from .._process import in_background, is_running
from .._registry.store import database_now, open_registry
from .._registry.tables import LOCKS

try:
    from sqlalchemy import update
    from sqlalchemy.exc import SQLAlchemyError
except ImportError:
    update = None
    SQLAlchemyError = Exception

# Seconds between two heartbeats: a sixth of what another host takes for death.
INTERVAL = 10

# The last heartbeat of a run that has ended, as long ago as can be.
LAST = "1970-01-01T00:00:00.000000+00:00"


def start(url, controller):
    """Start the heartbeat of a run, once.

    :param url: URL of the registry.
    :param controller: dict with run_id, pid and start_time of the ansible-playbook process.
    """
    # A name in the abstract namespace is a mutex that the kernel drops with its holder (unix(7)).
    mutex = socket.socket(socket.AF_UNIX)
    try:
        mutex.bind(f"\0rackwright-heartbeat-{controller['run_id']}")
    except OSError:
        mutex.close()
        return
    in_background(lambda: _beat(url, controller), keep=(mutex.fileno(),))
    mutex.close()


def _beat(url, controller):
    connection = None
    while is_running(controller["pid"], controller["start_time"]):
        try:
            if connection is None:
                engine = open_registry(url, create=False)
                if engine is None:
                    return
                connection = engine.connect()
            with connection.begin():
                _write(connection, controller, database_now(connection))
            # It stays open between the beats on a SQLite file: whoever closes the last one moves its log into the file, and that would be
            # nearly every task of the run. One to a server might die in silence meanwhile, and hang for longer than a lock lives.
            if connection.dialect.name != "sqlite":
                connection = _close(connection)
        except (BaremetalError, SQLAlchemyError):
            # A registry that is away for a moment may be back for the next beat; nobody reads what is printed here.
            connection = _close(connection)
        for tick in range(INTERVAL):
            if not is_running(controller["pid"], controller["start_time"]):
                break
            time.sleep(1)
    # The run may have been killed. Other hosts need not wait until its last beat is old.
    _close(connection)
    with contextlib.suppress(BaremetalError, SQLAlchemyError):
        engine = open_registry(url, create=False)
        if engine is not None:
            with engine.begin() as connection:
                _write(connection, controller, LAST)


def _close(connection):
    if connection is not None:
        with contextlib.suppress(BaremetalError, SQLAlchemyError):
            connection.close()


def _write(connection, controller, moment):
    connection.execute(update(LOCKS).where(LOCKS.c.run_id == controller["run_id"]).values(heartbeat=moment))
