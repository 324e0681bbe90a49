# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.identity import refuse_other_machine, says_something
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
OTHER = "00000000-1111-4222-8333-444444444444"


def refuse(evidence, system_uuid, serial):
    return refuse_other_machine(lambda names: evidence if isinstance(evidence, list) else [evidence], system_uuid, serial)


def told(system_uuid=None, serial=None, sku=None):
    return {"system_uuid": system_uuid, "serial": serial, "sku": sku}


@pytest.mark.parametrize("bmc, wanted", [
    (told(UUID.upper(), "X"), (UUID, None)),
    (told("0a2d1f7f-531f-1b4d-9c3b-2f0f3d1f6a10"), (UUID, None)),
    (told(OTHER, "S1"), (UUID, "s1 ")),
    (told(OTHER, "BOARD", "TAG"), (UUID, "TAG")),
    (told(), (UUID, "S1")),
    (told(UUID), (None, "S1")),
    (told(OTHER, "S2"), (None, None)),
])
def test_machine_that_is_meant_or_cannot_be_told(bmc, wanted):
    assert refuse(bmc, *wanted) is None


@pytest.mark.parametrize("bmc, wanted, said", [
    (told(OTHER), (UUID, None), f"UUID {OTHER}, expected {UUID}"),
    (told(None, "S2"), (UUID, "S1"), "serial number S2, expected S1"),
    (told(OTHER, "BOARD", "TAG"), (UUID, "S1"), "SKU TAG, expected S1"),
])
def test_another_machine(bmc, wanted, said):
    with pytest.raises(BaremetalError, match="belongs to another machine.*" + said):
        refuse(bmc, *wanted)


FILLERS = [None, "", " ", "0123456789", "To be filled by O.E.M.", "To Be Filled By O.E.M", "Default string", "N/A", "None", "xxxxxxx", "0000000", "....",
           "Not Specified", "System Serial Number", 0]


@pytest.mark.parametrize("filler", FILLERS)
def test_what_nobody_filled_in_proves_nothing(filler):
    assert not says_something(filler)
    assert refuse(told(None, filler, filler), None, "S1") is None
    with pytest.raises(BaremetalError, match="UUID"):
        refuse(told(OTHER, filler), UUID, filler)


@pytest.mark.parametrize("none", [str(uuid.UUID(int=0)), str(uuid.UUID(int=2 ** 128 - 1)), "03000200-0400-0500-0006-000700080009"])
def test_uuid_of_no_machine_proves_nothing(none):
    assert refuse(told(none), UUID, None) is None and refuse(told(OTHER), none, None) is None
    with pytest.raises(BaremetalError, match="serial number S2"):
        refuse(told(none, "S2"), none, "S1")


@given(st.uuids(), st.sampled_from([lambda raw: raw, lambda raw: uuid.UUID(bytes_le=raw).bytes]),
       st.sampled_from([lambda raw: raw, lambda raw: raw[::-1], lambda raw: uuid.UUID(bytes=raw).bytes_le]))
def test_every_order_of_bytes_agrees(machine, noted, sent):
    """However the record and the BMC write it; the BMC's bytes are read in the order that most boards have."""
    assert refuse(told(str(uuid.UUID(bytes_le=sent(machine.bytes)))), str(uuid.UUID(bytes=noted(machine.bytes))), None) is None


def test_nothing_is_asked_for_once_one_fact_agrees_or_where_nothing_is_known():
    asked = []

    def evidence(names):
        for piece in ({"system_uuid": OTHER}, {"system_uuid": UUID}, {"serial": "S2"}):
            asked.append((names, piece))
            yield piece

    refuse_other_machine(evidence, None, "To be filled by O.E.M.")
    assert not asked
    refuse_other_machine(evidence, UUID, "S1")
    assert asked == [(frozenset({"system_uuid", "serial"}), {"system_uuid": value}) for value in (OTHER, UUID)]


@pytest.mark.parametrize("pieces, uuid_wanted, asked", [
    ([{"system_uuid": UUID}, {"serial": "S2"}], UUID, 1),
    ([{"system_uuid": None}, {"serial": "S2"}], UUID, 1),
    ([{}, {"serial": "S2"}], None, 1),
    ([{"system_uuid": OTHER}, {"system_uuid": None}, {"serial": "S2"}], UUID, 2),
    ([{"system_uuid": OTHER}, {"serial": "S1"}, {"parts": []}], UUID, 2),
])
def test_without_a_doubt_nothing_is_asked_for(pieces, uuid_wanted, asked):
    given = []

    def evidence(names):
        for piece in pieces:
            given.append(piece)
            yield piece

    refuse_other_machine(evidence, uuid_wanted, "S1", only_in_doubt=True)
    assert given == pieces[:asked]


def test_doubt_that_is_confirmed_is_told():
    with pytest.raises(BaremetalError, match="UUID.*serial number S2, expected S1"):
        refuse_other_machine(lambda names: [{"system_uuid": OTHER}, {"serial": "S2"}], UUID, "S1", only_in_doubt=True)


def test_later_evidence_takes_the_place_and_parts_only_agree():
    assert refuse([{"system_uuid": OTHER}, {"system_uuid": None}, {"serial": None}, {"parts": ["CHASSIS", None]}], UUID, "S1") is None
    assert refuse([{"system_uuid": OTHER}, {"serial": "S2"}, {"parts": ["CHASSIS", "S1 "]}], UUID, "s1") is None
    with pytest.raises(BaremetalError, match="UUID.*serial number S2, expected S1"):
        refuse([{"system_uuid": OTHER}, {"serial": "S2"}, {"parts": ["CHASSIS"]}], UUID, "S1")


@given(st.uuids(), st.text(), st.one_of(st.none(), st.text()))
def test_whatever_a_bmc_tells(wanted, text, serial):
    try:
        refuse(told(text, serial), str(wanted), "S1")
    except BaremetalError:
        assert str(wanted) != text and serial != "S1"
    assert refuse(told(str(uuid.UUID(bytes=wanted.bytes_le))), str(wanted), None) is None
