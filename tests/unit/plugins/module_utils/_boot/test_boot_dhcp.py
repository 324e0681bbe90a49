# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""DHCP messages: what is sent is a message, and no frame that comes in is more than it says."""

from __future__ import annotations

import struct

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import dhcp, dhcp_servers
from ansible_collections.rackwright.baremetal.plugins.module_utils._errors import BaremetalError
from hypothesis import given
from hypothesis import strategies as st

SERVER = bytes([192, 0, 2, 250])
MAC = bytes.fromhex("0200000000fa")


def option(code, value):
    return bytes([code, len(value)]) + value


def reply(options=None, *, kind=dhcp.OFFER, file=b"pxelinux.0", name=b"", source=SERVER, fragment=0, protocol=17, ports=(67, 68), tag=b""):
    """The frame of a server's answer; ``options`` are the bytes behind the cookie."""
    if options is None:
        options = option(53, bytes([kind])) + option(54, SERVER) + b"\xff"
    message = struct.pack(">BBBBIHH4s4s4s4s16s64s128s", 2, 1, 6, 0, 7, 0, 0x8000, b"", bytes([192, 0, 2, 77]), SERVER, b"", b"\x02", name, file)
    udp = struct.pack(">HHHH", *ports, 8 + 240 + len(options), 0) + message + b"\x63\x82\x53\x63" + options
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, fragment, 64, protocol, 0, source, b"\xff" * 4)
    return b"\xff" * 6 + MAC + tag + b"\x08\x00" + header + udp


OFFER = reply()


def test_what_is_sent_is_a_discover():
    mac = dhcp.random_mac()
    assert mac[0] & 3 == 2 and len(mac) == 6
    frame = dhcp.discover(mac, 0xDEADBEEF)
    message = dhcp.parse(frame)
    assert (message.kind, message.xid, message.offered, message.server) == (dhcp.DISCOVER, 0xDEADBEEF, None, None)
    assert message.mac == ":".join(f"{byte:02x}" for byte in mac)
    # The checksum of a header that carries the right one is zero (RFC 1071).
    total = sum(struct.unpack(">10H", frame[14:34]))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF


def test_an_offer():
    assert dhcp.parse(OFFER) == dhcp.Message(
        kind=dhcp.OFFER, xid=7, server="192.0.2.250", source="192.0.2.250", mac="02:00:00:00:00:fa", offered="192.0.2.77", next_server="192.0.2.250",
        boot_file="pxelinux.0")


def test_options_in_the_fields_of_names_are_found():
    frame = reply(option(53, b"\2") + option(52, b"\3") + b"\xff", file=option(54, SERVER) + b"\xff", name=option(67, b"a.efi") + b"\xff")
    assert (dhcp.parse(frame).server, dhcp.parse(frame).boot_file) == ("192.0.2.250", "a.efi")


def test_an_option_in_two_parts_is_one():
    assert dhcp.parse(reply(option(53, b"\2") + option(67, b"snp") + option(67, b"only.efi") + b"\xff")).boot_file == "snponly.efi"


@pytest.mark.parametrize("frame", [
    b"", OFFER[:40], OFFER[:14 + 20 + 8 + 239], reply(fragment=1), reply(fragment=0x2000), reply(protocol=6), reply(ports=(53, 53)), reply(b"\xff"),
    reply(option(53, b"\2\2") + b"\xff"), reply(b"\x35\x09\x02"), reply(tag=b"\x81\x00\x00\x14"), OFFER.replace(b"\x63\x82\x53\x63", b"\x63\x82\x53\x62"),
], ids=range(12))
def test_what_is_no_whole_message(frame):
    assert dhcp.parse(frame) is None


@given(st.binary(max_size=600))
def test_any_bytes(data):
    message = dhcp.parse(data)
    assert message is None or data[12:14] == b"\x08\x00"


@given(st.data())
def test_an_offer_that_was_cut_or_changed(data):
    changed = bytearray(OFFER)
    for position in data.draw(st.lists(st.integers(14, len(OFFER) - 1), max_size=6)):
        changed[position] = data.draw(st.integers(0, 255))
    message = dhcp.parse(bytes(changed[:data.draw(st.integers(0, len(changed)))]))
    if message is not None:
        assert 0 <= message.kind <= 255 and message.mac == "02:00:00:00:00:fa"
        assert message.boot_file is None or message.boot_file.isprintable()


@given(st.binary(max_size=300))
def test_any_options(options):
    message = dhcp.parse(reply(options))
    assert message is None or options


@pytest.mark.parametrize("text", ["", "02:00:00:00:00", "02:00:00:00:00:zz", "01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff"])
def test_what_is_no_address_of_a_machine(text):
    with pytest.raises(ValueError):
        dhcp.mac_bytes(text)


def heard(*frames, own=()):
    found = {}
    for frame in frames:
        dhcp_servers.note(found, dhcp.parse(frame), own)
    return list(found.values())


def test_each_server_is_told_once_and_ours_is_known():
    twin = OFFER.replace(MAC, bytes.fromhex("0200000000fb"))
    found = heard(OFFER, OFFER, reply(kind=dhcp.ACK), twin, b"", own=["192.0.2.1"])
    assert [(server["mac"], server["heard"], server["own"]) for server in found] == [
        ("02:00:00:00:00:fa", "offer", False), ("02:00:00:00:00:fb", "offer", False)]
    assert [server["own"] for server in heard(OFFER, own=["192.0.2.250"])] == [True]


def test_what_our_own_address_sends_is_ours():
    assert heard(reply(source=bytes([192, 0, 2, 1])), own=["192.0.2.1"])[0]["own"] is True
    assert heard(reply(source=bytes([192, 0, 2, 2])), own=["192.0.2.1"])[0]["address"] == "192.0.2.2"


def test_a_client_tells_whose_offer_it_takes():
    choice = reply(kind=dhcp.REQUEST, ports=(68, 67), source=bytes(4))
    assert [(server["server"], server["mac"], server["heard"]) for server in heard(choice)] == [("192.0.2.250", None, "choice")]
    assert [server["heard"] for server in heard(choice, OFFER)] == [server["heard"] for server in heard(OFFER, choice)] == ["offer"]
    assert heard(reply(option(53, bytes([dhcp.REQUEST])) + b"\xff")) == []
    assert heard(reply(kind=dhcp.DISCOVER), reply(kind=7)) == []


def test_what_cannot_be_listened_on_is_told():
    with pytest.raises(BaremetalError, match="MAC address.*To do:"):
        dhcp_servers.find_servers("lo", 0, mac="no")
    with pytest.raises(BaremetalError, match="interface no-such-link.*To do:"):
        dhcp_servers.find_servers("no-such-link", 0)
    with pytest.raises(BaremetalError, match="namespace no-such-space.*To do:"):
        dhcp_servers.find_servers("lo", 0, netns="no-such-space")
