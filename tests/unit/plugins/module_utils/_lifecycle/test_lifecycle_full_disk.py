# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A registry on a disk that is full."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

ROOT = pathlib.Path(open_registry.__code__.co_filename).parents[6]

FULL_DISK = """
import json, os, pathlib, subprocess, sys
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema, store

directory = pathlib.Path(sys.argv[1])
dead, run = json.loads(sys.argv[2])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], check=True)
url = f"sqlite:///{directory}/registry.db"
engine = store.open_registry(url)
with engine.begin() as connection:
    for name in ("node1", "node2"):
        nodes.upsert(connection, schema.normalise({"name": name, "driver": "manual"}), None, same_credential=lambda old, new: True)
transitions.begin(engine, "node1", "manage", dead)
filler = open(directory / "filler", "wb", buffering=0)
for size in (4096, 1):
    try:
        while filler.write(b"x" * size):
            pass
    except OSError as error:
        pass

told = []
def attempt(work):
    try:
        work()
        told.append(None)
    except BaremetalError as error:
        told.append(str(error))

attempt(lambda: transitions.advance(engine, "node1", "done", dead))
attempt(lambda: transitions.advance(engine, "node1", "fail", dead, error="x" * 100000))
attempt(lambda: transitions.begin(engine, "node2", "manage", run))
# As a task in a process that did not know the registry yet.
store._engines.clear()
attempt(lambda: transitions.begin(store.open_registry(url), "node2", "manage", run))
os.unlink(directory / "filler")
filler.close()
with engine.begin() as connection:
    sound = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
states = [nodes.get(engine, name)["provision_state"] for name in ("node1", "node2")]
again = [transitions.begin(engine, name, "manage", run)["provision_state"] for name in ("node1", "node2")]
history = [len(transitions.history(engine, name)) for name in ("node1", "node2")]
print(json.dumps({"told": told, "sound": sound, "states": states, "again": again, "history": history}))
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="a file system of its own takes root and unshare")
def test_disk_that_is_full(run, tmp_path):
    """A real one, in a mount namespace of the test: nothing half is written, all of it is told, and with room again the same command goes on."""
    dead = {**run, "run_id": "dead", "pid": 2 ** 22 + 1, "start_time": 1}
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", FULL_DISK, str(tmp_path), json.dumps([dead, run])], check=False, text=True,
                          capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    for text in seen["told"]:
        assert text is not None and "To do: " in text and "room on" in text and "\n" not in text
    assert (seen["sound"], seen["states"]) == ("ok", ["verifying", "enroll"])
    # The run that could record nothing is dead, and its node begins anew.
    assert (seen["again"], seen["history"]) == (["verifying", "verifying"], [3, 1])
