# Copyright (c) 2026, rackwright.baremetal contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ARP: no frame that comes in is more than it says. How kernels answer is seen in tests/boot_server."""

from __future__ import annotations

from ansible_collections.rackwright.baremetal.plugins.module_utils._boot import address_conflicts
from hypothesis import given
from hypothesis import strategies as st

MAC = bytes.fromhex("02000000000b")
REPLY = MAC * 2 + bytes.fromhex("0806 0001 0800 06 04 0002") + MAC + bytes([192, 0, 2, 11]) + MAC + bytes(4)


def test_a_reply_and_what_is_none():
    assert address_conflicts.sender(REPLY + bytes(18)) == ("192.0.2.11", MAC)
    # Who asks without an address of his own has none, as this probe.
    assert address_conflicts.sender(address_conflicts.probe(MAC, "192.0.2.11")) is None
    assert address_conflicts.sender(REPLY[:-1]) is None
    # Not Ethernet, not IPv4, another operation.
    assert all(address_conflicts.sender(REPLY[:place] + b"\x77" + REPLY[place + 1:]) is None for place in (12, 15, 17, 18, 19, 21))


@given(st.binary(max_size=80) | st.binary(max_size=30).map(lambda data: REPLY[:20] + data))
def test_no_frame_is_an_error(data):
    found = address_conflicts.sender(data)
    assert found is None or len(found[1]) == 6
