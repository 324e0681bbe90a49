# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a killed ansible-playbook leaves behind."""

from __future__ import annotations

import http.server
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pytest
import yaml
from ansible_collections.rackwright.baremetal.plugins.module_utils import _errors

COLLECTIONS = pathlib.Path(_errors.__file__).parents[5]
PLAY = [{
    "hosts": "localhost", "gather_facts": False,
    "tasks": [{"rackwright.baremetal.power": {
        "state": "off", "driver": "redfish",
        "bmc": {"address": "{{ url }}", "username": "u", "password": "p"}}}],
}]


class Hanging(http.server.BaseHTTPRequestHandler):
    """A BMC that takes its time."""

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        self.server.asked.set()
        self.server.enough.wait(60)


@pytest.fixture
def bmc():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hanging)
    server.asked, server.enough = threading.Event(), threading.Event()
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.enough.set()
    server.shutdown()
    thread.join()
    server.server_close()


def workers(mark):
    """Processes with a mark in their environment, zombies left out."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            environment = pathlib.Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in environment:
            found.append(int(name))
    return found


def test_workers_end_with_a_run_that_is_killed(bmc, tmp_path):
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAY))
    mark = f"RACKWRIGHT_TEST_MARK={tmp_path}"
    run = subprocess.Popen(
        [os.path.join(os.path.dirname(sys.executable), "ansible-playbook"), "play.yml", "-e", f"url=http://127.0.0.1:{bmc.server_address[1]}"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_HOME": str(tmp_path / ".ansible"),
             "RACKWRIGHT_TEST_MARK": str(tmp_path)})
    try:
        assert bmc.asked.wait(60)
        assert len(workers(mark)) > 1
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    deadline = time.monotonic() + 20
    while workers(mark) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = workers(mark)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []
