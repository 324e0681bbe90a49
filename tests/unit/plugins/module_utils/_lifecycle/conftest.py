# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A short way to enrol, and runs that are real processes."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry

ROOT = pathlib.Path(open_registry.__code__.co_filename).parents[6]

# What a process of a test runs: the code is given the names `url` and `engine`.
PRELUDE = """
import sys
from ansible_collections.rackwright.baremetal.plugins.module_utils._lifecycle import heartbeat, locks, transitions
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._process import place, process_start_time
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
import os, socket, time
url = sys.argv[1]
engine = open_registry(url)
controller = {"run_id": f"run-{os.getpid()}", "host": socket.gethostname(), "place": place(), "pid": os.getpid(),
              "start_time": process_start_time(os.getpid()), "user": "alice"}
"""


@pytest.fixture
def enrol(engine):
    def enrol(name="node1", **more):
        node = schema.normalise({"name": name, "driver": "manual", **more})
        with engine.begin() as connection:
            return nodes.upsert(connection, node, None, same_credential=lambda old, new: old == new)
    return enrol


@pytest.fixture
def run():
    """Identity of the test's own process as a run."""
    return {"run_id": "own", "host": socket.gethostname(), "place": place(), "pid": os.getpid(), "start_time": process_start_time(os.getpid()), "user": "bob"}


@pytest.fixture
def process(url):
    """Start a process that runs code on the registry; killed at the end of the test."""
    started = []

    def start(code):
        child = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + code, url], env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.communicate()
