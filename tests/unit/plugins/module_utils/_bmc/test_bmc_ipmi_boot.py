# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IPMI's boot flags: the bytes, and what is made of those that a BMC sends."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi_boot
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._bmc.driver_double import IpmiAnswers
from hypothesis import given
from hypothesis import strategies as st


@given(device=st.sampled_from(sorted(ipmi_boot.DEVICES - {"none"})), persistent=st.booleans(), efi=st.booleans())
def test_what_is_set_reads_back(device, persistent, efi):
    told = ipmi_boot.parsed(bytes((1, 5, *ipmi_boot.set_bytes(device, persistent, efi))))
    assert (told["device"], told["persistent"], told["efi"]) == (device, persistent, efi)


def test_bytes_of_the_specification_and_of_a_board_with_another_disk():
    assert ipmi_boot.set_bytes("disk", True, True) == (0xE0, 0x08, 0, 0, 0)
    assert ipmi_boot.set_bytes("disk", True, True, ipmi_boot.REMOTE_MEDIA) == (0xE0, 0x24, 0, 0, 0)
    assert ipmi_boot.set_bytes("bios", False, True) == (0xA0, 0x18, 0, 0, 0)
    assert ipmi_boot.set_bytes("none", True, True) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(("data", "device"), [
    ("01 05 80 04 00 00 00", "pxe"), ("01 05 00 04 00 00 00", "none"), ("01 85 80 04 00 00 00", "none"), ("01 05 80 00 00 00 00", "none"),
    ("01 05 80 20", "remote cdrom"), ("01 05 c0 24", "remote media"), ("01 05 80 28", "selector 0xa")])
def test_what_a_bmc_tells(data, device):
    assert ipmi_boot.parsed(bytes.fromhex(data))["device"] == device


@given(data=st.binary(max_size=10))
def test_whatever_a_bmc_tells(data):
    try:
        assert isinstance(ipmi_boot.parsed(data)["device"], str)
    except BaremetalError as error:
        assert error.cure


@pytest.mark.parametrize("refused", [(), (0,), (3,), (0, 3)])
def test_progress_and_timer_may_be_refused_and_progress_is_completed(refused):
    command = IpmiAnswers({(0, 8): lambda data: 0x80 if data[0] in refused else b""})
    ipmi_boot.write(command, ipmi_boot.set_bytes("pxe", False, True))
    assert [data for netfn, number, data in command.asked] == [(0, 1), (3, 8), (5, 0xA0, 4, 0, 0, 0), (0, 0)]


def test_progress_is_completed_after_a_refusal_too():
    command = IpmiAnswers({(0, 8): lambda data: 0xCC if data[0] == 5 else b""})
    with pytest.raises(BaremetalError, match="the BMC refused the boot device. Seen: refused for the boot flags a004000000"):
        ipmi_boot.write(command, ipmi_boot.set_bytes("pxe", False, True), keep_timer=True)
    assert [data[0] for netfn, number, data in command.asked] == [0, 5, 0] and command.asked[-1][2] == (0, 0)
