# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of burnin; what it loads is tested beside its function."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.modules import burnin
from ansible_collections.rackwright.baremetal.tests.unit.plugins.modules.inband import start

ARGUMENTS = {"interlock": {"nonce": "n1", "serial": "SN1", "macs": ["52:54:00:12:34:56"]}, "runtime": 1}


@pytest.mark.parametrize("test", ["cpu", "disk"])
def test_the_wrong_machine_is_refused(capsys, test):
    result = start(burnin, capsys, test=test, root_device={"serial": "S1"}, **ARGUMENTS)
    assert (result["failed"], result["msg"].startswith("interlock: ")) == (True, True)


def test_a_burn_in_that_failed_is_a_failure_with_its_record(capsys, monkeypatch):
    record = {"test": "disk", "result": "failed", "error": "/dev/sdb has failed."}
    monkeypatch.setattr(burnin, "burn_in", lambda options, job, check_mode: {"changed": False, "record": record})
    result = start(burnin, capsys, test="disk", **ARGUMENTS)
    assert (result["failed"], result["msg"], result["record"]) == (True, "burn-in: the test disk failed. /dev/sdb has failed.", record)
    record.update(result="passed", error=None)
    assert start(burnin, capsys, test="disk", **ARGUMENTS)["record"]["result"] == "passed"


def test_what_there_is_to_burn_in(capsys):
    assert "value of test must be one" in start(burnin, capsys, test="gpu", **ARGUMENTS)["msg"]
