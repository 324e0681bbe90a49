# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whose machine is this?"""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import lookup, nodes, schema
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.store import open_registry
from hypothesis import given, settings
from hypothesis import strategies as st

UUID = "4c4c4544-0042-4810-8054-b4c04f4b3532"
# The same with its first three fields the other way round.
OTHER_ORDER = "44454c4c-4200-1048-8054-b4c04f4b3532"


NODE1 = {"name": "node1", "driver": "redfish", "system_uuid": UUID, "serial": "SN1", "bmc": {"address": "198.51.100.1"},
         "ports": [{"address": "52:54:00:00:00:01"}, {"address": "52:54:00:00:00:02"}]}
NODE2 = {"name": "node2", "driver": "ipmi", "serial": "SN2", "ports": [{"address": "52:54:00:00:00:03"}],
         "bmc": {"address": "198.51.100.2", "bridge_channel": 0, "bridge_address": "0x72"}}


@pytest.fixture(name="known")
def _known(engine, enrol):
    enrol(**NODE1)
    enrol(**NODE2)
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


def test_addresses_of_a_bmc_are_compared_in_one_spelling(registry):
    fill(registry, {"name": "node7", "serial": "SN7", "bmc": {"address": "2001:0db8:0::7"}},
         {"name": "node8", "serial": "SN8", "bmc": {"address": "2001:db8::7:1"}})
    for spelled in ("2001:db8::7", "2001:DB8:0:0:0:0:0:7"):
        machine = shows(serial="SN7")
        machine["bmc"]["v6address"] = spelled
        assert lookup.identify(registry, machine) == {"node": "node7", "owners": {"node7": ["serial number SN7", "BMC address 2001:db8::7"]}, "against": []}


def test_permanent_addresses_count(known):
    bonded = {"interfaces": [{"mac_address": "02:00:00:00:00:01", "permanent_mac": "52:54:00:00:00:03"}]}
    assert lookup.owners(known, bonded) == {"node2": ["MAC address 52:54:00:00:00:03"]}


@pytest.fixture(scope="module", name="registry")
def _registry(tmp_path_factory):
    return open_registry(f"sqlite:///{tmp_path_factory.mktemp('lookup')}/registry.db")


def fill(registry, *described):
    """Have a registry know these nodes and no others."""
    with registry.begin() as connection:
        for old in nodes.read_all(connection):
            nodes.remove(connection, old["name"])
        for node in described:
            nodes.upsert(connection, schema.normalise({"driver": "redfish", **node}), None, same_credential=lambda old, new: True)


@pytest.mark.parametrize("machine, told", [
    # All of it, part of it, and what the record does not know.
    (shows(UUID, "SN1", ["52:54:00:00:00:01"], "198.51.100.1"), "node1"),
    (shows(OTHER_ORDER, "sn1", ["52:54:00:00:00:02", "52:54:00:00:00:09"]), "node1"),
    (shows(UUID.replace("4", "5"), "SN2", ["52:54:00:00:00:03"], "198.51.100.9"), "node2"),
    (shows("03000200-0400-0500-0006-000700080009", "To be filled by O.E.M.", ["52:54:00:00:00:01"]), "node1"),
    # A board, a card or a BMC of another machine.
    (shows(UUID, "SN9", ["52:54:00:00:00:01"]), "serial number SN9 and not SN1"),
    (shows(UUID, "SN1", ["52:54:00:00:00:09"]), "MAC addresses 52:54:00:00:00:09 and not 52:54:00:00:00:01, 52:54:00:00:00:02"),
    (shows(UUID.replace("4", "5"), macs=["52:54:00:00:00:01"]), "system UUID 5c5c5555"),
    (shows(UUID, "SN1", bmc="198.51.100.8"), "BMC address 198.51.100.8 and not 198.51.100.1"),
])
def test_a_machine_is_a_node_by_everything_or_not_at_all(registry, machine, told):
    fill(registry, NODE1, NODE2)
    verdict = lookup.identify(registry, machine)
    assert list(verdict["owners"]) == [told if told.startswith("node") else "node1"]
    assert verdict["node"] == (told if told.startswith("node") else None)
    assert " ".join(verdict["against"]).startswith("" if told.startswith("node") else told) and bool(verdict["against"]) != bool(verdict["node"])


