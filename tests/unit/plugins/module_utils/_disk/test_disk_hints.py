# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Root device hints: grammar, meaning, and that a disk is never chosen by chance."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import hints
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk.devices import GIB
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

NAMES = ("/dev/sda", "/dev/sdb", "/dev/nvme0n1")


def disk(name="/dev/sda", **values):
    base = {"name": name, "size": 100 * GIB, "rotational": False, "serial": "S1", "model": "ACME Fast 100"}
    return dict({field: None for field in hints.TEXT_HINTS}, **dict(base, **values))


def meets(field, value, **values):
    (test,) = hints.parse({field: value}).values()
    return hints.matches(disk(**values), field, test)


@pytest.mark.parametrize(
    "value, yes, no",
    [
        (100, [100], [99, 101]),
        ("100", [100], [99]),
        ("== 100", [100], [101]),
        ("= 100", [100, 200], [99]),
        (">= 100", [100, 101], [99]),
        ("> 100", [101], [100]),
        ("< 100", [99], [100]),
        ("<= 100", [100], [100.5]),
        ("!= 100", [99, 101], [100]),
        ("<or> 50 <or> 100", [50, 100], [75]),
        ("<range-in> [ 50 100 ]", [50, 75, 100], [49, 101]),
        ("<range-in> ( 50 100 )", [51], [50, 100]),
        ("<range-in> ( 50 100 ]", [100], [50]),
    ],
)
def test_size_in_gib(value, yes, no):
    assert all(meets("size", value, size=int(size * GIB)) for size in yes)
    assert not any(meets("size", value, size=int(size * GIB)) for size in no)


@pytest.mark.parametrize(
    "value, yes, no",
    [
        ("s1", ["S1", "s1"], ["s12", ""]),
        (12345, ["12345"], ["1234"]),
        ("s== S1", ["s1"], ["s2"]),
        ("s!= S1", ["s2"], ["S1", None, ""]),
        ("s> b", ["c"], ["b", "a"]),
        ("s>= b", ["b"], ["a"]),
        ("s< b", ["a"], ["b"]),
        ("s<= b", ["b"], ["c"]),
        ("<in> ell", ["Hello"], ["help"]),
        ("<or> a b <or> c", ["a b", "C"], ["a", "d"]),
        ("<all-in> fast acme", ["ACME very FAST"], ["fast"]),
        ("<all-in> fast <all-in> acme", ["acme fast"], ["fast"]),
        ("s1", [["other", "S1"]], [["other"], []]),
    ],
)
def test_text(value, yes, no):
    assert all(meets("serial", value, serial=serial) for serial in yes)
    assert not any(meets("serial", value, serial=serial) for serial in no)


@pytest.mark.parametrize("value, wanted", [(True, True), ("yes", True), ("0", False), (False, False)])
def test_rotational(value, wanted):
    assert meets("rotational", value, rotational=wanted)
    assert not meets("rotational", value, rotational=not wanted)
    assert not meets("rotational", value, rotational=None)


@pytest.mark.parametrize(
    "bad, text",
    [
        ({}, "no root device hints"),
        (None, "no root device hints"),
        ({"name": "/dev/sda"}, "kernel names"),
        ({"serail": "x"}, "unknown root device hint serail"),
        ({"size": "big"}, "is not a number"),
        ({"size": -1}, "positive"),
        ({"size": "nan"}, "positive"),
        ({"size": True}, "a number of GiB"),
        ({"size": "s== 5"}, "does not compare numbers"),
        ({"size": "<range-in> 1 2"}, "a range looks like"),
        ({"rotational": "maybe"}, "true or false"),
        ({"serial": ""}, "it is empty"),
        ({"serial": "s=="}, "it is empty"),
        ({"serial": None}, "a text is expected"),
        ({"serial": ["a"]}, "a text is expected"),
        ({"model": ">= 5"}, "compares numbers"),
        ({"model": "<or> a <or>"}, "needs a value"),
        ({"model": "<all-in> <all-in>"}, "needs words"),
    ],
)
def test_bad_hints_are_refused(bad, text):
    with pytest.raises(BaremetalError, match=text) as caught:
        hints.select([disk()], bad, node="node1")
    assert str(caught.value).startswith("node1: root device: ")
    assert "\n" not in str(caught.value)
    assert caught.value.cure


