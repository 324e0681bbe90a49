# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has changed in the hardware of a node, and what two sources know together."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry import inspections
from ansible_collections.rackwright.baremetal.plugins.module_utils._registry.drift import drift, merged
from hypothesis import given
from hypothesis import strategies as st

SEEN = {
    "hostname": "a", "bios": {"version": "1.2"}, "boot": {"current_boot_mode": "uefi", "pxe_interface": "52:54:00:00:00:01"},
    "cpu": {"count": 8, "flags": ["fpu", "lm"]}, "memory": {"total": 1000, "physical_mb": 16384},
    "disks": [{"name": "/dev/sda", "serial": "S1", "size": 100, "model": "ACME", "hctl": "0:0:0:0", "partitions": ["/dev/sda1"]},
              {"name": "/dev/sdb", "serial": None, "by_path": "/dev/disk/by-path/x", "size": 200, "model": None}],
    "interfaces": [{"name": "eth0", "mac_address": "52:54:00:00:00:01", "has_carrier": True, "speed_mbps": 1000,
                    "lldp": [{"switch_chassis_id": "c", "switch_port_id": "1", "switch_port_mtu": 1500}]}],
    "dmi": {"memory_modules": [{"slot": "A1", "serial": "M1", "size_mb": 16384}]},
    "pci_devices": [{"bus": "0000:00:01.0", "vendor_id": "8086", "driver": None}],
}


def changed(change):
    """SEEN after a change."""
    after = copy.deepcopy(SEEN)
    change(after)
    return [(one["field"], one["before"], one["after"]) for one in drift(SEEN, after)]


@pytest.mark.parametrize("change, told", [
    (lambda seen: seen["bios"].update(version="1.4"), [("bios.version", "1.2", "1.4")]),
    (lambda seen: seen["cpu"].update(flags=["lm", "avx", "fpu"]), [("cpu.flags", [], ["avx"])]),
    (lambda seen: seen["disks"].pop(0), [("disks[S1]", "ACME, 100", None)]),
    (lambda seen: seen["disks"].append({"serial": "S9", "model": "X", "size": 5}), [("disks[S9]", None, "X, 5")]),
    (lambda seen: seen["disks"][1].update(size=201), [("disks[/dev/disk/by-path/x].size", 200, 201)]),
    (lambda seen: seen["dmi"]["memory_modules"][0].update(serial="M2"), [("dmi.memory_modules[A1].serial", "M1", "M2")]),
    (lambda seen: seen["interfaces"][0]["lldp"][0].update(switch_port_id="2"), [("interfaces[52:54:00:00:00:01].lldp", ["c 1"], ["c 2"])]),
    (lambda seen: seen["pci_devices"][0].update(vendor_id="15b3"), [("pci_devices[0000:00:01.0].vendor_id", "8086", "15b3")]),
])
def test_what_has_changed_is_told(change, told):
    assert changed(change) == told


@pytest.mark.parametrize("change", [
    lambda seen: seen.update(hostname="b"),
    lambda seen: seen["memory"].update(total=999),
    lambda seen: seen["disks"].reverse(),
    lambda seen: seen["disks"][0].update(name="/dev/sdb", hctl="1:0:0:0", partitions=[]),
    lambda seen: seen["interfaces"][0].update(name="eno1", has_carrier=False, speed_mbps=None),
    lambda seen: seen["interfaces"][0]["lldp"][0].update(switch_port_mtu=9000),
    lambda seen: seen["interfaces"][0].update(lldp=[]),
    lambda seen: seen["interfaces"][0].pop("lldp"),
    lambda seen: seen.pop("dmi"),
    lambda seen: seen["pci_devices"][0].update(driver="e1000"),
])
def test_what_is_no_change_is_not_told(change):
    assert changed(change) == []


def test_disks_with_one_serial_number_are_told_apart():
    twins = {"disks": [{"serial": "S", "size": 1}, {"serial": "S", "size": 2}]}
    assert drift(twins, twins) == []
    assert drift(twins, {"disks": twins["disks"][:1]}) == [{"field": "disks[S (2)]", "before": "2", "after": None}]


values = st.recursive(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4)), lambda inner: st.lists(inner, max_size=3), max_leaves=4)
keys = st.sampled_from(["serial", "wwn", "name", "size", "model", "lun"])
entries = st.lists(st.dictionaries(keys, st.one_of(st.none(), st.integers(0, 3), st.text(max_size=2)), max_size=5), max_size=4)
machines = st.fixed_dictionaries({}, optional={
    "cpu": st.dictionaries(st.sampled_from(["count", "flags"]), values), "disks": entries, "tpm": values, "bios": st.dictionaries(st.text(max_size=3), values)})


@given(machines)
def test_nothing_has_changed_in_the_same(seen):
    assert drift(seen, copy.deepcopy(seen)) == []
    assert merged(seen, seen).keys() == seen.keys()


@given(machines, machines)
def test_the_way_back_tells_the_same_fields(before, after):
    there, back = (drift(*pair) for pair in ((before, after), (after, before)))
    assert [(one["field"], one["before"], one["after"]) for one in there] == [(one["field"], one["after"], one["before"]) for one in back]


@given(machines, machines)
def test_the_first_source_counts_and_nothing_is_lost(first, second):
    found = merged(first, second)
    assert set(found) == set(first) | set(second)
    for key, value in first.items():
        if not isinstance(value, (dict, list)) and value is not None:
            assert found[key] == value
    if "disks" in first and "disks" in second:
        assert max(len(first["disks"]), len(second["disks"])) <= len(found["disks"]) <= len(first["disks"]) + len(second["disks"])


def test_the_same_disk_in_two_notations():
    inside = {"disks": [{"name": "/dev/sda", "serial": None, "wwn_with_extension": "0x5000C500A1B2C3D4", "model": "A"}]}
    outside = {"disks": [{"name": "Disk 0", "serial": "S1", "wwn_with_extension": "0x5000c500a1b2c3d4", "model": "B"}, {"name": "Disk 1", "serial": "S2"}]}
    assert merged(inside, outside)["disks"] == [
        {"name": "/dev/sda", "serial": "S1", "wwn_with_extension": "0x5000C500A1B2C3D4", "model": "A"}, {"name": "Disk 1", "serial": "S2"}]


def test_what_is_kept_of_three_inspections():
    one = inspections.renewed({}, "in-band", {"cpu": {"count": 8}})
    two = inspections.renewed(one, "out-of-band", {"cpu": {"count": 9, "vendor": "ACME"}})
    three = inspections.renewed(two, "in-band", {"cpu": {"count": 4}})
    assert inspections.hardware({}) is None
    assert inspections.hardware(one) == {"cpu": {"count": 8}}
    assert inspections.hardware(three) == {"cpu": {"count": 4, "vendor": "ACME"}}
    assert (three["in-band"]["previous"], three["in-band"]["drift"]) == (one["in-band"]["at"], [{"field": "cpu.count", "before": 8, "after": 4}])
    assert three["out-of-band"] == two["out-of-band"] and two["out-of-band"]["drift"] == []
