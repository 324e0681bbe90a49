# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One virtual rack for all tests of this directory; taken down also when they fail."""

from __future__ import annotations

import sys
import pathlib

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import rack  # noqa: E402
import steps  # noqa: E402


@pytest.fixture(scope="session")
def virtual_rack():
    try:
        rack.set_up()
        yield rack
    finally:
        assert rack.tear_down()


@pytest.fixture(scope="session")
def available(virtual_rack):
    """The rack of ramdisk_work.yml with its machines available, all but the one that nobody knows."""
    hardware = yaml.safe_load((virtual_rack.RACK / "hardware.yml").read_text())
    hardware["nodes"] = [node for node in hardware["nodes"] if node["name"] != "stranger"]
    for node in hardware["nodes"]:
        node["automated_clean"] = False
        if node["name"] == "mirror":
            node["root_device"] = {"volume_name": "system"}
    (virtual_rack.SITE / "changed-hardware.yml").write_text(yaml.safe_dump(hardware))
    steps.run(virtual_rack, "enroll.yml", "-e", f"enroll_hardware_file={virtual_rack.SITE}/changed-hardware.yml")
    steps.run(virtual_rack, "provide.yml")
    return virtual_rack


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Show what the machines printed last when a test fails."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for node in sorted(path.stem for path in (rack.RACK / "console").glob("*.log")):
            report.sections.append((f"console of {node}", rack.console_tail(node)))
