# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose machine is this?"""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import lookup

UUID = "4c4c4544-0042-4810-8054-b4c04f4b3532"
# The same with its first three fields the other way round.
OTHER_ORDER = "44454c4c-4200-1048-8054-b4c04f4b3532"


@pytest.fixture(name="known")
def _known(engine, enrol):
    enrol(name="node1", driver="redfish", system_uuid=UUID, serial="SN1", ports=[{"address": "52:54:00:00:00:01"}, {"address": "52:54:00:00:00:02"}],
          bmc={"address": "198.51.100.1"})
    enrol(name="node2", driver="ipmi", ports=[{"address": "52:54:00:00:00:03"}], serial="SN2", system_uuid=None,
          bmc={"address": "198.51.100.2", "bridge_channel": 0, "bridge_address": "0x72"})
    return engine


def shows(uuid=None, serial=None, macs=(), bmc=None):
    return {"system": {"uuid": uuid, "serial": serial}, "bmc": {"address": bmc, "v6address": None, "mac": None},
            "interfaces": [{"mac_address": mac, "permanent_mac": None} for mac in macs]}


@pytest.mark.parametrize("machine, told", [
    (shows(), {}),
    (shows("00000000-0000-0000-0000-000000000001", "SN9", ["52:54:00:00:00:09"], "198.51.100.9"), {}),
    (shows(UUID.upper(), "SN1", ["52:54:00:00:00:02", "52:54:00:00:00:01"], "198.51.100.1"),
     {"node1": [f"system UUID {UUID}", "serial number SN1", "MAC address 52:54:00:00:00:01", "MAC address 52:54:00:00:00:02", "BMC address 198.51.100.1"]}),
    (shows(OTHER_ORDER), {"node1": [f"system UUID {UUID}"]}),
    (shows(UUID, macs=["52:54:00:00:00:03"]), {"node1": [f"system UUID {UUID}"], "node2": ["MAC address 52:54:00:00:00:03"]}),
    # A prefix of an address is another address, and the BMC at a bridge is not what is behind it.
    (shows(bmc="198.51.100.2"), {}),
    (shows(bmc="198.51.100"), {}),
    ({"cpu": {}}, {}),
    (shows("not a UUID", ""), {}),
])
def test_who_has_what_is_told(known, machine, told):
    assert lookup.owners(known, machine) == told


def test_permanent_addresses_count(known):
    bonded = {"interfaces": [{"mac_address": "02:00:00:00:00:01", "permanent_mac": "52:54:00:00:00:03"}]}
    assert lookup.owners(known, bonded) == {"node2": ["MAC address 52:54:00:00:00:03"]}
