# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disk of the controller and of the boot server is full: it is told, and once there is room the same command goes on."""

from __future__ import annotations

import contextlib
import re
import subprocess
import tempfile
import time

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import images, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.lab import lab, publish

ROOM = re.compile(r"no space left on device|room on the disk", re.IGNORECASE)


@pytest.fixture(name="disk")
def _disk(tmp_path, monkeypatch):
    """A small file system of its own, in which all that a site keeps is made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "rackwright-test", str(folder)], check=False).returncode:
        pytest.skip("needs root, to mount a file system that can be full")
    try:
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        yield folder
    finally:
        # What looks after a run, should it be killed, sees within seconds that it has ended.
        end = time.monotonic() + 20
        while subprocess.run(["umount", str(folder)], check=False).returncode:
            assert time.monotonic() < end, f"{folder} is in use"
            time.sleep(0.2)


def fill(folder):
    """Take what room there is, to the last byte."""
    with open(folder / "filler", "ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


@contextlib.contextmanager
def registry(site):
    """The registry, which is closed at the end: an open file would keep the file system."""
    engine = open_registry(site.registry)
    try:
        yield engine
    finally:
        engine.dispose()


def states(site):
    with registry(site) as engine:
        return {node["provision_state"] for node in nodes.list_nodes(engine)}


def test_the_same_command_goes_on_when_there_is_room_again(disk):
    with lab(2) as site:
        code, output = site.play("enroll")
        assert code == 0, output
        with registry(site) as engine:
            publish(engine, images)
        for verb, end in (("provide", "available"), ("deploy", "active"), ("undeploy", "available")):
            fill(disk)
            code, output = site.play(verb)
            assert code != 0 and ROOM.search(output) and "Traceback" not in output, output
            (disk / "filler").unlink()
            assert end not in states(site), output
            code, output = site.play(verb)
            assert (code, states(site)) == (0, {end}), output