def test_what_nobody_filled_in_belongs_to_nobody(registry):
    fill(registry, {"name": "node3", "serial": "0123456789", "system_uuid": "03000200-0400-0500-0006-000700080009"})
    verdict = lookup.identify(registry, shows("03000200-0400-0500-0006-000700080009", "0123456789", ["52:54:00:00:00:09"]))
    assert verdict == {"node": None, "owners": {}, "against": []}


@pytest.mark.parametrize("bmc, agrees", [
    ({"address": "198.51.100.7"}, False),
    ({"address": "https://198.51.100.7"}, False),
    ({"address": "2001:db8::7"}, True),
    # A name, a port of a gateway and a bridge: the machine cannot know any of them.
    ({"address": "bmc7.example.com"}, True),
    ({"address": "198.51.100.7", "port": 6230}, True),
    ({"address": "198.51.100.7:6230"}, True),
    ({"address": "198.51.100.7", "bridge_channel": 0, "bridge_address": "0x72"}, True),
])
def test_a_bmc_is_compared_where_both_mean_the_same(registry, bmc, agrees):
    fill(registry, {"name": "node7", "driver": "ipmi", "serial": "SN7", "bmc": bmc})
    assert lookup.identify(registry, shows(serial="SN7", bmc="198.51.100.8"))["node"] == ("node7" if agrees else None)


FACTS = {
    "uuid": {1: "4c4c4544-0042-4810-8054-b4c04f4b3531", 2: "4c4c4544-0042-4810-8054-b4c04f4b3532"},
    "serial": {1: "SN1", 2: "SN2"},
    "macs": {1: "52:54:00:00:00:01", 2: "52:54:00:00:00:02"},
    "bmc": {1: "198.51.100.1", 2: "198.51.100.2"},
}
# Whose it is that a machine shows: a node's, a stranger's (9), or nothing (0).
WHOSE = st.fixed_dictionaries({fact: st.sampled_from([0, 1, 2, 9]) for fact in FACTS})
RECORDED = st.fixed_dictionaries({number: st.sets(st.sampled_from(sorted(FACTS))) for number in (1, 2)})


@settings(max_examples=40)
@given(whose=WHOSE, recorded=RECORDED)
def test_contradictory_evidence_is_never_a_guess(registry, whose, recorded):
    """Two nodes of which anything may be recorded, and a machine that may show anything of either."""
    described = []
    for number, facts in recorded.items():
        own = {fact: FACTS[fact][number] for fact in facts}
        described.append({"name": f"node{number}", "serial": own.get("serial"), "system_uuid": own.get("uuid"),
                          "ports": [{"address": own["macs"]}] if "macs" in own else [], "bmc": {"address": own["bmc"]} if "bmc" in own else None})
    fill(registry, *described)
    shown = {fact: {0: None, 9: FACTS[fact][1].replace("1", "9")}.get(number) or FACTS[fact].get(number) for fact, number in whose.items()}
    verdict = lookup.identify(registry, shows(shown["uuid"], shown["serial"], [shown["macs"]] if shown["macs"] else [], shown["bmc"]))

    claims = {number for fact, number in whose.items() if number in (1, 2) and fact in recorded[number]}
    against = {number for number in claims for fact, of in whose.items() if of not in (0, number) and fact in recorded[number]}
    expected = f"node{next(iter(claims))}" if len(claims) == 1 and not against else None
    assert verdict["node"] == expected
    assert sorted(verdict["owners"]) == [f"node{number}" for number in sorted(claims)]
