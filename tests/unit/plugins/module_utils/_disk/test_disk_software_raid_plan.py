# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules for software RAID, and where its partitions are."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.software_raid_plan import (
    LEVELS, MIB, checked_target, choose_holders, layout, wrong_number)
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st


def logical(**more):
    return {"size_gb": "MAX", "raid_level": "1", "controller": "software", **more}


def disk(number, gibibytes=100):
    return {"name": "/dev/sd" + "abcdefgh"[number], "size": int(gibibytes * GIB), "serial": "S%d" % number, "model": "M", "wwn": None, "tran": "sata",
            "by_path": None}


def test_what_is_left_out_has_the_names_of_ironic():
    assert checked_target({"logical_disks": [logical(size_gb="50"), logical(raid_level=5, volume_name="data")]}) == [
        {"size_gb": 50, "raid_level": "1", "controller": "software", "physical_disks": None, "volume_name": "md0", "is_root_volume": True},
        {"size_gb": "MAX", "raid_level": "5", "controller": "software", "physical_disks": None, "volume_name": "data", "is_root_volume": False}]


@pytest.mark.parametrize("disks, words", [
    ([], "0 logical disks, and software RAID takes one or two"),
    ([logical(size_gb=1), logical(size_gb=1), logical()], "3 logical disks"),
    ([logical(raid_level="5")], "the first logical disk has to be RAID 1"),
    ([logical(), logical()], "only one logical disk can have the size MAX"),
    ([logical(size_gb=1), logical(controller="RAID.1")], r"logical_disks\[1\]: controller is RAID.1, and all have to be software"),
    ([logical(controller=None)], "controller is missing"),
    ([logical(size_gb=0)], "size_gb is neither"),
    ([logical(size_gb=True)], "size_gb is neither"),
    ([logical(size_gb="much")], "size_gb is neither"),
    ([logical(raid_level="2")], "raid_level is none of 0, 1, 5, 6, 1[+]0"),
    ([logical(raid_level=[])], "raid_level is none of"),
    ([logical(volume_name="esp")], "volume_name has to be"),
    ([logical(volume_name="../x")], "volume_name has to be"),
    ([logical(volume_name=7)], "volume_name has to be"),
    ([logical(size_gb=1, volume_name="a"), logical(volume_name="a")], "two logical disks have the same volume_name"),
    ([logical(size_gb=1), logical(is_root_volume=True)], "the root volume is the first logical disk"),
    ([logical(is_root_volume="no")], "is_root_volume is neither"),
    ([logical(disk_type="ssd")], "unknown keys: disk_type"),
    ([logical(physical_disks=["sda", "sdb"])], "physical_disks has to be a list of root device hints"),
    ([logical(physical_disks=[{"serial": "S0"}])], "RAID 1 takes 2 or more disks, not 1"),
    ([logical(physical_disks=[{"serial": "S0"}, {"name": "/dev/sda"}])], "kernel names such as /dev/sda change"),
    ([logical(physical_disks=[{"serial": "S0"}, {}])], "no root device hints are given"),
    ([logical(size_gb=1), logical(raid_level="1+0", physical_disks=[{"serial": "S"}] * 5)], "takes 4 or more disks, an even number of them, not 5"),
])
def test_what_breaks_a_rule_is_told(disks, words):
    with pytest.raises(BaremetalError, match=words):
        checked_target({"logical_disks": disks})


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["logical_disks", "software", "MAX", "1"]),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.sampled_from(
                        ["logical_disks", "size_gb", "raid_level", "controller", "physical_disks", "volume_name"]), inner, max_size=4)))
def test_nothing_that_is_given_is_a_traceback(target):
    for given_target in (target, {"logical_disks": target}, {"logical_disks": [target]}):
        try:
            checked_target(given_target)
        except BaremetalError as error:
            assert "the target configuration is not right" in str(error)


def test_holders():
    disks = [disk(0), disk(1), disk(2, 500)]
    everywhere, named = logical(size_gb=10), logical(physical_disks=[{"size": ">= 100"}, {"size": ">= 100"}])
    found = choose_holders(checked_target({"logical_disks": [everywhere, named]}), disks, {})
    assert [[one["serial"] for one in group] for group in found] == [["S0", "S1", "S2"], ["S0", "S1"]]
    with pytest.raises(BaremetalError, match="logical disk 1 cannot be made: RAID 6 takes 4 or more disks, not 3.*/dev/sdc .500.0 GiB.*/dev/sdz: it is out"):
        choose_holders(checked_target({"logical_disks": [everywhere, logical(raid_level="6")]}), disks, {"/dev/sdz": "it is out"})


