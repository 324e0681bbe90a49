# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""LLDP frames: made here by the standard's tables, and heard on a real cable between two interfaces."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import textwrap
import uuid

import pytest
from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import lldp
from ansible_collections.rackwright.baremetal.tests.unit.plugins.module_utils._disk.tools import run
from hypothesis import given
from hypothesis import strategies as st

SWITCH = "52:54:00:00:00:99"
HEADER = lldp.GROUPS[0] + bytes.fromhex(SWITCH.replace(":", "")) + b"\x88\xcc"


def tlv(kind, value):
    return struct.pack(">H", kind << 9 | len(value)) + value


CHASSIS = tlv(1, b"\x04" + bytes.fromhex(SWITCH.replace(":", "")))
PORT = tlv(2, b"\x05Ethernet1/7")
END = tlv(0, b"")


def parse(*fields):
    return lldp.parse(HEADER + CHASSIS + PORT + tlv(3, b"\0\x78") + b"".join(fields) + END)


def test_the_least_that_a_switch_tells():
    assert parse() == {"switch_chassis_id": SWITCH, "switch_port_id": "Ethernet1/7"}


def test_all_that_a_switch_tells():
    assert parse(
        tlv(4, b"to server7\0"), tlv(5, b"leaf1"), tlv(6, b"ACME\nOS 1"), tlv(7, struct.pack(">HH", 0b10100, 0b00100)),
        tlv(8, b"\x05\x01\xc0\x00\x02\x01\x02" + b"\0\0\0\1\0"),
        tlv(8, b"\x11\x02" + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + b"\x02\0\0\0\1\0"),
        tlv(127, b"\x00\x80\xc2\x01\x00\x64"), tlv(127, b"\x00\x80\xc2\x03\x00\x65\x07storage"), tlv(127, b"\x00\x12\x0f\x04\x24\x00"),
        tlv(127, b"\x00\x80\xc2\x07\x03\0\0\0\x09"), tlv(127, b"\x00\x12\xbbwhatever"),
    ) == {
        "switch_chassis_id": SWITCH, "switch_port_id": "Ethernet1/7", "switch_port_description": "to server7", "switch_system_name": "leaf1",
        "switch_system_description": "ACMEOS 1", "switch_capabilities_support": ["Bridge", "Router"], "switch_capabilities_enabled": ["Bridge"],
        "switch_management_addresses": ["192.0.2.1", "2001:db8::1"], "switch_port_untagged_vlan_id": 100,
        "switch_port_vlans": [{"id": 101, "name": "storage"}], "switch_port_mtu": 9216, "switch_port_link_aggregation_enabled": True,
        "switch_port_link_aggregation_id": 9}


@pytest.mark.parametrize("value, answer", [
    (b"\x07local", "local"), (b"\x05\x01\xc0\x00\x02\x07", "192.0.2.7"), (b"\x05\x06" + b"\x52\x54\0\0\0\1", "52:54:00:00:00:01"), (b"\x04\x01\x02", None)])
def test_chassis_identifiers(value, answer):
    found = lldp.parse(HEADER + tlv(1, value) + PORT + END)
    assert (found or {}).get("switch_chassis_id") == answer


def test_a_tagged_frame_and_one_that_is_none():
    tagged = HEADER[:12] + b"\x81\x00\x00\x00" + HEADER[12:]
    assert lldp.parse(tagged + CHASSIS + PORT + END)["switch_chassis_id"] == SWITCH
    assert lldp.parse(HEADER[:12] + b"\x08\x00" + CHASSIS + PORT + END) is None
    assert lldp.parse(HEADER + PORT + END) is None


@given(st.lists(st.tuples(st.integers(1, 127), st.binary(max_size=511)), max_size=8), st.binary(max_size=20))
def test_fields_come_back_as_they_were_written(written, behind):
    assert lldp.fields(b"".join(tlv(*one) for one in written) + END + behind) == written


@given(st.lists(st.tuples(st.sampled_from([1, 2, 4, 5, 6, 7, 8, 127]), st.binary(max_size=40)), max_size=8))
def test_any_fields_are_read_without_an_error_and_keep_the_identity(written):
    found = parse(*(tlv(*one) for one in written))
    assert (found["switch_chassis_id"], found["switch_port_id"]) == (SWITCH, "Ethernet1/7")


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_header_are_one_neighbour_or_none(data):
    found = lldp.parse(HEADER + data)
    assert found is None or (found["switch_chassis_id"] and found["switch_port_id"])


@given(st.integers(0, 200))
def test_a_frame_that_was_cut_off_tells_what_is_whole(length):
    frame = HEADER + CHASSIS + PORT + tlv(5, b"leaf1") + END
    found = lldp.parse(frame[:length])
    assert (found is not None) == (length >= len(HEADER + CHASSIS + PORT))
    assert ("switch_system_name" in (found or {})) == (length >= len(frame) - len(END))


@pytest.fixture(name="cable")
def _cable():
    """A network namespace with two interfaces and a cable between them."""
    if os.geteuid() != 0 or shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin") is None:
        pytest.skip("network namespaces need root and ip")
    name = "lldp-" + uuid.uuid4().hex[:8]
    try:
        run("ip", "netns", "add", name)
    except subprocess.CalledProcessError:
        pytest.skip("no network namespaces here")
    try:
        run("ip", "-n", name, "link", "add", "near0", "type", "veth", "peer", "name", "far0")
        for link in ("near0", "far0"):
            run("ip", "-n", name, "link", "set", link, "up")
        run("ip", "-n", name, "link", "add", "quiet0", "type", "veth", "peer", "name", "quiet1")
        yield name
    finally:
        run("ip", "netns", "delete", name)


def test_a_frame_on_a_cable_is_heard(cable):
    """The sender speaks after the listener has begun: it goes on until it is heard."""
    program = textwrap.dedent("""
        import json, socket, sys, threading
        from ansible_collections.rackwright.baremetal.plugins.module_utils._disk import lldp
        frame, done = bytes.fromhex(sys.argv[1]), threading.Event()
        def speak():
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
                sender.bind(("far0", 0))
                while not done.wait(0.05):
                    sender.send(frame)
        threading.Thread(target=speak, daemon=True).start()
        print(json.dumps(lldp.listen(["near0"], 30)))
        print(json.dumps(lldp.listen(["quiet0", "nosuchnic"], 0.1)))
        done.set()
    """)
    frame = HEADER + CHASSIS + PORT + tlv(5, b"leaf1") + END
    heard, unheard = run("ip", "netns", "exec", cable, sys.executable, "-c", program, frame.hex(), timeout=60).splitlines()
    assert heard == '{"near0": [{"switch_chassis_id": "52:54:00:00:00:99", "switch_port_id": "Ethernet1/7", "switch_system_name": "leaf1"}]}'
    assert unheard == '{"quiet0": [], "nosuchnic": []}'
