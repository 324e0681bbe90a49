# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ipmitool says of the machine's own BMC."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import bmc_address
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

LAN = """Set in Progress         : Set Complete
IP Address Source       : Static Address
IP Address              : 198.51.100.11
Subnet Mask             : 255.255.255.0
MAC Address             : 3C:EC:EF:00:00:01
Default Gateway IP      : 198.51.100.1
Default Gateway MAC     : 00:00:00:00:00:00
"""
EMPTY = LAN.replace("198.51.100.11", "0.0.0.0").replace("3C:EC:EF:00:00:01", "00:00:00:00:00:00")
LAN6 = """IPv6 Header Traffic Class: 0
IPv6 Static Address 0:
    Enabled:        no
    Address:        ::/0
IPv6 Dynamic Address 0:
    Source/Type:    SLAAC
    Address:        fe80::3eec:efff:fe00:1/64
IPv6 Dynamic Address 1:
    Address:        2001:DB8::11/64
"""


@pytest.fixture(autouse=True)
def ipmitool(monkeypatch):
    monkeypatch.setattr(bmc_address, "find_tool", lambda name: "/bin/" + name)


def channels(answers, seen=None):
    """A runner that answers per channel; what is not there fails, as ipmitool does."""

    def runner(argv, **_options):
        if seen is not None:
            seen.append(argv)
        if tuple(argv[1:]) not in answers:
            raise BaremetalError("Channel is not a LAN channel")
        return answers[tuple(argv[1:])].encode()

    return runner


def test_the_first_channel_with_an_address_counts(machine):
    root = machine({"dev/ipmi0": ""})
    runner = channels({("lan", "print", "1"): EMPTY, ("lan", "print", "8"): LAN, ("lan6", "print", "8"): LAN6})
    assert bmc_address.addresses(dev=str(root / "dev"), runner=runner) == {
        "address": "198.51.100.11", "v6address": "2001:db8::11", "mac": "3c:ec:ef:00:00:01"}


def test_a_machine_without_bmc_is_not_asked(machine):
    seen = []
    nothing = {"address": None, "v6address": None, "mac": None}
    assert bmc_address.addresses(dev=str(machine({})), runner=channels({}, seen)) == nothing
    assert seen == []
    # Where the firmware tells of one, the driver is given a chance.
    assert bmc_address.addresses(dev=str(machine({})), interface="KCS", runner=channels({}, seen)) == nothing
    assert [argv[0] for argv in seen] == ["modprobe"]


def test_a_bmc_that_answers_nothing(machine):
    root = machine({"dev/ipmi0": ""})
    assert bmc_address.addresses(dev=str(root / "dev"), runner=channels({})) == {"address": None, "v6address": None, "mac": None}


@given(st.text())
def test_any_text_is_an_address_or_none(text):
    found = bmc_address.lan_print(text)
    assert found["address"] is None or found["address"].count(".") == 3
    assert bmc_address.lan6_print(text) is None or ":" in bmc_address.lan6_print(text)