@pytest.mark.parametrize("hint", ["s!= S0", "<or> S1 <or> S2"])
def test_a_disk_that_is_written_is_chosen_by_its_serial_and_by_no_other_form_of_it(hint):
    disks = [{**disk(number), "serial_long": "M_S%d" % number} for number in range(3)]
    found = choose_holders(checked_target({"logical_disks": [logical(physical_disks=[{"serial": hint}] * 2)]}), disks, {})
    assert [one["serial"] for one in found[0]] == ["S1", "S2"]
    with pytest.raises(BaremetalError, match="no disk is left"):
        choose_holders(checked_target({"logical_disks": [logical(physical_disks=[{"serial": "M_S0"}, {"serial": "M_S1"}])]}), disks, {})


@pytest.mark.parametrize("mode, front", [("uefi", 551), ("bios", 8)])
def test_max_comes_last_on_the_disk_and_nothing_overlaps(mode, front):
    disks = checked_target({"logical_disks": [logical(), logical(size_gb=30, raid_level="5")]})
    plan = layout(disks, [[disk(0), disk(1)], [disk(0), disk(1), disk(2)]], mode)
    assert [(one["number"], one["start"] // MIB, one["size"] // MIB) for one in plan["tables"]["/dev/sda"]] == [
        (1, 1, front - 1), (2, front, 15 * 1024), (3, front + 15 * 1024, 100 * 1024 - 1 - front - 15 * 1024)]
    # A disk that the system does not start from needs no room for that.
    assert [(one["number"], one["start"] // MIB) for one in plan["tables"]["/dev/sdc"]] == [(1, 1)]
    assert [(array["name"], array["members"]) for array in plan["arrays"]][:2] == [
        ("md0", [("/dev/sda", 3), ("/dev/sdb", 3)]), ("md1", [("/dev/sda", 2), ("/dev/sdb", 2), ("/dev/sdc", 1)])]
    assert plan["arrays"][2:] == ([] if mode == "bios" else [
        {"name": "esp", "level": "1", "metadata": "1.0", "members": [("/dev/sda", 1), ("/dev/sdb", 1)], "logical_disk": None}])


def test_what_does_not_fit():
    disks = checked_target({"logical_disks": [logical(size_gb=60), logical(size_gb=60)]})
    with pytest.raises(BaremetalError, match="logical disk 1 .RAID 1, 60 GiB. does not fit.*60.0 GiB of each disk are needed; .*39.5 GiB are left"):
        layout(disks, [[disk(0), disk(1)]] * 2, "uefi")


@given(level=st.sampled_from(sorted(LEVELS)), size=st.integers(1, 300), sizes=st.lists(st.floats(1, 120), min_size=2, max_size=8),
       second=st.one_of(st.just("MAX"), st.integers(1, 300)))
def test_an_array_holds_what_was_asked_for(level, size, sizes, second):
    disks = [disk(number, gibibytes) for number, gibibytes in enumerate(sizes)]
    target = checked_target({"logical_disks": [logical(size_gb=size), logical(size_gb=second, raid_level=level)]})
    try:
        holders = choose_holders(target, disks, {})
        plan = layout(target, holders, "uefi")
    except BaremetalError as error:
        assert wrong_number(level, len(disks)) or "does not fit" in str(error)
        return
    for one in disks:
        end = MIB
        for part in plan["tables"][one["name"]]:
            assert part["start"] == end and part["start"] % MIB == part["size"] % MIB == 0 and part["size"] > 0
            end += part["size"]
        assert end <= one["size"] - MIB
    for array, wanted in zip(plan["arrays"], target):
        smallest = min(plan["tables"][name][number - 1]["size"] for name, number in array["members"])
        holds = LEVELS[array["level"]].space(len(array["members"])) * smallest
        assert wanted["size_gb"] == "MAX" or wanted["size_gb"] * GIB <= holds < wanted["size_gb"] * GIB + len(disks) * MIB
