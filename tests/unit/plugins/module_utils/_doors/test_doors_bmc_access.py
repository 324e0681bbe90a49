# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a door makes of the host variable baremetal_bmc, and what it refuses of it before a BMC is asked."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.module_utils._doors._bmc_access import fill_connection
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError

BMC = {"driver": "redfish", "address": "192.0.2.11", "username": "operator", "password": "canary-5up3r-1"}


def filled(bmc, **params):
    return fill_connection(Call(params=params, node="node1", hostvars={"baremetal_bmc": bmc}))


@pytest.mark.parametrize(("given", "taken"), [
    ({"port": "8443"}, {"port": 8443}),
    ({"verify": "false"}, {"verify": False}),
    ({"disable_power_off": "no"}, {"disable_power_off": False}),
    ({"cipher_suite": "17", "bridge_channel": "7"}, {"cipher_suite": 17, "bridge_channel": 7}),
    ({"password": 12345}, {"password": "12345"}),
    ({"tls_min_version": 1.2}, {"tls_min_version": "1.2"}),
    ({"port": None}, {}),
])
def test_values_get_the_type_that_the_option_has(given, taken):
    expected = {key: value for key, value in {**BMC, **taken}.items() if key != "driver"}
    assert filled({**BMC, **given}) == {"driver": "redfish", "bmc": expected}


@pytest.mark.parametrize(("given", "seen"), [
    ({"port": "44a"}, "port"), ({"port": -1}, "-1"), ({"port": 0}, "0"), ({"port": 99999}, "99999"),
    ({"verify": "maybe"}, "verify"), ({"cipher_suite": 5}, "cipher_suite"), ({"privilege_level": "root"}, "privilege_level"),
    ({"tls_min_version": "2"}, "tls_min_version"), ({"disable_power_off": "perhaps"}, "disable_power_off"),
])
def test_values_that_cannot_be_are_refused(given, seen):
    with pytest.raises(BaremetalError) as caught:
        filled({**BMC, **given})
    assert seen in str(caught.value.seen) and caught.value.cure and "canary" not in str(caught.value)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_of_the_option_that_is_none_is_refused(port):
    with pytest.raises(BaremetalError, match="no port"):
        fill_connection(Call(params={"driver": "redfish", "bmc": {"address": "192.0.2.11", "port": port}}, node="node1"))


def test_a_host_variable_that_cannot_be_templated_is_told():
    class Undefined(dict):
        def get(self, name):
            raise RuntimeError("'bmc_password' is undefined")

    with pytest.raises(BaremetalError, match="baremetal_bmc cannot be made out") as caught:
        fill_connection(Call(params={}, node="node1", hostvars=Undefined()))
    assert "'bmc_password' is undefined" in caught.value.seen
