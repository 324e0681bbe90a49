# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the modules for BMCs give back is what their documentation says: every key of it, and no other."""

from __future__ import annotations

import importlib

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.bmc_info import PARTS
from ansible_collections.rackwright.baremetal.plugins.module_utils._door import Call
from ansible_collections.rackwright.baremetal.plugins.plugin_utils._doors import load_all
from ansible_collections.rackwright.baremetal.tests.emulators.conftest import PASSWORD
from ansible_collections.rackwright.baremetal.tests.simulators.start import ipmi_bmcs, redfish_bmcs

DOORS = load_all()
TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool, "list": list, "dict": dict, "raw": object}

IPMI = {
    "bmc_account": {"username": "monitor", "password": "monitor-Passw0rd", "role": "ReadOnly"},
    "bmc_info": {"gather": list(PARTS)},
    "boot_device": {"device": "pxe"},
    "console_info": {},
    "event_log": {},
    "indicator_led": {"state": "on"},
    "inject_nmi": {},
    "power": {"state": "on", "boot_device": {"device": "pxe"}},
    "quirks_info": {},
    "sensors_info": {},
}
REDFISH = {
    **IPMI,
    "bios_settings": {"settings": {"NumLock": "Off"}},
    "boot_order": {"order": ["disk"]},
    "firmware": {"component": "NIC.1", "version": "23.0.1", "image": "http://192.0.2.1/nic.1-23.0.1.bin"},
    "raid": {"target_raid_config": {"logical_disks": [{"size_gb": 100, "raid_level": "1"}]}},
    "secure_boot": {"enabled": True},
    "virtual_media": {"state": "inserted", "image": "http://192.0.2.1/boot.iso"},
}


def documentation(module):
    """The return values of a module by their names, as its documentation has them."""
    return yaml.safe_load(importlib.import_module(f"ansible_collections.rackwright.baremetal.plugins.modules.{module}").RETURN) or {}


@pytest.fixture(scope="module")
def connections(workplace):
    with redfish_bmcs(directory=str(workplace), password=PASSWORD, first_address="127.66.6.1", power="On", task_seconds=0.2) as redfish:
        with ipmi_bmcs(directory=str(workplace), password=PASSWORD, first_address="127.67.6.1", power="On") as ipmi:
            yield {"redfish": redfish.connections[0], "ipmi": ipmi.connections[0]}


def deviations(value, documented, place):
    """Where a value is not as the documentation of it says."""
    if value is None:
        return []
    if not isinstance(value, TYPES[documented["type"]]) or isinstance(value, bool) != (documented["type"] == "bool"):
        return [f"{place} is {value!r} and no {documented['type']}"]
    if isinstance(value, list):
        inner = {"type": documented["elements"], "contains": documented.get("contains")}
        return [found for item in value for found in deviations(item, inner, f"{place}[]")]
    contains = documented.get("contains")
    if not isinstance(value, dict) or not contains:
        return []
    missing = {key for key, its in contains.items() if its["returned"] in ("always", "success")} - set(value)
    return [f"{place}.{key} is missing" for key in sorted(missing)] + [
        found for key, item in value.items()
        for found in (deviations(item, contains[key], f"{place}.{key}") if key in contains else [f"{place}.{key} is not documented"])]


@pytest.mark.parametrize(("driver", "module"), [("redfish", module) for module in REDFISH] + [("ipmi", module) for module in IPMI])
def test_results_are_as_documented(connections, driver, module):
    bmc = {key: value for key, value in connections[driver].items() if value is not None}
    given = {**REDFISH[module], "driver": driver, "bmc": bmc, "name": "node1"}
    found = ArgumentSpecValidator(DOORS[module].argument_spec, **DOORS[module].constraints).validate(given)
    assert not found.error_messages
    result = DOORS[module].run(Call(params=found.validated_parameters, node="node1"))
    result = {key: value for key, value in result.items() if key not in ("changed", "diff")}
    assert deviations(result, {"type": "dict", "contains": documentation(module)}, module) == []


@pytest.mark.parametrize("module", sorted(REDFISH))
def test_every_dictionary_that_is_given_back_is_documented_inside(module):
    def bare(documented, place):
        if "dict" not in (documented["type"], documented.get("elements")):
            return []
        # What is keyed by names that are not always the same says so in its description.
        if not documented.get("contains"):
            return [] if " by " in str(documented["description"]) else [place]
        return [found for key, item in documented["contains"].items() for found in bare(item, f"{place}.{key}")]

    assert [found for key, item in documentation(module).items() for found in bare(item, key)] == []
