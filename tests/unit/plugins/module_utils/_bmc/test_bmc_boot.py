# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot devices: sent when needed, believed when read back."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Board, Clock
from hypothesis import given
from hypothesis import strategies as st

settings = st.fixed_dictionaries({
    "device": st.sampled_from(["pxe", "disk", "cdrom", "bios", "none"]),
    "persistent": st.booleans(),
    "mode": st.sampled_from(["uefi", "bios", None]),
})


@given(first=settings, wanted=settings)
def test_second_time_changes_nothing(first, wanted):
    board = Board(Clock())
    ensure_boot_device(board, **first)
    prediction = ensure_boot_device(board, **wanted, check_mode=True)
    result = ensure_boot_device(board, **wanted)
    assert result["after"]["device"] == wanted["device"]
    assert result["changed"] == prediction["changed"]
    board.done.clear()
    assert not ensure_boot_device(board, **wanted)["changed"]
    assert not board.done


@pytest.mark.parametrize(("firm", "mode", "sent"), [(True, "uefi", None), (True, "bios", "bios"), (True, None, None), (False, "uefi", "uefi")])
def test_mode_is_sent_only_where_it_differs_or_belongs_to_the_request(firm, mode, sent):
    board = Board(Clock())
    board.MODE_IS_FIRM = firm
    ensure_boot_device(board, "pxe", mode=mode)
    assert board.done[0][3] == sent


def test_other_device_is_an_error():
    board = Board(Clock(), keeps=lambda boot: {**boot, "device": "cdrom"})
    with pytest.raises(BaremetalError, match="Seen: the BMC kept cdrom"):
        ensure_boot_device(board, "pxe")


def test_other_persistence_is_a_warning_and_no_change_when_nothing_changed():
    board = Board(Clock(), keeps=lambda boot: {**boot, "persistent": True})
    warnings = []
    assert ensure_boot_device(board, "pxe", warn=warnings.append)["changed"]
    assert not ensure_boot_device(board, "pxe", warn=warnings.append)["changed"]
    assert len(warnings) == 2


def test_other_mode_is_an_error_where_it_is_the_machine_s_and_else_a_warning():
    board = Board(Clock(), keeps=lambda boot: {**boot, "mode": "bios"})
    warnings = []
    board.MODE_IS_FIRM = False
    ensure_boot_device(board, "pxe", mode="uefi", warn=warnings.append)
    assert len(warnings) == 1
    board.MODE_IS_FIRM = True
    with pytest.raises(BaremetalError, match="did not take the boot mode uefi. Seen: the BMC kept bios"):
        ensure_boot_device(board, "pxe", mode="uefi")
