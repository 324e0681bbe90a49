# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Boot devices: sent when needed, believed when read back."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc.boot import check_request, ensure_boot_device
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.board import Board, Clock
from hypothesis import given
from hypothesis import strategies as st

settings = st.fixed_dictionaries({
    "device": st.sampled_from(["pxe", "disk", "cdrom", "usb", "bios", "none"]),
    "persistent": st.booleans(),
    "mode": st.sampled_from(["uefi", "bios", None]),
}).filter(lambda boot: boot["device"] != "none" or boot["mode"] is None)


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
        ensure_boot_device(board, "pxe", sleep=board.clock.sleep)
    assert board.clock() <= 5


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
        ensure_boot_device(board, "pxe", mode="uefi", sleep=board.clock.sleep)


def test_bmc_that_tells_late_what_it_took():
    board = Board(Clock())
    taken, answers = board.get_boot, [{"device": "disk", "persistent": True, "mode": "uefi"}] * 3
    board.get_boot = lambda: answers.pop(0) if answers else taken()
    assert ensure_boot_device(board, "pxe", sleep=board.clock.sleep)["after"]["device"] == "pxe"
    assert 0 < board.clock() <= 3


def test_uri_is_read_back():
    board = Board(Clock())
    wanted = {"device": "http", "uri": "http://192.0.2.1/boot.efi"}
    prediction = ensure_boot_device(board, **wanted, check_mode=True)
    assert prediction == ensure_boot_device(board, **wanted)
    assert not ensure_boot_device(board, **wanted)["changed"]
    board.keeps = lambda boot: {**boot, "uri": None}
    with pytest.raises(BaremetalError, match="boot device http from http://192.0.2.2/. Seen: the BMC kept http in the boot mode uefi"):
        ensure_boot_device(board, "http", uri="http://192.0.2.2/", sleep=board.clock.sleep)


def test_http_boot_needs_uefi():
    board = Board(Clock())
    board.boot["mode"] = "bios"
    assert ensure_boot_device(board, "http")["after"]["mode"] == "uefi"


@pytest.mark.parametrize(("request_", "text"), [
    ({"device": "pxe", "uri": "http://192.0.2.1/"}, "has no URI"), ({"device": "http", "uri": "nfs://192.0.2.1/"}, "no http or https URL"),
    ({"device": "http", "uri": ""}, "no http or https URL"), ({"device": "http", "uri": "http://"}, "no http or https URL"),
    ({"device": "none", "mode": "uefi"}, "none has no boot mode"), ({"device": "http", "mode": "bios"}, "no HTTP boot in the boot mode bios")])
def test_request_that_contradicts_itself(request_, text):
    with pytest.raises(BaremetalError, match=text):
        check_request(**request_)


def test_bmc_that_tells_no_mode_is_a_warning():
    board = Board(Clock(), keeps=lambda boot: {**boot, "mode": None})
    warnings = []
    ensure_boot_device(board, "pxe", mode="bios", warn=warnings.append, sleep=board.clock.sleep)
    assert warnings == ["the BMC tells no boot mode, so that nothing proves that bios was taken"]
    assert board.clock() == 0
