# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of RAID volumes: what fits is found, what does not is told drive by drive."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import raid_plan
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.raid_plan import (
    GIB,
    LEVELS,
    MAX,
    capacity,
    checked_target,
    matched,
    plan,
)
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.random_json import anything
from hypothesis import given, settings
from hypothesis import strategies as st


def drive(number, controller="1", gib=400, kind="ssd", interface="sas", **more):
    return {"path": f"/redfish/v1/Drives/{controller}-{number:02}", "id": f"Bay.{number}", "name": f"Drive {number}",
            "serial": f"SN{controller}{number}",
            "bytes": gib * GIB, "type": kind, "interface": interface, "why_not": None, "controller": controller,
            "controller_names": ["SIM-RAID"],
            "raid_types": None, "passed_through": None, **more}


def volume(number, drives, level="1", gib=400, **more):
    return {"path": f"/redfish/v1/Volumes/{number}", "id": str(number), "name": f"volume {number}", "raid_level": level, "bytes": gib * GIB,
            "drives": [one["path"] for one in drives], "controller": "1", "controller_names": [], "wwn": None, **more}


def ids(made):
    return [[one["id"] for one in entry["drives"]] for entry in made]


def disk(size=100, level="1", **more):
    return {"size_gb": size, "raid_level": level, **more}


def test_size_takes_as_few_and_as_little_as_will_do():
    drives = [drive(0, gib=400), drive(1, gib=400), drive(2, gib=100), drive(3, gib=100), drive(4, gib=100)]
    assert ids(plan([disk(100)], drives)) == [["Bay.2", "Bay.3"]]
    assert ids(plan([disk(101)], drives)) == [["Bay.0", "Bay.1"]]
    assert ids(plan([disk(150, "0")], drives)) == [["Bay.2", "Bay.3"]]


def test_max_takes_what_is_left():
    drives = [drive(number) for number in range(6)]
    made = plan([disk(MAX, "5"), disk(100)], drives)
    assert [len(entry["drives"]) for entry in made] == [4, 2]
    assert made[0]["bytes"] == 3 * 400 * GIB and made[0]["is_max"]
    assert ids(plan([disk(MAX, "5", number_of_physical_disks=3)], drives)) == [["Bay.0", "Bay.1", "Bay.2"]]


def test_a_choice_that_leads_nowhere_is_taken_back():
    """The first logical disk would fit on the small drives as well, which the second needs."""
    drives = [drive(0, gib=100, kind="hdd"), drive(1, gib=100, kind="hdd"), drive(2, gib=400), drive(3, gib=400)]
    assert ids(plan([disk(90), disk(90, disk_type="hdd")], drives)) == [["Bay.2", "Bay.3"], ["Bay.0", "Bay.1"]]


def test_named_drives_come_first_whatever_their_order():
    drives = [drive(0), drive(1), drive(2), drive(3)]
    made = plan([disk(100), disk(MAX, physical_disks=["sn10", "DRIVE 1"])], drives)
    assert ids(made) == [["Bay.2", "Bay.3"], ["Bay.0", "Bay.1"]]


def test_criteria_count():
    drives = [drive(0, interface="sata"), drive(1, interface="sata"), drive(2, "2"), drive(3, "2"), drive(4, kind="hdd"),
              drive(5, kind="hdd")]
    assert ids(plan([disk(interface_type="sata")], drives)) == [["Bay.0", "Bay.1"]]
    assert ids(plan([disk(controller="2")], drives)) == [["Bay.2", "Bay.3"]]
    assert ids(plan([disk(disk_type="hdd")], drives)) == [["Bay.4", "Bay.5"]]


def test_what_does_not_fit_is_told_for_each_drive():
    drives = [drive(0, why_not="state Absent"), drive(1, kind="hdd"), drive(2, interface="nvme"), drive(3), drive(4), drive(5),
              drive(6, raid_types=["RAID0"]), drive(7, "2")]
    with pytest.raises(BaremetalError, match="logical disk 1 .RAID 5, 100 GiB. does not fit") as caught:
        plan([disk(physical_disks=["Bay.3", "Bay.4"]), disk(level="5", disk_type="ssd", interface_type="sas", controller="1")], drives)
    assert caught.value.seen == (
        "3 or more drives alike are needed; Bay.0: state Absent; Bay.1: is hdd; Bay.2: has nvme; Bay.3: taken by logical disk 0; "
        "Bay.4: taken by logical disk 0; Bay.5: free, 400 GiB; too few of its kind are left, or too small; "
        "Bay.6: the controller 1 has no RAID 5; Bay.7: behind another controller, 2")


