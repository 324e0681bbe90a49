# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the workers of a run tell each other of BMCs."""

from __future__ import annotations

import json
import threading

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import find_driver
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.breaker import Breaker
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.connection import BmcUnreachable
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.run_facts import HandedOver, RunFacts
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import _bmc_access

BMC = {"address": "192.0.2.1", "port": 8443, "username": "operator", "password": "canary-5up3r-s3cr3t"}


def about(directory, place=None):
    return RunFacts(directory, place).about("a")


def files(directory):
    return [path for path in directory.rglob("*") if path.is_file()]


def test_a_fact_is_known_to_every_worker_until_it_is_forgotten(tmp_path):
    about(tmp_path)["system", "1"] = "/redfish/v1/Systems/1"
    about(tmp_path)["cipher suite", "623"] = 3
    assert about(tmp_path).get(("system", "1")) == "/redfish/v1/Systems/1"
    assert about(tmp_path).get(("system", "2")) is None
    assert RunFacts(tmp_path).about("b").get(("system", "1")) is None
    assert about(tmp_path, "gateway").get(("system", "1")) is None
    about(tmp_path).pop(("system", "1"))
    about(tmp_path).pop(("system", "never known"))
    assert about(tmp_path).get(("system", "1")) is None
    assert about(tmp_path).get(("cipher suite", "623")) == 3


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b"7", b'["system", 1]'])
def test_a_file_that_cannot_be_read_is_no_fact(tmp_path, content):
    about(tmp_path)["system", "1"] = "/redfish/v1/Systems/1"
    files(tmp_path)[0].write_bytes(content)
    assert about(tmp_path).get(("system", "1")) is None
    assert RunFacts(tmp_path).to_hand_over(["a"]) == {"a": []}


def test_without_the_directory_nothing_is_known(tmp_path):
    facts = about(tmp_path / "gone")
    facts["system", "1"] = "/redfish/v1/Systems/1"
    facts.pop(("system", "1"))
    assert facts.get(("system", "1")) is None
    assert RunFacts(tmp_path / "gone").to_hand_over(["a"]) == {"a": []}


def test_many_threads_write_and_read_whole_facts(tmp_path):
    facts, seen = about(tmp_path), []
    facts["system", "1"] = "/0" * 2000

    def work(number):
        for _unused in range(20):
            facts["system", "1"] = f"/{number}" * 2000
            seen.append(facts.get(("system", "1")))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 160 and set(seen) <= {f"/{number}" * 2000 for number in range(8)}
    assert len(files(tmp_path)) == 1


def test_what_was_learned_and_forgotten_elsewhere_comes_back(tmp_path):
    run = RunFacts(tmp_path)
    about(tmp_path)["system", "1"] = "/redfish/v1/Systems/1"
    about(tmp_path)["driver", "443"] = "redfish"
    about(tmp_path)["cipher suite", "623"] = 3
    known = json.loads(json.dumps(run.to_hand_over(["a", "b"])))
    assert known["b"] == [] and len(known["a"]) == 3
    there = HandedOver(known)
    there.about("a").pop(("driver", "443"), None)
    there.about("a")["cipher suite", "623"] = 17
    there.about("b")["system", "1"] = "/redfish/v1/Systems/b"
    # Meanwhile another worker has learned something that nobody handed over.
    about(tmp_path)["system", "2"] = "/redfish/v1/Systems/2"
    run.take_back(known, json.loads(json.dumps(there.to_hand_back())))
    assert sorted(map(str, run.to_hand_over(["a"])["a"])) == [
        "[['cipher suite', '623'], 17]", "[['system', '1'], '/redfish/v1/Systems/1']", "[['system', '2'], '/redfish/v1/Systems/2']"]
    assert RunFacts(tmp_path).about("b").get(("system", "1")) == "/redfish/v1/Systems/b"


def test_the_driver_is_found_out_once_for_all_workers(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(find_driver, "_find", lambda connection, log: asked.append(connection["address"]) or ("redfish", False))
    assert [find_driver.find_driver(BMC, facts=about(tmp_path)) for _unused in range(3)] == ["redfish"] * 3
    assert asked == ["192.0.2.1"]
    find_driver.find_driver({**BMC, "port": 8444}, facts=about(tmp_path))
    assert len(asked) == 2
    assert all("canary" not in path.read_text() for path in files(tmp_path))


def test_a_driver_that_may_change_is_not_remembered(tmp_path, monkeypatch):
    answers = [("ipmi", True), ("redfish", False)]
    monkeypatch.setattr(find_driver, "_find", lambda connection, log: answers.pop(0))
    assert [find_driver.find_driver(BMC, facts=about(tmp_path)) for _unused in range(3)] == ["ipmi", "redfish", "redfish"]


def test_a_driver_that_is_not_reached_is_found_out_anew_once(tmp_path, monkeypatch):
    """With the breaker: one attempt to connect and one more question, then nothing for a minute."""
    asked, opened = [], []

    def find(connection, log):
        asked.append(connection["address"])
        return "redfish", False

    def dead(driver, *args, **options):
        opened.append(driver)
        raise BmcUnreachable("the BMC does not answer")

    monkeypatch.setattr(find_driver, "_find", find)
    monkeypatch.setattr(_bmc_access, "open_driver", dead)
    for _unused in range(4):
        call = Call(params={"driver": "auto", "bmc": BMC}, breaker=Breaker(RunFacts(tmp_path)))
        with pytest.raises(BmcUnreachable):
            _bmc_access.settled_driver(call)
            with _bmc_access.open_bmc(call):
                pass
    assert opened == ["redfish"] and len(asked) == 2
