# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""IPMI packets: what is sealed opens again, what is not of the session is nobody's, noise does no harm."""

from __future__ import annotations

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._bmc import ipmi, ipmi_packets
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

OWN, BMC = b"\x01\x02\x03\x04", b"\x0a\x0b\x0c\x0d"


def seals(number):
    """The console's seal, and the BMC's, which is the same with the ids changed over."""
    suite = ipmi_packets.SUITES[number]
    return ipmi_packets.Seal(suite, b"k" * 20, OWN, BMC), ipmi_packets.Seal(suite, b"k" * 20, BMC, OWN)


@given(number=st.sampled_from([3, 17]), kind=st.integers(0, 0x3F), payload=st.binary(max_size=300))
def test_what_is_sealed_opens_again(number, kind, payload):
    console, bmc = seals(number)
    packet = console.wrapped(kind, payload)
    assert bmc.unwrapped(packet) == (kind, payload)
    assert not payload or len(payload) < 16 or payload not in packet
    assert ipmi_packets.unwrapped(packet) is None


@given(number=st.sampled_from([3, 17]), position=st.integers(4, 60), flip=st.integers(1, 255))
def test_what_was_tampered_with_is_thrown_away(number, position, flip):
    console, bmc = seals(number)
    packet = bytearray(console.wrapped(0, b"x" * 20))
    packet[position] ^= flip
    assert bmc.unwrapped(bytes(packet)) is None


@given(noise=st.binary(max_size=80))
def test_noise_is_nobodys(noise):
    for packet in (noise, b"\x06\x00\xff\x07" + noise):
        assert seals(3)[0].unwrapped(packet) is None
        ipmi_packets.unwrapped(packet)
        ipmi_packets.reply(packet)


def test_message_is_as_the_specification_draws_it():
    """Get Chassis Status from 81h to the BMC at 20h, request 5 (IPMI 2.0, 13.8)."""
    assert ipmi_packets.message(0, 1, b"", 5) == bytes.fromhex("2000e081140 16a".replace(" ", ""))


@pytest.mark.parametrize(("text", "key"), [
    (None, None), ("", None), ("secret", b"secret"), ("0x0102ff", b"\x01\x02\xff"), ("x" * 20, b"x" * 20), (12345, b"12345")])
def test_key_as_text_or_hexadecimal(text, key):
    assert ipmi._key_bytes(text) == key


@pytest.mark.parametrize("text", ["x" * 21, "0x", "0xzz", "0x" + "00" * 21])
def test_key_that_is_none(text):
    with pytest.raises(BaremetalError, match="the key K_g is not one of at most 20 bytes") as caught:
        ipmi._key_bytes(text)
    assert len(text) < 3 or text not in str(caught.value)