@pytest.mark.parametrize(("names", "more", "seen"), [
    (["Bay.0", "Bay.9"], {}, "Bay.9: there is no such drive"),
    (["Bay.0", "Bay.1"], {}, "Bay.1: the Id of several drives, give controller as well"),
    (["Bay.0", "SN10"], {}, "one drive is named twice"),
    (["Bay.0", "Bay.2"], {}, "behind several controllers"),
    (["Bay.0", "Bay.3"], {}, "they hold 50 GiB as RAID 1"),
    (["Bay.0", "Bay.4"], {}, "Bay.4: not healthy")])
def test_named_drives_that_do_not_fit_are_told(names, more, seen):
    drives = [drive(0), drive(1), drive(1, "2"), drive(2, "2"), drive(3, gib=50), drive(4, why_not="not healthy")]
    with pytest.raises(BaremetalError) as caught:
        plan([disk(physical_disks=names, **more)], drives)
    assert seen in caught.value.seen


drives_strategy = st.lists(st.tuples(
    st.sampled_from(["1", "2"]), st.sampled_from([100, 400]), st.sampled_from(["ssd", "hdd", None]), st.sampled_from(["sas", "sata"]),
    st.sampled_from([None, None, None, "not healthy"])), max_size=8).map(
        lambda items: [drive(number, *item[:4], why_not=item[4]) for number, item in enumerate(items)])
disks_strategy = st.lists(st.fixed_dictionaries(
    {"size_gb": st.sampled_from([1, 100, 150, 400, 900, MAX]), "raid_level": st.sampled_from(list(LEVELS))},
    optional={"disk_type": st.sampled_from(["ssd", "hdd"]), "interface_type": st.sampled_from(["sas", "sata"]),
              "controller": st.sampled_from(["1", "2"]),
              "number_of_physical_disks": st.integers(1, 8),
              "physical_disks": st.lists(st.integers(0, 7).map("Bay.{}".format), min_size=1, max_size=4, unique=True)}),
    min_size=1, max_size=3)


@settings(max_examples=300)
@given(disks=disks_strategy, drives=drives_strategy)
def test_a_plan_is_right(disks, drives):
    try:
        disks = checked_target({"logical_disks": disks})
        made = plan(disks, drives)
    except BaremetalError as error:
        assert error.seen and error.cure
        return
    used = list(itertools.chain.from_iterable(entry["drives"] for entry in made))
    assert len(used) <= len(drives)
    assert len({one["path"] for one in used}) == len(used)
    for entry, wanted in zip(made, disks, strict=True):
        level = LEVELS[wanted["raid_level"]]
        assert level.takes(len(entry["drives"]))
        assert len(entry["drives"]) == wanted.get("number_of_physical_disks", len(entry["drives"]))
        assert len({one["controller"] for one in entry["drives"]}) == 1
        most = capacity(wanted["raid_level"], [one["bytes"] for one in entry["drives"]])
        assert entry["bytes"] == (most if wanted["size_gb"] == MAX else wanted["size_gb"] * GIB) <= most
        for one in entry["drives"]:
            assert one["why_not"] is None
            assert wanted.get("disk_type") in (None, one["type"]) and wanted.get("interface_type") in (None, one["interface"])
            assert wanted.get("controller") in (None, one["controller"])
        if "physical_disks" in wanted:
            assert {one["id"] for one in entry["drives"]} == set(wanted["physical_disks"])


@settings(max_examples=200)
@given(sizes=st.lists(st.sampled_from([100, 400]), max_size=6), levels=st.lists(st.sampled_from(["0", "1", "5"]), min_size=1, max_size=3),
       size=st.sampled_from([50, 150, 300]))
