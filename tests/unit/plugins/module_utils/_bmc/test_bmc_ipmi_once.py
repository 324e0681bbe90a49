# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must not happen twice is not sent again when its answer is lost."""

from __future__ import annotations

import types

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import nmi
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcBusy
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.ipmi import IpmiDriver


class Command:
    """What pyghmi's Command is asked."""

    ipmi_session = types.SimpleNamespace(broken=False)

    def __init__(self):
        self.asked = []

    def raw_command(self, **request):
        self.asked.append(request)
        return {"code": 0, "data": b"\x01"}


@pytest.fixture
def driver():
    driver = IpmiDriver.__new__(IpmiDriver)
    driver._command, driver._address, driver._port = Command(), "192.0.2.1", 623
    return driver


@pytest.mark.parametrize(("target", "again"), [("on", True), ("off", True), ("reset", False), ("soft off", False)])
def test_power(driver, target, again):
    driver.set_power(target)
    assert [request["retry"] for request in driver._command.asked] == [again]


def test_nmi(driver):
    nmi.inject_nmi(driver)
    assert driver._command.asked[-1]["retry"] is False


def test_reset_that_a_busy_bmc_refused_was_not_done(driver):
    driver._command.raw_command = lambda **request: {"code": 0xC0, "error": "Node busy", "data": b""}
    with pytest.raises(BmcBusy, match="is busy"):
        driver.set_power("reset")