def test_no_match_tells_what_speaks_against_each_disk():
    disks = [disk(wwn="0x5", tran="sata"), disk("/dev/sdb", serial=None), disk("/dev/sdc", serial="S9", size=5 * GIB)]
    with pytest.raises(hints.NoMatch) as caught:
        hints.select(disks, {"serial": "S9", "size": 100}, [{"tran": "sata"}], node="node1")
    text = str(caught.value)
    assert "no disk matches the root device hints {serial: S9, size: 100}" in text
    assert ("/dev/sda (100.0 GiB, serial S1, model ACME Fast 100, wwn 0x5, by sata): another serial, in skip_block_devices; "
            "/dev/sdb (100.0 GiB, serial none, model ACME Fast 100): another serial; "
            "/dev/sdc (5.0 GiB, serial S9, model ACME Fast 100): another size") in text


def test_disks_to_skip_are_not_candidates():
    disks = [disk(), disk("/dev/sdb", serial="S2"), disk("/dev/sdc", serial="S3")]
    assert hints.select(disks, {"size": 100}, [{"serial": "S1"}, {"serial": "s3"}]) is disks[1]
    with pytest.raises(BaremetalError, match="in skip_block_devices"):
        hints.select(disks, {"serial": "S1"}, [{"size": 100}])
    with pytest.raises(BaremetalError, match="volume_name in skip_block_devices is not understood"):
        hints.select(disks, {"serial": "S1"}, [{"volume_name": "data"}])


def test_a_kernel_name_is_taken_by_force_alone():
    disks = [disk(), disk("/dev/sdb")]
    assert hints.select(disks, {"name": "/dev/sdb", "force_name": True}) is disks[1]
    assert hints.select(disks, {"name": "/dev/sdb", "force_name": "yes", "size": 100}) is disks[1]
    for refused in ({"name": "/dev/sdb"}, {"name": "/dev/sdb", "force_name": False}, {"name": "/dev/sdb", "force_name": None}):
        with pytest.raises(BaremetalError, match="kernel names"):
            hints.select(disks, refused)
    with pytest.raises(BaremetalError, match="force_name is no hint by itself"):
        hints.select(disks, {"force_name": True})


def test_two_matches_list_only_those():
    disks = [disk(), disk("/dev/sdb", serial="S2"), disk("/dev/sdc", size=5 * GIB, serial="S3")]
    with pytest.raises(BaremetalError, match="2 disks match") as caught:
        hints.select(disks, {"size": 100})
    assert "S1" in caught.value.seen and "S2" in caught.value.seen and "S3" not in caught.value.seen


def test_no_disks_at_all():
    with pytest.raises(BaremetalError, match="Seen: no disk at all"):
        hints.select([], {"serial": "S1"})


plain = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=6)


@st.composite
def disk_sets(draw):
    count = draw(st.integers(0, len(NAMES)))
    return [
        disk(
            NAMES[number],
            size=draw(st.integers(1, 4)) * GIB,
            serial=draw(st.one_of(st.none(), st.sampled_from("abc"))),
            model=draw(st.one_of(st.none(), plain)),
            rotational=draw(st.booleans()),
        )
        for number in range(count)
    ]


operators = st.sampled_from(["", "s== ", "s!= ", "s>= ", "<in> ", "<or> ", "<all-in> "])
hint_sets = st.fixed_dictionaries(
    {},
    optional={
        "size": st.builds("{}{}".format, st.sampled_from(["", "= ", "!= ", "> ", "<= "]), st.integers(1, 4)),
        "serial": st.builds("{}{}".format, operators, st.sampled_from("abc")),
        "model": st.builds("{}{}".format, operators, plain),
        "rotational": st.booleans(),
    },
)


@given(disk_sets(), hint_sets)
def test_one_match_or_a_refusal(disks, wanted):
    """The chosen disk meets each hint alone and no other disk meets them all; else it is an error."""
    agreeing = []
    for one in disks:
        try:
            if all(hints.select([one], {field: value}) is one for field, value in wanted.items()) and wanted:
                agreeing.append(one)
        except BaremetalError:
            continue
    try:
        chosen = hints.select(disks, wanted)
    except BaremetalError:
        assert len(agreeing) != 1
    else:
        assert agreeing == [chosen]


