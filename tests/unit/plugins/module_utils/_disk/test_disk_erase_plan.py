# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which method is chosen for a disk, and why the others are not."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.erase_plan import GRADES, METHODS, candidates, choose, duration, line
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given, settings
from hypothesis import strategies as st

TERA = 10 ** 12
HDD = {"name": "/dev/sda", "size": TERA, "serial": "S1", "model": "M", "tran": "sata", "rotational": True}
SSD = dict(HDD, rotational=False)
NVME = dict(SSD, name="/dev/nvme0n1", tran="nvme")
NOTHING = {"format": False, "format_all": False, "erase_all": False, "format_crypto": False, "sanitize": [], "seconds": {}}
SECURITY = {"supported": True, "enabled": False, "locked": False, "frozen": False, "expired": False, "enhanced": True, "minutes": 2, "enhanced_minutes": 2}

SANITIZE = {"actions": [], "antifreeze": True, "state": "idle"}


def chosen(disk, able, grade, **options):
    found = choose(disk, able, grade, **options)["chosen"]
    return found["method"], found["technique"], found["grade"]


@pytest.mark.parametrize("disk,able,grade,expected", [
    (HDD, {}, "metadata", ("metadata", None, "metadata")),
    (HDD, {}, "clear", ("overwrite", None, "clear")),
    (SSD, {"discard": True}, "clear", ("discard", None, "clear")),
    (SSD, {"ata": SECURITY}, "clear", ("ata_secure_erase", "enhanced", "clear")),
    (HDD, {"ata": SECURITY}, "purge", ("ata_secure_erase", "enhanced", "purge")),
    (SSD, {"ata": dict(SECURITY, frozen=True)}, "clear", ("overwrite", None, "clear")),
    (HDD, {"ata": dict(SECURITY, enabled=True, locked=True, enhanced=False)}, "clear", ("ata_secure_erase", "normal", "clear")),
    (NVME, {"nvme": dict(NOTHING, format=True, format_crypto=True)}, "purge", ("nvme_format", "crypto", "purge")),
    (NVME, {"nvme": dict(NOTHING, format=True)}, "clear", ("nvme_format", "user_data", "clear")),
    (NVME, {"nvme": dict(NOTHING, format=True, sanitize=["block"])}, "purge", ("nvme_sanitize", "block", "purge")),
    # The drive's own estimate counts.
    (NVME, {"nvme": dict(NOTHING, sanitize=["block", "overwrite"], seconds={"block": 9000, "overwrite": 300})}, "purge",
     ("nvme_sanitize", "overwrite", "purge")),
    # The drive of an erase that was cut off takes nothing but a sanitize.
    (NVME, {"nvme": dict(NOTHING, format=True, format_crypto=True, sanitize=["block"], state="running"), "discard": True}, "clear",
     ("nvme_sanitize", "block", "purge")),
    (HDD, {"scsi": ["crypto", "overwrite"]}, "clear", ("scsi_sanitize", "crypto", "purge")),
    # What reaches purge on an SSD, also where the firmware has frozen the other commands.
    (SSD, {"ata": dict(SECURITY, frozen=True), "ata_sanitize": dict(SANITIZE, actions=["block", "overwrite"])}, "purge", ("ata_sanitize", "block", "purge")),
    (HDD, {"ata": dict(SECURITY, enhanced=False), "ata_sanitize": dict(SANITIZE, actions=["overwrite"])}, "purge", ("ata_sanitize", "overwrite", "purge")),
    (SSD, {"ata_sanitize": dict(SANITIZE, actions=["overwrite"])}, "clear", ("ata_sanitize", "overwrite", "clear")),
    # Whatever would read or write it is closed in the middle of a sanitize.
    (SSD, {"ata": SECURITY, "ata_sanitize": dict(SANITIZE, actions=["block"], state="running"), "discard": True}, "clear", ("ata_sanitize", "block", "purge")),
    (SSD, {"ata": SECURITY, "ata_sanitize": dict(SANITIZE, actions=["block"], state="failed"), "discard": True}, "clear", ("ata_sanitize", "block", "purge")),
])
def test_the_cheapest_that_is_enough(disk, able, grade, expected):
    assert chosen(disk, able, grade) == expected