def test_what_can_be_fitted_is_fitted(sizes, levels, size):
    """Against trying out all ways to hand out drives alike."""
    drives = [drive(number, gib=gib) for number, gib in enumerate(sizes)]
    disks = [disk(size, level) for level in levels]

    def possible(at, left):
        if at == len(disks):
            return True
        level = LEVELS[disks[at]["raid_level"]]
        return any(
            level.takes(count) and level.space(count) * gib >= size and possible(at + 1, {**left, gib: left[gib] - count})
            for gib in left for count in range(1, left[gib] + 1))

    try:
        plan(disks, drives)
        found = True
    except BaremetalError:
        found = False
    assert found == possible(0, {gib: sizes.count(gib) for gib in set(sizes)})


@settings(max_examples=200)
@given(disks=disks_strategy, drives=drives_strategy)
def test_a_plan_that_was_carried_out_is_matched(disks, drives):
    try:
        disks = checked_target({"logical_disks": disks})
        made = plan(disks, drives)
    except BaremetalError:
        return
    volumes = [volume(number, entry["drives"], wanted["raid_level"], bytes=entry["bytes"], controller=entry["drives"][0]["controller"])
               for number, (entry, wanted) in enumerate(zip(made, disks, strict=True))]
    assert len(matched(disks, volumes, drives)) == len(disks)


def test_no_end_is_put_to_a_search_that_is_too_large(monkeypatch):
    monkeypatch.setattr(raid_plan, "_MOST_STEPS", 50)
    drives = [drive(number, gib=100 + number) for number in range(30)]
    with pytest.raises(BaremetalError, match="does not fit"):
        plan([disk(50, "0")] * 31, drives)


def test_volumes_match_by_name_first_and_controllers_may_round():
    drives = [drive(0), drive(1), drive(2), drive(3)]
    volumes = [volume(1, drives[:2], name="data"), volume(2, drives[2:], name="system", gib=399.6)]
    found = matched([disk(400, volume_name="system"), disk(400)], volumes, drives)
    assert found[0]["id"] == "2" and found[1]["id"] == "1"
    assert matched([disk(MAX)], [volume(1, drives[:2], gib=390)], drives)
    assert not matched([disk(MAX)], [volume(1, drives[:2], gib=200)], drives)
    assert not matched([disk(390)], [volume(1, drives[:2])], drives)
    assert not matched([disk(400, disk_type="hdd")], volumes, drives)
    assert not matched([disk(400, physical_disks=["Bay.0", "Bay.2"])], volumes, drives)


@pytest.mark.parametrize(("target", "seen"), [
    ({}, "'logical_disks' is a required property"),
    ({"logical_disks": [{"size_gb": 0, "raid_level": "1"}]}, "0 is neither a whole number of GiB from 1 on nor MAX"),
    ({"logical_disks": [disk(level="JBOD")]}, "logical_disks[0].raid_level: 'JBOD' is none of 0, 1, 5, 6, 1+0, 5+0, 6+0"),
    ({"logical_disks": [disk(share_physical_disks=True)]}, "'share_physical_disks' was unexpected"),
    ({"logical_disks": [disk(is_root_volume=True), disk(is_root_volume=True)]}, "more than one is_root_volume"),
    ({"logical_disks": [disk(level="1", number_of_physical_disks=3)]}, "logical_disks[0]: RAID 1 takes 2 drives, not 3"),
    ({"logical_disks": [disk(level="1+0", physical_disks=["a", "b", "c", "d", "e"])]},
     "RAID 1+0 takes 4 or more, an even number of drives, not 5"),
    ({"logical_disks": [disk(physical_disks=["a", "b"], number_of_physical_disks=4, level="0")]},
     "2 physical_disks, and number_of_physical_disks 4")])
def test_wrong_target_is_told(target, seen):
    with pytest.raises(BaremetalError, match="target configuration is not right") as caught:
        checked_target(target)
    assert seen in caught.value.seen


def test_numbers_that_yaml_makes_are_taken():
    assert checked_target({"logical_disks": [{"size_gb": "100", "raid_level": 1, "physical_disks": [0, 1], "controller": None}]}) == [
        {"size_gb": 100, "raid_level": "1", "physical_disks": ["0", "1"]}]


@given(anything)
def test_random_targets_are_told(target):
    for value in (target, {"logical_disks": target}, {"logical_disks": [target]}):
        try:
            checked_target(value)
        except BaremetalError as error:
            assert error.seen
