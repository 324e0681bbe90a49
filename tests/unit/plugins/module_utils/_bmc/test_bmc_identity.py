# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import uuid

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.identity import refuse_other_machine
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

UUID = "7f1f2d0a-1f53-4d1b-9c3b-2f0f3d1f6a10"
OTHER = "00000000-1111-4222-8333-444444444444"


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
    assert refuse_other_machine(bmc, *wanted) is None


@pytest.mark.parametrize("bmc, wanted, said", [
    (told(OTHER), (UUID, None), f"UUID {OTHER}, expected {UUID}"),
    (told(None, "S2"), (UUID, "S1"), "serial number S2, expected S1"),
    (told(OTHER, "BOARD", "TAG"), (UUID, "S1"), "SKU TAG, expected S1"),
])
def test_another_machine(bmc, wanted, said):
    with pytest.raises(BaremetalError, match="belongs to another machine.*" + said):
        refuse_other_machine(bmc, *wanted)


@given(st.uuids(), st.text(), st.one_of(st.none(), st.text()))
def test_whatever_a_bmc_tells(wanted, text, serial):
    try:
        refuse_other_machine(told(text, serial), str(wanted), "S1")
    except BaremetalError:
        assert str(wanted) != text and serial != "S1"
    assert refuse_other_machine(told(str(uuid.UUID(bytes=wanted.bytes_le))), str(wanted), None) is None