@given(st.lists(st.floats(0.5, 5000), min_size=1), st.integers(1, 5000))
def test_number_operators_split_the_world(sizes, wanted):
    for size in sizes:
        size = int(size * GIB)
        assert meets("size", ">= %d" % wanted, size=size) != meets("size", "< %d" % wanted, size=size)
        assert meets("size", "<= %d" % wanted, size=size) != meets("size", "> %d" % wanted, size=size)
        assert meets("size", "= %d" % wanted, size=size) == meets("size", ">= %d" % wanted, size=size)


anything = st.one_of(st.text(), st.integers(), st.none(), st.booleans(), st.lists(st.text()))


@given(st.dictionaries(st.sampled_from(hints.HINTS + ("name", "x")), anything, min_size=1))
def test_any_input_is_parsed_or_refused_in_one_paragraph(wild):
    try:
        tests = hints.parse(wild)
    except BaremetalError as error:
        assert "\n" not in str(error)
    else:
        for field, test in tests.items():
            assert hints.matches(disk(), field, test) in (True, False)


@given(plain)
def test_case_never_matters(serial):
    assert meets("serial", serial.upper(), serial=serial.lower())
    assert meets("serial", "<in> " + serial.lower(), serial="x" + serial.upper() + "y")


def test_an_array_is_meant_by_its_name_alone():
    array = dict(disk("/dev/md0", serial=None), volume_name="system")
    assert hints.select([disk(), array], {"volume_name": "system"}) is array
    with pytest.raises(hints.NoMatch, match="another volume_name"):
        hints.select([disk(), array], {"volume_name": "data"})


@pytest.mark.parametrize(("entry", "skipped"), [
    # A volume of a RAID controller, a SAS disk, and a SATA disk, as udev and lsblk have them.
    ({"wwn": "0x6d0946606b1e5c00"}, [True, False, False]),
    ({"wwn": "0x6d0946606b1e5c002c9f3e1a0bb7001d"}, [True, False, False]),
    ({"serial": "6d0946606b1e5c002c9f3e1a0bb7001d"}, [True, False, False]),
    ({"serial": "5000c500a1b2c3d4"}, [False, True, False]),
    ({"serial": "ZA1234XY"}, [False, True, False]),
    ({"serial": "S3Z8NB0K123456"}, [False, False, True]),
    # As udev writes it, behind the model, which is no serial number.
    ({"serial": "SAMSUNG_MZ7LH480_S3Z8NB0K123456"}, [False, False, False]),
    ({"serial": "<in> 480"}, [False, False, False]),
    ({"serial": "<in> 3Z8NB"}, [False, False, True]),
    ({"serial": "S3Z8NB0K123456", "model": "other"}, [False, False, False]),
    # What denies is true of one form or another, and is asked of the first alone.
    ({"serial": "s!= S3Z8NB0K123456"}, [True, True, False]),
    ({"serial": "s!= ZA1234XY"}, [True, False, True]),
    ({"wwn": "s!= 0x6d0946606b1e5c002c9f3e1a0bb7001d"}, [False, True, False]),
    ({"serial": "AMSUNG_MZ7LH480_S3Z8NB0K123456"}, [False, False, False]),
])
def test_a_disk_is_skipped_by_the_names_of_ironic_too(entry, skipped):
    volume = disk(serial="00b70b1a3e9f2c005c1e6b604609d", serial_long="36d0946606b1e5c002c9f3e1a0bb7001d", wwn="0x6d0946606b1e5c002c9f3e1a0bb7001d",
                  wwn_with_extension="0x6d0946606b1e5c002c9f3e1a0bb7001d", wwn_vendor_extension="0x2c9f3e1a0bb7001d")
    sas = disk(serial="ZA1234XY", serial_long="35000c500a1b2c3d4", wwn="0x5000c500a1b2c3d4", wwn_with_extension="0x5000c500a1b2c3d4")
    sata = disk(serial="S3Z8NB0K123456", serial_long="SAMSUNG_MZ7LH480_S3Z8NB0K123456")
    assert [hints.is_skipped(one, hints.skip_list([entry])) for one in (volume, sas, sata)] == skipped
    # What is to be written is not chosen by them.
    assert not meets("wwn", "0x6d0946606b1e5c00", **{key: value for key, value in volume.items() if key != "name"})
