# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run remembers of BMCs that it could not reach, and the driver auto at every door."""

from __future__ import annotations

import json

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import find_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.breaker import FORGOTTEN_AFTER, Breaker
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcLost, BmcUnreachable
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.run_facts import HandedOver, RunFacts
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _bmc_access
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Clock

BMC = {"address": "192.0.2.1", "port": 8443, "username": "operator", "password": "canary-5up3r-s3cr3t"}
OTHER = {**BMC, "port": 8444}


@pytest.fixture
def clock():
    return Clock()


def files(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def lose(breaker, bmc=None, error=None, driver="redfish"):
    with pytest.raises(BmcLost) as caught:
        with breaker.watch(driver, bmc or BMC):
            raise error or BmcUnreachable("the BMC does not answer", seen="the connection timed out", cure="check the address")
    return str(caught.value)


def reached(breaker, bmc=None, driver="redfish"):
    with breaker.watch(driver, bmc or BMC):
        return True


def test_an_unreachable_bmc_is_not_tried_again_by_any_worker_of_the_run(tmp_path, clock):
    lose(Breaker(RunFacts(tmp_path), clock))
    clock.sleep(12)
    said = r"192.0.2.1 port 8443 could not be reached 12 s ago.*does not answer: the connection timed out.*check the address"
    with pytest.raises(BmcUnreachable, match=said):
        reached(Breaker(RunFacts(tmp_path), clock))
    assert reached(Breaker(RunFacts(tmp_path), clock), OTHER) and reached(Breaker(RunFacts(tmp_path), clock), driver="ipmi")
    assert all("canary" not in path.read_text() for path in files(tmp_path))


def test_it_is_tried_again_after_a_minute(tmp_path, clock):
    lose(Breaker(RunFacts(tmp_path), clock))
    clock.sleep(FORGOTTEN_AFTER)
    assert reached(Breaker(RunFacts(tmp_path), clock))
    lose(Breaker(RunFacts(tmp_path), clock))
    with pytest.raises(BmcUnreachable, match="0 s ago"):
        reached(Breaker(RunFacts(tmp_path), clock))


def test_only_what_could_not_be_reached_is_remembered(tmp_path, clock):
    lose(Breaker(RunFacts(tmp_path), clock), error=BmcLost("HTTP status 503"))
    assert reached(Breaker(RunFacts(tmp_path), clock)) and not files(tmp_path)


def test_what_is_known_goes_with_the_work_to_another_host_and_comes_back(tmp_path, clock):
    run = RunFacts(tmp_path, "gateway")
    for told in (None, "0 s ago"):
        known = json.loads(json.dumps(run.to_hand_over([BMC["address"], OTHER["address"]])))
        there = HandedOver(known)
        said = lose(Breaker(there, clock))
        assert told is None or told in said
        run.take_back(known, json.loads(json.dumps(there.to_hand_back())))
    with pytest.raises(BmcUnreachable, match="0 s ago"):
        reached(Breaker(RunFacts(tmp_path, "gateway"), clock))
    # What the gateway cannot reach, the controller and another gateway may.
    assert reached(Breaker(RunFacts(tmp_path), clock)) and reached(Breaker(RunFacts(tmp_path, "other"), clock))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"at": "x"}', "null", "7"])
def test_a_file_that_is_broken_is_none(tmp_path, clock, content):
    lose(Breaker(RunFacts(tmp_path), clock))
    files(tmp_path)[0].write_text(content)
    assert reached(Breaker(RunFacts(tmp_path), clock))


def test_a_directory_that_is_not_there_costs_nothing_but_time(tmp_path, clock):
    breaker = Breaker(RunFacts(tmp_path / "gone"), clock)
    lose(breaker)
    assert reached(breaker)


AUTO = [name for name, door in sorted(load_all().items()) if "driver" in door.argument_spec and "bmc" in door.argument_spec and not door.controller_only]


@pytest.mark.parametrize("name", AUTO)
def test_every_door_settles_the_driver_before_it_asks_what_that_can(name, monkeypatch):
    def find(bmc, log, facts):
        raise BaremetalError("found out")

    monkeypatch.setattr(_bmc_access, "find_driver", find)
    door = load_all()[name]
    params = {option: spec.get("default") for option, spec in door.argument_spec.items()}
    params.update({option: (spec.get("choices") or ["x"])[0] for option, spec in door.argument_spec.items() if spec.get("required")}, driver="auto", bmc=BMC)
    try:
        said = door.run(Call(params=params, node="node1"))
    except BaremetalError as error:
        said = error
    # failure_evidence tells what it could not get, and does not fail.
    assert "found out" in str(said)


def test_auto_needs_an_address():
    with pytest.raises(BaremetalError, match="needs address"):
        find_driver.find_driver({})
