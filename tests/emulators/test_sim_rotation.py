# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The password of the account that the registry knows is rotated: the registry follows, also after a run that was killed in the middle."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors import bmc_account, power
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import credentials, nodes
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

OLD, NEW, OTHER = "canary-5up3r-1", "canary-n3w-2", "canary-0ther-3"
OWN = {"username": "operator", "password": NEW}
NODE = {"name": "node1", "address": "192.0.2.1", "ports": []}


def encrypt(text):
    return f"$ANSIBLE_VAULT;{text[::-1]}"


def decrypt(text):
    return text.removeprefix("$ANSIBLE_VAULT;")[::-1]


@pytest.fixture(scope="module", params=["redfish", "ipmi"])
def simulator(request, tmp_path_factory):
    start, address = {"redfish": (redfish_bmcs, "127.66.7.1"), "ipmi": (ipmi_bmcs, "127.67.7.1")}[request.param]
    with start(directory=str(tmp_path_factory.mktemp("sim")), password=OLD, first_address=address) as running:
        running.driver = request.param
        yield running


@pytest.fixture
def site(simulator, tmp_path, monkeypatch):
    """A node that is enrolled, whose BMC is as on its first day."""
    simulator.reset()
    simulator.faults()
    return Site(simulator, f"sqlite:///{tmp_path}/registry.db", monkeypatch)


class Site:
    def __init__(self, simulator, url, monkeypatch):
        self.simulator, self.url, self.engine, self.monkeypatch = simulator, url, open_registry(url), monkeypatch
        self.bmc = {key: value for key, value in simulator.connections[0].items() if value is not None}

    def enrol(self, password):
        bmc = {key: value for key, value in self.bmc.items() if key != "password"}
        with self.engine.begin() as connection:
            nodes.upsert(connection, {**NODE, "driver": self.simulator.driver, "bmc": bmc}, credentials.reference(password, encrypt),
                         same_credential=lambda old, new: old == new)

    def run(self, door, check_mode=False, hostvars=None, **params):
        """What the action does with a door; gives the result and the warnings."""
        defaults = {name: spec.get("default") for name, spec in door.DOOR.argument_spec.items()}
        warnings = []
        call = Call(params={**defaults, "registry": self.url, "name": "node1", **params}, check_mode=check_mode, node="node1", warn=warnings.append,
                    controller={"run_id": "own"}, hostvars=hostvars or {}, vault_encrypt=encrypt, vault_decrypt=decrypt)
        call.params.update(door.DOOR.before(call))
        result = door.DOOR.run(call)
        door.DOOR.after(call, result)
        assert not [secret for secret in (OLD, NEW, OTHER) if secret in f"{result} {warnings}"]
        return result, warnings

    def stored(self):
        return nodes.credential(self.engine, "node1")


def test_registry_follows_a_rotation(site):
    site.enrol(OLD)
    foreseen, _unused = site.run(bmc_account, check_mode=True, **OWN)
    assert decrypt(site.stored()["vault"]) == OLD
    result, warnings = site.run(bmc_account, **OWN)
    assert result["changed"] and result["password_changed"] and not result["outdated_credential"] and not warnings
    assert foreseen["changed"] and not foreseen["outdated_credential"]
    assert decrypt(site.stored()["vault"]) == NEW
    assert site.run(power, state="on")[0]["power_state"] == "on"
    again, warnings = site.run(bmc_account, **OWN)
    assert not again["changed"] and not warnings


def test_run_that_is_killed_before_the_registry_knows(site):
    def kill(*arguments):
        raise KeyboardInterrupt

    site.enrol(OLD)
    with site.monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(nodes, "set_credential", kill)
        site.run(bmc_account, **OWN)
    assert decrypt(site.stored()["vault"]) == OLD
    with pytest.raises(BaremetalError, match="does not accept"):
        site.run(power, state="on")
    result, warnings = site.run(bmc_account, **OWN)
    assert result["changed"] and not result["password_changed"] and not result["outdated_credential"] and not warnings
    assert site.run(power, state="on")[0]["power_state"] == "on"


@pytest.mark.parametrize("source", ["option", "host variable"])
def test_password_that_was_told_beside_the_registry_is_outdated(site, source):
    site.enrol(OLD)
    told = {"driver": site.simulator.driver, "bmc": site.bmc} if source == "option" else {"hostvars": {"baremetal_bmc": {
        "driver": site.simulator.driver, **site.bmc}}}
    result, warnings = site.run(bmc_account, **OWN, **told)
    assert result["password_changed"] and decrypt(site.stored()["vault"]) == NEW
    assert result["outdated_credential"] and ["the option bmc" in text for text in warnings] == [True]


def test_registry_that_is_gone_after_the_change_does_not_hide_it(site):
    def lose(*arguments):
        raise BaremetalError("the registry cannot be opened")

    site.enrol(OLD)
    with site.monkeypatch.context() as patch:
        patch.setattr(nodes, "set_credential", lose)
        with pytest.raises(BaremetalError, match="the BMC has the new password of operator, and the registry cannot be opened") as caught:
            site.run(bmc_account, **OWN)
    assert not [secret for secret in (OLD, NEW) if secret in str(caught.value)]
    assert site.run(bmc_account, **OWN)[0]["changed"] and decrypt(site.stored()["vault"]) == NEW


def test_reference_that_is_not_ours_to_change_is_told(site):
    site.monkeypatch.setenv("BMC_PASSWORD_OF_A_TEST", OLD)
    site.enrol({"env": "BMC_PASSWORD_OF_A_TEST"})
    result, warnings = site.run(bmc_account, **OWN)
    assert result["outdated_credential"] and ["the env BMC_PASSWORD_OF_A_TEST" in text for text in warnings] == [True]
    result, warnings = site.run(bmc_account, **OWN)
    assert not result["changed"] and result["outdated_credential"] and warnings
    site.monkeypatch.setenv("BMC_PASSWORD_OF_A_TEST", NEW)
    result, warnings = site.run(bmc_account, **OWN)
    assert not result["changed"] and not result["outdated_credential"] and not warnings


def test_rotation_by_a_second_administrator(site):
    site.enrol(OLD)
    site.run(bmc_account, username="second", password=OTHER, role="Administrator")
    second = {"driver": site.simulator.driver, "bmc": {**site.bmc, "username": "second", "password": OTHER}}
    result, _unused = site.run(bmc_account, **OWN, **second)
    assert result["changed"] and not result["outdated_credential"] and decrypt(site.stored()["vault"]) == NEW
    # An account that is not the one of the registry, and a BMC that is not the node's.
    site.run(bmc_account, username="second", password=NEW)
    assert decrypt(site.stored()["vault"]) == NEW


def test_password_of_another_bmc_stays_out_of_the_registry(site):
    site.enrol(OLD)
    with site.engine.begin() as connection:
        details = nodes.read_bmcs(connection, ["node1"])["node1"]["bmc"]
        nodes.upsert(connection, {**NODE, "driver": site.simulator.driver, "bmc": {**details, "address": "198.51.100.1"}},
                     credentials.reference(OLD, encrypt), same_credential=lambda old, new: old == new)
    result, warnings = site.run(bmc_account, **OWN, driver=site.simulator.driver, bmc=site.bmc)
    assert result["outdated_credential"] and warnings and decrypt(site.stored()["vault"]) == OLD