@pytest.mark.parametrize("disk,able,way,limit", [
    # The drive's own estimate.
    (NVME, {"nvme": dict(NOTHING, sanitize=["block"], seconds={"block": 90})}, ("nvme_sanitize", "block"), 690),
    (SSD, {"ata": dict(SECURITY, minutes=30)}, ("ata_secure_erase", "normal"), 5400),
    # It tells none: as long as writing everything three times.
    (SSD, {"scsi": ["block"]}, ("scsi_sanitize", "block"), 7500),
    (SSD, {"ata_sanitize": dict(SANITIZE, actions=["block"])}, ("ata_sanitize", "block"), 7500),
    (SSD, {"discard": True}, ("discard", None), 7500),
    (HDD, {}, ("overwrite", None), 20001),
    # An hour more than the estimate, where that is more or where the size does not matter.
    (NVME, {"nvme": dict(NOTHING, sanitize=["block"], seconds={"block": None})}, ("nvme_sanitize", "block"), 4600),
    (dict(SSD, size=TERA // 10), {"scsi": ["block"]}, ("scsi_sanitize", "block"), 3850),
    (HDD, {"scsi": ["crypto"]}, ("scsi_sanitize", "crypto"), 3610),
])
def test_how_long_a_disk_may_take(disk, able, way, limit):
    assert [one["limit"] for one in candidates(disk, able) if (one["method"], one["technique"]) == way] == [limit]


@pytest.mark.parametrize("able,seen", [
    ({}, "no method of this kind of drive"),
    ({"ata": dict(SECURITY, frozen=True)}, "ata_secure_erase: the firmware froze"),
    ({"ata_sanitize": dict(SANITIZE, actions=["crypto"], state="frozen")}, "ata_sanitize: its sanitize commands are frozen"),
    ({"problems": {"ata_secure_erase": "the program hdparm is needed and not installed"}}, "hdparm is needed"),
])
def test_a_grade_out_of_reach_says_why(able, seen):
    with pytest.raises(BaremetalError, match="cannot be erased to the grade purge. Seen: .*%s" % seen):
        choose(HDD, able, "purge")
    found = choose(HDD, able, "purge", fallback="clear")
    assert found["chosen"]["grade"] == "clear"
    assert seen in found["weaker"]


def test_methods_that_may_not_be_used_are_named():
    with pytest.raises(BaremetalError, match="not among the methods that may be used: overwrite"):
        choose(HDD, {}, "clear", methods=["nvme_format"])
    # What erase_devices_express is: a format where there is one, otherwise the metadata.
    assert chosen(HDD, {}, "clear", methods=["nvme_format"], fallback="metadata")[0] == "metadata"


@pytest.mark.parametrize("flags,methods", [
    ({"erase_all": True}, set()), ({"format_all": True}, set()), ({}, {"nvme_format"}),
])
def test_other_namespaces_are_not_erased_along(flags, methods):
    able = {"nvme": dict(NOTHING, format=True, sanitize=["crypto"], **flags), "siblings": ["/dev/nvme0n2"]}
    closed = {one["method"]: one["reason"] for one in candidates(NVME, able) if one["reason"]}
    assert {"nvme_format", "nvme_sanitize"} - set(closed) == methods
    assert "would also erase /dev/nvme0n2" in closed["nvme_sanitize"]


ABLE = st.fixed_dictionaries({}, optional={
    "nvme": st.fixed_dictionaries({
        **{name: st.booleans() for name in ("format", "format_all", "erase_all", "format_crypto")},
        "sanitize": st.lists(st.sampled_from(["crypto", "block", "overwrite"]), unique=True),
        "state": st.sampled_from(["never", "done", "running", "failed"]),
        "seconds": st.dictionaries(st.sampled_from(["crypto", "block", "overwrite"]), st.none() | st.integers(0, 10 ** 6))}),
    "ata": st.fixed_dictionaries({
        **{name: st.booleans() for name in ("supported", "enabled", "locked", "frozen", "expired", "enhanced")},
        "minutes": st.none() | st.integers(0, 600), "enhanced_minutes": st.none() | st.integers(0, 600)}),
    "ata_sanitize": st.fixed_dictionaries({
        "actions": st.lists(st.sampled_from(["crypto", "block", "overwrite"]), unique=True), "antifreeze": st.booleans(),
        "state": st.sampled_from(["idle", "frozen", "running", "failed"])}),
    "scsi": st.lists(st.sampled_from(["crypto", "block", "overwrite"]), unique=True),
    "discard": st.booleans(),
    "siblings": st.lists(st.just("/dev/nvme0n2"), max_size=1),
})


@settings(deadline=None)
@given(st.sampled_from([HDD, SSD, NVME]), ABLE, st.sampled_from(GRADES), st.lists(st.sampled_from(METHODS), unique=True), st.sampled_from([None, *GRADES[:2]]))
def test_never_less_than_was_accepted(disk, able, grade, methods, fallback):
    floor = GRADES.index(grade if fallback is None else min(grade, fallback, key=GRADES.index))
    try:
        found = choose(disk, able, grade, methods=methods, fallback=fallback)
    except BaremetalError as error:
        assert error.seen and error.cure
        return
    ways = [found["chosen"], *found["instead"]]
    for way in ways:
        assert way["reason"] is None
        assert GRADES.index(way["grade"]) >= floor
        assert way["method"] in methods or way["method"] == "metadata"
        # Data that nobody asked to erase stays.
        assert (way["method"] == "metadata") == (way["grade"] == "metadata")
    assert fallback or len(ways) == 1
    assert (found["weaker"] is not None) == (GRADES.index(ways[0]["grade"]) < GRADES.index(grade))
    cheaper = [one for one in candidates(disk, able) if one["reason"] is None and one["method"] in methods and GRADES.index(one["grade"]) >= GRADES.index(grade)
               and one["seconds"] < ways[0]["seconds"] and grade != "metadata"]
    assert not cheaper
    assert disk["serial"] in line(disk, found, ["LVM volume"])


@pytest.mark.parametrize("seconds,text", [(40, "40 s"), (720, "12 min"), (12600, "3.5 h")])
def test_durations_as_people_say_them(seconds, text):
    assert duration(seconds) == text
